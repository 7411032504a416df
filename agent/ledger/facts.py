"""What customers told about themselves, in their own words, each with the message in which they said it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from actions.spoken import contains
from agent.ledger.memory_schema import fact as table
from agent.ledger.schema import message
from agent.ledger.statements import at, upsert, where
from messaging.types import ContactKey

_ALL = select(table).where(where(table, "platform", "contact")).order_by(table.c.key)
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
    """Keep facts of a contact; a newer value of the same key takes the place of the older one.

    To be called when the turn's messages are in the history: the newest one that holds the value is its origin.
    """
    said = connection.execute(_SAID, {**_at(key), "at_limit": _FAR_BACK}).all()
    for name, value in values.items():
        origin = next((row.n for row in said if contains(row.text, value)), None)
        upsert(
            connection,
            table,
            platform=key.platform,
            contact=key.id,
            key=name,
            value=value,
            message=origin,
            turn=turn,
            at=now,
        )


def of_contact(connection: Connection, key: ContactKey) -> list[Fact]:
    """Everything that is known, by key."""
    return [Fact(row.key, row.value, row.message, row.turn, row.at) for row in connection.execute(_ALL, _at(key)).all()]


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}
