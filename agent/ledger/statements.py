"""Statements that the two databases spell differently."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from agent.ledger.database import is_postgres


def insert_new(connection: Connection, table: Table, **values: Any) -> int | str | None:
    """Insert a row unless its key is there already; its first primary key column, or `None` when it was there."""
    make = postgresql.insert if is_postgres(connection) else sqlite.insert
    key = next(iter(table.primary_key.columns))
    statement = make(table).values(**values).on_conflict_do_nothing().returning(key)
    result: int | str | None = connection.execute(statement).scalar()
    return result


def upsert(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row, or set all of its other columns when its primary key is there already."""
    make = postgresql.insert if is_postgres(connection) else sqlite.insert
    keys = [column.name for column in table.primary_key.columns]
    statement = make(table).values(**values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=keys, set_={name: statement.excluded[name] for name in values if name not in keys}
        )
    )
