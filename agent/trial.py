"""Trying the agent: a whole turn against a temporary ledger, with the knowledge, model and settings of the running agent.

Nothing is sent, and no effect is run unless asked for: a step of an action that was not run says `dry`.
"""

import asyncio
import base64
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import Connection

from actions.action import Action, Context, Json, Outcome, WrappedAction
from agent.app import Agent
from agent.assembly import Ground, assemble, open_guarded, open_ledger
from agent.config import AgentConfig
from agent.config.conversation import QuietWindow
from agent.engine.embedded import EmbeddedEngine
from agent.ledger import contacts, history, inbound, media, memory, overview, steps, turns
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.media import Media
from agent.ledger.steps import Step
from agent.slots import Slots
from agent.terminal import TerminalPlatform, as_text
from messaging.admission import admitted
from messaging.types import Attachment, Contact, ContactKey, File, InboundMessage
from settings.text import cleaned

KEPT = timedelta(hours=1)
"""How long a conversation can be gone on with, and its files fetched."""

_OUTSIDE = "outside"
"""Under this name the trial's ledger counts what the agent's ledger says that the day has cost."""

MOST_SESSIONS = 200
LARGEST_FILE = 16 * 1024 * 1024

_live: ContextVar[bool] = ContextVar("live", default=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """An attachment of a reply. `url` holds the content itself where it is ours; `qris` is the payload of a payment code."""

    kind: str
    url: str
    type: str | None = None
    qris: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome of one message.

    `state` and `reason` are the turn's, `notes` what colleagues would have seen, `dry` the actions whose effect was not run.
    """

    session: str
    messages: list[str]
    attachments: list[Shown]
    steps: list[Step]
    notes: list[str]
    state: str
    reason: str | None
    handover: str | None
    tokens: int
    cost: float
    seconds: float
    dry: frozenset[str]


@dataclass(slots=True)
class _Session:
    """A conversation that is gone on with; one message at a time."""

    contact: Contact
    used_at: float
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


class Trials:
    """Tries the running agent as it is configured at the moment. Built at the first trial, and again after a change."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._bench: _Bench | None = None
        self._building = asyncio.Lock()

    async def aclose(self) -> None:
        """Delete the temporary ledger."""
        if self._bench is not None:
            await self._bench.aclose()
            self._bench = None

    async def bench(self) -> "_Bench":
        """The agent on its temporary ledger."""
        async with self._building:
            if self._bench is None or self._bench.config is not self._agent.config:
                await self.aclose()
                self._bench = await _Bench.open(self._agent)
            return self._bench


class _Bench:
    def __init__(
        self, running: Agent, agent: Agent, config: AgentConfig, platform: TerminalPlatform, stack: AsyncExitStack
    ) -> None:
        self.config = config
        self._running = running
        self._agent = agent
        self._platform = platform
        self._stack = stack
        self._sessions: dict[str, _Session] = {}

    @classmethod
    async def open(cls, running: Agent) -> Self:
        """Build it over the knowledge of the running agent."""
        config, stack, platform = running.config, AsyncExitStack(), TerminalPlatform()
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="balas-trial-"))
            database = await stack.enter_async_context(open_ledger(config, f"sqlite:///{Path(folder, 'trial.db')}"))
            resources = await stack.enter_async_context(AsyncExitStack())
            own = running.base_url.split("://", 1)[-1]
            local = _for_trial(config, own)
            guarded = await resources.enter_async_context(open_guarded(local))
            ground = Ground(
                database,
                running.knowledge,
                EmbeddedEngine(clock=running.clock),
                Slots(4),
                f"trial-{secrets.token_hex(4)}",
                running.clock,
            )
            agent = await assemble(
                local, ground, resources, guarded, platform=platform, base_url=running.base_url, limited=_Dry
            )
        except BaseException:
            await stack.aclose()
            raise
        return cls(running, agent, config, platform, stack)

    async def aclose(self) -> None:
        """Close what was opened, and delete the ledger."""
        await self._stack.aclose()

    def session(self, name: str | None, contact: Contact) -> tuple[str, bool]:
        """The name of the conversation to go on with, or of a new one; whether it is new."""
        now = asyncio.get_running_loop().time()
        for old in [key for key, each in self._sessions.items() if now - each.used_at > KEPT.total_seconds()]:
            del self._sessions[old]
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].used_at)]
        if name is not None and name in self._sessions:
            self._sessions[name].used_at = now
            return name, False
        new = secrets.token_urlsafe(9)
        key = ContactKey(self._platform.name, f"trial-{new}")
        self._sessions[new] = _Session(replace(contact, key=key), now)
        self._platform.greet(self._sessions[new].contact)
        return new, True

    @property
    def database(self) -> Database:
        """Its temporary ledger."""
        return self._agent.database

    def key(self, session: str) -> ContactKey | None:
        """The contact of a conversation; `None` where there is none of this name."""
        return self._sessions[session].contact.key if session in self._sessions else None

    async def begin(self, session: str, language: str | None, lines: Sequence[Line], facts: Mapping[str, str]) -> None:
        """Give a new conversation what went before it."""
        contact, now = self._sessions[session].contact, self._agent.clock()

        def work(connection: Connection) -> None:
            contacts.remember(connection, contact, **({"language": language} if language else {}))
            history.append(
                connection, contact.key, [replace(cleaned(line), message_id=None, turn=None) for line in lines]
            )
            if facts:
                memory.learn(connection, contact.key, cleaned(dict(facts)), "trial", now)

        await self._agent.database.write(work)

    async def say(self, session: str, text: str | None, attachments: Sequence[Attachment], *, live: bool) -> Trial:
        """Answer one message; when this returns, everything that comes of it has happened."""
        one = self._sessions[session]
        key, began = one.contact.key, asyncio.get_running_loop().time()
        async with one.busy:
            token = _live.set(live)
            try:
                now = self._agent.clock()
                said = InboundMessage(
                    contact=one.contact,
                    message_id=secrets.token_hex(12),
                    sent_at=now,
                    text=text,
                    attachments=tuple(attachments),
                    kind="attachment" if attachments else "text",
                )
                message = admitted(said, now)
                await self._take_over_cost()
                await self._agent.database.write(
                    lambda connection: inbound.accept(connection, message, now, self._agent.rules)
                )
                try:
                    await self._agent.worker.process(key)
                finally:
                    await self._hand_over_cost(message.message_id, key)
            finally:
                _live.reset(token)
            seconds = asyncio.get_running_loop().time() - began
            return await self._result(session, key, seconds, live=live)

    async def _take_over_cost(self) -> None:
        """Give the trial the cost of the day so far, so that `limits.usd_per_day` holds for both together."""
        since = self._agent.clock() - timedelta(days=1)
        whole = await self._running.database.read(lambda connection: turns.dollars(connection, since))

        def work(connection: Connection) -> None:
            turns.record_trial(connection, _OUTSIDE, self._agent.clock(), 0, 0.0)
            own = turns.dollars(connection, since)
            turns.record_trial(connection, _OUTSIDE, self._agent.clock(), 0, max(0.0, whole - own))

        await self._agent.database.write(work)

    async def _hand_over_cost(self, message_id: str, key: ContactKey) -> None:
        """Count what the last turn has cost in the agent's own ledger."""
        turn, _ = await self._agent.database.read(lambda connection: _last_turn(connection, key))
        if turn is None or not turn.tokens:
            return
        name, now, tokens, cost = f"trial-{message_id}", self._agent.clock(), turn.tokens, turn.cost
        await self._running.database.write(lambda connection: turns.record_trial(connection, name, now, tokens, cost))

    async def watch(self, session: str, seen: set[str]) -> list[Step]:
        """The steps of the session's turn that have ended and are not in `seen`, which takes them."""
        key = self._sessions[session].contact.key
        _, recorded = await self._agent.database.read(lambda connection: _last_turn(connection, key))
        fresh = [step for step in recorded if step.finished_at is not None and f"{step.turn}/{step.n}" not in seen]
        seen.update(f"{step.turn}/{step.n}" for step in fresh)
        return fresh

    async def _result(self, session: str, key: ContactKey, seconds: float, *, live: bool) -> Trial:
        turn, recorded = await self._agent.database.read(lambda connection: _last_turn(connection, key))
        sent = self._platform.take(key)
        return Trial(
            session=session,
            messages=[as_text(message) for message in sent if not isinstance(message, File)],
            attachments=[await self._shown(message) for message in sent if isinstance(message, File)],
            steps=recorded,
            notes=self._platform.take_notes(),
            state=turn.state if turn else "waiting",
            reason=turn.reason if turn else None,
            handover=turn.handover if turn else None,
            tokens=sum(step.tokens for step in recorded),
            cost=sum(step.cost for step in recorded),
            seconds=round(seconds, 3),
            dry=frozenset() if live else self.effects,
        )

    @property
    def effects(self) -> frozenset[str]:
        """Names of the actions whose effect is not run."""
        return frozenset(name for name, action in self._agent.actions.items() if _is_outside(action))

    async def _shown(self, file: File) -> Shown:
        prefix = f"{self._agent.base_url}/media/"
        if not file.url.startswith(prefix):
            return Shown(file.kind, file.url)
        name, now = file.url.removeprefix(prefix), self._agent.clock()
        stored = await self._agent.database.read(lambda connection: media.get(connection, name, now))
        if stored is None:
            return Shown(file.kind, file.url)
        payload = await asyncio.to_thread(_payload_in, stored) if stored.type.startswith("image/") else None
        content = base64.b64encode(stored.content).decode()
        return Shown(file.kind, f"data:{stored.type};base64,{content}", stored.type, payload)


