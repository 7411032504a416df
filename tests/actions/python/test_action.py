"""Python functions as actions: their type hints are the schema, and every guard holds for them too."""

from pathlib import Path
from typing import Any

import pytest

from actions.action import Action
from actions.errors import FunctionError
from actions.python.action import open_function
from actions.python.settings import PythonAction
from actions.redaction import Redactor
from tests.actions.conftest import context

SHOP = '''
import threading
from dataclasses import dataclass
from datetime import date
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
            "area": {"enum": ["inside", "terrace"], "type": "string"},
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


@pytest.mark.parametrize(
    ("function", "entry", "message"),
    [
        ("reserv", {}, "did you mean reserve"),
        ("bare", {}, "has no docstring"),
        ("untyped", {}, "x has no type hint"),
        ("anything", {}, "write each parameter out"),
        ("odd", {}, "is not one of JSON"),
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
