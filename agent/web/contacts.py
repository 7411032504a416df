"""`/api/v1/contacts`: what is known of customers; tags and fields; forgetting them."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Connection

from actions.action import ChangeTags, SetLifecycle, UpdateContact
from agent.ledger import contacts, erasure, outbound, overview, persons
from agent.ledger.codec import Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.database import lock_contact
from agent.ledger.memory import Fact
from agent.web.answers import (
    ADMIN,
    BadRequest,
    Before,
    Body,
    Conflict,
    Limit,
    OutsideFailed,
    agent_of,
    by_whom,
    contact_named,
    key_before,
)
from agent.web.conversations import ContactName
from messaging.errors import Invalid, MessagingError, UnknownField
from messaging.types import Contact, ContactKey, FieldValue

router = APIRouter(tags=["contacts"])

Tag = Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class Known:
    """A contact in a list."""

    contact: Contact
    language: str | None
    last_inbound_at: datetime | None
    opted_out_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of contacts."""

    contacts: list[Known]
    next: str | None


@dataclass(frozen=True, slots=True)
class Details:
    """Everything that is known of a contact: what the platform tells, and what they told the agent (`facts`, `summary`).

    `reminders` and `payments` count what is open; `same_person` are the contacts that a human has joined with this one.
    """

    contact: Contact
    language: str | None
    last_inbound_at: datetime | None
    opted_out_at: datetime | None
    summary: str | None
    facts: list[Fact]
    reminders: int
    payments: int
    same_person: list[ContactKey]


class MergeBody(Body):
    """Who is the same person; `by` says who says so, where it is not the name of the token."""

    other: str = Field(
        alias="with", min_length=1, max_length=200, description="Id, platform:id, phone number or e-mail."
    )
    by: str | None = Field(default=None, max_length=200)


@dataclass(frozen=True, slots=True)
class Merged:
    """The link, and the names of facts that both knew and that differ: each contact keeps its own."""

    id: str
    contacts: list[ContactKey]
    differ: list[str]


@dataclass(frozen=True, slots=True)
class Parted:
    """How many links there were; an opt-out stays with every contact."""

    links: int


