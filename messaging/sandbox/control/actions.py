"""What the control API does: play the customer and the colleague, switch faults, set webhooks and templates, reset."""

import asyncio
import json
from datetime import timedelta
from typing import Annotated, Literal, cast

from pydantic import Field, JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.control import views
from messaging.sandbox.control.feed import named_contact, read_sample
from messaging.sandbox.errors import Invalid, NotFound, TooLarge
from messaging.sandbox.events import EventType
from messaging.sandbox.faults import FaultName
from messaging.sandbox.media import LARGEST, sniff, to_ogg
from messaging.sandbox.requests import Body, EmailAddress, Language, Phone, Words, body_of, read_body, sandbox_of
from messaging.sandbox.webhooks import parse_events

UserRef = Annotated[int | str | None, Field(description="a colleague's id or e-mail; the first agent when left out")]


class AsColleague(Body):
    user: UserRef = None


class NewPhone(Body):
    """A customer to create."""

    phone: Phone
    first_name: Words = "Pelanggan"
    email: EmailAddress | None = None
    language: Language | None = None


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
    """Send one of the sample notes as the customer."""
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


async def upload_of(request: Request) -> bytes:
    """Read the raw body as a file. Raises: `TooLarge`."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            raise TooLarge(f"file: it is larger than {LARGEST} bytes")
    return bytes(data)


class FaultBody(Body):
    seconds: float | None = None
    only: Literal["all", "sends"] | None = None
    times: int | None = None
    status: int | None = None


class WebhookBody(Body):
    url: Words
    secret: str = ""
    events: tuple[str, ...] = tuple(EventType)


class NewTemplate(Body):
    name: Words
    language: Words
    text: Words
    channel_id: int = 1
    category: Annotated[str, Field(min_length=1)] = "UTILITY"


async def faults(request: Request) -> JSONResponse:
    return JSONResponse(views.faults(sandbox_of(request)))


async def switch_on(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    body = read_body(FaultBody, await body_of(request) or b"{}")
    sandbox.faults.switch_on(cast("FaultName", request.path_params["name"]), **body.model_dump(exclude_none=True))
    return JSONResponse(views.faults(sandbox))


async def switch_off(request: Request) -> JSONResponse:
    sandbox = sandbox_of(request)
    sandbox.faults.switch_off(cast("FaultName", request.path_params["name"]))
    return JSONResponse(views.faults(sandbox))


async def switch_all_off(request: Request) -> JSONResponse:
    sandbox_of(request).faults.switch_off()
    return JSONResponse({})


async def webhooks(request: Request) -> JSONResponse:
    return JSONResponse({"items": views.change("webhooks", 0, sandbox_of(request))})


async def add_webhook(request: Request) -> JSONResponse:
    body = read_body(WebhookBody, await body_of(request))
    target = sandbox_of(request).webhooks.add(body.url, body.secret, parse_events(body.events))
    return JSONResponse(views.target(target))


async def remove_webhook(request: Request) -> JSONResponse:
    sandbox_of(request).webhooks.remove(request.path_params["number"])
    return JSONResponse({})


async def deliveries(request: Request) -> JSONResponse:
    """The log, newest first; at most 200."""
    found = list(sandbox_of(request).webhooks.deliveries.values())[:-201:-1]
    return JSONResponse({"items": [views.delivery(delivery) for delivery in found]})


async def delivery(request: Request) -> JSONResponse:
    """One delivery with the body that was sent."""
    found = sandbox_of(request).webhooks.deliveries.get(request.path_params["number"])
    if found is None:
        raise NotFound("Delivery not found")
    return JSONResponse(views.delivery(found) | {"body": json.loads(found.body)})


async def redeliver(request: Request) -> JSONResponse:
    return JSONResponse(views.delivery(sandbox_of(request).webhooks.redeliver(request.path_params["number"])))


async def add_template(request: Request) -> JSONResponse:
    body = read_body(NewTemplate, await body_of(request))
    workspace = sandbox_of(request).workspace
    template = workspace.add_template(body.channel_id, body.name, body.language, body.text, body.category)
    return JSONResponse({"id": template.id})


async def reset(request: Request) -> JSONResponse:
    sandbox_of(request).reset()
    return JSONResponse({})
