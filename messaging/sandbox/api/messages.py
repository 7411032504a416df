"""Sending and reading messages."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox import wire
from messaging.sandbox.api.answers import body_of, contact_of, page, sandbox_of
from messaging.sandbox.content import SendBody, read_body
from messaging.sandbox.records import Sender


async def send(request: Request) -> JSONResponse:
    contact = contact_of(request)
    body = read_body(SendBody, await body_of(request))
    message = sandbox_of(request).messages.send(contact, body, Sender("api"))
    return JSONResponse({"messageId": message.id})


async def show(request: Request) -> JSONResponse:
    message = sandbox_of(request).messages.get(contact_of(request), request.path_params["message_id"])
    return JSONResponse(wire.message(message))


async def recent(request: Request) -> JSONResponse:
    """The messages of a contact, newest first."""
    found = sandbox_of(request).messages.of(contact_of(request).id)[::-1]
    return page(request, found, wire.message, lambda message: message.id, most=50, newest_first=True)
