"""`/api/v1/conversations`: who wrote, what was said, and a human's part in it: taking over, replying, notes, giving back."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from sqlalchemy import Connection

from actions.action import Comment
from agent.delivery import window
from agent.ledger import contacts, history, human, outbound, overview, payments
from agent.ledger.contacts import ContactState
from agent.ledger.database import lock_contact
from agent.ledger.history import Line
from agent.ledger.outbound import Delivery
from agent.ledger.overview import TurnSummary
from agent.ledger.payments import Payment
from agent.web.answers import (
    BadRequest,
    Before,
    Body,
    NotBlank,
    NotFound,
    agent_of,
    by_whom,
    contact_named,
    cursor,
    cursor_before,
    key_before,
    moment,
    number_before,
)
from messaging.splitting import messages_of
from messaging.types import Contact, ContactKey, Text
from settings import Duration

router = APIRouter(tags=["conversations"])

ContactName = Annotated[str, Path(description="Id, platform:id, phone number or e-mail.")]
By = Annotated[
    str | None,
    Field(min_length=1, max_length=100, description="Who it is, for the record; else the name of the token."),
]


@dataclass(frozen=True, slots=True)
class Pause:
    """A human answers. `until` is null when only giving back ends that."""

    since: datetime
    until: datetime | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list. `last` is the newest message, of whomever; `waiting` says that the customer waits for an answer.

    `outcome` is what their last message got: `answered`, `not_known`, `failed`, `human` …
    """

    contact: Contact
    language: str | None
    last_inbound_at: datetime | None
    closed_at: datetime | None
    opted_out_at: datetime | None
    paused: Pause | None
    last: Line | None
    outcome: str | None = None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation whole: its newest messages oldest first, its newest turns, what is still to be sent, payments.

    `messages` are what the agent reads; `sent` are the agent's among them as the customer sees them, by turn: several may make a reply.
    `next` is given as `?before=` for older messages; null when there are none.
    """

    summary: Summary
    messages: list[Line]
    sent: list[Delivery]
    turns: list[TurnSummary]
    to_send: list[Delivery]
    payments: list[Payment]
    next: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of conversations; `next` is given as `?before=` for the next one, null on the last."""

    conversations: list[Summary]
    next: str | None


class PauseBody(Body):
    """How long the agent is to be silent: `for` a time, or null until given back; left out, as agent.yaml says."""

    duration: Duration | None = Field(default=None, alias="for")
    by: By = None


class ReplyBody(Body):
    """What the customer is to read."""

    text: Annotated[str, Field(min_length=1, max_length=10_000), NotBlank]
    by: By = None


class NoteBody(Body):
    """What colleagues are to read on the platform, and the customer not."""

    text: Annotated[str, Field(min_length=1, max_length=5_000), NotBlank]


@dataclass(frozen=True, slots=True)
class Replied:
    """The reply is recorded and will be sent; `deliveries` are its parts in the outbox."""

    deliveries: list[str]
    paused: Pause | None


@dataclass(frozen=True, slots=True)
class Noted:
    """The note is recorded and will be left on the platform."""

    deliveries: list[str]


@router.get("/conversations")
async def list_conversations(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[
        str | None, Query(description="`next` of the page before, or a time: those whose customer last wrote earlier.")
    ] = None,
    only: Annotated[
        contacts.Only | None,
        Query(description="`paused`: a human answers; `failed`, `unanswered`: what the last message got; `opted_out`."),
    ] = None,
    q: Annotated[str | None, Query(description="Part of a name, number, e-mail, id or tag.", max_length=200)] = None,
) -> Listed:
    """Conversations, the newest first."""
    (earlier, last), now = _before(before), agent_of(request).clock()

    def look(connection: Connection) -> Listed:
        found = contacts.newest(connection, limit=limit + 1, before=earlier, last=last, only=only, now=now, q=q)
        listed = summaries(connection, found[:limit], now)
        more = found[limit - 1] if len(found) > limit else None
        if more is None or more.last_inbound_at is None:
            return Listed(listed, None)
        return Listed(listed, cursor(more.last_inbound_at, str(more.key)))

    return await agent_of(request).database.read(look)


def _before(text: str | None) -> tuple[datetime | None, ContactKey | None]:
    """A time, or the last conversation of a page. Raises: `BadRequest`."""
    if text is None or "~" not in text:
        return moment(text, "before"), None
    end = cursor_before(text)
    return (None, None) if end is None else (end[0], key_before(end[1]))


@router.get("/conversations/{contact}")
async def read_conversation(
    request: Request,
    contact: ContactName,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many messages.")] = 100,
    before: Before = None,
) -> Conversation:
    """A conversation: messages, turns, deliveries, payments."""
    now, earlier = agent_of(request).clock(), number_before(before)

    def look(connection: Connection) -> Conversation:
        state = contact_named(connection, contact)
        lines, following = history.page(connection, state.key, limit, earlier)
        return Conversation(
            summaries(connection, [state], now)[0],
            lines,
            outbound.messages_of_turns(
                connection, [line.turn for line in lines if line.author == "agent" and line.turn is not None]
            ),
            overview.turns_of(connection, state.key, limit=200),
            outbound.heads(connection, state.key),
            payments.of_contact(connection, state.key),
            None if following is None else str(following),
        )

    return await agent_of(request).database.read(look)


