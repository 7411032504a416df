"""Accepting what a webhook says: one transaction, after which the platform may forget the event."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Column, Connection, Label, and_, exists, literal_column, select, update

from agent.ledger import contacts, erasure, events, followups, history, human, outbound
from agent.ledger.codec import pack_inbound, unpack_inbound
from agent.ledger.database import at, change, insert_new, lock_contact, one_of, where
from agent.ledger.statement import Statement
from agent.ledger.tables import InboundOutcome, contact
from agent.ledger.tables import inbound as table
from messaging.admission import LONGEST_QUOTE
from messaging.types import (
    AssigneeChanged,
    Contact,
    ContactChanged,
    ContactKey,
    ConversationClosed,
    ConversationOpened,
    DeliveryReport,
    Event,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    NoteLeft,
    PastMessage,
    Quote,
    Reaction,
)
from settings.text import mark, one_line, quoted

DELETED: Final = "deleted"
"""The kind of a message of which nothing is kept but that it was there."""

UNTAKEN = and_(one_of(table.c.state, "waiting"), table.c.turn.is_(None))
"""That no turn has taken a message."""

TAKEN_BACK = and_(one_of(table.c.state, "waiting"), table.c.outcome == literal_column(f"'{InboundOutcome.TAKEN_BACK}'"))
"""That a customer took back a message which a turn is answering."""


def _of_contact(column: Column[Any]) -> Label[Any]:
    mine = select(column).where(contact.c.platform == at("platform"), contact.c.id == at("contact"))
    return mine.scalar_subquery().label(column.name)


_THIS = Statement(select(table).where(where(table, "platform", "contact", "message_id")))
_WAITING = Statement(
    select(table.c.payload, table.c.received_at, table.c.given_back_at)
    .where(where(table, "platform", "contact"), UNTAKEN)
    .order_by(table.c.n)
)
_BEFORE = Statement(  # the profile of a contact before a message
    select(
        erasure.KNOWN.exists().label("erased"),
        exists().where(where(table, "platform", "contact"), UNTAKEN).label("waiting"),
        contacts.WRITTEN_TO.label("written_to"),
        followups.SCHEDULED.label("followups"),
        _of_contact(contact.c.last_inbound_at),
        _of_contact(contact.c.given_back_at),
    )
)

_WORDS = (InboundMessage, MessageEdited, MessageSent)
"""Events that make a contact known again who was forgotten: they hold words that were not erased."""

GivenBack = Literal["unassigned", "closed"]

_LATE = timedelta(minutes=1)
"""How long after a closing a human's word from before it may be reported."""

_PROMPT = timedelta(minutes=1)
"""How long a message is on its way as a rule; one that comes within it counts as written when it came."""

_CREDIBLE = timedelta(days=30)
"""How old a message can be that a platform delivers as new: WhatsApp tries for a week, phones may be off for longer. A time
far before that is that of a sample or of a wrong clock."""

