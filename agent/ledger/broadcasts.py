"""Broadcasts: recorded once, fed to the outbox bit by bit, by whichever process comes first.

No process owns a broadcast. Its pace (`next_at`) is moved on by a conditional update, and the process that moves it leases that
many recipients; a recipient whose process dies is free again after `CLAIM`. What is queued has an id made of broadcast and contact,
which the outbox takes once: so two feeders, or one that was killed anywhere, never send twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update

from agent.ledger import contacts, events, history, outbound
from agent.ledger.codec import BROADCAST, Deliverable
from agent.ledger.database import Cursor, at, change, insert_new, older, take_time, where
from agent.ledger.tables import broadcast as table
from agent.ledger.tables import outbound as outbound_table
from agent.ledger.tables import recipient as recipients
from messaging.types import Channel, ContactKey

CLAIM = timedelta(seconds=60)
"""How long a recipient stays with the process that prepares the message: longer than its two calls to the platform."""

_DUE = select(table).where(table.c.state == "running", table.c.next_at <= at("now")).order_by(table.c.next_at)
_NEXT = select(table.c.next_at).where(table.c.state == "running").order_by(table.c.next_at).limit(1)
_REDATE = update(table).where(where(table, "name", "next_at")).values(next_at=bindparam("to"))
_MOVE_ON = _REDATE.where(table.c.state == "running")
_AHEAD = select(table).where(table.c.state.in_(("running", "paused")), table.c.next_at > at("latest"))
_FREE = (
    select(recipients)
    .where(
        where(recipients, "broadcast"),
        recipients.c.state == "waiting",
        or_(recipients.c.claimed_until.is_(None), recipients.c.claimed_until <= at("now")),
    )
    .order_by(recipients.c.n)
    .limit(at("limit"))
)
_CLAIM = (
    update(recipients)
    .where(recipients.c.n == at("n"))
    .values(claimed_until=bindparam("until"), attempts=recipients.c.attempts + 1)
)
_OPEN = select(func.count()).where(outbound_table.c.state.in_(outbound.OPEN), outbound_table.c.lane == BROADCAST)
_CLAIMED = select(func.count()).where(recipients.c.claimed_until > at("now"))
_WAITING = select(func.count()).where(where(recipients, "broadcast"), recipients.c.state == "waiting")
_UNPREPARED = select(func.count()).where(where(recipients, "broadcast"), recipients.c.state == "failed")
_UNSENT = (
    select(outbound_table.c.id)
    .join(recipients, recipients.c.outbound == outbound_table.c.id)
    .where(
        outbound_table.c.state == "pending", outbound_table.c.lane == BROADCAST, recipients.c.broadcast == at("name")
    )
)
_STATE = select(table.c.state).where(where(table, "name")).with_for_update(read=True)
_STILL_WAITING = select(recipients.c.n).where(where(recipients, "n"), recipients.c.state == "waiting").with_for_update()
_HOLDER = select(recipients.c.line).where(where(recipients, "outbound"))
_SAID = (
    select(recipients.c.said)
    .join(outbound_table, outbound_table.c.id == recipients.c.outbound)
    .where(where(recipients, "outbound"), outbound_table.c.state != "sent")
)
_WITHDRAW = delete(outbound_table).where(where(outbound_table, "id"), outbound_table.c.state == "pending")


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One message to many. `settings` are its file's, `template` the parts of the platform's template; `left_out` counts by
    reason who of the audience could not become a recipient."""

    name: str
    settings: Mapping[str, Any]
    channel: Channel | None
    template: Sequence[Mapping[str, Any]]
    left_out: Mapping[str, int]
    created_at: datetime
    next_at: datetime
    state: str = "running"
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom it goes: `address` is `id:123`, `phone:+62…` or `email:…`; `row` the columns of line `line` of the CSV."""

    n: int
    broadcast: str
    address: str
    line: int | None
    row: Mapping[str, str]
    attempts: int


@dataclass(frozen=True, slots=True)
class Addressed:
    """A recipient that is to be recorded."""

    address: str
    line: int | None = None
    row: Mapping[str, str] | None = None


def _broadcast(row: Row[Any]) -> Broadcast:
    return Broadcast(
        name=row.name,
        settings=row.settings,
        channel=Channel(row.channel_id, row.channel_source) if row.channel_id else None,
        template=row.template,
        left_out=row.left_out,
        created_at=row.created_at,
        next_at=row.next_at,
        state=row.state,
        finished_at=row.finished_at,
    )


def _recipient(row: Row[Any]) -> Recipient:
    return Recipient(row.n, row.broadcast, row.address, row.line, row.row, row.attempts)


def load(connection: Connection, name: str) -> Broadcast | None:
    """Load a broadcast; `None` when there is none of this name."""
    row = connection.execute(select(table).where(table.c.name == name)).first()
    return None if row is None else _broadcast(row)


def newest(connection: Connection, limit: int = 1000, last: Cursor | None = None) -> list[Broadcast]:
    """List broadcasts, the newest first; those after `last`, when given."""
    statement = select(table).order_by(table.c.created_at.desc(), table.c.name.desc()).limit(limit)
    if last is not None:
        statement = statement.where(older(table.c.created_at, table.c.name, last))
    return [_broadcast(row) for row in connection.execute(statement)]


def under_way(connection: Connection) -> list[Broadcast]:
    """List those that have not ended."""
    return [
        _broadcast(row) for row in connection.execute(select(table).where(table.c.state.in_(("running", "paused"))))
    ]


def addresses(connection: Connection, name: str) -> set[str]:
    """Who is a recipient already."""
    rows = connection.execute(select(recipients.c.address).where(recipients.c.broadcast == name)).all()
    return {row.address for row in rows}


def unprepared(connection: Connection, name: str) -> int:
    """Count how many recipients have failed before there was a message for them."""
    return int(connection.execute(_UNPREPARED, {"at_broadcast": name}).scalar_one())


def record(connection: Connection, broadcast: Broadcast, audience: Sequence[Addressed]) -> int:
    """Write a broadcast down, or take over what may change in one that is there; how many recipients are new to it.

    One that was paused or done runs again. Existing recipients stay as they are, except those whose message could not be
    prepared: they are tried again.
    """
    take_time(connection)
    columns = {
        "settings": dict(broadcast.settings),
        "channel_id": broadcast.channel.id if broadcast.channel else None,
        "channel_source": broadcast.channel.source if broadcast.channel else None,
        "template": [dict(part) for part in broadcast.template],
        "left_out": dict(broadcast.left_out),
        "state": "running",
        "next_at": broadcast.next_at,
        "finished_at": None,
    }
    if insert_new(connection, table, name=broadcast.name, created_at=broadcast.created_at, **columns) is None:
        change(connection, table, {"name": broadcast.name}, columns)
    change(
        connection,
        recipients,
        {"broadcast": broadcast.name, "state": "failed"},
        {"state": "waiting", "reason": None, "attempts": 0},
    )
    known = addresses(connection, broadcast.name)
    new = {each.address: each for each in reversed(audience) if each.address not in known}
    rows = [
        {
            "broadcast": broadcast.name,
            "address": each.address,
            "line": each.line,
            "row": dict(each.row or {}),
            "state": "waiting",
            "attempts": 0,
        }
        for each in reversed(new.values())
    ]
    if rows:
        connection.execute(insert(recipients), rows)
    return len(rows)


def due(connection: Connection, now: datetime) -> list[Broadcast]:
    """Broadcasts whose next recipient's turn has come."""
    return [_broadcast(row) for row in connection.execute(_DUE, {"at_now": now}).all()]


