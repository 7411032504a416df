"""Turns: claimed with a lease, committed once. All functions run inside one transaction of the caller."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, func, literal_column, or_, select, union_all, update

from actions.action import ChangeTags, Comment, CreateContact, SetLifecycle, UpdateContact
from agent.ledger import (
    confirmations,
    contacts,
    events,
    followups,
    history,
    inbound,
    media,
    memory,
    outbound,
    payments,
    persons,
    steps,
    workflows,
)
from agent.ledger.codec import Deliverable, unpack_inbound
from agent.ledger.confirmations import Confirmation
from agent.ledger.contacts import ContactState
from agent.ledger.database import Work, at, change, insert_new, insert_row, lock_contact, one_of, upsert, where
from agent.ledger.errors import LeaseLost
from agent.ledger.followups import FollowUp, Plan
from agent.ledger.inbound import Waiting
from agent.ledger.statement import Statement
from agent.ledger.tables import InboundOutcome, trial
from agent.ledger.tables import contact as contact_table
from agent.ledger.tables import inbound as inbound_table
from agent.ledger.tables import turn as table
from messaging.types import ContactKey, InboundMessage

DAY = timedelta(days=1)
"""The time that the limits of a day count."""

LEASE = timedelta(seconds=30)
"""How long a turn stays its worker's without a renewal; another takes it over after that."""

_OF_CONTACT = where(table, "platform", "contact")
_EITHER = union_all(  # two rows at most, each by an index: a contact may have ten thousand turns
    select(select(table).where(_OF_CONTACT, one_of(table.c.state, "running")).limit(1).subquery()),
    select(select(table).where(_OF_CONTACT).order_by(table.c.started_at.desc()).limit(1).subquery()),
).subquery()
_LAST = Statement(select(_EITHER).order_by((_EITHER.c.state == "running").desc(), _EITHER.c.started_at.desc()).limit(1))
_MINE = Statement(  # with the contact as it is now
    select(
        table.c.state.label("turn_state"),
        exists()
        .where(
            inbound_table.c.platform == table.c.platform, inbound_table.c.contact == table.c.contact, inbound.UNTAKEN
        )
        .label("newer"),
        exists().where(inbound_table.c.turn == at("turn"), inbound.TAKEN_BACK).label("taken_back"),
        contact_table,
    )
    .select_from(
        table.outerjoin(
            contact_table, and_(contact_table.c.platform == at("platform"), contact_table.c.id == at("contact"))
        )
    )
    .where(table.c.id == at("turn"), where(table, "lease_owner"))
)
_OPEN_WORK = Statement(
    select(
        outbound.UNFINISHED,
        or_(
            exists().where(_OF_CONTACT, one_of(table.c.state, "running")),
            exists().where(where(inbound_table, "platform", "contact"), inbound.UNTAKEN),
        ),
        followups.NEXT.scalar_subquery(),
    )
)
_NEWER = Statement(
    select(exists().where(where(inbound_table, "platform", "contact"), or_(inbound.UNTAKEN, inbound.TAKEN_BACK)))
)
_ATTACH = Statement(
    update(inbound_table)
    .where(where(inbound_table, "platform", "contact"), inbound.UNTAKEN)
    .values(turn=bindparam("turn"))
)

_ANSWERED = select(func.count()).where(
    where(table, "platform", "contact"),
    one_of(table.c.state, "done", "failed"),
    table.c.task.is_(None),
    table.c.started_at >= at("since"),
)
_DOLLARS_OF_TURNS = select(func.coalesce(func.sum(table.c.cost), 0.0)).where(
    table.c.cost > literal_column("0"), table.c.started_at >= at("since")
)
_DOLLARS_OF_TRIALS = select(func.coalesce(func.sum(trial.c.cost), 0.0)).where(trial.c.at >= at("since"))
_DOLLARS = select(_DOLLARS_OF_TURNS.scalar_subquery() + _DOLLARS_OF_TRIALS.scalar_subquery())
_DOLLARS_OF_CONTACT = select(func.coalesce(func.sum(table.c.cost), 0.0)).where(
    where(table, "platform", "contact"), table.c.cost > literal_column("0"), table.c.started_at >= at("since")
)
_SPENT = Statement(
    select(
        _ANSWERED.scalar_subquery(),
        _DOLLARS.scalar_subquery(),
        _DOLLARS_OF_CONTACT.scalar_subquery(),
        confirmations.OPEN,
        memory.FACTS,
    )
)


