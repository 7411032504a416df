import asyncio

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

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


async def test_migrating_again_changes_nothing(database: SqliteDatabase | PostgresDatabase) -> None:
    await asyncio.to_thread(migrate.upgrade, database.engine)


async def test_processes_that_start_together_wait_for_each_other(postgres_server: Postgres) -> None:
    databases = [PostgresDatabase(postgres_server.url, connections=1) for _ in range(4)]
    await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, each.engine) for each in databases))
    for each in databases:
        await each.aclose()
