"""Read-only overviews for the owner: one contact, the ledger's counts, turns, and what was given up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from agent.ledger import contacts, history, memory, outbound, tallies, webhooks, workflows
from agent.ledger.contacts import ContactState
from agent.ledger.database import Cursor, older, one_of, take_time, where
from agent.ledger.history import Line
from agent.ledger.memory import Fact, Summary
from agent.ledger.outbound import Delivery
from agent.ledger.tables import contact, followup, inbound, payment, turn
from agent.ledger.tables import outbound as outbound_table
from messaging.types import ContactKey

_LAST = (
    select(inbound.c.state, inbound.c.outcome)
    .where(where(inbound, "platform", "contact"))
    .order_by(inbound.c.n.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Overview:
    """One contact. `reminders` and `payments` count what is still open; `to_send` is what goes out next, `lines` the newest messages."""

    state: ContactState
    summary: Summary | None
    facts: list[Fact]
    reminders: int
    payments: int
    to_send: list[Delivery]
    lines: list[Line]


def of(connection: Connection, needle: str, lines: int) -> list[Overview]:
    """Read the overview of every contact that `needle` matches, as in `contacts.find`, with at most `lines` messages each."""
    return [_overview(connection, state, lines) for state in contacts.find(connection, needle)]


def _overview(connection: Connection, state: ContactState, lines: int) -> Overview:
    key = state.key
    return Overview(
        state=state,
        summary=memory.load(connection, key),
        facts=memory.of_contact(connection, key),
        reminders=_count(connection, key, followup, "scheduled"),
        payments=_count(connection, key, payment, "open"),
        to_send=outbound.heads(connection, key),
        lines=history.recent(connection, key, lines),
    )


def _count(connection: Connection, key: ContactKey, table: Table, state: str) -> int:
    mine = (table.c.platform == key.platform, table.c.contact == key.id, table.c.state == state)
    return int(connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one())


@dataclass(frozen=True, slots=True)
class StateCounts:
    """How many rows are in which state.

    Attributes:
        tables: by table and state; under `used` the tokens and US dollars of all turns, under `contact` all contacts.
        by_platform: of `inbound` and `outbound`, by platform and state.
    """

    tables: dict[str, dict[str, Any]]
    by_platform: dict[str, dict[tuple[str, str], int]]


def counts(connection: Connection) -> StateCounts:
    """Count everything by its state."""
    take_time(connection)
    sums = tallies.whole(connection)
    state, platform = outbound_table.c.state, outbound_table.c.platform
    sent = {
        (row[1], row[0]): row[2]
        for row in connection.execute(select(state, platform, func.count()).group_by(state, platform))
    }
    planned = connection.execute(select(followup.c.state, func.count()).group_by(followup.c.state))
    return StateCounts(
        {
            "inbound": _by_state(sums.inbound),
            "turn": _by_state(sums.turns),
            "outbound": _by_state(sent),
            "followup": {row[0]: row[1] for row in planned},
            "used": {"tokens": sums.tokens, "usd": sums.cost},
            "contact": {"all": connection.execute(select(func.count()).select_from(contact)).scalar_one()},
        },
        {"inbound": dict(sums.inbound), "outbound": sent},
    )


def _by_state(found: Mapping[tuple[str, str], int]) -> dict[str, int]:
    states: Counter[str] = Counter()
    for (_, state), rows in found.items():
        states[state] += rows
    return {state: rows for state, rows in sorted(states.items()) if rows}


@dataclass(frozen=True, slots=True)
class TurnSummary:
    """A turn as the owner sees it; `cost` is in US dollars."""

    id: str
    contact: ContactKey
    state: str
    reason: str | None
    started_at: datetime
    finished_at: datetime | None
    tokens: int
    cost: float
    handover: str | None = None


def turns_of(connection: Connection, key: ContactKey, limit: int = 20) -> list[TurnSummary]:
    """List the newest turns of a contact, oldest first."""
    rows = connection.execute(
        select(turn)
        .where(turn.c.platform == key.platform, turn.c.contact == key.id)
        .order_by(turn.c.started_at.desc())
        .limit(limit)
    ).all()
    return [_summary(row) for row in reversed(rows)]


def outcomes(connection: Connection, keys: Sequence[ContactKey]) -> dict[ContactKey, tuple[str, str | None]]:
    """Read the state and the outcome of each contact's last message."""
    found = {
        key: connection.execute(_LAST, {"at_platform": key.platform, "at_contact": key.id}).first() for key in keys
    }
    return {key: (row.state, row.outcome) for key, row in found.items() if row is not None}


def turn_of(connection: Connection, turn_id: str) -> TurnSummary | None:
    """One turn, or `None` when there is no such one."""
    row = connection.execute(select(turn).where(turn.c.id == turn_id)).first()
    return None if row is None else _summary(row)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What was given up, each the newest first: deliveries, turns whose customer got the text for failures, runs of workflows, and
    what other systems were to be told."""

    deliveries: list[Delivery]
    turns: list[TurnSummary]
    runs: list[workflows.Run]
    webhooks: list[webhooks.Delivery]


def dead(connection: Connection, limit: int = 200, last: Cursor | None = None) -> GivenUp:
    """List what was given up: of each kind at most `limit`, and those after `last`, when given."""
    statement = select(turn).where(one_of(turn.c.state, "failed"), turn.c.task.is_(None))
    if last is not None:
        statement = statement.where(older(turn.c.started_at, turn.c.id, last))
    rows = connection.execute(statement.order_by(turn.c.started_at.desc(), turn.c.id.desc()).limit(limit)).all()
    return GivenUp(
        outbound.dead(connection, limit, last),
        [_summary(row) for row in rows],
        workflows.listed(connection, states=("failed",), last=last, limit=limit),
        webhooks.newest(connection, states=("failed",), last=last, limit=limit),
    )


def retry_other(connection: Connection, identity: str, now: datetime) -> bool:
    """Let a failed run of a workflow, or a delivery to another system, try again; False when none has this id."""
    return workflows.retry(connection, identity, now) is not None or webhooks.retry(connection, identity, now)


def retry_turn(connection: Connection, turn_id: str, now: datetime) -> ContactKey | None:
    """Let the messages of a failed turn wait for an answer again; their contact, or `None` when there is no such turn."""
    row = connection.execute(
        update(turn)
        .where(turn.c.id == turn_id, turn.c.state == "failed", turn.c.task.is_(None))
        .values(state="abandoned", reason="retried by hand")
        .returning(turn.c.platform, turn.c.contact)
    ).first()
    if row is None:
        return None
    connection.execute(
        update(inbound).where(inbound.c.turn == turn_id).values(state="waiting", outcome=None, turn=None, reason=None)
    )
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
        row.handover,
    )
