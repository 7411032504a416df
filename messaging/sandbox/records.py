"""What the sandbox keeps: colleagues, channels, contacts, messages, deliveries. All values are immutable.

Times are aware UTC; ids are integers. Nothing here is in the wire format of a platform: a face translates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, JsonValue

from messaging.types import ChannelKind, kind_of

FieldValue: TypeAlias = str | bool | int | float | None
DataType = Literal["text", "list", "checkbox", "email", "number", "url", "date", "time"]
Json: TypeAlias = dict[str, JsonValue]
Content: TypeAlias = Mapping[str, JsonValue]
"""What a message says, as a JSON document with a `type`. The sandbox and its phone page read these keys, whatever the type:

`text`; `attachment` (`type`: image, video, audio or file; `url`, `fileName`, `mimeType`, `size` in bytes) with `description`;
`title` and `replies` of a question with choices; `template` (`name`, `languageCode`, `components`); `subject`; `latitude`,
`longitude` and `address`; `contacts`, cards as WhatsApp writes them; `messageTag`, a reason to write outside the 24-hour
window. Anything else is kept and shown as it is.
"""


@dataclass(frozen=True, slots=True)
class User:
    """A colleague in the workspace."""

    id: int
    first_name: str
    last_name: str
    email: str
    role: Literal["agent", "manager", "owner"] = "agent"
    team: tuple[int, str] | None = None
    restrictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """A connected number or account."""

    id: int
    name: str
    source: str
    created_at: datetime

    @property
    def kind(self) -> ChannelKind:
        return kind_of(self.source)


@dataclass(frozen=True, slots=True)
class Template:
    """A WhatsApp template that may be sent at any time."""

    id: int
    channel_id: int
    name: str
    language: str
    category: str
    components: tuple[Content, ...]
    status: str = "approved"


@dataclass(frozen=True, slots=True)
class CustomField:
    id: int
    name: str
    slug: str
    data_type: DataType
    description: str | None = None
    allowed_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tag:
    id: int
    name: str
    created_at: datetime
    description: str | None = None
    color: str | None = None
    emoji: str | None = None


@dataclass(frozen=True, slots=True)
class ClosingNote:
    category: str
    description: str


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """Everything that belongs to the workspace rather than to a contact."""

    users: tuple[User, ...]
    channels: tuple[Channel, ...]
    templates: tuple[Template, ...]
    custom_fields: tuple[CustomField, ...]
    closing_notes: tuple[ClosingNote, ...]
    lifecycles: tuple[str, ...]
    tags: tuple[Tag, ...]


class SenderKind(StrEnum):
    """Who did something."""

    CONTACT = "contact"  # the customer
    USER = "user"  # a colleague
    API = "api"  # the program that uses the platform's API


@dataclass(frozen=True, slots=True)
class Conversation:
    """An open conversation of a contact: since when, who opened it, and what has happened in it."""

    opened_at: datetime
    source: SenderKind
    incoming: int = 0
    outgoing: int = 0
    first_response_at: datetime | None = None
    assigned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer."""

    id: int
    first_name: str
    created_at: datetime
    last_name: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    profile_pic: str | None = None
    country_code: str | None = None
    custom_fields: Mapping[str, FieldValue] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    assignee: int | None = None  # user id
    lifecycle: str | None = None
    blocked: bool = False
    channel: int | None = None  # the last one the contact wrote on
    last_message_at: datetime | None = None
    last_incoming_at: datetime | None = None
    conversation: Conversation | None = None  # None: closed

    @property
    def status(self) -> Literal["open", "closed", "blocked"]:
        if self.blocked:
            return "blocked"
        return "closed" if self.conversation is None else "open"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name or ''}".strip()


StatusValue = Literal["pending", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Status:
    value: StatusValue
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote; `user` is the id of a colleague."""

    source: SenderKind
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    channel_message_id: str
    contact: int
    channel: int
    traffic: Literal["incoming", "outgoing"]
    content: Content
    sender: Sender
    at: datetime
    statuses: tuple[Status, ...] = ()
    copy: str | None = None  # media token of our copy of an attachment at another host

    @property
    def state(self) -> StatusValue | None:
        """The newest status; `None` for an incoming message."""
        return self.statuses[-1].value if self.statuses else None

    @property
    def text(self) -> str | None:
        """The words of the message, template parameters filled in; `None` when it has none."""
        match self.content:
            case {"replies": _, "title": str(title)}:
                return title
            case {"attachment": _}:
                description = self.content.get("description")
                return description if isinstance(description, str) else None
            case {"template": {"components": [*components]}}:
                lines = [_component_text(part) for part in components if isinstance(part, dict)]
                return "\n".join(lines).strip() or None
            case {"template": {"name": str(name)}}:
                return f"[{name}]"
            case {"text": str(text)}:
                return text
        return None


def _component_text(component: Json) -> str:
    text, parameters = component.get("text"), component.get("parameters")
    if not isinstance(text, str):
        return ""
    values = parameters if isinstance(parameters, list) else []
    for n, value in enumerate(values, 1):
        if isinstance(value, dict):
            text = text.replace(f"{{{{{n}}}}}", str(value.get("text", "")))
    return text


@dataclass(frozen=True, slots=True)
class Comment:
    """An internal note; the customer never sees it."""

    id: int
    contact: int
    text: str
    at: datetime
    author: Sender


@dataclass(frozen=True, slots=True)
class Media:
    """A file under an unguessable URL."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    token: str
    name: str
    mime_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where events go. `secret` signs them; `events` are the types it subscribed to, see `messaging.sandbox.events`.

    A program that names its target finds it again after a restart, with what is still waiting for it.
    """

    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver an event: an HTTP status, or what went wrong. `ms` is how long it took."""

    at: datetime
    status: int | None
    error: str | None
    ms: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to one target. Every try carries the same `event_id` and the same bytes."""

    id: int
    target: int
    event_id: str
    event_type: str
    contact: int
    body: str
    at: datetime
    message: int | None = None  # the message that the event is about
    state: Literal["waiting", "delivered", "failed"] = "waiting"
    attempts: tuple[Attempt, ...] = ()
