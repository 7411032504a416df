"""Events, recorded in the transaction of what happened: they begin workflows and are sent to other systems.

Only events that agent.yaml subscribes to are recorded, see `listen`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, delete, select

from agent.config.workflows import Trigger, WebhookSettings, Workflow
from agent.ledger import webhooks, workflows
from agent.ledger.codec import unpack_contact
from agent.ledger.database import insert_new, where
from agent.ledger.statement import Statement
from agent.ledger.tables import contact as contact_table
from agent.ledger.tables import event as table
from agent.ledger.workflows import Run
from messaging.types import ContactKey
from settings.matching import TooCostly, search

log = structlog.get_logger()

_OPTION = "balas_subscriptions"
_DEEPEST = 3
"""How many workflows may lead to each other, before what they cause begins none."""

_LOOPS = frozenset(
    {
        "contact.updated",
        "tag.added",
        "lifecycle.changed",
        "conversation.opened",
        "conversation.closed",
        "handover",
        "action.done",
    }
)
"""Events that a workflow can cause by way of the platform, which tells us of it as of anybody's doing."""

_IN_AN_HOUR = 30
"""How often such an event begins one workflow for one contact within an hour."""

_CONTACT = Statement(select(contact_table).where(where(contact_table, "platform", "id")))


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The workflows and webhooks that subscribe to each event, by its name."""

    workflows: Mapping[str, Sequence[Workflow]] = field(default_factory=dict)
    webhooks: Mapping[str, Sequence[WebhookSettings]] = field(default_factory=dict)

    @classmethod
    def of(cls, flows: Sequence[Workflow], targets: Sequence[WebhookSettings]) -> "Subscriptions":
        """Read off agent.yaml."""
        by_event: dict[str, list[Workflow]] = {}
        for flow in flows:
            by_event.setdefault(flow.on.event, []).append(flow)
        told: dict[str, list[WebhookSettings]] = {}
        for target in targets:
            for name in target.events:
                told.setdefault(name, []).append(target)
        return cls(by_event, told)

    def wants(self, name: str) -> bool:
        """Whether anything listens to this event."""
        return name in self.workflows or name in self.webhooks


NOBODY = Subscriptions()
"""Nothing is recorded."""


def listen(engine: Engine, subscriptions: Subscriptions) -> None:
    """Record from now on what `subscriptions` wants, in transactions of this engine."""
    engine.update_execution_options(**{_OPTION: subscriptions})


def subscriptions_of(connection: Connection) -> Subscriptions:
    """Who listens."""
    found: Subscriptions = connection.engine.get_execution_options().get(_OPTION, NOBODY)
    return found


def wanted(connection: Connection, name: str) -> bool:
    """Whether anything listens to this event."""
    return subscriptions_of(connection).wants(name)


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `facts` are those of the contact at that time."""

    id: str
    name: str
    contact: ContactKey | None
    facts: Mapping[str, Any] | None
    data: Mapping[str, Any]
    at: datetime


def record(
    connection: Connection,
    name: str,
    key: ContactKey | None,
    *,
    identity: str,
    data: Mapping[str, Any],
    now: datetime,
    depth: int = 0,
) -> bool:
    """Record an event, begin the workflows that it begins, and queue it for the systems that are told.

    Args:
        connection: the transaction in which it happens.
        name: of the event.
        key: the contact that it is about.
        identity: its id; the same again changes nothing.
        data: what `{event.…}` may name, as JSON.
        now: the time, aware UTC.
        depth: how many workflows led to it.

    Returns:
        Whether it is new.
    """
    subscriptions = subscriptions_of(connection)
    if not subscriptions.wants(name):
        return False
    facts = facts_of(connection, key)
    event = Event(identity, name, key, facts, data, now)
    if not insert(connection, event):
        return False
    for target in subscriptions.webhooks.get(name, ()):
        tell(connection, event, target, now)
    for flow in subscriptions.workflows.get(name, ()):
        if matches(flow.on, data):
            refused = _looping(connection, flow, name, key, depth, now)
            if refused is not None:
                log.warning("workflow_loop_ended", workflow=flow.name, contact=str(key), reason=refused)
            workflows.begin(
                connection,
                flow.name,
                event=identity,
                trigger=name,
                data=data,
                now=now,
                key=key,
                depth=depth,
                refused=refused,
            )
    return True


def _looping(
    connection: Connection, flow: Workflow, name: str, key: ContactKey | None, depth: int, now: datetime
) -> str | None:
    """Why an event that is about to begin a workflow looks like the workflow's own doing."""
    if depth >= _DEEPEST:
        return f"a loop: workflows led to each other {_DEEPEST} deep"
    if key is None or name not in _LOOPS:
        return None
    if workflows.begun_since(connection, flow.name, key, now - timedelta(hours=1)) < _IN_AN_HOUR:
        return None
    return f"a loop: {name} began it {_IN_AN_HOUR} times for this contact within an hour"


