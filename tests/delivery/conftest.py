"""What the tests of deliveries begin with."""

import pytest

from agent.ledger.database import Database
from tests.delivery.desk import Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)
