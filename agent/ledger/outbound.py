"""What is to be sent: rows that are written with the reply and end as sent, skipped or failed, whatever happens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update

from agent.ledger.codec import BROADCAST, Deliverable, lane, pack, unpack
from agent.ledger.database import Cursor, at, change, insert_new, lock_contact, older, one_of, where
from agent.ledger.statement import Statement
from agent.ledger.tables import outbound as table
from messaging.types import ContactKey, Person, Text, participant_of

LONGEST_PAUSE = timedelta(seconds=10)
"""The longest delay between two parts of a reply, however long the text is."""

OPEN = ("pending", "sending", "uncertain")


UNFINISHED = exists().where(where(table, "platform", "contact"), one_of(table.c.state, *OPEN))
"""Whether a contact has deliveries that have not ended."""
_FIRST = (
    select(func.min(table.c.n))
    .where(where(table, "platform", "contact"), one_of(table.c.state, *OPEN))
    .group_by(table.c.lane)
)
_HEADS = Statement(select(table).where(table.c.n.in_(_FIRST)).order_by(table.c.n))
_SENDING = Statement(
    update(table)
    .where(where(table, "id"), one_of(table.c.state, "pending", "uncertain"))
    .values(state="sending", owner=bindparam("owner"), attempts=table.c.attempts + 1, attempted_at=bindparam("now"))
)


_UNSENT = (
    select(table)
    .where(where(table, "platform", "contact"), table.c.state.in_(("skipped", "failed")))
    .order_by(table.c.n.desc())
    .limit(at("limit"))
)
_WITHDRAW = (
    update(table)
    .where(
        where(table, "platform", "contact"),
        table.c.lane == "message",
        table.c.turn.is_not(None),
        table.c.state == "pending",
        table.c.n > at("behind"),
    )
    .values(state="skipped", reason=bindparam("reason"))
    .returning(table.c.turn)
)
_BEGUN = select(table.c.turn).where(
    where(table, "platform", "contact"), table.c.lane == "message", table.c.state.in_(("sending", "uncertain", "sent"))
)
_ASSIGNED = (
    select(table)
    .where(
        where(table, "platform", "contact"),
        table.c.lane == "desk",
        or_(table.c.state.in_(("sending", "uncertain")), and_(table.c.state == "sent", table.c.sent_at > at("since"))),
    )
    .order_by(table.c.n.desc())
)
_NEWEST = (
    select(table.c.n, table.c.turn, table.c.state, table.c.attempted_at, table.c.sent_at, table.c.platform_message_id)
    .where(where(table, "platform", "contact"), table.c.lane != "desk")
    .order_by(table.c.n.desc())
    .limit(50)
)
_KNOWN = Statement(select(table.c.n).where(where(table, "platform", "contact", "platform_message_id")).limit(1))
_TEXT = Statement(select(table.c.payload).where(where(table, "platform", "contact", "platform_message_id")).limit(1))
_UNSETTLED = (
    select(table)
    .where(
        where(table, "platform", "contact"),
        table.c.lane.in_(("message", BROADCAST)),
        table.c.platform_message_id.is_(None),
        or_(table.c.state.in_(("sending", "uncertain")), table.c.may_have_been_sent),
    )
    .order_by(table.c.n)
)
_UNSETTLED_NOTES = (
    select(table)
    .where(
        where(table, "platform", "contact"),
        table.c.lane == "desk",
        table.c.platform_message_id.is_(None),
        or_(table.c.state.in_(("sending", "uncertain")), table.c.may_have_been_sent),
    )
    .order_by(table.c.n)
)
_ON_THE_WAY = select(table.c.payload).where(
    where(table, "platform", "contact"),
    table.c.lane.in_(("message", BROADCAST)),
    or_(
        table.c.state.in_(("sending", "uncertain")),
        table.c.may_have_been_sent,
        and_(table.c.state == "sent", table.c.sent_at > at("since")),
    ),
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of the outbox. `uncertain` and a `sending` of another owner may or may not have gone out.

    One that is `unless_replied` is pointless once the contact has written.
    """

    id: str
    contact: ContactKey
    lane: str
    channel: str | None
    content: Deliverable
    state: str
    reason: str | None
    attempts: int
    next_attempt_at: datetime
    owner: str | None
    created_at: datetime
    attempted_at: datetime | None
    platform_message_id: str | None
    turn: str | None
    unless_replied: bool = False


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        contact=ContactKey(row.platform, row.contact),
        lane=row.lane,
        channel=row.channel,
        content=unpack(row.payload),
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        owner=row.owner,
        created_at=row.created_at,
        attempted_at=row.attempted_at,
        platform_message_id=row.platform_message_id,
        turn=row.turn,
        unless_replied=row.unless_replied,
    )


