"""Carrying out the runs of one contact, step by step.

Every step but an agent's or an action's is nothing but rows: it is written in one transaction with the run's progress, so a crash
leaves both or none. An action and a message of the agent's own are turns (`agent.turn`), with a turn's lease, step log and
guards; the run goes on when its turn has ended.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from actions.action import ChangeTags, Comment, SetLifecycle
from actions.template import words_in
from agent.config.hours import Hours
from agent.config.texts import TemplateSettings, fill
from agent.config.workflows import Condition, SendStep, Step, Workflow, fill_event, find_in, only_event
from agent.delivery.followups import line_of, messages_in
from agent.delivery.window import Skip, Wording, closes, decide
from agent.faults import point
from agent.ledger import contacts, events, history, outbound, turns, webhooks, workflows
from agent.ledger.codec import Assign, Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database, lock_contact, write_with_retry
from agent.ledger.events import Event
from agent.ledger.workflows import Run
from messaging.types import Channel, ChannelKind, Contact, ContactKey, Text

log = structlog.get_logger()

NO_HOURS_LEFT = "the business never opens again"
_NOBODY = Contact(ContactKey("", ""))
"""In the texts of a run without a contact, nothing is known of one."""


@dataclass(frozen=True, slots=True)
class WorkflowRules:
    """What runs need of agent.yaml.

    Attributes:
        workflows: by name.
        hours: of the business; `None`: always open.
        zone: its time zone.
        most: messages of workflows to one contact in a day.
        default_language: of texts for a contact whose language is not known.
    """

    workflows: Mapping[str, Workflow]
    hours: Hours | None
    zone: ZoneInfo
    most: int
    default_language: str

    def open_now(self, now: datetime) -> bool:
        """Whether the business is open."""
        return self.hours is None or self.hours.is_open(now.astimezone(self.zone))

    def midnight(self, now: datetime) -> datetime:
        """When the local day began."""
        return now.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class _Done:
    """How a step ended, and when the next one is due."""

    outcome: str = "done"
    reason: str | None = None
    next_at: datetime | None = None
    until_replied: bool = False


@dataclass(frozen=True, slots=True)
class _Later:
    """The step is due at another time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class _Handed:
    """A turn works on the step."""

    turn: str


def skipped(reason: str) -> _Done:
    """A step that is passed over."""
    return _Done("skipped", reason)


