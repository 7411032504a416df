"""The platform lists a message only some seconds after it has taken it: who asks too early sends nothing twice, nothing is lost."""

import asyncio
import signal
from pathlib import Path

import pytest

from agent.delivery.outbox import SETTLE
from messaging.sandbox.records import Contact
from tests.acceptance.flow import until
from tests.acceptance.world import World, world
from tests.postgres import Postgres
from tests.processes import Process

LATE = SETTLE.total_seconds() - 3
"""Seconds for which the list is behind: long enough for every look but the last ones."""

QUESTION = "buka jam berapa?"


async def _asked(here: World) -> Contact:
    """A customer who has asked; nothing but the list will tell the agent what became of the answer: no echo comes."""
    here.model.delay = 2
    here.sandbox.fault("late_list", seconds=LATE)
    budi = here.sandbox.phone("+6281234567802")
    here.sandbox.say(budi, QUESTION)
    await here.model.working()
    here.sandbox.fault("hold_webhooks")
    return budi


async def _settled(here: World, budi: Contact, *, found: bool) -> None:
    """It is in the outbox as sent, and with the customer once."""
    event = '"delivery_found"' if found else '"delivery_sent"'
    await until(lambda: any(event in line for line in here.log), here, within=120)
    await here.settled(3)
    assert [str(message.content["text"]) for message in here.sandbox.sent(budi)] == [f"Jawaban untuk: {QUESTION}"]


@pytest.mark.parametrize(("point", "taken"), [("sent", True), ("before-send", False)])
async def test_who_starts_again_waits_for_a_list_that_is_late(tmp_path: Path, point: str, taken: bool) -> None:
    async with world(tmp_path) as here:
        await here.start(environment={"BALAS_KILL_AT": point})
        budi = await _asked(here)
        await here.died()
        assert len(here.sandbox.sent(budi)) == taken
        await here.start()
        await _settled(here, budi, found=taken)


async def test_who_is_killed_while_asking_begins_no_shorter_wait(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start(environment={"BALAS_KILL_AT": "sent"})
        budi = await _asked(here)
        await here.died()
        for _ in range(3):
            await here.start()
            await asyncio.sleep(0.5)
            await here.kill()
        await here.start()
        await _settled(here, budi, found=True)


@pytest.mark.postgres
@pytest.mark.parametrize(("point", "taken"), [("sent", True), ("before-send", False)])
async def test_another_worker_waits_for_it_too(
    tmp_path: Path, postgres_server: Postgres, point: str, taken: bool
) -> None:
    storage = postgres_server.database(f"late-list-{point}")
    async with world(tmp_path, storage=storage, workers=True) as here:
        await here.start(command=("serve", "--accept-only"))
        doomed = await here.spawn("worker", environment={"BALAS_KILL_AT": point})
        await here.working(1)
        budi = await _asked(here)
        await _dead(doomed)
        assert len(here.sandbox.sent(budi)) == taken
        await here.spawn("worker")
        await _settled(here, budi, found=taken)


async def _dead(worker: Process) -> None:
    async with asyncio.timeout(120):
        assert await worker.wait() == -signal.SIGKILL
