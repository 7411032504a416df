"""Figures over time, for the owner: what was asked, how soon it was answered, what it cost.

A row is an hour or a day in the business's time zone. What is counted stands at `Figures`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from agent.ledger import tallies
from agent.ledger.columns import EPOCH
from agent.ledger.tallies import Sums

By = Literal["hour", "day"]

MOST_ROWS = 1000
"""Rows of one report at most: six weeks by the hour, or almost three years by the day."""


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
        since: aware UTC.
        until: aware UTC, not included.
        by: how long a row is.
        zone: whose hours and days.
    """
    found: dict[datetime, Sums] = defaultdict(Sums)
    for quarter, sums in tallies.between(connection, since, until):
        found[begin_of(tallies.begin_of(quarter), by, zone)].add(sums)
    return [_figures(at, found[at]) for at in _places(since, until, by, zone)]


def _places(since: datetime, until: datetime, by: By, zone: ZoneInfo) -> list[datetime]:
    found = [begin_of(since, by, zone)]
    ahead = timedelta(hours=1) if by == "hour" else timedelta(hours=30)  # a day has 23 to 25 hours
    while (following := begin_of(found[-1] + ahead, by, zone)) < until and len(found) < MOST_ROWS:
        found.append(following)
    return found


def _figures(at: datetime, sums: Sums) -> Figures:
    return Figures(
        at=at,
        messages=sums.messages,
        replies=sums.waits.total(),
        first_reply_p50=_share(sums.waits, 0.5),
        first_reply_p95=_share(sums.waits, 0.95),
        handovers=sums.handovers.total(),
        handover_reasons=dict(sums.handovers.most_common()),
        unanswered=sums.unanswered,
        actions=sums.actions,
        failures=sums.failures,
        tokens=sums.tokens + sums.tried_tokens,
        cost=round(sums.cost + sums.tried_cost, 6),
    )


def _share(waits: Counter[int], share: float) -> float | None:
    """The wait in seconds below which this share of them lies."""
    place = int(share * waits.total())
    for wait in sorted(waits):
        place -= waits[wait]
        if place < 0:
            return round(wait * tallies.WAIT / 1_000_000, 3)
    return None
