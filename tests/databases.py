"""Ledgers for tests: SQLite in a folder, and a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import URL, Connection, text

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
    await asyncio.to_thread(_renew, database)
    yield database
    await database.aclose()


def _renew(database: PostgresDatabase) -> None:
    """Today's tables without a row: those of the test before, unless it changed them. Making them costs ten times as much."""
    with database.engine.begin() as connection:
        as_made = _shape(connection) == _made.get(database.engine.url)
        if as_made:
            deletes = connection.execute(_DELETES).scalar_one()
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # in any order, and no trigger
            connection.execute(text(deletes))
            connection.execute(_BEGIN_AGAIN)
        else:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    migrate.upgrade(database.engine)
    if not as_made:
        with database.engine.begin() as connection:
            _made[database.engine.url] = _shape(connection)


def _shape(connection: Connection) -> tuple[str, ...]:
    """What a database is made of, and its last migration."""
    shape = connection.execute(_SHAPE).scalar()
    migrated = connection.execute(text("SELECT to_regclass('alembic_version')")).scalar()
    versions = connection.execute(text("SELECT version_num FROM alembic_version")).scalars() if migrated else ()
    return (shape or "", *versions)


_made: dict[URL, tuple[str, ...]] = {}
"""The shapes of the databases of this process as they were made."""

_SHAPE = text("""
    SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
        SELECT concat_ws(' ', relname, relkind, attname, attnum, atttypid, atttypmod, attnotnull) AS part
            FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', proname, md5(prosrc)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ) parts
""")
"""The tables, columns, constraints, triggers and functions of a database in one line; nothing where it holds none."""

_DELETES = text(
    "SELECT string_agg(format('DELETE FROM %I', tablename), ';') FROM pg_tables"
    " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)
_BEGIN_AGAIN = text(
    "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two databases in turn."""
    found: Database = request.getfixturevalue(request.param)
    return found


__all__ = ["database", "postgres", "sqlite"]
