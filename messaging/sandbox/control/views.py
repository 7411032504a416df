"""Records as the control API shows them: JSON, times in milliseconds since 1970."""

from datetime import datetime

from pydantic import JsonValue

from messaging.sandbox.records import (
    Channel,
    Comment,
    Contact,
    Delivery,
    Json,
    Media,
    Message,
    Sender,
    User,
    WebhookTarget,
)
from messaging.sandbox.state import Sandbox


def milliseconds(at: datetime | None) -> int | None:
    """Milliseconds since 1970."""
    return None if at is None else int(at.timestamp() * 1000)


def contact(contact: Contact, sandbox: Sandbox) -> Json:
    """A customer; `created_at` is in seconds since 1970."""
    custom: dict[str, JsonValue] = dict(contact.custom_fields)
    return {
        "id": contact.id,
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "phone": contact.phone,
        "email": contact.email,
        "language": contact.language,
        "profilePic": contact.profile_pic,
        "countryCode": contact.country_code,
        "status": contact.status,
        "assignee": None if contact.assignee is None else _person(sandbox.workspace.user(contact.assignee)),
        "created_at": int(contact.created_at.timestamp()),
        "lifecycle": contact.lifecycle,
        "name": contact.name,
        "tags": list(contact.tags),
        "customFields": custom,
        "channel": contact.channel,
        "lastMessageAt": milliseconds(contact.last_message_at),
        "lastIncomingAt": milliseconds(contact.last_incoming_at),
    }


def message(message: Message, sandbox: Sandbox) -> Json:
    """A message; `file` is where the page finds its attachment."""
    media = None if message.copy is None else sandbox.media.peek(message.copy)
    return {
        "id": message.id,
        "contact": message.contact,
        "channel": message.channel,
        "traffic": message.traffic,
        "message": dict(message.content),
        "text": message.text,
        "sender": _author(message.sender, sandbox),
        "at": milliseconds(message.at),
        "state": message.state,
        "reason": message.statuses[-1].reason if message.statuses else None,
        "file": _file(message, media),
    }


def _file(message: Message, media: Media | None) -> JsonValue:
    """Where the page finds an attachment: at the sandbox itself, never elsewhere."""
    if media is not None:
        path = f"/sandbox/media/{media.token}/{media.name}"
        return {"url": path, "name": media.name, "mimeType": media.mime_type, "size": len(media.data)}
    attachment = message.content.get("attachment")
    if message.traffic == "incoming" and isinstance(attachment, dict):
        _, found, rest = str(attachment.get("url")).partition("/sandbox/media/")
        if found:
            return {
                "url": found + rest,
                "name": attachment.get("fileName"),
                "mimeType": attachment.get("mimeType"),
                "size": int(str(attachment.get("size") or 0)),
            }
    return None


def _author(sender: Sender, sandbox: Sandbox) -> JsonValue:
    name = None if sender.user is None else sandbox.workspace.user(sender.user).first_name
    return {"source": sender.source, "userId": sender.user, "name": name}


def comment(comment: Comment, sandbox: Sandbox) -> Json:
    return {
        "id": comment.id,
        "contact": comment.contact,
        "text": comment.text,
        "at": milliseconds(comment.at),
        "author": _author(comment.author, sandbox),
    }


def delivery(delivery: Delivery) -> Json:
    """A delivery with its attempts, without the body."""
    return {
        "id": delivery.id,
        "target": delivery.target,
        "eventId": delivery.event_id,
        "eventType": delivery.event_type,
        "contact": delivery.contact,
        "message": delivery.message,
        "at": milliseconds(delivery.at),
        "state": delivery.state,
        "attempts": [
            {"at": milliseconds(attempt.at), "status": attempt.status, "error": attempt.error, "ms": attempt.ms}
            for attempt in delivery.attempts
        ],
    }


def target(target: WebhookTarget) -> Json:
    """A webhook target; of the secret only whether there is one."""
    return {"id": target.id, "url": target.url, "signed": bool(target.secret), "events": list(target.events)}


def faults(sandbox: Sandbox) -> Json:
    """The faults that are on, by name."""
    return {
        fault.name: {"seconds": fault.seconds, "only": fault.only, "times": fault.times, "status": fault.status}
        for fault in sandbox.faults.active()
    }


def _person(user: User) -> Json:
    return {"id": user.id, "firstName": user.first_name, "lastName": user.last_name, "email": user.email}


def user(user: User) -> Json:
    """A colleague."""
    team: JsonValue = None if user.team is None else {"id": user.team[0], "name": user.team[1]}
    return _person(user) | {"role": user.role, "team": team, "restrictions": list(user.restrictions)}


def channel(channel: Channel) -> Json:
    """A connected number or account; `created_at` is in seconds since 1970."""
    at = int(channel.created_at.timestamp())
    return {"id": channel.id, "name": channel.name, "source": channel.source, "created_at": at}


def workspace(sandbox: Sandbox) -> Json:
    """What the page needs of the workspace."""
    space = sandbox.workspace
    return {
        "users": [user(each) for each in space.users],
        "channels": [channel(each) for each in space.channels],
        "closingNotes": [note.category for note in space.closing_notes],
        "templates": [
            {"channel": item.channel_id, "name": item.name, "language": item.language} for item in space.templates
        ],
        "lifecycles": list(space.lifecycles),
    }


def change(kind: str, number: int | str, sandbox: Sandbox) -> JsonValue:
    """Show a record that changed; `None` when it is gone."""
    match kind:
        case "workspace":
            return workspace(sandbox)
        case "webhooks":
            return [target(item) for item in sandbox.webhooks.targets.values()]
        case "faults":
            return faults(sandbox)
    match sandbox.look_up(kind, number):
        case Contact() as record:
            return contact(record, sandbox)
        case Message() as record:
            return message(record, sandbox)
        case Comment() as record:
            return comment(record, sandbox)
        case Delivery() as record:
            return delivery(record)
    return None
