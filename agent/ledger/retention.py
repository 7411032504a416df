"""Letting go of what is old: messages, steps and files, a few hundred rows in a transaction, the oldest first.

Rows are taken by their number or by an index on their time, so that a transaction costs the same in a ledger of any size.
Contacts, what is known about them, payments, and whatever is still under way stay.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, select

from agent.ledger.database import take_time
from agent.ledger.tables import inbound, media, message, outbound, step, turn

BATCH = 500
"""Rows of a table that one transaction looks at: a few milliseconds of the writer."""

_UNDER_WAY = frozenset({"waiting", "pending", "sending", "running"})


def drop_messages(connection: Connection, before: datetime) -> int:
    """Remove the oldest messages of conversations, with what was received, sent and done for them.

    Args:
        before: what is older goes, aware UTC.

    Returns:
        How many rows were removed; 0 when there is nothing left to remove.
    """
    take_time(connection)
    return (
        _drop_oldest(connection, message, "at", before)
        + _drop_oldest(connection, inbound, "received_at", before)
        + _drop_oldest(connection, outbound, "created_at", before)
        + _drop_turns(connection, before)
    )


def drop_steps(connection: Connection, before: datetime, since: datetime) -> tuple[int, datetime]:
    """Remove the steps of the oldest turns: what was retrieved, asked and called.

    Args:
        before: steps of turns that began earlier go, aware UTC.
        since: turns that began earlier have none left.

    Returns:
        How many turns were looked at, and the next `since`.
    """
    take_time(connection)
    oldest = (
        select(turn.c.id, turn.c.started_at)
        .where(turn.c.started_at >= since, turn.c.started_at < before, turn.c.state != "running")
        .order_by(turn.c.started_at)
        .limit(BATCH)
    )
    rows = connection.execute(oldest).all()
    if rows:
        connection.execute(delete(step).where(step.c.turn.in_([row.id for row in rows])))
    return (len(rows), rows[-1].started_at) if len(rows) == BATCH and rows[-1].started_at > since else (0, before)


def drop_files(connection: Connection, before: datetime) -> int:
    """Remove files that the agent made or was given for sending, although their links are still good.

    Args:
        before: what is older goes, aware UTC.
    """
    take_time(connection)
    old = select(media.c.id).where(media.c.created_at < before).limit(BATCH)
    return connection.execute(delete(media).where(media.c.id.in_(old))).rowcount


def compact(engine: Engine) -> None:
    """Give the room of removed rows back: SQLite's file becomes smaller, PostgreSQL may fill it again.

    Args:
        engine: the ledger's; nothing else can be written to SQLite meanwhile.
    """
    connection: Any = (
        engine.raw_connection()
    )  # outside of SQLAlchemy's transactions, which neither database compacts in
    try:
        if engine.dialect.name == "postgresql":
            connection.driver_connection.autocommit = True
            connection.driver_connection.execute("VACUUM (ANALYZE)")
            connection.driver_connection.autocommit = False
        else:
            connection.driver_connection.execute("PRAGMA temp_store = FILE")  # the copy may be larger than the memory
            connection.driver_connection.execute("VACUUM")
            connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _drop_oldest(connection: Connection, table: Table, time: str, before: datetime) -> int:
    """Remove what is old and done among the rows with the smallest numbers, however many before them are under way."""
    state = table.c.state if "state" in table.c else None
    columns = [table.c.n, table.c[time].label("at"), *([state] if state is not None else [])]
    passed = -1
    while True:
        rows = connection.execute(select(*columns).where(table.c.n > passed).order_by(table.c.n).limit(BATCH)).all()
        aged = [row for row in rows if row.at < before]
        old = [row.n for row in aged if state is None or row.state not in _UNDER_WAY]
        if old:
            connection.execute(delete(table).where(table.c.n.in_(old)))
        if old or not aged or len(rows) < BATCH:
            return len(old)
        passed = rows[-1].n


def _drop_turns(connection: Connection, before: datetime) -> int:
    oldest = (
        select(turn.c.id)
        .where(turn.c.started_at < before, turn.c.state != "running")
        .order_by(turn.c.started_at)
        .limit(BATCH)
    )
    old = list(connection.execute(oldest).scalars())
    if old:
        connection.execute(delete(step).where(step.c.turn.in_(old)))
        connection.execute(delete(turn).where(turn.c.id.in_(old)))
    return len(old)