class Workflows:
    """Takes the steps of one contact's runs."""

    def __init__(
        self,
        database: Database,
        rules: WorkflowRules,
        *,
        current: Callable[[ContactState], Awaitable[ContactState]],
        channel_of: Callable[[str], Awaitable[Channel | None]],
        clock: Callable[[], datetime],
    ) -> None:
        """Bring together what runs need.

        Args:
            rules: from agent.yaml.
            current: reads a contact's whole profile where that is needed.
            channel_of: the one channel of a platform, for contacts who never wrote; `None` when there are several.
            clock: the time, aware UTC.
        """
        self._database = database
        self._rules = rules
        self._current = current
        self._channel_of = channel_of
        self._clock = clock

    async def process(self, contact: ContactKey) -> bool:
        """Take every step that is due for a contact.

        Returns:
            Whether there was any.
        """
        if not self._rules.workflows:
            return False
        now = self._clock()
        due = await self._database.read(lambda connection: workflows.due(connection, contact, now))
        for run in due:
            await self._advance(run, contact)
        return bool(due)

    async def _advance(self, run: Run, contact: ContactKey) -> None:
        """Take steps until the run waits or has ended."""
        channel = await self._needed_channel(run, contact)
        while True:
            point("workflow-step")
            more = await write_with_retry(
                self._database, lambda connection: self._step(connection, run.id, contact, channel)
            )
            point("workflow-stepped")
            if not more:
                return

    async def _needed_channel(self, run: Run, contact: ContactKey) -> Channel | None:
        """What the platform must be asked before the first step: the profile for conditions, the channel of one who never wrote."""
        state = await self._database.read(lambda connection: contacts.load(connection, contact))
        if state is None:
            return None
        workflow = self._rules.workflows.get(run.workflow)
        if run.started_at is None and workflow is not None and workflow.condition.field:
            await self._current(state)
        return state.channel or await self._channel_of(contact.platform)

    def _step(self, connection: Connection, identity: str, key: ContactKey, channel: Channel | None) -> bool:
        """Take one step in a transaction; whether another may follow at once."""
        lock_contact(connection, key.platform, key.id)
        now = self._clock()
        run = workflows.load(connection, identity)
        if run is None or run.state != "running":
            return False
        workflow = self._rules.workflows.get(run.workflow)
        if workflow is None:
            events.end_run(connection, run, "cancelled", "agent.yaml has no such workflow any more", now)
            return False
        state = contacts.load(connection, key)
        if state is None:
            events.end_run(connection, run, "cancelled", "the contact is not in the ledger any more", now)
            return False
        if state.channel is None and channel is not None:
            state = replace(state, channel=channel)
        if run.turn is not None:
            return self._after_turn(connection, run, workflow, now)
        if run.next_at is None or run.next_at > now:
            return False
        if run.started_at is None:
            against = obstacle(connection, run, workflow, state, self._rules, now)
            if against is not None:
                events.end_run(connection, run, "skipped", against, now)
                return False
            workflows.start(connection, run, now)
        if run.step >= len(workflow.do):
            events.end_run(connection, run, "done", None, now)
            return False
        step = workflow.do[run.step]
        result = self._take(connection, run, workflow, step, state, now)
        match result:
            case _Later(later):
                workflows.postpone(connection, run, later)
                return False
            case _Handed(turn):
                workflows.begin_step(connection, run, step.kind, now)
                workflows.hand_to_turn(connection, run, turn)
                return False
        self._record(connection, run, step.kind, result, now)
        return True

    def _record(self, connection: Connection, run: Run, kind: str, result: _Done, now: datetime) -> None:
        workflows.end_step(
            connection,
            run,
            kind,
            result.outcome,
            now,
            reason=result.reason,
            next_at=result.next_at,
            until_replied=result.until_replied,
        )
        log.info(
            "workflow_step",
            workflow=run.workflow,
            run=run.id,
            contact=str(run.contact),
            step=run.step,
            kind=kind,
            outcome=result.outcome,
            reason=result.reason,
        )

    def _after_turn(self, connection: Connection, run: Run, workflow: Workflow, now: datetime) -> bool:
        """Go on when the turn that worked on a step has ended."""
        ended = turns.outcome_of(connection, str(run.turn))
        if ended is None or ended[0] == "running":
            return False
        kind = workflow.do[run.step].kind if run.step < len(workflow.do) else "action"
        state, reason = ended
        if state == "failed":
            failed = _Done("failed", reason)
            self._record(connection, run, kind, failed, now)
            workflows.stay(connection, run)
            events.end_run(connection, run, "failed", reason, now)
            return False
        result = _Done() if state == "done" else skipped(reason or state)
        self._record(connection, run, kind, result, now)
        return True

    def _take(
        self, connection: Connection, run: Run, workflow: Workflow, step: Step, state: ContactState, now: datetime
    ) -> _Done | _Later | _Handed:
        """Do what a step says."""
        words = Words(run.data, state.contact)
        match step.kind:
            case "send" if step.send is not None:
                return self._send(connection, run, workflow, step.send, state, now)
            case "agent" if step.agent is not None:
                return self._ask_agent(connection, run, workflow, words.text(step.agent), state, now)
            case "action" if step.action is not None:
                ((name, arguments),) = step.action.items()
                given = words.values(arguments)
                task = {"action": name, "arguments": given, "said": said_in(run, given)}
                return self._hand_over(connection, run, state.key, task, now)
            case "wait" if step.wait is not None:
                return _Done(next_at=now + step.wait, until_replied=step.until == "replied")
            case "post":
                queue_post(connection, run, workflow, words, now)
                return _Done()
            case "tag" if step.tag is not None:
                return self._desk(connection, run, state, ChangeTags(step.tag.add, step.tag.remove), now)
            case "lifecycle":
                return self._desk(connection, run, state, SetLifecycle(step.lifecycle), now)
            case "assign":
                return self._desk(connection, run, state, Assign(step.assign), now)
            case _:
                return self._desk(connection, run, state, Comment(words.text(step.note or "")), now)

    def _desk(
        self, connection: Connection, run: Run, state: ContactState, content: Deliverable, now: datetime
    ) -> _Done:
        """Something that the platform is told and the customer does not see."""
        before = contacts.before_change(connection, state.key)
        outbound.add(connection, state.key, outbox_id(run), [content], now=now, channel=_channel(state))
        contacts.anticipate(connection, state.key, [content])
        contacts.record_change(connection, before, now, depth=run.depth + 1)
        workflows.wake(connection, state.key, now)
        return _Done()

    def _send(
        self, connection: Connection, run: Run, workflow: Workflow, send: SendStep, state: ContactState, now: datetime
    ) -> _Done | _Later:
        against = self._silence(connection, run, workflow, state, now)
        if against is not None:
            return against
        content = wording(send, run.data, state, self._rules.default_language, now)
        if isinstance(content, Skip):
            return skipped(content.reason)
        outbound.add(
            connection, state.key, outbox_id(run), messages_in(content, state), now=now, channel=_channel(state)
        )
        history.append(connection, state.key, [line_of(content, now)])
        workflows.wake(connection, state.key, now)
        return _Done()

    def _silence(
        self, connection: Connection, run: Run, workflow: Workflow, state: ContactState, now: datetime
    ) -> _Done | _Later | None:
        """Why a message that the business starts must not be sent: as for follow-ups."""
        if state.contact.status == "blocked":
            return skipped("the contact is blocked on the platform")
        if state.opted_out_at is not None:
            return skipped("the contact opted out")
        if state.paused(now) and workflow.on.event != "handover":
            return skipped(f"a human answers ({state.paused_by})")
        if workflows.sent_since(connection, state.key, self._rules.midnight(now)) >= self._rules.most:
            return skipped(f"limits.workflow_messages_per_contact_per_day: {self._rules.most} are used up")
        if self._rules.hours is not None and not self._rules.open_now(now) and workflow.condition.hours != "closed":
            opening = self._rules.hours.next_opening(now.astimezone(self._rules.zone))
            return skipped(NO_HOURS_LEFT) if opening is None else _Later(opening)
        return None

    def _ask_agent(
        self, connection: Connection, run: Run, workflow: Workflow, instruction: str, state: ContactState, now: datetime
    ) -> _Done | _Later | _Handed:
        if state.paused(now):
            return skipped(f"a human answers ({state.paused_by})")
        against = self._silence(connection, run, workflow, state, now)
        if against is not None:
            return against
        end = closes(state, state.channel_kind)
        if end is not None and now > end:
            return skipped("the 24-hour window is closed, in which alone the agent writes by itself; `send` a template")
        return self._hand_over(connection, run, state.key, {"instruction": instruction}, now)

    def _hand_over(
        self, connection: Connection, run: Run, key: ContactKey, task: Mapping[str, Any], now: datetime
    ) -> _Handed:
        """Let a turn do it."""
        identity = f"{run.id}-{run.step}"
        turn = identity if run.attempt == 0 else f"{identity}-{run.attempt}"
        turns.add_task(connection, key, turn, {**task, "id": identity, "depth": run.depth}, now)
        workflows.wake(connection, key, now)
        return _Handed(turn)