def end_run(connection: Connection, run: Run, state: str, reason: str | None, now: datetime) -> None:
    """End a run of a workflow, and record `workflow.done` or `workflow.failed` where its state is one of these."""
    workflows.end(connection, run, state, reason, now)
    log.info("workflow_ended", workflow=run.workflow, run=run.id, contact=str(run.contact), state=state, reason=reason)
    if state in ("done", "failed"):
        name = f"workflow.{state}"
        data = {"workflow": run.workflow, "run": run.id, "event": run.event, "reason": reason}
        identity = f"{name}/{run.id}/{run.attempt}"
        record(connection, name, run.contact, identity=identity, data=data, now=now, depth=run.depth + 1)


def end_on_reply(connection: Connection, key: ContactKey, now: datetime) -> None:
    """End the runs that wait until the customer replies."""
    waiting = workflows.waiting_for_reply(connection, key) if subscriptions_of(connection).workflows else ()
    for run in waiting:
        end_run(connection, run, "done", "the customer replied", now)


def insert(connection: Connection, event: Event) -> bool:
    """Write an event down; False when it was there."""
    key = event.contact
    return (
        insert_new(
            connection,
            table,
            id=event.id,
            name=event.name,
            platform=key.platform if key else None,
            contact=key.id if key else None,
            facts=dict(event.facts) if event.facts is not None else None,
            data=dict(event.data),
            at=event.at,
        )
        is not None
    )


def tell(connection: Connection, event: Event, target: WebhookSettings, now: datetime) -> None:
    """Queue an event for a system. Telling it twice queues it once."""
    webhooks.add(
        connection,
        event=event.id,
        name=event.name,
        target=f"webhooks:{target.url}",
        url=target.url,
        key=event.contact,
        body=body_of(event),
        now=now,
    )


def body_of(event: Event) -> str:
    """What other systems are told: the same bytes for the same event."""
    told = {
        "id": event.id,
        "event": event.name,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "contact": event.facts,
        "data": event.data,
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def matches(trigger: Trigger, data: Mapping[str, Any]) -> bool:
    """Tell whether an event of the right name is one that the trigger means."""
    value = trigger.value
    match trigger.event:
        case "message.received":
            pattern = value.matches if value is not None else None
            return pattern is None or _found(pattern, str(data.get("text") or ""))
        case "tag.added":
            return value is None or data.get("tag") == value
        case "lifecycle.changed":
            return value is None or data.get("lifecycle") == value
        case "action.done":
            return value is None or data.get("action") == value
        case _:
            return True


def _found(pattern: str, text: str) -> bool:
    try:
        return search(pattern, text, re.IGNORECASE)
    except TooCostly as error:
        log.warning("pattern_too_costly", pattern=pattern, reason=str(error))
        return False


def facts_of(connection: Connection, key: ContactKey | None) -> dict[str, Any] | None:
    """Read what is known of a contact, by the names of agent.yaml."""
    if key is None:
        return None
    row = _CONTACT.first(connection, {"at_platform": key.platform, "at_id": key.id})
    known = unpack_contact(key.platform, key.id, {} if row is None else row.profile)
    return {
        "key": str(key),
        "platform": key.platform,
        "id": key.id,
        "first_name": known.first_name,
        "last_name": known.last_name,
        "phone": known.phone,
        "email": known.email,
        "language": (row.language if row is not None else None) or known.language,
        "country": known.country,
        "lifecycle": known.lifecycle,
        "tags": list(known.tags),
        "custom_fields": dict(known.custom_fields),
    }


def since(connection: Connection, moment: datetime, names: Sequence[str]) -> list[Event]:
    """List events of some names since a time, in order."""
    statement = select(table).where(table.c.at >= moment, table.c.name.in_(names)).order_by(table.c.n)
    return [_event(row) for row in connection.execute(statement)]


def replay(connection: Connection, targets: Sequence[WebhookSettings], moment: datetime, now: datetime) -> int:
    """Queue again what targets were told, or were to be told, of events from `moment` on; the ids stay the same.

    Returns:
        How many deliveries are queued again.
    """
    count = 0
    for target in targets:
        again = []
        for event in since(connection, moment, target.events):
            tell(connection, event, target, now)
            again.append(f"{event.id}@webhooks:{target.url}")
        count += webhooks.requeue(connection, again, now)
    return count


def drop(connection: Connection, before: datetime) -> None:
    """Remove the events before a time."""
    connection.execute(delete(table).where(table.c.at < before))


def _event(row: Row[Any]) -> Event:
    key = ContactKey(row.platform, row.contact) if row.contact is not None else None
    return Event(row.id, row.name, key, row.facts, row.data, row.at)
