"""The tools of real MCP servers, over standard input and over HTTP."""

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import TypeAdapter

from actions import Actions, open_actions
from actions.errors import ActionsError, McpError
from actions.mcp.connection import Connection
from actions.mcp.server import McpToolAction
from actions.mcp.settings import McpAction
from actions.redaction import Redactor
from actions.settings import ActionList
from settings.backoff import Backoff
from tests.actions.conftest import context
from tests.actions.mcp.warehouse import server

PROGRAM = [sys.executable, str(Path(__file__).with_name("warehouse.py"))]


async def opened(
    client: httpx.AsyncClient, entry: dict[str, Any], *more: dict[str, Any], away: Callable[[str], None] | None = None
) -> Actions:
    settings = TypeAdapter(ActionList).validate_python([{"timeout": "20s", **entry}, *more])
    return await open_actions(
        settings, client, clock=lambda: datetime(2026, 11, 21, tzinfo=UTC), timezone=UTC, files=Path.cwd(), away=away
    )


@pytest.fixture
async def address() -> AsyncIterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = uvicorn.Server(uvicorn.Config(server().streamable_http_app(), log_level="error", lifespan="on"))
    task = asyncio.create_task(app.serve(sockets=[listener]))
    while not app.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    app.should_exit = True
    await task


async def test_the_tools_of_a_program_are_actions_under_binding_and_provenance(client: httpx.AsyncClient) -> None:
    bind = {"phone": "contact.phone", "item": "conversation"}
    actions = await opened(client, {"mcp": {"command": PROGRAM}, "prefix": "gudang", "bind": bind})
    try:
        assert sorted(actions) == ["gudang_broken", "gudang_die", "gudang_reserve", "gudang_stock"]
        assert not actions["gudang_stock"].effect
        assert actions["gudang_reserve"].effect
        assert set(actions["gudang_reserve"].parameters["properties"]) == {"item", "count"}  # type: ignore[arg-type]

        told = context(said=["ada kopi?"])
        outcome = await actions["gudang_stock"].run({"item": "kopi"}, told)
        assert (outcome.status, outcome.data) == ("done", {"item": "kopi", "left": 7})
        outcome = await actions["gudang_reserve"].run({"item": "kopi", "count": 2}, told)
        assert outcome.content == "2 kopi for +6281234567890"
        assert (await actions["gudang_reserve"].run({"item": "teh", "count": 2}, told)).status == "refused"
        refused = await actions["gudang_reserve"].run({"item": "kopi", "count": 2, "phone": "+62800"}, told)
        assert refused.status == "refused"
        assert (await actions["gudang_stock"].run({"item": 3}, told)).status == "refused"
        failed = await actions["gudang_broken"].run({"item": "kopi"}, told)
        assert failed.status == "failed"
        assert "no shelf for kopi" in failed.content

        assert (await actions["gudang_die"].run({}, told)).status == "unknown"
        assert (await actions["gudang_stock"].run({"item": "kopi"}, told)).status == "done", "it is started again"
    finally:
        await actions.aclose()


async def test_a_server_is_reached_over_http_through_the_guard(client: httpx.AsyncClient, address: str) -> None:
    actions = await opened(client, {"mcp": {"url": address}, "tools": ["stock"]})
    try:
        assert list(actions) == ["stock"]
        assert (await actions["stock"].run({"item": "teh"}, context())).data == {"item": "teh", "left": 7}
    finally:
        await actions.aclose()


async def test_a_server_on_a_private_address_is_refused_unless_allowed(address: str) -> None:
    from actions.guard import guarded_client

    async with guarded_client() as strict:
        with pytest.raises(McpError, match="allow_private"):
            await opened(strict, {"mcp": {"url": address}})


async def test_a_program_that_is_no_mcp_server_is_an_error_that_names_it(client: httpx.AsyncClient) -> None:
    with pytest.raises(McpError, match="definitely-not-there cannot be reached"):
        await opened(client, {"mcp": {"command": "definitely-not-there"}})