def obstacle(
    connection: Connection,
    run: Run,
    workflow: Workflow,
    state: ContactState | None,
    rules: WorkflowRules,
    now: datetime,
) -> str | None:
    """Say why a run does not begin, as people read it; `None` when it does.

    Args:
        state: the contact's; `None` for a run without one.
        rules: opening hours and the business's midnight.
    """
    unmet = _unmet(workflow.condition, state, open_now=rules.open_now(now))
    if unmet is not None:
        return f"if: {unmet}"
    if workflow.once == "event":
        return None
    since = rules.midnight(now) if workflow.once == "day" else None
    return f"once: {workflow.once}" if workflows.has_run(connection, run, since) else None


@dataclass(frozen=True, slots=True)
class Words:
    """Fills in what an event says and what is known of a contact."""

    data: Mapping[str, Any]
    contact: Contact | None

    def text(self, text: str, written: Callable[[str], str] = str) -> str:
        """A text with its places filled in."""
        return fill(fill_event(text, self.data, written), self.contact or _NOBODY, written)

    def values(self, value: Any) -> Any:
        """A JSON value with its texts filled in; one that is only `{event.…}` becomes that value, of whatever type."""
        if isinstance(value, str):
            path = only_event(value)
            if path is None:
                return self.text(value)
            found = find_in(self.data, path)
            return "" if found is None else found
        if isinstance(value, Mapping):
            return {name: self.values(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.values(each) for each in value]
        return value


def wording(send: SendStep, data: Mapping[str, Any], state: ContactState, default_language: str, now: datetime) -> Any:
    """Decide what a `send` goes out as: the text while the channel's window is open, the template after it.

    Args:
        data: of the run, for the placeholders.
        default_language: of the agent, for a contact whose language is not known.

    Returns:
        What goes out, or `Skip` with the reason why nothing is sent.
    """
    template = None
    if send.template is not None:
        parameters = tuple(fill_event(each, data) for each in send.template.parameters)
        template = TemplateSettings.model_construct(
            name=send.template.name, language=send.template.language, parameters=parameters
        )
    if send.text is None:
        if state.channel_kind is not ChannelKind.WHATSAPP:
            return Skip("a template alone is only sent on WhatsApp, and there is no text")
        state = replace(state, last_inbound_at=None)
        words = ""
    else:
        language = state.language or state.contact.language or default_language
        words = fill_event(send.text.in_language(language), data)
    found = decide(Wording(words, template, send.tag), state, state.channel_kind, now)
    if isinstance(found, Text) and not found.text:
        return Skip("nothing of the text is left: what it is made of is not known")
    return found


def _unmet(condition: Condition, state: ContactState | None, *, open_now: bool) -> str | None:
    """The first part of a condition that does not hold."""
    if condition.hours is not None and (condition.hours == "open") != open_now:
        return "open" if open_now else "closed"
    if state is None:
        return "the event names no contact" if condition.of_contact else None
    contact = state.contact
    if condition.tag is not None and condition.tag not in contact.tags:
        return f"no tag {condition.tag}"
    if condition.not_tag is not None and condition.not_tag in contact.tags:
        return f"the tag {condition.not_tag}"
    if condition.lifecycle is not None and condition.lifecycle != contact.lifecycle:
        return f"lifecycle {contact.lifecycle}"
    if condition.language is not None and condition.language != (state.language or contact.language):
        return f"language {state.language or contact.language}"
    for name, wanted in condition.field.items():
        found = _fact(contact, name)
        if found != wanted and str(found).casefold() != str(wanted).casefold():
            return f"{name} is another"
    if condition.channel is not None and condition.channel not in _channels(state):
        return f"channel {state.channel_kind}"
    return None


def _channels(state: ContactState) -> Sequence[str | None]:
    source = state.channel.source if state.channel is not None else None
    kind = "whatsapp" if state.channel_kind is ChannelKind.WHATSAPP_DEVICE else str(state.channel_kind)
    return (kind, str(state.channel_kind), source, state.key.platform)


def _fact(contact: Contact, name: str) -> Any:
    name = name.removeprefix("custom.")
    if name in contact.custom_fields:
        return contact.custom_fields[name]
    return getattr(contact, name, None)


def queue_post(connection: Connection, run: Run, workflow: Workflow, words: Words, now: datetime) -> None:
    """Queue a request to another system, in order with the others about this contact.

    Args:
        run: its current step is a `post`.
        words: fill in the address and the body.
    """
    post = workflow.do[run.step].post
    assert post is not None  # noqa: S101 - a step of this kind
    event = Event(
        f"{run.id}-{run.step}", run.trigger, run.contact, events.facts_of(connection, run.contact), run.data, now
    )
    if post.body is None:
        body = events.body_of(event)
    else:
        body = json.dumps(words.values(post.body), ensure_ascii=False, separators=(",", ":"), default=str)
    webhooks.add(
        connection,
        event=event.id,
        name=f"workflow {workflow.name}",
        target=f"workflow:{workflow.name}:{run.step}",
        url=words.text(post.url, lambda value: quote(value, safe="")),
        key=run.contact,
        body=body,
        now=now,
    )


def said_in(run: Run, arguments: Mapping[str, Any]) -> list[str]:
    """The texts that count as said by the customer for an action of a workflow: of the event and of the workflow, which no model wrote."""
    return [*words_in(run.data), *words_in(arguments)]


def outbox_id(run: Run) -> str:
    """Name the deliveries of a step, so that it is in the outbox once."""
    return f"workflow/{run.id}/{run.step}"


def _channel(state: ContactState) -> str | None:
    return state.channel.id if state.channel is not None else None
