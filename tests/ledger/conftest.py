import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.ledger import migrate
from agent.ledger.database import Database, PostgresDatabase, SqliteDatabase


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL of our own; its address."""
    import pgserver

    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    yield database
    await database.aclose()


@pytest.fixture
async def postgres(postgres_server: str) -> AsyncIterator[PostgresDatabase]:
    from agent.ledger.schema import metadata

    database = PostgresDatabase(postgres_server)
    await asyncio.to_thread(metadata.drop_all, database.engine)
    await asyncio.to_thread(migrate.upgrade, database.engine)
    yield database
    await database.aclose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the two databases in turn."""
    found: Database = request.getfixturevalue(request.param)
    return found
