"""Sums of what is over, so that figures of months and counts of everything cost no look at every row.

A quarter of an hour is closed an hour after its end, and tallied soon after: its sums stand in `tally`. Triggers of the database
note every later change of a row in a closed quarter, whatever made it, in `tally_changed`; such a quarter is counted from its rows
until it has been tallied again. So the figures are always exactly those of the rows.

Message and reply belong to the quarter in which the message came, a turn and its calls to that in which they began.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    delete,
    func,
    insert,
    not_,
    select,
    text,
    type_coerce,
    update,
)

from agent.ledger.columns import EPOCH
from agent.ledger.database import insert_new, is_postgres, one_of, take_time
from agent.ledger.tables import InboundOutcome, inbound, outbound, step, tally, tally_changed, tally_state, trial, turn

QUARTER = timedelta(minutes=15)
"""All time zones differ from each other by whole quarters of an hour."""

CLOSED_AFTER = timedelta(hours=1)

SETTLED = timedelta(minutes=2)
"""PostgreSQL: a transaction from before a quarter was closed has ended by then, and its changes are seen."""

WAIT = 10_000
"""Microseconds to which the time to a reply is counted."""

_MICROSECONDS = QUARTER // timedelta(microseconds=1)
_AT_ONCE = 96
"""Quarters that are tallied in one go: a day."""


@dataclass(slots=True)
class Sums:
    """What happened in a quarter of an hour.

    Attributes:
        messages: from customers.
        unanswered: of them.
        failures: turns that failed.
        handovers: by their reason.
        waits: replies by the time to them, in units of `WAIT`.
        actions: calls.
        tokens: of turns.
        cost: US dollars, of turns.
        tried_tokens: of trials.
        tried_cost: of trials.
        inbound: messages by platform and state.
        turns: by platform and state.
    """

    messages: int = 0
    unanswered: int = 0
    failures: int = 0
    handovers: Counter[str] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    actions: int = 0
    tokens: int = 0
    cost: float = 0.0
    tried_tokens: int = 0
    tried_cost: float = 0.0
    inbound: Counter[tuple[str, str]] = field(default_factory=Counter)
    turns: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: "Sums") -> None:
        """Add those of another quarter."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, name, mine + theirs)


def quarter_of(at: datetime) -> int:
    """The number of the quarter of an hour in which a time lies."""
    return (at - EPOCH) // QUARTER


def begin_of(quarter: int) -> datetime:
    """When a quarter begins, aware UTC."""
    return EPOCH + quarter * QUARTER


def between(connection: Connection, since: datetime, until: datetime) -> Iterator[tuple[int, Sums]]:
    """Yield the sums of each quarter from `since` up to `until`; of one at the edge, those of the part that is asked for."""
    take_time(connection)
    known = connection.execute(select(tally_state.c.tallied_until)).scalar()
    first, last = (
        quarter_of(since + QUARTER - timedelta(microseconds=1)),
        quarter_of(until if known is None else min(until, known)),
    )
    if known is None or first >= last:
        yield from _counted(connection, since, until)
        return
    yield from _counted(connection, since, begin_of(first))
    inside = tally_changed.c.quarter >= first, tally_changed.c.quarter < last
    changed = list(
        connection.execute(select(tally_changed.c.quarter).where(*inside).order_by(tally_changed.c.quarter)).scalars()
    )
    left_out = set(changed)
    for row in connection.execute(select(tally).where(tally.c.quarter >= first, tally.c.quarter < last)):
        if row.quarter not in left_out:
            yield row.quarter, _read(row.sums)
    for begin, end in _runs(changed):
        yield from _counted(connection, begin_of(begin), begin_of(end))
    yield from _counted(connection, begin_of(last), until)


def whole(connection: Connection) -> Sums:
    """Add up everything that there is."""
    total = Sums()
    for _, each in between(connection, EPOCH, EPOCH + timedelta(days=365_000)):
        total.add(each)
    return total


