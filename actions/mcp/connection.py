"""The session with an MCP server: begun on first use, again after it has ended, and told when the server's tools have changed.

Over HTTP the MCP library gets the guarded client of the process as its transport.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from actions.action import Json
from actions.errors import McpError, McpUnreachable
from actions.guard.transport import origin
from actions.mcp.settings import McpAction
from actions.mcp.transport import SESSION_TERMINATED, SharedClient, refused

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult, Tool

_MOST_TOOLS = 200

LISTED_FOR = timedelta(minutes=1)
"""How long a list of tools is believed for calls that only read, where the server does not say that it has changed."""


class Connection:
    """A session with an MCP server, started on first use and again after it has ended.

    The session runs in its own task: the task that enters its cancel scopes must be the one to leave them.
    """

    def __init__(self, settings: McpAction, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._client = client
        self._starting = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._session: ClientSession | None = None
        self._stop = asyncio.Event()
        self._listed_at: float | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called when the server says that its tools are others now, and for each new session but the first."""

    @property
    def stale(self) -> bool:
        """Whether the tools may be others than when they were last listed."""
        now = asyncio.get_running_loop().time()
        return self._listed_at is None or now - self._listed_at > LISTED_FOR.total_seconds()

    @property
    def where(self) -> str:
        server = self._settings.mcp
        return server.url or " ".join(server.command or ())

    @property
    def is_program(self) -> bool:
        """Whether it is a program that is started here."""
        return self._settings.mcp.command is not None

    async def tools(self) -> "list[Tool]":
        """List the tools of the server, at most `_MOST_TOOLS`; a session that has ended is replaced.

        Raises:
            McpError: it cannot be reached, or does not answer in time.
        """
        before = self._session
        try:
            return await self._list(await self._ready())
        except McpUnreachable:
            raise
        except McpError:
            if before is None:
                raise
            self._discard(before)
            return await self._list(await self._ready())

    async def _list(self, session: "ClientSession") -> "list[Tool]":
        found: list[Tool] = []
        self._listed_at = asyncio.get_running_loop().time()  # what changes from here on makes it stale again
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
            self._listed_at = None
            raise McpError(f"the MCP server {self.where} does not list its tools: {_reason(error)}") from error
        return found[:_MOST_TOOLS]

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Json],
        attempts: int = 1,
        *,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> "CallToolResult":
        """Call a tool. A session that has ended is replaced.

        A server that was started anew answers 404 for the old session (MCP, streamable HTTP, session management).

        Args:
            tool: the name of the tool on the server.
            arguments: of the call.
            attempts: 2 for a call that may be repeated in a new session when the old one turns out to have ended.
            before: awaited before each attempt, once there is a session; what it raises ends the call.

        Raises:
            McpError: nothing was done.
            Exception: it may have been sent; the error of the protocol or the network.
        """
        from mcp import McpError as ProtocolError
        from mcp.types import CONNECTION_CLOSED

        session = await self._ready()
        if before is not None:
            await before()
            session = await self._ready()
        try:
            return await session.call_tool(tool, dict(arguments), read_timeout_seconds=timedelta(seconds=self._seconds))
        except Exception as error:
            if isinstance(error, ProtocolError) and error.error.message == SESSION_TERMINATED:
                self._discard(session)
                if attempts > 1:
                    return await self.call(tool, arguments, attempts - 1, before=before)
                raise McpError(
                    f"the session with {self.where} had ended; a new one is begun with the next call"
                ) from error
            if isinstance(error, ProtocolError) and refused(error.error.code):
                raise McpError(f"the MCP server {self.where} does not take the call: {error}") from error
            # Any other error of the protocol comes from a live server that fails or is slow.
            if not isinstance(error, ProtocolError) or error.error.code == CONNECTION_CLOSED:
                self._discard(session)
                if attempts > 1:
                    return await self.call(tool, arguments, attempts - 1, before=before)
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

    async def _heard(self, message: object) -> None:
        """Take what the server says by itself: whether its tools have changed."""
        from mcp.types import ServerNotification, ToolListChangedNotification

        if isinstance(message, ServerNotification) and isinstance(message.root, ToolListChangedNotification):
            self._forget_tools()

    def _forget_tools(self) -> None:
        if self._listed_at is not None:
            self._listed_at = None
            self.changed()

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
                raise McpUnreachable(
                    f"the MCP server {self.where} cannot be reached: {_reason(error)}; check that it runs and speaks MCP"
                ) from error
            self._forget_tools()
            return self._session

    async def _hold(self, ready: "asyncio.Future[ClientSession]") -> None:
        from langchain_mcp_adapters.sessions import create_session

        try:
            async with create_session(self._session_options()) as session:
                await session.initialize()
                ready.set_result(session)
                await self._stop.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
        finally:
            self._session = None

    def _session_options(self) -> Any:
        server = self._settings.mcp
        if server.command is not None:
            return {
                "transport": "stdio",
                "command": server.command[0],
                "args": server.command[1:],
                "env": {name: secret.get_secret_value() for name, secret in server.env.items()} or None,
                "session_kwargs": {"message_handler": self._heard},
            }
        return {
            "transport": "streamable_http",
            "url": server.url,
            "headers": {name: secret.get_secret_value() for name, secret in server.headers.items()},
            "timeout": timedelta(seconds=self._seconds),
            "sse_read_timeout": timedelta(minutes=5),
            "httpx_client_factory": self._shared_client,
            "session_kwargs": {"message_handler": self._heard},
        }

    def _shared_client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx.Timeout | None = None,
        auth: httpx.Auth | None = None,
    ) -> httpx.AsyncClient:
        allowed = origin(httpx.URL(self._settings.mcp.url or ""))
        return httpx.AsyncClient(
            transport=SharedClient(self._client, allowed), headers=headers, timeout=timeout, auth=auth, trust_env=False
        )


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
