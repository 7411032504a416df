"""`/api/v1/conversations`: who wrote, what was said, and a human's part in it: pausing the agent, replying, giving back.

`/api/v1/payments`: who was asked to pay what, and what became of it.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, get_args

from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from actions.qris.states import PaymentState
from agent.delivery import window
from agent.ledger import contacts, history, human, outbound, overview, payments
from agent.ledger.contacts import ContactState
from agent.ledger.database import lock_contact
from agent.ledger.history import Line
from agent.ledger.outbound import Delivery
from agent.ledger.overview import TurnSummary
from agent.ledger.payments import Payment
from agent.web.answers import BadRequest, Json, NotFound, agent_of, contact_named, states_asked
from agent.web.operations import Body, Operation, body_of, number_of
from messaging.splitting import messages_of
from messaging.types import Contact, ContactKey, Text
from settings import Duration

_BY = Annotated[str, Field(min_length=1, max_length=100, description="Who it is, for the record.")]


@dataclass(frozen=True, slots=True)
class Pause:
    """A human answers. `until` is null when only giving back ends that."""

    since: datetime
    until: datetime | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list. `last` is the newest message, of whomever."""

    contact: Contact
    language: str | None
    last_inbound_at: datetime | None
    closed_at: datetime | None
    opted_out_at: datetime | None
    paused: Pause | None
    last: Line | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation whole: its newest messages oldest first, its newest turns, what is still to be sent, payments."""

    summary: Summary
    messages: list[Line]
    turns: list[TurnSummary]
    to_send: list[Delivery]
    payments: list[Payment]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of conversations; `next` is given as `?before=` for the next one, null on the last."""

    conversations: list[Summary]
    next: str | None


class PauseBody(Body):
    """How long the agent is to be silent: `for` a time, or null until given back; left out, as agent.yaml says."""

    duration: Duration | None = Field(default=None, alias="for")
    by: _BY = "the API"


class ReplyBody(Body):
    """What the customer is to read."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    by: _BY = "the API"


@dataclass(frozen=True, slots=True)
class Replied:
    """The reply is recorded and will be sent; `deliveries` are its parts in the outbox."""

    deliveries: list[str]
    paused: Pause | None


async def _list(request: Request) -> Response:
    limit = number_of(request, "limit", 50, 200)
    wanted = request.query_params.get("only")
    only = next((each for each in get_args(contacts.Only) if each == wanted), None)
    if only != wanted:
        raise BadRequest(f"only: must be {' or '.join(get_args(contacts.Only))}, found {wanted!r}")
    before, now = _moment(request.query_params.get("before")), agent_of(request).clock()

    def look(connection: Connection) -> Listed:
        found = contacts.newest(connection, limit=limit, before=before, only=only, now=now)
        listed = [_summary(connection, state, now) for state in found]
        more = len(found) == limit and found[-1].last_inbound_at is not None
        return Listed(listed, f"{found[-1].last_inbound_at:%Y-%m-%dT%H:%M:%S.%fZ}" if more else None)

    return Json(asdict(await agent_of(request).database.read(look)))


async def _one(request: Request) -> Response:
    limit, now = number_of(request, "limit", 100, 1000), agent_of(request).clock()

    def look(connection: Connection) -> Conversation:
        state = _named(connection, request)
        return Conversation(
            _summary(connection, state, now),
            history.recent(connection, state.key, limit),
            overview.turns_of(connection, state.key),
            outbound.heads(connection, state.key),
            payments.of_contact(connection, state.key),
        )

    return Json(asdict(await agent_of(request).database.read(look)))


async def _pause(request: Request) -> Response:
    body, agent = await body_of(request, PauseBody), agent_of(request)
    now = agent.clock()
    given = "duration" in body.model_fields_set
    until = _until(now, body.duration if given else agent.config.conversation.handover.resume_after)

    def work(connection: Connection) -> Summary:
        key = _locked(connection, request)
        human.begin(connection, key, now, until, body.by)
        return _again(connection, key, now)

    return Json(asdict(await agent.database.write(work)))


async def _resume(request: Request) -> Response:
    agent = agent_of(request)
    now = agent.clock()

    def work(connection: Connection) -> tuple[Summary, datetime | None]:
        key = _locked(connection, request)
        due = human.give_back(connection, key, now)
        return _again(connection, key, now), due

    summary, due = await agent.database.write(work)
    if due is not None:
        await agent.engine.wake(summary.contact.key, due)
    return Json(asdict(summary))


async def _reply(request: Request) -> Response:
    """A human's reply by way of the outbox: it pauses the agent and joins the history as one written on the platform does."""
    body, agent = await body_of(request, ReplyBody), agent_of(request)
    now, name = agent.clock(), f"reply-{secrets.token_hex(6)}"
    until = _until(now, agent.config.conversation.handover.resume_after)

    def work(connection: Connection) -> tuple[ContactKey, Replied]:
        key = _locked(connection, request)
        state = _state(connection, key)
        source = state.channel.source if state.channel else None
        if (end := window.closes(state, state.channel_kind)) is not None and now > end:
            raise BadRequest(
                "text: the customer's last message is more than 24 hours old, so the channel takes no free text"
            )
        if state.contact.status == "blocked":
            raise BadRequest("text: the contact is blocked on the platform")
        human.begin(connection, key, now, until, body.by)
        history.append(connection, key, [Line("human", body.text, now)])
        parts = [Text(part) for part in messages_of(body.text, source)]
        outbound.add(connection, key, name, parts, now=now, channel=state.channel.id if state.channel else None)
        contacts.set_columns(connection, key, wake_at=now)
        return key, Replied([f"{name}/{n}" for n in range(len(parts))], _paused(_state(connection, key), now))

    key, replied = await agent.database.write(work)
    await agent.engine.wake(key, now)
    return Json(asdict(replied))