def next_due(connection: Connection) -> datetime | None:
    """When the next recipient of any broadcast has their turn; `None` where none runs."""
    found: datetime | None = connection.execute(_NEXT).scalar()
    return found


def ahead(connection: Connection, latest: datetime) -> list[Broadcast]:
    """Broadcasts that have not ended and whose next recipient's turn comes after a time."""
    return [_broadcast(row) for row in connection.execute(_AHEAD, {"at_latest": latest}).all()]


def redate(connection: Connection, broadcast: Broadcast, next_at: datetime) -> bool:
    """Let the next recipient's turn come at another time; False when it has been moved meanwhile."""
    place = {"at_name": broadcast.name, "at_next_at": broadcast.next_at}
    return connection.execute(_REDATE, {**place, "to": next_at}).rowcount == 1


def on_the_way(connection: Connection, now: datetime) -> int:
    """Count how many messages of all broadcasts are being prepared, or are in the outbox and have not gone out."""
    return int(connection.execute(_OPEN).scalar_one() + connection.execute(_CLAIMED, {"at_now": now}).scalar_one())


def take(connection: Connection, broadcast: Broadcast, count: int, next_at: datetime, now: datetime) -> list[Recipient]:
    """Move the pace on and take the next `count` recipients, in the order of their lines.

    When no recipient is left, the broadcast is done.

    Args:
        next_at: when the broadcast may go on after these.

    Returns:
        The recipients, each claimed for `CLAIM`; none when another process was faster: it has moved `broadcast.next_at`.
    """
    name = broadcast.name
    moved = connection.execute(_MOVE_ON, {"at_name": name, "at_next_at": broadcast.next_at, "to": next_at})
    if moved.rowcount != 1 or count == 0:
        return []
    rows = connection.execute(_FREE, {"at_broadcast": name, "at_now": now, "at_limit": count}).all()
    if rows:
        connection.execute(_CLAIM, [{"at_n": row.n, "until": now + CLAIM} for row in rows])
    elif not connection.execute(_WAITING, {"at_broadcast": name}).scalar_one():
        change(connection, table, {"name": name}, {"state": "done", "finished_at": now})
        identity = f"broadcast.done/{name}/{now.isoformat()}"
        events.record(connection, "broadcast.done", None, identity=identity, data={"broadcast": name}, now=now)
    return [_recipient(row) for row in rows]