class ContactBody(Body):
    """What is to change; `tags` are all tags from now on, a field that is null is emptied."""

    first_name: str | None = Field(default=None, max_length=200)
    last_name: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=30)
    email: str | None = Field(default=None, max_length=200)
    language: str | None = Field(default=None, max_length=10)
    country: str | None = Field(default=None, max_length=2)
    lifecycle: str | None = Field(default=None, max_length=100)
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    custom_fields: dict[str, FieldValue] | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows were erased, by table; payments stay without their contact."""

    contact: ContactKey
    erased: dict[str, int]


@router.get("/contacts")
async def list_contacts(
    request: Request,
    q: Annotated[str | None, Query(description="Part of a name, number, e-mail, id or tag.", max_length=200)] = None,
    limit: Limit = 50,
    before: Before = None,
) -> Listed:
    """Contacts by id."""
    last = key_before(before)

    def look(connection: Connection) -> Listed:
        found = contacts.search(connection, q, limit + 1, last)
        shown = [_known(state) for state in found[:limit]]
        return Listed(shown, str(found[limit - 1].key) if len(found) > limit else None)

    return await agent_of(request).database.read(look)


def _known(state: ContactState) -> Known:
    return Known(state.contact, state.language, state.last_inbound_at, state.opted_out_at)


@router.get("/contacts/{contact}")
async def read_contact(request: Request, contact: ContactName) -> Details:
    """What is known of a contact."""
    return await agent_of(request).database.read(lambda connection: _details(connection, contact))


def _details(connection: Connection, name: str) -> Details:
    state = contact_named(connection, name)
    found = overview.of(connection, str(state.key), 0)[0]
    return Details(
        contact=state.contact,
        language=state.language,
        last_inbound_at=state.last_inbound_at,
        opted_out_at=state.opted_out_at,
        summary=None if found.summary is None else found.summary.text,
        facts=found.facts,
        reminders=found.reminders,
        payments=found.payments,
        same_person=persons.same_person(connection, state.key),
    )


@router.put("/contacts/{contact}")
async def change_contact(request: Request, contact: ContactName, body: ContactBody) -> Details:
    """Change tags and fields; the platform is told."""
    agent = agent_of(request)
    given = body.model_dump(exclude_unset=True)
    tags, custom = given.pop("tags", None), given.pop("custom_fields", None)
    lifecycle = [SetLifecycle(given.pop("lifecycle"))] if "lifecycle" in given else []
    fields = {**given, **(custom or {})}
    if fields:
        state = await agent.database.read(lambda connection: contact_named(connection, contact))
        platform = agent.platforms.get(state.key.platform) or next(iter(agent.platforms.values()))
        try:
            await platform.in_format(fields)
        except (UnknownField, Invalid) as error:
            wrong = next((name for name in fields if name in str(error)), None)
            raise BadRequest(str(error), wrong) from None
        except MessagingError as error:
            raise OutsideFailed(f"{platform.name} does not answer: {error}") from None
    now, name = agent.clock(), f"contact-{secrets.token_hex(6)}"

    def work(connection: Connection) -> tuple[ContactKey, Details]:
        state = contact_named(connection, contact)
        lock_contact(connection, state.key.platform, state.key.id)
        before = contacts.before_change(connection, state.key)
        tasks: list[Deliverable] = [*lifecycle]
        if tags is not None:
            wanted, had = list(dict.fromkeys(tags)), state.contact.tags
            add = tuple(tag for tag in wanted if tag not in had)
            remove = tuple(tag for tag in had if tag not in wanted)
            tasks += [ChangeTags(add, remove)] if add or remove else []
        if fields:
            tasks.append(UpdateContact(fields))
        if tasks:
            outbound.add(connection, state.key, name, tasks, now=now)
            contacts.anticipate(connection, state.key, tasks)
            contacts.record_change(connection, before, now)
            contacts.set_columns(connection, state.key, wake_at=now)
        return state.key, _details(connection, str(state.key))

    key, details = await agent.database.write(work)
    await agent.engine.wake(key, now)
    return details


@router.delete("/contacts/{contact}", openapi_extra=ADMIN)
async def forget_contact(request: Request, contact: ContactName) -> Forgotten:
    """Erase everything of a contact. Cannot be undone."""
    agent = agent_of(request)
    now = agent.clock()

    def work(connection: Connection) -> Forgotten:
        key = contact_named(connection, contact).key
        erased = erasure.forget(connection, key, now)
        if erased.obstacle is not None:
            raise Conflict(f"{key} was not erased: {erased.obstacle}; try again in a moment")
        return Forgotten(key, erased.rows)

    forgotten = await agent.database.write(work)
    await agent.database.drop_log()
    return forgotten


@router.post("/contacts/{contact}/merge")
async def merge_contacts(request: Request, contact: ContactName, body: MergeBody) -> Merged:
    """Say that two contacts are one person: tags, facts, newest messages and an opt-out are carried both ways."""
    agent = agent_of(request)
    now, by = agent.clock(), by_whom(request, body.by)

    def work(connection: Connection) -> Merged:
        first, second = contact_named(connection, contact).key, contact_named(connection, body.other).key
        if first == second:
            raise BadRequest(f"with: {first} is this contact itself", "with")
        link = persons.merge(connection, first, second, by, now)
        if link is None:
            raise Conflict(f"{first} and {second} are one person already")
        return Merged(link.id, [first, second], list(link.differ))

    merged = await agent.database.write(work)
    for key in merged.contacts:
        await agent.engine.wake(key, now)
    return merged


@router.post("/contacts/{contact}/split")
async def split_contact(request: Request, contact: ContactName) -> Parted:
    """Part a contact from those that it was joined with, and take back what was carried, except an opt-out."""
    agent = agent_of(request)
    now = agent.clock()

    def work(connection: Connection) -> list[ContactKey]:
        key = contact_named(connection, contact).key
        found = persons.split(connection, key, now)
        if not found:
            raise Conflict(f"{key} is joined with no other contact")
        return [each for link in found for each in (link.first, link.second)]

    parted = await agent.database.write(work)
    for key in parted:
        await agent.engine.wake(key, now)
    return Parted(len(parted) // 2)
