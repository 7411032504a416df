from datetime import timedelta

from sqlalchemy import Connection

from agent.ledger import inbound, turns
from agent.ledger.database import Database
from agent.ledger.turns import Busy
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet


async def test_what_waits_behind_another_s_turn_is_not_due_before_that_turn_s_lease_ends(database: Database) -> None:
    """Being due at once, it would be looked at again and again, as fast as the machine can, until a dead worker's lease is over."""
    later = NOW + timedelta(seconds=5)

    def work(connection: Connection) -> None:
        inbound.accept(connection, message(1), NOW, RULES)
        turns.claim(connection, BUDI, "the dead", NOW, turns.LEASE)
        inbound.accept(connection, message(2), later, RULES)
        assert isinstance(turns.claim(connection, BUDI, "the living", later, turns.LEASE), Busy)
        assert turns.settle(connection, BUDI, quiet) == NOW + turns.LEASE

    await database.write(work)