_ECHO = timedelta(minutes=10)
"""How long after a message of ours its echo may come in."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that no turn has taken yet, as the quiet window sees it: `received_at` is when it came, or when a human gave it back."""

    text: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """What accepting an event depends on.

    `due` says when a contact's waiting messages are to be answered; `resume_after` how long a human's word keeps the
    agent silent (`None`: until it is given back); `resume_on` what gives it back; `assigned` whether an assignment alone
    silences the agent; `platform` is the name of the one that the event comes from, `webhook` the id of what it came with.
    """

    due: Callable[[Sequence[Waiting]], datetime]
    resume_after: timedelta | None
    resume_on: Collection[GivenBack] = ("unassigned", "closed")
    assigned: Literal["silent", "answer"] = "silent"
    platform: str = ""
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an event. `wake_at` is when the contact is due, if it now is, and `deadline` by when to serve them."""

    duplicate: bool = False
    contact: ContactKey | None = None
    wake_at: datetime | None = None
    deadline: datetime | None = None


def accept(connection: Connection, event: Event, now: datetime, rules: Rules) -> Accepted:
    """Record one event. A redelivered message changes nothing.

    Args:
        connection: the transaction, after whose commit the platform may forget the event.
        event: what the webhook said.
        now: when it came, aware UTC.
        rules: what accepting it depends on.

    Returns:
        What became of it, with the contact's next wake time.
    """
    if event.contact is not None:
        contacts.adopt(connection, event.contact)
    if isinstance(event, InboundMessage):
        credible = event if now - event.sent_at <= _CREDIBLE else replace(event, sent_at=now)
        return _message(connection, credible, now, rules)
    if not isinstance(event, _WORDS) and event.contact is not None:
        lock_contact(connection, event.contact.key.platform, event.contact.key.id)
        if erasure.is_forgotten(connection, event.contact.key):
            return Accepted(duplicate=True)
    if isinstance(event, Reaction):
        return _reaction(connection, event)
    if isinstance(event, MessageEdited):
        return _edited(connection, event, now, rules)
    if isinstance(event, MessageDeleted):
        return _deleted(connection, event, now)
    if isinstance(event, MessageSent):
        return _sent(connection, event, now, rules)
    if isinstance(event, AssigneeChanged):
        return _assigned(connection, event, now, rules)
    if isinstance(event, DeliveryReport):
        return _reported(connection, event, now, rules)
    if isinstance(event, PastMessage):
        return _past(connection, event)
    if event.contact is None:
        return Accepted()
    key = event.contact.key
    lock_contact(connection, key.platform, key.id)
    if isinstance(event, NoteLeft):
        outbound.report_noted(connection, key, event.text, now)
    if isinstance(event, ConversationClosed) and human.is_old(
        contacts.load(connection, key), event.event_id, None, now
    ):
        return Accepted(duplicate=True, contact=key)
    before = contacts.before_change(connection, key) if isinstance(event, ContactChanged) else None
    contacts.remember(connection, event.contact)
    if isinstance(event, ContactChanged):
        contacts.apply_change(connection, event)
    if isinstance(event, ConversationClosed):
        human.close(connection, key, now)
        human.remember_report(connection, key, event.event_id)
        if "closed" in rules.resume_on:
            contacts.resume(connection, key, now)
    return Accepted(contact=key, wake_at=now if _told(connection, event, before, now, rules) else None)


def _told(connection: Connection, event: Event, before: Contact | None, now: datetime, rules: Rules) -> bool:
    """Record what a platform says of a contact as events; whether anybody listens to any."""
    if events.subscriptions_of(connection) is events.NOBODY or event.contact is None:
        return False
    key, told_by = event.contact.key, rules.webhook or secrets.token_hex(6)
    if isinstance(event, ContactChanged):
        if event.change == "created":
            _created(connection, key, now)
        elif before is not None:
            contacts.record_change(connection, before, now, told_by=rules.webhook)
        else:
            for name, facts in _first_change(event):
                events.record(connection, name, key, identity=f"{name}/{key}/{told_by}", data=facts, now=now)
    elif isinstance(event, ConversationOpened | ConversationClosed):
        name = "conversation.opened" if isinstance(event, ConversationOpened) else "conversation.closed"
        data: dict[str, Any] = {"source": event.source}
        if isinstance(event, ConversationClosed):
            data |= {"summary": event.summary, "category": event.category}
        events.record(connection, name, key, identity=f"{name}/{key}/{told_by}", data=data, now=now)
    return True


def _first_change(event: ContactChanged) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a change says of a contact that is new to us, of whom nothing is known that could be compared."""
    if event.tag is not None and event.action != "remove":
        yield "tag.added", {"tag": event.tag}
    if event.change == "lifecycle" and event.contact.lifecycle is not None:
        yield "lifecycle.changed", {"lifecycle": event.contact.lifecycle, "before": None}
    yield "contact.updated", {}


def _created(connection: Connection, key: ContactKey, now: datetime) -> None:
    """A contact is new: once, however it was noticed."""
    events.record(connection, "contact.created", key, identity=f"contact.created/{key}", data={}, now=now)