def add(
    connection: Connection,
    key: ContactKey,
    prefix: str,
    contents: Sequence[Deliverable],
    *,
    now: datetime,
    channel: str | None = None,
    turn: str | None = None,
    own_lane: str | None = None,
    send_at: datetime | None = None,
    pacing: timedelta = timedelta(0),
    unless_replied: bool = False,
) -> None:
    """Queue deliveries of a contact. Their ids are `prefix/0`, `prefix/1` …: adding twice adds once.

    Args:
        prefix: of the ids.
        contents: what is sent, in order.
        now: the time, aware UTC.
        channel: the platform's id of the channel; `None` for the one that the contact last wrote on.
        turn: the turn that wrote them.
        own_lane: a lane in which they wait for nothing else, and nothing for them.
        send_at: the earliest time; `None` for now.
        pacing: how much later per character each text goes out that follows another message, as if typed.
        unless_replied: whether they are skipped once the contact has written.
    """
    spoken, start = timedelta(0), send_at or now
    for position, content in enumerate(contents):
        if position and isinstance(content, Text):
            spoken += min(len(content.text) * pacing, LONGEST_PAUSE)
        insert_new(
            connection,
            table,
            id=f"{prefix}/{position}",
            platform=key.platform,
            contact=key.id,
            lane=own_lane or lane(content),
            channel=channel,
            payload=pack(content),
            state="pending",
            attempts=0,
            next_attempt_at=start + spoken if lane(content) == "message" else start,
            created_at=now,
            turn=turn,
            unless_replied=unless_replied,
            may_have_been_sent=False,
        )


def heads(connection: Connection, key: ContactKey) -> list[Delivery]:
    """Load the first open delivery of each lane of a contact."""
    return [_delivery(row) for row in _HEADS.all(connection, {"at_platform": key.platform, "at_contact": key.id})]


def mark_sending(connection: Connection, delivery_id: str, owner: str, now: datetime) -> bool:
    """Mark a delivery as being sent. To be committed before the request.

    Args:
        owner: the worker that sends it, as it was claimed.

    Returns:
        False when another worker has taken it meanwhile: do not send.
    """
    return _SENDING.count(connection, {"at_id": delivery_id, "owner": owner, "now": now}) == 1


def keep_sending(connection: Connection, delivery_id: str, owner: str, now: datetime) -> bool:
    """Record that the request of a delivery leaves only now, after a wait for the platform's rate.

    Returns:
        False when another worker has taken it meanwhile: do not send.
    """
    mine = {"id": delivery_id, "state": "sending", "owner": owner}
    return change(connection, table, mine, {"attempted_at": now}) == 1


def gone_out(connection: Connection, key: ContactKey, turn: str, by: datetime) -> datetime | None:
    """Tell when the messages of a turn went out, if they were the newest that a contact had at a time.

    Args:
        connection: a transaction.
        turn: whose messages.
        by: the time, aware UTC.

    Returns:
        When the request that delivered the last of them began: nobody has read it before. None where one of them has not arrived, or
        something newer had gone out by then, or may have.
    """
    rows = connection.execute(_NEWEST, {"at_platform": key.platform, "at_contact": key.id}).all()
    own = [row for row in rows if row.turn == turn]
    if not own or any(row.state != "sent" for row in own):
        return None
    for row in rows:
        if row.n < own[0].n or row.turn == turn or row.state not in ("sending", "uncertain", "sent"):
            continue
        if row.state != "sent" or (row.attempted_at or row.sent_at) <= by:
            return None
    began: datetime = max(row.attempted_at or row.sent_at for row in own)
    return began


