"""Contacts, their tags, channels and lifecycle."""

from typing import Annotated

from pydantic import Field, TypeAdapter
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox import wire
from messaging.sandbox.api.answers import body_of, contact_id, contact_of, page, sandbox_of
from messaging.sandbox.contacts import TagNames
from messaging.sandbox.content import Body, read_body, read_json
from messaging.sandbox.errors import Invalid
from messaging.sandbox.fields import ContactFields, MergeBody
from messaging.sandbox.filters import ListBody, select

_TAGS: TypeAdapter[tuple[str, ...]] = TypeAdapter(TagNames)


class LifecycleBody(Body):
    name: Annotated[str, Field(min_length=1)] | None


class Contact(HTTPEndpoint):
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse(wire.contact(contact_of(request), sandbox_of(request).workspace))

    async def post(self, request: Request) -> JSONResponse:
        fields = read_body(ContactFields, await body_of(request))
        sandbox_of(request).contacts.create(request.path_params["identifier"], fields)
        return JSONResponse({"code": "200", "message": "Contact added successfully!"})  # a string on this platform

    async def put(self, request: Request) -> JSONResponse:
        fields = read_body(ContactFields, await body_of(request))
        return contact_id(sandbox_of(request).contacts.update(contact_of(request), fields))

    async def delete(self, request: Request) -> JSONResponse:
        contact = contact_of(request)
        sandbox_of(request).delete_contact(contact)
        return contact_id(contact)


async def create_or_update(request: Request) -> JSONResponse:
    book, identifier = sandbox_of(request).contacts, request.path_params["identifier"]
    fields = read_body(ContactFields, await body_of(request))
    known = book.look_up(identifier)
    return contact_id(book.create(identifier, fields) if known is None else book.update(known, fields))


async def merge(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    body = read_body(MergeBody, await body_of(request))
    if len(set(body.contact_ids)) != 2:
        raise Invalid("Validation error: contactIds: two different contacts are needed")
    first, second = (sandbox.contacts.get(number) for number in body.contact_ids)
    return contact_id(sandbox.merge_contacts(first, second, body))


async def find(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    found = select(sandbox.contacts.all(), read_body(ListBody, await body_of(request)), sandbox.workspace)
    return page(request, found, lambda contact: wire.contact(contact, sandbox.workspace), lambda contact: contact.id)


async def add_tags(request: Request) -> JSONResponse:
    names = read_json(_TAGS, await body_of(request))
    _refuse_twins(names)
    return contact_id(sandbox_of(request).contacts.add_tags(contact_of(request), names))


async def remove_tags(request: Request) -> JSONResponse:
    names = read_json(_TAGS, await body_of(request))
    _refuse_twins(names)
    return contact_id(sandbox_of(request).contacts.remove_tags(contact_of(request), names))


def _refuse_twins(names: tuple[str, ...]) -> None:
    if len(set(names)) != len(names):
        raise Invalid("Validation error: tags must be unique")


async def channels(request: Request) -> JSONResponse:
    contact, workspace, log = contact_of(request), sandbox_of(request).workspace, sandbox_of(request).messages
    used = {message.channel for message in log.of(contact.id)} | ({contact.channel} - {None})
    found = [channel for channel in workspace.channels if channel.id in used]
    return page(request, found, lambda channel: wire.contact_channel(contact, channel), lambda channel: channel.id)


async def set_lifecycle(request: Request) -> JSONResponse:
    body = read_body(LifecycleBody, await body_of(request))
    sandbox_of(request).contacts.set_lifecycle(contact_of(request), body.name)
    return JSONResponse({"code": 200, "message": "Contact lifecycle stage updated successfully!"})
