"""The values between a platform and the agent: contacts, channels, inbound events, outbound messages.

All values are immutable. Times are aware UTC.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class ContactKey:
    """A customer on a platform: the unit of ordering. `id` is the platform's own id as text, e.g. `"123"`."""

    platform: str
    id: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.id}"


_STAND_IN = "new-"


def stand_in(platform: str, participant: str) -> ContactKey:
    """Make the key of a person whom there is no conversation with yet, on a platform whose contacts are conversations.

    Args:
        platform: the name in the keys of its contacts.
        participant: what the platform calls the person, e.g. `628123456789@s.whatsapp.net`.
    """
    return ContactKey(platform, f"{_STAND_IN}{participant}")


def participant_of(key: ContactKey) -> str | None:
    """Return what the platform calls the person behind the key that `stand_in` made; `None` for any other key."""
    return key.id.removeprefix(_STAND_IN) if key.id.startswith(_STAND_IN) else None


FieldValue: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Person:
    """A human colleague on the platform."""

    id: str
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """What a platform knows of a customer. Absent facts are `None`; `custom_fields` is empty when not sent along.

    `stand_in` is the key that the same person had while there was no conversation, on platforms whose contacts are these.
    """

    key: ContactKey
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None  # E.164, e.g. "+628123456789"
    email: str | None = None
    language: str | None = None  # ISO 639-1
    country: str | None = None  # ISO 3166-1 alpha-2
    status: str | None = None  # open, closed, blocked
    lifecycle: str | None = None
    assignee: Person | None = None
    tags: tuple[str, ...] = ()
    custom_fields: Mapping[str, FieldValue] = field(default_factory=dict)
    created_at: datetime | None = None
    stand_in: ContactKey | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A phone number (E.164) or e-mail address, of a contact or of one that is yet to be created."""

    by: Literal["phone", "email"]
    value: str

    def __str__(self) -> str:
        return f"{self.by}:{self.value}"


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts of a platform: all conditions that are given must hold; without any, every contact.

    Of `lifecycles`, `languages` (ISO 639-1) and `countries` (ISO 3166-1 alpha-2) one must be the contact's. `fields` are
    custom fields by name, with the value that the contact must have there.
    """

    any_tag: tuple[str, ...] = ()
    all_tags: tuple[str, ...] = ()
    no_tag: tuple[str, ...] = ()
    lifecycles: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


class ChannelKind(StrEnum):
    """What a channel is, for formatting, limits and windows. Platforms name it as an open set of sources: see `kind_of`."""

    WHATSAPP = "whatsapp"
    WHATSAPP_DEVICE = "whatsapp_device"  # an ordinary account with a linked device: no 24-hour window, no templates
    INSTAGRAM = "instagram"
    FACEBOOK = "facebook"
    TELEGRAM = "telegram"
    VIBER = "viber"
    LINE = "line"
    WECHAT = "wechat"
    SMS = "sms"
    EMAIL = "email"
    CUSTOM = "custom"  # a channel that the business connected itself
    OTHER = "other"  # a source that is new to us
    UNKNOWN = "unknown"  # no channel, or one without a source


_KINDS = {
    "instagram": ChannelKind.INSTAGRAM,
    "facebook": ChannelKind.FACEBOOK,
    "telegram": ChannelKind.TELEGRAM,
    "viber": ChannelKind.VIBER,
    "line": ChannelKind.LINE,
    "wechat": ChannelKind.WECHAT,
    "email": ChannelKind.EMAIL,
    "gmail": ChannelKind.EMAIL,
    "sms": ChannelKind.SMS,
    "twilio": ChannelKind.SMS,
    "vonage": ChannelKind.SMS,
    "messagebird": ChannelKind.SMS,
    "bandwidth": ChannelKind.SMS,
    "custom": ChannelKind.CUSTOM,
}


def kind_of(source: str | None) -> ChannelKind:
    """Tell the kind of a channel from the platform's name for its source.

    Args:
        source: e.g. `whatsapp_cloud`, `360dialog_whatsapp`, `twilio` (SMS), `twilio_whatsapp`, `other_email`, `custom_channel`.
    """
    if not source:
        return ChannelKind.UNKNOWN
    name = source.lower()
    if name == ChannelKind.WHATSAPP_DEVICE:
        return ChannelKind.WHATSAPP_DEVICE
    if "whatsapp" in name:
        return ChannelKind.WHATSAPP
    return next((_KINDS[part] for part in name.split("_") if part in _KINDS), ChannelKind.OTHER)


