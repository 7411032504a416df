import asyncio
import sqlite3
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from agent.ledger import migrate
from agent.ledger.postgres import PostgresDatabase
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import metadata
from tests.postgres import Postgres


async def test_the_migrations_lead_to_the_tables_that_the_code_describes(
    database: SqliteDatabase | PostgresDatabase,
) -> None:
    def differences() -> list[object]:
        with database.engine.connect() as connection:
            found = compare_metadata(MigrationContext.configure(connection), metadata)
        return [each for each in found if "procrastinate" not in str(each)]

    assert await asyncio.to_thread(differences) == []


def tables_of(file: Path) -> dict[str, list[tuple[str, ...]]]:
    """Columns and indexes of every table of a SQLite file."""
    with sqlite3.connect(file) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(
                [(row[1], row[2], str(row[3]), str(row[5])) for row in connection.execute(f"PRAGMA table_info({name})")]
                + [
                    (row[1], str(row[2]), *(column[2] for column in connection.execute(f"PRAGMA index_info({row[1]})")))
                    for row in connection.execute(f"PRAGMA index_list({name})")
                    if not row[1].startswith("sqlite_")
                ]
            )
            for name in names
        }


def test_a_new_sqlite_file_gets_the_tables_that_the_migrations_lead_to(tmp_path: Path) -> None:
    created, migrated = tmp_path / "created.db", tmp_path / "migrated.db"
    migrate.upgrade(create_engine(f"sqlite:///{created}"))
    with create_engine(f"sqlite:///{migrated}").begin() as connection:
        command.upgrade(migrate._config(connection), "head")

    assert tables_of(created) == tables_of(migrated)
    assert len(tables_of(created)) > 20
    with sqlite3.connect(created) as one, sqlite3.connect(migrated) as other:
        versions = [each.execute("SELECT version_num FROM alembic_version").fetchall() for each in (one, other)]
    assert versions[0] == versions[1]


async def test_migrating_again_changes_nothing(database: SqliteDatabase | PostgresDatabase) -> None:
    await asyncio.to_thread(migrate.upgrade, database.engine)


async def test_processes_that_start_together_wait_for_each_other(postgres_server: Postgres) -> None:
    databases = [PostgresDatabase(postgres_server.url, connections=1) for _ in range(4)]
    await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, each.engine) for each in databases))
    for each in databases:
        await each.aclose()
