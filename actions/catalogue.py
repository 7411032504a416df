"""All actions of an agent, opened from its settings."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import structlog

from actions.action import Action
from actions.builtin.actions import Reworded, builtin_action
from actions.builtin.contact_fields import CreateContactBuiltin, InFormat, UpdateContactBuiltin
from actions.builtin.settings import (
    BuiltinSettings,
    CreateContactAction,
    FollowUpAction,
    SendQrisAction,
    UpdateContactAction,
)
from actions.errors import McpUnreachable, MissingAction, NameTaken
from actions.http.action import HttpAction
from actions.lookups import LookUps, outputs_of
from actions.mcp.settings import McpAction
from actions.python.settings import PythonAction
from actions.redaction import Redactor, secrets_of
from actions.settings import ActionSettings, DeclaredAction

if TYPE_CHECKING:
    from actions.mcp.server import Exchange, Listing

log = structlog.get_logger()

_NEEDED = {"send_qris": "payments.qris in agent.yaml", "follow_up": "followups.reminders: true in agent.yaml"}


class Actions(Mapping[str, Action]):
    """The actions by name. Close it when the agent stops."""

    def __init__(self, actions: Mapping[str, Action], stack: AsyncExitStack) -> None:
        self._actions = dict(actions)
        self._stack = stack
        self._away: dict[str, asyncio.Task[None]] = {}
        self.version = 0
        """Another number whenever other actions are offered."""

    @property
    def away(self) -> Sequence[str]:
        """The MCP servers that were away at the start and are tried again; their tools are missing so far."""
        return [server for server, task in self._away.items() if not task.done()]

    def await_server(self, server: str, work: "Callable[[Exchange], Coroutine[Any, Any, None]]") -> None:
        """Take the tools of an MCP server later, when it answers.

        Args:
            server: its name for people.
            work: ends once it has handed the tools over.
        """
        self._away[server] = asyncio.create_task(work(self.exchange), name=f"mcp {server} is away")

    def exchange(self, before: Sequence[Action], after: Sequence[Action]) -> None:
        """Offer actions in place of others: the tools of an MCP server have come, gone or changed."""
        for action in before:
            if self._actions.get(action.name) is action:
                del self._actions[action.name]
        for action in after:
            if action.name in self._actions:
                log.error("mcp_tool_left_out", tool=action.name, reason="another action has this name; set a prefix")
            else:
                self._actions[action.name] = action
        self.version += 1

    def __getitem__(self, name: str) -> Action:
        return self._actions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    async def aclose(self) -> None:
        """Stop the MCP servers that were started."""
        for task in self._away.values():
            task.cancel()
        await asyncio.gather(*self._away.values(), return_exceptions=True)
        await self._stack.aclose()


async def open_actions(
    settings: Sequence[ActionSettings],
    client: httpx.AsyncClient,
    *,
    redactor: Redactor | None = None,
    clock: Callable[[], datetime],
    timezone: tzinfo,
    files: Path,
    extra: Sequence[Action] = (),
    in_format: InFormat | None = None,
    away: Callable[[str], None] | None = None,
    listing: "Listing | None" = None,
) -> Actions:
    """Open every action of `settings`, and the `extra` ones that the caller made itself.

    Args:
        client: the guarded client of the process; not closed here.
        redactor: knows the agent's secrets; those of the actions are added in any case.
        timezone: the agent's own, in which a customer's "tomorrow at nine" is meant.
        files: the folder of agent.yaml, out of which nothing is ever sent.
        in_format: how the platform wants the values of contact fields.
        away: called with what is wrong for every MCP server that cannot be reached; it is then tried again until it answers,
            and its tools are added. `None`: it is an error.
        listing: lists the tools of an MCP server instead of asking it.
        extra: e.g. `send_qris` and `follow_up`; `{builtin: send_qris}` words them anew.

    Raises:
        MissingAction: `send_qris` or `follow_up` is listed, but the feature behind it is off in agent.yaml.
        NameTaken: two actions have one name.
        FunctionError: a Python function cannot be an action.
        McpError: an MCP server cannot be reached (without `away`), or lacks a tool; the servers already started are stopped.
    """
    redactor = (redactor or Redactor()).also(secrets_of(settings))
    found: dict[str, Action] = {}
    provided = {action.name: action for action in extra}

    look_ups = LookUps()

    def add(action: Action, outputs: Sequence[str] = ()) -> None:
        if action.name in found:
            raise NameTaken(f"two actions are called {action.name}; rename one, or give the MCP server a prefix")
        found[action.name] = action
        look_ups.learn(action, outputs)

    stack = AsyncExitStack()
    missing: dict[str, Callable[[Exchange], Coroutine[Any, Any, None]]] = {}
    opened = Actions({}, stack)
    try:
        for entry in settings:
            match entry:
                case DeclaredAction():
                    add(HttpAction(entry, client, redactor, clock, timezone, look_ups), outputs_of(entry.response.pick))
                case McpAction():
                    from actions.mcp.connection import Connection
                    from actions.mcp.server import keep_trying, open_server

                    try:
                        for tool in await open_server(
                            entry,
                            client,
                            redactor,
                            stack,
                            timezone=timezone,
                            look_ups=look_ups,
                            listing=listing or Connection.tools,
                            exchange=opened.exchange,
                        ):
                            add(tool, tool.outputs)
                    except McpUnreachable as error:
                        if away is None:
                            raise
                        away(redactor.text(str(error)))
                        server = entry.mcp.url or " ".join(entry.mcp.command or ())
                        missing[server] = partial(
                            keep_trying, entry, client, redactor, stack, timezone=timezone, look_ups=look_ups
                        )
                case PythonAction():
                    from actions.python.action import open_function

                    add(await asyncio.to_thread(open_function, entry, files, redactor, timezone, look_ups))
                case SendQrisAction() | FollowUpAction():
                    if entry.builtin not in provided:
                        raise MissingAction(f"the built-in action {entry.builtin} needs {_NEEDED[entry.builtin]}")
                    add(Reworded(provided.pop(entry.builtin), entry))
                case UpdateContactAction():
                    add(UpdateContactBuiltin(entry, in_format, timezone))
                case CreateContactAction():
                    add(CreateContactBuiltin(entry, in_format, timezone))
                case BuiltinSettings():
                    add(await asyncio.to_thread(builtin_action, entry, files=files))
        for action in provided.values():
            add(action)
    except BaseException:
        await stack.aclose()
        raise
    opened.exchange((), list(found.values()))
    for server, work in missing.items():
        opened.await_server(server, work)
    return opened