def _at(key: ContactKey) -> dict[str, str]:
    return {"at_platform": key.platform, "at_contact": key.id}


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Whether a contact has deliveries, and turns or messages for one, that have not ended; when the next follow-up is due."""

    deliveries: bool
    turns: bool
    followup: datetime | None


def open_work(connection: Connection, key: ContactKey) -> OpenWork:
    """Tell what is open of a contact."""
    return OpenWork(*_OPEN_WORK.first(connection, _at(key)))


@dataclass(frozen=True, slots=True)
class Claim:
    """A turn that is ours until `lease_until`: the contact, and the messages that it answers, in order.

    `given_back` says that a human had left all of them. `task` is what a workflow wants done; then there are no messages.
    """

    turn: str
    contact: ContactState
    messages: tuple[InboundMessage, ...]
    received_at: tuple[datetime, ...]
    started_at: datetime
    takeovers: int
    restarts: int
    given_back: bool = False
    task: Mapping[str, Any] | None = None

    @property
    def key(self) -> ContactKey:
        return self.contact.key


def claim(
    connection: Connection,
    key: ContactKey,
    owner: str,
    now: datetime,
    lease: timedelta,
    quiet: Callable[[Sequence[Waiting]], datetime] | None = None,
) -> Claim | datetime | None:
    """Take the contact's unfinished turn over, or begin one with all waiting messages.

    An unfinished turn one of whose messages was taken back is abandoned instead, unless it has done something.

    Args:
        owner: the worker; it may claim its own turn again.
        lease: how long the turn is its own without being renewed.
        quiet: from the waiting messages, when no more is to be expected (the quiet window); `None` does not wait.

    Returns:
        The turn; or when to ask again, because another worker's lease or the quiet window lasts until then; `None` when nothing waits.
    """
    lock_contact(connection, key.platform, key.id)
    last = _LAST.first(connection, _at(key))
    if last is not None and last.state == "running":
        if last.lease_owner != owner and last.lease_until > now:
            until: datetime = last.lease_until
            return until
        rows = connection.execute(
            select(inbound_table).where(inbound_table.c.turn == last.id).order_by(inbound_table.c.n)
        ).all()
        taken_back = any(row.outcome == InboundOutcome.TAKEN_BACK for row in rows)
        if not taken_back or steps.has_effects(connection, last.id):
            connection.execute(
                update(table)
                .where(table.c.id == last.id)
                .values(lease_owner=owner, lease_until=now + lease, takeovers=last.takeovers + 1)
            )
            taken = _claim(connection, key, rows, last.id, last.started_at, last.takeovers + 1, restarts=last.restarts)
            return taken if last.task is None else replace(taken, task=last.task)
        _abandon(connection, last.id, TAKEN_BACK, now, None)
    rows = list(inbound.waiting_rows(connection, key))
    if not rows:
        return None
    if quiet is not None and (due := quiet(inbound.as_waiting(rows))) > now:
        return due
    turn_id = secrets.token_hex(8)
    restarts = last.restarts + 1 if last is not None and last.state == "abandoned" else 0
    row = {
        "id": turn_id,
        "platform": key.platform,
        "contact": key.id,
        "state": "running",
        "lease_owner": owner,
        "lease_until": now + lease,
        "started_at": now,
        "takeovers": 0,
        "restarts": restarts,
        "tokens": 0,
        "cost": 0.0,
    }
    insert_row(connection, table, row)
    _ATTACH.count(connection, {**_at(key), "turn": turn_id})
    return _claim(connection, key, rows, turn_id, now, 0, restarts=restarts)


def _claim(
    connection: Connection,
    key: ContactKey,
    rows: Sequence[Any],
    turn_id: str,
    started_at: datetime,
    takeovers: int,
    *,
    restarts: int,
) -> Claim:
    state = contacts.known(connection, key)
    return Claim(
        turn=turn_id,
        contact=state,
        messages=tuple(unpack_inbound(state.contact, row.payload) for row in rows),
        received_at=tuple(row.received_at for row in rows),
        started_at=started_at,
        takeovers=takeovers,
        restarts=restarts,
        given_back=bool(rows) and all(row.given_back_at is not None for row in rows),
    )


def add_task(connection: Connection, key: ContactKey, turn_id: str, task: Mapping[str, Any], now: datetime) -> None:
    """Write a turn that does something for a workflow; the next worker of the contact claims it. Adding it twice adds it once.

    Args:
        task: as JSON, what `Claim.task` gives the worker.
    """
    insert_new(
        connection,
        table,
        id=turn_id,
        platform=key.platform,
        contact=key.id,
        state="running",
        lease_owner=None,
        lease_until=now,
        started_at=now,
        takeovers=0,
        restarts=0,
        tokens=0,
        cost=0.0,
        task=dict(task),
    )


def outcome_of(connection: Connection, turn_id: str) -> tuple[str, str | None] | None:
    """Read a turn's state, and the reason for it; `None` when there is no such turn."""
    row = connection.execute(select(table.c.state, table.c.reason).where(table.c.id == turn_id)).first()
    return None if row is None else (row.state, row.reason)


