"""A running agent: it accepts what webhooks say, works on what is due, and stops without losing anything.

`agent.assembly` builds one from agent.yaml.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Protocol

import structlog
from sqlalchemy import Connection

from agent.config import AgentConfig
from agent.engine.engine import NEAR, Engine
from agent.housekeeping import ClockWatch, Retention, bring_up_to_date
from agent.ledger import broadcasts, contacts, events, inbound, media, turns, webhooks, workflows
from agent.ledger.database import Database
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.inbound import Accepted, Rules
from agent.slots import Slots
from agent.worker import ContactWorker
from messaging.admission import admitted
from messaging.types import ContactKey, Event
from settings.clock import Clock

if TYPE_CHECKING:
    from actions import Actions
    from actions.qris.gateways.gateway import Gateway
    from agent.turn.summary import Summariser
    from knowledge import Knowledge
    from messaging.platform import Platform
    from voice import Transcriber

log = structlog.get_logger()

SWEEP = timedelta(seconds=10)
"""How often the ledger is polled for contacts that are due: a wake of another process may have been lost."""

KEPT = timedelta(days=30)
"""How long events can be told again."""

GRACE = timedelta(seconds=30)
"""How long running turns may finish when the process is asked to stop."""

_SUMMARY_GRACE = timedelta(seconds=10)

_REPLACED = (
    "config",
    "platforms",
    "actions",
    "transcriber",
    "gateway",
    "worker",
    "summariser",
    "rules",
    "jobs",
    "base_url",
    "resources",
)
"""The parts of an agent that another configuration replaces."""


class Job(Protocol):
    """Work that belongs to no contact and is done beside the engine, in every process that works."""

    @property
    def pause(self) -> timedelta:
        """How long after a look the next one comes, at least."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def work(self) -> int:
        """Do once what is due; how much there was."""

    def next_due(self, connection: Connection) -> datetime | None:
        """When something of it is due next, aware UTC; `None`: nothing is open."""


