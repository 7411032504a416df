"""Many processes over one PostgreSQL: one accepts, two answer, and one of the two dies for good."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.acceptance.world import world
from tests.postgres import Postgres

pytestmark = pytest.mark.postgres


async def test_a_worker_that_dies_for_good_strands_nobody(tmp_path: Path, postgres_server: Postgres) -> None:
    async with world(tmp_path, storage=postgres_server.database("dies"), workers=True) as here:
        first, _second = await here.start_with_workers(2)
        people = [here.sandbox.phone(f"+62812000000{n:02d}") for n in range(12)]
        async with here.model.held():
            for person in people:
                here.sandbox.say(person, f"pertanyaan {person.id} berapa?")
            await here.model.working(6)
            first.kill()
        async with asyncio.timeout(120):
            while len({message.contact for message in here.sandbox.sent()}) < 12:
                await asyncio.sleep(0.2)
        await here.settled(3)
        assert sorted(message.contact for message in here.sandbox.sent()) == sorted(person.id for person in people)


async def test_a_worker_that_was_stopped_and_wakes_up_late_does_not_answer_again(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with world(tmp_path, storage=postgres_server.database("stops"), workers=True) as here:
        (first,) = await here.start_with_workers(1)
        budi = here.sandbox.phone("+6281234567802")
        async with here.model.held():
            here.sandbox.say(budi, "buka jam berapa?")
            await here.model.working()
            first.send_signal(signal.SIGSTOP)
        await here.spawn("worker")
        await here.texts(budi, within=120)
        first.send_signal(signal.SIGCONT)
        await here.settled(5)
        assert len(here.sandbox.sent(budi)) == 1


async def test_a_burst_over_many_processes_is_one_turn(tmp_path: Path, postgres_server: Postgres) -> None:
    async with world(tmp_path, storage=postgres_server.database("burst"), workers=True) as here:
        await here.start_with_workers(2)
        budi = here.sandbox.phone("+6281234567802")
        for text in ("halo", "mau tanya", "harga kopi susu berapa?"):
            here.sandbox.say(budi, text)
            await asyncio.sleep(0.2)
        (reply,) = await here.texts(budi)
        await here.settled(2)
        assert len(here.sandbox.sent(budi)) == 1
        assert all(text in reply for text in ("halo", "mau tanya", "harga kopi susu berapa?"))
