"""Webhook bodies: every event of the sandbox as Aelyst and respond.io report it."""

import json
from typing import assert_never

from messaging.sandbox import events
from messaging.sandbox.aelyst import wire
from messaging.sandbox.aelyst.wire import seconds
from messaging.sandbox.events import Event
from messaging.sandbox.records import Channel, Contact, Json, Message
from messaging.sandbox.workspace import Workspace


def webhook_body(event: Event, event_id: str, workspace: Workspace) -> Json:
    """Spell an event: `event_type`, `event_id`, the contact, and what the type carries."""
    head: Json = {"event_type": event.type, "event_id": event_id}
    return head | {"contact": wire.bare_contact(event.contact, workspace)} | _details(event, workspace)


def _details(event: Event, workspace: Workspace) -> Json:
    match event:
        case events.MessageReceived():
            return {
                "message": _message(event.message),
                "channel": _channel(workspace.channel(event.message.channel)),
                "sender": {"type": "message", "source": "contact"},
            }
        case events.MessageSent():
            return _sent(event, workspace)
        case events.ContactUpdated():
            return {"contact": _flat_contact(event.contact, workspace), "action": "updated"}
        case events.TagAdded():
            return {"tag": event.tag, "action": "add"}
        case events.TagRemoved():
            return {"tag": event.tag, "action": "remove"}
        case events.LifecycleUpdated():
            return {"action": "updated", "lifecycle": event.contact.lifecycle, "oldLifecycle": event.before}
        case events.CommentCreated():
            return {
                "text": event.comment.text,
                "attachments": [],
                "mentionedUserIds": [user.id for user in event.mentioned],
                "mentionedUserEmails": [user.email for user in event.mentioned],
            }
        case events.ConversationOpened():
            return {"conversation": _opened(event)}
        case events.ConversationClosed():
            return {"conversation": _closed(event, workspace)}
        case events.CallEnded():
            return {
                "channel": _channel(event.channel),
                "user": wire.person(event.user) | {"role": event.user.role},
                "call": _call(event),
            }
        case events.ContactCreated() | events.AssigneeUpdated():
            return {}
    assert_never(event)


def _sent(event: events.MessageSent, workspace: Workspace) -> Json:
    message, contact = event.message, event.contact
    user = message.sender.user
    return {
        "message": _message(message),
        "channel": _channel(workspace.channel(message.channel))
        | {
            "lastMessageTime": seconds(contact.last_message_at),
            "lastIncomingMessageTime": seconds(contact.last_incoming_at),
        },
        "user": None if user is None else wire.person(workspace.user(user)),
        "sender": {"type": "message", "source": message.sender.source, "teamId": None, "userId": user},
    }


def _flat_contact(contact: Contact, workspace: Workspace) -> Json:
    """A contact with its tags, and its custom fields by slug beside the standard ones."""
    flat: Json = {field.slug: contact.custom_fields.get(field.name) for field in workspace.custom_fields}
    return flat | wire.bare_contact(contact, workspace) | {"tags": list(contact.tags)}


def _opened(event: events.ConversationOpened) -> Json:
    first = event.first
    said = None if first is None else json.dumps(wire.content(first.content), ensure_ascii=False)
    return {
        "source": event.conversation.source,
        "conversationOpenedAt": seconds(event.conversation.opened_at),
        "firstIncomingMessage": said,
        "firstIncomingMessageChannelId": None if first is None else first.channel,
    }


def _closed(event: events.ConversationClosed, workspace: Workspace) -> Json:
    conversation = event.conversation
    no_user: Json = {"id": None, "firstName": None, "lastName": None, "email": None}
    first = conversation.first_response_at
    assignee = None if event.contact.assignee is None else workspace.user(event.contact.assignee)
    return {
        "category": event.category,
        "summary": event.summary,
        "openedTime": seconds(conversation.opened_at),
        "openedBySource": conversation.source,
        "closedTime": seconds(event.closed_at),
        "closedBy": no_user if event.closed_by is None else wire.person(event.closed_by),
        "closedBySource": event.source,
        "firstResponseTime": None if first is None else int((first - conversation.opened_at).total_seconds()),
        "resolutionTime": int((event.closed_at - conversation.opened_at).total_seconds()),
        "incomingMessageCount": conversation.incoming,
        "outgoingMessageCount": conversation.outgoing,
        "assigneeTeam": None if assignee is None or assignee.team is None else assignee.team[1],
        "lastAssignmentTime": seconds(conversation.assigned_at),
    }


def _call(event: events.CallEnded) -> Json:
    return {
        "id": int(event.ended_at.timestamp() * 1000),
        "status": "completed",
        "channel": event.channel.source,
        "start_time": seconds(event.started_at),
        "end_time": seconds(event.ended_at),
        "direction": "incoming",
        "language": event.contact.language,
        "transcript": [],
        "callSummary": {"title": None, "summary": [], "actionItems": []},
        "recordingURL": None,
        "durationSeconds": int((event.ended_at - event.started_at).total_seconds()),
    }


def _message(message: Message) -> Json:
    body: Json = {
        "messageId": message.id,
        "channelMessageId": message.channel_message_id,
        "contactId": message.contact,
        "channelId": message.channel,
        "traffic": message.traffic,
        "timestamp": int(message.at.timestamp() * 1000),
        "message": wire.content(message.content),
    }
    if message.statuses:
        body["status"] = wire.statuses(message)
    return body


def _channel(channel: Channel) -> Json:
    return wire.channel(channel) | {"meta": "{}"}
