"""One tool of an MCP server as an action."""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from actions.action import CONFIRM_EXPIRES, Action, Context, Json, Outcome
from actions.arguments import validator
from actions.errors import McpError
from actions.guard.transport import origin
from actions.http.response import shown
from actions.mcp.settings import McpAction
from actions.parameters import Parameter, Schema
from actions.provenance import bound_values, unsupported
from actions.redaction import Redactor

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.types import CallToolResult, Tool


class McpToolAction:
    """Has an effect unless the server says that the tool only reads, or agent.yaml says otherwise."""

    def __init__(self, settings: McpAction, tool: "Tool", connection: "Connection", redactor: Redactor) -> None:
        self._tool = tool
        self._settings = settings
        self._connection = connection
        self._redactor = redactor
        self._schema: dict[str, Any] = dict(tool.inputSchema)
        self._properties: dict[str, Any] = dict(self._schema.get("properties") or {})
        self._sources = {name: sources for name, sources in settings.bind.items() if name in self._properties}
        self._bound = {
            name: Parameter.model_validate({"from": list(sources), "optional": not self._needs(name)})
            for name, sources in self._sources.items()
            if sources[0].bound
        }

    @property
    def name(self) -> str:
        joined = f"{self._settings.prefix}_{self._tool.name}" if self._settings.prefix else self._tool.name
        return re.sub(r"[^A-Za-z0-9_-]", "_", joined)[:64]

    @property
    def description(self) -> str:
        return self._tool.description or self._tool.title or self._tool.name

    @cached_property
    def parameters(self) -> Mapping[str, Json]:
        return {
            **self._schema,
            "type": "object",
            "properties": {name: schema for name, schema in self._properties.items() if name not in self._bound},
            "required": [name for name in self._schema.get("required") or () if name not in self._bound],
        }

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
        return self._reads or bool(hints and hints.idempotentHint)

    @property
    def confirm(self) -> str | None:
        return None

    @property
    def confirm_expires(self) -> timedelta:
        return CONFIRM_EXPIRES

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
            result = await self._connection.call(self._tool.name, values)
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
        return bool(hints and hints.readOnlyHint)

    def _needs(self, name: str) -> bool:
        return name in (self._schema.get("required") or ())

    @cached_property
    def _validator(self) -> Any:
        return validator(self.parameters)

    def _take(self, arguments: Mapping[str, Json], context: Context) -> dict[str, Json] | Outcome:
        bound, missing = bound_values(self._bound, context)
        if missing:
            return Outcome(
                "failed", f"Nothing was called: the contact has no value for {' and '.join(missing)} on record."
            )
        problems = [f"there is no parameter {name}" for name in arguments if name in self._bound]
        problems += [
            f"{'.'.join(map(str, error.absolute_path)) or 'the arguments'}: {error.message[:300]}"
            for error in self._validator.iter_errors(dict(arguments))
        ]
        if problems:
            return Outcome("refused", f"Nothing was called: {'; '.join(problems[:5])}. Ask the customer; do not guess.")
        for name, value in arguments.items():
            if (sources := self._sources.get(name)) is None:
                continue
            schema = Schema.model_construct(enum=(self._properties.get(name) or {}).get("enum"))
            if (leaf := unsupported(value, schema, sources, context)) is not None:
                return Outcome(
                    "refused",
                    f"Nothing was called: {leaf!r} for {name} is not from {' or '.join(map(str, sources))}. "
                    "Ask the customer; never guess it.",
                )
        return {**arguments, **bound}

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
        return Outcome("done", content or "Done; the answer is empty.", data)


def _parsed(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except ValueError:
        return text
    return value


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
