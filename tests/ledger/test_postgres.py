"""A PostgreSQL that accepts connections and then does not answer."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, text

from agent.ledger import postgres
from agent.ledger.database import take_time, write_with_retry
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.postgres import PING, LedgerConnection, PostgresDatabase
from tests.postgres import Postgres
from tests.road import Road, road_to

pytestmark = pytest.mark.postgres

FEW = 40
"""Seconds: one answer and one new connection, which both are not given, and much for a busy machine. In turn they would take minutes."""


@pytest.fixture
async def road(postgres_server: Postgres) -> AsyncIterator[Road]:
    async with road_to(postgres_server.url) as road:
        yield road


@pytest.fixture
async def far(road: Road, postgres_server: Postgres) -> AsyncIterator[PostgresDatabase]:
    """A ledger at the end of the road, with a table."""
    name = f"far_{uuid4().hex[:8]}"
    postgres_server.database(name)
    database = PostgresDatabase(road.url(name), connections=4)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE kept (n INTEGER PRIMARY KEY)")))
    await asyncio.gather(*(database.write(_sleep(0.2)) for _ in range(4)))  # all connections are there
    yield database
    road.thaw()
    await database.aclose()


def _keep(n: int) -> "object":
    def work(connection: Connection) -> None:
        connection.execute(text("INSERT INTO kept VALUES (:n) ON CONFLICT DO NOTHING"), {"n": n})

    return work


def _sleep(seconds: float) -> "object":
    def work(connection: Connection) -> None:
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})

    return work


async def test_a_connection_is_pinged_only_when_it_has_been_idle(
    far: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    wait = LedgerConnection.wait

    def watched(connection: LedgerConnection, *arguments: Any, **named: Any) -> Any:
        asked.append(connection.answer_within)
        return wait(connection, *arguments, **named)

    monkeypatch.setattr(LedgerConnection, "wait", watched)
    monkeypatch.setattr(postgres, "_FRESH", 600.0)
    await far.write(_keep(1))
    assert asked
    assert PING.total_seconds() not in asked
    monkeypatch.setattr(postgres, "_FRESH", 0.0)
    await far.write(_keep(2))
    assert PING.total_seconds() in asked


def _kept(connection: Connection) -> list[int]:
    return list(connection.execute(text("SELECT n FROM kept ORDER BY n")).scalars())


async def _timed(database: PostgresDatabase, work: object) -> tuple[float, BaseException | None]:
    begun = time.monotonic()
    try:
        await database.write(work)  # type: ignore[arg-type]
    except LedgerUnavailable as error:
        return time.monotonic() - begun, error
    return time.monotonic() - begun, None


async def test_whoever_asks_a_frozen_database_hears_so_within_seconds_however_many_ask(
    far: PostgresDatabase, road: Road
) -> None:
    road.freeze()
    outcomes = await asyncio.gather(*(_timed(far, _keep(n)) for n in range(120)))
    assert all(error is not None for _, error in outcomes)
    assert max(seconds for seconds, _ in outcomes) < FEW
    assert (await _timed(far, _keep(100)))[0] < FEW
    road.thaw()
    assert await far.write(_keep(7)) is None  # type: ignore[func-returns-value]
    assert 7 in await far.read(_kept)


async def test_what_must_not_be_lost_is_written_once_the_database_answers_again(
    far: PostgresDatabase, road: Road
) -> None:
    road.freeze()
    writing = [asyncio.create_task(write_with_retry(far, _keep(n))) for n in range(12)]
    await asyncio.sleep(8)
    assert not any(task.done() for task in writing)
    road.thaw()
    await asyncio.wait_for(asyncio.gather(*writing), 90)
    assert await far.read(_kept) == list(range(12))


async def test_sessions_that_were_stopped_are_given_up_for_new_ones(
    far: PostgresDatabase, postgres_server: Postgres
) -> None:
    name = far.engine.url.database
    rows = postgres_server.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
    stopped = [row.pid for row in rows]
    assert len(stopped) == 4
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.wait_for(write_with_retry(far, _keep(1)), FEW)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert await far.read(_kept) == [1]


@pytest.mark.parametrize("lose", [Road.freeze, Road.cut])
async def test_what_a_lost_session_held_is_free_again(
    far: PostgresDatabase, road: Road, lose: Callable[[Road], None]
) -> None:
    """The session of which nobody has heard the end must not keep a contact locked for good."""
    lock = text("SELECT pg_advisory_xact_lock(1)")

    def hold(connection: Connection) -> None:
        connection.execute(lock)
        lose(road)
        connection.execute(text("SELECT 1"))

    with pytest.raises(LedgerUnavailable):
        await far.write(hold)
    road.thaw()
    await asyncio.wait_for(write_with_retry(far, lambda connection: connection.execute(lock)), 90)


async def test_a_server_says_itself_that_a_statement_takes_too_long(far: PostgresDatabase) -> None:
    seconds, error = await _timed(far, _sleep(600))
    assert "statement timeout" in str(error)
    assert seconds < 60


async def test_what_takes_long_by_its_nature_may(far: PostgresDatabase) -> None:
    def report(connection: Connection) -> str:
        take_time(connection)
        connection.execute(text("SELECT pg_sleep(5.5)"))
        return "done"

    assert await far.read(report) == "done"
    seconds, error = await _timed(far, _sleep(600))
    assert error is not None, "the next on the same connection may not"
    assert timedelta(seconds=seconds) < timedelta(seconds=5)


async def test_work_waits_its_turn_where_the_database_is_slow_and_answers(far: PostgresDatabase) -> None:
    outcomes = await asyncio.gather(*(_timed(far, _sleep(1.0)) for _ in range(20)))
    assert [error for _, error in outcomes] == [None] * 20
    assert max(seconds for seconds, _ in outcomes) > 4


async def test_a_server_that_does_not_answer_counts_as_gone_after_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = PostgresDatabase(f"postgresql://balas@127.0.0.1:{silent.getsockname()[1]}/balas")
        async with asyncio.timeout(60):
            with pytest.raises(LedgerUnavailable, match="timeout"):
                await database.write(lambda _connection: None)
        await database.aclose()
