"""What the human colleague does: reply, take over, give back, close, reopen, note, call."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.api.answers import body_of, sandbox_of
from messaging.sandbox.content import Words, read_body
from messaging.sandbox.control import views
from messaging.sandbox.control.requests import AsColleague, named_contact


class ReplyBody(AsColleague):
    text: Words


class CloseBody(AsColleague):
    category: Annotated[str, Field(max_length=128)] | None = None
    summary: Annotated[str, Field(max_length=512)] | None = None


class CallBody(AsColleague):
    seconds: Annotated[int, Field(ge=0, le=86400)] = 60


async def _optional_body(request: Request) -> bytes:
    return await body_of(request) or b"{}"


async def reply(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(ReplyBody, await body_of(request))
    return JSONResponse(views.message(sandbox.reply_as_human(contact, body.text, body.user), sandbox))


async def assign(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(AsColleague, await _optional_body(request))
    return JSONResponse(views.contact(sandbox.assign(contact, body.user), sandbox))


async def unassign(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    return JSONResponse(views.contact(sandbox.unassign(named_contact(request)), sandbox))


async def close(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(CloseBody, await _optional_body(request))
    return JSONResponse(views.contact(sandbox.close(contact, body.user, body.category, body.summary), sandbox))


async def reopen(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    return JSONResponse(views.contact(sandbox.reopen(named_contact(request)), sandbox))


async def block(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    return JSONResponse(views.contact(sandbox.block(named_contact(request)), sandbox))


async def unblock(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    return JSONResponse(views.contact(sandbox.unblock(named_contact(request)), sandbox))


async def comment(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(ReplyBody, await body_of(request))
    return JSONResponse(views.comment(sandbox.comment(contact, body.text, body.user), sandbox))


async def end_call(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(CallBody, await _optional_body(request))
    sandbox.end_call(contact, body.seconds, body.user)
    return JSONResponse({})