def _until(now: datetime, rules: Rules) -> datetime | None:
    return None if rules.resume_after is None else now + rules.resume_after


def _assigned(connection: Connection, event: AssigneeChanged, now: datetime, rules: Rules) -> Accepted:
    """An event that comes again, or later than what undid it, changes nothing."""
    key, assignee = event.contact.key, event.contact.assignee
    lock_contact(connection, key.platform, key.id)
    state, gives_back = contacts.load(connection, key), "unassigned" in rules.resume_on
    if human.is_old(state, event.event_id, event.at, now):
        return Accepted(duplicate=True, contact=key)
    if assignee is not None and gives_back and human.is_taken_back(connection, state, now):
        human.remember_report(connection, key, event.event_id, event.at)
        return Accepted(contact=key)
    contacts.remember(connection, event.contact)
    human.remember_report(connection, key, event.event_id, event.at)
    if assignee is None:
        human.unassign(connection, state, key, now)
        if gives_back:
            return Accepted(contact=key, wake_at=human.give_back(connection, key, now))
    elif rules.assigned == "silent":
        human.assign(connection, key, now, _until(now, rules), assignee, rules.webhook)
    return Accepted(contact=key)


def _message(connection: Connection, event: InboundMessage, now: datetime, rules: Rules) -> Accepted:
    key = event.key
    lock_contact(connection, key.platform, key.id)
    place = {"at_platform": key.platform, "at_contact": key.id}
    before = _BEFORE.first(connection, {**place, "at_hash": erasure.hash_of(key, event.message_id)})
    if before.erased:
        return Accepted(duplicate=True)
    if event.quote is not None and event.quote.text is None and event.quote.message_id is not None:
        known = _text_of(connection, key, event.quote.message_id)
        event = replace(event, quote=replace(event.quote, text=known))
    number = insert_new(
        connection,
        table,
        platform=key.platform,
        message_id=event.message_id,
        contact=key.id,
        payload=pack_inbound(event),
        received_at=now,
        state="waiting",
    )
    if number is None:
        _complete(connection, event)
        return Accepted(duplicate=True, contact=key)
    new = events.wanted(connection, "contact.created") and _never_wrote(connection, key)
    if before.given_back_at is not None and event.sent_at < before.given_back_at <= now:  # it comes late: so does what
        event = replace(event, contact=replace(event.contact, assignee=None))  # it says of the assignment
    _assigned_without_event(connection, event, now, rules)
    waits = Waiting(event.text, now)
    due = rules.due(waiting(connection, key) if before.waiting else [waits])
    columns: dict[str, Any] = {"last_inbound_at": _latest(event, before.last_inbound_at, now), "wake_at": due}
    if event.channel is not None:
        columns |= {"channel_id": event.channel.id, "channel_source": event.channel.source}
    contacts.remember(connection, event.contact, **columns)
    if before.followups:
        followups.cancel_on_reply(connection, key, now)
    if events.subscriptions_of(connection) is not events.NOBODY:
        events.end_on_reply(connection, key, now)
        if new:
            _created(connection, key, now)
            due = now
        _received(connection, event, now)
    return Accepted(contact=key, wake_at=due, deadline=contacts.deadline(due, written_to=before.written_to))


def _never_wrote(connection: Connection, key: ContactKey) -> bool:
    """Whether a contact is new, even if a colleague's message, a status or a reaction was reported before their first message."""
    known = contacts.load(connection, key)
    return known is None or known.last_inbound_at is None


def _received(connection: Connection, event: InboundMessage, now: datetime) -> None:
    identity = f"message.received/{event.key}/{event.message_id}"
    data = {
        "text": event.text,
        "message_id": event.message_id,
        "kind": event.kind,
        "attachments": [attachment.kind for attachment in event.attachments],
        "sent_at": event.sent_at.isoformat(),
        "channel": event.channel.source if event.channel is not None else None,
    }
    events.record(connection, "message.received", event.key, identity=identity, data=data, now=now)


