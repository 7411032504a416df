"""Unipile: WhatsApp, LinkedIn and other accounts of ordinary users, connected as a further device.

A contact is a chat with one person; groups are not answered. Messages and files go out as multipart forms, files come in through
the API. Own messages arrive as `message_received` like those of customers: ours are recognised, those typed on the phone count as
a colleague's. What is older than `stale_after` when it arrives (after a reconnect) joins the history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from messaging.api import ApiPlatform, token_of
from messaging.errors import Invalid, OutcomeUnknown, PayloadError, Unsupported
from messaging.formatting import numbered
from messaging.platform import Capabilities
from messaging.settings import MessagingSettings
from messaging.signature import check_token, read_document
from messaging.transport import Refusal
from messaging.types import (
    Address,
    Attachment,
    AttachmentKind,
    Channel,
    ChannelKind,
    Contact,
    ContactKey,
    DeliveryReport,
    DeliveryState,
    Event,
    FieldValue,
    File,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    OtherEvent,
    Outbound,
    PastMessage,
    PlatformMessage,
    QuickReplies,
    Quote,
    Reaction,
    ReceivedKind,
    Text,
    participant_of,
    platform_file,
    stand_in,
)
from messaging.values import Json, first, instant, integer, international, items, mapping, person_names, text
from settings import Rate

SECRET_HEADER = "unipile-auth"  # noqa: S105 - the name of a header
"""Unipile signs nothing: the header is set when the webhook is created, with the secret as its value."""

DEFAULT_RATE = Rate(5, timedelta(seconds=1))
"""Unipile states none."""

LARGEST_FILE = 26_214_400
"""Bytes of one attachment, as Unipile's own client has it."""

_OF_CUSTOMERS = frozenset({"message_received", "message_reaction", "message_edited", "message_deleted"})
_KINDS: Mapping[str, AttachmentKind] = {"img": "image", "image": "image", "video": "video", "audio": "audio"}
_STATES: Mapping[str, DeliveryState] = {"message_read": "read", "message_delivered": "delivered"}
_WHATSAPP = "@s.whatsapp.net"
_PER_PAGE, _MOST_PAGES = 50, 10


def parse_events(
    body: bytes, platform: str, received_at: datetime, *, account: str, stale_after: timedelta
) -> list[Event]:
    """Parse the event of a webhook body.

    Args:
        body: the raw body; its content type says nothing, since Unipile need not send one.
        platform: the name in the keys of contacts.
        received_at: now, aware UTC.
        account: whose events count; those of other accounts need no answer.
        stale_after: the age from which a message joins the history instead of being answered.

    Raises:
        PayloadError: not JSON, not an event, or a message without chat or id.
    """
    found = [payload for item in items(read_document(body)) if (payload := mapping(item))]
    if not found:
        raise PayloadError("the webhook body is not a JSON object with an event")
    return [_event(payload, platform, received_at, account, stale_after) for payload in found]


def _event(
    payload: Mapping[str, Json], platform: str, received_at: datetime, account: str, stale_after: timedelta
) -> Event:
    name = text(payload.get("event"))
    if name is None:
        raise PayloadError("the webhook body names no event")
    if text(payload.get("account_id")) not in (None, account):
        return OtherEvent(f"{name} of another account")
    chat, message_id = first(payload, "chat_id"), first(payload, "message_id", "id")
    if (state := _STATES.get(name)) is not None and message_id is not None:
        return DeliveryReport(message_id, state, instant(payload.get("timestamp")) or received_at)
    if name not in _OF_CUSTOMERS:
        return OtherEvent(name)
    if chat is None or message_id is None:
        raise PayloadError(f"the {name} webhook names no chat (chat_id) or no message (message_id)")
    if name == "message_reaction":
        return _reaction(payload, ContactKey(platform, chat), message_id, received_at)
    sender, own = mapping(payload.get("sender")), text(mapping(payload.get("account_info")).get("user_id"))
    ours = _is_set(payload.get("is_sender")) or (own is not None and _identity(sender) == own)
    others = {
        _identity(one): one
        for item in items(payload.get("attendees"))
        if _identity(one := mapping(item)) not in (own, None)
    }
    if _is_set(payload.get("is_group")) or len(others) > 1:
        return OtherEvent("message of a group")
    customer = next(iter(others.values()), {}) if ours else sender
    contact = _contact(customer, ContactKey(platform, chat))
    sent_at = instant(payload.get("timestamp")) or received_at
    words = first(payload, "message", "text")
    if name == "message_deleted":
        return OtherEvent(name, contact) if ours else MessageDeleted(contact, message_id)
    if name == "message_edited":
        if ours or words is None:
            return OtherEvent(name, contact)
        return MessageEdited(contact, message_id, received_at, words)
    attachments = tuple(
        _attachment(found, platform, message_id)
        for item in items(payload.get("attachments"))
        if (found := mapping(item))
    )
    channel = Channel(account, _source(text(payload.get("account_type"))))
    if received_at - sent_at > stale_after:
        return PastMessage(contact, message_id, sent_at, not ours, words, attachments, channel)
    if ours:
        return MessageSent(contact, message_id, sent_at, by_human=True, text=words, source="echo", channel=channel)
    kind = (
        "attachment" if attachments else "text" if words else first(payload, "message_type", "event_type") or "unknown"
    )
    quoted = mapping(payload.get("quoted"))
    quoted_id = first(quoted, "provider_id", "id", "message_id")
    quote = Quote(quoted_id, first(quoted, "text", "message")) if quoted else None
    return InboundMessage(contact, message_id, sent_at, words, attachments, channel, kind, quote=quote)


