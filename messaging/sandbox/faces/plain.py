"""What the faces share: finding the customer, accepting a message, files by token, and a face without extras."""

import hmac
import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from starlette.datastructures import UploadFile
from starlette.requests import Request

from messaging.sandbox.errors import Invalid, NotFound, Unauthorized
from messaging.sandbox.faults import Verdict
from messaging.sandbox.records import Contact, Content, Json, Message, Sender, SenderKind
from messaging.sandbox.requests import body_of, sandbox_of
from messaging.sandbox.state import Sandbox

ACCOUNT = "sandbox"
"""The one account of the sandbox; what `messaging.account` is to say."""


class PlainFace:
    """A platform without queues and variables, and without headers that tell a limit."""

    tells_phone = True

    def is_open(self, method: str, path: str) -> bool:
        return False

    def is_queued(self, method: str, path: str) -> bool:
        return False

    def limit_headers(self, verdict: Verdict) -> Mapping[str, str]:
        return {}

    def fill_in(self, content: Content, contact: Contact) -> Content:
        return content


def require(given: str | None, token: str) -> None:
    """Compare a credential in constant time. Raises `Unauthorized`."""
    if not hmac.compare_digest((given or "").strip().encode(), token.encode()):
        raise Unauthorized("Unauthorized")


def bearer(authorization: str | None, token: str) -> None:
    """Check `Authorization: Bearer`. Raises `Unauthorized`."""
    scheme, _, given = (authorization or "").partition(" ")
    require(given if scheme.lower() == "bearer" else None, token)


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises `Invalid`."""
    body = json.loads(await body_of(request) or b"null")
    if not isinstance(body, dict):
        raise Invalid("the body is not a JSON object")
    return body


async def form_of(request: Request) -> dict[str, Any]:
    """The fields of a form; a file is `(name, bytes, type)`. Raises `Invalid` for a body that is no form."""
    if not request.headers.get("content-type", "").startswith(
        ("multipart/form-data", "application/x-www-form-urlencoded")
    ):
        raise Invalid("the body is not a form")
    found: dict[str, Any] = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                found[name] = (value.filename or "file", await value.read(), value.content_type)
            else:
                found[name] = value
    return found


def by_phone(request: Request, number: object) -> Contact:
    """The customer with this number, with or without `+`. Raises `NotFound`."""
    digits = "".join(letter for letter in str(number) if letter in "0123456789")
    contact = sandbox_of(request).contacts.look_up(f"phone:+{digits}") if digits else None
    if contact is None:
        raise NotFound("Recipient not found")
    return contact


def by_id(request: Request, identity: str, prefix: str = "") -> Contact:
    """The customer behind an id such as `chat-7`. Raises `NotFound`."""
    number = identity.removeprefix(prefix)
    contact = sandbox_of(request).contacts.look_up(f"id:{number}") if number.isdigit() else None
    if contact is None:
        raise NotFound("Not found")
    return contact


def accept(request: Request, contact: Contact, content: Content) -> Message:
    """Take a message of the program to a customer."""
    sandbox = sandbox_of(request)
    channel = sandbox.workspace.channel(contact.channel or sandbox.workspace.channels[0].id)
    return sandbox.messages.send(contact, channel, content, Sender(SenderKind.API))


def text(words: object) -> Content:
    """A text. Raises `Invalid` for an empty one."""
    if not isinstance(words, str) or not words.strip():
        raise Invalid("the text is empty")
    return {"type": "text", "text": words}


def linked(kind: str, url: object, caption: object = None) -> Content:
    """A file at an address. Raises `Invalid` for what is none."""
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Invalid("the file has no web address")
    content: dict[str, JsonValue] = {"type": "attachment", "attachment": {"type": kind, "url": url}}
    return {**content, "description": caption} if isinstance(caption, str) and caption else content


def uploaded(sandbox: Sandbox, file: object) -> Content:
    """A file that was handed over. Raises `Invalid`."""
    if not isinstance(file, tuple):
        raise Invalid("the file is missing")
    name, data, kind = file
    return stored(sandbox, sandbox.media.add(name, data, kind).token)


def stored(sandbox: Sandbox, token: str) -> Content:
    """A file that the sandbox has. Raises `NotFound`."""
    media = sandbox.media.get(token)
    family = media.mime_type.partition("/")[0]
    attachment: dict[str, JsonValue] = {
        "type": family if family in ("image", "video", "audio") else "file",
        "url": sandbox.media_url(media),
        "fileName": media.name,
        "mimeType": media.mime_type,
    }
    return {"type": "attachment", "attachment": attachment}


def choices(title: object, replies: list[Any]) -> Content:
    """A question with choices to tap."""
    return {"type": "quick_reply", "title": str(title), "replies": [str(reply) for reply in replies]}


def template(name: object, language: object, components: object) -> Content:
    """A template message."""
    listed = components if isinstance(components, list) else []
    return {
        "type": "whatsapp_template",
        "template": {"name": str(name), "languageCode": str(language), "components": listed},
    }


def attachment_of(message: Message) -> Mapping[str, Any] | None:
    """The file of a message, with the `token` under which the sandbox keeps it."""
    found = message.content.get("attachment")
    if not isinstance(found, dict):
        return None
    parts = str(found.get("url", "")).split("/")
    return {**found, "token": parts[-2] if len(parts) > 1 else ""}


def place_of(message: Message) -> Json | None:
    """The place that a message shares, by the names of most platforms."""
    if message.content.get("type") != "location":
        return None
    given = {name: message.content.get(name) for name in ("latitude", "longitude", "name", "address")}
    return {name: value for name, value in given.items() if value is not None}


def cards_of(message: Message) -> list[JsonValue]:
    """The contact cards that a message shares, as WhatsApp writes them."""
    found = message.content.get("contacts")
    return found if isinstance(found, list) else []


def digits(contact: Contact) -> str:
    """The telephone number without `+`."""
    return (contact.phone or f"{contact.id:08}").removeprefix("+")
