"""Runs over a ledger, without processes: what happens, what is due, and what came of it. The clock is the test's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from actions.action import Action
from agent.config.hours import Hours
from agent.config.workflows import WebhookSettings, Workflow
from agent.ledger import contacts, events, inbound, webhooks, workflows
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from agent.ledger.events import Subscriptions
from agent.ledger.tables import outbound as outbound_table
from agent.ledger.tables import workflow_run, workflow_step
from agent.workflows.alone import RunsAlone
from agent.workflows.jobs import WorkflowJobs
from agent.workflows.runner import WorkflowRules, Workflows
from messaging.platform import Platform
from messaging.types import Channel, Contact, ContactKey
from tests.ledger.messages import BUDI, RULES, message

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""A Monday, 09:00 in Jakarta."""


class Woken:
    """Stands for the engine: what it is told of is due in the ledger, too."""

    exclusive = True

    async def wake(self, contact: ContactKey, at: datetime) -> None:
        """Nothing waits for it here."""


@dataclass
class Stage:
    """Workflows over a ledger. `now` is what every part of it takes for the time."""

    database: Database
    flows: Sequence[Workflow]
    actions: Mapping[str, Action] = field(default_factory=dict)
    told: Sequence[WebhookSettings] = ()
    hours: Hours | None = None
    now: datetime = NOW
    platforms: Mapping[str, Platform] = field(default_factory=dict)

    def __post_init__(self) -> None:
        events.listen(self.database.engine, Subscriptions.of(self.flows, self.told))
        named = {flow.name: flow for flow in self.flows}
        rules = WorkflowRules(named, self.hours, ZoneInfo("Asia/Jakarta"), 20, "id")
        self.workflows = Workflows(
            self.database, rules, current=self._current, channel_of=self._channel, clock=lambda: self.now
        )
        self.jobs = self._jobs(rules)

    def _jobs(self, rules: WorkflowRules) -> WorkflowJobs:
        alone = RunsAlone(self.database, rules, self.actions, clock=lambda: self.now)
        return WorkflowJobs(
            self.database,
            rules,
            self.platforms,
            Woken(),
            alone,
            resolve=Path,
            clock=lambda: self.now,  # type: ignore[arg-type]
        )

    async def _current(self, state: ContactState) -> ContactState:
        return state

    async def _channel(self, platform: str) -> Channel | None:
        return None

    async def knows(self, key: ContactKey = BUDI, **facts: Any) -> None:
        """A contact who has written a minute ago."""
        who = Contact(key, first_name="Budi", phone="+6281234567802", **facts)
        columns = {"channel_id": "1", "channel_source": "whatsapp_cloud", "last_inbound_at": self.now}
        await self.database.write(lambda c: contacts.remember(c, who, **columns))

    async def writes(self, number: int, text: str = "halo", key: ContactKey = BUDI) -> None:
        """A message, which counts as answered at once."""

        def work(connection: Connection) -> None:
            inbound.accept(connection, message(number, text, key), self.now, RULES)
            answered = inbound.table.update().where(inbound.table.c.state == "waiting")
            connection.execute(answered.values(state="answered"))

        await self.database.write(work)

    async def happens(self, name: str, identity: str, key: ContactKey | None = BUDI, **data: Any) -> bool:
        """An event; whether it is new."""
        return await self.database.write(
            lambda c: events.record(c, name, key, identity=identity, data=data, now=self.now)
        )

    async def works(self, key: ContactKey = BUDI) -> None:
        """Do all that is due now, for one contact and for none."""
        await self.jobs.work()
        while await self.workflows.process(key):
            pass

    async def later(self, span: timedelta, key: ContactKey = BUDI) -> None:
        """Let time pass, then do what is due."""
        self.now += span
        await self.works(key)

    async def runs(self) -> list[tuple[str, str, str | None]]:
        """Workflow, state and reason of every run, in order."""
        ordered = select(workflow_run).order_by(workflow_run.c.created_at, workflow_run.c.event)
        rows = await self.database.read(lambda c: c.execute(ordered).all())
        return [(row.workflow, row.state, row.reason) for row in rows]

    async def steps(self) -> list[tuple[str, str | None, str | None]]:
        """Kind, outcome and reason of every step, in order."""
        rows = await self.database.read(
            lambda c: c.execute(select(workflow_step).order_by(workflow_step.c.started_at, workflow_step.c.n)).all()
        )
        return [(row.kind, row.outcome, row.reason) for row in rows]

    async def sent(self) -> list[str]:
        """The texts in the outbox."""
        rows = await self.database.read(
            lambda c: c.execute(select(outbound_table.c.payload).order_by(outbound_table.c.n)).scalars().all()
        )
        return [str(payload["text"]) for payload in rows if payload.get("text")]

    async def posted(self) -> list[webhooks.Delivery]:
        """What is queued for other systems, the oldest first."""
        found = await self.database.read(lambda c: webhooks.newest(c, limit=1000))
        return found[::-1]

    async def next_at(self) -> list[datetime | None]:
        """When each run goes on."""
        found = await self.database.read(lambda c: workflows.listed(c, limit=1000))
        return [run.next_at for run in found[::-1]]


def flow(**keys: Any) -> Workflow:
    """A workflow as agent.yaml would say it."""
    return Workflow.model_validate({"name": "w", "do": [{"send": "halo"}], **keys})
