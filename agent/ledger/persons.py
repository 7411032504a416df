"""Contacts that are one person, because a human has said so: what each has learnt is carried to the other.

Nobody is taken for another by a name or a number alone. Conversations stay apart, each on its platform; what is carried is written down, so
that it can be taken back: all but an opt-out, which holds for the person.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from actions.action import ChangeTags
from agent.ledger import contacts, followups, history, memory, outbound, workflows
from agent.ledger.contacts import ContactState
from agent.ledger.database import insert_row, lock_contact
from agent.ledger.tables import contact as contact_table
from agent.ledger.tables import fact, message, person_link
from messaging.types import ContactKey
from settings.text import one_line

OPTED_OUT = "the contact opted out"
_LINES = 20
"""Messages of one conversation that are told to the other."""

_LONGEST = 4000
_A_LINE = 300


@dataclass(frozen=True, slots=True)
class Link:
    """Two contacts that are one person. `facts` that both knew and that differ stayed as they were."""

    id: str
    first: ContactKey
    second: ContactKey
    by: str
    at: datetime
    differ: Sequence[str] = ()


def merge(connection: Connection, first: ContactKey, second: ContactKey, by: str, now: datetime) -> Link | None:
    """Join two contacts that are in the ledger.

    Tags, facts and the newest messages are carried both ways; who opted out with one has opted out with both.

    Args:
        by: who says that they are one person.
        now: the time, aware UTC.

    Returns:
        The link; `None` when they are one already.
    """
    for key in sorted((first, second), key=str):
        lock_contact(connection, key.platform, key.id)
    if second in (first, *same_person(connection, first)):
        return None
    identity = secrets.token_hex(6)
    states = [contacts.known(connection, key) for key in (first, second)]
    carried: list[dict[str, Any]] = []
    known = [{each.key: each for each in memory.of_contact(connection, state.key)} for state in states]
    recent = [history.recent(connection, state.key, _LINES) for state in states]
    for mine, theirs, facts, others, lines in (
        (states[0], states[1], known[0], known[1], recent[1]),
        (states[1], states[0], known[1], known[0], recent[0]),
    ):
        new = {name: each.value for name, each in others.items() if name not in facts}
        memory.learn(connection, mine.key, new, _origin(identity), now)
        told = _told(theirs, lines, by)
        if told is not None:
            line = history.Line("human", told, now, turn=_origin(identity))
            history.append(connection, mine.key, [line])
        carried.append({"tags": _tag(connection, mine, theirs, identity, now)})
    link = Link(identity, first, second, by, now, sorted(_differing(known[0], known[1])))
    row = {"id": identity, "platform": first.platform, "contact": first.id, "at": now, "by": by, "carried": carried}
    insert_row(connection, person_link, row | {"other_platform": second.platform, "other_contact": second.id})
    if any(state.opted_out_at is not None for state in states):
        for key in (first, *same_person(connection, first)):
            _opt_out(connection, key, now)
    return link


def split(connection: Connection, key: ContactKey, now: datetime) -> list[Link]:
    """Part a contact from those that it was joined with, and take back what was carried: tags, facts, messages.

    An opt-out stays: it may have been meant for all.

    Returns:
        The links that there were.
    """
    found = links(connection, key)
    for link in found:
        carried = connection.execute(select(person_link.c.carried).where(person_link.c.id == link.id)).scalar_one()
        origin = _origin(link.id)
        connection.execute(delete(message).where(message.c.turn == origin))
        connection.execute(delete(fact).where(fact.c.turn == origin))
        for one, got in zip((link.first, link.second), carried, strict=True):
            state, tags = contacts.load(connection, one), tuple(got["tags"])
            if state is not None and tags:
                _change_tags(connection, state, ChangeTags((), tags), f"split/{link.id}", now)
        connection.execute(delete(person_link).where(person_link.c.id == link.id))
    return found


def links(connection: Connection, key: ContactKey) -> list[Link]:
    """List what a contact was joined with directly, the newest first."""
    mine = or_(
        (person_link.c.platform == key.platform) & (person_link.c.contact == key.id),
        (person_link.c.other_platform == key.platform) & (person_link.c.other_contact == key.id),
    )
    return [
        Link(
            row.id,
            ContactKey(row.platform, row.contact),
            ContactKey(row.other_platform, row.other_contact),
            row.by,
            row.at,
        )
        for row in connection.execute(select(person_link).where(mine).order_by(person_link.c.at.desc()))
    ]


def same_person(connection: Connection, key: ContactKey) -> list[ContactKey]:
    """List the other contacts of a person, also those that are joined by way of a third."""
    found, open_ones = [key], [key]
    while open_ones:
        for link in links(connection, open_ones.pop()):
            for each in (link.first, link.second):
                if each not in found:
                    found.append(each)
                    open_ones.append(each)
    return sorted(found[1:], key=str)


def opt_out(connection: Connection, key: ContactKey, now: datetime) -> None:
    """Let an opt-out hold for the whole person."""
    for other in same_person(connection, key):
        _opt_out(connection, other, now)


def _opt_out(connection: Connection, key: ContactKey, now: datetime) -> None:
    mine = (
        contact_table.c.platform == key.platform,
        contact_table.c.id == key.id,
        contact_table.c.opted_out_at.is_(None),
    )
    connection.execute(update(contact_table).where(*mine).values(opted_out_at=now))
    outbound.withdraw(connection, key, OPTED_OUT)
    followups.cancel_all(connection, key, OPTED_OUT, now)
    workflows.cancel_all(connection, key, OPTED_OUT, now)


def _origin(identity: str) -> str:
    return f"merge/{identity}"


def _differing(mine: dict[str, memory.Fact], theirs: dict[str, memory.Fact]) -> list[str]:
    return [name for name, each in mine.items() if name in theirs and theirs[name].value != each.value]


def _tag(connection: Connection, mine: ContactState, theirs: ContactState, identity: str, now: datetime) -> list[str]:
    """Give one contact the tags of the other; those that are new to it."""
    new = tuple(tag for tag in theirs.contact.tags if tag not in mine.contact.tags)
    if new:
        _change_tags(connection, mine, ChangeTags(new), _origin(identity), now)
    return list(new)


def _change_tags(connection: Connection, state: ContactState, change: ChangeTags, origin: str, now: datetime) -> None:
    key, channel = state.key, state.channel
    before = contacts.before_change(connection, key)
    outbound.add(connection, key, f"{origin}/{key}", [change], now=now, channel=channel.id if channel else None)
    contacts.anticipate(connection, key, [change])
    contacts.record_change(connection, before, now)
    workflows.wake(connection, key, now)


def _told(theirs: ContactState, lines: Sequence[history.Line], by: str) -> str | None:
    """What a conversation is told of the other one: the newest messages, as a colleague's word and never as the customer's own."""
    if not lines:
        return None
    names = {"contact": "Customer", "agent": "Agent", "human": "Colleague"}
    told = [f"{names[line.author]}: {one_line(line.text, _A_LINE)}" for line in lines if line.text]
    return (
        f"The customer is also {theirs.key} ({by} says so). The newest messages there:\n" + "\n".join(told)[-_LONGEST:]
    )
