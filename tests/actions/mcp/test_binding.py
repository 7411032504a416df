"""What `bind` names is bound wherever a tool's schema hides it, and nothing of it is left to the model."""

import time
from typing import Any

import pytest
from mcp.types import Tool

from actions.action import Context
from actions.json_schema import flattened
from actions.mcp.server import McpToolAction
from actions.mcp.settings import McpAction
from actions.redaction import Redactor
from tests.actions.conftest import context

PHONE = {"type": "string"}
HIDDEN: list[dict[str, Any]] = [
    {"type": "object", "properties": {"phone": PHONE, "item": {"type": "string"}}, "required": ["phone", "item"]},
    {"allOf": [{"properties": {"phone": PHONE}, "required": ["phone"]}, {"properties": {"item": {"type": "string"}}}]},
    {"allOf": [{"$ref": "#/$defs/Who"}], "properties": {"item": {"type": "string"}}, "$defs": {"Who": {"properties": {"phone": PHONE}}}},
    {"$ref": "#/$defs/In", "$defs": {"In": {"allOf": [{"properties": {"phone": PHONE, "item": {"type": "string"}}}]}}},
    {"anyOf": [{"properties": {"phone": PHONE}}, {"properties": {"mail": {}}}], "properties": {"item": {"type": "string"}}},
    {"oneOf": [{"allOf": [{"properties": {"phone": PHONE}}]}], "properties": {"item": {"type": "string"}}},
    {"properties": {"item": {"type": "string"}}, "if": {"required": ["item"]}, "then": {"properties": {"phone": PHONE}}},
    {"properties": {"item": {"type": "string"}}, "dependentSchemas": {"item": {"properties": {"phone": PHONE}}}},
    {"properties": {"item": {"type": "string"}, "Phone": PHONE}},
]  # fmt: skip


