"""Parse the webhook bodies of respond.io and Aelyst into events: plain functions, bytes and a time in, values out.

Eleven event types are documented; any other becomes `OtherEvent`. Each may be delivered more than once and by several
webhooks with different `event_id`s, so a message is known by `messageId` alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from messaging.aelyst.contents import read_content
from messaging.aelyst.records import read_channel, read_contact, read_person
from messaging.errors import PayloadError
from messaging.signature import read_document
from messaging.types import (
    AssigneeChanged,
    Contact,
    ContactChanged,
    ConversationClosed,
    ConversationOpened,
    Event,
    InboundMessage,
    MessageSent,
    NoteLeft,
    OtherEvent,
)
from messaging.values import Json, first, items, mapping, moment, moment_of_id, text

_PEOPLE = frozenset({"user", "echo"})
"""Senders that are human. `echo` is what staff writes in the WhatsApp Business app or the Page's own inbox: respond.io shows
those as echo messages. What goes out through the API comes back as `api`, never as `echo`."""

_MACHINES = frozenset({"api", "workflow", "broadcast", "ai_agent", "bot", "zapier", "make", "n8n"})


def parse_events(body: bytes, platform: str, received_at: datetime) -> list[Event]:
    """Parse the events of a webhook body; usually one.

    Args:
        body: the raw body.
        platform: the name in the keys of the contacts.
        received_at: dates a message that carries no readable time; aware UTC.

    Raises:
        PayloadError: not JSON, not an object with an `event_type`, or a message that names no contact or no id.
    """
    document = read_document(body)
    payloads = [payload for item in items(document) if (payload := mapping(item))]
    if not payloads:
        raise PayloadError("the webhook body is not a JSON object with an event_type")
    return [_parse(payload, platform, received_at) for payload in payloads]


def _parse(payload: Mapping[str, Json], platform: str, received_at: datetime) -> Event:
    name = text(payload.get("event_type"))
    if name is None:
        raise PayloadError("the webhook body has no event_type")
    contact = read_contact(mapping(payload.get("contact")), platform)
    if name in ("message.received", "message.sent"):
        return _message(name, payload, _known(contact, name), received_at)
    if (read := _READERS.get(name)) is not None:
        return read(payload, _known(contact, name))
    return OtherEvent(name, contact)


def _known(contact: Contact | None, name: str) -> Contact:
    if contact is None:
        raise PayloadError(f"the {name} webhook names no contact (contact.id)")
    return contact


def _message(
    name: str, payload: Mapping[str, Json], contact: Contact, received_at: datetime
) -> InboundMessage | MessageSent:
    """What came in and what went out. The direction is the message's own `traffic` where it has one: a reply of ours that was
    reported as received must not be answered."""
    message = mapping(payload.get("message"))
    message_id = text(message.get("messageId"))
    if message_id is None:
        raise PayloadError(f"the {name} webhook names no message (message.messageId)")
    sent_at = moment(message.get("timestamp")) or moment_of_id(message_id) or received_at
    content = read_content(mapping(message.get("message")))
    channel = read_channel(mapping(payload.get("channel")), fallback_id=text(message.get("channelId")))
    traffic = text(message.get("traffic"))
    if traffic == "incoming" or (traffic != "outgoing" and name == "message.received"):
        return InboundMessage(
            contact=contact,
            message_id=message_id,
            sent_at=sent_at,
            text=content.text,
            attachments=content.attachments,
            channel=channel,
            kind=content.kind,
            location=content.location,
            cards=content.cards,
            quote=content.quote,
        )
    sender, user = mapping(payload.get("sender")), mapping(payload.get("user"))
    person = read_person(user)
    if person is None and (user_id := text(sender.get("userId"))) is not None:
        person = read_person({"id": user_id})
    source = text(sender.get("source"))
    return MessageSent(
        contact=contact,
        message_id=message_id,
        sent_at=sent_at,
        by_human=_by_human(source, has_user=person is not None),
        text=content.words,
        sender=person,
        source=source,
        channel=channel,
    )


def _by_human(source: str | None, *, has_user: bool) -> bool:
    """Old payloads have no sender, and sources are an open set: then a message with a user is by a human."""
    known = (source or "").lower()
    return known in _PEOPLE or (known not in _MACHINES and has_user)


def _opened(payload: Mapping[str, Json], contact: Contact) -> Event:
    return ConversationOpened(contact, source=first(mapping(payload.get("conversation")), "source", "openedBySource"))


def _closed(payload: Mapping[str, Json], contact: Contact) -> Event:
    conversation = mapping(payload.get("conversation"))
    return ConversationClosed(
        contact,
        closed_by=read_person(mapping(conversation.get("closedBy"))),
        source=text(conversation.get("closedBySource")),
        summary=text(conversation.get("summary")),
        category=text(conversation.get("category")),
        event_id=text(payload.get("event_id")),
    )


def _tag(payload: Mapping[str, Json], contact: Contact) -> Event:
    tag = payload.get("tag")
    names = [found for item in items(tag) if (found := first(mapping(item), "name") or text(item))]
    return ContactChanged(contact, "tag", tag=text(tag) or next(iter(names), None), action=text(payload.get("action")))


def _lifecycle(payload: Mapping[str, Json], contact: Contact) -> Event:
    if "lifecycle" in payload:
        lifecycle = payload["lifecycle"]
        contact = replace(contact, lifecycle=first(mapping(lifecycle), "name") or text(lifecycle))
    emptied = frozenset({"lifecycle"}) if contact.lifecycle is None else frozenset()
    return ContactChanged(contact, "lifecycle", action=text(payload.get("action")), emptied=emptied)


_EMPTYABLE: Mapping[str, str] = {
    "lastName": "last_name",
    "phone": "phone",
    "email": "email",
    "language": "language",
    "countryCode": "country",
    "lifecycle": "lifecycle",
    "tags": "tags",
}


def _updated(payload: Mapping[str, Json], contact: Contact) -> Event:
    """A field that is there and empty was emptied; one that is not there did not change."""
    source = mapping(payload.get("contact"))
    emptied = frozenset(name for wire, name in _EMPTYABLE.items() if wire in source and not getattr(contact, name))
    return ContactChanged(contact, "updated", action=text(payload.get("action")), emptied=emptied)


_READERS: Mapping[str, Callable[[Mapping[str, Json], Contact], Event]] = {
    "contact.created": lambda _, contact: ContactChanged(contact, "created"),
    "contact.updated": _updated,
    "contact.tag.updated": _tag,
    "contact.assignee.updated": lambda payload, contact: AssigneeChanged(contact, text(payload.get("event_id"))),
    "contact.lifecycle.updated": _lifecycle,
    "conversation.opened": _opened,
    "conversation.closed": _closed,
    "comment.created": lambda payload, contact: NoteLeft(contact, text(payload.get("text"))),
    "call.ended": lambda _, contact: OtherEvent("call.ended", contact),
}
