"""WhatsApp directly, over Meta's Cloud API.

A contact is a WhatsApp number (`wa_id`, digits). Files are uploaded and sent by id, and fetched by id. There is no list of messages
and no key: of a send whose fate is unknown, the status webhook tells.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

from messaging.api import ApiPlatform
from messaging.errors import (
    Failed,
    Forbidden,
    Invalid,
    NotSent,
    OutcomeUnknown,
    PayloadError,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unsupported,
)
from messaging.formatting import numbered
from messaging.platform import Capabilities
from messaging.settings import MessagingSettings
from messaging.signature import check, read_document
from messaging.transport import Refusal
from messaging.types import (
    MEDIA_KINDS,
    Address,
    Attachment,
    AttachmentKind,
    Channel,
    ChannelTemplate,
    Contact,
    ContactKey,
    CustomPayload,
    DeliveryReport,
    DeliveryState,
    Email,
    Event,
    FieldValue,
    File,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    OtherEvent,
    Outbound,
    QuickReplies,
    Quote,
    Reaction,
    ReceivedKind,
    Template,
    Text,
    platform_file,
)
from messaging.values import (
    Json,
    cards_of,
    first,
    integer,
    international,
    items,
    location_of,
    mapping,
    moment,
    person_names,
    text,
)
from settings import Rate

SIGNATURE_HEADER = "x-hub-signature-256"

DEFAULT_RATE = Rate(50, timedelta(seconds=1))
"""Under the 80 messages a second of a new number."""

CODES: Mapping[int, type[PlatformError]] = {
    0: Unauthorized,
    4: RateLimited,
    10: Forbidden,
    190: Unauthorized,
    200: Forbidden,
    368: Forbidden,
    80007: RateLimited,
    130429: RateLimited,
    131048: RateLimited,
    131056: RateLimited,
    131057: Failed,  # the account is in maintenance mode
}
"""What WhatsApp's error codes mean where it is not "never": the others refuse a message for good (131047: the window is closed)."""


def kind_of_code(status: int, code: int | None) -> type[PlatformError] | None:
    """Choose the error for one of WhatsApp's codes; `None` where the status tells more than the code."""
    return None if code is None or status == 429 else CODES.get(code)


_MEDIA: Mapping[str, ReceivedKind] = {**MEDIA_KINDS, "document": "file"}
_SENT_AS: Mapping[AttachmentKind, str] = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_STATES: Mapping[str, DeliveryState] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
_MOST_BUTTONS, _LONGEST_BUTTON = 3, 20
_MOST_ROWS, _LONGEST_ROW = 10, 24
_MOST_PAGES = 50


def parse_events(body: bytes, platform: str, received_at: datetime, *, account: str) -> list[Event]:
    """Parse all events of a webhook body, in order.

    Args:
        body: the raw body.
        platform: the name in the keys of contacts.
        received_at: dates what carries no readable time; aware UTC.
        account: the phone number id; events of other numbers need no answer.

    Raises:
        PayloadError: not JSON, not a WhatsApp notification, or a message without sender or id.
    """
    document = mapping(read_document(body))
    if "entry" not in document:
        raise PayloadError("the webhook body is not a notification of WhatsApp (entry)")
    events: list[Event] = []
    for entry in items(document["entry"]):
        for change in map(mapping, items(mapping(entry).get("changes"))):
            events += _change(change, platform, received_at, account)
    return events


def _change(change: Mapping[str, Json], platform: str, received_at: datetime, account: str) -> Iterator[Event]:
    field, value = text(change.get("field")) or "unknown", mapping(change.get("value"))
    number = text(mapping(value.get("metadata")).get("phone_number_id"))
    if number not in (None, account):
        yield OtherEvent(f"{field} of another number")
        return
    names = {
        text(one.get("wa_id")): text(mapping(one.get("profile")).get("name"))
        for one in map(mapping, items(value.get("contacts")))
    }
    found = False
    for message in map(mapping, items(value.get("messages"))):
        found = True
        yield _message(message, platform, received_at, account, names)
    for echo in map(mapping, items(value.get("message_echoes"))):
        found = True
        yield _echo(echo, platform, received_at, account)
    for status in map(mapping, items(value.get("statuses"))):
        found = True
        yield _status(status, platform, received_at)
    if not found:
        yield OtherEvent(field)


