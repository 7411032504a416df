"""Humans in a conversation: a colleague takes it over, is assigned, gives it back, or closes it.

When a conversation is given back, the agent answers what the customer wrote last and no human has answered.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from agent.ledger import confirmations, contacts, history, outbound
from agent.ledger.contacts import ContactState
from agent.ledger.database import at, where
from agent.ledger.tables import InboundOutcome, inbound, message
from messaging.types import ContactKey, Person

STILL_EXPECTED = timedelta(hours=1)
"""The age up to which such a message is still answered; an older one stays in the history only."""

GRACE = timedelta(seconds=5)
"""How long the agent waits first: a platform may report a colleague's last message, or the closing, after the giving back."""

_REPORTED = timedelta(minutes=10)
"""How long after an assignment of our own, or one that was taken back, the platform may report it."""

_REPORTS = 50
"""How many events about who answers a conversation are remembered."""

_LAST_WORD = (
    select(message.c.at)
    .where(where(message, "platform", "contact"), message.c.author != "contact")
    .order_by(message.c.n.desc())
    .limit(1)
)
_ASK_AGAIN = (
    update(inbound)
    .where(
        where(inbound, "platform", "contact"),
        inbound.c.state == "held",
        inbound.c.outcome == InboundOutcome.HUMAN,
        inbound.c.received_at > at("after"),
    )
    .values(state="waiting", outcome=None, reason=None, turn=None, given_back_at=bindparam("given_back"))
)


def give_back(connection: Connection, key: ContactKey, now: datetime) -> datetime | None:
    """Let the agent answer from now on, beginning with recent messages that came after the last answer and the last closing.

    Returns:
        When the agent answers those, or `None` when it waits for the customer.
    """
    contacts.resume(connection, key, now)
    state = contacts.load(connection, key)
    if state is None:
        return None
    contact = {"at_platform": key.platform, "at_contact": key.id}
    last_word: datetime | None = connection.execute(_LAST_WORD, contact).scalar()
    after = max(moment for moment in (now - STILL_EXPECTED, last_word, state.closed_at) if moment is not None)
    due = now + GRACE
    if not connection.execute(_ASK_AGAIN, {**contact, "at_after": after, "given_back": due}).rowcount:
        return None
    wake_at = due if state.wake_at is None else min(due, state.wake_at)
    contacts.set_columns(connection, key, wake_at=wake_at)
    return wake_at


_LEAVE = (
    update(inbound)
    .where(
        where(inbound, "platform", "contact"),
        inbound.c.state == "waiting",
        inbound.c.turn.is_(None),
        inbound.c.given_back_at.is_not(None),
    )
    .values(state="held", outcome=InboundOutcome.CONVERSATION_CLOSED, reason="the conversation was closed")
)


def begin(
    connection: Connection, key: ContactKey, now: datetime, until: datetime | None, by: str, told_by: str = ""
) -> None:
    """Let a human answer from now on.

    What the agent has written and not sent yet is not sent any more, and leaves its history; a question that waited for
    a yes is dropped, since the next yes is for the human.

    Args:
        until: when the agent answers again at the latest; `None`: when the conversation is given back.
        by: the reason, as people read it.
        told_by: identity of the platform's report that says so, if one does.
    """
    state = contacts.load(connection, key)
    since = state.paused_at if state is not None and state.paused(now) else None
    contacts.pause(connection, key, since or now, until, by, told_by)
    _silence(connection, key, by)


def _silence(connection: Connection, key: ContactKey, by: str, behind: int = 0) -> None:
    unsent = outbound.withdraw(connection, key, f"a human took over ({by})", behind)
    history.remove_unsent(connection, key, unsent)
    confirmations.settle(connection, key)


def assign(
    connection: Connection, key: ContactKey, now: datetime, until: datetime | None, to: Person, told_by: str
) -> None:
    """Record that the platform reports the conversation as assigned to a colleague: a human answers from now on.

    Where the agent or a workflow has assigned it itself, what was queued before the assignment still goes out.

    Args:
        until: as in `begin`.
        told_by: identity of the report.
    """
    state, by = contacts.load(connection, key), f"assigned to {to.name or to.id}"
    if state is not None and state.paused(now):
        contacts.pause(connection, key, state.paused_at or now, until, by)
    elif (own := outbound.own_assignment(connection, key, to, now - _REPORTED)) is not None:
        place, since = own
        contacts.pause(connection, key, since, until, by, told_by)
        _silence(connection, key, by, place)
    else:
        begin(connection, key, now, until, by, told_by)


def is_old(state: ContactState | None, event_id: str | None, at: datetime | None, now: datetime) -> bool:
    """Tell whether an event about who answers is old: delivered again, or from before the conversation was given back.

    Args:
        state: the contact's; `None` for one who is not in the ledger.
        event_id: the platform's own, where it has one.
        at: when it happened, by the platform; `None` where it does not say.
        now: the time, aware UTC.
    """
    if state is None:
        return False
    if (identity := _identity(event_id, at)) is not None and identity in state.reports:
        return True
    return at is not None and state.given_back_at is not None and at <= state.given_back_at <= now


def remember_report(connection: Connection, key: ContactKey, event_id: str | None, at: datetime | None = None) -> None:
    """Remember that an event about who answers has been reported, so that it is known when it comes again.

    Args:
        event_id: the platform's id of the event.
        at: its time, for platforms whose events have no id; without both, nothing is remembered.
    """
    identity, state = _identity(event_id, at), contacts.load(connection, key)
    if identity is not None and state is not None:
        contacts.set_columns(connection, key, reports=[*state.reports, identity][-_REPORTS:])


def _identity(event_id: str | None, at: datetime | None) -> str | None:
    return event_id or (None if at is None else at.isoformat())


def unassign(connection: Connection, state: ContactState | None, key: ContactKey, now: datetime) -> None:
    """Take an assignment back; one that was never reported may still come.

    Args:
        state: the contact's before the event; `None` for one who was not in the ledger.
        now: the time, aware UTC.
    """
    contacts.unassign(connection, key)
    early = state is None or state.contact.assignee is None
    contacts.set_columns(connection, key, unassigned_early_at=now if early else None)


def is_taken_back(connection: Connection, state: ContactState | None, now: datetime) -> bool:
    """Tell whether an assignment that comes now is one that has been taken back already, which is so once."""
    if state is None or state.paused(now) or state.unassigned_early_at is None:
        return False
    contacts.set_columns(connection, state.key, unassigned_early_at=None)
    return now - _REPORTED <= state.unassigned_early_at <= now


def close(connection: Connection, key: ContactKey, now: datetime) -> None:
    """End the conversation: what the customer writes next begins another, in which no old question is open.

    What was given back a moment before is not answered any more.
    """
    contacts.set_columns(connection, key, closed_at=now)
    connection.execute(_LEAVE, {"at_platform": key.platform, "at_contact": key.id})
    confirmations.settle(connection, key)
