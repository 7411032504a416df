"""What is remembered of a contact beyond the messages that the model sees: a running summary, and facts.

The summary of a conversation's older part is extended in large steps, each of which is paid for at most once. A fact is what
the customer said about themselves, with the message that says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, select

from agent.ledger import steps
from agent.ledger.database import at, change, lock_contact, upsert, where
from agent.ledger.history import Line
from agent.ledger.statement import Statement
from agent.ledger.tables import fact, message, summary, turn
from language.values import contains
from messaging.types import ContactKey

_LOAD = Statement(select(summary).where(where(summary, "platform", "contact")))
_OPEN = select(func.count()).select_from(
    select(message.c.n)
    .where(where(message, "platform", "contact"), message.c.n > at("after"))
    .limit(at("most"))
    .subquery()
)
_LINES = (
    select(message)
    .where(where(message, "platform", "contact"), message.c.n > at("after"))
    .order_by(message.c.n.desc())
    .offset(at("keep"))
    .limit(at("most"))
)
_LAST_TURN = (
    select(turn.c.id)
    .where(
        where(turn, "platform", "contact"), turn.c.state.not_in(("running", "abandoned"))
    )  # whose cost is final, and counts
    .order_by(turn.c.started_at.desc())
    .limit(1)
)
_MOST = 200
"""Messages that one extension reads at most; of a longer past only the newest of them."""


@dataclass(frozen=True, slots=True)
class Summary:
    """`upto` is the number of the last message that the text covers."""

    text: str
    upto: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Portion:
    """Messages that a summary is to be extended with, oldest first. The cost is added to `turn`."""

    key: ContactKey
    turn: str
    before: str
    lines: Sequence[Line]
    upto: int


def load(connection: Connection, key: ContactKey) -> Summary | None:
    """Load the summary; `None` when there is none."""
    row = _LOAD.first(connection, _at(key))
    return Summary(row.text, row.upto, row.updated_at) if row is not None and row.text else None


def due(connection: Connection, key: ContactKey, window: int) -> bool:
    """Tell whether more than `window` messages are not covered."""
    return _due(connection, key, _LOAD.first(connection, _at(key)), window)


def _due(connection: Connection, key: ContactKey, row: Any | None, window: int) -> bool:
    covered = max(row.upto, row.asked_upto) if row is not None else 0
    count: int = connection.execute(_OPEN, {**_at(key), "at_after": covered, "at_most": window + 1}).scalar_one()
    return count > window


def begin(connection: Connection, key: ContactKey, window: int, now: datetime) -> Portion | None:
    """Claim the extension of a contact's summary, if one is due: more than `window` messages are not covered.

    It is marked as taken, so that a process that dies on the way does not pay a model twice; the next extension covers it too.

    Args:
        window: how many messages a prompt shows word for word.

    Returns:
        All messages that are not covered but the newest half of a window, oldest first; `None` when no extension is due.
    """
    lock_contact(connection, key.platform, key.id)
    row = _LOAD.first(connection, _at(key))
    if not _due(connection, key, row, window):
        return None
    upto = row.upto if row is not None else 0
    rows = connection.execute(_LINES, {**_at(key), "at_after": upto, "at_keep": window // 2, "at_most": _MOST}).all()
    charged = connection.execute(_LAST_TURN, _at(key)).scalar()
    if not rows or charged is None:
        return None
    before = row.text if row is not None else ""
    _put(connection, key, text=before, upto=upto, asked_upto=rows[0].n, updated_at=now)
    lines = [Line(each.author, each.text, each.at, tuple(each.attachments), each.turn) for each in reversed(rows)]
    return Portion(key, charged, before, lines, rows[0].n)


def finish(
    connection: Connection,
    portion: Portion,
    text: str,
    *,
    model: str,
    tokens: int,
    cost: float,
    started_at: datetime,
    now: datetime,
) -> bool:
    """Keep the extended text and what it cost.

    Args:
        portion: as `begin` returned it.
        text: the whole summary, which replaces the one before.
        tokens: of the call of the model, given and returned.
        cost: in US dollars; it counts as the cost of the portion's turn.

    Returns:
        False when the contact was forgotten meanwhile: nothing is kept.
    """
    lock_contact(connection, portion.key.platform, portion.key.id)
    changed = change(
        connection,
        summary,
        {"platform": portion.key.platform, "contact": portion.key.id, "asked_upto": portion.upto},
        {"text": text, "upto": portion.upto, "updated_at": now},
    )
    if not changed:
        return False
    written = steps.record(
        connection,
        portion.turn,
        key=f"summary/{portion.upto}",
        kind="summary",
        name=model,
        input_hash=str(portion.upto),
        given={"messages": len(portion.lines), "upto": portion.upto},
        output={"text": text},
        started_at=started_at,
        finished_at=now,
        tokens=tokens,
        cost=cost,
    )
    if written:
        steps.charge(connection, portion.turn, tokens=tokens, cost=cost)
    return True


def give_up(connection: Connection, portion: Portion) -> None:
    """Let an extension be tried again: no model answered, so nothing was paid."""
    change(
        connection,
        summary,
        {"platform": portion.key.platform, "contact": portion.key.id, "asked_upto": portion.upto},
        {"asked_upto": 0},
    )


def _put(connection: Connection, key: ContactKey, **values: Any) -> None:
    upsert(connection, summary, platform=key.platform, contact=key.id, **values)


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}


FACTS = exists().where(where(fact, "platform", "contact"))
"""Whether there are facts of a contact."""
_ALL = Statement(select(fact).where(where(fact, "platform", "contact")).order_by(fact.c.key))
_SAID = (
    select(message.c.n, message.c.text)
    .where(where(message, "platform", "contact"), message.c.author == "contact")
    .order_by(message.c.n.desc())
    .limit(at("limit"))
)
_FAR_BACK = 500
"""Messages that are searched for the one in which something was said."""


@dataclass(frozen=True, slots=True)
class Fact:
    """`message` numbers the message of origin in the ledger; `None` when it is not one of the recent ones."""

    key: str
    value: str
    message: int | None
    turn: str
    at: datetime


def learn(connection: Connection, key: ContactKey, values: Mapping[str, str], turn: str, now: datetime) -> None:
    """Keep facts of a contact; a newer value of the same key replaces the older one.

    Call this when the turn's messages are in the history: the newest one that holds the value is recorded as its origin.

    Args:
        values: from key to value, as the model noted them.
    """
    said = connection.execute(_SAID, {**_fact_at(key), "at_limit": _FAR_BACK}).all()
    for name, value in values.items():
        origin = next((row.n for row in said if contains(row.text, value)), None)
        upsert(
            connection,
            fact,
            platform=key.platform,
            contact=key.id,
            key=name,
            value=value,
            message=origin,
            turn=turn,
            at=now,
        )


def of_contact(connection: Connection, key: ContactKey) -> list[Fact]:
    """List all facts of a contact, by key."""
    return [Fact(row.key, row.value, row.message, row.turn, row.at) for row in _ALL.all(connection, _fact_at(key))]


def _fact_at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}
