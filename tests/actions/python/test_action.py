"""Python functions as actions: their type hints are the schema, and every guard holds for them too."""

from pathlib import Path
from typing import Any

import pytest

from actions.action import Action
from actions.errors import FunctionError
from actions.identity import identity_of
from actions.python.action import described, open_function
from actions.python.settings import PythonAction
from actions.redaction import Redactor
from tests.actions.conftest import context

SHOP = '''
import threading
from asyncio import CancelledError
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal

from pydantic import BaseModel, Field

from actions.action import Context

calls = []


class Area(Enum):
    INSIDE = "inside"
    TERRACE = "terrace"


class Guest(BaseModel):
    name: str
    children: int = 0


def reserve(people: int, when: date, area: Area = Area.INSIDE, note: str | None = None) -> dict:
    """Reserve a table for a day.

    What follows is for programmers.
    """
    calls.append(("reserve", people, when, area, note, threading.current_thread() is threading.main_thread()))
    return {"booking": "B-1", "people": people, "when": when}


async def cancel(booking: str, phone: str, context: Context) -> str:
    """Cancel a reservation."""
    calls.append(("cancel", booking, phone, context.key))
    return f"cancelled {booking}"


def invite(guests: list[Guest], size: Literal["S", "L"] = "S") -> None:
    """Invite guests."""
    calls.append(("invite", guests, size))


def refuse(booking: str) -> None:
    """Always says no."""
    raise ValueError(f"{booking} is closed")


def crash(booking: str) -> None:
    """Breaks on the way."""
    raise KeyError("secret-token-1")


def slow(booking: str) -> None:
    """Takes its time."""
    threading.Event().wait(5)


def listed(booking: str, what: str = "plain", count: int = 1, price: Decimal | None = None) -> object:
    """List what a booking has.

    Args:
        booking: the number of the booking,
            as it stands in the message
        what (str): which of the results

    Returns:
        count: no parameter here
    """
    circle: list = []
    circle.append(circle)
    found = {
        "circle": circle,
        "bytes": {"content": b"\\xff", "number": float("nan")},
        "object": {"thing": object(), "left": 3},
        "large": "x" * 1_100_000,
    }
    return found.get(what, what)


def stopped(booking: str, how: str) -> None:
    """Ends in a way of its own."""
    raise {"exit": SystemExit(2), "key": KeyboardInterrupt(), "cancel": CancelledError(), "stop": StopIteration()}[how]


async def stopped_later(booking: str, how: str) -> None:
    """Ends in a way of its own."""
    raise {"exit": SystemExit(2), "key": KeyboardInterrupt(), "cancel": CancelledError()}[how]


def choose(number: int | str, note: str | None) -> dict:
    """Choose by number or name."""
    return {"number": number, "note": note}


def with_context(booking: str, context: Context | None = None) -> bool:
    """Knows the turn."""
    return context is not None


def several(booking: str):
    """Yields."""
    yield booking


def hidden(_booking: str) -> None:
    """Has a name that no model has."""


def bare(x: int):
    return x


def untyped(x):
    """No hint."""


def anything(*args: int):
    """No names."""


def odd(x: threading.Thread) -> None:
    """A hint that is no JSON."""
'''


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    (tmp_path / "shop.py").write_text(SHOP)

    def opened(function: str, **entry: Any) -> Action:
        settings = PythonAction.model_validate({"python": f"shop.py:{function}", **entry})
        return open_function(settings, tmp_path, Redactor(["secret-token-1"]))

    return opened


def calls_of(action: Any) -> list[Any]:
    found: list[Any] = action._function.__globals__["calls"]
    return found


