"""How many contacts use the processor at once: a bound, an order, and precedence for webhooks."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agent import slots
from agent.slots import Seats


async def _soon() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class _Visit:
    """A contact being seen to: it works until told to wait for the outside, and after that until told to end."""

    def __init__(self, office: Seats, name: str, log: list[str]) -> None:
        self.wait, self.answer, self.end = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._log, self._name = log, name
        self.task = asyncio.create_task(self._run(office))

    async def _run(self, office: Seats) -> None:
        async with office.taken():
            self._log.append(f"{self._name} works")
            await self.wait.wait()
            async with slots.left():
                self._log.append(f"{self._name} waits")
                await self.answer.wait()
            self._log.append(f"{self._name} is back")
            await self.end.wait()

    async def finish(self) -> None:
        for event in (self.wait, self.answer, self.end):
            event.set()
        await self.task


@pytest.fixture
async def opened() -> Any:
    """Opens visits in an office of so many seats; those still there are finished at the end."""
    visits: list[_Visit] = []

    def visit(office: Seats, name: str, log: list[str]) -> _Visit:
        visits.append(_Visit(office, name, log))
        return visits[-1]

    yield visit
    async with asyncio.timeout(5):
        await asyncio.gather(*(visit.finish() for visit in visits), return_exceptions=True)


Open = Callable[[Seats, str, list[str]], _Visit]


async def test_no_more_work_at_once_than_there_are_seats(opened: Open) -> None:
    log: list[str] = []
    office = Seats(2)
    first, *_ = [opened(office, name, log) for name in "abc"]
    await _soon()
    assert log == ["a works", "b works"]
    first.task.cancel()
    await _soon()
    assert log[-1] == "c works"


async def test_any_number_may_wait_for_the_outside(opened: Open) -> None:
    log: list[str] = []
    office = Seats(1)
    visits = [opened(office, str(n), log) for n in range(50)]
    for visit in visits:
        visit.wait.set()
    await _soon()
    async with asyncio.timeout(5):
        while len(log) < 100:
            await asyncio.sleep(0)
    assert sum(line.endswith("waits") for line in log) == 50


async def test_who_has_begun_goes_before_who_has_not(opened: Open) -> None:
    log: list[str] = []
    office = Seats(1)
    begun = opened(office, "begun", log)
    await _soon()
    busy = opened(office, "busy", log)
    begun.wait.set()
    await _soon()
    new = opened(office, "new", log)
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


async def test_while_a_webhook_is_recorded_only_one_works(opened: Open) -> None:
    log: list[str] = []
    office = Seats(4)
    with office.webhook():
        for name in "abc":
            opened(office, name, log)
        await _soon()
        assert log == ["a works"]
    await _soon()
    assert log == ["a works", "b works", "c works"]


async def test_a_cancelled_contact_takes_no_seat_with_it(opened: Open) -> None:
    log: list[str] = []
    office = Seats(1)
    away, queued = opened(office, "away", log), opened(office, "queued", log)
    away.wait.set()
    await _soon()
    third = opened(office, "third", log)
    await _soon()
    for visit in (away, third):  # one waits for the outside, and then to come back; one waits for a first seat
        visit.task.cancel()
    await _soon()
    queued.task.cancel()
    await asyncio.gather(away.task, third.task, queued.task, return_exceptions=True)
    opened(office, "last", log)
    await _soon()
    assert log[-1] == "last works"


async def test_what_outlives_its_contact_keeps_no_seat(opened: Open) -> None:
    log: list[str] = []
    office, outlived = Seats(1), asyncio.Event()

    async def straggler() -> None:
        async with slots.left():
            await outlived.wait()

    async with office.taken():
        task = asyncio.create_task(straggler())
        await _soon()
    outlived.set()
    await task
    opened(office, "next", log)
    await _soon()
    assert log == ["next works"]


async def test_without_a_seat_nothing_is_left() -> None:
    async with slots.left():
        pass
