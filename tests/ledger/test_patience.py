import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from agent.ledger.database import write_with_retry
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.sqlite import SqliteDatabase


async def _away(database: SqliteDatabase, path: Path) -> None:
    """Let the ledger be unusable: its file is a folder now."""
    await database.write(lambda connection: connection.execute(text("CREATE TABLE kept (n INTEGER)")))
    await database.aclose()
    path.rename(path.with_suffix(".away"))
    path.mkdir()


def _keep(connection: object) -> None:
    connection.execute(text("INSERT INTO kept VALUES (1)"))  # type: ignore[attr-defined]


async def test_what_must_not_be_lost_is_written_when_the_ledger_is_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _away(SqliteDatabase(path), path)
    database = SqliteDatabase(path)
    writing = asyncio.create_task(write_with_retry(database, _keep))
    await asyncio.sleep(1.5)
    assert not writing.done()
    path.rmdir()
    path.with_suffix(".away").rename(path)
    await asyncio.wait_for(writing, 10)
    kept = await database.read(lambda connection: connection.execute(text("SELECT count(*) FROM kept")).scalar())
    assert kept == 1
    await database.aclose()


async def test_a_ledger_that_stays_away_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await _away(SqliteDatabase(path), path)
    database = SqliteDatabase(path)
    with pytest.raises(LedgerUnavailable):
        await write_with_retry(database, _keep, timedelta(seconds=1.5))
    await database.aclose()