class Server:
    """Keeps what it is called with."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    async def call(self, _tool: str, arguments: dict[str, Any], _attempts: int, **_more: Any) -> Any:
        from mcp.types import CallToolResult, TextContent

        self.calls.append(arguments)
        return CallToolResult(content=[TextContent(type="text", text="ok")])


def tool(schema: dict[str, Any], server: Server, **entry: Any) -> McpToolAction:
    settings = McpAction.model_validate({"mcp": {"command": "x"}, **entry})
    return McpToolAction(settings, Tool(name="reserve", inputSchema=schema), server, Redactor())  # type: ignore[arg-type]


def told() -> Context:
    return context(said=["kopi"])


@pytest.mark.parametrize("schema", HIDDEN)
async def test_a_bound_member_is_bound_wherever_the_schema_hides_it(schema: dict[str, Any]) -> None:
    server = Server()
    action = tool(schema, server, bind={"phone": "contact.phone"})
    assert "phone" not in str(action.parameters["properties"]).lower()
    assert "phone" not in str(action.parameters["required"])
    assert (await action.run({"item": "kopi"}, told())).status == "done"
    assert [value for name, value in server.calls[0].items() if name.lower() == "phone"] == ["+6281234567890"]


@pytest.mark.parametrize("schema", HIDDEN)
@pytest.mark.parametrize(
    "spelling", ["phone", "Phone", "PHONE", "p-h-o-n-e", "pho\u200bne", "ph\u043ene", "phone_number"]
)
async def test_the_model_cannot_set_a_bound_member_in_any_spelling(schema: dict[str, Any], spelling: str) -> None:
    server = Server()
    action = tool(schema, server, bind={"phone": "contact.phone"})
    assert (await action.run({"item": "kopi", spelling: "+62899"}, told())).status == "refused"
    assert server.calls == []


async def test_members_of_an_object_need_the_source_of_the_whole() -> None:
    server = Server()
    schema = {
        "properties": {"order": {"$ref": "#/$defs/O"}},
        "$defs": {"O": {"type": "object", "properties": {"id": {"type": "string"}}}},
    }
    action = tool(schema, server, bind={"order": "conversation"})
    assert (await action.run({"order": {"id": "kopi"}}, told())).status == "done"
    refused = await action.run({"order": {"id": "KS-1"}}, told())
    assert (refused.status, "order.id" in refused.content) == ("refused", True)


def test_a_tool_may_ask_first() -> None:
    action = tool(HIDDEN[0], Server(), confirm={"reserve": "Pesan {item}?"})
    assert action.confirm == "Pesan {item}?"


def test_a_schema_that_contains_itself_is_read() -> None:
    schema = {
        "$ref": "#/$defs/N",
        "$defs": {"N": {"properties": {"next": {"$ref": "#/$defs/N"}}, "allOf": [{"$ref": "#/$defs/N"}]}},
    }
    assert set(flattened(schema)["properties"]) == {"next"}
    assert tool(schema, Server()).parameters["properties"]


def test_references_that_multiply_are_read_in_no_time() -> None:
    levels = {f"L{n}": {"properties": {f"p{i}": {"$ref": f"#/$defs/L{n + 1}"} for i in range(40)}} for n in range(15)}
    wide = {"$defs": {**levels, "L15": {}}, "properties": {"a": {"$ref": "#/$defs/L0"}}}
    own = {"$defs": {"N": {"allOf": [{"$ref": "#/$defs/N"}] * 40}}, "allOf": [{"$ref": "#/$defs/N"}] * 40}
    started = time.monotonic()
    assert tool(wide, Server(), bind={"a": "conversation"}).parameters
    assert flattened(own)["properties"] == {}
    assert time.monotonic() - started < 60, "they multiply: unbounded, this takes years"


CUSTOMER = {"type": "object", "properties": {"name": PHONE, "phone": PHONE}, "required": ["phone"]}
OPEN = {"type": "object", "additionalProperties": True}
BY_PATTERN = {"type": "object", "properties": {"note": PHONE}, "patternProperties": {"^(phone|mail)$": PHONE}}
CHOICE = [
    {"type": "object", "properties": {"id": PHONE}, "required": ["id"], "additionalProperties": False},
    {"type": "object", "properties": {"name": PHONE, "phone": PHONE}, "required": ["name", "phone"]},
]
TREE = {"type": "object", "properties": {"phone": PHONE, "under": {"type": "array", "items": {"$ref": "#/$defs/T"}}}}
MINE = "+6281234567890"

PEOPLE = {"people": {"type": "array", "items": CUSTOMER}}
DEEP = {"a": {"type": "object", "properties": {"b": {"type": "object", "properties": {"c": CUSTOMER}}}}}
MAYBE = {"customer": {"anyOf": [CUSTOMER, {"type": "null"}]}}
BOTH = {"customer": {"allOf": [CUSTOMER, {"required": ["name"]}]}}
ONE_OF = {"customer": {"oneOf": CHOICE}}
WHOLE = {"who": {"type": "object", "properties": {"phone": PHONE}}}
BUDI = {"name": "B"}
BUDI_BOUND = {"name": "B", "phone": MINE}

INSIDE: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None]] = [
    # the members of the tool, what the model writes, what the server gets (None: nothing)
    ({"customer": CUSTOMER}, {"customer": BUDI}, {"customer": BUDI_BOUND}),
    ({"customer": CUSTOMER}, {"customer": {}}, {"customer": {"phone": MINE}}),
    ({"customer": CUSTOMER}, {"customer": {"name": "B", "phone": "+62899"}}, None),
    ({"customer": CUSTOMER}, {"customer": {"name": "B", "Phone": "+62899"}}, None),
    ({"customer": CUSTOMER}, {"customer": {"name": "B", "phone_number": "+62899"}}, None),
    ({"customer": CUSTOMER}, {}, {}),
    ({"customer": {"$ref": "#/$defs/C"}}, {"customer": BUDI}, {"customer": BUDI_BOUND}),
    ({"customer": {"$ref": "#/$defs/C"}}, {"customer": {"phone": "+62899"}}, None),
    (MAYBE, {"customer": None}, {"customer": None}),
    (MAYBE, {"customer": BUDI}, {"customer": BUDI_BOUND}),
    (MAYBE, {"customer": {"name": "B", "phone": "1"}}, None),
    (BOTH, {"customer": BUDI}, {"customer": BUDI_BOUND}),
    (BOTH, {"customer": {}}, None),
    (ONE_OF, {"customer": {"id": "7"}}, {"customer": {"id": "7"}}),
    (ONE_OF, {"customer": BUDI}, {"customer": BUDI_BOUND}),
    (ONE_OF, {"customer": {"name": "B", "phone": "1"}}, None),
    (WHOLE, {}, {"who": {"phone": MINE}}),
    (WHOLE, {"who": {"phone": "1"}}, None),
    (WHOLE, {"who": {}}, None),
    (PEOPLE, {"people": [{"name": "A"}, BUDI]}, {"people": [{"name": "A", "phone": MINE}, BUDI_BOUND]}),
    (PEOPLE, {"people": [{"name": "A"}, {"phone": "1"}]}, None),
    (DEEP, {"a": {"b": {"c": BUDI}}}, {"a": {"b": {"c": BUDI_BOUND}}}),
    (DEEP, {"a": {"b": {"c": {"phone": "1"}}}}, None),
    ({"meta": OPEN}, {"meta": {"color": "red"}}, {"meta": {"color": "red"}}),
    ({"meta": OPEN}, {"meta": {"phone": "1"}}, None),
    ({"meta": OPEN}, {"meta": {"who": [{"PHONE": "1"}]}}, None),
    ({"meta": {"type": "object", "additionalProperties": CUSTOMER}}, {"meta": {"x": BUDI}}, {"meta": {"x": BUDI_BOUND}}),
    ({"meta": {"type": "object", "additionalProperties": CUSTOMER}}, {"meta": {"x": {"phone": "1"}}}, None),
    ({"by": BY_PATTERN}, {"by": {"note": "x"}}, {"by": {"note": "x"}}),
    ({"by": BY_PATTERN}, {"by": {"phone": "1"}}, None),
    (
        {"tree": {"$ref": "#/$defs/T"}},
        {"tree": {"under": [{"under": []}]}},
        {"tree": {"phone": MINE, "under": [{"phone": MINE, "under": []}]}},
    ),
    ({"tree": {"$ref": "#/$defs/T"}}, {"tree": {"under": [{"under": [{"phone": "1"}]}]}}, None),
]  # fmt: skip


async def test_a_bound_name_inside_objects_and_lists_is_set_and_never_the_models() -> None:
    for number, (members, written, wanted) in enumerate(INSIDE):
        server = Server()
        schema = {
            "type": "object",
            "properties": {"phone": PHONE, **members},
            "$defs": {"C": CUSTOMER, "T": TREE},
        }
        action = tool(schema, server, bind={"phone": "contact.phone"})
        outcome = await action.run(written, told())
        got = server.calls[0] if server.calls else None
        assert got == (None if wanted is None else {"phone": MINE, **wanted}), (number, members, written, outcome)


async def test_without_the_fact_an_object_that_needs_it_calls_nothing_and_one_that_does_not_is_left_out() -> None:
    nobody = context(contact={"id": "1", "custom": {}})
    server = Server()
    needed = tool({"properties": {"customer": CUSTOMER}}, server, bind={"phone": "contact.phone"})
    assert (await needed.run({"customer": {"name": "B"}}, nobody)).status == "failed"
    who = {"type": "object", "properties": {"phone": PHONE}, "required": ["phone"]}
    assert (
        await tool({"properties": {"who": who}}, server, bind={"phone": "contact.phone"}).run({}, nobody)
    ).status == "done"
    assert server.calls == [{}]


async def test_a_source_holds_for_a_name_inside_objects_and_lists() -> None:
    server = Server()
    line = {"type": "object", "properties": {"order_id": {"type": "string"}, "count": {"type": "integer"}}}
    schema = {"properties": {"lines": {"type": "array", "items": line}, "more": OPEN}}
    action = tool(schema, server, bind={"order_id": "conversation"})
    asked = context(said=["batalkan KS-1"])
    assert (await action.run({"lines": [{"order_id": "KS-1", "count": 2}]}, asked)).status == "done"
    refused = await action.run({"lines": [{"order_id": "KS-1"}, {"order_id": "KS-2"}]}, asked)
    assert (refused.status, "KS-2' for lines.order_id" in refused.content) == ("refused", True)
    assert (await action.run({"more": {"order_id": "KS-2"}}, asked)).status == "refused"


def test_the_places_that_are_bound_and_those_that_cannot_be_are_known() -> None:
    schema = {"properties": {"customer": CUSTOMER, "people": {"type": "array", "items": CUSTOMER}, "by": BY_PATTERN}}
    binding = tool(schema, Server(), bind={"phone": "contact.phone"}).binding
    assert sorted(binding.places) == ["customer.phone", "people[].phone"]
    assert binding.unbindable == ["by (^(phone|mail)$)"]


@pytest.mark.parametrize(
    ("hints", "effect", "has_effect", "repeatable"),
    [
        (None, None, True, False),
        ({"readOnlyHint": True}, None, False, True),
        ({"readOnlyHint": True}, True, True, False),
        ({"readOnlyHint": True, "idempotentHint": True}, True, True, False),
        ({"readOnlyHint": True, "destructiveHint": True}, None, True, False),
        ({"idempotentHint": True}, None, True, True),
        ({"idempotentHint": True}, False, False, True),
        ({"readOnlyHint": False, "destructiveHint": False}, None, True, False),
    ],
)
def test_hints_that_agent_yaml_or_the_server_itself_gainsays_are_not_believed(
    hints: dict[str, Any] | None, effect: bool | None, has_effect: bool, repeatable: bool
) -> None:
    settings = McpAction.model_validate({"mcp": {"command": "x"}, "effect": effect})
    told_of = Tool(name="reserve", inputSchema={}, annotations=hints)  # type: ignore[arg-type]
    action = McpToolAction(settings, told_of, Server(), Redactor())  # type: ignore[arg-type]
    assert (action.effect, action.idempotent) == (has_effect, repeatable)
