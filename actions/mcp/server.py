"""A connection to one MCP server, and its tools as actions."""

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from actions.action import Action, Json
from actions.errors import McpError
from actions.guard.limits import origin
from actions.mcp.settings import McpAction
from actions.redaction import Redactor

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult, Tool

_MOST_TOOLS = 200
_CONTENT_TYPES = ["application/json", "text/event-stream"]


class Connection:
    """Holds a session with an MCP server, and starts another when it has died.

    A session lives in a task of its own: its cancel scopes must be left by the task that entered them.
    """

    def __init__(self, settings: McpAction, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._client = client
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._stop = asyncio.Event()

    @property
    def where(self) -> str:
        server = self._settings.mcp
        return server.url or " ".join(server.command or ())

    async def tools(self) -> "list[Tool]":
        """All tools of the server.

        Raises:
            McpError: it cannot be reached, or does not answer in time.
        """
        session = await self._ready()
        found: list[Tool] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(self._seconds):
                while len(found) < _MOST_TOOLS:
                    page = await session.list_tools(cursor=cursor)
                    found += page.tools
                    cursor = page.nextCursor
                    if not cursor:
                        break
        except Exception as error:
            raise McpError(f"the MCP server {self.where} does not list its tools: {_reason(error)}") from error
        return found[:_MOST_TOOLS]

    async def call(self, tool: str, arguments: Mapping[str, Json]) -> "CallToolResult":
        """One call. A session found dead is replaced before it, never after: a call is sent once.

        Raises:
            McpError: nothing was sent.
            Exception: it may have been sent; what the protocol or the network says.
        """
        from mcp import McpError as ToldError
        from mcp.types import CONNECTION_CLOSED

        session = await self._ready()
        try:
            return await session.call_tool(tool, dict(arguments), read_timeout_seconds=timedelta(seconds=self._seconds))
        except Exception as error:
            # Any other word of the protocol comes from a server that is alive: it says no, or is slow.
            if not isinstance(error, ToldError) or error.error.code == CONNECTION_CLOSED:
                self._discard(session)
            raise

    async def aclose(self) -> None:
        self._stop.set()
        if self._task is not None:
            with contextlib.suppress(
                Exception, asyncio.CancelledError
            ):  # how a dying server ends its session changes nothing any more
                await self._task

    def _discard(self, session: "ClientSession") -> None:
        """Forget a session that has died, unless another call has replaced it already."""
        if self._session is session and self._task is not None:
            self._session = None
            self._task.cancel()

    @property
    def _seconds(self) -> float:
        return self._settings.timeout.total_seconds()

    async def _ready(self) -> "ClientSession":
        async with self._starting:
            if self._task is not None and not self._task.done() and self._session is not None:
                return self._session
            ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._hold(ready), name=f"mcp {self.where}")
            try:
                async with asyncio.timeout(self._seconds):
                    self._session = await ready
            except Exception as error:
                self._task.cancel()
                raise McpError(
                    f"the MCP server {self.where} cannot be reached: {_reason(error)}; check that it runs and speaks MCP"
                ) from error
            return self._session

    async def _hold(self, ready: "asyncio.Future[ClientSession]") -> None:
        from langchain_mcp_adapters.sessions import create_session

        try:
            async with create_session(self._how()) as session:
                await session.initialize()
                ready.set_result(session)
                await self._stop.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            self._session = None

    def _how(self) -> Any:
        server = self._settings.mcp
        if server.command is not None:
            return {
                "transport": "stdio",
                "command": server.command[0],
                "args": server.command[1:],
                "env": {name: secret.get_secret_value() for name, secret in server.env.items()} or None,
            }
        return {
            "transport": "streamable_http",
            "url": server.url,
            "headers": {name: secret.get_secret_value() for name, secret in server.headers.items()},
            "timeout": timedelta(seconds=self._seconds),
            "sse_read_timeout": timedelta(minutes=5),
            "httpx_client_factory": self._lend,
        }

    def _lend(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
        auth: httpx.Auth | None = None,
    ) -> httpx.AsyncClient:
        allowed = origin(httpx.URL(self._settings.mcp.url or ""))
        return httpx.AsyncClient(
            transport=_Lent(self._client, allowed), headers=headers, timeout=timeout, auth=auth, trust_env=False
        )


class _Lent(httpx.AsyncBaseTransport):
    """The guarded client as a transport: the MCP library closes what it is given, the process goes on using it."""

    def __init__(self, client: httpx.AsyncClient, allowed: str) -> None:
        self._client = client
        self._guard = {
            "origins": [allowed],
            "seconds": None,
            "max_bytes": 32 * 1024 * 1024,
            "content_types": _CONTENT_TYPES,
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "guard": self._guard}
        return await self._client.send(request, stream=True, follow_redirects=False)


async def open_server(
    settings: McpAction, client: httpx.AsyncClient, redactor: Redactor, stack: AsyncExitStack
) -> list[Action]:
    """The tools of a server as actions; the server is stopped with `stack`.

    Raises:
        McpError: it cannot be reached, or lacks a tool that `tools` names.
    """
    from actions.mcp.action import McpToolAction

    connection = Connection(settings, client)
    stack.push_async_callback(connection.aclose)
    tools = await connection.tools()
    if missing := set(settings.tools or ()) - {tool.name for tool in tools}:
        known = ", ".join(sorted(tool.name for tool in tools)) or "none"
        raise McpError(
            f"the MCP server {connection.where} has no tool {' and no tool '.join(sorted(missing))}; it has {known}"
        )
    return [
        McpToolAction(settings, tool, connection, redactor)
        for tool in tools
        if settings.tools is None or tool.name in settings.tools
    ]


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
