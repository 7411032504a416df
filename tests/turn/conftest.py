import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.ledger import migrate
from agent.ledger.database import Database
from agent.ledger.sqlite import SqliteDatabase
from tests.turn.harness import Desk


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without a contact, to be copied: migrating takes longer than a conversation."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    database = SqliteDatabase(path)
    migrate.upgrade(database.engine)
    asyncio.run(database.aclose())
    return path


@pytest.fixture
async def desk(sqlite: Database) -> AsyncIterator[Desk]:
    """An agent with an empty ledger."""
    desk = Desk(sqlite)
    yield desk
    await desk.client.aclose()
