"""What a webhook says: one function per event type, returning the body without its `event_id`."""

import json
from collections.abc import Sequence
from datetime import datetime

from pydantic import JsonValue

from messaging.sandbox import wire
from messaging.sandbox.records import Channel, Comment, Contact, Conversation, Message, User
from messaging.sandbox.wire import Json, seconds
from messaging.sandbox.workspace import Workspace


def message_received(contact: Contact, message: Message, workspace: Workspace) -> Json:
    return {
        "event_type": "message.received",
        "contact": wire.bare_contact(contact, workspace),
        "message": _message(message),
        "channel": _channel(workspace.channel(message.channel)),
        "sender": {"type": "message", "source": "contact"},
    }


def message_sent(contact: Contact, message: Message, workspace: Workspace) -> Json:
    channel = _channel(workspace.channel(message.channel)) | {
        "lastMessageTime": seconds(contact.last_message_at),
        "lastIncomingMessageTime": seconds(contact.last_incoming_at),
    }
    user = message.sender.user
    return {
        "event_type": "message.sent",
        "contact": wire.bare_contact(contact, workspace),
        "message": _message(message),
        "channel": channel,
        "user": None if user is None else wire.person(workspace.user(user)),
        "sender": {"type": "message", "source": message.sender.source, "teamId": None, "userId": user},
    }


def contact_created(contact: Contact, workspace: Workspace) -> Json:
    return {"event_type": "contact.created", "contact": wire.bare_contact(contact, workspace)}


def contact_updated(contact: Contact, workspace: Workspace) -> Json:
    """Tags and custom fields lie flat in the contact, custom fields by slug."""
    flat: Json = {field.slug: contact.custom_fields.get(field.name) for field in workspace.custom_fields}
    body = wire.bare_contact(contact, workspace) | {"tags": list(contact.tags)}
    return {"event_type": "contact.updated", "contact": flat | body, "action": "updated"}


def tag_updated(contact: Contact, tag: str, action: str, workspace: Workspace) -> Json:
    return {
        "event_type": "contact.tag.updated",
        "contact": wire.bare_contact(contact, workspace),
        "tag": tag,
        "action": action,
    }


def assignee_updated(contact: Contact, workspace: Workspace) -> Json:
    return {"event_type": "contact.assignee.updated", "contact": wire.bare_contact(contact, workspace)}


def lifecycle_updated(contact: Contact, before: str | None, workspace: Workspace) -> Json:
    return {
        "event_type": "contact.lifecycle.updated",
        "contact": wire.bare_contact(contact, workspace),
        "action": "updated",
        "lifecycle": contact.lifecycle,
        "oldLifecycle": before,
    }


def comment_created(contact: Contact, comment: Comment, mentioned: Sequence[User], workspace: Workspace) -> Json:
    return {
        "event_type": "comment.created",
        "contact": wire.bare_contact(contact, workspace),
        "text": comment.text,
        "attachments": [],
        "mentionedUserIds": [user.id for user in mentioned],
        "mentionedUserEmails": [user.email for user in mentioned],
    }


def conversation_opened(
    contact: Contact, conversation: Conversation, first: Message | None, workspace: Workspace
) -> Json:
    return {
        "event_type": "conversation.opened",
        "contact": wire.bare_contact(contact, workspace),
        "conversation": {
            "source": conversation.source,
            "conversationOpenedAt": seconds(conversation.opened_at),
            "firstIncomingMessage": None if first is None else json.dumps(dict(first.content), ensure_ascii=False),
            "firstIncomingMessageChannelId": None if first is None else first.channel,
        },
    }


def conversation_closed(
    contact: Contact,
    conversation: Conversation,
    closed_at: datetime,
    closed_by: User | None,
    source: str,
    category: str | None,
    summary: str | None,
    workspace: Workspace,
) -> Json:
    nobody: Json = {"id": None, "firstName": None, "lastName": None, "email": None}
    first = conversation.first_response_at
    assignee = None if contact.assignee is None else workspace.user(contact.assignee)
    return {
        "event_type": "conversation.closed",
        "contact": wire.bare_contact(contact, workspace),
        "conversation": {
            "category": category,
            "summary": summary,
            "openedTime": seconds(conversation.opened_at),
            "openedBySource": conversation.source,
            "closedTime": seconds(closed_at),
            "closedBy": nobody if closed_by is None else wire.person(closed_by),
            "closedBySource": source,
            "firstResponseTime": None if first is None else int((first - conversation.opened_at).total_seconds()),
            "resolutionTime": int((closed_at - conversation.opened_at).total_seconds()),
            "incomingMessageCount": conversation.incoming,
            "outgoingMessageCount": conversation.outgoing,
            "assigneeTeam": None if assignee is None or assignee.team is None else assignee.team[1],
            "lastAssignmentTime": seconds(conversation.assigned_at),
        },
    }


def call_ended(
    contact: Contact,
    channel: Channel,
    user: User,
    started: datetime,
    ended: datetime,
    number: int,
    workspace: Workspace,
) -> Json:
    body: Json = {
        "id": number,
        "status": "completed",
        "channel": channel.source,
        "start_time": seconds(started),
        "end_time": seconds(ended),
        "direction": "incoming",
        "language": contact.language,
        "transcript": [],
        "callSummary": {"title": None, "summary": [], "actionItems": []},
        "recordingURL": None,
        "durationSeconds": int((ended - started).total_seconds()),
    }
    return {
        "event_type": "call.ended",
        "contact": wire.bare_contact(contact, workspace),
        "channel": _channel(channel),
        "user": wire.person(user) | {"role": user.role},
        "call": body,
    }


def _message(message: Message) -> Json:
    body: dict[str, JsonValue] = {
        "messageId": message.id,
        "channelMessageId": message.channel_message_id,
        "contactId": message.contact,
        "channelId": message.channel,
        "traffic": message.traffic,
        "timestamp": int(message.at.timestamp() * 1000),
        "message": dict(message.content),
    }
    if message.statuses:
        body["status"] = wire.statuses(message)
    return body


def _channel(channel: Channel) -> Json:
    return wire.channel(channel) | {"meta": "{}"}
