"""What a customer was asked to say yes to: one open question per contact, which survives a restart."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, select

from agent.ledger.database import at, upsert, where
from agent.ledger.statement import Statement
from agent.ledger.tables import confirmation as table
from messaging.types import ContactKey

_UNEXPIRED = where(table, "platform", "contact") & (table.c.expires_at > at("now"))
_OPEN = Statement(select(table).where(_UNEXPIRED))
OPEN = exists().where(_UNEXPIRED)
"""Whether a question waits for its answer."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """An action that runs as soon as the customer says yes, with exactly these arguments, if it is still the same action.

    `contract` is its fingerprint (`actions.identity.contract_of`).
    """

    action: str
    arguments: dict[str, Any]
    question: str
    turn: str
    expires_at: datetime
    contract: str = ""


def ask(connection: Connection, key: ContactKey, confirmation: Confirmation) -> None:
    """Remember the question; an earlier one is replaced."""
    upsert(
        connection,
        table,
        platform=key.platform,
        contact=key.id,
        action=confirmation.action,
        arguments={"values": confirmation.arguments, "contract": confirmation.contract},
        question=confirmation.question,
        turn=confirmation.turn,
        expires_at=confirmation.expires_at,
    )


def open_question(connection: Connection, key: ContactKey, now: datetime) -> Confirmation | None:
    """Load the question that still waits for its answer."""
    row = _OPEN.first(connection, {"at_platform": key.platform, "at_contact": key.id, "at_now": now})
    if row is None:
        return None
    kept = row.arguments
    if kept.keys() != {"values", "contract"}:  # asked by a version that knew no contracts
        return None
    return Confirmation(row.action, kept["values"], row.question, row.turn, row.expires_at, kept["contract"])


def settle(connection: Connection, key: ContactKey) -> None:
    """Drop the question: it was answered, or is void."""
    connection.execute(delete(table).where(table.c.platform == key.platform, table.c.contact == key.id))
