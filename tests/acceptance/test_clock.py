"""The clock is set back or ahead by an hour in the middle of things: no stall, no double, order kept."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from messaging.sandbox.records import Contact
from tests.acceptance.campaign import Campaign, numbers
from tests.acceptance.talk import Talk
from tests.acceptance.world import World, world
from tests.postgres import Postgres

HOUR = 3600


class Clock:
    """The clock of all processes of a world, which can be set."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environment = {"BALAS_CLOCK": str(self._file)}

    def set(self, ahead: int) -> None:
        """Let it be ahead by so many seconds."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(ahead))
        fresh.replace(self._file)


@pytest.mark.parametrize("ahead", [-HOUR, HOUR])
async def test_a_clock_that_is_set_in_the_middle_of_things_stops_nothing(tmp_path: Path, ahead: int) -> None:
    clock = Clock(tmp_path)
    async with world(tmp_path) as here:
        await here.start(environment=clock.environment)
        await _set_in_the_middle(here, lambda: _now(clock, ahead))


async def test_a_clock_that_was_set_back_while_the_process_was_down_stops_nothing(tmp_path: Path) -> None:
    clock = Clock(tmp_path)

    async def restarted() -> None:
        await here.kill()
        clock.set(-HOUR)
        await here.start(environment=clock.environment)

    async with world(tmp_path) as here:
        await here.start(environment=clock.environment)
        await _set_in_the_middle(here, restarted)


async def test_a_broadcast_goes_on_at_its_rate_when_the_clock_is_set_back(tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    people = numbers(24)
    async with world(tmp_path) as here:
        await here.start(environment=clock.environment)
        campaign = Campaign(here)
        campaign.write(people, rate="4/s")
        await campaign.send()
        async with asyncio.timeout(90):
            while len(here.sandbox.sent()) < 6:
                await asyncio.sleep(0.02)
        clock.set(-HOUR)
        report = await campaign.finished(within=40)
        assert report["counts"]["sent"] == len(people)
        assert len(here.sandbox.sent()) == len(people)


@pytest.mark.postgres
async def test_a_worker_that_dies_when_the_clock_is_set_back_holds_nobody_up(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    clock = Clock(tmp_path)
    async with world(tmp_path, storage=postgres_server.database("clock"), workers=True) as here:
        await here.start(command=("serve", "--accept-only"), environment=clock.environment)
        first = await here.spawn("worker", environment=clock.environment)
        await here.working(1)

        async def one_less() -> None:
            await here.spawn("worker", environment=clock.environment)
            await here.working(2)
            assert here.model.busy, "the first worker has a turn in hand"
            clock.set(-HOUR)
            first.kill()

        await _set_in_the_middle(here, one_less, within=90)


async def _now(clock: Clock, ahead: int) -> None:
    clock.set(ahead)


async def _set_in_the_middle(here: World, set_clock: Callable[[], Awaitable[None]], *, within: float = 90) -> None:
    """Set the clock while a delivery waits for its next attempt, a turn runs, and a message waits for more."""
    talk = Talk(here)
    here.sandbox.fault("server_error", times=3, only="sends")
    postponed = talk.ask()
    await _logged(here, "delivery_postponed")
    async with here.model.held():
        running = talk.ask()
        await here.model.working()
        waiting = here.sandbox.phone("+6281399999999")
        here.sandbox.say(waiting, "halo")  # the quiet window is two seconds for this
        await _accepted(here, waiting)
        await set_clock()
    await talk.all_answered_once_in_order(within=within)
    for person in (postponed, running):
        talk.ask(person)
    await talk.all_answered_once_in_order(within=60)
    assert len(here.sandbox.sent(waiting)) == 1


async def _logged(here: World, event: str) -> None:
    async with asyncio.timeout(90):
        while not any(event in line for line in here.log):
            await asyncio.sleep(0.02)


async def _accepted(here: World, contact: Contact) -> None:
    """Wait until the webhook of the contact's message was answered."""
    async with asyncio.timeout(90):
        while not any(
            delivery.contact == contact.id and delivery.state == "delivered"
            for delivery in here.sandbox.state.webhooks.deliveries.values()
            if delivery.event_type == "message.received"
        ):
            await asyncio.sleep(0.02)