def _contact(platform: str, wa_id: str, name: str | None = None) -> Contact:
    return Contact(ContactKey(platform, wa_id), *person_names(name), phone=international(wa_id))


def _message(
    message: Mapping[str, Json],
    platform: str,
    received_at: datetime,
    account: str,
    names: Mapping[str | None, str | None],
) -> Event:
    sender, message_id = text(message.get("from")), text(message.get("id"))
    if sender is None or message_id is None:
        raise PayloadError("the notification names no sender (messages[].from) or no message (messages[].id)")
    contact = _contact(platform, sender, names.get(sender))
    kind = text(message.get("type")) or "unknown"
    sent_at, channel = moment(message.get("timestamp")) or received_at, Channel(account, "whatsapp_cloud")
    part = mapping(message.get(kind))
    match kind:
        case "reaction" if (to := first(part, "message_id")) is not None:
            return Reaction(contact, message_id, sent_at, to, first(part, "emoji"))
        case "edit" if (original := first(part, "original_message_id")) is not None:
            changed = mapping(part.get("message"))
            words, _ = read_content(changed, text(changed.get("type")) or "text", platform)
            if words is not None:
                return MessageEdited(contact, original, sent_at, words, channel)
        case "revoke" if (original := first(part, "original_message_id")) is not None:
            return MessageDeleted(contact, original)
    if kind in ("reaction", "edit", "revoke", "system", "request_welcome"):
        return OtherEvent(kind, contact)
    words, attachments = read_content(message, kind, platform)
    quoted = first(mapping(message.get("context")), "id")
    return InboundMessage(
        contact,
        message_id,
        sent_at,
        words,
        attachments,
        channel,
        kind,
        location=location_of(part) if kind == "location" else None,
        cards=cards_of(message.get("contacts")) if kind == "contacts" else (),
        quote=None if quoted is None else Quote(quoted),
    )


def _echo(echo: Mapping[str, Json], platform: str, received_at: datetime, account: str) -> Event:
    """What staff wrote in the WhatsApp Business app, beside the API."""
    receiver, message_id = text(echo.get("to")), text(echo.get("id"))
    if receiver is None or message_id is None:
        raise PayloadError("the echo names no receiver (to) or no message (id)")
    words, _ = read_content(echo, text(echo.get("type")) or "unknown", platform)
    sent_at = moment(echo.get("timestamp")) or received_at
    channel = Channel(account, "whatsapp_cloud")
    contact = _contact(platform, receiver)
    return MessageSent(contact, message_id, sent_at, by_human=True, text=words, source="echo", channel=channel)


def _status(status: Mapping[str, Json], platform: str, received_at: datetime) -> Event:
    message_id, receiver = text(status.get("id")), text(status.get("recipient_id"))
    state = _STATES.get(text(status.get("status")) or "")
    if message_id is None or state is None:
        return OtherEvent("status")
    problem = mapping(next(iter(items(status.get("errors"))), None))
    details = first(mapping(problem.get("error_data")), "details")
    said = [text(problem.get("code")), first(problem, "title", "message"), details]
    reason = " ".join(part for part in said if part) or None
    contact = None if receiver is None else _contact(platform, receiver)
    return DeliveryReport(message_id, state, moment(status.get("timestamp")) or received_at, contact, reason)


def read_content(message: Mapping[str, Json], kind: str, platform: str) -> tuple[str | None, tuple[Attachment, ...]]:
    """Read the words and the files of a message of any type, also of an unknown one."""
    part = mapping(message.get(kind))
    if (what := _MEDIA.get(kind)) is not None:
        identity = first(part, "id")
        url = "" if identity is None else platform_file(platform, identity)
        mime = (first(part, "mime_type") or "").partition(";")[0].strip() or None
        attachment = Attachment(what, url, first(part, "filename"), mime, pending=identity is None)
        return first(part, "caption"), (attachment,)
    match kind:
        case "text":
            return first(part, "body"), ()
        case "button":
            return first(part, "text", "payload"), ()
        case "interactive":
            replies = (mapping(part.get(name)) for name in ("button_reply", "list_reply", "nfm_reply"))
            return next((found for reply in replies if (found := first(reply, "title", "body", "id"))), None), ()
        case "order":
            return first(part, "text"), ()
    return None, ()


