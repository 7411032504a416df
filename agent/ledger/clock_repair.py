"""Repair times in the future that were written while the clock was ahead, so that nothing waits for them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Executable, and_, func, select, update

from agent.ledger import contacts, webhooks, workflows
from agent.ledger.broadcasts import CLAIM
from agent.ledger.database import at, change, take_time
from agent.ledger.outbound import OPEN
from agent.ledger.tables import (
    inbound,
    outbound,
    recipient,
    turn,
    webhook_delivery,
    workflow_batch,
    workflow_run,
    workflow_step,
)
from messaging.types import ContactKey

_NEWEST = 10_000
"""How many of the newest messages are searched for waiting ones: a message that waits has just arrived."""


def _brought_back(moment: Column[Any]) -> Executable:
    """Messages that wait and whose `moment` lies ahead are taken to have come now."""
    return (
        update(inbound)
        .where(
            inbound.c.n > select(func.coalesce(func.max(inbound.c.n), 0)).scalar_subquery() - _NEWEST,
            inbound.c.state == "waiting",
            moment > at("latest"),
        )
        .values({moment: at("now")})
        .returning(inbound.c.platform, inbound.c.contact)
    )


_WAITING = _brought_back(inbound.c.received_at)
_GIVEN_BACK = _brought_back(inbound.c.given_back_at)
_LEASED = (
    update(turn)
    .where(turn.c.state == "running", turn.c.lease_until > at("latest_lease"))
    .values(lease_until=at("lease"))
    .returning(turn.c.platform, turn.c.contact)
)
_POSTPONED = (
    update(outbound)
    .where(outbound.c.state.in_(OPEN), outbound.c.next_attempt_at > at("latest"))
    .values(next_attempt_at=at("now"))
    .returning(outbound.c.platform, outbound.c.contact)
)
_CLAIMED = (
    update(recipient)
    .where(recipient.c.state == "waiting", recipient.c.claimed_until > at("latest_claim"))
    .values(claimed_until=at("claim"))
)
_TOLD_LATER = (
    update(webhook_delivery)
    .where(webhook_delivery.c.state == "pending", webhook_delivery.c.next_attempt_at > at("latest"))
    .values(next_attempt_at=at("now"))
)
_DUE_LATER = (
    select(workflow_run, workflow_step.c.kind, workflow_step.c.finished_at)
    .outerjoin(
        workflow_step, and_(workflow_step.c.run == workflow_run.c.id, workflow_step.c.n == workflow_run.c.step - 1)
    )
    .where(workflow_run.c.state == "running", workflow_run.c.next_at > at("latest"))
)


def repair(connection: Connection, now: datetime, *, lease: timedelta, tolerance: timedelta) -> set[ContactKey]:
    """Bring what lies more than `tolerance` ahead of its latest possible time back to now.

    Messages that wait count as just received, a lease lasts `lease` from now, a delivery is tried again, a recipient of a
    broadcast is free again after `CLAIM`. A run of a workflow waits as long as its step says, from now; one that waits for opening
    hours looks again. Order is kept: it is that of arrival, never of times.

    Args:
        lease: how long workers take a turn for; a lease that ends after `now + lease` cannot be right.
        tolerance: how far clocks of processes may differ without anything being moved.

    Returns:
        The contacts that were concerned, for the caller to wake.
    """
    take_time(connection)
    times = {
        "at_now": now,
        "at_latest": now + tolerance,
        "at_lease": now + lease,
        "at_latest_lease": now + lease + tolerance,
        "at_claim": now + CLAIM,
        "at_latest_claim": now + CLAIM + tolerance,
    }
    connection.execute(_CLAIMED, times)
    rows = [
        row
        for statement in (_WAITING, _GIVEN_BACK, _LEASED, _POSTPONED)
        for row in connection.execute(statement, times)
    ]
    keys = {ContactKey(row.platform, row.contact) for row in rows}
    for table, claim in (
        (webhook_delivery, webhooks.CLAIM),
        (workflow_run, workflows.CLAIM),
        (workflow_batch, workflows.CLAIM),
    ):
        until = now + claim
        taken = update(table).where(table.c.claimed_until > until + tolerance)
        connection.execute(taken.values(claimed_until=until))
    connection.execute(_TOLD_LATER, times)
    keys |= _repair_runs(connection, now, tolerance)
    for key in keys:
        contacts.set_columns(connection, key, wake_at=now)
    return keys


def _repair_runs(connection: Connection, now: datetime, tolerance: timedelta) -> set[ContactKey]:
    """Let runs wait for as long as they would have with a right clock; the contacts that it concerned."""
    keys = set()
    for row in connection.execute(_DUE_LATER, {"at_latest": now + tolerance}).all():
        waits = row.kind == "wait" if row.step else row.started_at is None
        since = row.finished_at if row.step else row.created_at
        if waits and since <= now + tolerance:
            continue
        changed = {"next_at": row.next_at - (since - now) if waits else now}
        if waits and row.step:
            change(connection, workflow_step, {"run": row.id, "n": row.step - 1}, {"finished_at": now})
        elif waits:
            changed["created_at"] = now
        change(connection, workflow_run, {"id": row.id}, changed)
        if row.contact is not None:
            keys.add(ContactKey(row.platform, row.contact))
    return keys