def _latest(event: InboundMessage, before: datetime | None, now: datetime) -> datetime:
    """When the contact last wrote, by the customer's own time: a message that comes late opens no window that has closed."""
    written = event.sent_at if now - event.sent_at > _PROMPT else now
    return written if before is None else max(written, before)


def _assigned_without_event(connection: Connection, event: InboundMessage, now: datetime, rules: Rules) -> None:
    """Apply an assignment that no event reported (older than the agent, or a lost webhook) from now on."""
    assignee = event.contact.assignee
    if assignee is None or rules.assigned != "silent":
        return
    known = contacts.load(connection, event.key)
    if known is None or known.contact.assignee is None or known.contact.assignee.id != assignee.id:
        contacts.remember(connection, event.contact)
        human.assign(connection, event.key, now, _until(now, rules), assignee, rules.webhook)


def _text_of(connection: Connection, key: ContactKey, message_id: str) -> str | None:
    """What a message of the conversation says, whoever wrote it; as one line of at most `LONGEST_QUOTE` characters."""
    text = outbound.text_of(connection, key, message_id)
    if text is None and (row := _row_of(connection, key, message_id)) is not None:
        text = row.payload["text"]
    if text is None and (line := history.of_message(connection, key, message_id)) is not None:
        text = line.text
    return one_line(text or "", LONGEST_QUOTE) or None


def _row_of(connection: Connection, key: ContactKey, message_id: str) -> Any:
    return _THIS.first(connection, {"at_platform": key.platform, "at_contact": key.id, "at_message_id": message_id})


def _versions(connection: Connection, key: ContactKey, message_id: str) -> Sequence[Any]:
    """The rows of a message and of its corrections, oldest first."""
    mine = select(table).where(
        table.c.platform == key.platform, table.c.contact == key.id, history.versions(table.c.message_id, message_id)
    )
    return connection.execute(mine.order_by(table.c.n)).all()


def _reaction(connection: Connection, event: Reaction) -> Accepted:
    """A reaction joins the history, and is no question: nothing is answered."""
    key = event.contact.key
    if event.emoji is None or erasure.is_erased(connection, key, event.to):
        return Accepted(contact=key)
    lock_contact(connection, key.platform, key.id)
    contacts.remember(connection, event.contact)
    about = _text_of(connection, key, event.to)
    text = mark("reaction", f"{event.emoji} to {quoted(about, LONGEST_QUOTE)}" if about else event.emoji)
    line = history.Line("contact", text, event.sent_at, message_id=event.message_id, said="")
    history.append(connection, key, [line])
    return Accepted(contact=key)


def _complete(connection: Connection, event: InboundMessage) -> None:
    """An original that comes after its edit brings what an edit does not tell: its files, and what it replied to."""
    row = _row_of(connection, event.key, event.message_id)
    if row is None or row.state != "waiting" or row.turn is not None:
        return
    written = pack_inbound(event)
    missing = {name: written[name] for name in ("attachments", "quote") if written[name] and not row.payload[name]}
    if missing:
        change(connection, table, {"n": row.n}, {"payload": {**row.payload, **missing}})


def _edited(connection: Connection, event: MessageEdited, now: datetime, rules: Rules) -> Accepted:
    """A message that no turn has taken says what it says now; later the customer has written anew, and is answered.

    An edit that overtakes its original is the message, under its id: the original that follows is known then.
    """
    key = event.contact.key
    if erasure.is_erased(connection, key, event.message_id):
        return Accepted(duplicate=True)
    lock_contact(connection, key.platform, key.id)
    row = next(reversed(_versions(connection, key, event.message_id)), None)
    if row is not None and (
        row.outcome == InboundOutcome.TAKEN_BACK
        or (row.payload["text"] or "").strip() == event.text.strip()  # a preview or a reaction was added to it
        or event.sent_at < unpack_inbound(event.contact, row.payload).sent_at  # a later edit has overtaken it
    ):
        return Accepted(duplicate=True, contact=key)
    if row is not None and row.state == "waiting" and row.turn is None:
        newest = replace(unpack_inbound(event.contact, row.payload), text=event.text, sent_at=event.sent_at)
        change(connection, table, {"n": row.n}, {"payload": pack_inbound(newest)})
        return Accepted(contact=key, wake_at=rules.due(waiting(connection, key)))
    if now - event.sent_at > _CREDIBLE:
        return Accepted(contact=key)
    if row is None and history.of_message(connection, key, event.message_id) is None:
        first = InboundMessage(event.contact, event.message_id, event.sent_at, event.text, channel=event.channel)
        return _message(connection, first, now, rules)
    digest = hashlib.blake2b(f"{event.sent_at.isoformat()} {event.text}".encode(), digest_size=8).hexdigest()
    again = InboundMessage(
        event.contact,
        history.correction_id(event.message_id, digest),
        event.sent_at,
        event.text,
        channel=event.channel,
        quote=Quote(event.message_id if row is None else row.message_id, corrected=True),
    )
    return _message(connection, again, now, rules)


