"""The tools of an MCP server as actions: `McpToolAction` is one tool, `open_server` opens all.

A server may change its tools while the agent runs. A tool is called as it was offered or not at all: what holds for a call (its schema,
whether it changes something, what is bound and asked about) is that of the tool as the server lists it then.
"""

import asyncio
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
from actions.errors import McpError, UnmatchedBind
from actions.http.response import shown
from actions.identity import contract_of, identifying
from actions.lookups import LookUps, remedy
from actions.mcp.binding import Binding
from actions.mcp.connection import Connection
from actions.mcp.schemas import refusal
from actions.mcp.settings import McpAction
from actions.redaction import Redactor
from settings.backoff import Backoff
from settings.text import clean, from_json

if TYPE_CHECKING:
    from mcp.types import CallToolResult, Tool

log = structlog.get_logger()

_LONGEST_DESCRIPTION = 4_000
_MOST_NAMES = 1_000
"""Names of tools that a server may have had since it was opened."""
RETRY = Backoff(timedelta(seconds=5), timedelta(minutes=1), least=0.5)
"""How often a server that was away at the start is tried again."""


class _Changed(Exception):
    """The tool is another one now; nothing was called."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.content)
        self.outcome = outcome


class McpToolAction:
    """One tool. It has an effect unless its `readOnlyHint` (MCP, tool annotations) or agent.yaml says otherwise."""

    def __init__(
        self,
        settings: McpAction,
        tool: "Tool",
        connection: Connection,
        redactor: Redactor,
        *,
        timezone: tzinfo = UTC,
        look_ups: LookUps | None = None,
        offer: "_Offer | None" = None,
        was_effect: bool = False,
    ) -> None:
        """Make a tool an action.

        Args:
            settings: the `{mcp: …}` entry.
            tool: as the server listed it.
            connection: to the server.
            redactor: masks secrets.
            timezone: the agent's.
            look_ups: the reading actions.
            offer: knows whether the server still lists it so.
            was_effect: whether the server said before that it changes something, which no later hint of it takes back.
        """
        self._tool = tool
        self._offer = offer
        self._was_effect = was_effect
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
    def hints(self) -> Sequence[str]:
        hints = self._tool.annotations
        said = hints.model_dump(exclude={"title", "openWorldHint"}, exclude_none=True) if hints else {}
        return sorted(
            name for name, value in {"destructiveHint": True, **said}.items() if value is True
        )  # MCP's defaults

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

    @property
    def tool(self) -> str:
        """What the server calls it."""
        return self._tool.name

    @property
    def guarded(self) -> bool:
        """Whether a question is put before it, or anything of it is bound."""
        return self.confirm is not None or bool(self.binding.names)

    def is_of(self, tool: "Tool") -> bool:
        """Whether it is that tool, in every word of its description."""
        return self._tool == tool

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        values = self._take(arguments, context)
        if isinstance(values, Outcome):
            return values
        return None if self._offer is None else await self._offer.changed_since(self, surely=True)

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        values = self._take(arguments, context)
        if isinstance(values, Outcome):
            return values
        attempts = 2 if self.idempotent else 1
        try:
            result = await self._connection.call(self._tool.name, values, attempts, before=self._as_offered)
        except _Changed as error:
            return error.outcome
        except McpError as error:
            return Outcome("failed", self._redactor.text(f"It was not done: {error}."))
        except Exception as error:  # noqa: BLE001 - whatever a server or its transport does is an outcome
            if self.effect:
                return Outcome("unknown", "The request was sent, but no answer came: nobody knows whether it was done.")
            return Outcome("failed", self._redactor.text(f"It was not done: {error or type(error).__name__}."))
        return self._outcome(result)

    async def _as_offered(self) -> None:
        if self._offer is not None and (changed := await self._offer.changed_since(self)) is not None:
            raise _Changed(changed)

    @property
    def _reads(self) -> bool:
        hints = self._tool.annotations
        return bool(hints and hints.readOnlyHint and not hints.destructiveHint) and not self._was_effect

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


Listing = Callable[[Connection], Awaitable["list[Tool]"]]
"""Lists the tools of a server. Raises `McpError`."""

Exchange = Callable[[Sequence[Action], Sequence[Action]], None]
"""Takes the actions that are no longer offered, and those that are offered instead."""


class _Offer:
    """The tools of a server that are offered, listed anew where they may be others by now."""

    def __init__(
        self,
        settings: McpAction,
        connection: Connection,
        redactor: Redactor,
        timezone: tzinfo,
        look_ups: LookUps | None,
        listing: Listing,
        exchange: Exchange | None,
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._redactor = redactor
        self._timezone = timezone
        self._look_ups = look_ups
        self._listing = listing
        self._exchange: Exchange = exchange or (lambda _before, _after: None)
        self._one_at_a_time = asyncio.Lock()
        self._tools: dict[str, McpToolAction] = {}
        self._known: dict[str, McpToolAction] = {}
        self._renewing: asyncio.Task[None] | None = None

    async def open(self) -> list[McpToolAction]:
        """List the tools for the first time. Raises as `open_server`."""
        settings, connection = self._settings, self._connection
        tools = await self._listing(connection)
        if missing := {*(settings.tools or ()), *settings.confirm} - {tool.name for tool in tools}:
            known = ", ".join(sorted(tool.name for tool in tools)) or "none"
            raise McpError(
                f"the MCP server {connection.where} has no tool {' and no tool '.join(sorted(missing))}; it has {known}"
            )
        offered = [
            self._action(tool)
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
        self._tools = self._known = {action.tool: action for action in offered}
        connection.changed = self._renew_soon
        return offered

    async def aclose(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._connection.aclose()

    async def changed_since(self, action: McpToolAction, *, surely: bool = False) -> Outcome | None:
        """Say that a tool is another one now, or gone.

        Args:
            action: as it was offered.
            surely: whether the server is asked in any case, as before what changes something.
        """
        try:
            async with self._one_at_a_time:
                if surely or self._connection.stale:
                    await self._renew()
        except McpError as error:
            return Outcome("failed", self._redactor.text(f"It was not done: {error}."))
        now = self._tools.get(action.tool)
        if now is None:
            return Outcome("failed", f"Nothing was called: {action.name} is not offered by its server any more.")
        if contract_of(now) != contract_of(action):
            return Outcome(
                "refused",
                f"Nothing was called: {action.name} has changed since it was described to you. It is described anew now; call it as it "
                "is described, if that is still what the customer wants.",
            )
        return None

    def _renew_soon(self) -> None:
        """The server has said that its tools are others; it cannot be asked while it is heard."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_alone(), name=f"tools of {self._connection.where}")

    async def _renew_alone(self) -> None:
        try:
            async with self._one_at_a_time:
                while self._connection.stale:
                    await self._renew()
        except McpError as error:  # the next call asks again
            log.warning("mcp_tools_not_listed", reason=self._redactor.text(str(error)))

    async def _renew(self) -> None:
        """List the tools, and offer what is new or has changed in place of what was.

        What a question or a binding guarded stays guarded: a tool whose bound parameters are gone is left out, and so are new tools that
        change something once a guarded one is gone, for they may be the same under another name.
        """
        listed = {tool.name: tool for tool in await self._listing(self._connection)}
        before = self._tools
        lost = any(action.guarded and name not in listed for name, action in self._known.items())
        after: dict[str, McpToolAction] = {}
        for name, tool in listed.items():
            known = self._known.get(name)
            if known is not None and known.is_of(tool):
                after[name] = known
            elif (self._settings.tools is None or name in self._settings.tools) and _accepted(tool, self._connection):
                action = self._action(tool, was_effect=known is not None and known.effect)
                if known is not None and not known.binding.names <= action.binding.names:
                    _leave_out(tool, self._connection, "a parameter that `bind` names is gone")
                elif known is None and (len(self._known) >= _MOST_NAMES or (action.effect and lost)):
                    _leave_out(
                        tool, self._connection, "it may be a tool that `confirm` or `bind` guarded under its old name"
                    )
                else:
                    after[name] = action
        gone = [action for name, action in before.items() if after.get(name) is not action]
        new = [action for name, action in after.items() if before.get(name) is not action]
        self._tools, self._known = after, {**self._known, **after}
        if gone or new:
            log.warning(
                "mcp_tools_changed",
                server=self._connection.where,
                gone=sorted(before.keys() - after.keys()),
                new=sorted(after.keys() - before.keys()),
                changed=sorted(action.tool for action in new if action.tool in before),
            )
            self._exchange(gone, new)

    def _action(self, tool: "Tool", *, was_effect: bool = False) -> McpToolAction:
        return McpToolAction(
            self._settings,
            tool,
            self._connection,
            self._redactor,
            timezone=self._timezone,
            look_ups=self._look_ups,
            offer=self,
            was_effect=was_effect,
        )


