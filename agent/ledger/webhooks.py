"""Events on their way to other systems: rows that are written with the event, and end as sent or failed.

The deliveries of one target about one contact go out in order: the next one waits for the one before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, update

from agent.ledger.database import Cursor, insert_new, older, one_of
from agent.ledger.tables import webhook_delivery as table
from messaging.types import ContactKey

CLAIM = timedelta(seconds=60)
"""How long a delivery stays with the process that sends it: longer than a request may take."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one target. `body` is what is signed and sent, to the byte; `event` its id for the receiver."""

    id: str
    event: str
    name: str
    target: str
    url: str
    contact: ContactKey | None
    body: str
    state: str
    reason: str | None
    status: int | None
    attempts: int
    next_attempt_at: datetime
    created_at: datetime
    queued_at: datetime
    sent_at: datetime | None


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        event=row.event,
        name=row.name,
        target=row.target,
        url=row.url,
        contact=ContactKey(row.platform, row.contact) if row.contact is not None else None,
        body=row.body,
        state=row.state,
        reason=row.reason,
        status=row.status,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        created_at=row.created_at,
        queued_at=row.queued_at,
        sent_at=row.sent_at,
    )


def add(
    connection: Connection,
    *,
    event: str,
    name: str,
    target: str,
    url: str,
    key: ContactKey | None,
    body: str,
    now: datetime,
) -> None:
    """Queue a delivery; the same event for the same target again changes nothing.

    Args:
        event: id of the event, which the receiver sees too.
        name: what is delivered, as people read it.
        target: identity of the receiver: `webhooks:URL`, or `workflow:NAME:STEP`.
        key: the contact that it is about, in whose order it is delivered; `None` for none.
        body: the JSON to be posted, as text.
    """
    insert_new(
        connection,
        table,
        id=f"{event}@{target}",
        event=event,
        name=name,
        target=target,
        url=url,
        platform=key.platform if key else None,
        contact=key.id if key else None,
        body=body,
        state="pending",
        attempts=0,
        next_attempt_at=now,
        created_at=now,
        queued_at=now,
    )


_EARLIER = table.alias()
_IS_HEAD = ~(
    select(_EARLIER.c.n)
    .where(
        _EARLIER.c.state == "pending",
        _EARLIER.c.target == table.c.target,
        _EARLIER.c.platform == table.c.platform,
        _EARLIER.c.contact == table.c.contact,
        _EARLIER.c.n < table.c.n,
    )
    .exists()
)


def next_due(connection: Connection) -> datetime | None:
    """When the next attempt at any delivery comes; `None` where none is open."""
    heads = select(table.c.next_attempt_at, table.c.claimed_until).where(table.c.state == "pending", _IS_HEAD)
    rows = connection.execute(heads).all()
    return min((at if claimed is None else max(at, claimed) for at, claimed in rows), default=None)


def claim(connection: Connection, now: datetime, limit: int, but: Sequence[str] = ()) -> list[Delivery]:
    """Take what is due, in order; what another process sends at the moment holds up what comes after it.

    Args:
        now: the time, aware UTC.
        limit: at most so many.
        but: targets of which nothing is taken.
    """
    free = or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now)
    due = select(table).where(table.c.state == "pending", table.c.next_attempt_at <= now, free, _IS_HEAD)
    due = due.where(table.c.target.not_in(but))
    taken = []
    for row in connection.execute(due.order_by(table.c.n).limit(limit)).all():
        mine = update(table).where(table.c.n == row.n, table.c.state == "pending", free)
        if connection.execute(mine.values(claimed_until=now + CLAIM, attempts=table.c.attempts + 1)).rowcount:
            taken.append(_delivery(row))
    return taken


def free_claims(connection: Connection) -> None:
    """Release all deliveries that were taken: for an embedded engine, which is the only process."""
    connection.execute(update(table).where(table.c.claimed_until.is_not(None)).values(claimed_until=None))


def mark(
    connection: Connection,
    delivery_id: str,
    state: str,
    *,
    now: datetime,
    status: int | None = None,
    reason: str | None = None,
    next_attempt_at: datetime | None = None,
) -> None:
    """Record how an attempt ended. A delivery that is not pending any more stays as it is.

    Args:
        state: `sent`, `failed`, or `pending` for another attempt.
        status: HTTP status of the answer, if there was one.
        next_attempt_at: when to try again, with `pending`.
    """
    values: dict[str, Any] = {"state": state, "status": status, "reason": reason, "claimed_until": None}
    if state == "sent":
        values["sent_at"] = now
    if next_attempt_at is not None:
        values["next_attempt_at"] = next_attempt_at
    connection.execute(update(table).where(table.c.id == delivery_id, table.c.state == "pending").values(values))


def requeue(connection: Connection, ids: Sequence[str], now: datetime) -> int:
    """Send deliveries again, also those that have arrived; how many there were."""
    values = {
        "state": "pending", "attempts": 0, "reason": None, "status": None, "claimed_until": None,
        "next_attempt_at": now, "queued_at": now,
    }  # fmt: skip
    changed = 0
    for identity in ids:
        changed += connection.execute(update(table).where(table.c.id == identity).values(values)).rowcount
    return changed


def retry(connection: Connection, delivery_id: str, now: datetime) -> bool:
    """Queue a failed delivery again; False when there is none with this id."""
    failed = select(table.c.id).where(table.c.id == delivery_id, table.c.state == "failed")
    return bool(requeue(connection, connection.execute(failed).scalars().all(), now))


def newest(
    connection: Connection,
    *,
    states: Sequence[str] = (),
    since: datetime | None = None,
    last: Cursor | None = None,
    limit: int = 200,
) -> list[Delivery]:
    """List deliveries, the newest first.

    Args:
        states: only in these; empty for all.
        since: only created at or after this time.
        last: the last one of the page before.
    """
    statement = select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
    if states:
        statement = statement.where(one_of(table.c.state, *states))
    if since is not None:
        statement = statement.where(table.c.created_at >= since)
    if last is not None:
        statement = statement.where(older(table.c.created_at, table.c.id, last))
    return [_delivery(row) for row in connection.execute(statement)]


def counts(connection: Connection) -> dict[str, int]:
    """Count deliveries by state."""
    return {row[0]: row[1] for row in connection.execute(select(table.c.state, func.count()).group_by(table.c.state))}


def drop(connection: Connection, before: datetime) -> None:
    """Remove what arrived before a time."""
    connection.execute(table.delete().where(and_(table.c.state == "sent", table.c.created_at < before)))