def _deleted(connection: Connection, event: MessageDeleted, now: datetime) -> Accepted:
    """What a customer took back is neither answered nor kept, also when it comes later.

    A message that was corrected is taken back with its corrections. A turn that is answering it begins again without it, unless it has
    already done something; then it keeps the mark of a deleted message. Of the words nothing is kept from now on.
    """
    key = event.contact.key
    lock_contact(connection, key.platform, key.id)
    rows = _versions(connection, key, event.message_id)
    lines = history.versions_of(connection, key, event.message_id)
    if not rows and not lines and not erasure.is_erased(connection, key, event.message_id):
        contacts.remember(connection, event.contact)
        insert_new(
            connection,
            table,
            platform=key.platform,
            message_id=event.message_id,
            contact=key.id,
            payload=pack_inbound(InboundMessage(event.contact, event.message_id, now, None, kind=DELETED)),
            received_at=now,
            state="held",
            outcome=InboundOutcome.TAKEN_BACK,
        )
    for row in rows:
        if row.state == "waiting":
            line = history.Line("contact", "", row.received_at, message_id=row.message_id)
            history.append(connection, key, [line])
            lines.append(line)
        _empty(connection, row)
    for line in lines:
        history.rewrite(connection, key, replace(line, text=history.DELETED, attachments=(), said=""))
    return Accepted(contact=key)


def leave_to_others(connection: Connection, turn: str) -> None:
    """Give the messages of a turn that ends without an answer back; what the customer took back meanwhile waits no more."""
    connection.execute(update(table).where(table.c.turn == turn, TAKEN_BACK).values(state="held"))
    change(connection, table, {"turn": turn}, {"turn": None})


def _empty(connection: Connection, row: Any) -> None:
    """Keep nothing of a message but that it was there; one that waits, or that a human had, is not answered any more.

    Of one that a turn is answering, the end of the turn does the rest.
    """
    words: dict[str, Any] = {
        "text": None,
        "attachments": [],
        "location": None,
        "cards": [],
        "quote": None,
        "kind": DELETED,
    }
    values: dict[str, Any] = {"payload": {**row.payload, **words}}
    if row.state in ("waiting", "held"):
        values |= {"outcome": InboundOutcome.TAKEN_BACK}
        values |= {"state": "held"} if row.turn is None or row.state == "held" else {}
    change(connection, table, {"n": row.n}, values)