def _reaction(payload: Mapping[str, Json], key: ContactKey, message_id: str, received_at: datetime) -> Event:
    who, own = mapping(payload.get("reaction_sender")), text(mapping(payload.get("account_info")).get("user_id"))
    if not who or (own is not None and _identity(who) == own):
        return OtherEvent("message_reaction")
    emoji = first(payload, "reaction")
    at = instant(payload.get("timestamp")) or received_at
    return Reaction(_contact(who, key), f"{message_id}/reaction/{emoji or ''}", at, message_id, emoji)


def _is_set(value: Json) -> bool:
    return value is True or integer(value) == 1 or value == "true"


def _identity(attendee: Mapping[str, Json]) -> str | None:
    return first(attendee, "attendee_provider_id", "attendee_id")


def _contact(attendee: Mapping[str, Json], key: ContactKey) -> Contact:
    provider_id = first(attendee, "attendee_provider_id") or ""
    phone = international(provider_id.removesuffix(_WHATSAPP)) if provider_id.endswith(_WHATSAPP) else None
    before = stand_in(key.platform, provider_id) if provider_id else None
    return Contact(key, *person_names(first(attendee, "attendee_name")), phone=phone, stand_in=before)


def _source(account_type: str | None) -> str:
    """Name the channel. Accounts of ordinary users have none of the windows that businesses have there."""
    kind = (account_type or "unknown").lower()
    return ChannelKind.WHATSAPP_DEVICE if kind == "whatsapp" else kind if kind == "telegram" else f"unipile.{kind}"


def _attachment(source: Mapping[str, Json], platform: str, message_id: str) -> Attachment:
    """A file by its ids: its own address (`att://…`) leads nowhere."""
    identity = first(source, "id", "attachment_id")
    missing = identity is None or _is_set(source.get("unavailable"))
    mime = first(source, "mimetype", "mime_type")
    kind: ReceivedKind = _KINDS.get((first(source, "type") or "").lower()) or _KINDS.get(
        (mime or "").partition("/")[0], "file"
    )
    kind = "sticker" if kind == "image" and _is_set(source.get("sticker")) else kind
    url = "" if missing else platform_file(platform, f"{quote(message_id, safe='')}/{quote(str(identity), safe='')}")
    return Attachment(
        kind, url, first(source, "file_name", "name"), mime, integer(source.get("file_size")), pending=missing
    )


def read_listed(source: Mapping[str, Json]) -> PlatformMessage | None:
    """Read a message of `GET /chats/{id}/messages`; None for one without an id. A file is listed without its address."""
    message_id = first(source, "id", "message_id")
    if message_id is None:
        return None
    words = first(source, "text")
    files = [mapping(item) for item in items(source.get("attachments")) if mapping(item)]
    content: Outbound | None = None
    if files:
        content = File(_KINDS.get((first(files[0], "type") or "").lower(), "file"), first(files[0], "file_name") or "")
    elif words is not None:
        content = Text(words)
    direction = "outgoing" if _is_set(source.get("is_sender")) else "incoming"
    state: DeliveryState = (
        "read" if _is_set(source.get("seen")) else "delivered" if _is_set(source.get("delivered")) else "sent"
    )
    return PlatformMessage(message_id, direction, content, words, state, instant(source.get("timestamp")))  # type: ignore[arg-type]


