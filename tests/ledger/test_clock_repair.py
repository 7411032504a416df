"""Times in the future, written while the clock was ahead, are brought back."""

from datetime import timedelta

from sqlalchemy import Connection

from agent.ledger import human, inbound, outbound, turns
from agent.ledger.clock_repair import repair
from agent.ledger.database import Database
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Claim, Result
from messaging.types import Text
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet

LEASE = timedelta(seconds=30)
SECOND = timedelta(seconds=1)
PAST = NOW - timedelta(days=1)


async def test_a_clock_that_was_set_back_keeps_nobody_waiting(database: Database) -> None:
    """A message that was given back in what is the future now."""

    def given_back(connection: Connection) -> None:
        inbound.accept(connection, message(1), NOW, RULES)
        claim = turns.claim(connection, BUDI, "me", NOW, LEASE)
        assert isinstance(claim, Claim)
        turns.commit(connection, claim, "me", Result(InboundOutcome.HUMAN, "a human answers"), NOW)
        human.give_back(connection, BUDI, NOW)

    await database.write(given_back)
    repaired = await database.write(lambda c: repair(c, PAST, lease=LEASE, tolerance=SECOND))
    assert repaired == {BUDI}
    claim = await database.write(lambda c: turns.claim(c, BUDI, "me", PAST, LEASE, quiet))
    assert isinstance(claim, Claim)


async def test_a_lease_from_the_future_lasts_no_longer_than_one_from_now(database: Database) -> None:
    await database.write(lambda c: inbound.accept(c, message(1), NOW, RULES))
    assert isinstance(await database.write(lambda c: turns.claim(c, BUDI, "gone", NOW, LEASE)), Claim)
    await database.write(lambda c: repair(c, PAST, lease=LEASE, tolerance=SECOND))
    assert await database.write(lambda c: turns.claim(c, BUDI, "me", PAST, LEASE)) == PAST + LEASE
    assert isinstance(await database.write(lambda c: turns.claim(c, BUDI, "me", PAST + LEASE, LEASE)), Claim)


async def test_a_delivery_from_the_future_is_due_now(database: Database) -> None:
    await database.write(lambda c: inbound.accept(c, message(1), NOW, RULES))
    await database.write(lambda c: outbound.add(c, BUDI, "t", [Text("ya")], now=NOW))
    assert BUDI in await database.write(lambda c: repair(c, PAST, lease=LEASE, tolerance=SECOND))
    (head,) = await database.read(lambda c: outbound.heads(c, BUDI))
    assert head.next_attempt_at == PAST


async def test_what_lies_within_the_tolerance_stays(database: Database) -> None:
    await database.write(lambda c: inbound.accept(c, message(1), NOW, RULES))
    assert await database.write(lambda c: repair(c, NOW, lease=LEASE, tolerance=SECOND)) == set()
