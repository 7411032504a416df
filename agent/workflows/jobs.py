"""Work for workflows outside the turns of contacts: schedules, audiences, contacts to be looked up, and runs without a contact."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from agent.broadcasts.addresses import reach
from agent.broadcasts.audience import Book, from_filter, read_csv
from agent.broadcasts.plan import possible
from agent.config.workflows import Workflow, next_time
from agent.engine.engine import Engine
from agent.errors import InputError
from agent.ledger import contacts, events, workflows
from agent.ledger.columns import EPOCH
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.events import Event
from agent.ledger.workflows import Run
from agent.workflows.alone import RunsAlone
from agent.workflows.runner import WorkflowRules
from messaging.errors import NotFound, PlatformError, Unsupported
from messaging.platform import Platform
from messaging.types import Address, ContactKey
from settings.backoff import Backoff

log = structlog.get_logger()

PAUSE = timedelta(seconds=1)
"""How often there is a look."""

STALE = timedelta(hours=1)
"""How late a schedule is still kept, when the agent did not run at its time."""

GIVE_UP = timedelta(days=1)
"""How long a contact, or an audience, is asked for of a platform that does not answer."""

_BACKOFF = Backoff(timedelta(seconds=5), timedelta(minutes=5), least=0.5)
_AT_ONCE = 200
"""Runs that are begun in one transaction."""


class WorkflowJobs:
    """Works beside the engine, in every process that works; the ledger's claims keep them apart."""

    def __init__(
        self,
        database: Database,
        rules: WorkflowRules,
        platforms: Mapping[str, Platform],
        engine: Engine,
        alone: RunsAlone,
        *,
        resolve: Callable[[str], Path],
        clock: Callable[[], datetime],
    ) -> None:
        """Bring together what the jobs need.

        Args:
            rules: from agent.yaml.
            platforms: by name.
            engine: is told of contacts that have something to do.
            alone: takes the steps of runs without a contact.
            resolve: makes the path of an audience's file whole.
            clock: the time, aware UTC.
        """
        self._database = database
        self._rules = rules
        self._platforms = platforms
        self._engine = engine
        self._alone = alone
        self._resolve = resolve
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled; without workflows only end what is left of earlier ones."""
        names, looked = list(self._rules.workflows), False
        while names or not looked:
            try:
                if not looked:
                    await self._database.write(lambda c: workflows.cancel_unknown(c, names, self._clock()))
                    looked = True
                await self.work()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            except Exception:
                log.exception("workflow_jobs_stuck")
            await asyncio.sleep(self.pause.total_seconds())

    pause = PAUSE

    def next_due(self, connection: Connection) -> datetime | None:
        """When a schedule comes, an audience is asked for, or a run without a contact goes on; at once for a schedule that is new."""
        if not self._rules.workflows:
            return None
        crons, known = self._crons(), workflows.scheduled(connection)
        if any(known.get(name, ("",))[0] != cron for name, cron in crons.items()):
            return self._clock()
        times = [at for name, (_, at) in known.items() if name in crons]
        return min([*times, *workflows.open_times(connection)], default=None)

    async def work(self) -> int:
        """Do once what is due; how many audiences and runs there were."""
        await self._keep_schedules()
        done = 0
        while (batch := await self._database.write(lambda c: workflows.claim_batch(c, self._clock()))) is not None:
            await self._expand(*batch)
            done += 1
        runs = await self._database.write(lambda c: workflows.claim_unbound(c, self._clock()))
        await asyncio.gather(*map(self._work_on, runs))
        return done + len(runs)

    def _crons(self) -> dict[str, str]:
        return {flow.name: str(flow.on.value) for flow in self._rules.workflows.values() if flow.on.event == "schedule"}

    async def _keep_schedules(self) -> None:
        crons = self._crons()
        if not crons:
            return
        known = await self._database.read(workflows.scheduled)
        now = self._clock()
        for name, cron in crons.items():
            written, at = known.get(name, (None, now))
            if written == cron and at <= now:
                await self._database.write(partial(self._fire, name=name, cron=cron, due=at))
            elif written != cron or at > self._next(cron, now):  # the clock was set back, or the time zone is another
                first = self._next(cron, now)
                await self._database.write(partial(workflows.schedule, workflow=name, cron=cron, next_at=first))

    def _next(self, cron: str, after: datetime) -> datetime:
        found: datetime = next_time(cron, after.astimezone(self._rules.zone))
        return found.astimezone(after.tzinfo)

    def _fire(self, connection: Connection, name: str, cron: str, due: datetime) -> None:
        """One time of a schedule has come; it is left out when it is long past."""
        now = self._clock()
        if not workflows.take_time_of(connection, name, due, self._next(cron, now)):
            return
        if now - due > STALE:
            log.warning("schedule_missed", workflow=name, due=due.isoformat())
            return
        begin_for_all(connection, self._rules.workflows[name], f"schedule/{name}/{due.isoformat()}", now)

    async def _expand(self, name: str, event: str) -> None:
        """Begin a run for everybody of an audience."""
        flow = self._rules.workflows.get(name)
        try:
            if flow is None or flow.audience is None:
                raise InputError("agent.yaml has no such workflow with an audience any more")
            people = await self._audience(flow)
        except PlatformError as error:
            log.warning("audience_postponed", workflow=name, reason=str(error))
            until, reason = self._clock() + _BACKOFF.wait(3, error.retry_after), str(error)
            await self._database.write(lambda c: workflows.postpone_batch(c, event, until, reason))
            return
        except InputError as error:
            log.error("audience_unknown", workflow=name, reason=str(error))
            told = str(error)
            await self._database.write(lambda c: workflows.end_batch(c, event, "failed", told))
            return
        now, step = self._clock(), flow.rate.per / flow.rate.count
        for start in range(0, len(people), _AT_ONCE):
            some = people[start : start + _AT_ONCE]

            def begin(connection: Connection, some: Sequence[_Person] = some, start: int = start) -> None:
                for number, (state, address) in enumerate(some, start):
                    key = None if state is None else state.key
                    if state is not None and contacts.load(connection, state.key) is None:
                        contacts.remember(connection, state.contact)
                    workflows.begin(
                        connection,
                        name,
                        event=event,
                        trigger="schedule",
                        data={"row": {} if address is None else dict(address)},
                        now=now,
                        key=key,
                        address=address if key is None else None,
                        first_at=now + number * step,
                    )

            await self._database.write(begin)
        await self._database.write(lambda c: workflows.end_batch(c, event, "done"))
        for state, _ in people:
            if state is not None:
                await self._engine.wake(state.key, now)

    async def _audience(self, flow: Workflow) -> "list[_Person]":
        """Everybody of an audience, each once. Raises: `PlatformError`, `InputError`."""
        assert flow.audience is not None  # noqa: S101 - the caller has looked
        wanted = flow.audience.filter
        flows = () if wanted is None else wanted.workflow
        states, through = await self._database.read(
            lambda connection: (contacts.every(connection), workflows.gone_through(connection, flows))
        )
        found: list[_Person] = []
        if flow.audience.csv is not None:
            file = await asyncio.to_thread(read_csv, self._resolve(flow.audience.csv), flow.audience.country)
            books = [Book(states, name) for name in self._platforms]
            for row in file.rows:
                known = next((state for book in books if (state := book.find(row.address)) is not None), None)
                kind, _, value = row.address.partition(":")
                found.append((known, {**row.values, kind: value}))
        elif wanted is not None:
            for name, platform in self._platforms.items():
                book = Book(states, name, through)
                audience = await from_filter(possible(wanted, platform), book, platform, self._clock())
                found += [(person.state, None) for person in audience.people]
        return found

    async def _work_on(self, run: Run) -> None:
        """A run without a contact: find the contact that is meant, or do what needs none."""
        try:
            if run.address:
                await self._bind(run)
            else:
                await self._alone.advance(run)
        except PlatformError as error:
            now = self._clock()
            if not error.retryable or now - run.created_at > GIVE_UP:
                reason = f"the contact cannot be reached: {error}"
                await self._database.write(lambda c: events.end_run(c, run, "failed", reason, now))
                return
            log.warning("workflow_contact_postponed", run=run.id, reason=str(error))
            later = now + _BACKOFF.wait(3, error.retry_after)
            await self._database.write(lambda c: workflows.release(c, run, later))

    async def _bind(self, run: Run) -> None:
        """Find the contact by the address, on the platform where they are or can be made. Raises: `PlatformError`."""
        given = dict(run.address or {})
        state = await self._database.read(lambda connection: known_contact(connection, given))
        key, due = (state.key, self._clock()) if state is not None else await self._find(given)
        await self._database.write(lambda connection: workflows.bind(connection, run, key, due))
        await self._engine.wake(key, due)

    async def _find(self, given: Mapping[str, str]) -> tuple[ContactKey, datetime]:
        problem: PlatformError = Unsupported("no platform can find or create a contact by what the event says")
        for kind in ("phone", "email"):
            value = given.get(kind)
            for platform in self._platforms.values():
                if not value or kind not in platform.capabilities.finds:
                    continue
                address = Address("phone" if kind == "phone" else "email", value)
                try:
                    contact, due = await reach(platform, address, given, self._clock)
                except NotFound as error:
                    problem = error
                    continue
                await self._database.write(partial(contacts.remember, contact=contact))
                return contact.key, due
        if (identity := given.get("id")) is not None:
            name, _, value = identity.rpartition(":")
            for platform in self._platforms.values():
                if name not in ("", platform.name):
                    continue
                try:
                    contact = await platform.contact(ContactKey(platform.name, value))
                except (NotFound, Unsupported) as error:
                    problem = error
                    continue
                await self._database.write(partial(contacts.remember, contact=contact))
                return contact.key, self._clock()
        raise problem


_Person = tuple[ContactState | None, Mapping[str, str] | None]


def begin_for_all(connection: Connection, flow: Workflow, event: str, now: datetime) -> None:
    """Begin a workflow for its audience, or once without a contact.

    Args:
        event: an id; the same again begins nothing.
        now: the time, aware UTC.
    """
    data = {"time": now.isoformat()}
    if not events.insert(connection, Event(event, "schedule", None, None, data, now)):
        return
    if flow.audience is not None:
        workflows.add_batch(connection, flow.name, event, now)
    else:
        workflows.begin(connection, flow.name, event=event, trigger="schedule", data=data, now=now)


def known_contact(connection: Connection, given: Mapping[str, str]) -> ContactState | None:
    """The contact in the ledger that an address means: of several the one who wrote last."""
    for kind in ("id", "phone", "email"):
        value = given.get(kind)
        found = contacts.find(connection, value) if value else []
        if found:
            return max(found, key=lambda state: state.last_inbound_at or EPOCH)
    return None
