"""What falls due in a conversation, done one thing after the other, each at its own time: what a running agent does by waiting."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from agent.app import Agent, Job
from agent.ledger import contacts, inbound, outbound, tables
from agent.scenarios.platform import Timeline
from messaging.types import ContactKey

_SETTLING = timedelta(minutes=15)
"""How long after something has happened what comes of it is waited for, in the conversation's time: sends that fail are retried in it."""

_MOST_AT_ONCE = 5000
"""How often something may fall due without time passing: more is a loop."""


class Agenda:
    """The contacts and the jobs of an agent that is not started, in the order in which they fall due."""

    def __init__(self, agent: Agent, timeline: Timeline) -> None:
        self._agent = agent
        self._timeline = timeline
        self._looked: dict[int, datetime] = {}  # when a job has worked last, by its place
        self._at_once = 0

    async def pass_until(self, until: datetime) -> None:
        """Let time pass until a moment, with everything that falls due in it."""
        while await self._next(until):
            pass
        self._timeline.move_to(until)

    async def settle(self, contact: ContactKey) -> None:
        """Do what is due now, and go on until the contact is answered and everything is sent, or it takes too long."""
        until = self._timeline() + _SETTLING
        while True:
            is_open = await self._agent.database.read(lambda connection: _is_open(connection, contact))
            if not await self._next(until if is_open else self._timeline()):
                return

    async def _next(self, until: datetime) -> bool:
        """Do the next thing that falls due until a moment, at its own time; whether there was one."""
        found = await self._agent.database.read(lambda connection: self._first(connection, until))
        if found is None:
            return False
        at, place = found
        self._count(at)
        self._timeline.move_to(at)
        if isinstance(place, ContactKey):
            await self._agent.worker.process(place)
            await self._agent.summariser.stop(timedelta(minutes=5))
        else:
            self._looked[place] = self._timeline()
            await self._agent.jobs[place].work()
        return True

    def _first(self, connection: Connection, until: datetime) -> tuple[datetime, ContactKey | int] | None:
        """The earliest of the contacts and jobs that are due until a moment; contacts before jobs."""
        found: tuple[datetime, ContactKey | int] | None = None
        if due := contacts.due(connection, until):
            found = due[0][1], due[0][0]
        for place, job in enumerate(self._agent.jobs):
            at = self._time_of(job, place, connection)
            if at is not None and at <= until and (found is None or at < found[0]):
                found = at, place
        return found

    def _time_of(self, job: Job, place: int, connection: Connection) -> datetime | None:
        """When a job works next: what is due is looked for no more often than by a running agent."""
        at, looked = job.next_due(connection), self._looked.get(place)
        return at if at is None or looked is None else max(at, looked + job.pause)

    def _count(self, at: datetime) -> None:
        self._at_once = self._at_once + 1 if at <= self._timeline() else 0
        if self._at_once > _MOST_AT_ONCE:
            raise RuntimeError(f"more than {_MOST_AT_ONCE} things fell due at one moment of the scenario")


def _is_open(connection: Connection, contact: ContactKey) -> bool:
    """Whether the contact waits for an answer, or for something that is being sent."""
    turn = tables.turn
    running = select(turn.c.id).where(
        turn.c.platform == contact.platform, turn.c.contact == contact.id, turn.c.state == "running"
    )
    return bool(
        inbound.waiting(connection, contact)
        or outbound.heads(connection, contact)
        or connection.execute(running).first()
    )
