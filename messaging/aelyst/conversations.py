"""Conversations: sending and listing messages, assigning, opening, closing, commenting."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import assert_never

from messaging.aelyst.addresses import Addresses, Identifier, segment
from messaging.aelyst.client import Client
from messaging.aelyst.records import read_message
from messaging.errors import Invalid, OutcomeUnknown, PlatformError
from messaging.splitting import shorten, split
from messaging.types import (
    ContactKey,
    CustomPayload,
    Email,
    File,
    Outbound,
    PlatformMessage,
    QuickReplies,
    Template,
    Text,
)
from messaging.values import Json, integer, text

_COMPONENTS = frozenset({"header", "body", "footer", "buttons"})


def send_body(message: Outbound, channel: str | None) -> dict[str, Json]:
    """Build the body of `POST /contact/{identifier}/message`: `{"channelId": …, "message": {…}}`.

    Args:
        message: what is sent.
        channel: the id of the channel; without one the platform takes the one the contact wrote on last.

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
    """Convert mappings and sequences of any kind to the dicts and lists of JSON.

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
    """The platform fetches the file itself, so only a web address is accepted; nothing can be uploaded."""
    if not url.startswith(("https://", "http://")):
        raise Invalid(f"{url!r} is not a web address; the platform fetches attachments by URL")
    return url


COMMENT_LIMIT = 1000
"""Characters of one comment."""

_MESSAGES_PER_PAGE = 50
_MOST_PAGES = 20
_LONGEST_CATEGORY = 128
_LONGEST_SUMMARY = 512


class Conversations:
    """The messages and the conversation of a contact."""

    def __init__(self, client: Client, addresses: Addresses) -> None:
        self._client = client
        self._addresses = addresses

    async def send(self, contact: ContactKey | Identifier, message: Outbound, channel: str | None = None) -> str:
        """Send one message and return its id: the platform has accepted the message, and delivers it later.

        Raises:
            OutcomeUnknown: the answer names no id, so the message may have gone out; and as `Client.call`.
        """
        body = send_body(message, channel)
        path = f"{await self._addresses.path(contact)}/message"
        message_id = text((await self._client.call("POST", path, body=body)).get("messageId"))
        if message_id is None:
            raise OutcomeUnknown("the platform's answer names no messageId", call=f"POST {path}")
        return message_id

    async def message(self, contact: ContactKey | Identifier, message_id: str) -> PlatformMessage:
        """Fetch one message with its current state.

        Raises:
            OutcomeUnknown: the answer is no message; and as `Client.call`.
        """
        path = f"{await self._addresses.path(contact)}/message/{segment(message_id)}"
        found = read_message(await self._client.call("GET", path))
        if found is None:
            raise OutcomeUnknown("the platform's answer is no message", call=f"GET {path}")
        return found

    async def messages(
        self, contact: ContactKey | Identifier, since: datetime | None = None
    ) -> Sequence[PlatformMessage]:
        """List the newest messages, newest first. No order is documented, so they are sorted here.

        Args:
            contact: whose messages.
            since: how far back; at most 20 pages of 50 are fetched. Without it, one page.
        """
        found: list[PlatformMessage] = []
        pages = 0
        async for page in self._pages(contact):
            pages += 1
            found += page
            if pages == _MOST_PAGES or (_newest_first(page) and (since is None or _reaches(page, since))):
                break
        if all(message.id.isdigit() for message in found):
            found.sort(key=lambda message: int(message.id), reverse=True)
        return found

    async def assign(self, contact: ContactKey | Identifier, assignee: str | None) -> None:
        """Assign to a user id or an e-mail address; None unassigns."""
        person: Json = None if assignee is None else integer(assignee) or assignee
        path = f"{await self._addresses.path(contact)}/conversation/assignee"
        await self._client.call("POST", path, body={"assignee": person})

    async def open(self, contact: ContactKey | Identifier) -> None:
        """Open the conversation."""
        await self._status(contact, {"status": "open"})

    async def close(
        self, contact: ContactKey | Identifier, category: str | None = None, summary: str | None = None
    ) -> None:
        """Close the conversation.

        Args:
            contact: whose conversation.
            category: the name of a closing note, cut to the 128 characters that are allowed.
            summary: cut to the 512 characters that are allowed; the platform keeps one only together with a category.
        """
        body: dict[str, Json] = {"status": "close"}
        if category is not None:
            body["category"] = category[:_LONGEST_CATEGORY]
            if summary is not None:
                body["summary"] = shorten(summary, _LONGEST_SUMMARY)
        await self._status(contact, body)

    async def comment(self, contact: ContactKey | Identifier, note: str) -> None:
        """Leave a note for colleagues; one that is too long becomes several. `{{@user.ID}}` mentions a colleague.

        Raises:
            OutcomeUnknown: a part of it stands there, and a later one was refused; the whole must not be repeated.
        """
        path = f"{await self._addresses.path(contact)}/comment"
        for number, part in enumerate(split(note, COMMENT_LIMIT)):
            try:
                await self._client.call("POST", path, body={"text": part})
            except PlatformError as error:
                if number == 0:
                    raise
                raise OutcomeUnknown(f"only a part of the note was taken: {error}") from error

    async def _status(self, contact: ContactKey | Identifier, body: dict[str, Json]) -> None:
        await self._client.call("POST", f"{await self._addresses.path(contact)}/conversation/status", body=body)

    async def _pages(self, contact: ContactKey | Identifier) -> AsyncIterator[list[PlatformMessage]]:
        path = f"{await self._addresses.path(contact)}/message/list"
        async for page in self._client.pages("GET", path, limit=_MESSAGES_PER_PAGE):
            yield [message for item in page if (message := read_message(item)) is not None]


def _newest_first(page: Sequence[PlatformMessage]) -> bool:
    """Whether ids fall along the page (they grow with time); a page of other ids is taken to be in order."""
    numbers = [int(message.id) for message in page if message.id.isdigit()]
    return len(numbers) < 2 or numbers[0] > numbers[-1]


def _reaches(page: Sequence[PlatformMessage], since: datetime) -> bool:
    """Whether this page ends before `since`: its last dated message is older. A status may be newer than its message, never older."""
    dated = [message.at for message in page if message.at is not None]
    return bool(dated) and dated[-1] < since
