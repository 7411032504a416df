"""Messages scheduled for later. A follow-up is a row with a due time, never a sleeping task.

One by a rule of agent.yaml (`rule` is its name) belongs to what it is about: a payment, or the turn after which it was
scheduled (`about`). Its id is made of both, so the same thing is never followed up twice. One without a rule was promised to
the customer, and a reply does not end it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, exists, func, or_, select, true, update

from agent.ledger.contacts import ContactState
from agent.ledger.database import Cursor, at, change, insert_new, newer, older, one_of, where
from agent.ledger.statement import Statement
from agent.ledger.tables import InboundOutcome, inbound, message
from agent.ledger.tables import contact as contact_table
from agent.ledger.tables import followup as table
from messaging.types import ContactKey

FollowUpState = Literal["scheduled", "sent", "cancelled", "skipped"]

_OPEN = where(table, "platform", "contact") & (table.c.state == "scheduled")
NEXT = select(func.min(table.c.due_at)).where(_OPEN)
"""When the contact's next one is due."""
SCHEDULED = exists().where(_OPEN)
"""Whether the contact has any."""
_DUE = select(table).where(_OPEN, table.c.due_at <= at("now")).order_by(table.c.due_at, table.c.id)
_PROMISED = select(table).where(_OPEN, table.c.rule.is_(None)).order_by(table.c.due_at, table.c.id)
_ID = select(table).where(where(table, "id"))
_SENT_SINCE = select(func.count()).where(
    where(table, "platform", "contact"),
    table.c.state == "sent",
    table.c.rule.is_not(None),
    table.c.ended_at >= at("since"),
)
_END = (
    update(table)
    .where(table.c.state == "scheduled")
    .values(state=bindparam("state"), reason=bindparam("reason"), ended_at=bindparam("ended_at"))
)
_REPLIED = Statement(
    _END.where(where(table, "platform", "contact"), table.c.conditions["no_reply"].as_boolean() == true())
)
_RESCHEDULED = _END.where(where(table, "platform", "contact", "rule"), table.c.id != at("id"))
_OF_CONTACT = Statement(_END.where(where(table, "platform", "contact")))
_CANCEL = _END.where(where(table, "id")).returning(table)
_ABOUT = _END.where(where(table, "platform", "contact", "about"))
_LAST_QUESTION = (
    select(inbound.c.outcome, inbound.c.received_at)
    .where(where(inbound, "platform", "contact"))
    .order_by(inbound.c.n.desc())
    .limit(1)
)
_BY_A_HUMAN = select(func.count()).where(
    where(message, "platform", "contact"), message.c.author == "human", message.c.at > at("since")
)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`rule` names the rule of agent.yaml, or is `None` for one that the agent promised in a conversation.

    `ended_at` is when it was sent, cancelled or skipped; `about` the id of the payment or turn that a rule follows up.
    """

    id: str
    contact: ContactKey
    due_at: datetime
    text: str
    rule: str | None
    conditions: Mapping[str, Any]
    created_at: datetime
    state: FollowUpState = "scheduled"
    reason: str | None = None
    ended_at: datetime | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A rule as far as scheduling goes: how long after the agent's message, under which conditions, with which words.

    `wording` gives the text in the customer's language.
    """

    rule: str
    after: timedelta
    conditions: Mapping[str, Any]
    wording: Callable[[str | None], str]


def schedule(connection: Connection, followup: FollowUp) -> None:
    """Schedule a follow-up; the same id again changes nothing."""
    insert_new(
        connection,
        table,
        id=followup.id,
        platform=followup.contact.platform,
        contact=followup.contact.id,
        due_at=followup.due_at,
        rule=followup.rule,
        about=followup.about,
        text=followup.text,
        conditions=dict(followup.conditions),
        created_at=followup.created_at,
        state=followup.state,
        reason=followup.reason,
    )


def plan(
    connection: Connection,
    contact: ContactState,
    plans: Sequence[Plan],
    *,
    turn: str,
    payment: tuple[str, str] | None,
    spoke: bool,
    now: datetime,
) -> None:
    """Schedule what the rules say after a turn. What was waiting by the same rule moves, what was sent is not sent again.

    Args:
        turn: id of the turn that ended.
        payment: id and state of the contact's newest payment, if there is one.
        spoke: whether the agent said something; if not, only rules for unanswered questions apply.
    """
    key = contact.key
    question_open = any(each.conditions.get("unanswered") for each in plans) and unanswered(connection, key)
    for each in plans:
        about = _subject(each.conditions, turn=turn, payment=payment, question_open=question_open)
        if about is None or not (spoke or each.conditions.get("unanswered")):
            continue
        name = hashlib.blake2b(each.rule.encode(), digest_size=4).hexdigest()
        followup = FollowUp(
            id=f"{about}-{name}",
            contact=key,
            due_at=now + each.after,
            text=each.wording(contact.language),
            rule=each.rule,
            conditions=each.conditions,
            created_at=now,
            about=about,
        )
        before = connection.execute(_ID, {"at_id": followup.id}).first()
        if before is None:
            schedule(connection, followup)
        elif before.state != "sent":
            values = {"due_at": followup.due_at, "text": followup.text, "conditions": dict(followup.conditions)}
            again = {"created_at": now, "state": "scheduled", "reason": None, "ended_at": None}
            change(connection, table, {"id": followup.id}, {**values, **again})
        superseded = _cancelled("the agent wrote again", now)
        connection.execute(_RESCHEDULED, {**_at(key), "at_rule": each.rule, "at_id": followup.id, **superseded})