@router.post("/conversations/{contact}/pause")
async def pause_conversation(request: Request, contact: ContactName, body: PauseBody | None = None) -> Summary:
    """Take over: a human answers from now on."""
    agent = agent_of(request)
    given = body or PauseBody()
    now, by = agent.clock(), by_whom(request, given.by)
    chosen = "duration" in given.model_fields_set
    until = _until(now, given.duration if chosen else agent.config.conversation.handover.resume_after)

    def work(connection: Connection) -> Summary:
        key = _locked(connection, contact)
        human.begin(connection, key, now, until, by)
        return _again(connection, key, now)

    return await agent.database.write(work)


@router.post("/conversations/{contact}/resume")
async def resume_conversation(request: Request, contact: ContactName) -> Summary:
    """Give the conversation back to the agent."""
    agent = agent_of(request)
    now = agent.clock()

    def work(connection: Connection) -> tuple[Summary, datetime | None]:
        key = _locked(connection, contact)
        due = human.give_back(connection, key, now)
        return _again(connection, key, now), due

    summary, due = await agent.database.write(work)
    if due is not None:
        await agent.engine.wake(summary.contact.key, due)
    return summary


@router.post("/conversations/{contact}/reply")
async def reply_to_customer(request: Request, contact: ContactName, body: ReplyBody) -> Replied:
    """Reply as a human: it is sent, joins the history, and the agent pauses."""
    agent = agent_of(request)
    now, name, by = agent.clock(), f"reply-{secrets.token_hex(6)}", by_whom(request, body.by)
    until = _until(now, agent.config.conversation.handover.resume_after)

    def work(connection: Connection) -> tuple[ContactKey, Replied]:
        key = _locked(connection, contact)
        state = _state(connection, key)
        source = state.channel.source if state.channel else None
        if (end := window.closes(state, state.channel_kind)) is not None and now > end:
            raise BadRequest(
                "text: the customer's last message is more than 24 hours old, so the channel takes no free text", "text"
            )
        if state.contact.status == "blocked":
            raise BadRequest("text: the contact is blocked on the platform", "text")
        human.begin(connection, key, now, until, by)
        history.append(connection, key, [Line("human", body.text, now)])
        parts = [Text(part) for part in messages_of(body.text, source)]
        outbound.add(connection, key, name, parts, now=now, channel=state.channel.id if state.channel else None)
        contacts.set_columns(connection, key, wake_at=now)
        return key, Replied([f"{name}/{n}" for n in range(len(parts))], _paused(_state(connection, key), now))

    key, replied = await agent.database.write(work)
    await agent.engine.wake(key, now)
    return replied


@router.post("/conversations/{contact}/note")
async def leave_note(request: Request, contact: ContactName, body: NoteBody) -> Noted:
    """Leave a note that colleagues see on the platform and the customer does not."""
    agent = agent_of(request)
    now, name = agent.clock(), f"note-{secrets.token_hex(6)}"

    def work(connection: Connection) -> ContactKey:
        key = _locked(connection, contact)
        outbound.add(connection, key, name, [Comment(body.text)], now=now)
        contacts.set_columns(connection, key, wake_at=now)
        return key

    await agent.engine.wake(await agent.database.write(work), now)
    return Noted([f"{name}/0"])


def _locked(connection: Connection, name: str) -> ContactKey:
    key = contact_named(connection, name).key
    lock_contact(connection, key.platform, key.id)
    return key


def _state(connection: Connection, key: ContactKey) -> ContactState:
    state = contacts.load(connection, key)
    if state is None:
        raise NotFound(f"no contact {str(key)!r}")
    return state


def _again(connection: Connection, key: ContactKey, now: datetime) -> Summary:
    return summaries(connection, [_state(connection, key)], now)[0]


def summaries(connection: Connection, states: list[ContactState], now: datetime) -> list[Summary]:
    """Conversations as a list shows them, in the same order."""
    keys = [state.key for state in states]
    last, outcomes = history.last_lines(connection, keys), overview.outcomes(connection, keys)
    return [
        Summary(
            contact=state.contact,
            language=state.language,
            last_inbound_at=state.last_inbound_at,
            closed_at=state.closed_at,
            opted_out_at=state.opted_out_at,
            paused=_paused(state, now),
            last=last.get(state.key),
            outcome=outcomes.get(state.key, (None, None))[1],
            waiting=outcomes.get(state.key, (None, None))[0] == "waiting",
        )
        for state in states
    ]


def _paused(state: ContactState, now: datetime) -> Pause | None:
    if not state.paused(now) or state.paused_at is None:
        return None
    return Pause(state.paused_at, state.paused_until, state.paused_by)


def _until(now: datetime, after: timedelta | None) -> datetime | None:
    return None if after is None else now + after