def message_ids(connection: Connection, key: ContactKey, turn: str) -> frozenset[str]:
    """List under which ids the platform knows the messages of a turn that went out lately."""
    rows = connection.execute(_NEWEST, {"at_platform": key.platform, "at_contact": key.id}).all()
    return frozenset(row.platform_message_id for row in rows if row.turn == turn and row.platform_message_id)


def mark(
    connection: Connection,
    delivery_id: str,
    state: str,
    *,
    now: datetime,
    reason: str | None = None,
    message_id: str | None = None,
    next_attempt_at: datetime | None = None,
    may_have_been_sent: bool = False,
) -> None:
    """Record how an attempt ended.

    Args:
        state: `sent`, `skipped` or `failed`, or `pending` for another attempt.
        reason: why, except for `sent`; as people read it.
        message_id: the platform's id of what was sent.
        next_attempt_at: when to try again, with `pending`.
        may_have_been_sent: nobody knows whether the platform has it; the next attempt looks it up there first.
    """
    values: dict[str, Any] = {"state": state, "reason": reason, "may_have_been_sent": may_have_been_sent}
    if message_id is not None:
        values["platform_message_id"] = message_id
    if state == "sent":
        values["sent_at"] = now
    if next_attempt_at is not None:
        values["next_attempt_at"] = next_attempt_at
    change(connection, table, {"id": delivery_id}, values)


def own_assignment(connection: Connection, key: ContactKey, to: Person, since: datetime) -> tuple[int, datetime] | None:
    """Tell whether an assignment that the platform reports is one of ours.

    Args:
        connection: a transaction.
        to: the colleague.
        since: how long ago ours may have been made.

    Returns:
        Its place in the outbox, and when it was queued, or the first message before it that is still to be sent. None where
        it is not ours.
    """
    place = {"at_platform": key.platform, "at_contact": key.id}
    for row in connection.execute(_ASSIGNED, {**place, "at_since": since}).all():
        if row.payload["type"] == "Assign" and str(row.payload["to"]).casefold() in {
            to.id,
            (to.email or to.id).casefold(),
        }:
            queued = [row.created_at, *(head.created_at for head in heads(connection, key) if head.lane == "message")]
            return row.n, min(queued)
    return None


def withdraw(connection: Connection, key: ContactKey, reason: str, behind: int = 0) -> list[str]:
    """Skip the unsent messages of turns to a contact.

    Args:
        behind: only those behind this place in the outbox (`outbound.n`); 0 for all.

    Returns:
        The turns of which nothing at all has gone out.
    """
    place = {"at_platform": key.platform, "at_contact": key.id}
    turns = {row.turn for row in connection.execute(_WITHDRAW, {**place, "reason": reason, "at_behind": behind})}
    begun = {row.turn for row in connection.execute(_BEGUN, place)} if turns else set()
    return sorted(turns - begun)


def skip_texts(connection: Connection, key: ContactKey, prefix: str, reason: str) -> list[str]:
    """Skip what a contact has not got yet of the texts whose ids begin with `prefix/`.

    Returns:
        These texts, in no particular order.
    """
    unsent = (
        update(table)
        .where(
            table.c.platform == key.platform,
            table.c.contact == key.id,
            table.c.lane == "message",
            table.c.state == "pending",
            table.c.id.startswith(f"{prefix}/", autoescape=True),
        )
        .values(state="skipped", reason=reason)
        .returning(table.c.payload)
    )
    return [row.payload["text"] for row in connection.execute(unsent).all() if "text" in row.payload]


