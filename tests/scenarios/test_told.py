import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.scenarios.told import NOT_KEPT, kept_tools, lines_changed, read_tools, tools_changed
from agent.turn.loop import fingerprint

TOOL = {
    "name": "get_order",
    "description": "Finds an order.",
    "parameters": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "city": {"type": "string"}},
        "required": ["id"],
        "additionalProperties": False,
    },
}
ID, CITY = {"type": "string"}, {"type": "string"}


def changed(**parts: object) -> list[tuple[str | None, str | None]]:
    """What is said of a tool of which something is different."""
    other = TOOL | parts
    return list(
        tools_changed(read_tools({"get_order": json.dumps(TOOL)}), read_tools({"get_order": json.dumps(other)}))
    )


def schema(**parts: object) -> dict[str, object]:
    return {**TOOL["parameters"], **parts}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("parts", "then", "now"),
    [
        ({"description": "Looks."}, "get_order, description: Finds an order.", "get_order, description: Looks."),
        ({"parameters": schema(properties={"id": ID}, required=["id"])},
         'get_order, parameter city: [{"type": "string"}]', "get_order: no parameter city"),
        ({"parameters": schema(properties={"id": ID, "city": CITY, "day": {"type": "integer"}})},
         "get_order: no parameter day", 'get_order, parameter day: [{"type": "integer"}]'),
        ({"parameters": schema(required=["id", "city"])},
         'get_order, parameter city: [{"type": "string"}]', 'get_order, parameter city: [{"type": "string"}, "required"]'),
        ({"parameters": schema(additionalProperties=True)},
         'get_order, parameters: {"additionalProperties": false, "type": "object"}',
         'get_order, parameters: {"additionalProperties": true, "type": "object"}'),
    ],
)  # fmt: skip
def test_what_is_told_of_a_tool_otherwise_is_said_part_by_part(parts: dict[str, object], then: str, now: str) -> None:
    assert changed(**parts) == [(then, now)]


def test_an_action_that_is_new_or_gone_is_said_once() -> None:
    tools = read_tools({"get_order": json.dumps(TOOL)})
    assert list(tools_changed(tools, {})) == [("action get_order: Finds an order.", "no action get_order")]
    assert list(tools_changed({}, tools)) == [("no action get_order", "action get_order: Finds an order.")]


def test_of_a_recording_that_keeps_fingerprints_the_text_of_now_is_shown() -> None:
    then = {"get_order": {part: fingerprint(text) for part, text in read_tools({"a": json.dumps(TOOL)})["a"].items()}}
    same = read_tools({"get_order": json.dumps(TOOL)})
    assert list(tools_changed(kept_tools(then, same), same)) == []
    other = read_tools({"get_order": json.dumps(TOOL | {"description": "Looks."})})
    told = [(f"get_order, description: {NOT_KEPT}", "get_order, description: Looks.")]
    assert list(tools_changed(kept_tools(then, other), other)) == told


_LINES = st.lists(st.text(alphabet="ab ", max_size=400), max_size=6).map("\n".join)


@given(_LINES, _LINES)
@example("x" * 300 + "then" + "y" * 300, "x" * 300 + "now" + "y" * 300)
def test_a_text_that_differs_has_lines_that_differ_and_an_equal_one_none(old: str, new: str) -> None:
    pairs = list(lines_changed(old, new))
    assert bool(pairs) == (old.splitlines() != new.splitlines())
    assert all(was != becomes and len(was or "") < 210 and len(becomes or "") < 210 for was, becomes in pairs)


def test_a_change_far_into_a_long_line_is_shown() -> None:
    ((was, becomes),) = lines_changed("x" * 900 + " jam 7 " + "y" * 900, "x" * 900 + " jam 9 " + "y" * 900)
    assert "jam 7" in str(was)
    assert "jam 9" in str(becomes)
