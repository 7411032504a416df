"""Messages scheduled for later. A follow-up is a row with a due time, never a sleeping task."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from agent.ledger.schema import followup as table
from agent.ledger.statements import insert_new, where
from messaging.types import ContactKey

_CANCEL = (
    update(table)
    .where(where(table, "platform", "contact"), table.c.state == "scheduled", table.c.rule.is_not(None))
    .values(state="cancelled", reason="the contact replied")
)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`rule` names the rule of agent.yaml, or is `None` for one that the agent promised in a conversation."""

    id: str
    contact: ContactKey
    due_at: datetime
    text: str
    rule: str | None
    conditions: Mapping[str, Any]
    created_at: datetime
    state: str = "scheduled"
    reason: str | None = None


def schedule(connection: Connection, followup: FollowUp) -> None:
    """Add it; the same id again changes nothing."""
    insert_new(
        connection,
        table,
        id=followup.id,
        platform=followup.contact.platform,
        contact=followup.contact.id,
        due_at=followup.due_at,
        rule=followup.rule,
        text=followup.text,
        conditions=dict(followup.conditions),
        created_at=followup.created_at,
        state=followup.state,
        reason=followup.reason,
    )


def cancel_on_reply(connection: Connection, key: ContactKey) -> None:
    """The contact wrote: follow-ups by rule that wait for no reply are over. What the agent promised stays."""
    connection.execute(_CANCEL, {"at_platform": key.platform, "at_contact": key.id})