def is_ours(connection: Connection, key: ContactKey, message_id: str, text: str | None, since: datetime) -> bool:
    """Tell whether a message that the platform reports as sent is one of ours.

    The report may come before the answer to our own request, so one with the same text that is on its way counts as well, and one that
    has gone out since `since`.

    Args:
        message_id: the platform's id of the message.
        text: `None` for one without a text.
    """
    place = {"at_platform": key.platform, "at_contact": key.id}
    if _KNOWN.first(connection, {**place, "at_platform_message_id": message_id}):
        return True
    rows = connection.execute(_ON_THE_WAY, {**place, "at_since": since})
    return any(row.payload.get("text") == text for row in rows)


def report_sent(
    connection: Connection, key: ContactKey, message_id: str, now: datetime, *, text: str | None = None
) -> datetime | None:
    """Settle a delivery whose fate is unknown by what the platform reports of it: its echo, or a status.

    Args:
        connection: of the transaction, which holds the contact's lock.
        key: the receiver.
        message_id: the platform's. That of a message that we know of settles nothing else.
        text: of the message, where the report names it; it must be the delivery's.

    Returns:
        When the contact is due because of it, `None` when nothing was settled or the attempt still runs.
    """
    place = {"at_platform": key.platform, "at_contact": key.id}
    if _KNOWN.first(connection, {**place, "at_platform_message_id": message_id}):
        return None
    for row in connection.execute(_UNSETTLED, place).all():
        if text is not None and row.payload.get("text") != text:
            continue
        return _settle(connection, row, message_id, now)
    return None


def report_noted(connection: Connection, key: ContactKey, text: str | None, now: datetime) -> None:
    """Settle the note for colleagues that the platform reports to have: the first one with this text of which it was unknown."""
    for row in connection.execute(_UNSETTLED_NOTES, {"at_platform": key.platform, "at_contact": key.id}).all():
        if row.payload["type"] == "Comment" and row.payload["text"].split() == (text or "").split():
            _settle(connection, row, f"note/{row.id}", now)
            return


def _settle(connection: Connection, row: Any, message_id: str, now: datetime) -> datetime | None:
    values: dict[str, Any] = {"platform_message_id": message_id}
    if row.may_have_been_sent:
        values |= {"state": "sent", "sent_at": now, "reason": None, "may_have_been_sent": False}
    elif row.state == "uncertain":
        values |= {"next_attempt_at": now}
    change(connection, table, {"id": row.id}, values)
    return now if row.state == "uncertain" else None


def report_failed(connection: Connection, key: ContactKey, message_id: str, reason: str, now: datetime) -> None:
    """Record that a message which the platform had accepted was not delivered: it becomes a dead letter.

    Args:
        message_id: the platform's id of the message; an unknown one changes nothing.
        reason: the platform's words.
    """
    found = {"platform": key.platform, "contact": key.id, "platform_message_id": message_id}
    change(connection, table, found, {"state": "failed", "reason": f"the platform reports: {reason}"})


def text_of(connection: Connection, key: ContactKey, message_id: str) -> str | None:
    """What a message of ours says, by the platform's id; `None` for any other, and for one without words."""
    place = {"at_platform": key.platform, "at_contact": key.id, "at_platform_message_id": message_id}
    payload = _TEXT.scalar(connection, place)
    text = None if payload is None else payload.get("text") or payload.get("title")
    return text if isinstance(text, str) else None


def contact_of(connection: Connection, platform: str, message_id: str) -> ContactKey | None:
    """Find the receiver of a message of ours by the platform's id; `None` when it is not known, or not exactly one."""
    found = select(table.c.contact).distinct()
    rows = connection.execute(
        found.where(table.c.platform == platform, table.c.platform_message_id == message_id).limit(2)
    ).all()
    return ContactKey(platform, rows[0].contact) if len(rows) == 1 else None


