"""The engine of many processes on a real PostgreSQL that does not always do its part."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from agent.engine.procrastinate import ProcrastinateEngine
from agent.ledger import migrate
from agent.ledger.postgres import ANSWER, PostgresDatabase
from messaging.types import ContactKey
from tests.postgres import Postgres

pytestmark = pytest.mark.postgres


class Running:
    """An engine at work on a database of its own; `seen` are the contacts that it saw to, in order."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.name = f"engine_{uuid4().hex[:8]}"
        self.url = server.database(self.name)
        self.engine = ProcrastinateEngine(self.url)
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    async def process(self, contact: ContactKey) -> None:
        self.seen.put_nowait(contact.id)

    async def wake(self, contact: str, *, within: float) -> None:
        """Wake a contact and wait until it is seen to; another may be once more, because its end got lost."""
        await self.engine.wake(ContactKey("aelyst", contact), datetime.now(UTC))
        async with asyncio.timeout(within):
            while await self.seen.get() != contact:
                pass

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
    await running.wake("back", within=60)
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


async def test_it_goes_on_after_others_took_it_for_dead(running: Running) -> None:
    running.execute("DELETE FROM procrastinate_workers")
    await running.wake("alive", within=30)


async def test_a_job_whose_end_the_database_was_never_told_does_not_lock_its_contact_for_good(running: Running) -> None:
    running.execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, worker_id) "
        "SELECT 'contacts', 'balas:process', 'aelyst:lost', '{\"platform\": \"aelyst\", \"contact_id\": \"lost\"}', "
        "'doing', max(id) FROM procrastinate_workers"
    )
    await running.wake("lost", within=30)
