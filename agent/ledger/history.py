"""The conversation as the model sees it: what the contact, the agent and human colleagues wrote, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal, Protocol

from sqlalchemy import Column, ColumnElement, Connection, bindparam, delete, func, or_, select, update

from agent.ledger.database import at, insert_of, is_postgres, where
from agent.ledger.statement import Statement
from agent.ledger.tables import message as table
from messaging.types import ContactKey
from settings.text import mark

Author = Literal["contact", "agent", "human"]

DELETED = mark("deleted message")
"""What stands for a message that its sender took back."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the history. `attachments` are `{"kind", "url", "name"}` and what was found in them:

    the `transcript` of a voice note, or why it is `unheard`; the `text` of a document, or why it is `unread`; the `picture` that a
    model can be shown. `message_id` is the platform's. `said` are the author's own words, where `text` holds more than those: marks for
    what is no text.
    """

    author: Author
    text: str
    at: datetime
    attachments: tuple[dict[str, Any], ...] = ()
    turn: str | None = None
    message_id: str | None = None
    said: str | None = None

    @property
    def own_words(self) -> str:
        """What the author wrote or spoke, without our marks and without what they quote."""
        return self.text if self.said is None else self.said


class Worded(Protocol):
    """Words of the contact, and the platform's id of their message."""

    @property
    def message_id(self) -> str | None: ...

    @property
    def own_words(self) -> str: ...


RECENTLY_SAID = 100
"""Texts of a contact that every turn reads; older ones are read when an argument is not found in these."""

ALL = 1_000_000_000

_OF_CONTACT = where(table, "platform", "contact")
_REMOVE_UNSENT = Statement(delete(table).where(_OF_CONTACT, table.c.author == "agent", table.c.turn == at("turn")))
_RECENT = Statement(
    select(*(table.c[field.name] for field in fields(Line)))
    .where(_OF_CONTACT)
    .order_by(table.c.n.desc())
    .limit(at("limit"))
)
_OF_MESSAGE = Statement(
    select(*(table.c[field.name] for field in fields(Line))).where(_OF_CONTACT, where(table, "message_id"))
)
_NEWEST = Statement(
    select(*(table.c[field.name] for field in fields(Line)), table.c.position)
    .where(_OF_CONTACT)
    .order_by(table.c.n.desc())
    .limit(at("limit"))
)

_SAID = Statement(
    select(table.c.message_id, func.coalesce(table.c.said, table.c.text).label("own_words"))
    .where(_OF_CONTACT, table.c.author == "contact")
    .order_by(table.c.n.desc())
    .limit(at("limit"))
)

_REWRITE = Statement(
    update(table)
    .where(_OF_CONTACT, where(table, "message_id"), table.c.text != DELETED)
    .values({name: bindparam(name) for name in ("text", "attachments", "said")})
)


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}


@cache
def _append(postgres: bool) -> Statement:
    """Insert a line with the next position: counting the lines of a contact would take longer the more there are."""
    before = table.alias()
    last = select(before.c.position).where(before.c.platform == at("platform"), before.c.contact == at("contact"))
    position = func.coalesce(last.order_by(before.c.n.desc()).limit(1).scalar_subquery(), 0) + 1
    row: dict[str, Any] = {
        name: bindparam(name) for name in ("platform", "contact", *(field.name for field in fields(Line)))
    }
    insert = insert_of(postgres)
    adding = insert(table).values({**row, "position": position}).on_conflict_do_nothing()
    return Statement(adding.returning(table.c.n))


def append(connection: Connection, key: ContactKey, lines: Sequence[Line]) -> None:
    """Add lines at the end. One whose platform message id is there already is not added again.

    That the contact sent stays in its place, with what is known of it now.
    """
    statement = _append(is_postgres(connection))
    for line in lines:
        values = {field.name: getattr(line, field.name) for field in fields(Line)}
        given = {**values, "attachments": list(line.attachments), "platform": key.platform, "contact": key.id}
        added = statement.scalar(connection, {**given, **_at(key)})
        if added is None and line.author == "contact":
            rewrite(connection, key, line)


def rewrite(connection: Connection, key: ContactKey, line: Line) -> None:
    """Give the message that the contact sent the text, attachments and own words of `line`; one that was deleted stays so."""
    found = {"text": line.text, "attachments": list(line.attachments), "said": line.said}
    _REWRITE.count(connection, {**_at(key), "at_message_id": line.message_id, **found})


def of_message(connection: Connection, key: ContactKey, message_id: str) -> Line | None:
    """Find the line of one of the platform's messages."""
    row = _OF_MESSAGE.first(connection, {**_at(key), "at_message_id": message_id})
    return None if row is None else _line(row)


def versions_of(connection: Connection, key: ContactKey, message_id: str) -> list[Line]:
    """Find the lines of one of the contact's messages and of its corrections, oldest first."""
    mine = select(table).where(
        table.c.platform == key.platform,
        table.c.contact == key.id,
        table.c.author == "contact",
        versions(table.c.message_id, message_id),
    )
    return [_line(row) for row in connection.execute(mine.order_by(table.c.n))]


