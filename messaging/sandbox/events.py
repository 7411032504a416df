"""What happens in the sandbox that a webhook can report. A face spells each event in its platform's format."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from messaging.sandbox.records import Channel, Comment, Contact, Conversation, Message, SenderKind, User


class EventType(StrEnum):
    """The types a webhook target can subscribe to."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    CONTACT_CREATED = "contact.created"
    CONTACT_UPDATED = "contact.updated"
    TAG_UPDATED = "contact.tag.updated"
    ASSIGNEE_UPDATED = "contact.assignee.updated"
    LIFECYCLE_UPDATED = "contact.lifecycle.updated"
    COMMENT_CREATED = "comment.created"
    CONVERSATION_OPENED = "conversation.opened"
    CONVERSATION_CLOSED = "conversation.closed"
    CALL_ENDED = "call.ended"


@dataclass(frozen=True, slots=True)
class MessageReceived:
    type: ClassVar = EventType.MESSAGE_RECEIVED
    contact: Contact
    message: Message


@dataclass(frozen=True, slots=True)
class MessageSent:
    type: ClassVar = EventType.MESSAGE_SENT
    contact: Contact
    message: Message


@dataclass(frozen=True, slots=True)
class ContactCreated:
    type: ClassVar = EventType.CONTACT_CREATED
    contact: Contact


@dataclass(frozen=True, slots=True)
class ContactUpdated:
    type: ClassVar = EventType.CONTACT_UPDATED
    contact: Contact


@dataclass(frozen=True, slots=True)
class TagAdded:
    type: ClassVar = EventType.TAG_UPDATED
    contact: Contact
    tag: str


@dataclass(frozen=True, slots=True)
class TagRemoved:
    type: ClassVar = EventType.TAG_UPDATED
    contact: Contact
    tag: str


@dataclass(frozen=True, slots=True)
class AssigneeUpdated:
    type: ClassVar = EventType.ASSIGNEE_UPDATED
    contact: Contact


@dataclass(frozen=True, slots=True)
class LifecycleUpdated:
    type: ClassVar = EventType.LIFECYCLE_UPDATED
    contact: Contact
    before: str | None


@dataclass(frozen=True, slots=True)
class CommentCreated:
    type: ClassVar = EventType.COMMENT_CREATED
    contact: Contact
    comment: Comment
    mentioned: tuple[User, ...]


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    """`first` is the customer's message that opened it, if one did."""

    type: ClassVar = EventType.CONVERSATION_OPENED
    contact: Contact
    conversation: Conversation
    first: Message | None


@dataclass(frozen=True, slots=True)
class ConversationClosed:
    type: ClassVar = EventType.CONVERSATION_CLOSED
    contact: Contact
    conversation: Conversation
    closed_at: datetime
    closed_by: User | None
    source: SenderKind
    category: str | None
    summary: str | None


@dataclass(frozen=True, slots=True)
class CallEnded:
    type: ClassVar = EventType.CALL_ENDED
    contact: Contact
    channel: Channel
    user: User
    started_at: datetime
    ended_at: datetime


Event: TypeAlias = (
    MessageReceived
    | MessageSent
    | ContactCreated
    | ContactUpdated
    | TagAdded
    | TagRemoved
    | AssigneeUpdated
    | LifecycleUpdated
    | CommentCreated
    | ConversationOpened
    | ConversationClosed
    | CallEnded
)