def _subject(
    conditions: Mapping[str, Any], *, turn: str, payment: tuple[str, str] | None, question_open: bool
) -> str | None:
    """What a rule would be about after this turn: the id of a payment, or of the turn; `None` when it does not apply."""
    if conditions.get("unanswered") and not question_open:
        return None
    wanted = conditions.get("payment")
    if wanted is None:
        return turn
    if payment is None or payment[1] not in ("open", wanted):
        return None
    return payment[0]


def unanswered(connection: Connection, key: ContactKey) -> bool:
    """Tell whether the customer's last message got no full answer: the turn failed or was held, or the agent did not know."""
    last = connection.execute(_LAST_QUESTION, _at(key)).first()
    if last is None or last.outcome in (None, InboundOutcome.ANSWERED):
        return False
    by_a_human: int = connection.execute(_BY_A_HUMAN, {**_at(key), "at_since": last.received_at}).scalar_one()
    return by_a_human == 0


def due(connection: Connection, key: ContactKey, now: datetime) -> list[FollowUp]:
    """List what is due of a contact, in order."""
    return [_followup(row) for row in connection.execute(_DUE, {**_at(key), "at_now": now})]


def promised(connection: Connection, key: ContactKey) -> list[FollowUp]:
    """List the reminders that a contact is waiting for, in order."""
    return [_followup(row) for row in connection.execute(_PROMISED, _at(key))]


def listed(
    connection: Connection,
    contacts: Sequence[ContactKey] | None = None,
    states: Sequence[FollowUpState] = (),
    limit: int = 200,
    last: Cursor | None = None,
) -> list[FollowUp]:
    """Follow-ups of some contacts or of all, in some states or in all: those that wait by when they are due, else the newest first.

    Args:
        contacts: whose; of all when `None`.
        states: in which; in all when empty.
        limit: how many.
        last: only those after this one, by the time that orders the list and the id.
    """
    if tuple(states) == ("scheduled",):
        statement = select(table).order_by(table.c.due_at, table.c.id)
        if last is not None:
            statement = statement.where(newer(table.c.due_at, table.c.id, last))
    else:
        statement = select(table).order_by(table.c.created_at.desc(), table.c.id.desc())
        if last is not None:
            statement = statement.where(older(table.c.created_at, table.c.id, last))
    if contacts is not None:
        of = [(table.c.platform == key.platform) & (table.c.contact == key.id) for key in contacts]
        statement = statement.where(or_(*of))
    if states:
        statement = statement.where(one_of(table.c.state, *states))
    return [_followup(row) for row in connection.execute(statement.limit(limit))]


def sent_since(connection: Connection, key: ContactKey, since: datetime) -> int:
    """Count how many the contact got by rules since a time."""
    count: int = connection.execute(_SENT_SINCE, {**_at(key), "at_since": since}).scalar_one()
    return count


def end(connection: Connection, followup_id: str, state: FollowUpState, reason: str | None, now: datetime) -> None:
    """Record how a follow-up ended, whatever its state was."""
    change(connection, table, {"id": followup_id}, {"state": state, "reason": reason, "ended_at": now})


def postpone(connection: Connection, followup_id: str, due_at: datetime) -> None:
    """Move one to another time."""
    change(connection, table, {"id": followup_id}, {"due_at": due_at})


def cancel(connection: Connection, followup_id: str, reason: str, now: datetime) -> FollowUp | None:
    """Cancel a follow-up that is still scheduled.

    Returns:
        It, cancelled; `None` when none with this id is scheduled.
    """
    row = connection.execute(_CANCEL, {"at_id": followup_id, **_cancelled(reason, now)}).first()
    return None if row is None else _followup(row)


def cancel_on_reply(connection: Connection, key: ContactKey, now: datetime) -> None:
    """Cancel those by rule that are pointless after a reply. What the agent promised stays."""
    _REPLIED.count(connection, {**_at(key), **_cancelled("the contact replied", now)})


def cancel_all(connection: Connection, key: ContactKey, reason: str, now: datetime) -> None:
    """Cancel every scheduled follow-up of a contact, those that the agent has promised too."""
    _OF_CONTACT.count(connection, {**_at(key), **_cancelled(reason, now)})


def cancel_about(connection: Connection, key: ContactKey, about: str, reason: str, now: datetime) -> None:
    """Cancel what rules have scheduled for a contact about a subject: `about` as in `FollowUp`, for example a payment."""
    connection.execute(_ABOUT, {**_at(key), "at_about": about, **_cancelled(reason, now)})


def wake(connection: Connection, key: ContactKey, due_at: datetime) -> None:
    """Set the contact's wake time to that of a new one, unless it is earlier already."""
    sooner = contact_table.c.wake_at.is_(None) | (contact_table.c.wake_at > due_at)
    connection.execute(
        update(contact_table)
        .where(contact_table.c.platform == key.platform, contact_table.c.id == key.id, sooner)
        .values(wake_at=due_at)
    )


def _cancelled(reason: str, now: datetime) -> dict[str, Any]:
    return {"state": "cancelled", "reason": reason, "ended_at": now}


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}


def _followup(row: Row[Any]) -> FollowUp:
    return FollowUp(
        id=row.id,
        contact=ContactKey(row.platform, row.contact),
        due_at=row.due_at,
        text=row.text,
        rule=row.rule,
        conditions=row.conditions,
        created_at=row.created_at,
        state=row.state,
        reason=row.reason,
        ended_at=row.ended_at,
        about=row.about,
    )
