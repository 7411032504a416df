"""Results of tools are of a size that a model can read, and say where something was cut."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, get_args
from urllib.parse import parse_qsl

import httpx
import pytest
from mcp.shared.memory import create_connected_server_and_client_session
from mcp.types import TextContent
from sqlalchemy import insert

from agent.app import Agent
from agent.config.config import Role
from agent.ledger import tables
from agent.web.auth import Token
from agent.web.mcp import LARGEST, Operation, Tools, operations_of
from agent.web.server import Swaps, create_app
from tests.web.test_contract import ELSEWHERE, ONE, PROMO, RIGHT, TOKENS, _probe, agent

__all__ = ["agent"]


async def _call(agent: Agent, tool: str, **arguments: Any) -> tuple[bool, str, Any]:
    tools = Tools(create_app(agent).state.api, "Melati", Token("Rina", "operator"))
    async with create_connected_server_and_client_session(tools.server) as session:
        result = await session.call_tool(tool, arguments)
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert json.loads(content.text) == result.structuredContent
    assert len(content.text) <= LARGEST
    return result.isError, content.text, result.structuredContent


def _arguments(operation: Operation) -> dict[str, Any]:
    """Right arguments of a tool: those of the contract test's request."""
    path, more = RIGHT[operation.name]
    bare, _, query = path.partition("?")
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(operation.path))
    named = re.fullmatch(pattern, bare)
    assert named is not None, (operation.path, bare)
    given: dict[str, Any] = {**named.groupdict(), **dict(parse_qsl(query)), **more.get("json", {})}
    if operation.name == "create_broadcast":
        given = {**PROMO, "audience": {"filter": {}}, "dry_run": "true"}
    return given


async def test_each_tool_does_its_work_for_those_who_may_and_refuses_the_others_in_words(agent: Agent) -> None:
    api = create_app(agent, Swaps(lambda config: config, _probe)).state.api
    tools = {role: Tools(api, "Melati", Token("Rina", role)) for role in get_args(Role)}
    operations = operations_of(api.document(""))
    order = [each for name in RIGHT for each in operations if each.name == name]
    assert {each.name for each in operations} - {each.name for each in order} <= set(ELSEWHERE)
    session = ""
    for operation in order:
        arguments = _arguments(operation)
        if "session" in arguments:
            arguments["session"] = session
        for role in get_args(Role):
            async with create_connected_server_and_client_session(tools[role].server) as client:
                result = await client.call_tool(operation.name, arguments)
            answer = result.structuredContent or {}
            allowed = Token("Rina", role).may(operation.role)
            if not allowed:
                assert result.isError, (operation.name, role)
                assert answer["error"]["code"] == "forbidden"
                assert operation.role in answer["error"]["message"]
                continue
            if arguments.get("live") and role == "viewer":
                assert answer["error"]["field"] == "live"
                continue
            assert not result.isError, (operation.name, role, answer)
            assert len(json.dumps(answer, ensure_ascii=False)) <= LARGEST
            session = answer.get("session", session)
            break


async def _say(agent: Agent, texts: Sequence[str]) -> None:
    now = agent.clock()
    lines = [
        {
            "platform": "aelyst",
            "contact": ONE,
            "author": "contact",
            "text": text,
            "attachments": [],
            "at": now + timedelta(seconds=n),
        }
        for n, text in enumerate(texts)
    ]
    await agent.database.write(lambda connection: connection.execute(insert(tables.message), lines))


async def test_long_messages_are_cut_and_say_how_long_they_are(agent: Agent) -> None:
    await _say(agent, [f"{n} " + "panjang " * 2000 for n in range(50)])
    failed, _, found = await _call(agent, "read_conversation", contact=ONE, limit=50)
    assert not failed
    assert len(found["messages"]) == 50
    assert all("characters)" in each["text"] for each in found["messages"])
    failed, _, found = await _call(agent, "read_conversation", contact=ONE, limit=1)
    assert found["messages"][0]["text"].endswith("panjang ")


async def test_too_many_messages_are_refused_with_what_to_ask_for(agent: Agent) -> None:
    await _say(agent, [f"pesan {n}" for n in range(900)])
    failed, text, found = await _call(agent, "read_conversation", contact=ONE, limit=1000)
    assert failed
    assert found["error"]["code"] == "too_large"
    assert "limit" in text
    failed, _, found = await _call(agent, "read_conversation", contact=ONE, limit=50)
    assert not failed
    assert len(found["messages"]) == 50


@pytest.mark.parametrize("text", ["jam buka?", "x" * 9000])
async def test_a_trial_is_told_whole_or_cut_but_never_refused(agent: Agent, text: str) -> None:
    failed, _, found = await _call(agent, "test_agent", text=text)
    assert not failed
    assert found["reply"]


@pytest.mark.parametrize(
    ("tool", "field"), [("search_knowledge", "q"), ("read_contact", "contact"), ("list_conversations", "before")]
)
async def test_an_argument_that_no_address_can_hold_is_refused_by_name(agent: Agent, tool: str, field: str) -> None:
    failed, text, found = await _call(agent, tool, **{field: "x" * 70_000})
    assert failed
    assert found["error"]["code"] == "invalid"
    assert field in text


@pytest.mark.parametrize(
    ("tool", "field"), [("search_knowledge", "q"), ("read_contact", "contact"), ("test_agent", "text")]
)
async def test_letters_that_are_none_are_replaced_in_arguments(agent: Agent, tool: str, field: str) -> None:
    _, _, found = await _call(agent, tool, **{field: "jam\ud800 buka?"})
    assert found.get("error", {}).get("code", "not_found") == "not_found"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH"])
async def test_without_a_session_there_is_only_post(agent: Agent, method: str) -> None:
    app = create_app(agent)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://agent") as client:
        answer = await client.request(method, "/mcp", headers={"Authorization": f"Bearer {TOKENS['viewer']}"})
    await app.state.mcp.aclose()
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
