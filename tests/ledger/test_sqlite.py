"""The ledger in a SQLite file: locked, broken, on a full disk, and shared by mistake."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from agent.ledger import migrate
from agent.ledger.errors import LedgerLocked, LedgerUnavailable
from agent.ledger.sqlite import LockFile, SqliteDatabase
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


async def test_a_locked_database_is_reported_as_unavailable_and_works_again_afterwards(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    blocker = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="locked"):
        await database.write(_insert(1))
    blocker.execute("ROLLBACK")
    blocker.close()
    assert await database.write(_insert(1)) == 1
    await database.aclose()


async def test_a_file_that_is_broken_leaves_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all" * 500)
    database = SqliteDatabase(tmp_path / "ledger.db")
    async with asyncio.timeout(60):
        for wanted in (_insert(1), _insert(2)):
            with pytest.raises(LedgerUnavailable, match="not a database"):
                await database.write(wanted)
        with pytest.raises(LedgerUnavailable, match="not a database"):
            await database.read(_count)
        await database.aclose()


async def test_a_full_disk_is_reported_as_unavailable_and_loses_nothing_that_was_confirmed(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    await database.write(_insert(1))

    def limit(connection: Connection) -> None:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    def large(connection: Connection) -> None:
        values = {"id": "large", "content": b"x" * 10_000_000, "type": "t", "created_at": NOW, "expires_at": NOW}
        connection.execute(media.insert().values(**values))

    await database.write(limit)
    with pytest.raises(LedgerUnavailable, match="full"):
        await database.write(large)
    assert await database.read(_count) == 1
    await database.aclose()


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    first = LockFile(tmp_path / "ledger.db.lock")
    with pytest.raises(LedgerLocked, match="process"):
        LockFile(tmp_path / "ledger.db.lock")
    first.release()
    LockFile(tmp_path / "ledger.db.lock").release()


async def test_only_the_owner_reads_the_ledger(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "data" / "balas.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    with database.process_lock():
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        files = list((tmp_path / "data").iterdir())
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    await database.aclose()
