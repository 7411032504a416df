"""Statements, built once and run with parameters: building one costs several times as much as running it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Executable,
    Table,
    and_,
    bindparam,
    insert,
    literal_column,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from agent.ledger.database import is_postgres


def at(name: str) -> BindParameter[Any]:
    """A value that is given when the statement runs."""
    return bindparam(f"at_{name}")


def where(table: Table, *names: str) -> ColumnElement[bool]:
    """The columns `names` have the values given as `at_…` when the statement runs."""
    return and_(*(table.c[name] == at(name) for name in names))


def one_of(column: ColumnElement[str], *values: str) -> ColumnElement[bool]:
    """The column has one of the values, which are written into the statement: bound ones are expanded anew at every run."""
    return column.in_([literal_column(f"'{value}'") for value in values])


def insert_new(connection: Connection, table: Table, **values: Any) -> int | str | None:
    """Insert a row unless its key is there already; its first primary key column, or `None` when it was there."""
    statement = _insert_new(table, is_postgres(connection), tuple(values))
    result: int | str | None = connection.execute(statement, values).scalar()
    return result


@cache
def _insert_new(table: Table, postgres: bool, names: tuple[str, ...]) -> Executable:
    make = postgresql.insert if postgres else sqlite.insert
    key = next(iter(table.primary_key.columns))
    row: dict[str, Any] = {name: bindparam(name) for name in names}
    return make(table).values(row).on_conflict_do_nothing().returning(key)


def upsert(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row, or set all of its other columns when its primary key is there already."""
    connection.execute(_upsert(table, is_postgres(connection), tuple(values)), values)


@cache
def _upsert(table: Table, postgres: bool, names: tuple[str, ...]) -> Executable:
    make = postgresql.insert if postgres else sqlite.insert
    keys = [column.name for column in table.primary_key.columns]
    statement = make(table).values({name: bindparam(name) for name in names})
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row."""
    connection.execute(_insert(table, tuple(values)), dict(values))


@cache
def _insert(table: Table, names: tuple[str, ...]) -> Executable:
    return insert(table).values({name: bindparam(name) for name in names}).inline()


def change(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Set columns of the rows whose columns `key` have these values; how many rows there were."""
    statement = _change(table, tuple(key), tuple(values))
    return connection.execute(statement, {**{f"at_{name}": value for name, value in key.items()}, **values}).rowcount


@cache
def _change(table: Table, keys: Sequence[str], names: tuple[str, ...]) -> Executable:
    return update(table).where(where(table, *keys)).values({name: bindparam(name) for name in names})