@dataclass(slots=True)
class Agent:
    """A running agent.

    `platforms` are by the name in their webhooks and contacts; `rules` say what accepting an event depends on; `jobs`
    run beside the engine, for as long as the agent works;
    `owner` names this process in its leases; `ready` is set once the knowledge base has been read. `resources` are closed
    with it: clients, and what they carry. `address` is where this process itself listens, for when there is no
    `server.public_url`.

    Another configuration takes its place while it runs, see `adopt`: the ledger, the engine, and the knowledge base stay.
    """

    config: AgentConfig
    database: Database
    platforms: "Mapping[str, Platform]"
    engine: Engine
    knowledge: "Knowledge"
    actions: "Actions"
    transcriber: "Transcriber | None"
    gateway: "Gateway | None"
    worker: ContactWorker
    summariser: "Summariser"
    slots: Slots
    rules: Rules
    jobs: Sequence[Job]
    owner: str
    clock: Clock
    base_url: str
    resources: AsyncExitStack
    address: str = ""
    ready: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _jobs: list[asyncio.Task[None]] = field(default_factory=list)
    _working: bool = False
    _running: Counter[int] = field(default_factory=Counter)  # contacts in work, by the id of their worker

    def platform_kinds(self) -> dict[str, str]:
        """Which platform stands behind each name."""
        kinds = {entry.effective_name: entry.effective_platform for entry in self.config.platforms}
        return {name: kinds.get(name, name) for name in self.platforms}

    async def accept(self, events: Sequence[Event], platform: str = "", webhook: str = "") -> list[Accepted]:
        """Record what a webhook of a platform said; when this returns it is durable.

        Args:
            events: what it said.
            platform: the name of the one that it came from.
            webhook: its id, equal for a redelivery.

        Raises:
            LedgerUnavailable: nothing was recorded; the platform is to send it again.
        """
        at = self.clock()
        rules = [
            replace(self.rules, platform=platform, webhook=webhook and f"{webhook}-{number}")
            for number in range(len(events))
        ]
        found = list(zip([admitted(event, at) for event in events], rules, strict=True))
        results = await self.database.write(
            lambda connection: [inbound.accept(connection, event, at, given) for event, given in found]
        )
        for result in results:
            if result.contact is not None and result.wake_at is not None:
                await self.engine.wake(result.contact, result.wake_at, result.deadline)
        return results

    async def start(self, *, working: bool = True) -> None:
        """Begin to work: what was left undone first. Without `working` this process only accepts."""
        if self.engine.exclusive:  # every lease is that of a process that is gone
            await self.database.write(lambda connection: turns.release(connection, self.owner, self.clock()))
            await self.database.write(broadcasts.release)
            await self.database.write(webhooks.free_claims)
            await self.database.write(workflows.free_claims)
        clock_watch = ClockWatch(self.database, self.clock, lease=turns.LEASE, zone=lambda: self.config.zone)
        await clock_watch.check()
        await self._sweep()
        self._run("housekeeping", self._keep_house(clock_watch))
        self._run("retention", self._retain())
        self._run("tallies", self._tally())
        if working:
            self._working = True
            self._run("engine", self.engine.run(self._process))
            self._start_jobs()

    def _run(self, name: str, work: Awaitable[None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))
        self._tasks[-1].set_name(name)

    def _start_jobs(self) -> None:
        self._jobs = [asyncio.ensure_future(job.run()) for job in self.jobs]

    async def _process(self, contact: ContactKey, deadline: datetime) -> datetime | None:
        """Process a contact with the worker of now; one that was begun before a change of configuration is finished as it began."""
        worker = self.worker
        self._running[id(worker)] += 1
        try:
            return await worker.process(contact, deadline)
        finally:
            self._running[id(worker)] -= 1

    def adopt(self, other: "Agent") -> None:
        """Use another agent's configuration from now on; contacts in work are finished with the old one.

        The engine starts one task a contact, so that no contact is worked on by both; nothing that waits is lost, since it
        stands in the ledger.

        Args:
            other: built over the same ledger, engine and knowledge base, and not started.
        """
        old = (self.worker, self.summariser, self.resources, self._jobs)
        for name in _REPLACED:
            setattr(self, name, getattr(other, name))
        for job in old[3]:
            job.cancel()
        if self._working:
            self._start_jobs()
        self._run("drain", self._drain(*old))

    async def _drain(
        self,
        worker: ContactWorker,
        summariser: "Summariser",
        resources: AsyncExitStack,
        jobs: Sequence[asyncio.Task[None]],
    ) -> None:
        """Let what an earlier configuration began end, then close what it used."""
        try:
            await asyncio.gather(*jobs, return_exceptions=True)
            while self._running[id(worker)]:
                await asyncio.sleep(0.1)
            await summariser.stop(_SUMMARY_GRACE)
        finally:
            await asyncio.shield(resources.aclose())

    async def learn(self) -> None:
        """Bring the knowledge base up to date for the first time; the agent is ready after it."""
        if self.knowledge.has_sources:
            await self._sync()
        self._run("knowledge", self.knowledge.keep_fresh())
        self.ready = True
        if self.transcriber is not None:
            self._run("warm voice", _warm(self.transcriber))

    async def _sync(self) -> None:
        report = await self.knowledge.first_sync()
        for source in report.sources:
            if source.error:
                log.warning("source_failed", source=source.source, error=source.error)

    def refresh(self) -> None:
        """Bring the knowledge base up to date in the background: its sources have changed."""
        self._run("refresh", self._refresh())

    async def _refresh(self) -> None:
        await self.knowledge.sync()

    async def stop(self) -> None:
        """Finish running turns, take no more. Nothing is lost: what is left undone is taken up at the next start."""
        await self.engine.stop(GRACE)
        await self.summariser.stop(_SUMMARY_GRACE)
        tasks = [*self._tasks, *self._jobs]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self, within: timedelta = timedelta(0)) -> None:
        """Wait until nothing runs and nothing is due `within` a time from now."""
        while not self.engine.idle(within=within):
            await asyncio.sleep(0.02)

    async def _keep_house(self, clock_watch: ClockWatch) -> None:
        """Every ten seconds: check the clock, wake contacts that are due. Every hour: drop expired files."""
        for seconds in count(0, int(SWEEP.total_seconds())):
            try:
                if seconds % 3600 == 0:
                    await self.database.write(lambda connection: media.sweep(connection, self.clock()))
                    await self.database.write(lambda connection: _drop_old(connection, self.clock() - KEPT))
                await clock_watch.check()
                await self._sweep()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep(SWEEP.total_seconds())

    async def _retain(self) -> None:
        """Every hour: remove what is older than it is kept."""
        retention = Retention(self.database, self.clock)
        while True:
            try:
                await retention.trim(self.config.retention)
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep(timedelta(hours=1).total_seconds())

    async def _tally(self) -> None:
        """Every minute: add up what is over."""
        while True:
            try:
                await bring_up_to_date(self.database, self.clock())
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep(timedelta(minutes=1).total_seconds())

    async def _sweep(self) -> None:
        """Wake the contacts that are due before the next sweep; later ones cost nothing until then."""
        soon = self.clock() + NEAR
        for contact, at, deadline in await self.database.read(lambda connection: contacts.due(connection, soon)):
            await self.engine.wake(contact, at, deadline)


def _drop_old(connection: Connection, before: datetime) -> None:
    """Drop what happened long ago and no system is told again."""
    events.drop(connection, before)
    webhooks.drop(connection, before)
    workflows.drop(connection, before)


async def _warm(transcriber: "Transcriber") -> None:
    """Load the speech model before the first note needs it."""
    from voice import Unavailable

    try:
        await transcriber.warm()
    except Unavailable as error:
        log.warning("voice_notes_unheard", reason=str(error))
