"""The arguments of a call: whatever a model sends is taken or refused."""

import json
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.action import Outcome
from actions.arguments import Arguments, Values
from actions.http.build import build
from actions.http.settings import Request
from actions.parameters import Parameter
from tests.actions.conftest import Reply, Shop, context
from tests.actions.http.declared import opened

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


_FUZZED = {
    "text": {"from": "conversation"},
    "pattern": {"pattern": "^KS-[0-9]+$", "from": "conversation"},
    "at": {"format": "date-time", "from": "conversation"},
    "n": {"type": "integer", "from": ["conversation", "get_order"]},
    "list": {"type": "array", "items": {"type": "number"}},
    "tree": {"type": "object", "properties": {"a": {}}},
    "any": {"anyOf": [{"type": "string"}, {"type": "object"}]},
}


@given(
    st.dictionaries(st.sampled_from(list(_FUZZED)) | st.text(max_size=3), _JSON),
    st.lists(st.text(max_size=20), max_size=2),
)
@settings(max_examples=50)
def test_whatever_a_model_sends_is_answered_and_can_be_sent(arguments: dict[str, Any], said: list[str]) -> None:
    parameters = {name: Parameter.model_validate({**schema, "optional": True}) for name, schema in _FUZZED.items()}
    values = Arguments(parameters).take(arguments, context(said=[*said, json.dumps(arguments)]))
    if isinstance(values, Outcome):
        assert values.status == "refused"
        return
    body = {name: f"{{{name}}}" for name in _FUZZED}
    request = Request.model_validate({"method": "POST", "url": "https://x.example/?q={text}&a={any}", "json": body})
    call = build(request, values.all)
    httpx.Request(**call.arguments())


def test_what_no_request_can_carry_is_taken_out() -> None:
    odd = {"text": "kopi \ud800 susu", "tree": {"a": "x", "\udfff": float("nan")}, "any": {"n": float("inf")}}
    parameters = {name: Parameter.model_validate(_FUZZED[name] | {"from": "model"}) for name in odd}
    values = Arguments(parameters).take(odd, context())  # type: ignore[arg-type]
    assert isinstance(values, Values)
    assert values.all == {"text": "kopi  susu", "tree": {"a": "x", "": None}, "any": {"n": None}}


def test_a_value_for_what_is_bound_or_not_there_is_refused_by_its_name() -> None:
    parameters = {
        "order_id": Parameter.model_validate({"type": "string", "from": "model"}),
        "phone": Parameter.model_validate({"from": "contact.phone"}),
    }
    for name in ("phone", "nothing"):
        refused = Arguments(parameters).take({"order_id": "KS-1", name: "+6281111111111"}, context())
        assert isinstance(refused, Outcome)
        assert (refused.status, f"there is no parameter {name}" in refused.content) == ("refused", True)


def test_a_day_in_another_spelling_is_refused_with_the_one_that_is_taken() -> None:
    parameter = Parameter.model_validate(
        {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "from": "conversation"}
    )
    for day, said in (("12 Desember 2026", "'2026-12-12'"), ("December 12th, 2026", "'2026-12-12'"), ("KS-1", None)):
        refused = Arguments({"date": parameter}).take({"date": day}, context(said=[f"tanggal {day}"]))
        assert isinstance(refused, Outcome)
        told = f"call it again with date {said}" if said else "Ask the customer"
        assert (refused.status, told in refused.content) == ("refused", True), refused.content


def test_a_default_is_the_owners_word_and_needs_no_source() -> None:
    parameters = {"pieces": Parameter.model_validate({"type": "integer", "default": 1, "from": "conversation"})}
    values = Arguments(parameters).take({}, context())
    assert isinstance(values, Values)
    assert values.all == {"pieces": 1}
    assert isinstance(Arguments(parameters).take({"pieces": 2}, context()), Outcome)


async def test_arguments_nested_beyond_reason_are_refused(client: httpx.AsyncClient, shop: Shop) -> None:
    tree: Any = 1
    for _ in range(5000):
        tree = [tree]
    action = opened(
        client,
        parameters={"tree": {"type": "array"}},
        request={"method": "POST", "url": shop.url("/"), "json": {"t": "{tree}"}},
    )
    assert (await action.run({"tree": tree}, context())).status == "refused"


async def test_a_number_in_a_custom_field_binds_a_text(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/me", Reply(body=1))
    action = opened(
        client,
        parameters={"no": {"from": "contact.custom.member", "pattern": "^[0-9]+$"}},
        request={"url": shop.url("/me"), "query": {"no": "{no}"}},
    )
    await action.run({}, context(contact={"custom": {"member": 77}}))
    assert shop.requests[0].query == {"no": "77"}
    outcome = await action.run({}, context(contact={"custom": {"member": "x"}}))
    assert (outcome.status, "no valid member on record" in outcome.content) == ("failed", True)


async def test_arguments_are_taken_in_the_type_that_is_meant_and_checked(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(body=1))
    action = opened(
        client,
        name="order",
        parameters={
            "n": {"type": "integer", "minimum": 1, "maximum": 9},
            "size": {"enum": ["S", "L"], "default": "S"},
            "hot": {"type": "boolean", "optional": True},
            "extra": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "optional": True},
            "at": {"format": "date", "optional": True},
            "to": {
                "type": "object",
                "properties": {"street": {}, "no": {"type": "integer"}},
                "required": ["street"],
                "optional": True,
            },
        },
        request={
            "method": "POST",
            "url": shop.url("/pay"),
            "json": {"n": "{n}", "size": "{size}", "hot": "{hot}", "extra": "{extra}", "at": "{at}", "to": "{to}"},
        },
    )
    outcome = await action.run(
        {"n": " 3", "hot": "true", "extra": '["es"]', "to": {"street": "Melati", "no": "5"}}, context()
    )
    assert outcome.status == "done"
    to = {"street": "Melati", "no": 5}
    assert shop.requests[0].json == {"n": 3, "size": "S", "hot": True, "extra": ["es"], "to": to}
    for wrong in (
        {"n": 0},
        {"n": 10},
        {"n": "tiga"},
        {"n": 1.5},
        {"n": True},
        {"n": 1, "size": "XL"},
        {"n": 1, "extra": ["a", "b", "c"]},
        {"n": 1, "at": "2026-02-30"},
        {"n": 1, "to": {"no": 5}},
        {"n": 1, "unknown": 1},
        {},
    ):
        outcome = await action.run(wrong, context())  # type: ignore[arg-type]
        assert outcome.status == "refused", wrong
    assert len(shop.requests) == 1


def test_a_value_that_takes_too_long_to_hold_against_its_pattern_is_refused() -> None:
    parameters = {"id": Parameter.model_validate({"pattern": "(a|aa)+$"})}
    assert isinstance(Arguments(parameters).take({"id": "aaa"}, context()), Values)
    values = Arguments(parameters).take({"id": "a" * 80 + "!"}, context())
    assert isinstance(values, Outcome)
    assert values.status == "refused"
    assert "takes too long" in values.content
