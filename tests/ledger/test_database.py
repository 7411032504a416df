"""Units of work on both databases, and writing with retries."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from agent.ledger.database import Database, write_with_retry
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import media
from tests.ledger.messages import NOW


def _insert(number: int) -> "object":
    def work(connection: Connection) -> int:
        connection.execute(
            media.insert().values(id=str(number), content=b"x", type="text/plain", created_at=NOW, expires_at=NOW)
        )
        return number

    return work


def _count(connection: Connection) -> int:
    return connection.execute(text("SELECT count(*) FROM media")).scalar_one()


async def test_many_writers_at_once_all_get_their_own_result(database: Database) -> None:
    results = await asyncio.gather(*(database.write(_insert(n)) for n in range(200)))
    assert results == list(range(200))
    assert await database.read(_count) == 200


async def test_one_that_fails_does_not_take_its_neighbours_along(database: Database) -> None:
    results = await asyncio.gather(*(database.write(_insert(n)) for n in (1, 2, 1, 3)), return_exceptions=True)
    assert sorted(result for result in results if isinstance(result, int)) == [1, 2, 3]
    assert sum(isinstance(result, Exception) for result in results) == 1
    assert await database.read(_count) == 3


async def _make_unavailable(database: SqliteDatabase, path: Path) -> None:
    """Let the ledger be unusable: its file is a folder now."""
    await database.write(lambda connection: connection.execute(text("CREATE TABLE kept (n INTEGER)")))
    await database.aclose()
    path.rename(path.with_suffix(".away"))
    path.mkdir()


def _keep(connection: object) -> None:
    connection.execute(text("INSERT INTO kept VALUES (1)"))  # type: ignore[attr-defined]


async def test_what_must_not_be_lost_is_written_when_the_ledger_is_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _make_unavailable(SqliteDatabase(path), path)
    database = SqliteDatabase(path)
    writing = asyncio.create_task(write_with_retry(database, _keep))
    await asyncio.sleep(1.5)
    assert not writing.done()
    path.rmdir()
    path.with_suffix(".away").rename(path)
    await asyncio.wait_for(writing, 60)
    kept = await database.read(lambda connection: connection.execute(text("SELECT count(*) FROM kept")).scalar())
    assert kept == 1
    await database.aclose()


async def test_a_ledger_that_stays_away_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _make_unavailable(SqliteDatabase(path), path)
    database = SqliteDatabase(path)
    with pytest.raises(LedgerUnavailable):
        await write_with_retry(database, _keep, timedelta(seconds=1.5))
    await database.aclose()