def send_body(
    message: Outbound, receiver: str, *, media_id: str | None = None, file_name: str | None = None
) -> dict[str, Json]:
    """Build the body of `POST /{phone number id}/messages`.

    Args:
        message: what is sent.
        receiver: digits.
        media_id: of the uploaded file, for a `File`; without it WhatsApp fetches the file from its address.
        file_name: shown for a document.

    Raises:
        Invalid: an empty text.
        Unsupported: a kind of message that WhatsApp does not know.
    """
    body: dict[str, Json] = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": receiver}
    match message:
        case Text():
            if not message.text.strip():
                raise Invalid("the text of a message is empty")
            return {**body, "type": "text", "text": {"body": message.text, "preview_url": False}}
        case File():
            kind = _SENT_AS[message.kind]
            media: dict[str, Json] = {"link": message.url} if media_id is None else {"id": media_id}
            if kind == "document" and file_name:
                media["filename"] = file_name
            return {**body, "type": kind, kind: media}
        case QuickReplies():
            interactive = interactive_of(message)
            if interactive is None:
                return {**body, "type": "text", "text": {"body": numbered(message.title, message.replies)}}
            return {**body, "type": "interactive", "interactive": interactive}
        case Template():
            template: dict[str, Json] = {
                "name": message.name,
                "language": {"code": message.language},
                "components": template_components(message),
            }
            return {**body, "type": "template", "template": template}
        case CustomPayload():
            payload: dict[str, Json] = dict(message.payload)  # type: ignore[arg-type]
            return {**body, **payload}
        case Email():
            raise Unsupported("WhatsApp sends no Email")
    assert_never(message)


def interactive_of(message: QuickReplies) -> dict[str, Json] | None:
    """Build buttons (up to 3 of 20 characters) or a list (up to 10 of 24); None where the choices fit neither."""
    longest = max(map(len, message.replies), default=0)
    if 0 < len(message.replies) <= _MOST_BUTTONS and longest <= _LONGEST_BUTTON:
        buttons: list[Json] = [
            {"type": "reply", "reply": {"id": f"choice-{number}", "title": reply}}
            for number, reply in enumerate(message.replies, 1)
        ]
        return {"type": "button", "body": {"text": message.title}, "action": {"buttons": buttons}}
    if 0 < len(message.replies) <= _MOST_ROWS and longest <= _LONGEST_ROW:
        rows: list[Json] = [
            {"id": f"choice-{number}", "title": reply} for number, reply in enumerate(message.replies, 1)
        ]
        action: dict[str, Json] = {"button": "Pilih", "sections": [{"title": "Pilihan", "rows": rows}]}
        return {"type": "list", "body": {"text": message.title}, "action": action}
    return None


def template_components(message: Template) -> list[Json]:
    """Write a template's parameters: as they were given, or its values as those of the body, in order."""
    if message.components:
        return [dict(part) for part in message.components]  # type: ignore[arg-type]
    parameters: list[Json] = [{"type": "text", "text": value} for value in message.values]
    return [{"type": "body", "parameters": parameters}] if parameters else []


