"""Assigning, opening, closing, commenting."""

from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox import wire
from messaging.sandbox.api.answers import body_of, contact_id, contact_of, sandbox_of
from messaging.sandbox.content import Body, Words, read_body
from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import Sender

_LONGEST_COMMENT = 1000


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
        conversations.open(contact, "api")
    else:
        conversations.close(contact, "api", None, body.category, body.summary)
    return contact_id(contact)


async def comment(request: Request) -> JSONResponse:
    conversations, contact = sandbox_of(request).conversations, contact_of(request)
    body = read_body(CommentBody, await body_of(request))
    if len(body.text) > _LONGEST_COMMENT:
        raise Invalid(f"Comment length must not be greater than {_LONGEST_COMMENT} characters")
    kept = conversations.comment(contact, body.text, Sender("api"))
    return JSONResponse({"contactId": contact.id, "text": kept.text, "created_at": wire.seconds(kept.at)})