def renew(connection: Connection, turn_id: str, owner: str, until: datetime) -> None:
    """Renew the lease to last until `until`.

    Raises:
        LeaseLost: another worker has the turn now.
    """
    result = connection.execute(
        update(table)
        .where(table.c.id == turn_id, table.c.state == "running", table.c.lease_owner == owner)
        .values(lease_until=until)
    )
    if result.rowcount != 1:
        raise LeaseLost(f"turn {turn_id} was taken over by another worker")


def newer_messages(connection: Connection, key: ContactKey) -> bool:
    """Tell whether messages arrived, or were taken back, since the turn was claimed."""
    return bool(_NEWER.scalar(connection, _at(key)))


@dataclass(slots=True)
class Result:
    """Everything that a turn wants written when it ends. The turn fills it; `commit` writes it once and leaves it as it is.

    Attributes:
        outcome: what its messages got.
        reason: why, for people to read.
        lines: messages that join the history.
        said: what the agent says, as the history keeps it: one line of the agent, a paragraph each.
        marks: those paragraphs of `said` that are no text of the agent's, but stand for a file or a payment code.
        contents: what is sent, in order.
        instead: what is sent instead, when a human has taken over meanwhile.
        files: files that the contents refer to.
        followups: messages for later.
        confirmation: what the customer is asked to say yes to.
        confirmation_settled: whether a question was open: it is answered, or something else was said, and is void.
        pause_until: a handover: until when (`None`: until it is given back), and why.
        contact_columns: columns of the contact that change.
        also: further writes in the same transaction.
        tokens: what the model calls used.
        cost: what they cost, in US dollars.
        restart_allowed: whether nothing with an effect has run, so that newer messages may start the turn afresh.
        pacing: the delay between its messages, per character.
    """

    outcome: InboundOutcome
    reason: str | None = None
    lines: list[history.Line] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    contents: list[Deliverable] = field(default_factory=list)
    instead: list[Deliverable] = field(default_factory=list)
    files: list[media.Media] = field(default_factory=list)
    followups: list[FollowUp] = field(default_factory=list)
    confirmation: Confirmation | None = None
    confirmation_settled: bool = False
    pause_until: tuple[datetime | None, str] | None = None
    contact_columns: dict[str, Any] = field(default_factory=dict)
    also: list[Work[Any]] = field(default_factory=list)
    tokens: int = 0
    cost: float = 0.0
    restart_allowed: bool = False
    pacing: timedelta = timedelta(0)


Committed = Literal["done", "abandoned", "held"]
_ENDED: dict[str, Committed] = {"done": "done", "failed": "done", "abandoned": "abandoned", "held": "held"}

_STAYS = (Comment, ChangeTags, SetLifecycle, UpdateContact, CreateContact)


