"""Looking into the ledger: how much of what there is, and what needs a human's eye."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from agent.ledger import outbound
from agent.ledger.database import take_time
from agent.ledger.outbound import Delivery
from agent.ledger.schema import contact, followup, inbound, turn
from agent.ledger.schema import outbound as outbound_table
from messaging.types import ContactKey


def counts(connection: Connection) -> dict[str, dict[str, Any]]:
    """Rows by table and state, and under `used` the tokens and US dollars of all turns."""
    take_time(connection)
    result: dict[str, dict[str, Any]] = {}
    for table in (inbound, turn, outbound_table, followup):
        rows = connection.execute(select(table.c.state, func.count()).group_by(table.c.state)).all()
        result[table.name] = {row[0]: row[1] for row in rows}
    tokens, usd = connection.execute(
        select(func.coalesce(func.sum(turn.c.tokens), 0), func.coalesce(func.sum(turn.c.cost), 0.0))
    ).one()
    result["used"] = {"tokens": tokens, "usd": usd}
    result["contact"] = {"all": connection.execute(select(func.count()).select_from(contact)).scalar_one()}
    return result


@dataclass(frozen=True, slots=True)
class TurnSummary:
    """A turn as the owner looks at it."""

    id: str
    contact: ContactKey
    state: str
    reason: str | None
    started_at: datetime
    finished_at: datetime | None
    tokens: int
    cost: float


def turns_of(connection: Connection, key: ContactKey, limit: int = 20) -> list[TurnSummary]:
    """The newest turns of a contact, oldest first."""
    rows = connection.execute(
        select(turn)
        .where(turn.c.platform == key.platform, turn.c.contact == key.id)
        .order_by(turn.c.started_at.desc())
        .limit(limit)
    ).all()
    return [_summary(row) for row in reversed(rows)]


def turn_of(connection: Connection, turn_id: str) -> TurnSummary | None:
    """One turn, or `None` when there is no such one."""
    row = connection.execute(select(turn).where(turn.c.id == turn_id)).first()
    return None if row is None else _summary(row)


def dead(connection: Connection, limit: int = 200) -> tuple[list[Delivery], list[TurnSummary]]:
    """What was given up: deliveries, and turns whose customer got the text for failures."""
    rows = connection.execute(
        select(turn).where(turn.c.state == "failed").order_by(turn.c.started_at.desc()).limit(limit)
    ).all()
    return outbound.dead(connection, limit), [_summary(row) for row in rows]


def retry_turn(connection: Connection, turn_id: str, now: datetime) -> ContactKey | None:
    """Let the messages of a failed turn wait for an answer again; their contact, or `None` when there is no such turn."""
    row = connection.execute(
        update(turn)
        .where(turn.c.id == turn_id, turn.c.state == "failed")
        .values(state="abandoned", reason="retried by hand")
        .returning(turn.c.platform, turn.c.contact)
    ).first()
    if row is None:
        return None
    connection.execute(update(inbound).where(inbound.c.turn == turn_id).values(state="waiting", turn=None, reason=None))
    key = ContactKey(row.platform, row.contact)
    connection.execute(
        update(contact)
        .where(contact.c.platform == key.platform, contact.c.id == key.id)
        .values(wake_at=now, paused_at=None, paused_until=None, paused_by=None)
    )
    return key


def _summary(row: Any) -> TurnSummary:
    return TurnSummary(
        row.id,
        ContactKey(row.platform, row.contact),
        row.state,
        row.reason,
        row.started_at,
        row.finished_at,
        row.tokens,
        row.cost,
    )
