"""Conversations as the owner looks through them: the newest first, a page at a time."""

from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, or_, select

from agent.ledger.contacts import ContactState, state_of
from agent.ledger.schema import contact as table

Only = Literal["paused", "opted_out"]


def newest(
    connection: Connection,
    *,
    limit: int,
    before: datetime | None,
    only: Only | None,
    now: datetime,
) -> list[ContactState]:
    """Contacts who have written, the latest first; those `before` a time, and `only` some, when given."""
    statement = select(table).where(table.c.last_inbound_at.is_not(None))
    if before is not None:
        statement = statement.where(table.c.last_inbound_at < before)
    if only == "paused":
        lasting = or_(table.c.paused_until.is_(None), table.c.paused_until > now)
        statement = statement.where(table.c.paused_at.is_not(None), lasting)
    elif only == "opted_out":
        statement = statement.where(table.c.opted_out_at.is_not(None))
    rows = connection.execute(statement.order_by(table.c.last_inbound_at.desc(), table.c.id).limit(limit))
    return [state_of(row) for row in rows]
