"""Runs without a contact: of a schedule without an audience, the end of a broadcast, or a hook that names no contact.

They wait, tell other systems, and call actions of the business. A step that writes to a contact or uses facts of one is refused
by `balas check` where that can be known before; else it is skipped with the reason.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from actions.action import Action, Context, Outcome
from agent.config.workflows import Step, Workflow
from agent.faults import point
from agent.ledger import events, workflows
from agent.ledger.database import Database, write_with_retry
from agent.ledger.workflows import CLAIM, Run
from agent.turn.perform import run_action
from agent.workflows.runner import Words, WorkflowRules, obstacle, queue_post, said_in

log = structlog.get_logger()

NO_CONTACT = "the event names no contact"
_LONGEST = CLAIM / 2
"""How long an action may take: shorter than its run stays with this process."""


class RunsAlone:
    """Takes the steps of runs without a contact. Each is claimed by one process."""

    def __init__(
        self, database: Database, rules: WorkflowRules, actions: Mapping[str, Action], *, clock: Callable[[], datetime]
    ) -> None:
        """Bring together what they need.

        Args:
            rules: from agent.yaml.
            actions: of this agent, by name.
            clock: the time, aware UTC.
        """
        self._database = database
        self._rules = rules
        self._actions = actions
        self._clock = clock

    async def advance(self, run: Run) -> None:
        """Take the steps of a run until it waits or has ended."""
        while True:
            point("workflow-step")
            called = await write_with_retry(self._database, lambda connection: self._step(connection, run.id))
            point("workflow-stepped")
            if called is None:
                return
            await self._call(*called)

    def _step(self, connection: Connection, identity: str) -> tuple[Run, str, dict[str, Any]] | None:
        """Take steps that are nothing but rows; the action that is to be called then, or `None` at the end."""
        now = self._clock()
        run = workflows.load(connection, identity)
        if run is None or run.state != "running" or run.contact is not None:
            return None
        flow = self._rules.workflows.get(run.workflow)
        if flow is None:
            events.end_run(connection, run, "cancelled", "agent.yaml has no such workflow any more", now)
            return None
        if run.started_at is None:
            against = obstacle(connection, run, flow, None, self._rules, now)
            if against is not None:
                events.end_run(connection, run, "skipped", against, now)
                return None
            workflows.start(connection, run, now)
        while run is not None and run.step < len(flow.do):
            step = flow.do[run.step]
            if step.action is not None:
                ((name, arguments),) = step.action.items()
                refusal = self._refusal(name)
                if refusal is None:
                    return self._begun(connection, run, name, Words(run.data, None).values(arguments), now)
                self._fail(connection, run, refusal, now)
                return None
            if step.wait is not None:
                workflows.end_step(connection, run, "wait", "done", now, next_at=now + step.wait)
                workflows.release(connection, run, now + step.wait)
                return None
            self._row(connection, run, flow, step, now)
            run = workflows.load(connection, run.id)
        if run is not None:
            events.end_run(connection, run, "done", None, now)
        return None

    def _row(self, connection: Connection, run: Run, flow: Workflow, step: Step, now: datetime) -> None:
        if step.post is None:
            workflows.end_step(connection, run, step.kind, "skipped", now, reason=NO_CONTACT)
            return
        queue_post(connection, run, flow, Words(run.data, None), now)
        workflows.end_step(connection, run, "post", "done", now)

    def _refusal(self, name: str) -> str | None:
        action = self._actions.get(name)
        if action is None:
            return f"there is no action {name!r}"
        if action.builtin is not None:
            return f"{name} is about a contact, and {NO_CONTACT}"
        return None if action.confirm is None else f"{name} asks the customer first, and {NO_CONTACT}"

    def _begun(
        self, connection: Connection, run: Run, name: str, arguments: dict[str, Any], now: datetime
    ) -> tuple[Run, str, dict[str, Any]] | None:
        """Record that an action is about to be called; one that was interrupted is called again only where that is harmless."""
        action = self._actions[name]
        if workflows.begin_step(connection, run, "action", now) and action.effect and not action.idempotent:
            self._fail(connection, run, f"{name} was begun and interrupted: it may or may not have been done", now)
            return None
        workflows.keep_claim(connection, run, now)
        return run, name, arguments

    async def _call(self, run: Run, name: str, arguments: dict[str, Any]) -> None:
        action = self._actions[name]
        context = Context({}, tuple(said_in(run, arguments)), {}, f"balas-{run.id}-{run.step}", self._clock())
        point("effect-started")
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                outcome = await run_action(action, arguments, context)
        except TimeoutError:
            outcome = Outcome("unknown" if action.effect else "failed", f"it took longer than {_LONGEST}")
        point("effect-done")
        await write_with_retry(
            self._database, lambda connection: self._called(connection, run, action, arguments, outcome)
        )

    def _called(
        self, connection: Connection, run: Run, action: Action, arguments: dict[str, Any], outcome: Outcome
    ) -> None:
        now, current = self._clock(), workflows.load(connection, run.id)
        if current is None or current.state != "running" or current.step != run.step:
            return
        if outcome.status != "done":
            self._fail(connection, current, f"{action.name}: [{outcome.status}] {outcome.content}", now)
            return
        workflows.end_step(connection, current, "action", "done", now)
        data = {"action": action.name, "arguments": arguments, "result": outcome.data, "run": run.id}
        identity = f"action.done/{run.id}-{run.step}"
        events.record(connection, "action.done", None, identity=identity, data=data, now=now, depth=run.depth + 1)

    def _fail(self, connection: Connection, run: Run, reason: str, now: datetime) -> None:
        """End a run at a step that failed; a retry begins with it."""
        workflows.end_step(connection, run, "action", "failed", now, reason=reason)
        workflows.stay(connection, run)
        events.end_run(connection, run, "failed", reason, now)