def test_type_hints_are_the_schema_and_the_docstring_is_the_description(shop: Any) -> None:
    action = shop("reserve", parameters={"people": {"from": "conversation"}})
    assert action.name == "reserve"
    assert action.description == "Reserve a table for a day."
    assert action.parameters == {
        "type": "object",
        "properties": {
            "people": {"type": "integer", "description": "[from what the customer wrote]"},
            "when": {"type": "string", "format": "date"},
            "area": {"enum": ["inside", "terrace"], "type": "string", "default": "inside"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["people", "when"],
        "additionalProperties": False,
    }
    assert action.effect, "what says nothing changes something"
    assert not action.reads


async def test_a_function_gets_typed_values_in_a_thread(shop: Any) -> None:
    action = shop("reserve", parameters={"people": {"from": "conversation"}, "when": {"from": "conversation"}})
    told = context(said=["besok untuk empat orang"])
    outcome = await action.run({"people": "4", "when": "2026-11-22", "area": "terrace"}, told)
    assert (outcome.status, outcome.data) == ("done", {"booking": "B-1", "people": 4, "when": "2026-11-22"})
    (call,) = calls_of(action)
    assert (call[1], call[2].isoformat(), call[3].name, call[4]) == (4, "2026-11-22", "TERRACE", None)
    assert not call[5], "a sync function must not block the event loop"


@pytest.mark.parametrize(
    "arguments",
    [
        {"people": 5, "when": "2026-11-22"},
        {"people": 4, "when": "2026-11-25"},
        {"people": 4, "when": "2026-11-22", "area": "roof"},
        {"people": 4, "when": "2026-11-22", "phone": "+62"},
        {"people": 4},
        {"people": "many", "when": "2026-11-22"},
    ],
)
async def test_invented_invalid_and_missing_values_call_nothing(shop: Any, arguments: dict[str, Any]) -> None:
    action = shop("reserve", parameters={"people": {"from": "conversation"}, "when": {"from": "conversation"}})
    told = context(said=["besok untuk empat orang"])
    assert (await action.run(arguments, told)).status == "refused"
    assert await action.check(arguments, told) is not None
    assert calls_of(action) == []


async def test_a_bound_parameter_and_the_context_are_out_of_the_models_sight(shop: Any) -> None:
    action = shop("cancel", parameters={"phone": {"from": "contact.phone"}, "booking": {"from": "reserve"}})
    assert set(action.parameters["properties"]) == {"booking"}
    told = context(results={"reserve": [{"booking": "B-1"}]})
    assert (await action.run({"booking": "B-1"}, told)).content == "cancelled B-1"
    assert calls_of(action) == [("cancel", "B-1", "+6281234567890", "turn-1:step-1")]
    assert (await action.run({"booking": "B-2"}, told)).status == "refused"
    assert (await action.run({"booking": "B-1", "phone": "+62899"}, told)).status == "refused"
    assert (await action.run({"booking": "B-1"}, context(contact={"id": "1", "custom": {}}))).status in (
        "failed",
        "refused",
    )


async def test_models_and_lists_are_read_and_their_parts_need_a_source(shop: Any) -> None:
    action = shop("invite", parameters={"guests": {"from": "conversation"}})
    told = context(said=["ajak Budi dan Ani"])
    assert (await action.run({"guests": [{"name": "Budi"}, {"name": "Ani"}]}, told)).status == "done"
    (call,) = calls_of(action)
    assert [guest.name for guest in call[1]] == ["Budi", "Ani"]
    assert call[2] == "S"
    assert (await action.run({"guests": [{"name": "Citra"}]}, told)).status == "refused"


async def test_an_exception_is_an_outcome(shop: Any) -> None:
    refused = await shop("refuse").run({"booking": "B-1"}, context())
    assert (refused.status, "B-1 is closed" in refused.content) == ("failed", True)
    assert (await shop("crash").run({"booking": "B-1"}, context())).status == "unknown"
    read = await shop("crash", effect=False).run({"booking": "B-1"}, context())
    assert read.status == "failed"
    assert "secret-token-1" not in read.content
    assert (await shop("slow", timeout="50ms").run({"booking": "B-1"}, context())).status == "unknown"


async def test_whatever_ends_a_function_is_an_outcome_and_ends_nothing_else(shop: Any) -> None:
    for function, ways in (
        ("stopped", ("exit", "key", "cancel", "stop")),
        ("stopped_later", ("exit", "key", "cancel")),
    ):
        for how in ways:
            outcome = await shop(function).run({"booking": "B-1", "how": how}, context())
            assert (function, how, outcome.status) == (function, how, "unknown")


async def test_what_was_done_is_done_whatever_the_function_returned(shop: Any) -> None:
    wanted: dict[str, Any] = {
        "circle": None,
        "bytes": {"content": "_w==", "number": None},
        "object": {"thing": None, "left": 3},
    }
    for what, data in wanted.items():
        outcome = await shop("listed").run({"booking": "B-1", "what": what}, context())
        assert (what, outcome.status, outcome.data) == (what, "done", data)
    large = await shop("listed").run({"booking": "B-1", "what": "large"}, context())
    assert (large.status, len(str(large.data)) < 7000) == ("done", True)


async def test_null_and_numbers_are_taken_where_the_hints_allow_them(shop: Any) -> None:
    chosen = await shop("choose").run({"number": 3, "note": None}, context())
    assert chosen.data == {"number": 3, "note": None}
    assert (await shop("choose").run({"number": "B3", "note": "x"}, context())).data == {"number": "B3", "note": "x"}
    assert (await shop("choose").run({"number": 3}, context())).status == "refused"
    assert (await shop("with_context").run({"booking": "B-1"}, context())).data is True


def test_a_default_written_out_and_a_number_in_another_spelling_are_the_same_effect(shop: Any) -> None:
    action = shop("listed")
    one = identity_of(action, {"booking": "B-1", "price": "12.50"})
    assert one == identity_of(action, {"booking": "b-1", "count": 1, "price": 12.5})
    assert one != identity_of(action, {"booking": "B-1", "count": 2, "price": 12.5})
    guests = shop("invite")
    assert identity_of(guests, {"guests": [{"name": "A"}]}) == identity_of(
        guests, {"guests": [{"name": "a", "children": 0}], "size": "S"}
    )


NUMPY = """Cancel.

Parameters
----------
booking : str
    the number
count : int, optional
    how many
    of them

Returns
-------
booking
    the same
"""


def test_a_docstring_describes_the_parameters_in_each_style(shop: Any) -> None:
    properties = shop("listed").parameters["properties"]
    assert properties["booking"]["description"] == "the number of the booking, as it stands in the message"
    assert properties["what"]["description"] == "which of the results"
    assert "description" not in properties["count"]
    assert described(NUMPY, ["booking", "count"]) == {"booking": "the number", "count": "how many of them"}
    sphinx = ":param str booking: the number\n:param count: how many\n  of them\n:returns: booking: x"
    assert described(sphinx, ["booking", "count"]) == {"booking": "the number", "count": "how many of them"}
    assert described("Note:\n    booking: x\n", ["booking"]) == {}


@pytest.mark.parametrize(
    ("function", "entry", "message"),
    [
        ("reserv", {}, "did you mean reserve"),
        ("bare", {}, "has no docstring"),
        ("untyped", {}, "x has no type hint"),
        ("anything", {}, "write each parameter out"),
        ("odd", {}, "is not one of JSON"),
        ("several", {}, "yields; an action returns"),
        ("hidden", {}, "can be called _booking"),
        ("reserve", {"parameters": {"peple": {"from": "conversation"}}}, "no parameter peple; did you mean people"),
        ("reserve", {"confirm": "Untuk {orang}?"}, "no such parameter"),
        ("reserve", {"identity": ["orang"]}, "no parameter orang"),
    ],
)
def test_a_function_that_cannot_be_an_action_says_why(
    shop: Any, function: str, entry: dict[str, Any], message: str
) -> None:
    with pytest.raises(FunctionError, match=message):
        shop(function, **entry)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FunctionError, match=r"nowhere\.py cannot be imported"):
        open_function(PythonAction.model_validate({"python": "nowhere.py:f"}), tmp_path, Redactor())


def test_functions_of_one_file_share_what_it_holds(shop: Any) -> None:
    assert calls_of(shop("reserve")) is calls_of(shop("cancel"))
