"""Ledgers for tests: SQLite in a folder, and a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from agent.ledger import migrate
from agent.ledger.database import Database
from agent.ledger.postgres import LIMITS, PostgresDatabase
from agent.ledger.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from tests.postgres import Postgres


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    yield database
    await database.aclose()


@pytest.fixture
async def postgres(postgres_server: "Postgres", monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresDatabase]:
    # A busy machine may let a session of a test wait longer than one of an agent.
    monkeypatch.setitem(LIMITS, "idle_in_transaction_session_timeout", timedelta(seconds=90))
    database = PostgresDatabase(postgres_server.url)
    await asyncio.to_thread(_empty, database)
    await asyncio.to_thread(migrate.upgrade, database.engine)
    yield database
    await database.aclose()


def _empty(database: PostgresDatabase) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two databases in turn."""
    found: Database = request.getfixturevalue(request.param)
    return found


__all__ = ["database", "postgres", "sqlite"]
