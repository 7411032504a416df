"""`/mcp` and `balas mcp`, asked by the client of the official SDK."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent

from tests.acceptance.test_api import PHONE, TOKEN, api
from tests.acceptance.world import World
from tests.processes import ROOT, program

OPERATOR, VIEWER = "operator-token-of-mcp", "viewer-token-of-mcp-1"
TOKENS = [{"name": "Rina", "token": OPERATOR, "role": "operator"}, {"name": "Tamu", "token": VIEWER}]
READING = {
    "list_conversations",
    "read_conversation",
    "read_turn",
    "test_agent",
    "search_knowledge",
    "list_gaps",
    "test_action",
    "read_stats",
}
WRITING = {
    "pause_conversation",
    "resume_conversation",
    "reply_to_customer",
    "create_followup",
    "mark_paid",
    "close_gap",
    "create_broadcast",
}
OWNING = {"replace_config", "forget_contact", "list_audit"}


@asynccontextmanager
async def over_http(here: World, token: str) -> AsyncIterator[ClientSession]:
    async with (
        httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client,
        streamable_http_client(f"{here.url}/mcp", http_client=client) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def over_stdio(folder: Path, *words: str) -> AsyncIterator[ClientSession]:
    command, *arguments = program()
    parameters = StdioServerParameters(
        command=command,
        args=[*arguments, "mcp", "-c", str(folder / "agent.yaml"), *words],
        cwd=ROOT,
        env={**os.environ},
    )
    async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        yield session


async def _names(session: ClientSession) -> set[str]:
    return {tool.name for tool in (await session.list_tools()).tools}


async def _call(session: ClientSession, tool: str, *, fails: bool = False, **arguments: Any) -> Any:
    result = await session.call_tool(tool, arguments)
    assert result.isError == fails, result.content
    assert isinstance(result.content[0], TextContent)
    assert result.structuredContent == json.loads(result.content[0].text)
    return result.structuredContent


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[tuple[World, httpx.AsyncClient]]:
    async with api(folder, model={"name": "offline"}) as (here, client):
        here.config["server"]["tokens"] = TOKENS
        await here.stop()
        await here.start()
        yield here, client


async def test_each_role_is_offered_its_tools_and_may_do_no_more(tmp_path: Path) -> None:
    async with started(tmp_path) as (here, client):
        async with over_http(here, VIEWER) as viewer, over_http(here, OPERATOR) as operator:
            seen, worked = await _names(viewer), await _names(operator)
            assert seen >= READING
            assert not (WRITING | OWNING) & seen
            assert worked >= READING | WRITING
            assert not OWNING & worked
            refused = await _call(viewer, "pause_conversation", contact=PHONE, fails=True)
            assert refused["error"]["code"] == "forbidden"
            dry = await _call(viewer, "test_agent", text="halo", live=True, fails=True)
            assert dry["error"]["field"] == "live"
        async with over_http(here, TOKEN) as admin:
            assert await _names(admin) >= READING | WRITING | OWNING
            text = str(await _call(admin, "read_config"))
            assert here.sandbox.token not in text
            assert OPERATOR not in text
        for method, headers, status in (
            ("POST", {}, 401),
            ("POST", {"Authorization": "Bearer wrong"}, 401),
            ("GET", {"Authorization": f"Bearer {VIEWER}"}, 405),
            ("POST", {"Authorization": f"Bearer {VIEWER}"}, 406),
        ):
            answer = await client.request(method, f"{here.url}/mcp", headers={"Authorization": "", **headers}, json={})
            assert answer.status_code == status


async def test_an_operator_looks_tries_takes_over_and_is_recorded(tmp_path: Path) -> None:
    async with started(tmp_path) as (here, client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo")
        await here.texts(budi)
        async with over_http(here, OPERATOR) as session:
            listed = await _call(session, "list_conversations", limit=10)
            assert [each["contact"]["phone"] for each in listed["conversations"]] == [PHONE]
            tried = await _call(session, "test_agent", text="terima kasih")
            assert tried["reply"]
            assert len(here.sandbox.sent(budi)) == 1
            await _call(session, "pause_conversation", contact=PHONE)
            await _call(session, "reply_to_customer", contact=PHONE, text="Saya bantu ya")
            assert (await here.texts(budi, count=2))[-1] == "Saya bantu ya"
            await _call(session, "resume_conversation", contact=PHONE)
            gone = await _call(session, "read_conversation", contact="nobody@example.com", fails=True)
            assert gone["error"]["code"] == "not_found"
            wrong = await _call(session, "read_conversation", contact=PHONE, limit="many", fails=True)
            assert wrong["error"]["field"] == "limit"
            missing = await _call(session, "reply_to_customer", contact=PHONE, fails=True)
            assert missing["error"]["message"].startswith("text:")
            assert (
                "no such argument"
                in (await _call(session, "pause_conversation", contact=PHONE, x=1, fails=True))["error"]["message"]
            )
        trail = (await client.get("/audit")).json()["audit"]
        assert ("Rina", "/conversations/{contact}/reply", 200) in [
            (each["name"], each["path"], each["status"]) for each in trail
        ]


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_on_stdio_the_tools_work_beside_the_running_agent(tmp_path: Path, role: str) -> None:
    async with started(tmp_path) as (here, _client):
        budi = here.sandbox.phone(PHONE)
        here.sandbox.say(budi, "halo")
        await here.texts(budi)
        async with over_stdio(tmp_path, *(("--token", OPERATOR) if role == "operator" else ())) as session:
            names = await _names(session)
            assert names >= READING
            assert (names >= WRITING) == (role == "operator")
            listed = await _call(session, "list_conversations")
            assert [each["contact"]["phone"] for each in listed["conversations"]] == [PHONE]
            assert (await _call(session, "test_agent", text="terima kasih"))["reply"]
            if role == "operator":
                await _call(session, "reply_to_customer", contact=PHONE, text="Saya bantu ya")
                assert (await here.texts(budi, count=2))[-1] == "Saya bantu ya"
            else:
                refused = await _call(session, "reply_to_customer", contact=PHONE, text="x", fails=True)
                assert refused["error"]["code"] == "forbidden"


async def test_a_token_that_agent_yaml_does_not_know_is_an_error(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, _client):
        process = await here.begin(("mcp", "--token", "wrong", "-c", str(tmp_path / "agent.yaml")), dict(os.environ))
        assert process.stdout is not None
        assert b"--token" in await process.stdout.read()
        assert await process.wait() == 1
