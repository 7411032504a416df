"""The engine of many processes on a real PostgreSQL that does not always do its part."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.engine.procrastinate import OWNERS, QUEUES, ProcrastinateEngine, owned, queue_of
from agent.ledger import migrate
from agent.ledger.postgres import ANSWER, PostgresDatabase
from messaging.types import ContactKey
from tests.postgres import Postgres

pytestmark = pytest.mark.postgres


WORKERS = st.sets(st.integers(1, 2**40), min_size=1, max_size=40)


@given(WORKERS)
def test_each_queue_has_two_workers_that_listen_or_all_that_there_are(workers: set[int]) -> None:
    shares = {worker: owned(worker, workers) for worker in workers}
    for queue in QUEUES:
        assert sum(queue in share for share in shares.values()) == min(OWNERS, len(workers))


@given(WORKERS, st.integers(2**41, 2**42))
def test_a_worker_that_joins_takes_queues_over_and_moves_none_between_others(workers: set[int], new: int) -> None:
    for worker in workers:
        assert owned(worker, {*workers, new}) <= owned(worker, workers)
        assert owned(worker, workers) - owned(worker, {*workers, new}) <= owned(new, workers)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_contact_is_always_in_the_same_one_of_the_queues(platform: str, contact: str) -> None:
    assert queue_of(ContactKey(platform, contact)) in QUEUES
    assert queue_of(ContactKey("aelyst", "contact/1")) == "contacts-21"


class Running:
    """An engine at work on a database of its own; `seen` are the contacts that it saw to, in order."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.name = f"engine_{uuid4().hex[:8]}"
        self.url = server.database(self.name)
        self.engine = ProcrastinateEngine(self.url)
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    async def process(self, contact: ContactKey, _deadline: datetime) -> None:
        self.seen.put_nowait(contact.id)

    async def wake(self, contact: str, *, within: float) -> None:
        """Wake a contact and wait until it is seen to; another may be once more, because its end got lost."""
        await self.engine.wake(ContactKey("aelyst", contact), datetime.now(UTC))
        async with asyncio.timeout(within):
            while await self.seen.get() != contact:
                pass

    async def sweep(self, contact: str, *, within: float) -> None:
        """Wake a contact every few seconds until it is seen to, as the sweep over the ledger does."""
        async with asyncio.timeout(within):
            while True:
                with suppress(TimeoutError):
                    return await self.wake(contact, within=5)

    def execute(self, statement: str) -> None:
        self.server.execute(statement, database=self.name)

    def sessions(self, last: str = "") -> list[int]:
        """Process ids of the engine's sessions on the server whose last statement begins so."""
        found = self.server.execute(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.name}' AND query LIKE '{last}%'"  # noqa: S608
        )
        return [row.pid for row in found]


@pytest.fixture
async def running(postgres_server: Postgres) -> AsyncIterator[Running]:
    one = Running(postgres_server)
    database = PostgresDatabase(one.url)
    await asyncio.to_thread(migrate.upgrade, database.engine)
    await database.aclose()
    await one.engine.open()
    task = asyncio.create_task(one.engine.run(one.process))
    await one.wake("first", within=60)
    async with asyncio.timeout(60):
        while not one.sessions("LISTEN"):  # a first job may be found by polling, before the session listens
            await asyncio.sleep(0.1)
    yield one
    await one.engine.stop(timedelta(seconds=10))
    await task
    await one.engine.aclose()


async def test_it_hears_of_contacts_again_after_the_database_was_away(running: Running) -> None:
    await asyncio.to_thread(running.server.stop)
    await asyncio.sleep(2)
    await asyncio.to_thread(running.server.start)
    await running.sweep("back", within=90)  # a wake while there was no connection is lost
    async with asyncio.timeout(60):
        while not running.sessions("LISTEN"):  # one that only polls would never listen again
            await asyncio.sleep(0.1)
    await running.wake("later", within=60)


async def test_it_goes_on_with_new_sessions_when_all_of_its_own_are_frozen(running: Running) -> None:
    """Their connections stay, and the kernel acknowledges whatever is sent: only that no answer comes shows it."""
    frozen = running.sessions()
    assert frozen
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        await running.wake("thawed", within=60)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    for n in range(3):
        await running.wake(f"later {n}", within=30)


async def test_the_session_that_listens_may_be_silent_for_as_long_as_nothing_happens(running: Running) -> None:
    before = running.sessions("LISTEN")
    assert len(before) == 1
    await asyncio.sleep(ANSWER.total_seconds() + 2)
    assert running.sessions("LISTEN") == before


