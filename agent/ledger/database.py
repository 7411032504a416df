"""Units of work, the database that runs them, and the statements they are made of.

    def work(connection: Connection) -> ContactState | None:
        return contacts.load(connection, key)

    state = await database.read(work)

Statements are built once and run with parameters: building one costs several times as much as running it. So modules of the
ledger keep them as constants, with `at` for the values that are given when they run.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    String,
    Table,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    tuple_,
    update,
)

from agent.ledger.errors import LedgerUnavailable
from agent.ledger.statement import Statement

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

T = TypeVar("T")

log = structlog.get_logger()

RETRY_FOR = timedelta(seconds=20)
"""How long `write_with_retry` tries: less than a turn's lease, so that no other worker has taken the turn meanwhile."""

_RETRY_EVERY = timedelta(seconds=1)

Work = Callable[[Connection], T]
"""What is done in one transaction. It may run twice (after a deadlock), so it must not do anything but SQL."""


class Database(Protocol):
    """A database that runs units of work. `engine` is SQLAlchemy's, for migrations."""

    engine: Engine

    @property
    def remote(self) -> bool:
        """Whether a server keeps it: more units of work then wait for an answer at the same time."""

    def describe(self) -> str:
        """Say which database this is, without its password."""

    def process_lock(self) -> AbstractContextManager[object]:
        """Keep other processes from working on it, where it can have only one.

        Raises:
            LedgerLocked: another process works on it.
        """

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction; when this returns, what it wrote survives a power cut.

        Raises:
            LedgerUnavailable: the database cannot be written; nothing was changed.
        """

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a consistent snapshot.

        Raises:
            LedgerUnavailable: the database cannot be read.
        """

    async def drop_log(self) -> bool:
        """Remove what was erased from the write-ahead log too; False while another process reads what is in it."""

    async def aclose(self) -> None:
        """Finish what was begun and close all connections."""


async def write_with_retry(database: Database, work: Work[T], retry_for: timedelta = RETRY_FOR) -> T:
    """Write what must not be lost: an answer that was paid for, an effect that has happened, the end of a turn.

    Args:
        work: as for `Database.write`.
        retry_for: how long to try again, once a second, while the ledger is unavailable.

    Raises:
        LedgerUnavailable: it stayed so for longer than `retry_for`.
    """
    now = asyncio.get_running_loop().time
    last = now() + retry_for.total_seconds()
    while True:
        try:
            return await database.write(work)
        except LedgerUnavailable as error:
            if now() + _RETRY_EVERY.total_seconds() > last:
                raise
            log.warning("write_retried", reason=str(error))
        await asyncio.sleep(_RETRY_EVERY.total_seconds())


def take_time(connection: Connection, longest: timedelta = timedelta(seconds=90)) -> None:
    """Allow each statement of this transaction `longest`: for a report, housekeeping, an audience.

    On PostgreSQL all other statements time out after a few seconds (`agent.ledger.postgres`); SQLite has no time-out.
    """
    if is_postgres(connection):
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(longest.total_seconds() * 1000)}")
        own: Any = connection.connection.driver_connection
        own.answer_within = longest.total_seconds() + 1


def is_postgres(connection: Connection) -> bool:
    """Tell whether the connection is to PostgreSQL."""
    return connection.dialect.name == "postgresql"


def lock_contact(connection: Connection, platform: str, contact: str) -> None:
    """Let one transaction at a time work on a contact, so that arrival numbers are in commit order.

    SQLite has a single writer anyway; on PostgreSQL it is an advisory lock that ends with the transaction.
    """
    if is_postgres(connection):
        _LOCK.first(connection, {"at_key": f"{platform}:{contact}"})


def at(name: str) -> BindParameter[Any]:
    """Name a value that is given when the statement runs."""
    return bindparam(f"at_{name}")


_LOCK = Statement(
    select(func.pg_advisory_xact_lock(func.hashtextextended(cast(at("key"), String), literal_column("0"))))
)


def where(table: Table, *names: str) -> ColumnElement[bool]:
    """Require that the columns `names` have the values given as `at_…` when the statement runs."""
    return and_(*(table.c[name] == at(name) for name in names))


Cursor = tuple[datetime, str]
"""The last row of a page of a list, by its time and its id: those that come after it are on the next one, also among equal times."""


def older(at: ColumnElement[datetime], identity: ColumnElement[str], last: Cursor) -> ColumnElement[bool]:
    """Require that a row comes after `last` in a list that begins with the newest."""
    return tuple_(at, identity) < tuple_(literal(last[0], at.type), literal(last[1], identity.type))


def newer(at: ColumnElement[datetime], identity: ColumnElement[str], last: Cursor) -> ColumnElement[bool]:
    """Require that a row comes after `last` in a list that begins with the oldest."""
    return tuple_(at, identity) > tuple_(literal(last[0], at.type), literal(last[1], identity.type))


def one_of(column: ColumnElement[str], *values: str) -> ColumnElement[bool]:
    """Require that the column has one of the values, which are written into the statement: bound ones are expanded again at every run."""
    written: list[ColumnElement[str]] = [literal_column(f"'{value}'") for value in values]
    return (
        column == written[0] if len(written) == 1 else column.in_(written)
    )  # SQLite knows a partial index by `=` alone


def insert_new(connection: Connection, table: Table, **values: Any) -> int | str | None:
    """Insert a row unless its key is there already; its first primary key column, or `None` when it was there."""
    statement = _insert_new(table, is_postgres(connection), tuple(values))
    result: int | str | None = statement.scalar(connection, values)
    return result


def insert_of(postgres: bool) -> "Callable[[Table], PostgresInsert | SqliteInsert]":
    """The `insert` of a dialect, with its ON CONFLICT; the dialects take a fifth of a second of CPU to import."""
    if postgres:
        from sqlalchemy.dialects import postgresql

        return postgresql.insert
    from sqlalchemy.dialects import sqlite

    return sqlite.insert


@cache
def _insert_new(table: Table, postgres: bool, names: tuple[str, ...]) -> Statement:
    make = insert_of(postgres)
    key = next(iter(table.primary_key.columns))
    row: dict[str, Any] = {name: bindparam(name) for name in names}
    return Statement(make(table).values(row).on_conflict_do_nothing().returning(key))


def upsert(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row, or set all of its other columns when its primary key is there already."""
    _upsert(table, is_postgres(connection), tuple(values)).count(connection, values)


@cache
def _upsert(table: Table, postgres: bool, names: tuple[str, ...]) -> Statement:
    make = insert_of(postgres)
    keys = [column.name for column in table.primary_key.columns]
    statement = make(table).values({name: bindparam(name) for name in names})
    changes = {name: statement.excluded[name] for name in names if name not in keys}
    return Statement(statement.on_conflict_do_update(index_elements=keys, set_=changes))


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row."""
    _insert(table, tuple(values)).count(connection, values)


@cache
def _insert(table: Table, names: tuple[str, ...]) -> Statement:
    return Statement(insert(table).values({name: bindparam(name) for name in names}).inline())


def change(connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Set columns of the rows whose columns have the values in `key`.

    Returns:
        How many rows there were, whether or not a value differs.
    """
    statement = _change(table, tuple(key), tuple(values))
    return statement.count(connection, {**{f"at_{name}": value for name, value in key.items()}, **values})


@cache
def _change(table: Table, keys: Sequence[str], names: tuple[str, ...]) -> Statement:
    return Statement(update(table).where(where(table, *keys)).values({name: bindparam(name) for name in names}))