@dataclass(frozen=True, slots=True)
class Channel:
    """A connected number or account inside a platform. `source` is an open set: whatsapp_cloud, instagram, facebook …"""

    id: str
    source: str | None = None
    name: str | None = None

    @property
    def kind(self) -> ChannelKind:
        return kind_of(self.source)


@dataclass(frozen=True, slots=True)
class ChannelTemplate:
    """A message template as the platform lists it for a channel. `status` is `approved` for one that may be sent."""

    id: str
    name: str
    language: str | None = None
    status: str | None = None
    category: str | None = None
    components: tuple[Mapping[str, Any], ...] = ()


AttachmentKind = Literal["image", "video", "audio", "file"]
ReceivedKind = Literal["image", "video", "audio", "file", "sticker"]

MEDIA_KINDS: Final[Mapping[str, ReceivedKind]] = {
    "image": "image",
    "sticker": "sticker",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
}
"""What platforms call the kinds of what they show or play. A word for other files each has its own, or none."""

_PLATFORM_FILE = "platform-file:"


def platform_file(platform: str, reference: str) -> str:
    """Write the `url` of an attachment that only `Platform.fetch` can get: it wants the platform's token, or has no address."""
    return f"{_PLATFORM_FILE}{platform}/{reference}"


def read_platform_file(url: str) -> tuple[str, str] | None:
    """Read the platform's name and its reference from such a `url`; `None` for a web address."""
    if not url.startswith(_PLATFORM_FILE):
        return None
    platform, _, reference = url.removeprefix(_PLATFORM_FILE).partition("/")
    return platform, reference


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; nothing in it is trusted, the URL least. It may be no web address: see `platform_file`.

    While the platform has not stored it yet (`pending`), `url` is empty: ask the platform for the message again.
    """

    kind: ReceivedKind
    url: str
    name: str | None = None
    mime_type: str | None = None
    size: int | None = None  # bytes, as the platform claims
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Location:
    """A place that was shared. Degrees, `None` where the platform names none that exist."""

    latitude: float | None = None
    longitude: float | None = None
    name: str | None = None
    address: str | None = None

    def __str__(self) -> str:
        named = ", ".join(part for part in (self.name, self.address) if part)
        if self.latitude is None or self.longitude is None:
            return named
        point = f"{self.latitude!r}, {self.longitude!r}"
        return f"{named} ({point})" if named else point


@dataclass(frozen=True, slots=True)
class ContactCard:
    """A contact card that was shared; nothing says that it is the sender's own."""

    name: str | None = None
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ", ".join(part for part in (self.name, *self.phones, *self.emails) if part)


@dataclass(frozen=True, slots=True)
class Quote:
    """An earlier message that a message refers to: it answers or corrects it.

    `text` is what that message says, where the platform sends it along or the ledger knows it.
    """

    message_id: str | None
    text: str | None = None
    corrected: bool = False