async def test_the_earliest_deadline_is_served_first_and_of_equal_ones_who_came_first(running: Running) -> None:
    """While the engine does not work, fifty strangers and two others come in."""
    await running.engine.stop(timedelta(seconds=10))
    accepting, one = ProcrastinateEngine(running.url), ProcrastinateEngine(running.url, concurrent=1)
    now, seen = datetime.now(UTC), []

    async def process(contact: ContactKey, deadline: datetime) -> None:
        seen.append((contact.id, deadline))

    await accepting.open()
    await one.open()
    for number in range(50):
        await accepting.wake(ContactKey("aelyst", f"stranger {number}"), now, now + timedelta(minutes=5))
    await accepting.wake(ContactKey("aelyst", "late"), now, now + timedelta(minutes=9))
    await accepting.wake(ContactKey("aelyst", "known"), now)
    await accepting.aclose()  # all of them are in the queue
    task = asyncio.create_task(one.run(process))
    async with asyncio.timeout(90):
        while len(seen) < 52:
            await asyncio.sleep(0.05)
    await one.stop(timedelta(seconds=10))
    await task
    await one.aclose()
    assert (seen[0], seen[-1]) == (("known", now), ("late", now + timedelta(minutes=9)))


async def test_it_goes_on_after_others_took_it_for_dead(running: Running) -> None:
    running.execute("DELETE FROM procrastinate_workers")
    await running.wake("alive", within=30)


async def test_a_job_whose_end_the_database_was_never_told_does_not_lock_its_contact_for_good(running: Running) -> None:
    running.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id) "
        "SELECT 'contacts-00', 'balas:process', 'aelyst:lost', '{\"platform\": \"aelyst\", \"contact_id\": \"lost\"}', "
        "'doing', max(id) FROM procrastinate_workers"
    )
    await running.wake("lost", within=30)


class Fleet:
    """Several engines on one database, at work."""

    def __init__(self, server: Postgres, count: int) -> None:
        self.server = server
        self.name = f"fleet_{uuid4().hex[:8]}"
        self.url = server.database(self.name)
        self.engines = [ProcrastinateEngine(self.url) for _ in range(count)]
        self.seen: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    def run(self, number: int) -> "asyncio.Task[None]":
        async def process(contact: ContactKey, _deadline: datetime) -> None:
            self.seen.put_nowait((number, contact.id))

        return asyncio.create_task(self.engines[number].run(process))

    def listeners(self) -> dict[str, int]:
        """Return how many sessions listen to each queue, as the server shows their last statement."""
        rows = self.server.execute(
            f"SELECT query FROM pg_stat_activity WHERE datname = '{self.name}' AND query ~ 'LISTEN'"  # noqa: S608
        )
        heard = [set(re.findall(r'(?<!UN)LISTEN "procrastinate_queue_v1#(contacts-\d\d)"', row.query)) for row in rows]
        return {queue: sum(queue in each for each in heard) for queue in QUEUES}

    async def shared(self) -> None:
        """Wait until two listen to each queue."""
        async with asyncio.timeout(120):
            while set(self.listeners().values()) != {OWNERS}:
                await asyncio.sleep(0.1)

    async def wake(self, contact: str) -> int:
        """Wake a contact; which engine saw to it."""
        await self.engines[-1].wake(ContactKey("aelyst", contact), datetime.now(UTC))
        async with asyncio.timeout(60):
            while (seen := await self.seen.get())[1] != contact:
                pass
        return seen[0]


@pytest.fixture
async def fleet(postgres_server: Postgres) -> AsyncIterator[Fleet]:
    """Six engines that work and a seventh that only accepts."""
    one = Fleet(postgres_server, 7)
    database = PostgresDatabase(one.url)
    await asyncio.to_thread(migrate.upgrade, database.engine)
    await database.aclose()
    for engine in one.engines:
        await engine.open()
    tasks = [one.run(number) for number in range(6)]
    yield one
    await asyncio.gather(*(engine.stop(timedelta(seconds=10)) for engine in one.engines))
    await asyncio.gather(*tasks)
    for engine in one.engines:
        await engine.aclose()


async def test_a_new_message_wakes_two_of_six_workers(fleet: Fleet) -> None:
    await fleet.shared()
    for number in range(40):
        await fleet.wake(f"contact {number}")


async def test_when_workers_stop_the_others_hear_of_their_contacts(fleet: Fleet) -> None:
    await fleet.shared()
    for engine in fleet.engines[:2]:
        await engine.stop(timedelta(seconds=10))
    for number in range(40):
        assert await fleet.wake(f"contact {number}") in {2, 3, 4, 5}
    await fleet.shared()
