"""How many contacts use the processor at once: a bound, an order, and precedence for webhooks."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.slots import Slots, released

NOW = datetime.now(UTC)


async def _soon() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class _Contact:
    """A contact being processed: it works until told to wait for I/O, and after that until told to end."""

    def __init__(self, slots: Slots, name: str, log: list[str]) -> None:
        self.wait, self.answer, self.end = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._log, self._name = log, name
        self.task = asyncio.create_task(self._run(slots))

    async def _run(self, slots: Slots) -> None:
        async with slots.held(NOW):
            self._log.append(f"{self._name} works")
            await self.wait.wait()
            async with released():
                self._log.append(f"{self._name} waits")
                await self.answer.wait()
            self._log.append(f"{self._name} is back")
            await self.end.wait()

    async def finish(self) -> None:
        for event in (self.wait, self.answer, self.end):
            event.set()
        await self.task


@pytest.fixture
async def start() -> Any:
    """Starts contacts on these slots; those that still run are finished at the end."""
    contacts: list[_Contact] = []

    def contact(slots: Slots, name: str, log: list[str]) -> _Contact:
        contacts.append(_Contact(slots, name, log))
        return contacts[-1]

    yield contact
    async with asyncio.timeout(60):
        await asyncio.gather(*(contact.finish() for contact in contacts), return_exceptions=True)


Open = Callable[[Slots, str, list[str]], _Contact]


async def test_no_more_work_at_once_than_there_are_slots(start: Open) -> None:
    log: list[str] = []
    slots = Slots(2)
    first, *_ = [start(slots, name, log) for name in "abc"]
    await _soon()
    assert log == ["a works", "b works"]
    first.task.cancel()
    await _soon()
    assert log[-1] == "c works"


async def test_any_number_may_wait_for_io(start: Open) -> None:
    log: list[str] = []
    slots = Slots(1)
    contacts = [start(slots, str(n), log) for n in range(50)]
    for contact in contacts:
        contact.wait.set()
    await _soon()
    async with asyncio.timeout(60):
        while len(log) < 100:
            await asyncio.sleep(0)
    assert sum(line.endswith("waits") for line in log) == 50


async def test_a_contact_that_has_begun_goes_before_a_new_one(start: Open) -> None:
    log: list[str] = []
    slots = Slots(1)
    begun = start(slots, "begun", log)
    await _soon()
    busy = start(slots, "busy", log)
    begun.wait.set()
    await _soon()
    new = start(slots, "new", log)
    await _soon()
    begun.answer.set()
    await _soon()
    assert log == ["begun works", "begun waits", "busy works"]
    busy.task.cancel()
    await _soon()
    assert log[-1] == "begun is back"
    await begun.finish()
    await _soon()
    assert log[-1] == "new works"
    await new.finish()


async def test_of_the_new_ones_the_earliest_deadline_goes_first() -> None:
    slots, order = Slots(1), []

    async def work(minutes: int) -> None:
        async with slots.held(NOW + timedelta(minutes=minutes)):
            order.append(minutes)

    async with slots.held(NOW):
        tasks = [asyncio.create_task(work(minutes)) for minutes in (5, 5, 0, 9, 1)]
        await _soon()
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)
    assert order == [0, 1, 5, 5, 9]


async def test_an_earlier_deadline_goes_before_those_that_have_begun() -> None:
    slots, order = Slots(1), []
    answer = asyncio.Event()

    async def stranger(number: int) -> None:
        async with slots.held(NOW + timedelta(minutes=5)):
            async with released():
                await answer.wait()
            order.append(number)

    async def customer() -> None:
        async with slots.held(NOW):
            order.append(0)

    strangers = [asyncio.create_task(stranger(number)) for number in (1, 2, 3)]
    await _soon()
    async with slots.held(NOW):
        answer.set()
        await _soon()
        known = asyncio.create_task(customer())
        await _soon()
    async with asyncio.timeout(60):
        await asyncio.gather(known, *strangers)
    assert order == [0, 1, 2, 3]


async def test_while_a_webhook_is_recorded_only_one_works(start: Open) -> None:
    log: list[str] = []
    slots = Slots(4)
    with slots.webhook():
        for name in "abc":
            start(slots, name, log)
        await _soon()
        assert log == ["a works"]
    await _soon()
    assert log == ["a works", "b works", "c works"]


async def test_a_cancelled_contact_takes_no_slot_with_it(start: Open) -> None:
    log: list[str] = []
    slots = Slots(1)
    away, queued = start(slots, "away", log), start(slots, "queued", log)
    away.wait.set()
    await _soon()
    third = start(slots, "third", log)
    await _soon()
    for contact in (away, third):  # one waits for I/O, and then for its slot; one waits for a first slot
        contact.task.cancel()
    await _soon()
    queued.task.cancel()
    await asyncio.gather(away.task, third.task, queued.task, return_exceptions=True)
    start(slots, "last", log)
    await _soon()
    assert log[-1] == "last works"


async def test_what_outlives_its_contact_keeps_no_slot(start: Open) -> None:
    log: list[str] = []
    slots, outlived = Slots(1), asyncio.Event()

    async def straggler() -> None:
        async with released():
            await outlived.wait()

    async with slots.held(NOW):
        task = asyncio.create_task(straggler())
        await _soon()
    outlived.set()
    await task
    start(slots, "next", log)
    await _soon()
    assert log == ["next works"]


async def test_without_a_slot_nothing_is_released() -> None:
    async with released():
        pass