def commit(
    connection: Connection, claim: Claim, owner: str, result: Result, now: datetime, plans: Sequence[Plan] = ()
) -> Committed:
    """End a turn in one transaction.

    If a message arrived meanwhile, the turn is abandoned when that is allowed; if one was taken back, unless something was done.
    If a human took over meanwhile,
    its record is kept and nothing is said; what colleagues see of it (notes, tags, fields) is kept as well. A turn that was ended
    already stays as it is: the database's answer to the first time may have been lost.

    Args:
        owner: in whose name it was claimed.
        result: what is to be written.
        now: the time, aware UTC.
        plans: rules that may follow the turn up.

    Returns:
        How the turn ended.

    Raises:
        LeaseLost: another worker has taken the turn over; nothing was written.
    """
    key = claim.key
    lock_contact(connection, key.platform, key.id)
    mine = _MINE.first(connection, {"at_turn": claim.turn, "at_lease_owner": owner, **_at(key)})
    if mine is None:
        raise LeaseLost(f"turn {claim.turn} was taken over by another worker")
    if mine.turn_state != "running":
        return _ENDED[mine.turn_state]
    if mine.taken_back and not steps.has_effects(connection, claim.turn):
        return _abandon(connection, claim.turn, TAKEN_BACK, now, result)
    if result.restart_allowed and mine.newer:
        return _abandon(connection, claim.turn, "a newer message arrived", now, result)
    state = None if mine.id is None else contacts.state_of(mine)
    silenced = _silenced(claim, state, now) if result.contents and state is not None else None
    contents, said, files = result.contents, result.said, result.files
    if silenced:
        contents = [*(content for content in contents if isinstance(content, _STAYS)), *result.instead]
        said, files = [], []
    outcome, reason = silenced or (result.outcome, result.reason)
    words = "\n\n".join(part for part in said if part not in result.marks) if result.marks else None
    own_line = [history.Line("agent", "\n\n".join(said), now, (), claim.turn, said=words)] if said else []
    history.append(connection, key, [*result.lines, *own_line])
    for file in files:
        media.put(connection, file)
    channel = claim.contact.channel
    if result.contact_columns.get("opted_out_at") is not None:
        outbound.withdraw(connection, key, "the contact opted out")
    outbound.add(
        connection,
        key,
        claim.turn,
        contents,
        now=now,
        channel=channel.id if channel else None,
        turn=claim.turn,
        pacing=result.pacing,
    )
    depth = 0 if claim.task is None else int(claim.task["depth"]) + 1
    before = contacts.before_change(connection, key)
    contacts.anticipate(connection, key, contents)
    contacts.record_change(connection, before, now, depth=depth)
    if result.confirmation_settled or silenced:
        confirmations.settle(connection, key)
    if not silenced:
        if result.confirmation is not None:
            confirmations.ask(connection, key, result.confirmation)
        for followup in result.followups:
            followups.schedule(connection, followup)
        if result.pause_until is not None:
            until, why = result.pause_until
            contacts.pause(connection, key, now, until, why)
            change(connection, table, {"id": claim.turn}, {"handover": why.removeprefix("handed over: ")})
        for work in result.also:
            work(connection)
    columns = {name: value for name, value in result.contact_columns.items() if getattr(state, name, ...) != value}
    if columns:
        contacts.set_columns(connection, key, **columns)
    change(
        connection, inbound_table, {"turn": claim.turn}, {"state": outcome.state, "outcome": outcome, "reason": reason}
    )
    ended: Committed = "held" if outcome.state == "held" else "done"
    _finish(connection, claim.turn, "failed" if outcome.state == "failed" else ended, reason, now, spent=result)
    if state is not None and result.contact_columns.get("opted_out_at", state.opted_out_at) is not None:
        followups.cancel_all(connection, key, "the contact opted out", now)
        workflows.cancel_all(connection, key, "the contact opted out", now)
        if result.contact_columns.get("opted_out_at") is not None:
            persons.opt_out(connection, key, now)
    elif plans:
        _follow_up(connection, key, claim.turn, plans, spoke=bool(contents), now=now)
    _record(connection, claim, ended, result, now, depth)
    return ended


def _record(connection: Connection, claim: Claim, ended: Committed, result: Result, now: datetime, depth: int) -> None:
    """Record as events that the turn ended, and the actions that it has done."""
    key = claim.key
    if events.wanted(connection, "turn.done"):
        told = {"turn": claim.turn, "outcome": result.outcome.value, "said": "\n\n".join(result.said), "ended": ended}
        events.record(connection, "turn.done", key, identity=f"turn.done/{claim.turn}", data=told, now=now, depth=depth)
    if events.wanted(connection, "action.done"):
        for step in steps.of_turn(connection, claim.turn):
            if step.kind == "action" and step.finished_at is not None and step.output["status"] == "done":
                given = step.input.get("arguments", {}) if isinstance(step.input, dict) else {}
                data: dict[str, Any] = {
                    "action": step.name,
                    "arguments": given,
                    "result": step.output["data"],
                    "turn": claim.turn,
                }
                identity = f"action.done/{claim.turn}/{step.key}"
                events.record(connection, "action.done", key, identity=identity, data=data, now=now, depth=depth)


