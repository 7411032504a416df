"""`/api/v1/followups`: messages that are sent later. What is posted here is promised: a reply of the customer does not end it."""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, get_args

from pydantic import Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from actions.reminders.wording import zone_of
from agent.ledger import followups
from agent.ledger.database import lock_contact
from agent.ledger.followups import FollowUp, FollowUpState
from agent.web.answers import BadRequest, Json, NotFound, agent_of, contact_named, states_asked
from agent.web.operations import Body, Operation, body_of, number_of
from language.dates import moment_named

LONGEST = timedelta(days=366)
"""How far ahead a message may be scheduled here."""

_STATES: tuple[FollowUpState, ...] = get_args(FollowUpState)


@dataclass(frozen=True, slots=True)
class Listed:
    followups: list[FollowUp]


class NewFollowUp(Body):
    """Who is to be written to, when, and what. `when` is ISO 8601, or words such as `besok jam 9`, in the contact's time zone."""

    contact: Annotated[str, Field(min_length=1, description="Id, platform:id, phone number or e-mail.")]
    when: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=2000)]


async def _list(request: Request) -> Response:
    limit = number_of(request, "limit", 100, 1000)
    states = states_asked(request, _STATES, "scheduled")
    name = request.query_params.get("contact")

    def look(connection: Connection) -> Listed:
        keys = None if name is None else [contact_named(connection, name).key]
        return Listed(followups.listed(connection, keys, states, limit))

    return Json(asdict(await agent_of(request).database.read(look)))


async def _create(request: Request) -> Response:
    body, agent = await body_of(request, NewFollowUp), agent_of(request)
    now, name = agent.clock(), f"api-{secrets.token_hex(6)}"

    def work(connection: Connection) -> FollowUp:
        state = contact_named(connection, body.contact)
        lock_contact(connection, state.key.platform, state.key.id)
        due = _due(body.when, now, zone_of(state.contact.phone, agent.config.zone, now))
        if state.opted_out_at is not None:
            raise BadRequest("contact: they opted out of all messages")
        followup = FollowUp(name, state.key, due, body.text, None, {}, now)
        followups.schedule(connection, followup)
        followups.wake(connection, state.key, due)
        return followup

    followup = await agent.database.write(work)
    await agent.engine.wake(followup.contact, followup.due_at)
    return Json(asdict(followup))


async def _cancel(request: Request) -> Response:
    name, now = request.path_params["id"], agent_of(request).clock()
    found = await agent_of(request).database.write(
        lambda connection: followups.cancel(connection, name, "called off by the API", now)
    )
    if found is None:
        raise NotFound(f"nothing scheduled has the id {name!r}")
    return Json(asdict(found))


def _due(words: str, now: datetime, zone: tzinfo) -> datetime:
    """Raises: `BadRequest`."""
    due = moment_named(words, now, zone)
    if due is None:
        raise BadRequest(f"when: {words!r} names no day and hour; write e.g. 2026-11-22T09:00:00+07:00")
    if due <= now:
        raise BadRequest(f"when: {words!r} has passed")
    if due - now > LONGEST:
        raise BadRequest(f"when: {words!r} is more than {LONGEST.days} days ahead")
    return due


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/followups",
        _list,
        "Messages that are sent later: those due next first, then what became of others, the newest first.",
        {
            "contact": "Only this one's: id, platform:id, phone number or e-mail.",
            "state": f"Only these, separated by commas: {', '.join(_STATES)}; scheduled when left out.",
            "limit": "How many, at most 1000; 100 when left out.",
        },
        answers=Listed,
    ),
    Operation("POST", "/followups", _create, "Promise a message.", body=NewFollowUp, answers=FollowUp),
    Operation("DELETE", "/followups/{id}", _cancel, "Call one off that still waits.", answers=FollowUp),
)