# What a webhook can say. Every event names the contact it concerns.


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A customer wrote. `(key.platform, message_id)` identifies it for good: a redelivery carries the same pair."""

    contact: Contact
    message_id: str
    sent_at: datetime
    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    channel: Channel | None = None
    kind: str = "text"  # the platform's own message type: text, attachment, location, story_reply …
    left_out: int = 0  # characters at the end of `text` that were left out, see `messaging.admission`
    location: Location | None = None
    cards: tuple[ContactCard, ...] = ()
    quote: Quote | None = None

    @property
    def key(self) -> ContactKey:
        return self.contact.key


@dataclass(frozen=True, slots=True)
class Reaction:
    """A customer reacted to the message `to`. It joins the history and needs no answer; `emoji` is `None` when it was taken back."""

    contact: Contact
    message_id: str
    sent_at: datetime
    to: str
    emoji: str | None = None


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A customer changed the message `message_id`, which now says `text`."""

    contact: Contact
    message_id: str
    sent_at: datetime
    text: str
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A customer took the message `message_id` back."""

    contact: Contact
    message_id: str


@dataclass(frozen=True, slots=True)
class MessageSent:
    """A message went out on the platform: by a human (`by_human`), or by anything else (our own echo, a workflow)."""

    contact: Contact
    message_id: str
    sent_at: datetime
    by_human: bool
    text: str | None = None
    sender: Person | None = None
    source: str | None = None  # user, api, echo, workflow, broadcast, ai_agent …
    channel: Channel | None = None


DeliveryState = Literal["pending", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of a message that we sent. `contact` is None where the platform names only the message."""

    message_id: str
    state: DeliveryState
    at: datetime
    contact: Contact | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message of long ago that the platform delivers late, e.g. after a reconnect: it joins the history and needs no answer."""

    contact: Contact
    message_id: str
    sent_at: datetime
    incoming: bool
    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class AssigneeChanged:
    """The conversation was assigned or unassigned (`contact.assignee is None`).

    `event_id` is the platform's own, the same when the event is delivered again, and `at` is when it happened; `None` where the
    platform does not say.
    """

    contact: Contact
    event_id: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    """The conversation was opened; `source` says by what: user, contact, workflow …"""

    contact: Contact
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationClosed:
    """The conversation was closed; `closed_by` is a colleague, if it was one; `event_id` as of `AssigneeChanged`."""

    contact: Contact
    closed_by: Person | None = None
    source: str | None = None
    summary: str | None = None
    category: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class ContactChanged:
    """The contact was created or updated, or its tags or lifecycle changed.

    A webhook carries neither all tags nor the custom fields: ask the platform for the contact where they matter. `tag` is the
    one tag that was added or removed; the new lifecycle is in the contact. `emptied` names the attributes of `Contact` that the
    event says are empty now, as opposed to those that it does not mention.
    """

    contact: Contact
    change: Literal["created", "updated", "tag", "lifecycle"]
    tag: str | None = None
    action: str | None = None  # add, remove, updated …, in the platform's words
    emptied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NoteLeft:
    """A note for colleagues was left, by whomever; the echo of our own, too."""

    contact: Contact
    text: str | None


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """Anything that needs no answer: ended calls, event types that are new to us."""

    name: str
    contact: Contact | None = None


Event: TypeAlias = (
    InboundMessage
    | Reaction
    | MessageEdited
    | MessageDeleted
    | MessageSent
    | DeliveryReport
    | PastMessage
    | AssigneeChanged
    | ConversationOpened
    | ConversationClosed
    | ContactChanged
    | NoteLeft
    | OtherEvent
)


# What can be sent.

MessageTag = Literal["ACCOUNT_UPDATE", "POST_PURCHASE_UPDATE", "CONFIRMED_EVENT_UPDATE"]


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the formatting of its channel, see `messaging.splitting.messages_of`."""

    text: str
    tag: MessageTag | None = None  # Facebook and Instagram need one outside the 24-hour window


@dataclass(frozen=True, slots=True)
class File:
    """An attachment by public URL, from which a platform that takes uploads is given the content. Captions are a `Text` beside it."""

    kind: AttachmentKind
    url: str


@dataclass(frozen=True, slots=True)
class QuickReplies:
    """A question with choices to tap."""

    title: str
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail; `reply_to` is the id of the message it answers."""

    text: str
    subject: str | None = None
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: int | None = None
    files: tuple[tuple[AttachmentKind, str, str], ...] = ()  # (kind, url, file name)


@dataclass(frozen=True, slots=True)
class Template:
    """A WhatsApp template message: `components` as the platform documents them, or only the texts for its placeholders.

    With `values` (in the order of the placeholders) the platform's client looks the template up and fills it in.
    """

    name: str
    language: str
    components: tuple[Mapping[str, object], ...] = ()
    values: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that stand for the placeholders, whichever way they were given."""
        return self.values or tuple(_parameters(self.components))


def _parameters(part: object) -> Iterator[str]:
    """The texts of all parameters within components, in order."""
    if isinstance(part, Mapping):
        for name, inner in part.items():
            if name == "parameters" and isinstance(inner, list | tuple):
                yield from (str(one["text"]) for one in inner if isinstance(one, Mapping) and "text" in one)
            else:
                yield from _parameters(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from _parameters(inner)


@dataclass(frozen=True, slots=True)
class CustomPayload:
    """Telegram, Facebook, Viber and Line only; needs a channel."""

    payload: Mapping[str, object]


Outbound: TypeAlias = Text | File | QuickReplies | Email | Template | CustomPayload


@dataclass(frozen=True, slots=True)
class PlatformMessage:
    """A message as the platform lists it. `at` is the time of its newest status, where there is one.

    `attachments` are those of an incoming message, as far as they are stored.
    """

    id: str
    direction: Literal["incoming", "outgoing"]
    content: Outbound | None  # None for a type we cannot send
    text: str | None
    state: DeliveryState | None
    at: datetime | None
    sender_source: str | None = None
    attachments: tuple[Attachment, ...] = ()
