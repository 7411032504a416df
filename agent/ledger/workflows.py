"""Runs of workflows: a row with the next step and when it is due, never a sleeping task.

A run's id is made of its workflow, its event and its contact, so an event begins it once. Each step is written in the
transaction that moves the run on, together with what it puts into the outbox: a crash leaves both or none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update

from agent.ledger.database import Cursor, at, change, insert_new, insert_row, older, one_of, upsert, where
from agent.ledger.statement import Statement
from agent.ledger.tables import contact as contact_table
from agent.ledger.tables import event as event_table
from agent.ledger.tables import inbound, turn, workflow_batch, workflow_schedule, workflow_step
from agent.ledger.tables import workflow_run as table
from messaging.types import ContactKey

STATES = ("running", "done", "skipped", "cancelled", "failed")
CLAIM = timedelta(seconds=90)
"""How long a run without a contact, or an audience, stays with the process that works on it."""

_UNANSWERED = exists().where(
    inbound.c.platform == table.c.platform, inbound.c.contact == table.c.contact, inbound.c.state == "waiting"
)
"""The customer's message is answered first: it may be the one that opts out."""

_OPEN = and_(
    where(table, "platform", "contact"),
    table.c.state == "running",
    or_(table.c.started_at.is_not(None), table.c.trigger != "message.received", ~_UNANSWERED),
)
_ENDED_TURN = exists().where(turn.c.id == table.c.turn, turn.c.state != "running")
_DUE = Statement(
    select(table).where(_OPEN, or_(table.c.next_at <= at("now"), _ENDED_TURN)).order_by(table.c.created_at, table.c.id)
)
_NEXT = Statement(select(func.min(table.c.next_at)).where(_OPEN))
_TURN_ENDED = Statement(select(table.c.created_at).where(_OPEN, _ENDED_TURN).limit(1))
_OF_CONTACT = Statement(
    update(table)
    .where(where(table, "platform", "contact"), table.c.state == "running")
    .values(state="cancelled", reason=bindparam("why"), ended_at=bindparam("ended"), next_at=None)
)
_UNTIL_REPLIED = Statement(
    select(table).where(where(table, "platform", "contact"), one_of(table.c.state, "running"), table.c.until_replied)
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `data` is that of the event which began it, `step` the number of the next step, from 0."""

    id: str
    workflow: str
    event: str
    contact: ContactKey | None
    address: Mapping[str, str] | None
    trigger: str
    data: Mapping[str, Any]
    depth: int
    state: str
    reason: str | None
    step: int
    attempt: int
    next_at: datetime | None
    turn: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What became of a step."""

    n: int
    kind: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    reason: str | None


def _run(row: Any) -> Run:
    return Run(
        id=row.id,
        workflow=row.workflow,
        event=row.event,
        contact=ContactKey(row.platform, row.contact) if row.contact is not None else None,
        address=row.address,
        trigger=row.trigger,
        data=row.data,
        depth=row.depth,
        state=row.state,
        reason=row.reason,
        step=row.step,
        attempt=row.attempt,
        next_at=row.next_at,
        turn=row.turn,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def run_id(workflow: str, event: str, who: str = "") -> str:
    """Name the run of a workflow for an event and a contact, or the address of one."""
    digest = hashlib.blake2b(f"{workflow}\0{event}\0{who}".encode("utf-8", "surrogatepass"), digest_size=10)
    return f"run-{digest.hexdigest()}"


def begin(
    connection: Connection,
    workflow: str,
    *,
    event: str,
    trigger: str,
    data: Mapping[str, Any],
    now: datetime,
    key: ContactKey | None = None,
    address: Mapping[str, str] | None = None,
    depth: int = 0,
    first_at: datetime | None = None,
    refused: str | None = None,
) -> str | None:
    """Begin a run; `None` when this event has begun it before.

    Args:
        workflow: its name.
        event: the id of the event.
        trigger: the name of the event.
        data: what the event says.
        now: the time, aware UTC.
        key: for whom.
        address: by what the contact is looked up, where `key` is not known: `phone`, `email` or `id`, and facts of a new one.
        depth: how many workflows led to it.
        first_at: when its first step is due; `None` for now.
        refused: why it takes no step: it is only listed, as skipped.
    """
    who = str(key or "") if address is None else ",".join(f"{name}={value}" for name, value in sorted(address.items()))
    identity, due = run_id(workflow, event, who), first_at or now
    new = insert_new(
        connection,
        table,
        id=identity,
        workflow=workflow,
        event=event,
        platform=key.platform if key else None,
        contact=key.id if key else None,
        address=dict(address) if address is not None else None,
        trigger=trigger,
        data=dict(data),
        depth=depth,
        state="running" if refused is None else "skipped",
        reason=refused,
        step=0,
        attempt=0,
        next_at=due if refused is None else None,
        until_replied=False,
        created_at=now,
        ended_at=None if refused is None else now,
    )
    if new is None:
        return None
    if key is not None and refused is None:
        wake(connection, key, due)
    return identity


def wake(connection: Connection, key: ContactKey, due_at: datetime) -> None:
    """Set the contact's wake time, unless it is earlier already."""
    sooner = contact_table.c.wake_at.is_(None) | (contact_table.c.wake_at > due_at)
    mine = (contact_table.c.platform == key.platform, contact_table.c.id == key.id)
    connection.execute(update(contact_table).where(*mine, sooner).values(wake_at=due_at))


def load(connection: Connection, identity: str) -> Run | None:
    """Load a run; `None` when there is none with this id."""
    row = connection.execute(select(table).where(table.c.id == identity)).first()
    return None if row is None else _run(row)


def of_event(connection: Connection, workflow: str, event: str) -> Run | None:
    """Find the run of a workflow for an event that is about one contact, or none."""
    mine = select(table).where(table.c.workflow == workflow, table.c.event == event).limit(1)
    row = connection.execute(mine).first()
    return None if row is None else _run(row)


def due(connection: Connection, key: ContactKey, now: datetime) -> list[Run]:
    """List the runs of a contact that have something to do now."""
    return [_run(row) for row in _DUE.all(connection, {**_at(key), "at_now": now})]


def next_due(connection: Connection, key: ContactKey) -> datetime | None:
    """Tell when the next run of a contact has something to do; a time long past where a turn has ended for one."""
    if (ended := _TURN_ENDED.scalar(connection, _at(key))) is not None:
        created: datetime = ended
        return created
    found: datetime | None = _NEXT.scalar(connection, _at(key))
    return found


def has_run(connection: Connection, run: Run, since: datetime | None) -> bool:
    """Tell whether the workflow has run for the same contact, or for none, before; since a time, when given."""
    key = run.contact
    before = select(table.c.id).where(
        table.c.workflow == run.workflow,
        table.c.contact == (key and key.id),
        table.c.platform == (key and key.platform),
        table.c.id != run.id,
        table.c.started_at.is_not(None),
    )
    if since is not None:
        before = before.where(table.c.started_at >= since)
    return connection.execute(before.limit(1)).first() is not None


def begun_since(connection: Connection, workflow: str, key: ContactKey, since: datetime) -> int:
    """Count the runs of a workflow that began for a contact at or after `since`, without those that were refused."""
    statement = select(func.count()).where(
        where(table, "platform", "contact"),
        table.c.workflow == workflow,
        table.c.created_at >= since,
        table.c.state != "skipped",
    )
    return int(connection.execute(statement, _at(key)).scalar_one())


def gone_through(connection: Connection, names: Sequence[str]) -> frozenset[ContactKey]:
    """Find the contacts for whom one of these workflows has run to its end."""
    if not names:
        return frozenset()
    ended = select(table.c.platform, table.c.contact).where(
        table.c.workflow.in_(names), table.c.state == "done", table.c.contact.is_not(None)
    )
    return frozenset(ContactKey(row.platform, row.contact) for row in connection.execute(ended.distinct()))


def start(connection: Connection, run: Run, now: datetime) -> None:
    """Record that a run's conditions held."""
    change(connection, table, {"id": run.id}, {"started_at": now})


def begin_step(connection: Connection, run: Run, kind: str, now: datetime) -> bool:
    """Record that the current step of a run is under way; one that is retried begins anew.

    Args:
        kind: `send`, `wait`, `action`, …: the key of the step in agent.yaml.

    Returns:
        Whether it was under way already: the process that began it was interrupted.
    """
    begun = select(workflow_step.c.n).where(
        workflow_step.c.run == run.id, workflow_step.c.n == run.step, workflow_step.c.finished_at.is_(None)
    )
    interrupted = connection.execute(begun).first() is not None
    row = {"run": run.id, "n": run.step, "kind": kind, "started_at": now}
    upsert(connection, workflow_step, **row, finished_at=None, outcome=None, reason=None)
    return interrupted


def end_step(
    connection: Connection,
    run: Run,
    kind: str,
    outcome: str,
    now: datetime,
    *,
    reason: str | None = None,
    next_at: datetime | None = None,
    until_replied: bool = False,
) -> None:
    """Record how the current step ended, and move the run on to the next one.

    Args:
        outcome: `done`, `skipped` or `failed`.
        reason: as people read it.
        next_at: when the next step is due; `None` for now.
        until_replied: the next step is due earlier when the customer writes.
    """
    values: dict[str, Any] = {"kind": kind, "finished_at": now, "outcome": outcome, "reason": reason}
    if not change(connection, workflow_step, {"run": run.id, "n": run.step}, values):
        insert_row(connection, workflow_step, {"run": run.id, "n": run.step, "started_at": now, **values})
    moved = {"step": run.step + 1, "next_at": next_at or now, "turn": None, "until_replied": until_replied}
    change(connection, table, {"id": run.id}, moved)


def stay(connection: Connection, run: Run) -> None:
    """Keep a run at the step that failed, so that it can be tried again."""
    change(connection, table, {"id": run.id}, {"step": run.step, "next_at": None})


def postpone(connection: Connection, run: Run, next_at: datetime) -> None:
    """Do the next step at another time."""
    change(connection, table, {"id": run.id}, {"next_at": next_at})


def hand_to_turn(connection: Connection, run: Run, turn_id: str) -> None:
    """Let a turn work for the run, which goes on when that has ended."""
    change(connection, table, {"id": run.id}, {"turn": turn_id, "next_at": None})


def end(connection: Connection, run: Run, state: str, reason: str | None, now: datetime) -> None:
    """End a run that is running, without an event (`events.end_run` records one)."""
    values = {"state": state, "reason": reason, "ended_at": now, "next_at": None, "turn": None, "until_replied": False}
    change(connection, table, {"id": run.id, "state": "running"}, {**values, "claimed_until": None})


def cancel(connection: Connection, identity: str, reason: str, now: datetime) -> Run | None:
    """Cancel a run that has not ended.

    Returns:
        It, cancelled; `None` when no running one has this id.
    """
    run = load(connection, identity)
    if run is None or run.state != "running":
        return None
    end(connection, run, "cancelled", reason, now)
    return load(connection, identity)


def cancel_all(connection: Connection, key: ContactKey, reason: str, now: datetime) -> None:
    """Cancel all running runs of a contact."""
    _OF_CONTACT.count(connection, {**_at(key), "why": reason, "ended": now})


def cancel_unknown(connection: Connection, known: Sequence[str], now: datetime) -> None:
    """Cancel runs of workflows that agent.yaml does not have any more."""
    gone = update(table).where(table.c.state == "running", table.c.workflow.not_in(known))
    reason = "agent.yaml has no such workflow any more"
    connection.execute(gone.values(state="cancelled", reason=reason, ended_at=now, next_at=None))


def waiting_for_reply(connection: Connection, key: ContactKey) -> list[Run]:
    """List the runs that wait until the customer replies."""
    return [_run(row) for row in _UNTIL_REPLIED.all(connection, _at(key))]


def retry(connection: Connection, identity: str, now: datetime) -> Run | None:
    """Let a failed run try its step again; `None` when no failed run has this id."""
    row = connection.execute(
        update(table)
        .where(table.c.id == identity, table.c.state == "failed")
        .values(state="running", reason=None, ended_at=None, next_at=now, turn=None, attempt=table.c.attempt + 1)
        .returning(table.c.id)
    ).first()
    if row is None:
        return None
    run = load(connection, identity)
    if run is not None and run.contact is not None:
        wake(connection, run.contact, now)
    return run


def steps(connection: Connection, identity: str) -> list[StepRecord]:
    """List the steps of a run that were begun, in order."""
    rows = connection.execute(select(workflow_step).where(workflow_step.c.run == identity).order_by(workflow_step.c.n))
    return [StepRecord(r.n, r.kind, r.started_at, r.finished_at, r.outcome, r.reason) for r in rows]


def sent_since(connection: Connection, key: ContactKey, since: datetime) -> int:
    """Count the messages that workflows have sent to a contact since a time."""
    statement = (
        select(func.count())
        .select_from(workflow_step.join(table, table.c.id == workflow_step.c.run))
        .where(
            where(table, "platform", "contact"),
            workflow_step.c.kind.in_(("send", "agent")),
            workflow_step.c.outcome == "done",
            workflow_step.c.finished_at >= since,
        )
    )
    return int(connection.execute(statement, _at(key)).scalar_one())


def listed(
    connection: Connection,
    *,
    workflow: str | None = None,
    states: Sequence[str] = (),
    last: Cursor | None = None,
    limit: int = 200,
) -> list[Run]:
    """List runs, the newest first.

    Args:
        workflow: only of this one.
        states: only in these; empty for all.
        last: the last one of the page before.
    """
    statement = select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
    if workflow is not None:
        statement = statement.where(table.c.workflow == workflow)
    if states:
        statement = statement.where(one_of(table.c.state, *states))
    if last is not None:
        statement = statement.where(older(table.c.created_at, table.c.id, last))
    return [_run(row) for row in connection.execute(statement)]


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Count runs by workflow and state."""
    found: dict[str, dict[str, int]] = {}
    for name, state, count in connection.execute(
        select(table.c.workflow, table.c.state, func.count()).group_by(table.c.workflow, table.c.state)
    ):
        found.setdefault(name, {})[state] = count
    return found


def claim_unbound(connection: Connection, now: datetime, limit: int = 20) -> list[Run]:
    """Take runs that are due and have no contact, or none yet."""
    free = or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now)
    due_now = and_(table.c.state == "running", table.c.contact.is_(None), table.c.next_at <= now, free)
    found = connection.execute(select(table.c.id).where(due_now).order_by(table.c.next_at).limit(limit)).scalars().all()
    taken = []
    for identity in found:
        mine = update(table).where(table.c.id == identity, due_now).values(claimed_until=now + CLAIM)
        if connection.execute(mine).rowcount and (run := load(connection, identity)) is not None:
            taken.append(run)
    return taken


def keep_claim(connection: Connection, run: Run, now: datetime) -> None:
    """Keep a run that was taken for as long again."""
    change(connection, table, {"id": run.id}, {"claimed_until": now + CLAIM})


def free_claims(connection: Connection) -> None:
    """Release all runs and audiences that were taken: for an embedded engine, which is the only process."""
    for each in (table, workflow_batch):
        connection.execute(update(each).where(each.c.claimed_until.is_not(None)).values(claimed_until=None))


def bind(connection: Connection, run: Run, key: ContactKey, due_at: datetime) -> None:
    """Give a run that began without a contact, and the event that began it, the contact that was looked up.

    Args:
        due_at: when the run goes on.
    """
    columns = {"platform": key.platform, "contact": key.id, "next_at": due_at, "claimed_until": None}
    change(connection, table, {"id": run.id, "state": "running"}, columns)
    if run.trigger == "webhook":
        change(connection, event_table, {"id": run.event}, {"platform": key.platform, "contact": key.id})
    wake(connection, key, due_at)


def release(connection: Connection, run: Run, next_at: datetime) -> None:
    """Give a claimed run back, to be looked at again at a time."""
    change(connection, table, {"id": run.id}, {"claimed_until": None, "next_at": next_at})


# Audiences and schedules


def add_batch(connection: Connection, workflow: str, event: str, now: datetime) -> None:
    """Ask for a run for each contact of the workflow's audience; asking again for the same event changes nothing."""
    insert_new(connection, workflow_batch, event=event, workflow=workflow, state="waiting", created_at=now)


def claim_batch(connection: Connection, now: datetime) -> tuple[str, str] | None:
    """Take an audience that waits; its workflow and event."""
    free = or_(workflow_batch.c.claimed_until.is_(None), workflow_batch.c.claimed_until <= now)
    waiting = and_(workflow_batch.c.state == "waiting", free)
    row = connection.execute(
        select(workflow_batch).where(waiting).order_by(workflow_batch.c.created_at).limit(1)
    ).first()
    if row is None:
        return None
    mine = update(workflow_batch).where(workflow_batch.c.event == row.event, waiting).values(claimed_until=now + CLAIM)
    return (row.workflow, row.event) if connection.execute(mine).rowcount else None


def open_times(connection: Connection) -> list[datetime]:
    """List when the audiences that wait are asked for next, and when the runs go on that have no contact, or none yet."""
    asked = select(workflow_batch.c.created_at, workflow_batch.c.claimed_until).where(
        workflow_batch.c.state == "waiting"
    )
    runs = select(table.c.next_at, table.c.claimed_until).where(
        table.c.state == "running", table.c.contact.is_(None), table.c.next_at.is_not(None)
    )
    rows = [*connection.execute(asked), *connection.execute(runs)]
    return [at if claimed is None else max(at, claimed) for at, claimed in rows]


def end_batch(connection: Connection, event: str, state: str, reason: str | None = None) -> None:
    """Record that the runs of an audience have begun, or why they have not."""
    change(connection, workflow_batch, {"event": event}, {"state": state, "reason": reason, "claimed_until": None})


def postpone_batch(connection: Connection, event: str, until: datetime, reason: str) -> None:
    """Look for an audience again at `until`."""
    change(connection, workflow_batch, {"event": event}, {"claimed_until": until, "reason": reason})


def scheduled(connection: Connection) -> dict[str, tuple[str, datetime]]:
    """Read the cron expression and next time of each workflow with a schedule."""
    rows = connection.execute(select(workflow_schedule))
    return {row.workflow: (row.cron, row.next_at) for row in rows}


def schedule(connection: Connection, workflow: str, cron: str, next_at: datetime) -> None:
    """Set the next time of a workflow, and the `cron` expression that it was computed from."""
    upsert(connection, workflow_schedule, workflow=workflow, cron=cron, next_at=next_at)


def take_time_of(connection: Connection, workflow: str, was: datetime, next_at: datetime) -> bool:
    """Move a schedule on from `was` to `next_at`; False when another process has done so."""
    mine = update(workflow_schedule).where(workflow_schedule.c.workflow == workflow, workflow_schedule.c.next_at == was)
    return bool(connection.execute(mine.values(next_at=next_at)).rowcount)


def drop(connection: Connection, before: datetime) -> None:
    """Remove runs that ended before a time and need not be known any more for `once`."""
    old = select(table.c.id).where(table.c.state == "skipped", table.c.ended_at < before)
    connection.execute(table.delete().where(table.c.id.in_(old)))


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}
