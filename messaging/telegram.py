"""Telegram's Bot API, for trying an agent out with a real phone in two minutes.

A contact is a private chat with the bot; groups and channels are not answered. The token is part of every address, so no
address appears in errors.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never
from urllib.parse import quote

from messaging.api import ApiPlatform, token_of
from messaging.errors import Invalid, OutcomeUnknown, PayloadError, Unsupported
from messaging.platform import Capabilities
from messaging.settings import MessagingSettings
from messaging.signature import check_token, read_document
from messaging.transport import Refusal
from messaging.types import (
    Attachment,
    AttachmentKind,
    Channel,
    Contact,
    ContactKey,
    CustomPayload,
    Email,
    Event,
    File,
    InboundMessage,
    MessageEdited,
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
from messaging.values import Json, cards_of, first, integer, international, items, location_of, mapping, moment, text
from settings import Rate

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header

DEFAULT_RATE = Rate(30, timedelta(seconds=1))
"""Messages of one bot. What one chat bears is told by a 429 with `parameters.retry_after`."""

LARGEST_DOWNLOAD = 20_000_000
"""Bytes that a bot may fetch."""

_MEDIA: Mapping[str, ReceivedKind] = {
    "photo": "image",
    "sticker": "sticker",
    "voice": "audio",
    "audio": "audio",
    "video": "video",
    "video_note": "video",
    "animation": "video",
    "document": "file",
}
_METHODS: Mapping[AttachmentKind, tuple[str, str]] = {
    "image": ("sendPhoto", "photo"),
    "video": ("sendVideo", "video"),
    "audio": ("sendAudio", "audio"),
    "file": ("sendDocument", "document"),
}
_LARGEST_PHOTO = 10_000_000


def parse_events(body: bytes, platform: str, received_at: datetime) -> list[Event]:
    """Parse one update.

    Args:
        body: the raw body.
        platform: the name in the keys of contacts.
        received_at: dates a message without a readable date; aware UTC.

    Raises:
        PayloadError: not JSON, not an update, or a message without a chat or an id.
    """
    update = mapping(read_document(body))
    if integer(update.get("update_id")) is None:
        raise PayloadError("the webhook body is not an update of Telegram (update_id)")
    edited = "message" not in update
    if edited and "edited_message" not in update:
        if (reaction := mapping(update.get("message_reaction"))) and (
            read := _reaction(reaction, platform, received_at)
        ):
            return [read]
        kinds = sorted(name for name in update if name != "update_id")
        return [OtherEvent(kinds[0] if kinds else "update")]
    message = mapping(update["edited_message" if edited else "message"])
    chat, sender = mapping(message.get("chat")), mapping(message.get("from"))
    chat_id, message_id = text(chat.get("id")), text(message.get("message_id"))
    if edited and (chat_id is None or message_id is None):
        return [OtherEvent("edited_message")]
    if chat_id is None or message_id is None:
        raise PayloadError("the update names no chat (message.chat.id) or no message (message.message_id)")
    if first(chat, "type") not in (None, "private") or sender.get("is_bot") is True:
        return [OtherEvent("message of a group or a bot")]
    attachments = tuple(_attachments(message, platform))
    kind = next((name for name in (*_MEDIA, "location", "contact", "venue") if name in message), "text")
    contact = Contact(
        ContactKey(platform, chat_id),
        first(sender, "first_name") or first(chat, "first_name"),
        first(sender, "last_name") or first(chat, "last_name"),
        phone=_own_phone(message, sender),
        language=(first(sender, "language_code") or "").partition("-")[0] or None,
    )
    sent_at = moment(message.get("date")) or received_at
    words, channel = first(message, "text", "caption"), Channel(platform, "telegram")
    if edited:
        changed_at = moment(message.get("edit_date")) or received_at
        if words is None:
            return [OtherEvent("edited_message", contact)]
        return [MessageEdited(contact, message_id, changed_at, words, channel)]
    venue, answered = mapping(message.get("venue")), mapping(message.get("reply_to_message"))
    place = {**venue, **(mapping(venue.get("location")) or mapping(message.get("location")))}
    quoted = text(answered.get("message_id"))
    said = first(mapping(message.get("quote")), "text") or first(answered, "text", "caption")
    return [
        InboundMessage(
            contact,
            message_id,
            sent_at,
            words,
            attachments,
            channel,
            kind,
            location=location_of(place),
            cards=cards_of(message.get("contact")),
            quote=None if quoted is None else Quote(quoted, said),
        )
    ]


def _reaction(reaction: Mapping[str, Json], platform: str, received_at: datetime) -> Event | None:
    """A reaction of the customer, as far as it is one: Telegram tells of those only where `allowed_updates` asks for them."""
    where, who = mapping(reaction.get("chat")), mapping(reaction.get("user"))
    chat, to = text(where.get("id")), text(reaction.get("message_id"))
    if (
        chat is None
        or to is None
        or not who
        or who.get("is_bot") is True
        or first(where, "type") not in (None, "private")
    ):
        return None
    emoji = next((first(mapping(each), "emoji") for each in items(reaction.get("new_reaction"))), None)
    at = moment(reaction.get("date")) or received_at
    return Reaction(Contact(ContactKey(platform, chat)), f"{to}/reaction/{int(at.timestamp())}", at, to, emoji)


def _own_phone(message: Mapping[str, Json], sender: Mapping[str, Json]) -> str | None:
    """The sender's number, where the sender has shared the own one."""
    shared = mapping(message.get("contact"))
    is_own = text(shared.get("user_id")) is not None and text(shared.get("user_id")) == text(sender.get("id"))
    return international(first(shared, "phone_number")) if is_own else None


