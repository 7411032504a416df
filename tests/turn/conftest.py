from collections.abc import AsyncIterator

import pytest

from agent.ledger.database import Database
from tests.turn.harness import Desk


@pytest.fixture
async def desk(sqlite: Database) -> AsyncIterator[Desk]:
    """An agent with an empty ledger."""
    desk = Desk(sqlite)
    yield desk
    await desk.client.aclose()