def _payload_in(stored: Media) -> str | None:
    from actions.qris.picture import read_image

    found = read_image(stored.content)
    return found[0] if found else None


def _last_turn(connection: Connection, key: ContactKey) -> tuple[overview.TurnSummary | None, list[Step]]:
    found = overview.turns_of(connection, key, limit=1)
    return (found[-1], steps.of_turn(connection, found[-1].id)) if found else (None, [])


_NO_TIME = timedelta(0)


def _for_trial(config: AgentConfig, own: str) -> AgentConfig:
    """The configuration for a trial: answered at once and at any hour, as one process, files of this server within reach."""
    quiet = QuietWindow(finished=_NO_TIME, unfinished=_NO_TIME, longest=_NO_TIME)
    network = config.network.model_copy(update={"allow_private": [*config.network.allow_private, own]})
    changes = {"quiet_window": quiet, "pacing": _NO_TIME}
    conversation = config.conversation.model_copy(update=changes)
    return config.model_copy(update={"conversation": conversation, "network": network, "workers": False})


def _is_outside(action: Action) -> bool:
    """Whether an action changes something beyond the trial: built-in ones only ask the runtime, which is the trial's own."""
    return action.effect and action.builtin in (None, "send_qris")


class _Dry(Mapping[str, Action]):
    """The actions, with those kept from acting that change something beyond the trial."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions

    def __getitem__(self, name: str) -> Action:
        action = self._actions[name]
        return DryAction(action) if _is_outside(action) else action

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)


class DryAction(WrappedAction):
    """An action whose effect is run in a live trial only; else it is checked, and counts as done."""

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        """Check, and act only in a live trial."""
        if _live.get():
            return await self._action.run(arguments, context)
        refusal = await self._action.check(arguments, context)
        return refusal or Outcome("done", f"{self._action.name} is done. (A trial: nothing was really called.)")
