"""What became of a broadcast: its recipients, joined with what the outbox knows of their messages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, select

from agent.ledger.broadcasts import Broadcast
from agent.ledger.database import at, take_time, where
from agent.ledger.outbound import OPEN
from agent.ledger.tables import outbound
from agent.ledger.tables import recipient as recipients

STATES = ("waiting", "sending", "sent", "skipped", "failed")
"""In which a recipient can be; `sending` is being prepared by the outbox, or tried again."""

_STATE = case((outbound.c.state.in_(OPEN), "sending"), else_=func.coalesce(outbound.c.state, recipients.c.state)).label(
    "state"
)
_REASON = case((recipients.c.state == "queued", outbound.c.reason), else_=recipients.c.reason).label("reason")
_JOINED = recipients.outerjoin(outbound, outbound.c.id == recipients.c.outbound)
_COUNTS = (
    select(_STATE, func.count().label("people"))
    .select_from(_JOINED)
    .where(where(recipients, "broadcast"))
    .group_by(_STATE)
)
_REASONS = (
    select(_STATE, _REASON, func.count().label("people"))
    .select_from(_JOINED)
    .where(where(recipients, "broadcast"), _STATE.in_(("skipped", "failed")))
    .group_by(_STATE, _REASON)
    .order_by(func.count().desc())
)
_EACH = (
    select(
        recipients.c.address,
        recipients.c.line,
        outbound.c.contact,
        outbound.c.sent_at,
        outbound.c.platform_message_id,
        _STATE,
        _REASON,
    )
    .select_from(_JOINED)
    .where(where(recipients, "broadcast"))
    .order_by(recipients.c.n)
    .limit(at("limit"))
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient. `contact` is the platform's id and `message` its id of the message, once they are known."""

    address: str
    line: int | None
    contact: str | None
    state: str
    reason: str | None
    sent_at: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many got nothing; `state` is skipped or failed."""

    state: str
    reason: str
    count: int


def counts(connection: Connection, name: str) -> Mapping[str, int]:
    """Count how many recipients are in each of `STATES`."""
    take_time(connection)
    found: dict[str, Any] = dict.fromkeys(STATES, 0)
    for row in connection.execute(_COUNTS, {"at_broadcast": name}).all():
        found[row.state] = row.people
    return found


def reasons(connection: Connection, name: str) -> list[Reason]:
    """Tell why recipients were skipped or failed, the most frequent first."""
    take_time(connection)
    rows = connection.execute(_REASONS, {"at_broadcast": name}).all()
    return [Reason(row.state, row.reason or "", row.people) for row in rows]


def outcomes(connection: Connection, name: str, limit: int = 100_000) -> list[Outcome]:
    """Every recipient, in the order of the audience."""
    take_time(connection)
    rows = connection.execute(_EACH, {"at_broadcast": name, "at_limit": limit}).all()
    return [
        Outcome(row.address, row.line, row.contact, row.state, row.reason, row.sent_at, row.platform_message_id)
        for row in rows
    ]


def record(broadcast: Broadcast, counted: Mapping[str, int], why: Sequence[Reason]) -> dict[str, Any]:
    """Build the record of a broadcast with its counts, as JSON knows it."""
    return {
        "name": broadcast.name,
        "state": broadcast.state,
        "created_at": broadcast.created_at,
        "next_at": broadcast.next_at,
        "finished_at": broadcast.finished_at,
        "counts": dict(counted),
        "reasons": [asdict(each) for each in why],
        "left_out": dict(broadcast.left_out),
    }
