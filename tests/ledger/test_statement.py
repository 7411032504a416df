"""Statements that go straight to the driver do what SQLAlchemy would do with them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, event, insert, select, update
from sqlalchemy.exc import IntegrityError

from agent.ledger.database import Database, at, where
from agent.ledger.statement import Statement
from agent.ledger.tables import contact as table
from agent.ledger.tables import fact
from tests.ledger.messages import NOW

_ROW = {
    "platform": "aelyst",
    "id": "7",
    "profile": {"first_name": "Budi", "tags": ["a", None]},
    "last_inbound_at": NOW + timedelta(microseconds=1),
    "paused_by": "a\x00b",
}
_INSERT = insert(table).values({name: bindparam(name) for name in _ROW}).inline()
_LOAD = select(table).where(where(table, "platform", "id"))
_KEY = {"at_platform": "aelyst", "at_id": "7"}


async def test_values_come_back_as_through_sqlalchemy(database: Database) -> None:
    def work(connection: Connection) -> None:
        assert Statement(_INSERT).count(connection, _ROW) == 1
        expected = connection.execute(_LOAD, _KEY).one()
        statement = Statement(_LOAD)
        for row in (statement.first(connection, _KEY), *statement.all(connection, _KEY)):
            assert row._asdict() == expected._asdict()
            assert row.last_inbound_at == _ROW["last_inbound_at"]
            assert row.profile == _ROW["profile"]
        assert Statement(select(table.c.profile).where(where(table, "id"))).scalar(connection, _KEY) == _ROW["profile"]

    await database.write(work)


async def test_nothing_found_is_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        statement = Statement(_LOAD)
        assert statement.all(connection, _KEY) == []
        assert statement.first(connection, _KEY) is None
        assert statement.scalar(connection, _KEY) is None
        assert Statement(update(table).where(where(table, "id")).values(language="id")).count(connection, _KEY) == 0

    await database.write(work)


async def test_columns_that_are_not_named_get_their_defaults(database: Database) -> None:
    from agent.ledger.tables import turn

    given = {"id": "t", "platform": "aelyst", "contact": "7", "state": "running", "started_at": NOW}
    adding = insert(turn).values({name: bindparam(name) for name in given}).inline()

    def work(connection: Connection) -> None:
        Statement(adding).count(connection, given)
        row = connection.execute(select(turn)).one()
        assert (row.takeovers, row.restarts, row.tokens, row.cost) == (0, 0, 0, 0.0)

    await database.write(work)


async def test_a_driver_s_error_comes_as_sqlalchemy_s_and_undoes_the_transaction(database: Database) -> None:
    def twice(connection: Connection) -> None:
        for _ in range(2):
            Statement(_INSERT).count(connection, _ROW)

    with pytest.raises(IntegrityError):
        await database.write(twice)
    assert await database.read(lambda connection: Statement(_LOAD).all(connection, _KEY)) == []


async def test_those_who_listen_to_the_engine_hear_of_it(database: Database) -> None:
    heard: list[str] = []

    def note(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        heard.append(sql)

    def work(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", note)
        Statement(_LOAD).all(connection, _KEY)
        event.remove(connection, "before_cursor_execute", note)

    await database.write(work)
    assert len(heard) == 1
    assert "contact" in heard[0]


async def test_a_list_that_is_expanded_when_it_runs_is_refused(database: Database) -> None:
    statement = Statement(select(fact).where(fact.c.key.in_(bindparam("keys", expanding=True)), fact.c.turn == at("t")))

    def work(connection: Connection) -> None:
        with pytest.raises(TypeError, match="expanded"):
            statement.all(connection, {"keys": ["a"], "at_t": "t"})

    await database.write(work)
