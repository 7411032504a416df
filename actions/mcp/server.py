"""The tools of an MCP server as actions: `Connection` keeps the session, `McpToolAction` is one tool, `open_server` opens all.

Over HTTP the MCP library gets the guarded client of the process as its transport.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, timedelta, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import structlog

from actions.action import CONFIRM_EXPIRES, EMPTY, Action, Context, Json, Outcome
from actions.arguments import errors_in, validator
from actions.errors import McpError, McpUnreachable, UnmatchedBind
from actions.guard.transport import origin
from actions.http.response import shown
from actions.identity import identifying
from actions.lookups import LookUps, remedy
from actions.mcp.binding import Binding
from actions.mcp.schemas import refusal
from actions.mcp.settings import McpAction
from actions.mcp.transport import SESSION_TERMINATED, SharedClient, refused
from actions.redaction import Redactor
from settings.backoff import Backoff
from settings.text import clean, from_json

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult, Tool


log = structlog.get_logger()


class McpToolAction:
    """One tool. It has an effect unless its `readOnlyHint` (MCP, tool annotations) or agent.yaml says otherwise."""

    def __init__(
        self,
        settings: McpAction,
        tool: "Tool",
        connection: "Connection",
        redactor: Redactor,
        *,
        timezone: tzinfo = UTC,
        look_ups: LookUps | None = None,
    ) -> None:
        self._tool = tool
        self._timezone = timezone
        self._look_ups = look_ups or LookUps()
        self._settings = settings
        self._connection = connection
        self._redactor = redactor
        self.binding = Binding(settings.bind, tool.inputSchema)

    @property
    def name(self) -> str:
        joined = f"{self._settings.prefix}_{self._tool.name}" if self._settings.prefix else self._tool.name
        return re.sub(r"[^A-Za-z0-9_-]", "_", joined)[:64]

    @property
    def description(self) -> str:
        return clean(self._tool.description or self._tool.title or self._tool.name)[:_LONGEST_DESCRIPTION]

    @property
    def parameters(self) -> Mapping[str, Json]:
        return self.binding.visible

    @property
    def effect(self) -> bool:
        return not self._reads if self._settings.effect is None else self._settings.effect

    @property
    def reads(self) -> bool:
        return not self.effect

    @property
    def builtin(self) -> str | None:
        return None

    @property
    def idempotent(self) -> bool:
        hints = self._tool.annotations
        # hints that agent.yaml does not believe in one point are not believed in the other
        return not self.effect or bool(hints and hints.idempotentHint and not hints.readOnlyHint)

    @property
    def identity(self) -> Sequence[str]:
        return identifying(self.parameters)

    @property
    def per_turn(self) -> int | None:
        return self._settings.per_turn

    @property
    def confirm(self) -> str | None:
        asked = self._settings.confirm.get(self._tool.name)
        return asked.text if asked else None

    @property
    def confirm_expires(self) -> timedelta:
        asked = self._settings.confirm.get(self._tool.name)
        return asked.expires if asked else CONFIRM_EXPIRES

    @property
    def outputs(self) -> Sequence[str]:
        """The names of what it answers, as far as it declares them."""
        return tuple((self._tool.outputSchema or {}).get("properties") or ())

    @property
    def examples(self) -> Sequence[str]:
        return ()

    @property
    def claims(self) -> Sequence[str]:
        return ()

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        values = self._take(arguments, context)
        return values if isinstance(values, Outcome) else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        values = self._take(arguments, context)
        if isinstance(values, Outcome):
            return values
        try:
            result = await self._connection.call(self._tool.name, values, attempts=2 if self.idempotent else 1)
        except McpError as error:
            return Outcome("failed", self._redactor.text(f"It was not done: {error}."))
        except Exception as error:  # noqa: BLE001 - whatever a server or its transport does is an outcome
            if self.effect:
                return Outcome("unknown", "The request was sent, but no answer came: nobody knows whether it was done.")
            return Outcome("failed", self._redactor.text(f"It was not done: {error or type(error).__name__}."))
        return self._outcome(result)

    @property
    def _reads(self) -> bool:
        hints = self._tool.annotations
        return bool(hints and hints.readOnlyHint and not hints.destructiveHint)

    @cached_property
    def _validator(self) -> Any:
        return validator(self.parameters)

    def _take(self, arguments: Mapping[str, Json], context: Context) -> dict[str, Json] | Outcome:
        problems = [f"{name} is not yours to set" for name in self.binding.forbidden(arguments)]
        try:
            found = errors_in(dict(arguments), self._validator)
            problems += [f"{where or 'the arguments'}: {what}" for where, what in found]
        except Exception as error:  # noqa: BLE001 - a schema with an endless or a broken reference
            problems.append(f"the schema of {self._tool.name} cannot be used ({type(error).__name__})")
        if problems:
            return Outcome("refused", f"Nothing was called: {'; '.join(problems[:5])}. Ask the customer; do not guess.")
        if (lacking := self.binding.unfounded(arguments, context, self._timezone)) is not None:
            place, leaf = lacking
            where = f"{place}{leaf.path}"
            described = leaf.schema.description if leaf.schema else None
            return Outcome(
                "refused",
                f"Nothing was called: {leaf.value!r} for {where} is not from {' or '.join(map(str, leaf.sources))}. "
                + remedy(where, described, leaf.sources, self._look_ups),
            )
        values, missing = self.binding.filled(arguments, context)
        if missing:
            return Outcome(
                "failed", f"Nothing was called: the contact has no value for {' and '.join(missing)} on record."
            )
        return values

    def _outcome(self, result: "CallToolResult") -> Outcome:
        texts = [part.text for part in result.content if part.type == "text"]
        others = sorted({part.type for part in result.content if part.type != "text"})
        data: Json = result.structuredContent
        if data is None:
            data = _parsed("\n".join(texts))
        data = self._redactor(data)
        content = self._redactor.text(shown("\n".join(texts)) or shown(data))
        if others:
            content += f" (also {', '.join(others)}, which cannot be shown)"
        if result.isError:
            return Outcome("failed", content or "It was not done: the tool reported an error.")
        return Outcome("done", content or EMPTY, data)


def _parsed(text: str) -> Json:
    try:
        value: Json = from_json(text)
    except ValueError:
        return text
    return value


_MOST_TOOLS = 200
_LONGEST_DESCRIPTION = 4_000
RETRY = Backoff(timedelta(seconds=5), timedelta(minutes=1), least=0.5)
"""How often a server that was away at the start is tried again."""


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

    @property
    def where(self) -> str:
        server = self._settings.mcp
        return server.url or " ".join(server.command or ())

    @property
    def is_program(self) -> bool:
        """Whether it is a program that is started here."""
        return self._settings.mcp.command is not None

    async def tools(self) -> "list[Tool]":
        """List the tools of the server, at most `_MOST_TOOLS`.

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

    async def call(self, tool: str, arguments: Mapping[str, Json], attempts: int = 1) -> "CallToolResult":
        """Call a tool. A session that has ended is replaced.

        A server that was started anew answers 404 for the old session (MCP, streamable HTTP, session management).

        Args:
            tool: the name of the tool on the server.
            arguments: of the call.
            attempts: 2 for a call that may be repeated in a new session when the old one turns out to have ended.

        Raises:
            McpError: nothing was done.
            Exception: it may have been sent; the error of the protocol or the network.
        """
        from mcp import McpError as ProtocolError
        from mcp.types import CONNECTION_CLOSED

        session = await self._ready()
        try:
            return await session.call_tool(tool, dict(arguments), read_timeout_seconds=timedelta(seconds=self._seconds))
        except Exception as error:
            if isinstance(error, ProtocolError) and error.error.message == SESSION_TERMINATED:
                self._discard(session)
                if attempts > 1:
                    return await self.call(tool, arguments, attempts - 1)
                raise McpError(
                    f"the session with {self.where} had ended; a new one is begun with the next call"
                ) from error
            if isinstance(error, ProtocolError) and refused(error.error.code):
                raise McpError(f"the MCP server {self.where} does not take the call: {error}") from error
            # Any other error of the protocol comes from a live server that fails or is slow.
            if not isinstance(error, ProtocolError) or error.error.code == CONNECTION_CLOSED:
                self._discard(session)
                if attempts > 1:
                    return await self.call(tool, arguments, attempts - 1)
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
                raise McpUnreachable(
                    f"the MCP server {self.where} cannot be reached: {_reason(error)}; check that it runs and speaks MCP"
                ) from error
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
            }
        return {
            "transport": "streamable_http",
            "url": server.url,
            "headers": {name: secret.get_secret_value() for name, secret in server.headers.items()},
            "timeout": timedelta(seconds=self._seconds),
            "sse_read_timeout": timedelta(minutes=5),
            "httpx_client_factory": self._shared_client,
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


Listing = Callable[[Connection], Awaitable["list[Tool]"]]
"""Lists the tools of a server. Raises `McpError`."""


async def open_server(
    settings: McpAction,
    client: httpx.AsyncClient,
    redactor: Redactor,
    stack: AsyncExitStack,
    *,
    timezone: tzinfo = UTC,
    look_ups: LookUps | None = None,
    listing: "Listing" = Connection.tools,
) -> list[McpToolAction]:
    """Open a server and make its tools actions; it is stopped when `stack` is closed.

    Args:
        settings: the `{mcp: …}` entry.
        client: the guarded client.
        redactor: masks secrets.
        stack: closes the connection.
        timezone: the agent's.
        look_ups: the reading actions.
        listing: lists its tools; without a call of one, a connection that is not asked is never begun.

    Raises:
        McpUnreachable: it cannot be reached.
        McpError: it lacks a tool that `tools` or `confirm` names.
        UnmatchedBind: no tool has a parameter that `bind` names.
    """
    connection = Connection(settings, client)
    try:
        tools = await listing(connection)
    except BaseException:
        await connection.aclose()
        raise
    stack.push_async_callback(connection.aclose)
    if missing := {*(settings.tools or ()), *settings.confirm} - {tool.name for tool in tools}:
        known = ", ".join(sorted(tool.name for tool in tools)) or "none"
        raise McpError(
            f"the MCP server {connection.where} has no tool {' and no tool '.join(sorted(missing))}; it has {known}"
        )
    offered = [
        McpToolAction(settings, tool, connection, redactor, timezone=timezone, look_ups=look_ups)
        for tool in tools
        if (settings.tools is None or tool.name in settings.tools) and _accepted(tool, connection)
    ]
    if unbound := settings.bind.keys() - {name for action in offered for name in action.binding.names}:
        parameters = ", ".join(sorted({name for action in offered for name in action.binding.parameters})) or "none"
        raise UnmatchedBind(
            sorted(unbound)[0],
            f"no tool of the MCP server {connection.where} has a parameter {' or '.join(sorted(unbound))}, so nothing is bound; "
            f"there is {parameters}",
        )
    return offered


def _accepted(tool: "Tool", connection: Connection) -> bool:
    problem = refusal(tool.inputSchema)
    if problem is not None:
        log.warning("mcp_tool_refused", server=connection.where, tool=clean(tool.name)[:64], reason=problem)
    return problem is None


async def keep_trying(
    settings: McpAction,
    client: httpx.AsyncClient,
    redactor: Redactor,
    stack: AsyncExitStack,
    found: Callable[[Sequence[Action]], None],
    *,
    timezone: tzinfo = UTC,
    look_ups: LookUps | None = None,
) -> None:
    """Try to open a server that was away at the start, until it answers; its tools are missing meanwhile.

    Args:
        settings: the `{mcp: …}` entry.
        client: the guarded client.
        redactor: masks secrets.
        stack: closes the connection.
        found: takes the tools.
        timezone: the agent's.
        look_ups: the reading actions.
    """
    attempt = 0
    while True:
        attempt += 1
        await asyncio.sleep(RETRY.wait(attempt).total_seconds())
        try:
            actions = await open_server(settings, client, redactor, stack, timezone=timezone, look_ups=look_ups)
        except McpError as error:
            log.warning("mcp_server_away", reason=redactor.text(str(error)), attempt=attempt)
            continue
        log.info("mcp_server_back", tools=[action.name for action in actions], attempt=attempt)
        found(actions)
        return


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
