"""Many processes over one PostgreSQL: one accepts, two answer, and one of the two dies for good."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import World, world
from tests.processes import Process

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pgserver

    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


def _database(server: str, name: str) -> str:
    from sqlalchemy import create_engine, make_url, text

    url = make_url(server)
    with create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    return url.set(database=name).render_as_string(hide_password=False)


async def _with_workers(here: World, count: int) -> list[Process]:
    await here.start(command=("serve", "--accept-only"))
    workers = [await here.spawn("worker") for _ in range(count)]
    while sum('"working"' in line for line in here.log) < count:
        await asyncio.sleep(0.1)
    return workers


async def test_a_worker_that_dies_for_good_strands_nobody(tmp_path: Path, postgres: str) -> None:
    async with world(tmp_path, storage=_database(postgres, "dies"), workers=True) as here:
        here.model.delay = 2.0
        first, _second = await _with_workers(here, 2)
        people = [here.sandbox.phone(f"+62812000000{n:02d}") for n in range(12)]
        for person in people:
            here.sandbox.say(person, f"pertanyaan {person.id} berapa?")
        while here.model.busy < 6:
            await asyncio.sleep(0.05)
        first.kill()
        async with asyncio.timeout(120):
            while len({message.contact for message in here.sandbox.sent()}) < 12:
                await asyncio.sleep(0.2)
        await here.settled(3)
        assert sorted(message.contact for message in here.sandbox.sent()) == sorted(person.id for person in people)


async def test_a_worker_that_was_stopped_and_wakes_up_late_does_not_answer_again(tmp_path: Path, postgres: str) -> None:
    async with world(tmp_path, storage=_database(postgres, "stops"), workers=True) as here:
        here.model.delay = 1.5
        (first,) = await _with_workers(here, 1)
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        while not here.model.busy:
            await asyncio.sleep(0.02)
        first.send_signal(signal.SIGSTOP)
        await here.spawn("worker")
        await here.texts(budi, within=120)
        first.send_signal(signal.SIGCONT)
        await here.settled(5)
        assert len(here.sandbox.sent(budi)) == 1


async def test_a_burst_over_many_processes_is_one_turn(tmp_path: Path, postgres: str) -> None:
    async with world(tmp_path, storage=_database(postgres, "burst"), workers=True) as here:
        await _with_workers(here, 2)
        budi = here.sandbox.phone("+6281234567802")
        for text in ("halo", "mau tanya", "harga kopi susu berapa?"):
            here.sandbox.say(budi, text)
            await asyncio.sleep(0.2)
        (reply,) = await here.texts(budi)
        await here.settled(2)
        assert len(here.sandbox.sent(budi)) == 1
        assert all(text in reply for text in ("halo", "mau tanya", "harga kopi susu berapa?"))