def _sent(connection: Connection, event: MessageSent, now: datetime, rules: Rules) -> Accepted:
    """A human's message silences the agent and joins the history; the echo of our own message does neither."""
    key = event.contact.key
    if erasure.is_erased(connection, key, event.message_id):
        return Accepted(duplicate=True)
    lock_contact(connection, key.platform, key.id)
    settled = outbound.report_sent(connection, key, event.message_id, now, text=event.text)
    if settled is not None:
        return Accepted(contact=key, wake_at=settled)
    echo_since = now if event.source == "user" else now - _ECHO
    if not event.by_human or outbound.is_ours(connection, key, event.message_id, event.text, echo_since):
        return Accepted(contact=key)
    if history.of_message(connection, key, event.message_id) is not None:
        return Accepted(duplicate=True, contact=key)
    contacts.remember(connection, event.contact)
    who = (event.sender.name or event.sender.id) if event.sender else "a colleague"
    over = _was_before_closing(connection, event, now, rules)
    human.begin(connection, key, now, _until(now, rules), who, rules.webhook)
    if over:
        contacts.resume(connection, key, now)
    line = history.Line("human", event.text or "[an attachment]", now, message_id=event.message_id)
    history.append(connection, key, [line])
    data = {"text": event.text, "message_id": event.message_id, "author": "human", "kind": "Text", "by": who}
    identity = f"message.sent/{key}/{event.message_id}"
    events.record(connection, "message.sent", key, identity=identity, data=data, now=now)
    return Accepted(contact=key)


def _reported(connection: Connection, event: DeliveryReport, now: datetime, rules: Rules) -> Accepted:
    """What the platform says of a message of ours: one that failed after all becomes a dead letter, and one whose fate was
    unknown has been sent."""
    if event.contact is None:
        key = outbound.contact_of(connection, rules.platform, event.message_id)
        if key is None:
            return Accepted()
    else:
        key = event.contact.key
    lock_contact(connection, key.platform, key.id)
    if event.state == "failed":
        outbound.report_failed(connection, key, event.message_id, event.reason or "it was not delivered", now)
        return Accepted(contact=key)
    return Accepted(contact=key, wake_at=outbound.report_sent(connection, key, event.message_id, now))


def _past(connection: Connection, event: PastMessage) -> Accepted:
    """A message of long ago joins the history, once."""
    key = event.contact.key
    if erasure.is_erased(connection, key, event.message_id):
        return Accepted(duplicate=True)
    lock_contact(connection, key.platform, key.id)
    known = select(table.c.n).where(
        table.c.platform == key.platform, table.c.contact == key.id, table.c.message_id == event.message_id
    )
    if connection.execute(known).first() or event.message_id in outbound.known_message_ids(connection, key):
        return Accepted(duplicate=True, contact=key)
    columns: dict[str, Any] = {}
    if event.channel is not None:
        columns = {"channel_id": event.channel.id, "channel_source": event.channel.source}
    contacts.remember(connection, event.contact, **columns)
    parts = [event.text] if event.text else []
    parts += [mark(attachment.kind) for attachment in event.attachments]
    author: history.Author = "contact" if event.incoming else "human"
    line = history.Line(author, "\n".join(parts or ["[an attachment]"]), event.sent_at, message_id=event.message_id)
    history.append(connection, key, [line])
    return Accepted(contact=key)


def _was_before_closing(connection: Connection, event: MessageSent, now: datetime, rules: Rules) -> bool:
    """Whether a human's last word is reported only after the closing that followed it.

    Platforms report a message when the channel has taken it, a closing at once.
    """
    state = contacts.load(connection, event.contact.key)
    if state is None or state.closed_at is None or "closed" not in rules.resume_on:
        return False
    return event.sent_at < state.closed_at and now - state.closed_at < _LATE


def of_turn(connection: Connection, turn: str) -> list[str]:
    """List the platform's ids of the messages that a turn answers, in order."""
    return list(
        connection.execute(select(table.c.message_id).where(table.c.turn == turn).order_by(table.c.n)).scalars()
    )


def waiting_rows(connection: Connection, key: ContactKey) -> Sequence[Any]:
    """Messages of a contact that no turn has taken, in the order they arrived."""
    return _WAITING.all(connection, {"at_platform": key.platform, "at_contact": key.id})


def as_waiting(rows: Sequence[Any]) -> list[Waiting]:
    """Read rows of `waiting_rows`."""
    return [Waiting(row.payload["text"], row.given_back_at or row.received_at) for row in rows]


def waiting(connection: Connection, key: ContactKey) -> list[Waiting]:
    """List the messages of a contact that no turn has taken, in the order they arrived."""
    return as_waiting(waiting_rows(connection, key))