def remove_unsent(connection: Connection, key: ContactKey, turns: Sequence[str]) -> None:
    """Remove what the agent was about to say in these turns: it was never sent."""
    for turn in turns:
        _REMOVE_UNSENT.count(connection, {**_at(key), "at_turn": turn})


def remove_unsent_text(connection: Connection, key: ContactKey, text: str) -> None:
    """Remove the newest line of the agent that is `text` and no turn's: it was never sent."""
    mine = (
        table.c.platform == key.platform,
        table.c.contact == key.id,
        table.c.author == "agent",
        table.c.turn.is_(None),
    )
    newest = select(func.max(table.c.n)).where(*mine, table.c.text == text).scalar_subquery()
    connection.execute(delete(table).where(table.c.n == newest))


def recent(connection: Connection, key: ContactKey, limit: int) -> list[Line]:
    """List the newest `limit` lines, oldest first."""
    rows = _RECENT.all(connection, {**_at(key), "at_limit": limit})
    return _in_order([_line(row) for row in reversed(rows)])


def page(
    connection: Connection, key: ContactKey, limit: int, before: int | None = None
) -> tuple[list[Line], int | None]:
    """List a page of a conversation, oldest line first.

    Args:
        before: only lines with a smaller number, as the page before returned it; `None` for the newest.

    Returns:
        At most `limit` lines, and the number before which there are more; `None` when there are not.
    """
    statement = select(table).where(table.c.platform == key.platform, table.c.contact == key.id)
    if before is not None:
        statement = statement.where(table.c.n < before)
    rows = connection.execute(statement.order_by(table.c.n.desc()).limit(limit + 1)).all()
    following = rows[limit - 1].n if len(rows) > limit else None
    return _in_order([_line(row) for row in reversed(rows[:limit])]), following


def last_lines(connection: Connection, keys: Sequence[ContactKey]) -> dict[ContactKey, Line]:
    """Read the newest line of each contact that has one."""
    found = {key: _RECENT.first(connection, {**_at(key), "at_limit": 1}) for key in keys}
    return {key: _line(row) for key, row in found.items() if row is not None}


def _line(row: Any) -> Line:
    return Line(row.author, row.text, row.at, tuple(row.attachments), row.turn, row.message_id, row.said)


def window(connection: Connection, key: ContactKey, most: int) -> tuple[list[Line], int]:
    """Read the newest lines, at most `most`. The first of them stays the first until half a window is new.

    Returns:
        The lines, oldest first, and how many there are before them.
    """
    rows = _NEWEST.all(connection, {**_at(key), "at_limit": most})
    if len(rows) < most:
        return _in_order([_line(row) for row in reversed(rows)]), 0
    step = max(1, most // 2)
    before = -((rows[0].position - most) // -step) * step
    return _in_order([_line(row) for row in reversed(rows) if row.position > before]), before


def _in_order(lines: list[Line]) -> list[Line]:
    """Put what the customer wrote before a human's message: the human's is recorded at once, the customer's when its turn ends."""
    for position in reversed(range(len(lines) - 1)):
        if lines[position].author != "human":
            continue
        human, later = lines[position], position + 1
        while later < len(lines) and lines[later].author == "contact" and lines[later].at < human.at:
            lines[later - 1], lines[later] = lines[later], human
            later += 1
    return lines


def said(
    connection: Connection, key: ContactKey, limit: int = RECENTLY_SAID, *, corrections: Iterable[str] = ()
) -> list[str]:
    """List the newest texts that the contact wrote, oldest first; nothing in place of one that they corrected since.

    Args:
        connection: a transaction.
        limit: the most texts.
        corrections: ids of messages that are no lines yet.
    """
    return standing(list(reversed(_SAID.all(connection, {**_at(key), "at_limit": limit}))), corrections)


def standing(lines: Sequence[Worded], corrections: Iterable[str] = ()) -> list[str]:
    """Leave out the words of messages that a later one corrects.

    Args:
        lines: oldest first.
        corrections: ids of messages that came after them.

    Returns:
        As many texts as there are lines.
    """
    corrected = {corrected_id(each) for each in corrections} - {None}
    texts = []
    for line in reversed(lines):
        first = line.message_id and (corrected_id(line.message_id) or line.message_id)
        texts.append("" if first in corrected else line.own_words)
        if line.message_id and first != line.message_id:
            corrected.add(first)
    return texts[::-1]


_CORRECTS = "/edit/"


def correction_id(message_id: str, fingerprint: str) -> str:
    """The id under which the correction of a message is kept."""
    return f"{message_id}{_CORRECTS}{fingerprint}"


def corrected_id(message_id: str) -> str | None:
    """The id of the message that one corrects; None where it corrects none."""
    first, corrects, _ = message_id.rpartition(_CORRECTS)
    return first if corrects else None


def versions(column: Column[Any], message_id: str) -> ColumnElement[bool]:
    """Match the id of a message and those of its corrections."""
    return or_(column == message_id, column.startswith(f"{message_id}{_CORRECTS}", autoescape=True))
