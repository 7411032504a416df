"""What the sandbox keeps: people, channels, contacts, messages, deliveries. All values are immutable.

Times are aware UTC; ids are integers as on the platform.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, JsonValue

EVENT_TYPES = (
    "message.received",
    "message.sent",
    "contact.created",
    "contact.updated",
    "contact.tag.updated",
    "contact.assignee.updated",
    "contact.lifecycle.updated",
    "comment.created",
    "conversation.opened",
    "conversation.closed",
    "call.ended",
)

FieldValue: TypeAlias = str | bool | int | float | None
DataType = Literal["text", "list", "checkbox", "email", "number", "url", "date", "time"]
Content: TypeAlias = Mapping[str, JsonValue]
"""A message as it travels: the `message` object of section "send a message", `type` included."""


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


@dataclass(frozen=True, slots=True)
class Conversation:
    """An open conversation of a contact: since when, by whom, and what has happened in it."""

    opened_at: datetime
    source: str
    first_incoming: int | None = None  # message id
    incoming: int = 0
    outgoing: int = 0
    first_response_at: datetime | None = None
    assigned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
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
    """Who wrote: `source` is contact, user, api, workflow, broadcast …"""

    source: str
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
    copy: str | None = None  # our own copy of an attachment that somebody else hosts: a media token

    @property
    def state(self) -> StatusValue | None:
        return self.statuses[-1].value if self.statuses else None


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
    """Where events go. `secret` signs them; `events` are the types it wants.

    A program that names its target finds it again after a restart, with what is still waiting for it.
    """

    id: int
    url: str
    secret: str
    events: tuple[str, ...] = EVENT_TYPES
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
