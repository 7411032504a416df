"""A refusal names the action that yields the value, instead of asking customers for what they cannot know."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from actions.action import Outcome
from actions.arguments import Arguments
from actions.lookups import LookUps, outputs_of
from actions.parameters import Parameter
from tests.actions.conftest import context


@dataclass
class Known:
    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    reads: bool = True
    builtin: str | None = None


LOOK_UPS = LookUps()
for action, outputs in (
    (Known("get_order", "Look up an order", {"required": ["order_id"]}), ["status", "items"]),
    (Known("list_orders", "All orders of the customer"), ["order_id", "status"]),
    (Known("search_products", "Find products and their variants"), ["product_id", "price"]),
    (Known("cancel_order", reads=False), []),
):
    LOOK_UPS.learn(action, outputs)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("parameter", "named"),
    [
        ("item_id", ("get_order",)),
        ("order_id", ("list_orders",)),
        ("product_id", ("search_products",)),
        ("variant_id", ("search_products",)),
        ("itemIds", ("get_order",)),
        ("address", ()),
        ("people", ()),
        ("hotel_id", ()),
    ],
)
def test_the_action_that_yields_an_id_is_found_by_its_outputs_name_or_description(
    parameter: str, named: tuple[str, ...]
) -> None:
    assert LOOK_UPS.of(parameter) == named


def refusal(parameters: dict[str, Any], arguments: dict[str, Any]) -> str:
    known = {name: Parameter.model_validate(raw) for name, raw in parameters.items()}
    outcome = Arguments(known, look_ups=LOOK_UPS).take(arguments, context(said=["yang biru"]))
    assert isinstance(outcome, Outcome)
    assert outcome.status == "refused"
    return outcome.content


@pytest.mark.parametrize(
    ("source", "named", "asked"),
    [
        ("get_order", "Call get_order first", False),
        (["conversation", "get_order"], "Call get_order", True),
        ("conversation", "Call get_order to look item_id up", False),
    ],
)
def test_a_refusal_names_the_look_up(source: Any, named: str, *, asked: bool) -> None:
    for arguments in ({"item_id": "IT-1"}, {}):
        told = refusal({"item_id": {"from": source}}, arguments)
        assert named in told
        assert ("ask the customer" in told.lower()) == asked


def test_what_customers_know_themselves_is_asked_for() -> None:
    assert "Ask the customer for the address" in refusal(
        {"address": {"from": "conversation", "description": "the address"}}, {"address": "Jl. X"}
    )


def test_a_member_of_an_object_is_named_with_its_own_source() -> None:
    schema = {"type": "object", "from": "conversation", "properties": {"item_id": {"from": "get_order"}}}
    told = refusal({"item": schema}, {"item": {"item_id": "IT-1"}})
    assert "item.item_id" in told
    assert "Call get_order first" in told


def test_the_names_that_a_pick_takes_are_outputs() -> None:
    assert outputs_of({"status": "$.data.status", "ids": "$.items[*].item_id"}) == (
        "status",
        "status",
        "ids",
        "item_id",
    )
    assert outputs_of(None) == ()
