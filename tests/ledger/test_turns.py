from datetime import timedelta

from sqlalchemy import Connection

from agent.ledger import inbound, turns
from agent.ledger.database import Database
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Claim, Result
from agent.turn.steps import StepLog
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet


async def test_what_waits_behind_another_s_turn_is_not_due_before_that_turn_s_lease_ends(database: Database) -> None:
    """Being due at once, it would be looked at again and again, as fast as the machine can, until a dead worker's lease is over."""
    later = NOW + timedelta(seconds=5)

    def work(connection: Connection) -> None:
        inbound.accept(connection, message(1), NOW, RULES)
        turns.claim(connection, BUDI, "the dead", NOW, turns.LEASE)
        inbound.accept(connection, message(2), later, RULES)
        assert turns.claim(connection, BUDI, "the living", later, turns.LEASE) == NOW + turns.LEASE

    await database.write(work)


async def test_what_a_running_turn_has_paid_counts_at_once_and_only_once(database: Database) -> None:
    await database.write(lambda connection: inbound.accept(connection, message(1), NOW, RULES))
    claim = await database.write(lambda c: turns.claim(c, BUDI, "me", NOW, timedelta(seconds=30), quiet))
    assert isinstance(claim, Claim)

    async def today() -> float:
        return await database.read(lambda connection: turns.dollars(connection, NOW - timedelta(days=1)))

    log = StepLog(database, claim.turn, (), clock=lambda: NOW, context="Budi")
    await log.record("model/1", "model", "stub", {}, "a call", started_at=NOW, tokens=100, cost=0.5)
    await log.record("action/1", "action", "look", {}, "a result", started_at=NOW)
    assert await today() == 0.5
    await log.record("model/2", "model", "stub", {}, "an answer", started_at=NOW, tokens=10, cost=0.25)
    assert await today() == 0.75
    result = Result(InboundOutcome.ANSWERED, tokens=log.tokens, cost=log.cost)
    await database.write(lambda connection: turns.commit(connection, claim, "me", result, NOW))
    assert await today() == 0.75


async def test_a_turn_that_was_taken_over_and_says_nothing_keeps_what_was_paid(database: Database) -> None:
    await database.write(lambda connection: inbound.accept(connection, message(1), NOW, RULES))
    claim = await database.write(lambda c: turns.claim(c, BUDI, "me", NOW, timedelta(seconds=30), quiet))
    assert isinstance(claim, Claim)
    log = StepLog(database, claim.turn, (), clock=lambda: NOW, context="Budi")
    await log.record("model/1", "model", "stub", {}, "a call", started_at=NOW, tokens=100, cost=0.5)
    held = Result(InboundOutcome.HUMAN, "a human answers (Rina)")
    await database.write(lambda connection: turns.commit(connection, claim, "me", held, NOW))
    assert await database.read(lambda connection: turns.dollars(connection, NOW - timedelta(days=1))) == 0.5
