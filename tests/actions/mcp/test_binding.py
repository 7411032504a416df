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

    async def call(self, _tool: str, arguments: dict[str, Any], **_more: Any) -> Any:
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
