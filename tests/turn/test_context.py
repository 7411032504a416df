from types import SimpleNamespace

import pytest

from agent.ledger import inbound, turns
from agent.ledger.database import Database
from agent.turn.context import Arrivals
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet


async def test_a_look_along_with_a_write_spares_the_next_one_for_a_moment(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("agent.turn.context.time", SimpleNamespace(monotonic=lambda: clock[0]))
    await database.write(lambda connection: inbound.accept(connection, message(1), NOW, RULES))
    await database.write(lambda connection: turns.claim(connection, BUDI, "me", NOW, turns.LEASE, quiet))
    arrivals = Arrivals(database, BUDI)
    await database.write(arrivals.look)
    assert not arrivals.noticed
    await database.write(lambda connection: inbound.accept(connection, message(2), NOW, RULES))
    clock[0] += 0.4
    assert not await arrivals.newer(), "it was looked a moment ago"
    clock[0] += 0.2
    assert await arrivals.newer()
    assert arrivals.noticed


async def test_the_first_question_is_always_looked_up(database: Database) -> None:
    await database.write(lambda connection: inbound.accept(connection, message(1), NOW, RULES))
    assert await Arrivals(database, BUDI).newer()
