"""What the customer does: exist, write, record, read."""

import asyncio
from datetime import timedelta
from typing import Annotated

from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.api.gate import body_of, sandbox_of
from messaging.sandbox.content import Body, Words, read_body
from messaging.sandbox.control import views
from messaging.sandbox.control.access import AsColleague, named_contact, upload_of
from messaging.sandbox.control.stream import read_sample
from messaging.sandbox.errors import Invalid
from messaging.sandbox.fields import Phone
from messaging.sandbox.media import sniff, to_ogg


class NewPhone(Body):
    phone: Phone
    first_name: Words = "Pelanggan"
    email: str | None = None
    language: str | None = None


class CustomerWords(Body):
    """One of: `text`, several `texts` in a burst, or a whole `message` of any type."""

    text: Words | None = None
    texts: Annotated[tuple[Words, ...], Field(max_length=1000)] = ()
    message: dict[str, JsonValue] | None = None
    channel_id: int | None = None


class Age(Body):
    hours: Annotated[float, Field(ge=0, le=24 * 3650)]


async def contacts(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    return JSONResponse({"items": [views.contact(contact, sandbox) for contact in sandbox.contacts.all()]})


async def create(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    body = read_body(NewPhone, await body_of(request))
    contact = sandbox.phone(body.phone, body.first_name, body.email, body.language)
    return JSONResponse(views.contact(contact, sandbox))


async def delete(request: Request) -> JSONResponse:
    sandbox_of(request).delete_contact(named_contact(request))
    return JSONResponse({})


async def say(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(CustomerWords, await body_of(request))
    texts = (body.text, *body.texts) if body.text is not None else body.texts
    if bool(texts) == (body.message is not None):
        raise Invalid("give either text, texts or message")
    if body.message is not None:
        sent = [sandbox.receive(contact, body.message, body.channel_id)]
    else:
        sent = [sandbox.say(contact, text, body.channel_id) for text in texts]
    return JSONResponse({"items": [views.message(message, sandbox) for message in sent]})


async def upload(request: Request) -> JSONResponse:
    """The body is the file; `?name=…&caption=…&channel=…`. A WebM recording becomes an Ogg voice note."""
    sandbox, contact = sandbox_of(request), named_contact(request)
    name, caption = request.query_params.get("name") or "file", request.query_params.get("caption")
    claimed = request.headers.get("content-type")
    data = await upload_of(request)
    if sniff(data) == "audio/webm" and not (claimed or "").startswith("video/"):
        data, claimed = await asyncio.to_thread(to_ogg, data), "audio/ogg"
    channel = request.query_params.get("channel")
    if channel is not None and not channel.isdigit():
        raise Invalid(f"channel: {channel!r} is not a channel id")
    message = sandbox.attach(contact, data, name, claimed, caption, int(channel) if channel else None)
    return JSONResponse(views.message(message, sandbox))


async def send_sample(request: Request) -> JSONResponse:
    """Send one of the sample notes as if it had just been recorded."""
    sandbox, contact = sandbox_of(request), named_contact(request)
    name = request.path_params["name"]
    data = await asyncio.to_thread(read_sample, sandbox.options.samples, name)
    return JSONResponse(views.message(sandbox.attach(contact, data, name), sandbox))


async def read(request: Request) -> JSONResponse:
    sandbox_of(request).messages.read_all(named_contact(request))
    return JSONResponse({})


async def age(request: Request) -> JSONResponse:
    sandbox, contact = sandbox_of(request), named_contact(request)
    body = read_body(Age, await body_of(request))
    return JSONResponse(views.contact(sandbox.age(contact, timedelta(hours=body.hours)), sandbox))


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
