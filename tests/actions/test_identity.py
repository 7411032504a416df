"""Which calls are one effect, and which are two."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actions.action import Action, Json
from actions.identity import Identity, canonical, identifying, identity_of
from actions.settings import DeclaredAction

REFUND: Mapping[str, Json] = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string"},
        "amount": {"type": "integer"},
        "method": {"type": "string", "enum": ["card", "wallet"], "default": "card"},
        "on": {"type": "string", "format": "date"},
        "note": {"type": "string"},
    },
    "required": ["order_id"],
    "additionalProperties": False,
}


def effect(arguments: Mapping[str, Any], schema: Mapping[str, Json] = REFUND, name: str = "refund") -> Identity:
    action = SimpleNamespace(name=name, parameters=schema, identity=identifying(schema))
    return identity_of(cast("Action", action), arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"order_id": "KS-10345 "},
        {"order_id": "ks-10345"},
        {"order_id": "KS-10345"},
        {"order_id": "KS-10345\u200b"},
        {"order_id": "KS-10345", "note": "the customer is upset"},
        {"order_id": "KS-10345", "amount": None},
        {"order_id": "KS-10345", "method": "card"},
        {"order_id": "KS-10345", "method": " Card"},
        {"order_id": "KS-10345", "invented": 5},
        {"order_id": "KS-10345", "on": ""},
    ],
)
def test_the_ways_in_which_a_model_repeats_a_call_are_one_effect(arguments: dict[str, Any]) -> None:
    assert effect(arguments).digest == effect({"order_id": "KS-10345"}).digest


@pytest.mark.parametrize(
    "arguments",
    [
        {"order_id": "KS-10346"},
        {"order_id": "KS-10345", "amount": 5},
        {"order_id": "KS-10345", "method": "wallet"},
        {"order_id": "KS-10345", "on": "2026-12-07"},
    ],
)
def test_another_target_is_another_effect(arguments: dict[str, Any]) -> None:
    assert effect(arguments).digest != effect({"order_id": "KS-10345"}).digest


def test_actions_of_different_names_never_share_an_effect() -> None:
    assert effect({"order_id": "1"}).digest != effect({"order_id": "1"}, name="cancel").digest


@pytest.mark.parametrize(
    ("one", "other", "schema"),
    [
        ("3", 3, {"type": "integer"}),
        (3.0, 3, {"type": "number"}),
        ("3.50", 3.5, {"type": "number"}),
        (10345, "10345", {"type": "string"}),
        ("true", True, {"type": "boolean"}),
        ("2026-12-07T09:00:00+07:00", "2026-12-07T02:00:00Z", {"type": "string", "format": "date-time"}),
        ("20261207", "2026-12-07", {"type": "string", "format": "date"}),
        ("9:00".zfill(5), "09:00:00", {"type": "string", "format": "time"}),
        (["b", "a"], ["A", " b"], {"type": "array", "items": {"type": "string"}}),
        ('["a"]', ["a"], {"type": "array", "items": {"type": "string"}}),
        ({"b": 1, "a": None}, {"B ": 1}, {"type": "object"}),
        ("ﬁx  it", "FIX IT", {"type": "string"}),
        ("3.0", 3, {"type": ["string", "number"]}),
        ("3.0", 3, {"anyOf": [{"type": ["integer", "null"]}, True]}),
        (
            [{"value": "120"}],
            [{"value": 120}],
            {"type": "array", "items": {"properties": {"value": {"type": ["number", "null"]}}}},
        ),
        ({"a": "X"}, {"a": "x"}, {"properties": {"a": True}}),
        (["X"], ["x"], {"type": "array", "items": True}),
    ],
)
def test_a_value_has_one_way_of_writing(one: Json, other: Json, schema: dict[str, Any]) -> None:
    assert canonical(one, schema) == canonical(other, schema)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON)
def test_a_canonical_value_stays_as_it_is(value: Json) -> None:
    once = canonical(value, {})
    assert canonical(once, {}) == once


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", " {}", "{}.0", "{} ", "{}.00"]))
def test_a_number_is_itself_however_it_is_written(number: int, written: str) -> None:
    assert canonical(written.format(number), {"type": "number"}) == canonical(number, {"type": "number"})


def declared(**entry: Any) -> DeclaredAction:
    parameters = {"order_id": {"from": "conversation"}, "reason": {"optional": True}, "item": {"optional": True}}
    request = {"method": "POST", "url": "https://shop.example/refunds", "json": {n: f"{{{n}}}" for n in parameters}}
    return DeclaredAction.model_validate(
        {"name": "refund", "description": "Refunds.", "parameters": parameters, "request": request} | entry
    )


def test_optional_notes_do_not_identify_unless_agent_yaml_says_so() -> None:
    assert declared().identifying == ("order_id",)
    assert declared(identity=["order_id", "item"]).identifying == ("order_id", "item")
    parameters = {"order_id": {"note": True}, "reason": {"optional": True}, "item": {"optional": True, "note": False}}
    assert declared(parameters=parameters).identifying == ("item",)


def test_an_optional_value_that_an_action_found_identifies() -> None:
    parameters = {"order_id": {}, "reason": {"optional": True}, "item": {"optional": True, "from": "get_order"}}
    assert declared(parameters=parameters).identifying == ("order_id", "item")


def test_where_everything_is_a_note_everything_identifies() -> None:
    schema: dict[str, Json] = {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    assert identifying(schema) == ("a", "b")


def test_an_identity_of_unknown_or_bound_parameters_is_an_error() -> None:
    with pytest.raises(ValidationError, match="did you mean"):
        declared(identity=["order"])
    parameters = {"order_id": {}, "reason": {"from": "contact.phone"}, "item": {}}
    with pytest.raises(ValidationError, match="reason"):
        declared(parameters=parameters, identity=["reason"])