def lock_receiver(connection: Connection, delivery: Delivery) -> Delivery:
    """Take the lock of a delivery's receiver, which may have got another key since the delivery was loaded (`contacts.adopt`)."""
    lock_contact(connection, delivery.contact.platform, delivery.contact.id)
    if participant_of(delivery.contact) is None:
        return delivery
    current = connection.scalar(select(table.c.contact).where(table.c.id == delivery.id))
    if current in (None, delivery.contact.id):
        return delivery
    lock_contact(connection, delivery.contact.platform, current)
    return replace(delivery, contact=replace(delivery.contact, id=current))


def of_turn(connection: Connection, turn: str) -> list[Delivery]:
    """List everything that a turn has written to be sent, in order."""
    return [_delivery(row) for row in connection.execute(select(table).where(table.c.turn == turn).order_by(table.c.n))]


def messages_of_turns(connection: Connection, turns: Sequence[str]) -> list[Delivery]:
    """List the messages that these turns have written to customers, in order."""
    ours = select(table).where(table.c.turn.in_(turns), table.c.lane == "message").order_by(table.c.n)
    return [_delivery(row) for row in connection.execute(ours)] if turns else []


def known_message_ids(connection: Connection, key: ContactKey) -> set[str]:
    """List the platform's ids of everything that is known to be sent to a contact."""
    rows = connection.execute(
        select(table.c.platform_message_id).where(
            table.c.platform == key.platform,
            table.c.contact == key.id,
            table.c.platform_message_id.is_not(None),
        )
    ).all()
    return {row.platform_message_id for row in rows}


def unfinished(connection: Connection, key: ContactKey) -> list[Deliverable]:
    """List what is still to be sent to a contact or done for them, in order."""
    rows = connection.execute(
        select(table.c.payload)
        .where(table.c.platform == key.platform, table.c.contact == key.id, table.c.state.in_(OPEN))
        .order_by(table.c.n)
    )
    return [unpack(payload) for payload in rows.scalars()]


def dead(connection: Connection, limit: int = 200, last: Cursor | None = None) -> list[Delivery]:
    """Deliveries that were given up, newest first; those after `last`, when given."""
    statement = select(table).where(one_of(table.c.state, "failed"))
    if last is not None:
        statement = statement.where(older(table.c.created_at, table.c.id, last))
    order = (table.c.created_at.desc(), table.c.id.desc())
    return [_delivery(row) for row in connection.execute(statement.order_by(*order).limit(limit))]


def unsent(connection: Connection, key: ContactKey, limit: int = 20) -> list[Delivery]:
    """List the newest messages of a contact that were not sent, oldest first: skipped, or given up."""
    rows = connection.execute(_UNSENT, {"at_platform": key.platform, "at_contact": key.id, "at_limit": limit}).all()
    return [_delivery(row) for row in reversed(rows)]


def notes(connection: Connection, key: ContactKey, limit: int = 10) -> list[Delivery]:
    """The newest notes for colleagues about a contact, oldest first: on some platforms they stand nowhere else."""
    rows = connection.execute(
        select(table)
        .where(table.c.platform == key.platform, table.c.contact == key.id, table.c.lane == "desk")
        .order_by(table.c.n.desc())
        .limit(20 * limit)
    ).all()
    return [_delivery(row) for row in rows if row.payload["type"] == "Comment"][:limit][::-1]


def retry(connection: Connection, delivery_id: str, now: datetime) -> ContactKey | None:
    """Queue a failed delivery again.

    Returns:
        Its contact, or `None` when there is no failed delivery with this id.
    """
    row = connection.execute(
        update(table)
        .where(table.c.id == delivery_id, table.c.state == "failed")
        .values(
            state="pending",
            reason=None,
            attempts=0,
            next_attempt_at=now,
            may_have_been_sent=False,
            platform_message_id=None,
        )
        .returning(table.c.platform, table.c.contact)
    ).first()
    return None if row is None else ContactKey(row.platform, row.contact)