async def test_a_tool_that_the_server_lacks_and_a_name_that_is_taken_are_errors(
    client: httpx.AsyncClient, address: str
) -> None:
    with pytest.raises(McpError, match="no tool stok; it has broken, die, reserve, stock"):
        await opened(client, {"mcp": {"url": address}, "tools": ["stok"]})
    taken = {"name": "stock", "description": "x", "request": {"url": "https://x.example/"}}
    with pytest.raises(ActionsError, match="prefix"):
        await opened(client, {"mcp": {"url": address}}, taken)


@contextlib.asynccontextmanager
async def warehouse(port: int = 0, **options: Any) -> AsyncIterator[str]:
    """The server on a port, with sessions; on leaving it is gone, and its sessions with it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    app = uvicorn.Server(
        uvicorn.Config(server(**options).streamable_http_app(), log_level="error", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(app.serve(sockets=[listener]))
    while not app.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    finally:
        app.should_exit = True
        await task


async def test_a_server_that_was_started_anew_gets_a_new_session(client: httpx.AsyncClient) -> None:
    told = context(said=["2 kopi"])
    bind = {"phone": "contact.phone"}
    async with warehouse(stateless_http=False) as first:
        actions = await opened(client, {"mcp": {"url": first}, "bind": bind})
        assert (await actions["stock"].run({"item": "kopi"}, told)).status == "done"
    port = int(first.rpartition(":")[2].partition("/")[0])
    try:
        async with warehouse(port, stateless_http=False):
            assert (await actions["stock"].run({"item": "kopi"}, told)).data == {"item": "kopi", "left": 7}
            assert (await actions["reserve"].run({"item": "kopi", "count": 2}, told)).status == "done"
        async with warehouse(port, stateless_http=False):
            outcome = await actions["reserve"].run({"item": "kopi", "count": 2}, told)
            assert (outcome.status, "had ended" in outcome.content) == ("failed", True)
            assert (await actions["reserve"].run({"item": "kopi", "count": 2}, told)).status == "done"
    finally:
        await actions.aclose()


EVENTS = {"content-type": "text/event-stream"}


def lost(*_: object) -> httpx.Response:
    raise httpx.ReadError("reset")


def unreachable(*_: object) -> httpx.Response:
    raise httpx.ConnectError("refused")


@contextlib.asynccontextmanager
async def failing(fault: Callable[[httpx.Request], httpx.Response], once: bool = False) -> AsyncIterator[Connection]:
    """A connection to a server with sessions that answers calls of tools by a fault, those of the first session only if `once`."""
    begun = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal begun
        if "last-event-id" in request.headers:
            return httpx.Response(500)
        if request.method != "POST" or "id" not in (asked := json.loads(request.content)):
            return httpx.Response(202 if request.method == "POST" else 405)
        result: dict[str, object] = {"content": [{"type": "text", "text": "ok"}]}
        if asked["method"] == "initialize":
            begun += 1
            server = {"name": "x", "version": "1"}
            result = {"protocolVersion": "2025-03-26", "capabilities": {"tools": {}}, "serverInfo": server}
        elif asked["method"] == "tools/list":
            result = {"tools": []}
        elif begun == 1 or not once:
            return fault(request)
        headers = {"mcp-session-id": f"session-{begun}"}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": asked["id"], "result": result}, headers=headers)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        settings = McpAction.model_validate({"mcp": {"url": "https://mcp.example.com/mcp"}, "timeout": "90s"})
        connection = Connection(settings, client)
        try:
            async with asyncio.timeout(60):
                yield connection
        finally:
            await connection.aclose()


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, b""), (410, b""), (400, b'{"error": {"message": "Bad Request: No valid session ID provided"}}')],
)
async def test_a_session_that_a_server_no_longer_knows_is_replaced_however_it_says_so(status: int, told: bytes) -> None:
    headers = {"content-type": "application/json"}
    async with failing(lambda _: httpx.Response(status, content=told, headers=headers), once=True) as connection:
        result = await connection.call("stock", {}, attempts=2)
    assert result.content[0].text == "ok"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        (lambda _: httpx.Response(401), "failed", "401 Unauthorized"),
        (lambda _: httpx.Response(403, text="no"), "failed", "403"),
        (lambda _: httpx.Response(429, headers={"retry-after": "5"}), "failed", "429"),
        (lambda _: httpx.Response(302, headers={"location": "https://login.example.com"}), "unknown", ""),
        (lambda _: httpx.Response(500, text="Traceback"), "unknown", ""),
        (lambda _: httpx.Response(502, html="<h1>Bad gateway</h1>"), "unknown", ""),
        (lambda _: httpx.Response(200, html="<h1>Log in</h1>"), "unknown", ""),
        (lambda _: httpx.Response(200), "unknown", ""),
        (lambda _: httpx.Response(202), "unknown", ""),
        (lambda _: httpx.Response(204), "unknown", ""),
        (lambda _: httpx.Response(200, json=[]), "unknown", ""),
        (lambda _: httpx.Response(200, json={"jsonrpc": "2.0", "id": 99, "result": {}}), "unknown", ""),
        (lambda _: httpx.Response(200, content=b'{"jsonrpc', headers={"content-type": "application/json"}), "unknown", ""),
        (lambda _: httpx.Response(200, content=b"", headers=EVENTS), "unknown", ""),
        (lambda _: httpx.Response(200, content=b"data: {nonsense}\n\n: ping\n\n", headers=EVENTS), "unknown", ""),
        (lambda _: httpx.Response(200, content=b"id: 7\nretry: 1\ndata:\n\n", headers=EVENTS), "unknown", ""),
        (lambda _: httpx.Response(200, json={"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "no count"}}),
         "failed", "no count"),
        (lambda _: httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": {"code": -32603}}), "unknown", ""),
        (lost, "unknown", ""),
        (unreachable, "failed", "refused"),
    ],
)  # fmt: skip
async def test_a_call_that_gets_no_answer_of_the_protocol_ends_at_once(
    fault: Callable[[httpx.Request], httpx.Response], status: str, told: str
) -> None:
    from mcp.types import Tool

    async with failing(fault) as connection:
        tool = Tool(name="reserve", inputSchema={"type": "object"})
        action = McpToolAction(connection._settings, tool, connection, Redactor([]))
        outcome = await action.run({}, context())
    assert (outcome.status, told in outcome.content) == (status, True), outcome


@pytest.mark.parametrize("fault", [lost, lambda _: httpx.Response(200, content=b": ping\n\n", headers=EVENTS)])
async def test_a_call_that_may_be_repeated_is_after_a_connection_broke(fault: Callable[..., httpx.Response]) -> None:
    async with failing(fault, once=True) as connection:
        assert (await connection.call("stock", {}, attempts=2)).content[0].text == "ok"  # type: ignore[union-attr]


async def test_a_server_that_is_away_at_the_start_brings_its_tools_later(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actions.mcp.server.RETRY", Backoff(timedelta(milliseconds=50), timedelta(milliseconds=50)))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reasons: list[str] = []
    actions = await opened(client, {"mcp": {"url": f"http://127.0.0.1:{port}/mcp"}}, away=reasons.append)
    try:
        assert list(actions) == []
        assert actions.away == [f"http://127.0.0.1:{port}/mcp"]
        assert "cannot be reached" in reasons[0]
        async with warehouse(port):
            async with asyncio.timeout(30):
                while actions.away:
                    await asyncio.sleep(0.02)
            assert (await actions["stock"].run({"item": "teh"}, context())).status == "done"
    finally:
        await actions.aclose()


async def test_a_bind_that_no_tool_has_is_an_error(client: httpx.AsyncClient, address: str) -> None:
    with pytest.raises(
        McpError, match=r"no tool of the MCP server .* has a parameter telephone.*there is count, item, phone"
    ):
        await opened(client, {"mcp": {"url": address}, "bind": {"telephone": "contact.phone"}})
    with pytest.raises(McpError, match="no tool reserv"):
        await opened(client, {"mcp": {"url": address}, "confirm": {"reserv": "Pesan?"}})
