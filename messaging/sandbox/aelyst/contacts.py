"""The endpoints of contacts: fields, tags, channels, lifecycle, conversation, comments and messages."""

from typing import Annotated, Literal, cast

from pydantic import Field, TypeAdapter
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.aelyst import wire
from messaging.sandbox.aelyst.contents import SendBody, check_channel
from messaging.sandbox.aelyst.filters import ListBody, select
from messaging.sandbox.contacts import ContactFields
from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import Contact, Sender, SenderKind
from messaging.sandbox.requests import (
    Body,
    EmailAddress,
    HttpUrl,
    Language,
    Phone,
    Words,
    body_of,
    read_body,
    read_json,
    sandbox_of,
)

TagNames = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=255)], ...], Field(min_length=1, max_length=10)
]
_TAGS: TypeAdapter[tuple[str, ...]] = TypeAdapter(TagNames)
_LONGEST_COMMENT = 1000


class CustomValue(Body):
    name: Words
    value: str | bool | int | float | None = None


class FieldsBody(Body):
    """The body of create and update; only the keys that are there are written."""

    first_name: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    last_name: Annotated[str, Field(max_length=50)] | None = None
    phone: Phone | None = None
    email: EmailAddress | None = None
    language: Language | None = None
    profile_pic: HttpUrl | None = None
    country_code: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] | None = None
    custom_fields: Annotated[tuple[CustomValue, ...] | None, Field(alias="custom_fields")] = None

    def fields(self) -> ContactFields:
        """Return what the sandbox is to write."""
        given = self.model_dump(exclude_unset=True, exclude={"custom_fields", "contact_ids"})
        if self.custom_fields is not None:
            given["custom_fields"] = {item.name: item.value for item in self.custom_fields}
        return cast("ContactFields", given)


class MergeBody(FieldsBody):
    contact_ids: Annotated[tuple[int, ...], Field(min_length=2, max_length=2)]


def contact_of(request: Request) -> Contact:
    """Return the contact that the path names. Raises: `NotFound`, `Invalid`."""
    return sandbox_of(request).contacts.find(request.path_params["identifier"])


def contact_id(contact: Contact) -> JSONResponse:
    """Answer with the id of a contact, as most changes do."""
    return JSONResponse({"contactId": contact.id})


class LifecycleBody(Body):
    name: Annotated[str, Field(min_length=1)] | None


class ContactEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> JSONResponse:
        return JSONResponse(wire.contact(contact_of(request), sandbox_of(request).workspace))

    async def post(self, request: Request) -> JSONResponse:
        fields = read_body(FieldsBody, await body_of(request)).fields()
        sandbox_of(request).contacts.create(request.path_params["identifier"], fields)
        return JSONResponse({"code": "200", "message": "Contact added successfully!"})  # a string on this platform

    async def put(self, request: Request) -> JSONResponse:
        fields = read_body(FieldsBody, await body_of(request)).fields()
        return contact_id(sandbox_of(request).contacts.update(contact_of(request), fields))

    async def delete(self, request: Request) -> JSONResponse:
        contact = contact_of(request)
        sandbox_of(request).delete_contact(contact)
        return contact_id(contact)


async def create_or_update(request: Request) -> JSONResponse:
    book, identifier = sandbox_of(request).contacts, request.path_params["identifier"]
    fields = read_body(FieldsBody, await body_of(request)).fields()
    known = book.look_up(identifier)
    return contact_id(book.create(identifier, fields) if known is None else book.update(known, fields))


async def merge(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    body = read_body(MergeBody, await body_of(request))
    if len(set(body.contact_ids)) != 2:
        raise Invalid("Validation error: contactIds: two different contacts are needed")
    first, second = (sandbox.contacts.get(number) for number in body.contact_ids)
    return contact_id(sandbox.merge_contacts(first, second, body.fields()))


async def find(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    found = select(sandbox.contacts.all(), read_body(ListBody, await body_of(request)), sandbox.workspace)
    return wire.page(
        request, found, lambda contact: wire.contact(contact, sandbox.workspace), lambda contact: contact.id
    )


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
    return wire.page(request, found, lambda channel: wire.contact_channel(contact, channel), lambda channel: channel.id)


async def set_lifecycle(request: Request) -> JSONResponse:
    body = read_body(LifecycleBody, await body_of(request))
    sandbox_of(request).contacts.set_lifecycle(contact_of(request), body.name)
    return JSONResponse({"code": 200, "message": "Contact lifecycle stage updated successfully!"})


class AssigneeBody(Body):
    assignee: int | str | None


class StatusBody(Body):
    status: Literal["open", "close"]
    category: Annotated[str, Field(max_length=128)] | None = None
    summary: Annotated[str, Field(max_length=512)] | None = None


class CommentBody(Body):
    text: Words


async def assign(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), contact_of(request)
    body = read_body(AssigneeBody, await body_of(request))
    user = None if body.assignee is None else sandbox.workspace.find_user(body.assignee)
    return contact_id(sandbox.conversations.assign(contact, user))


async def set_status(request: Request) -> JSONResponse:
    conversations, contact = sandbox_of(request).conversations, contact_of(request)
    body = read_body(StatusBody, await body_of(request))
    if body.status == "open":
        conversations.open(contact, SenderKind.API)
    else:
        conversations.close(contact, SenderKind.API, None, body.category, body.summary)
    return contact_id(contact)


async def comment(request: Request) -> JSONResponse:
    conversations, contact = sandbox_of(request).conversations, contact_of(request)
    body = read_body(CommentBody, await body_of(request))
    if len(body.text) > _LONGEST_COMMENT:
        raise Invalid(f"Comment length must not be greater than {_LONGEST_COMMENT} characters")
    kept = conversations.comment(contact, body.text, Sender(SenderKind.API))
    return JSONResponse({"contactId": contact.id, "text": kept.text, "created_at": wire.seconds(kept.at)})


async def send(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), contact_of(request)
    body = read_body(SendBody, await body_of(request))
    number = body.channel_id or contact.channel
    if number is None:
        raise Invalid("channelId: the contact has not written on any channel yet; name the channel to send on")
    channel = sandbox.workspace.channel(number)
    check_channel(body.message, channel)
    message = sandbox.messages.send(contact, channel, body.content(), Sender(SenderKind.API))
    return JSONResponse({"messageId": message.id})


async def show(request: Request) -> JSONResponse:
    message = sandbox_of(request).messages.get(contact_of(request), request.path_params["message_id"])
    return JSONResponse(wire.message(message))


async def recent(request: Request) -> JSONResponse:
    """The messages of a contact, newest first."""
    found = sandbox_of(request).listed(contact_of(request))[::-1]
    return wire.page(request, found, wire.message, lambda message: message.id, most=50, newest_first=True)
