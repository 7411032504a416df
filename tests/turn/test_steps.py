"""Steps whose writing was committed although nobody was told so."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from agent.ledger import inbound, steps, turns
from agent.ledger.database import Database, Work
from agent.ledger.errors import LeaseLost, LedgerUnavailable
from agent.ledger.postgres import PostgresDatabase
from agent.ledger.tables import InboundOutcome
from agent.turn.steps import StepLog
from tests.ledger.messages import BUDI, NOW, RULES, message
from tests.postgres import Postgres
from tests.road import Road, road_to

T = TypeVar("T")


class Forgetful:
    """A ledger whose answer to every other write is lost: it was committed, and the connection is gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writes = 0

    async def write(self, work: Work[T]) -> T:
        result = await self._database.write(work)
        self._writes += 1
        if self._writes % 2:
            raise LedgerUnavailable("the connection was lost after COMMIT")
        return result

    async def read(self, work: Work[T]) -> T:
        return await self._database.read(work)

    def describe(self) -> str:
        return self._database.describe()

    async def aclose(self) -> None:
        await self._database.aclose()


async def _turn(database: Database) -> str:
    def work(connection: Connection) -> str:
        inbound.accept(connection, message(1), NOW, RULES)
        claim = turns.claim(connection, BUDI, "me", NOW, turns.LEASE)
        assert isinstance(claim, turns.Claim)
        return claim.turn

    return await database.write(work)


def _log(database: Database, turn: str, *, ahead: int = 0) -> StepLog:
    seconds = count(ahead)

    def clock() -> datetime:
        return NOW + timedelta(seconds=next(seconds))

    return StepLog(database, turn, (), clock=clock, context="test")


async def _written(database: Database, turn: str) -> list[tuple[str, object, bool]]:
    found = await database.read(lambda connection: steps.of_turn(connection, turn))
    assert [step.n for step in found] == list(range(1, len(found) + 1))
    return [(step.key.partition("#")[0], step.output, step.finished_at is not None) for step in found]


async def _whole_turn(database: Database, log: StepLog) -> None:
    log.note("retrieval", "retrieval", "knowledge", {"q": 1}, ["passage"], started_at=NOW)
    await log.record("model/1", "model", "stub", {"m": 1}, "call it", started_at=NOW)
    await log.start("action/1", "action", "order", {"a": 1})
    await log.finish("action/1", "action", "order", {"a": 1}, "done")


_WHOLE = [("retrieval", ["passage"], True), ("model/1", "call it", True), ("action/1", "done", True)]


async def test_steps_whose_commit_was_not_confirmed_are_there_once(database: Database) -> None:
    turn = await _turn(database)
    await _whole_turn(database, _log(Forgetful(database), turn))
    assert await _written(database, turn) == _WHOLE


@pytest.fixture
async def road(postgres_server: Postgres) -> AsyncIterator[Road]:
    async with road_to(postgres_server.url) as road:
        yield road


@pytest.mark.postgres
async def test_steps_are_there_once_when_the_connection_breaks_after_the_server_has_committed(
    postgres: PostgresDatabase, road: Road
) -> None:
    turn = await _turn(postgres)
    far = PostgresDatabase(road.url())
    road.lose_answers(every=2)
    try:
        await _whole_turn(far, _log(far, turn))
    finally:
        await far.aclose()
    assert road.lost >= 1
    assert await _written(postgres, turn) == _WHOLE


async def test_the_place_of_another_worker_s_step_is_not_taken(database: Database) -> None:
    """Also with the same input: whoever comes second must not run the effect that the first has begun."""
    turn = await _turn(database)
    await _log(database, turn).start("action/1", "action", "order", {"a": 1})
    with pytest.raises(LeaseLost, match="another worker"):
        await _log(database, turn, ahead=60).start("action/1", "action", "order", {"a": 1})
    assert await _written(database, turn) == [("action/1", None, False)]


async def test_a_turn_whose_end_was_not_confirmed_is_ended_once(database: Database) -> None:
    def begin(connection: Connection) -> turns.Claim:
        inbound.accept(connection, message(1), NOW, RULES)
        claim = turns.claim(connection, BUDI, "me", NOW, turns.LEASE)
        assert isinstance(claim, turns.Claim)
        return claim

    claim = await database.write(begin)
    result = turns.Result(InboundOutcome.FAILED, "no model")
    for _ in range(2):
        ended = await database.write(lambda connection: turns.commit(connection, claim, "me", result, NOW))
        assert ended == "done"
    with pytest.raises(LeaseLost):
        await database.write(lambda connection: turns.commit(connection, claim, "somebody else", result, NOW))