async def open_server(
    settings: McpAction,
    client: httpx.AsyncClient,
    redactor: Redactor,
    stack: AsyncExitStack,
    *,
    timezone: tzinfo = UTC,
    look_ups: LookUps | None = None,
    listing: "Listing" = Connection.tools,
    exchange: "Exchange | None" = None,
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
        exchange: takes the tools that are no longer offered, and those that are offered instead, when the server has changed them.

    Raises:
        McpUnreachable: it cannot be reached.
        McpError: it lacks a tool that `tools` or `confirm` names.
        UnmatchedBind: no tool has a parameter that `bind` names.
    """
    offer = _Offer(settings, Connection(settings, client), redactor, timezone, look_ups, listing, exchange)
    try:
        offered = await offer.open()
    except BaseException:
        await offer.aclose()
        raise
    stack.push_async_callback(offer.aclose)
    return offered


def _accepted(tool: "Tool", connection: Connection) -> bool:
    problem = refusal(tool.inputSchema)
    if problem is not None:
        _leave_out(tool, connection, problem)
    return problem is None


def _leave_out(tool: "Tool", connection: Connection, reason: str) -> None:
    log.warning("mcp_tool_refused", server=connection.where, tool=clean(tool.name)[:64], reason=reason)


async def keep_trying(
    settings: McpAction,
    client: httpx.AsyncClient,
    redactor: Redactor,
    stack: AsyncExitStack,
    exchange: Exchange,
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
        exchange: takes the tools, now and whenever the server has changed them.
        timezone: the agent's.
        look_ups: the reading actions.
    """
    attempt = 0
    while True:
        attempt += 1
        await asyncio.sleep(RETRY.wait(attempt).total_seconds())
        try:
            actions = await open_server(
                settings, client, redactor, stack, timezone=timezone, look_ups=look_ups, exchange=exchange
            )
        except McpError as error:
            log.warning("mcp_server_away", reason=redactor.text(str(error)), attempt=attempt)
            continue
        log.info("mcp_server_back", tools=[action.name for action in actions], attempt=attempt)
        exchange((), actions)
        return