class Unipile(ApiPlatform):
    """Unipile (API v1) as a `Platform`."""

    capabilities = Capabilities(finds=frozenset({"phone"}), message_list=True, echoes=True, media="upload")

    def configure(self, settings: MessagingSettings) -> None:
        self._account = settings.required_account
        self._stale_after = settings.stale_after

    @classmethod
    def rates_for(cls, settings: MessagingSettings) -> Sequence[Rate]:
        return (DEFAULT_RATE,)

    @classmethod
    def credentials(cls, settings: MessagingSettings) -> Mapping[str, str]:
        return {"X-API-KEY": token_of(settings)}

    @classmethod
    def read_refusal(cls, status: int, answer: Mapping[str, Json]) -> Refusal:
        """`{title, detail, type, status}`"""
        words = [part for part in (first(answer, "title"), first(answer, "detail")) if part]
        return Refusal(": ".join(words) or None, first(answer, "type"))

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._keys is not None:
            check_token(self._keys, headers.get(SECRET_HEADER), "Unipile-Auth")

    def parse(self, body: bytes) -> list[Event]:
        return parse_events(body, self.name, self._clock(), account=self._account, stale_after=self._stale_after)

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str | None:
        form, attendee = await self._form(message), participant_of(contact)
        if attendee is None:
            answer = await self._call("POST", f"/chats/{quote(contact.id, safe='')}/messages", files=form)
        else:  # begins the chat, or goes into the one that there is with this person
            receiver = (("account_id", self._account), ("attendees_ids", attendee))
            answer = await self._call(
                "POST", "/chats", files=[*((name, (None, value.encode())) for name, value in receiver), *form]
            )
        return first(answer, "message_id")

    async def _form(self, message: Outbound) -> list[tuple[str, tuple[str | None, bytes] | tuple[str, bytes, str]]]:
        """The parts of the form; a part without a file name is a field."""
        match message:
            case Text(words) if words.strip():
                return [("text", (None, words.encode()))]
            case QuickReplies(title, replies):
                return [("text", (None, numbered(title, replies).encode()))]
            case File(url=url):
                if self._media is None:
                    raise Unsupported("files cannot be read here, and Unipile takes no links")
                file = await self._media(url)
                if len(file.content) > LARGEST_FILE:
                    raise Invalid(f"{file.name} has more than {LARGEST_FILE} bytes")
                field = "voice_message" if message.kind == "audio" else "attachments"
                return [(field, (file.name, file.content, file.type))]
            case Text():
                raise Invalid("the text of a message is empty")
        raise Unsupported(f"Unipile sends no {type(message).__name__}")

    async def fetch(self, reference: str, most: int) -> bytes:
        message_id, _, attachment_id = reference.partition("/")
        path = f"/messages/{message_id}/attachments/{attachment_id}"
        return await self._transport.download(path, key=self.name, most=most)

    async def find_contact(self, address: Address) -> Contact:
        """Any number can be written to over a WhatsApp account: whether it is on WhatsApp, only a send tells."""
        number = international(address.value) if address.by == "phone" else None
        if number is None:
            self._lacks(f"way to find a contact by {address.by}")
        return Contact(stand_in(self.name, f"{number.removeprefix('+')}{_WHATSAPP}"), phone=number)

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        return (await self.find_contact(address)).key

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> Sequence[PlatformMessage]:
        path, query = f"/chats/{quote(contact.id, safe='')}/messages", {"limit": str(_PER_PAGE)}
        found: list[PlatformMessage] = []
        for _ in range(_MOST_PAGES):
            page = await self._call("GET", path, params=query)
            listed = [read for item in items(page.get("items")) if (read := read_listed(mapping(item))) is not None]
            found += listed
            cursor = first(page, "cursor")
            oldest = min((one.at for one in listed if one.at is not None), default=None)
            if cursor is None or cursor == query.get("cursor") or oldest is None or since is None or oldest < since:
                break
            query = {**query, "cursor": cursor}
        dated = [one for one in found if one.at is not None]
        dated.sort(key=lambda one: one.at or self._clock(), reverse=True)
        return [*dated, *(one for one in found if one.at is None)]

    async def message(self, contact: ContactKey, message_id: str) -> PlatformMessage:
        path = f"/messages/{quote(message_id, safe='')}"
        source = await self._call("GET", path)
        found = read_listed(source)
        if found is None:
            raise OutcomeUnknown("the platform's answer is no message", call=f"GET {path}")
        files = tuple(
            _attachment(file, self.name, message_id)
            for item in items(source.get("attachments"))
            if (file := mapping(item))
        )
        return replace(found, attachments=files)

    async def channels(self) -> Sequence[Channel]:
        answer = await self._call("GET", "/chats", params={"account_id": self._account, "limit": "1"})
        kind = next((first(mapping(item), "account_type") for item in items(answer.get("items"))), None)
        return [Channel(self._account, _source(kind))]