def _attachments(message: Mapping[str, Json], platform: str) -> list[Attachment]:
    found = []
    for name, kind in _MEDIA.items():
        if name == "document" and "animation" in message:
            continue  # an animation is listed as a document too
        sizes = [file for item in items(message.get(name)) if (file := mapping(item))]
        if not sizes:
            continue
        file = sizes[-1]  # of a photo the largest comes last
        identity = first(file, "file_id")
        mime = first(file, "mime_type")
        what: ReceivedKind = "audio" if kind == "file" and (mime or "").startswith("audio/") else kind
        url = "" if identity is None else platform_file(platform, identity)
        size = integer(file.get("file_size"))
        found.append(Attachment(what, url, first(file, "file_name"), mime, size, pending=identity is None))
    return found


def _chat(contact: ContactKey) -> int | str:
    """The chat's id as Telegram writes it: a number."""
    return int(contact.id) if contact.id.removeprefix("-").isdecimal() else contact.id


class Telegram(ApiPlatform):
    """A bot as a `Platform`."""

    capabilities = Capabilities(quick_replies=True, media="upload")

    def configure(self, settings: MessagingSettings) -> None:
        self._token = quote(token_of(settings), safe=":")

    @classmethod
    def rates_for(cls, settings: MessagingSettings) -> Sequence[Rate]:
        return (DEFAULT_RATE,)

    @classmethod
    def credentials(cls, settings: MessagingSettings) -> Mapping[str, str]:
        return {}  # the token is part of the path

    @classmethod
    def read_refusal(cls, status: int, answer: Mapping[str, Json]) -> Refusal:
        """`{"ok": false, "error_code", "description", "parameters": {"retry_after"}}`"""
        wait = integer(mapping(answer.get("parameters")).get("retry_after"))
        code = integer(answer.get("error_code"))
        return Refusal(first(answer, "description"), code, failed=answer.get("ok") is False, wait=wait)

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if self._keys is not None:
            check_token(self._keys, headers.get(SECRET_HEADER), "X-Telegram-Bot-Api-Secret-Token")

    def parse(self, body: bytes) -> list[Event]:
        return parse_events(body, self.name, self._clock())

    async def send(
        self, contact: ContactKey, message: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str | None:
        match message:
            case Text():
                if not message.text.strip():
                    raise Invalid("the text of a message is empty")
                result = await self._method("sendMessage", json={"chat_id": _chat(contact), "text": message.text})
            case QuickReplies(title, replies):
                keyboard = {
                    "keyboard": [[{"text": reply}] for reply in replies],
                    "one_time_keyboard": True,
                    "resize_keyboard": True,
                }
                body = {"chat_id": _chat(contact), "text": title, "reply_markup": keyboard}
                result = await self._method("sendMessage", json=body)
            case File():
                result = await self._send_file(contact, message)
            case CustomPayload(payload):
                result = await self._method("sendMessage", json={**payload, "chat_id": _chat(contact)})
            case Email() | Template():
                raise Unsupported(f"Telegram sends no {type(message).__name__}")
            case _:
                assert_never(message)
        return text(result.get("message_id"))

    async def _send_file(self, contact: ContactKey, message: File) -> Mapping[str, Json]:
        method, field = _METHODS[message.kind]
        if self._media is None:
            return await self._method(method, json={"chat_id": _chat(contact), field: message.url})
        file = await self._media(message.url)
        if message.kind == "image" and len(file.content) > _LARGEST_PHOTO:
            method, field = _METHODS["file"]
        if message.kind == "audio" and file.type in ("audio/ogg", "audio/opus"):
            method, field = "sendVoice", "voice"
        return await self._method(
            method, data={"chat_id": contact.id}, files={field: (file.name, file.content, file.type)}
        )

    async def fetch(self, reference: str, most: int) -> bytes:
        path = first(await self._method("getFile", json={"file_id": reference}), "file_path")
        if path is None or path.startswith("/") or ".." in path.split("/"):
            raise Invalid("Telegram names no path of the file")
        return await self._transport.download(
            f"/file/bot{self._token}/{quote(path)}", key="files", most=min(most, LARGEST_DOWNLOAD), call="GET file"
        )

    async def channels(self) -> Sequence[Channel]:
        return [Channel(self.name, "telegram", first(await self._method("getMe", json={}), "username"))]

    async def _method(self, method: str, **content: object) -> Mapping[str, Json]:
        """Call a method of the bot; its `result`."""
        call = f"POST {method}"
        answer = await self._call("POST", f"/bot{self._token}/{method}", call=call, **content)
        if answer.get("ok") is not True:
            raise OutcomeUnknown("the answer is not Telegram's", call=call)
        return mapping(answer.get("result"))