def _silenced(claim: Claim, now_is: ContactState, now: datetime) -> tuple[InboundOutcome, str] | None:
    """Why nothing is to be said any more: what has happened since the turn decided to speak."""
    before = claim.contact
    if now_is.paused(now) and now_is.paused_at != before.paused_at:
        return InboundOutcome.HUMAN, "a human took over"
    if now_is.opted_out_at != before.opted_out_at:
        return InboundOutcome.OPTED_OUT, "the contact opted out"
    if claim.given_back and now_is.closed_at != before.closed_at:
        return InboundOutcome.CONVERSATION_CLOSED, "the conversation was closed"
    return None


def _follow_up(
    connection: Connection, key: ContactKey, turn_id: str, plans: Sequence[Plan], *, spoke: bool, now: datetime
) -> None:
    """Schedule what the rules say, unless a human answers now."""
    state = contacts.load(connection, key)
    if state is not None and not state.paused(now):
        payment = payments.last(connection, key, now)
        followups.plan(connection, state, plans, turn=turn_id, payment=payment, spoke=spoke, now=now)


TAKEN_BACK = "a message was taken back"
"""Why a turn is abandoned without anything done."""


def _abandon(connection: Connection, turn_id: str, reason: str, now: datetime, spent: Result | None) -> Committed:
    """End a turn without a word; what it was to answer, and was not taken back, waits again."""
    inbound.leave_to_others(connection, turn_id)
    _finish(connection, turn_id, "abandoned", reason, now, spent=spent)
    return "abandoned"


def _finish(
    connection: Connection, turn_id: str, state: str, reason: str | None, now: datetime, *, spent: Result | None
) -> None:
    values: dict[str, Any] = {
        "state": state,
        "reason": reason,
        "finished_at": now,
        "lease_until": None,
    }
    if spent is not None and (spent.tokens or spent.cost):  # else an earlier run of it may have paid, and that stays
        values |= {"tokens": spent.tokens, "cost": spent.cost}
    change(connection, table, {"id": turn_id}, values)


def settle(connection: Connection, key: ContactKey, work: OpenWork, *times: datetime | None) -> datetime | None:
    """Set the contact's next wake time, and return it: the first of the `times` of what is open, follow-ups and workflows."""
    listens = events.subscriptions_of(connection).workflows
    later = workflows.next_due(connection, key) if listens else None
    wake_at = min((at for at in (*times, work.followup, later) if at is not None), default=None)
    contacts.set_columns(connection, key, wake_at=wake_at)
    return wake_at


def release(connection: Connection, owner: str, now: datetime) -> list[ContactKey]:
    """Release every lease of another owner: for an embedded engine, which is the only process."""
    rows = connection.execute(
        update(table)
        .where(table.c.state == "running", table.c.lease_owner != owner)
        .values(lease_until=now)
        .returning(table.c.platform, table.c.contact)
    ).all()
    keys = [ContactKey(row.platform, row.contact) for row in rows]
    for key in keys:
        contacts.set_columns(connection, key, wake_at=now)
    return keys


class Standing(NamedTuple):
    """Figures of a contact when a turn begins.

    Attributes:
        turns: how many turns of the contact sent something within a day.
        usd: US dollars that all turns and trials cost within a day.
        usd_of_contact: US dollars that turns of the contact cost within a day.
        asked: whether a question waits for the customer's yes.
        remembered: whether facts of the contact are kept.
    """

    turns: int
    usd: float
    usd_of_contact: float
    asked: bool
    remembered: bool


def standing(connection: Connection, key: ContactKey, now: datetime) -> Standing:
    """Look at what a turn of a contact begins with."""
    return Standing(*_SPENT.first(connection, {"at_since": now - DAY, "at_now": now, **_at(key)}))


def dollars(connection: Connection, since: datetime) -> float:
    """US dollars that the turns of all contacts, and trials, cost since a time; turns that run, up to their last step."""
    return connection.scalar(_DOLLARS, {"at_since": since}) or 0.0


def record_trial(connection: Connection, name: str, at: datetime, tokens: int, cost: float) -> None:
    """Record what a trial has cost so far; the same name again replaces what was recorded.

    Args:
        tokens: given and returned.
        cost: in US dollars.
    """
    upsert(connection, trial, id=name, at=at, tokens=tokens, cost=cost)