def _runs(quarters: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring quarters as one stretch, its end not included."""
    begin = None
    for at, quarter in enumerate(quarters):
        begin = quarter if begin is None else begin
        if at + 1 == len(quarters) or quarters[at + 1] != quarter + 1:
            yield begin, quarter + 1
            begin = None


def _counted(connection: Connection, since: datetime, until: datetime) -> Iterator[tuple[int, Sums]]:
    """Count the rows of a stretch of time, a quarter each."""
    if since >= until:
        return
    found: dict[int, Sums] = {}

    def place(quarter: int) -> Sums:
        return found.setdefault(quarter, Sums())

    received = _quarter(inbound.c.received_at)
    said = select(
        received.label("quarter"), inbound.c.platform, inbound.c.state, inbound.c.outcome, func.count().label("rows")
    )
    said = said.where(inbound.c.received_at >= since, inbound.c.received_at < until)
    for row in connection.execute(said.group_by(received, inbound.c.platform, inbound.c.state, inbound.c.outcome)):
        sums = place(row.quarter)
        sums.messages += row.rows
        sums.unanswered += row.rows if row.outcome in (InboundOutcome.NOT_KNOWN, InboundOutcome.FAILED) else 0
        sums.inbound[row.platform, row.state] += row.rows
    began = _quarter(turn.c.started_at)
    spent = func.count().label("rows"), func.sum(turn.c.tokens).label("tokens"), func.sum(turn.c.cost).label("cost")
    worked = select(began.label("quarter"), turn.c.platform, turn.c.state, turn.c.handover, *spent)
    worked = worked.where(turn.c.started_at >= since, turn.c.started_at < until)
    for row in connection.execute(worked.group_by(began, turn.c.platform, turn.c.state, turn.c.handover)):
        sums = place(row.quarter)
        sums.tokens += row.tokens
        sums.cost += row.cost
        sums.failures += row.rows if row.state == "failed" else 0
        sums.turns[row.platform, row.state] += row.rows
        if row.handover is not None:
            sums.handovers[row.handover] += row.rows
    tried = select(trial.c.at, trial.c.tokens, trial.c.cost).where(trial.c.at >= since, trial.c.at < until)
    for row in connection.execute(tried):
        sums = place(quarter_of(row.at))
        sums.tried_tokens += row.tokens
        sums.tried_cost += row.cost
    called = _quarter(step.c.started_at)
    calls = select(called.label("quarter"), func.count().label("rows")).where(
        step.c.started_at >= since, step.c.started_at < until, one_of(step.c.kind, "action")
    )
    for row in connection.execute(calls.group_by(called)):
        place(row.quarter).actions += row.rows
    earlier = inbound.alias()
    first = (
        select(inbound.c.turn, type_coerce(func.min(inbound.c.received_at), BigInteger).label("asked"))
        .where(
            inbound.c.received_at >= since,
            inbound.c.received_at < until,
            inbound.c.turn.is_not(None),
            not_(select(1).where(earlier.c.turn == inbound.c.turn, earlier.c.received_at < since).exists()),
        )
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
    when, wait = replied.c.asked // _MICROSECONDS, (replied.c.sent - replied.c.asked) // WAIT
    answers = select(when.label("quarter"), wait.label("wait"), func.count().label("rows")).group_by(when, wait)
    for row in connection.execute(answers):
        place(row.quarter).waits[row.wait] += row.rows
    yield from found.items()


def _quarter(at: ColumnElement[datetime]) -> ColumnElement[int]:
    return type_coerce(at, BigInteger) // _MICROSECONDS


def _written(sums: Sums) -> dict[str, Any]:
    """The sums as JSON, without what is zero; a counter becomes pairs."""
    values = {name: getattr(sums, name) for name in Sums.__slots__}
    return {
        name: list(value.items()) if isinstance(value, Counter) else value for name, value in values.items() if value
    }


def _read(given: dict[str, Any]) -> Sums:
    sums = Sums()
    for name, value in given.items():
        if isinstance(value, list):
            pairs = ((tuple(key) if isinstance(key, list) else key, rows) for key, rows in value)
            setattr(sums, name, Counter(dict(pairs)))
        else:
            setattr(sums, name, value)
    return sums


# Tallying


def close(connection: Connection, now: datetime) -> None:
    """Close the quarters that are long enough over: from now on, changes in them are noted."""
    end = begin_of(quarter_of(now - CLOSED_AFTER))
    insert_new(connection, tally_state, id=1, closed_until=EPOCH, closed_at=now, tallied_until=EPOCH)
    later = tally_state.c.closed_until < end
    connection.execute(update(tally_state).where(later).values(closed_until=end, closed_at=now))


@dataclass(frozen=True, slots=True)
class Tallied:
    """Sums that were counted, and what they hold for.

    Attributes:
        sums: by quarter.
        changed: how often each of them had changed until then; 0: not since it was closed.
        since: what was tallied until then.
        until: what is tallied with it.
    """

    sums: dict[int, Sums]
    changed: dict[int, int]
    since: datetime
    until: datetime


def count(connection: Connection, now: datetime) -> Tallied | None:
    """Count the next quarters that are closed, or whose rows have changed; `None`: there are none.

    Args:
        connection: a snapshot.
        now: aware UTC.
    """
    take_time(connection)
    state = connection.execute(select(tally_state)).first()
    if state is None:
        return None
    order = select(tally_changed).order_by(tally_changed.c.quarter)
    until = state.tallied_until
    settled = not is_postgres(connection) or now >= state.closed_at + SETTLED
    if settled and state.tallied_until < state.closed_until:
        first = _first(connection, state.tallied_until)
        begin = state.closed_until if first is None else max(state.tallied_until, begin_of(quarter_of(first)))
        until = min(state.closed_until, begin + _AT_ONCE * QUARTER)
        stretch = quarter_of(begin), quarter_of(until)
        changed = {
            row.quarter: row.times for row in connection.execute(order.where(tally_changed.c.quarter.between(*stretch)))
        }
        counted = dict(_counted(connection, begin, until))
        changed = {quarter: times for quarter, times in changed.items() if quarter < stretch[1]}
        return Tallied(
            {quarter: counted.get(quarter, Sums()) for quarter in {*counted, *changed}},
            changed,
            state.tallied_until,
            until,
        )
    again = order.where(tally_changed.c.quarter < quarter_of(until)).limit(_AT_ONCE)
    changed = {row.quarter: row.times for row in connection.execute(again)}
    if not changed:
        return None
    sums = {quarter: Sums() for quarter in changed}
    for begin_, end_ in _runs(list(changed)):
        sums.update(_counted(connection, begin_of(begin_), begin_of(end_)))
    return Tallied(sums, changed, until, until)


def _first(connection: Connection, since: datetime) -> datetime | None:
    """The time of the earliest row that is not tallied yet."""
    times = (inbound.c.received_at, turn.c.started_at, trial.c.at)
    found = [connection.execute(select(func.min(at)).where(at >= since)).scalar() for at in times]
    calls = select(func.min(step.c.started_at)).where(step.c.started_at >= since, one_of(step.c.kind, "action"))
    found.append(connection.execute(calls).scalar())
    return min((at for at in found if at is not None), default=None)


def store(connection: Connection, tallied: Tallied) -> None:
    """Keep sums, unless another process has done so, or their rows have changed meanwhile."""
    if tallied.until > tallied.since:
        mine = (
            update(tally_state).where(tally_state.c.tallied_until == tallied.since).values(tallied_until=tallied.until)
        )
        if connection.execute(mine).rowcount == 0:
            return
    for quarter, times in tallied.changed.items():
        same = tally_changed.c.quarter == quarter, tally_changed.c.times == times
        if connection.execute(delete(tally_changed).where(*same)).rowcount == 0 and tallied.until == tallied.since:
            continue
        connection.execute(delete(tally).where(tally.c.quarter == quarter))
        connection.execute(insert(tally).values(quarter=quarter, sums=_written(tallied.sums[quarter])))
    rows = [
        {"quarter": quarter, "sums": _written(sums)}
        for quarter, sums in tallied.sums.items()
        if quarter not in tallied.changed
    ]
    if rows:
        connection.execute(insert(tally), rows)


def drop_changed(connection: Connection) -> None:
    """Remove the sums that do not hold any more: they may name what was erased."""
    connection.execute(delete(tally).where(tally.c.quarter.in_(select(tally_changed.c.quarter))))


# Noting changes

_CLOSED = "(SELECT closed_until FROM tally_state)"
_TRIGGERS: tuple[tuple[str, str, str, str, str], ...] = (  # name, event, table, condition, the times that it concerns
    ("inbound_new", "INSERT", "inbound", f"NEW.received_at < {_CLOSED}", "SELECT NEW.received_at"),
    (
        "inbound_changed", "UPDATE OF platform, state, outcome, turn, received_at", "inbound",
        f"OLD.received_at < {_CLOSED} OR NEW.received_at < {_CLOSED}",
        "SELECT OLD.received_at UNION SELECT NEW.received_at"
        " UNION SELECT received_at FROM inbound WHERE turn = OLD.turn UNION SELECT received_at FROM inbound WHERE turn = NEW.turn",
    ),
    (
        "inbound_gone", "DELETE", "inbound", f"OLD.received_at < {_CLOSED}",
        "SELECT OLD.received_at UNION SELECT received_at FROM inbound WHERE turn = OLD.turn",
    ),
    ("turn_new", "INSERT", "turn", f"NEW.started_at < {_CLOSED}", "SELECT NEW.started_at"),
    (
        "turn_changed", "UPDATE OF platform, state, handover, tokens, cost, started_at", "turn",
        f"OLD.started_at < {_CLOSED} OR NEW.started_at < {_CLOSED}", "SELECT OLD.started_at UNION SELECT NEW.started_at",
    ),
    ("turn_gone", "DELETE", "turn", f"OLD.started_at < {_CLOSED}", "SELECT OLD.started_at"),
    ("step_new", "INSERT", "step", f"NEW.kind = 'action' AND NEW.started_at < {_CLOSED}", "SELECT NEW.started_at"),
    ("step_gone", "DELETE", "step", f"OLD.kind = 'action' AND OLD.started_at < {_CLOSED}", "SELECT OLD.started_at"),
    ("trial_new", "INSERT", "trial", f"NEW.at < {_CLOSED}", "SELECT NEW.at"),
    ("trial_changed", "UPDATE", "trial", f"OLD.at < {_CLOSED} OR NEW.at < {_CLOSED}", "SELECT OLD.at UNION SELECT NEW.at"),
    ("trial_gone", "DELETE", "trial", f"OLD.at < {_CLOSED}", "SELECT OLD.at"),
    ("outbound_new", "INSERT", "outbound", "NEW.state = 'sent'", "SELECT received_at FROM inbound WHERE turn = NEW.turn"),
    (
        "outbound_changed", "UPDATE OF state, sent_at, turn, lane", "outbound", "NEW.state = 'sent' OR OLD.state = 'sent'",
        "SELECT received_at FROM inbound WHERE turn = OLD.turn UNION SELECT received_at FROM inbound WHERE turn = NEW.turn",
    ),
    ("outbound_gone", "DELETE", "outbound", "OLD.state = 'sent'", "SELECT received_at FROM inbound WHERE turn = OLD.turn"),
)  # fmt: skip


def create_triggers(connection: Connection) -> None:
    """Let the database note changes in closed quarters, unless it does already."""
    postgres = is_postgres(connection)
    if postgres and connection.execute(text("SELECT to_regproc('tally_outbound_gone')")).scalar() is not None:
        return
    for name, event, table, condition, times in _TRIGGERS:
        note = (
            f"INSERT INTO tally_changed (quarter, times) SELECT DISTINCT touched / {_MICROSECONDS}, 1"  # noqa: S608 - constants
            f" FROM (SELECT NULL AS touched UNION {times}) AS rows WHERE touched < {_CLOSED}"
            " ON CONFLICT (quarter) DO UPDATE SET times = tally_changed.times + 1;"
        )
        if postgres:
            note = note.replace("NULL AS touched", "NULL::bigint AS touched")
            body = f"BEGIN IF {condition} THEN {note} END IF; RETURN NULL; END"
            connection.exec_driver_sql(  # a plan is kept from when the tables were small: it must use the index even then
                f"CREATE FUNCTION tally_{name}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $body$ {body} $body$"
            )
            connection.exec_driver_sql(
                f"CREATE TRIGGER tally_{name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION tally_{name}()"
            )
        else:
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS tally_{name} AFTER {event} ON {table} WHEN {condition} BEGIN {note} END"
            )
