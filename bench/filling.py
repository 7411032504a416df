"""Fills a ledger by multiplying the rows of one real conversation: more messages of it, and the same of other contacts.

The database does it by itself (`INSERT … SELECT`), a hundred thousand rows a second.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    Table,
    cast,
    func,
    insert,
    literal,
    select,
    type_coerce,
)

from agent.ledger.columns import Instant
from agent.ledger.tables import contact, inbound, message, outbound, step, turn

_NAMED = {
    "inbound": ("message_id", "turn"),
    "turn": ("id",),
    "step": ("turn",),
    "message": ("message_id", "turn"),
    "outbound": ("id", "turn", "platform_message_id"),
}
"""Columns that hold names, which each copy needs its own of."""

_AGE = timedelta(days=2)
_APART = timedelta(minutes=7)


def fill(connection: Connection, platform: str, name: str, *, messages: int = 0, others: int = 0) -> None:
    """Multiply the conversation of a contact, as it is now.

    Args:
        connection: a transaction.
        platform: of the contact.
        name: the contact's id.
        messages: so many more of each of its rows, the first two days old and each seven minutes older than the one before.
        others: so many other contacts with the same rows.
    """
    mark = secrets.token_hex(3)
    if messages:
        copies = _numbers(messages)
        for table in (inbound, turn, step, message, outbound):
            _copy(connection, table, platform, name, copies, {}, mark=mark, ages=True)
    if others:
        mark = secrets.token_hex(3)
        copies = _numbers(others)
        other = {"contact": literal(f"{mark}-") + cast(copies.c.i, String)}
        for table in (inbound, turn, step, message, outbound):
            _copy(connection, table, platform, name, copies, other, mark=mark, ages=False)
        _copy(connection, contact, platform, name, copies, {"id": other["contact"]}, mark=mark, ages=False)


def _copy(
    connection: Connection,
    table: Table,
    platform: str,
    name: str,
    copies: Any,
    instead: Mapping[str, ColumnElement[Any]],
    *,
    mark: str,
    ages: bool,
) -> None:
    """Insert a copy of each row of the contact that is no copy itself, for each number."""
    tag = literal(f"+{mark}-") + cast(copies.c.i, String)
    apart, age = (literal(round(each.total_seconds() * 1e6), BigInteger) for each in (_APART, _AGE))
    shift = copies.c.i * apart + age
    columns: dict[str, ColumnElement[Any]] = {}
    for column in table.columns:
        if column.name in instead:
            columns[column.name] = instead[column.name]
        elif column.name in _NAMED.get(table.name, ()):
            columns[column.name] = column + tag
        elif ages and isinstance(column.type, Instant):
            columns[column.name] = type_coerce(column, BigInteger) - shift
        elif not (column.primary_key and column.name == "n" and table is not step):  # those are counted by the database
            columns[column.name] = column
    where = [table.c.platform == platform, table.c.contact == name] if "contact" in table.c else []
    if table is step:
        mine = select(turn.c.id).where(turn.c.platform == platform, turn.c.contact == name)
        where = [step.c.turn.in_(mine), step.c.turn.not_like("%+%")]
    elif table is contact:
        where = [contact.c.platform == platform, contact.c.id == name]
    else:
        named = table.c.id if table is turn else table.c.turn
        where.append(func.coalesce(named, "").not_like("%+%"))
    source = select(*(value.label(key) for key, value in columns.items())).select_from(
        table.join(copies, literal(1) == 1)
    )
    connection.execute(insert(table).from_select(list(columns), source.where(*where), include_defaults=False))


def _numbers(count: int) -> Any:
    """1 to `count`, as a table."""
    first = select(literal(1, BigInteger).label("i")).cte("numbers", recursive=True)
    return first.union_all(select(first.c.i + 1).where(first.c.i < count))
