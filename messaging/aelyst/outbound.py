"""The body of `POST /contact/{identifier}/message` for everything that can be sent."""

from collections.abc import Mapping
from typing import assert_never

from messaging.aelyst.values import Json, integer
from messaging.errors import Invalid
from messaging.types import CustomPayload, Email, File, Outbound, QuickReplies, Template, Text

_COMPONENTS = frozenset({"header", "body", "footer", "buttons"})


def send_body(message: Outbound, channel: str | None) -> dict[str, Json]:
    """`{"channelId": …, "message": {…}}`; without a channel the platform takes the one the contact wrote on last.

    Raises:
        Invalid: the message cannot be sent as it is: empty, an address that is no URL, a custom payload without a channel.
    """
    if isinstance(message, CustomPayload) and channel is None:
        raise Invalid("a custom payload needs a channel (Telegram, Facebook, Viber or Line)")
    return {"channelId": None if channel is None else _channel_id(channel), "message": _message(message)}


def _channel_id(channel: str) -> int:
    number = integer(channel)
    if number is None:
        raise Invalid(f"channel {channel!r} is not the id of a channel, which is a number")
    return number


def _message(message: Outbound) -> dict[str, Json]:
    match message:
        case Text():
            body: dict[str, Json] = {"type": "text", "text": _some(message.text, "text")}
            return body if message.tag is None else {**body, "messageTag": message.tag}
        case File():
            return {"type": "attachment", "attachment": {"type": message.kind, "url": _public(message.url)}}
        case QuickReplies():
            if not message.replies:
                raise Invalid("quick replies need at least one reply to choose from")
            return {
                "type": "quick_reply",
                "title": _some(message.title, "title"),
                "replies": [_some(reply, "reply") for reply in message.replies],
            }
        case Email():
            return _email(message)
        case Template():
            return {"type": "whatsapp_template", "template": _template(message)}
        case CustomPayload():
            return {"type": "custom_payload", "payload": plain(message.payload)}
    assert_never(message)


def _email(message: Email) -> dict[str, Json]:
    body: dict[str, Json] = {"type": "email", "text": _some(message.text, "text")}
    if message.subject is not None:
        body["subject"] = message.subject
    if message.cc:
        body["cc"] = list(message.cc)
    if message.bcc:
        body["bcc"] = list(message.bcc)
    if message.reply_to is not None:
        body["replyToMessageId"] = message.reply_to
    if message.files:
        body["attachments"] = [
            {"type": kind, "url": _public(url), "fileName": name} for kind, url, name in message.files
        ]
    return body


def _template(message: Template) -> dict[str, Json]:
    for component in message.components:
        if component.get("type") not in _COMPONENTS:
            raise Invalid(
                f"template {message.name!r}: a component has type {component.get('type')!r}; it is header, body, footer or buttons"
            )
    body: dict[str, Json] = {
        "name": _some(message.name, "template name"),
        "languageCode": _some(message.language, "template language"),
    }
    if message.components:
        body["components"] = [plain(component) for component in message.components]
    return body


def plain(value: object) -> Json:
    """Mappings and sequences of any kind as the dicts and lists that JSON knows.

    Raises:
        Invalid: something in it has no place in JSON.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise Invalid(f"{value!r} cannot be sent as JSON")


def _some(value: str, what: str) -> str:
    if not value.strip():
        raise Invalid(f"the {what} of a message is empty")
    return value


def _public(url: str) -> str:
    """The platform fetches the file itself, so only a web address will do; nothing can be uploaded."""
    if not url.startswith(("https://", "http://")):
        raise Invalid(f"{url!r} is not a web address; the platform fetches attachments by URL")
    return url
