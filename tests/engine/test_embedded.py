import asyncio
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from agent.engine.embedded import EmbeddedEngine
from agent.engine.engine import NEAR, Handle
from agent.ledger import contacts, migrate
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import contact
from messaging.types import ContactKey

BUDI, SARI = ContactKey("aelyst", "1"), ContactKey("aelyst", "2")


def _now() -> datetime:
    return datetime.now(UTC)


async def _run(engine: EmbeddedEngine, handle: Handle) -> None:
    running = asyncio.create_task(engine.run(handle))
    async with asyncio.timeout(60):
        await asyncio.sleep(0.05)
        while not engine.idle(within=timedelta(seconds=3)):
            await asyncio.sleep(0.01)
    await engine.stop(timedelta(seconds=1))
    await running


async def test_contacts_are_seen_to_when_they_are_due_and_not_before() -> None:
    engine, seen = EmbeddedEngine(), []

    async def handle(contact: ContactKey, _deadline: datetime) -> None:
        seen.append((contact, _now()))

    due = _now() + timedelta(seconds=0.2)
    await engine.wake(BUDI, due)
    await engine.wake(SARI, _now())
    await _run(engine, handle)
    assert [contact for contact, _ in seen] == [SARI, BUDI]
    assert seen[1][1] >= due


async def test_a_later_wake_replaces_one_that_has_not_come_due() -> None:
    engine, seen = EmbeddedEngine(), []

    async def handle(contact: ContactKey, _deadline: datetime) -> None:
        seen.append(contact)

    for milliseconds in (10, 50, 100):
        await engine.wake(BUDI, _now() + timedelta(milliseconds=milliseconds))
    await _run(engine, handle)
    assert seen == [BUDI]


async def test_one_contact_is_never_seen_to_twice_at_once_and_no_wake_is_lost() -> None:
    engine, running, most, runs = EmbeddedEngine(), 0, 0, 0

    async def handle(_contact: ContactKey, _deadline: datetime) -> None:
        nonlocal running, most, runs
        running += 1
        runs += 1
        most = max(most, running)
        if runs == 1:
            await engine.wake(BUDI, _now())
        await asyncio.sleep(0.1)
        running -= 1

    await engine.wake(BUDI, _now())
    await _run(engine, handle)
    assert (most, runs) == (1, 2)


async def test_what_is_to_be_done_later_is_done_later() -> None:
    engine, times = EmbeddedEngine(), []

    async def handle(_contact: ContactKey, _deadline: datetime) -> datetime | None:
        times.append(_now())
        return _now() + timedelta(seconds=0.1) if len(times) < 3 else None

    await engine.wake(BUDI, _now())
    await _run(engine, handle)
    assert len(times) == 3


async def test_a_fault_in_one_contact_does_not_stop_the_others() -> None:
    engine, seen = EmbeddedEngine(), []

    async def handle(contact: ContactKey, _deadline: datetime) -> None:
        if contact == BUDI:
            raise RuntimeError("broken")
        seen.append(contact)

    await engine.wake(BUDI, _now())
    await engine.wake(SARI, _now() + timedelta(milliseconds=50))
    running = asyncio.create_task(engine.run(handle))
    async with asyncio.timeout(60):
        while not seen:
            await asyncio.sleep(0.01)
    assert not engine.idle(within=timedelta(seconds=10)), "the broken one is tried again"
    await engine.stop(timedelta(seconds=1))
    await running


async def test_stopping_waits_for_what_runs_and_takes_nothing_new() -> None:
    engine, finished = EmbeddedEngine(), []

    async def handle(contact: ContactKey, _deadline: datetime) -> None:
        await asyncio.sleep(0.2)
        finished.append(contact)

    await engine.wake(BUDI, _now())
    await engine.wake(SARI, _now() + timedelta(seconds=0.1))
    running = asyncio.create_task(engine.run(handle))
    await asyncio.sleep(0.05)
    await engine.stop(timedelta(seconds=5))
    await running
    assert finished == [BUDI]


async def test_no_more_contacts_are_seen_to_at_once_than_allowed() -> None:
    engine, running, most = EmbeddedEngine(concurrent=3), 0, 0

    async def handle(_contact: ContactKey, _deadline: datetime) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1

    for number in range(12):
        await engine.wake(ContactKey("aelyst", str(number)), _now())
    await _run(engine, handle)
    assert most == 3


async def test_of_more_than_can_be_worked_on_the_earliest_deadline_comes_first_and_who_writes_again_keeps_their_place() -> (
    None
):
    engine, seen = EmbeddedEngine(concurrent=1), []

    async def handle(contact: ContactKey, _deadline: datetime) -> None:
        seen.append(contact.id)
        await asyncio.sleep(0)

    now = _now()
    for number in range(50):
        await engine.wake(ContactKey("aelyst", f"stranger {number:02}"), now, now + timedelta(minutes=5))
    await engine.wake(BUDI, now + timedelta(milliseconds=1))
    for number in range(10):  # the flood writes on, and the sweep finds all of it once more
        await engine.wake(ContactKey("aelyst", f"stranger {number:02}"), now + timedelta(milliseconds=2))
    await engine.wake(SARI, now - timedelta(minutes=1), now + timedelta(minutes=4))
    await asyncio.sleep(0.01)
    await _run(engine, handle)
    assert seen[:12] == ["1", *(f"stranger {number:02}" for number in range(10)), "2"]
    assert len(seen) == 52


async def test_what_is_due_much_later_costs_no_memory(tmp_path: Path) -> None:
    """A hundred thousand contacts who wait for tomorrow: none is in memory, the sweep reads only who is due, and fast."""
    database = SqliteDatabase(tmp_path / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    tomorrow, engine = _now() + timedelta(days=1), EmbeddedEngine()
    rows = [{"platform": "aelyst", "id": str(n), "profile": {}, "wake_at": tomorrow} for n in range(100_000)]
    rows[7]["wake_at"] = _now() + timedelta(seconds=5)
    await database.write(lambda connection: connection.execute(insert(contact), rows))

    tracemalloc.start()
    began, soon = time.perf_counter(), _now() + NEAR
    for key, at, deadline in await database.read(lambda connection: contacts.due(connection, soon)):
        await engine.wake(key, at, deadline)
    for number in range(100_000):  # and whoever was just seen to is not kept until tomorrow either
        await engine.wake(ContactKey("aelyst", str(number)), tomorrow if number != 7 else at)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await database.aclose()

    assert engine.load() == (0, 1)
    assert most < 2_000_000, f"{most} bytes"
    assert time.perf_counter() - began < 60
