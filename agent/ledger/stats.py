"""Figures over time, for the owner: what was asked, how soon it was answered, what it cost.

A row is an hour or a day in the business's time zone. What is counted stands at `Figures`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, func, select, type_coerce

from agent.ledger.columns import EPOCH
from agent.ledger.database import one_of, take_time
from agent.ledger.tables import InboundOutcome, inbound, outbound, step, trial, turn

By = Literal["hour", "day"]

MOST_ROWS = 1000
"""Rows of one report at most: six weeks by the hour, or almost three years by the day."""

_QUARTER = 15 * 60 * 1_000_000
"""Microseconds for which the database adds up: all time zones differ from each other by whole quarters of an hour."""

_WAIT = 10_000
"""Microseconds to which the time to a reply is counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One hour or day.

    Attributes:
        at: when it begins, aware UTC.
        messages: from customers.
        replies: turns that said something.
        first_reply_p50: seconds from a message to the first part of its reply, the median; null without any.
        first_reply_p95: the same, for the slowest 5 %.
        handovers: turns that gave the conversation to a human.
        handover_reasons: how often each reason.
        unanswered: messages whose answer was not known, or that got the text for failures.
        actions: calls of actions.
        failures: turns that failed.
        tokens: read and written by models.
        cost: US dollars.
    """

    at: datetime
    messages: int = 0
    replies: int = 0
    first_reply_p50: float | None = None
    first_reply_p95: float | None = None
    handovers: int = 0
    handover_reasons: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    actions: int = 0
    failures: int = 0
    tokens: int = 0
    cost: float = 0.0


def begin_of(at: datetime, by: By, zone: ZoneInfo) -> datetime:
    """The begin of the hour or day in which a time lies."""
    local = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    return (local if by == "hour" else local.replace(hour=0)).astimezone(EPOCH.tzinfo)


def figures(connection: Connection, since: datetime, until: datetime, by: By, zone: ZoneInfo) -> list[Figures]:
    """Count what happened from `since` up to `until`, a row for each hour or day, the oldest first.

    Args:
        connection: the transaction.
        since: aware UTC.
        until: aware UTC, not included.
        by: how long a row is.
        zone: whose hours and days.
    """
    take_time(connection)
    rows: dict[datetime, dict[str, int | float]] = defaultdict(lambda: defaultdict(int))
    reasons: dict[datetime, Counter[str]] = defaultdict(Counter)
    waits: dict[datetime, Counter[int]] = defaultdict(Counter)

    @cache
    def place(quarter: int) -> datetime:
        return begin_of(EPOCH + timedelta(microseconds=quarter * _QUARTER), by, zone)

    received = _quarter(inbound.c.received_at)
    asked = select(received.label("quarter"), inbound.c.outcome, func.count().label("people")).where(
        inbound.c.received_at >= since, inbound.c.received_at < until
    )
    for row in connection.execute(asked.group_by(received, inbound.c.outcome)):
        at = place(row.quarter)
        rows[at]["messages"] += row.people
        if row.outcome in (InboundOutcome.NOT_KNOWN, InboundOutcome.FAILED):
            rows[at]["unanswered"] += row.people
    began, failed = _quarter(turn.c.started_at), turn.c.state == "failed"
    spent = func.count().label("turns"), func.sum(turn.c.tokens).label("tokens"), func.sum(turn.c.cost).label("cost")
    worked = select(began.label("quarter"), turn.c.handover, failed.label("failed"), *spent).where(
        turn.c.started_at >= since, turn.c.started_at < until
    )
    for turned in connection.execute(worked.group_by(began, turn.c.handover, failed)):
        at = place(turned.quarter)
        rows[at]["tokens"] += turned.tokens
        rows[at]["cost"] += turned.cost
        rows[at]["failures"] += turned.turns if turned.failed else 0
        if turned.handover is not None:
            rows[at]["handovers"] += turned.turns
            reasons[at][turned.handover] += turned.turns
    for tried in connection.execute(
        select(trial.c.at, trial.c.tokens, trial.c.cost).where(trial.c.at >= since, trial.c.at < until)
    ):
        at = begin_of(tried.at, by, zone)
        rows[at]["tokens"] += tried.tokens
        rows[at]["cost"] += tried.cost
    first = (
        select(inbound.c.turn, type_coerce(func.min(inbound.c.received_at), BigInteger).label("asked"))
        .where(inbound.c.received_at >= since, inbound.c.received_at < until, inbound.c.turn.is_not(None))
        .group_by(inbound.c.turn)
        .subquery()
    )
    replied = (
        select(first.c.asked, type_coerce(func.min(outbound.c.sent_at), BigInteger).label("sent"))
        .join(outbound, outbound.c.turn == first.c.turn)
        .where(outbound.c.lane == "message", outbound.c.state == "sent")
        .group_by(first.c.turn, first.c.asked)
        .subquery()
    )
    when, wait = replied.c.asked // _QUARTER, (replied.c.sent - replied.c.asked) // _WAIT
    answers = select(when.label("quarter"), wait.label("wait"), func.count().label("replies")).group_by(when, wait)
    for answered in connection.execute(answers):
        at = place(answered.quarter)
        rows[at]["replies"] += answered.replies
        waits[at][answered.wait] += answered.replies
    called = _quarter(step.c.started_at)
    calls = select(called.label("quarter"), func.count().label("calls")).where(
        step.c.started_at >= since, step.c.started_at < until, one_of(step.c.kind, "action")
    )
    for row in connection.execute(calls.group_by(called)):
        rows[place(row.quarter)]["actions"] += row.calls
    return [_figures(at, rows[at], reasons[at], waits[at]) for at in _places(since, until, by, zone)]


def _quarter(at: ColumnElement[datetime]) -> ColumnElement[int]:
    """The number of the quarter of an hour in which a time lies."""
    return type_coerce(at, BigInteger) // _QUARTER


def _places(since: datetime, until: datetime, by: By, zone: ZoneInfo) -> list[datetime]:
    found = [begin_of(since, by, zone)]
    ahead = timedelta(hours=1) if by == "hour" else timedelta(hours=30)  # a day has 23 to 25 hours
    while (following := begin_of(found[-1] + ahead, by, zone)) < until and len(found) < MOST_ROWS:
        found.append(following)
    return found


def _figures(at: datetime, row: dict[str, int | float], why: Counter[str], waits: Counter[int]) -> Figures:
    return Figures(
        at=at,
        messages=int(row["messages"]),
        replies=int(row["replies"]),
        first_reply_p50=_share(waits, 0.5),
        first_reply_p95=_share(waits, 0.95),
        handovers=int(row["handovers"]),
        handover_reasons=dict(why.most_common()),
        unanswered=int(row["unanswered"]),
        actions=int(row["actions"]),
        failures=int(row["failures"]),
        tokens=int(row["tokens"]),
        cost=round(float(row["cost"]), 6),
    )


def _share(waits: Counter[int], share: float) -> float | None:
    """The wait in seconds below which this share of them lies."""
    place = int(share * waits.total())
    for wait in sorted(waits):
        place -= waits[wait]
        if place < 0:
            return round(wait * _WAIT / 1_000_000, 3)
    return None
