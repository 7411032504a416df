"""`/api/v1/followups`: messages that are sent later. What is posted here is promised: a reply of the customer does not end it."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Connection

from actions.reminders.wording import zone_of
from agent.ledger import followups
from agent.ledger.database import lock_contact
from agent.ledger.followups import FollowUp, FollowUpState
from agent.web.answers import (
    BadRequest,
    Before,
    Body,
    Limit,
    NotBlank,
    NotFound,
    agent_of,
    contact_named,
    cursor,
    cursor_before,
    states_asked,
)
from language.dates import moment_named

router = APIRouter(tags=["followups"])

LONGEST = timedelta(days=366)
"""How far ahead a message may be scheduled here."""

_STATES: tuple[FollowUpState, ...] = get_args(FollowUpState)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of follow-ups."""

    followups: list[FollowUp]
    next: str | None


class NewFollowUp(Body):
    """Who is to be written to, when, and what. `when` is ISO 8601, or words such as `besok jam 9`, in the contact's time zone."""

    contact: Annotated[str, Field(min_length=1, description="Id, platform:id, phone number or e-mail.")]
    when: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=2000), NotBlank]


@router.get("/followups")
async def list_followups(
    request: Request,
    contact: Annotated[
        str | None, Query(description="Only this one's: id, platform:id, phone number or e-mail.")
    ] = None,
    state: Annotated[
        str | None,
        Query(description=f"Only these, separated by commas: {', '.join(_STATES)}; scheduled when left out."),
    ] = None,
    limit: Limit = 100,
    before: Before = None,
) -> Listed:
    """Messages that are sent later: those that wait by when they are due; of other states, the newest first."""
    states, last = states_asked(state, _STATES, "scheduled"), cursor_before(before)

    def look(connection: Connection) -> Listed:
        keys = None if contact is None else [contact_named(connection, contact).key]
        found = followups.listed(connection, keys, states, limit + 1, last)
        if len(found) <= limit:
            return Listed(found, None)
        end = found[limit - 1]
        return Listed(found[:limit], cursor(end.due_at if states == ["scheduled"] else end.created_at, end.id))

    return await agent_of(request).database.read(look)


@router.post("/followups")
async def create_followup(request: Request, body: NewFollowUp) -> FollowUp:
    """Promise a message."""
    agent = agent_of(request)
    now, name = agent.clock(), f"api-{secrets.token_hex(6)}"

    def work(connection: Connection) -> FollowUp:
        state = contact_named(connection, body.contact)
        lock_contact(connection, state.key.platform, state.key.id)
        due = _due(body.when, now, zone_of(state.contact.phone, agent.config.zone, now))
        if state.opted_out_at is not None:
            raise BadRequest("contact: they opted out of all messages", "contact")
        followup = FollowUp(name, state.key, due, body.text, None, {}, now)
        followups.schedule(connection, followup)
        followups.wake(connection, state.key, due)
        return followup

    followup = await agent.database.write(work)
    await agent.engine.wake(followup.contact, followup.due_at)
    return followup


@router.delete("/followups")
async def cancel_followup_named(
    request: Request,
    id: Annotated[str, Query(description="Its id.")],  # noqa: A002 - the name in the query
) -> FollowUp:
    """Call one off that still waits, named in the query."""
    return await cancel_followup(request, id)


@router.delete("/followups/{id}")
async def cancel_followup(request: Request, id: str) -> FollowUp:  # noqa: A002 - the name in the path
    """Call one off that still waits."""
    now = agent_of(request).clock()
    found = await agent_of(request).database.write(
        lambda connection: followups.cancel(connection, id, "called off by the API", now)
    )
    if found is None:
        raise NotFound(f"nothing scheduled has the id {id!r}", "id")
    return found


def _due(words: str, now: datetime, zone: tzinfo) -> datetime:
    """Raises: `BadRequest`."""
    due = moment_named(words, now, zone)
    if due is None:
        raise BadRequest(f"when: {words!r} names no day and hour; write e.g. 2026-11-22T09:00:00+07:00", "when")
    if due <= now:
        raise BadRequest(f"when: {words!r} has passed", "when")
    if due - now > LONGEST:
        raise BadRequest(f"when: {words!r} is more than {LONGEST.days} days ahead", "when")
    return due
