"""The composition root: builds an agent from its configuration and takes it down again. Everything shared is made here, once."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agent import logging
from agent.assembly import open_actions, open_guarded, open_knowledge, open_ledger
from agent.config import AgentConfig
from agent.config.environment import secret_values
from agent.config.semantics import read_fields
from agent.delivery.followups import FollowUps
from agent.delivery.outbox import Outbox
from agent.engine.embedded import EmbeddedEngine
from agent.engine.engine import NEAR, Engine
from agent.housekeeping import ClockWatch
from agent.ledger import broadcasts, contacts, inbound, media, turns
from agent.ledger.database import Database, SqliteDatabase
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.inbound import Accepted, Rules, Waiting
from agent.ledger.sqlite import LockFile
from agent.slots import LOCAL, REMOTE, Slots
from agent.turn import gate
from agent.worker import ContactWorker
from messaging.types import Event
from settings.clock import Clock, now

if TYPE_CHECKING:
    from actions.action import Action
    from actions.qris.gateways.gateway import Gateway
    from agent.broadcasts.feeder import Feeder
    from agent.config.followups import FollowUpRule
    from agent.ledger.followups import Plan
    from agent.turn.summary import Summariser
    from knowledge import Knowledge
    from messaging.platform import Platform
    from voice import Transcriber

log = structlog.get_logger()

SWEEP = timedelta(seconds=10)
"""How often to look for contacts that are due although nobody in this process was told."""

GRACE = timedelta(seconds=30)
"""How long running turns may finish when the process is asked to stop."""


@dataclass(slots=True)
class Agent:
    """A running agent. `base_url` is where the platform reaches this process; the server sets it once it listens."""

    config: AgentConfig
    database: Database
    platform: "Platform"
    engine: Engine
    knowledge: "Knowledge"
    actions: "Mapping[str, Action]"
    transcriber: "Transcriber | None"
    gateway: "Gateway | None"
    worker: ContactWorker
    base_url: str
    owner: str
    clock: Clock
    slots: Slots
    _summariser: "Summariser" = field(repr=False)
    ready: bool = False
    _due: Callable[[Sequence[Waiting]], datetime] = field(repr=False, default=lambda _waiting: now())
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def accept(self, events: Sequence[Event]) -> list[Accepted]:
        """Record what a webhook said; when this returns it is durable. Raises `LedgerUnavailable`."""
        handover = self.config.conversation.handover
        rules = Rules(self._due, handover.resume_after, handover.resume_on, handover.assigned)
        at = self.clock()
        results = await self.database.write(
            lambda connection: [inbound.accept(connection, event, at, rules) for event in events]
        )
        for result in results:
            if result.contact is not None and result.wake_at is not None:
                await self.engine.wake(result.contact, result.wake_at)
        return results

    async def start(self, *, working: bool = True) -> None:
        """Begin to work: what was left undone first. Without `working` this process only accepts."""
        if isinstance(self.engine, EmbeddedEngine):  # it is alone, so every lease is that of a process that is gone
            await self.database.write(lambda connection: turns.release(connection, self.owner, self.clock()))
            await self.database.write(broadcasts.release)
        clock_watch = ClockWatch(self.database, self.clock, lease=turns.LEASE, zone=self.config.zone)
        await clock_watch.check()
        await self._sweep()
        self._tasks = [asyncio.create_task(self._keep_house(clock_watch), name="housekeeping")]
        if working:
            self._tasks.append(asyncio.create_task(self.engine.run(self.worker.process), name="engine"))
            self._tasks.append(asyncio.create_task(self._feeder().run(), name="broadcasts"))
            if self.config.payments.qris is not None:
                from agent.payments import watch

                watching = watch(self.database, self.clock, self.gateway)
                self._tasks.append(asyncio.create_task(watching, name="payments"))

    def _feeder(self) -> "Feeder":
        from agent.broadcasts.feeder import Feeder

        return Feeder(
            self.database,
            self.platform,
            self.engine,
            zone=self.config.zone,
            default_language=self.config.default_language,
            clock=self.clock,
        )

    async def learn(self) -> None:
        """Bring the knowledge base up to date for the first time; the agent is ready after it."""
        if self.knowledge.has_sources:
            await self._sync()
        self._tasks.append(asyncio.create_task(self.knowledge.keep_fresh(), name="knowledge"))
        self.ready = True
        if self.transcriber is not None:
            self._tasks.append(asyncio.create_task(_warm(self.transcriber), name="warm voice"))

    async def _sync(self) -> None:
        report = await self.knowledge.first_sync()
        for source in report.sources:
            if source.error:
                log.warning("source_failed", source=source.source, error=source.error)

    async def stop(self) -> None:
        """Finish running turns, take no more. Nothing is lost: what is left undone is taken up at the next start."""
        await self.engine.stop(GRACE)
        await self._summariser.stop(timedelta(seconds=10))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def idle(self, within: timedelta = timedelta(0)) -> None:
        """Wait until nothing runs and nothing is due `within` a time from now."""
        while not self.engine.idle(within=within):
            await asyncio.sleep(0.02)

    async def _keep_house(self, clock_watch: ClockWatch) -> None:
        """Every ten seconds: look at the clock, see to contacts who come due. Every hour: drop expired files."""
        for seconds in count(0, int(SWEEP.total_seconds())):
            try:
                if seconds % 3600 == 0:
                    await self.database.write(lambda connection: media.sweep(connection, self.clock()))
                await clock_watch.check()
                await self._sweep()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep(SWEEP.total_seconds())

    async def _sweep(self) -> None:
        """Wake everybody who is due before the next sweep; who is due later costs nothing until then."""
        soon = self.clock() + NEAR
        for contact, at in await self.database.read(lambda connection: contacts.due(connection, soon)):
            await self.engine.wake(contact, at)


async def _warm(transcriber: "Transcriber") -> None:
    """Load the speech model before the first note needs it."""
    from voice import Unavailable

    try:
        await transcriber.warm()
    except Unavailable as error:
        log.warning("voice_notes_unheard", reason=str(error))


@asynccontextmanager
async def open_agent(
    config: AgentConfig,
    *,
    platform: "Platform | None" = None,
    storage: str | None = None,
    base_url: str | None = None,
    clock: Clock = now,
) -> AsyncIterator[Agent]:
    """Build an agent. `platform` and `storage` (a database URL) replace the configured ones, for the REPL and tests."""
    import httpx

    from agent.models.chat import open_models
    from agent.payments import open_gateway
    from agent.profiles import Profiles
    from agent.turn.answering import Answering
    from agent.turn.listen import Listener
    from agent.turn.loop import Loop, LoopLimits
    from agent.turn.reply import ReplyWriter
    from agent.turn.summary import Summariser, SummarySettings
    from agent.turn.turn import Turns, TurnSettings
    from messaging import open_platform
    from voice import FetchLimits, open_transcriber

    logging.hide(secret_values(config))
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_ledger(config, storage))
        if isinstance(database, SqliteDatabase):
            stack.enter_context(LockFile(database.path.with_name(database.path.name + ".lock")))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=config.messaging.timeout.total_seconds()))
        guarded = await stack.enter_async_context(open_guarded(config))
        if platform is None:
            platform = open_platform(config.messaging, client, clock)
            stack.push_async_callback(platform.aclose)
        knowledge = await stack.enter_async_context(open_knowledge(config, database, guarded))
        profiles = Profiles(platform, database, wanted=bool(read_fields(config)), clock=clock)
        gateway = open_gateway(config.payments, client, clock, config.server.public_url)
        actions = await stack.enter_async_context(open_actions(config, database, guarded, gateway, profiles.in_format))
        languages = ("id", "en", "ms") if config.language == "auto" else (config.language,)
        transcriber = open_transcriber(config.voice, client=client, languages=languages, base=config.folder)
        if transcriber is not None:
            stack.push_async_callback(transcriber.aclose)

        limits = config.limits
        models = open_models(config.model, agent_name=config.name)
        summariser = Summariser(
            database,
            models,
            SummarySettings(config.conversation.history, limits.usd_per_day, config.model.timeout),
            clock=clock,
        )
        loop = Loop(
            models,
            actions,
            LoopLimits(limits.model_calls, limits.actions, limits.tokens_per_turn, config.model.retries),
            clock=clock,
        )
        answering = Answering(
            name=config.name,
            instructions=config.instructions,
            zone=config.zone,
            loop=loop,
            actions=actions,
            knowledge=knowledge,
            clock=clock,
        )
        agent: Agent
        writer = ReplyWriter(
            handover=config.conversation.handover,
            zone=config.zone,
            media_url=lambda media_id: f"{agent.base_url.rstrip('/')}/media/{media_id}",
            read_file=partial(_read_file, config.folder),
            clock=clock,
        )
        turn_settings = TurnSettings(
            config.conversation,
            limits,
            config.language,
            config.default_language,
            config.zone,
            tuple(_plan(rule) for rule in config.followups.rules),
        )
        notes = FetchLimits(config.voice.largest)
        due = partial(gate.due, window=config.conversation.quiet_window)
        runner = Turns(
            database,
            settings=turn_settings,
            answering=answering,
            listener=Listener(transcriber, guarded, notes, clock=clock),
            writer=writer,
            owner=owner,
            quiet=due,
            current=profiles.current,
            clock=clock,
        )
        outbox = Outbox(database, platform, owner=owner, clock=clock)
        followups = FollowUps(
            database, config.followups, hours=config.conversation.hours, zone=config.zone, clock=clock
        )
        slots = Slots(LOCAL if isinstance(database, SqliteDatabase) else REMOTE)
        worker = ContactWorker(
            database, runner, outbox, followups, answered=summariser.consider, clock=clock, slots=slots
        )
        agent = Agent(
            config=config,
            database=database,
            platform=platform,
            engine=await _open_engine(config, storage, stack, clock),
            knowledge=knowledge,
            actions=actions,
            transcriber=transcriber,
            gateway=gateway,
            worker=worker,
            slots=slots,
            base_url=base_url or config.server.public_url or f"http://{config.server.host}:{config.server.port}",
            owner=owner,
            clock=clock,
            _due=due,
            _summariser=summariser,
        )
        yield agent


async def _open_engine(config: AgentConfig, storage: str | None, stack: AsyncExitStack, clock: Clock) -> Engine:
    """One process by itself, or one of many."""
    if not config.workers or storage is not None:
        return EmbeddedEngine(concurrent=config.limits.turns_at_once, clock=clock)
    from agent.engine.procrastinate import ProcrastinateEngine

    engine = ProcrastinateEngine(config.storage_url, concurrent=config.limits.turns_at_once, clock=clock)
    await engine.open()
    stack.push_async_callback(engine.aclose)
    return engine


def _plan(rule: "FollowUpRule") -> "Plan":
    from agent.ledger.followups import Plan

    return Plan(rule.name, rule.after, rule.when.model_dump(exclude_none=True), rule.text.in_language)


def _read_file(folder: Path, path: str) -> tuple[bytes, str, str]:
    """A file to send: content, MIME type, name. The action has checked that it lies inside the agent's folder."""
    import mimetypes

    file = folder / path
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return file.read_bytes(), kind, file.name