def _named(connection: Connection, request: Request) -> ContactState:
    """The contact that the path names."""
    return contact_named(connection, request.path_params["contact"])


def _locked(connection: Connection, request: Request) -> ContactKey:
    key = _named(connection, request).key
    lock_contact(connection, key.platform, key.id)
    return key


def _state(connection: Connection, key: ContactKey) -> ContactState:
    state = contacts.load(connection, key)
    if state is None:
        raise NotFound(f"no contact {str(key)!r}")
    return state


def _again(connection: Connection, key: ContactKey, now: datetime) -> Summary:
    return _summary(connection, _state(connection, key), now)


def _summary(connection: Connection, state: ContactState, now: datetime) -> Summary:
    return Summary(
        contact=state.contact,
        language=state.language,
        last_inbound_at=state.last_inbound_at,
        closed_at=state.closed_at,
        opted_out_at=state.opted_out_at,
        paused=_paused(state, now),
        last=next(iter(history.recent(connection, state.key, 1)), None),
    )


def _paused(state: ContactState, now: datetime) -> Pause | None:
    if not state.paused(now) or state.paused_at is None:
        return None
    return Pause(state.paused_at, state.paused_until, state.paused_by)


def _until(now: datetime, after: timedelta | None) -> datetime | None:
    return None if after is None else now + after


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"before: must be a time such as 2026-11-21T09:00:00Z, found {text!r}") from None
    if moment.tzinfo is None:
        raise BadRequest(f"before: {text!r} has no time zone; write e.g. 2026-11-21T09:00:00Z")
    return moment


_ONE = "/conversations/{contact}"

_PAYMENT_STATES: tuple[PaymentState, ...] = get_args(PaymentState)


@dataclass(frozen=True, slots=True)
class Payments:
    payments: list[Payment]


async def _payments(request: Request) -> Response:
    limit = number_of(request, "limit", 100, 1000)
    states = states_asked(request, _PAYMENT_STATES)
    found = await agent_of(request).database.read(
        lambda connection: payments.newest(connection, states=states, limit=limit)
    )
    return Json(asdict(Payments(found)))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/conversations",
        _list,
        "Conversations, the newest first.",
        {
            "limit": "How many, at most 200; 50 when left out.",
            "only": "`paused`: a human answers; `opted_out`.",
            "before": "Only those whose customer last wrote before this time; `next` of the page before.",
        },
        answers=Listed,
    ),
    Operation(
        "GET",
        _ONE,
        _one,
        "A conversation: messages, turns, deliveries, payments. The contact is an id, platform:id, a phone number or an e-mail.",
        {"limit": "How many messages, at most 1000; 100 when left out."},
        answers=Conversation,
    ),
    Operation("POST", f"{_ONE}/pause", _pause, "A human answers from now on.", body=PauseBody, answers=Summary),
    Operation("POST", f"{_ONE}/resume", _resume, "Give the conversation back to the agent.", answers=Summary),
    Operation("POST", f"{_ONE}/reply", _reply, "Reply as a human; the agent pauses.", body=ReplyBody, answers=Replied),
    Operation(
        "GET",
        "/payments",
        _payments,
        "Payments, the newest first; amounts in rupiah.",
        {
            "state": f"Only these, separated by commas: {', '.join(_PAYMENT_STATES)}.",
            "limit": "How many, at most 1000; 100 when left out.",
        },
        answers=Payments,
    ),
)