class WhatsApp(ApiPlatform):
    """A number of the Cloud API as a `Platform`."""

    capabilities = Capabilities(
        finds=frozenset({"phone"}),
        templates=True,
        echoes=True,
        quick_replies=True,
        media="upload",
        message_ids="platform",
    )

    def configure(self, settings: MessagingSettings) -> None:
        self._account = settings.required_account
        self._business_account = settings.business_account
        self._verify_token = settings.verify_token.get_secret_value() if settings.verify_token else None

    @classmethod
    def capabilities_for(cls, settings: MessagingSettings) -> Capabilities:
        return replace(cls.capabilities, lists_templates=bool(settings.business_account))

    @classmethod
    def rates_for(cls, settings: MessagingSettings) -> Sequence[Rate]:
        return (DEFAULT_RATE,)

    @classmethod
    def read_refusal(cls, status: int, answer: Mapping[str, Json]) -> Refusal:
        """`{"error": {message, type, code, error_data: {details}, fbtrace_id}}`"""
        problem = mapping(answer.get("error"))
        code, details = integer(problem.get("code")), first(mapping(problem.get("error_data")), "details")
        words = [part for part in (first(problem, "message"), details) if part]
        return Refusal(": ".join(words) or None, code, kind_of_code(status, code), failed=bool(problem))

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._keys is not None:
            check(self._keys, body, headers.get(SIGNATURE_HEADER), "hex")

    def challenge(self, query: Mapping[str, str]) -> str | None:
        given, expected = query.get("hub.verify_token", ""), self._verify_token
        if query.get("hub.mode") != "subscribe" or not expected:
            return None
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace")):
            return None
        return query.get("hub.challenge", "")

    def parse(self, body: bytes) -> list[Event]:
        return parse_events(body, self.name, self._clock(), account=self._account)

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str | None:
        media_id = file_name = None
        if isinstance(message, File) and self._media is not None:
            media_id, file_name = await self._upload(message)
        path = f"/{quote(self._account, safe='')}/messages"
        body = send_body(message, contact.id, media_id=media_id, file_name=file_name)
        answer = await self._call("POST", path, json=body)
        message_id = first(mapping(next(iter(items(answer.get("messages"))), None)), "id")
        if message_id is None:
            raise OutcomeUnknown("the answer names no message", call=f"POST {path}")
        return message_id

    async def _upload(self, message: File) -> tuple[str, str]:
        """Hand the file over; its id and name. Whatever goes wrong here, no message was sent."""
        assert self._media is not None  # noqa: S101 - the caller has looked
        file = await self._media(message.url)
        path = f"/{quote(self._account, safe='')}/media"
        parts = {"file": (file.name, file.content, file.type)}
        try:
            answer = await self._call(
                "POST", path, data={"messaging_product": "whatsapp", "type": file.type}, files=parts
            )
        except PlatformError as error:
            if error.certain:
                raise
            raise NotSent(f"the file was not uploaded: {error.message}", call=error.call) from error
        if (media_id := first(answer, "id")) is None:
            raise NotSent("the file was not uploaded: the answer names no id", call=f"POST {path}")
        return media_id, file.name

    async def fetch(self, reference: str, most: int) -> bytes:
        found = await self._call("GET", f"/{quote(reference, safe='')}")
        url, size = first(found, "url"), integer(found.get("file_size"))
        if url is None or not url.startswith(("https://", "http://")):
            raise Invalid("WhatsApp names no address of the file")
        if size is not None and size > most:
            raise Invalid(f"the file has {size} bytes, more than {most}")
        return await self._transport.download(url, key="media", most=most, call="GET media")

    async def find_contact(self, address: Address) -> Contact:
        """Any number can be written to (with a template): whether it is on WhatsApp, only a send tells."""
        number = international(address.value) if address.by == "phone" else None
        if number is None:
            self._lacks(f"way to find a contact by {address.by}")
        return _contact(self.name, number.removeprefix("+"))

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        return (await self.find_contact(address)).key

    async def contact(self, contact: ContactKey) -> Contact:
        return _contact(self.name, contact.id)

    async def channels(self) -> Sequence[Channel]:
        query = {"fields": "display_phone_number,verified_name"}
        found = await self._call("GET", f"/{quote(self._account, safe='')}", params=query)
        return [Channel(self._account, "whatsapp_cloud", first(found, "verified_name", "display_phone_number"))]

    async def templates(self, channel: str | None = None) -> Sequence[ChannelTemplate]:
        if not self._business_account:
            self._lacks("list of templates without `business_account`")
        path = f"/{quote(self._business_account, safe='')}/message_templates"
        query = {"fields": "id,name,language,status,category,components", "limit": "100"}
        found: list[ChannelTemplate] = []
        for _ in range(_MOST_PAGES):
            page = await self._call("GET", path, params=query)
            found += [
                ChannelTemplate(
                    first(one, "id") or name,
                    name,
                    first(one, "language"),
                    first(one, "status"),
                    first(one, "category"),
                    tuple(dict(part) for part in map(mapping, items(one.get("components"))) if part),
                )
                for one in map(mapping, items(page.get("data")))
                if (name := first(one, "name")) is not None
            ]
            paging = mapping(page.get("paging"))
            after = first(mapping(paging.get("cursors")), "after")
            if after is None or "next" not in paging or after == query.get("after"):
                break
            query = {**query, "after": after}
        return found