def release(connection: Connection) -> None:
    """Release all recipients that were taken: for an embedded engine, which is the only process."""
    connection.execute(
        update(recipients)
        .where(recipients.c.state == "waiting", recipients.c.claimed_until.is_not(None))
        .values(claimed_until=None)
    )


def put_off(connection: Connection, recipient: Recipient, until: datetime, reason: str) -> None:
    """Release the claim on a recipient that waits, and try it again at `until`."""
    change(connection, recipients, {"n": recipient.n, "state": "waiting"}, {"claimed_until": until, "reason": reason})


def end(connection: Connection, recipient: Recipient, state: str, reason: str) -> None:
    """Record that a recipient gets nothing: state `skipped` where that is as it should be, else `failed`."""
    values = {"state": state, "reason": reason, "claimed_until": None}
    change(connection, recipients, {"n": recipient.n, "state": "waiting"}, values)


def queue(
    connection: Connection,
    recipient: Recipient,
    key: ContactKey,
    content: Deliverable,
    *,
    said: str,
    now: datetime,
    send_at: datetime,
    channel: str | None,
) -> bool:
    """Give the message to the outbox, and wake its contact when it is to be sent.

    Args:
        recipient: claimed by `take`.
        said: what joins the history once the message is sent.
        send_at: not to be sent before.
        channel: id of the channel to send through; `None` leaves it to the platform.

    Returns:
        Whether it was queued. Not when the recipient has ended, the broadcast was paused (the recipient is free again), or the contact
        has the message already under another address (the recipient is skipped).
    """
    state = connection.execute(_STATE, {"at_name": recipient.broadcast}).scalar()
    if connection.execute(_STILL_WAITING, {"at_n": recipient.n}).scalar() is None:
        return False
    if state != "running":
        change(connection, recipients, {"n": recipient.n}, {"claimed_until": None})
        return False
    prefix = f"broadcast/{recipient.broadcast}/{key}"
    taken = connection.execute(_HOLDER, {"at_outbound": f"{prefix}/0"}).first()
    if taken is not None:
        other = "another address" if taken.line is None else f"line {taken.line}"
        end(connection, recipient, "skipped", f"the same contact as {other}")
        return False
    outbound.add(connection, key, prefix, [content], now=now, channel=channel, own_lane=BROADCAST, send_at=send_at)
    values = {"state": "queued", "reason": None, "claimed_until": None, "outbound": f"{prefix}/0", "said": said}
    change(connection, recipients, {"n": recipient.n}, values)
    contact = contacts.load(connection, key)
    if contact is not None and (contact.wake_at is None or contact.wake_at > send_at):
        contacts.set_columns(connection, key, wake_at=send_at)
    return True


def sent(connection: Connection, outbound_id: str, key: ContactKey, message_id: str | None, now: datetime) -> None:
    """Add a message that went out to the conversation.

    Call this before the message is marked as sent: if the transaction is repeated because its answer was lost, the line is added once.

    Args:
        message_id: the platform's id of it, if it gave one.
    """
    said = connection.execute(_SAID, {"at_outbound": outbound_id}).scalar()
    if said:
        history.append(connection, key, [history.Line("agent", said, now, message_id=message_id)])


def pause(connection: Connection, name: str) -> bool:
    """Stop feeding and take back what has not gone out; False when it was not running."""
    if not change(connection, table, {"name": name, "state": "running"}, {"state": "paused"}):
        return False
    _withdraw(connection, name)
    return True


def resume(connection: Connection, name: str, now: datetime) -> bool:
    """Go on after a pause; False when it was not paused."""
    changed = change(connection, table, {"name": name, "state": "paused"}, {"state": "running"})
    connection.execute(update(table).where(table.c.name == name, table.c.next_at < now).values(next_at=now))
    return bool(changed)


def cancel(connection: Connection, name: str, now: datetime) -> bool:
    """End it: recipients who have not got it will not. False when it had ended already."""
    changed = connection.execute(
        update(table)
        .where(table.c.name == name, table.c.state.in_(("running", "paused")))
        .values(state="cancelled", finished_at=now)
    ).rowcount
    if not changed:
        return False
    _withdraw(connection, name)
    connection.execute(
        update(recipients)
        .where(recipients.c.broadcast == name, recipients.c.state == "waiting")
        .values(state="skipped", reason="the broadcast was cancelled")
    )
    return True


def _withdraw(connection: Connection, name: str) -> None:
    """Take unsent messages out of the outbox again. One that a worker begins to send at this moment stays."""
    take_time(connection)
    for row in connection.execute(_UNSENT, {"at_name": name}).all():
        if connection.execute(_WITHDRAW, {"at_id": row.id}).rowcount:
            change(
                connection,
                recipients,
                {"outbound": row.id},
                {"state": "waiting", "outbound": None, "claimed_until": None},
            )
