"""AIsoule's webhooks: both dialects' names of every field are read."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from messaging.errors import (
    PayloadError,
)
from messaging.signature import read_document
from messaging.types import (
    MEDIA_KINDS,
    AssigneeChanged,
    Attachment,
    Channel,
    Contact,
    ContactChanged,
    ContactKey,
    DeliveryReport,
    DeliveryState,
    Event,
    InboundMessage,
    OtherEvent,
    Person,
    Quote,
    Reaction,
    ReceivedKind,
)
from messaging.values import (
    Json,
    address_of,
    cards_of,
    files_of,
    first,
    instant,
    international,
    items,
    location_of,
    mapping,
    mime_of,
    person_names,
    text,
)

log = structlog.get_logger()

_STATES: Mapping[str, DeliveryState] = {
    "message.sent": "sent",
    "message.delivered": "delivered",
    "message.read": "read",
    "message.failed": "failed",
}
_KINDS: Mapping[str, ReceivedKind] = {**MEDIA_KINDS, "ptt": "audio", "document": "file", "file": "file"}
_ACCOUNTS = ("whatsapp_account_id", "waba_number", "account_id")


def parse_events(body: bytes, platform: str, received_at: datetime, *, account: str | None) -> list[Event]:
    """Parse the event of a webhook body; both dialects' names of every field are read.

    Args:
        body: the raw body.
        platform: the name in the keys of contacts.
        received_at: dates what carries no readable time; aware UTC.
        account: whose events count, where one is configured.

    Raises:
        PayloadError: not JSON, not an event, or a message without sender or id.
    """
    found = [payload for item in items(read_document(body)) if (payload := mapping(item))]
    if not found:
        raise PayloadError("the webhook body is not a JSON object with an event")
    return [_event(payload, platform, received_at, account) for payload in found]


def _event(payload: Mapping[str, Json], platform: str, received_at: datetime, account: str | None) -> Event:
    name, data = text(payload.get("event")), mapping(payload.get("data"))
    if name is None:
        raise PayloadError("the webhook body names no event")
    named = {value for key in _ACCOUNTS if (value := text(data.get(key))) is not None}
    listening = text(data.get("whatsapp_account_id"))
    if account is not None and listening not in (None, account):
        return OtherEvent(f"{name} of another account")
    at = instant(payload.get("timestamp")) or instant(data.get("timestamp")) or received_at
    message_id = first(data, "message_id", "id")
    if name in ("message.incoming", "message.received"):
        return _message(data, message_id, platform, at, named)
    if (state := _STATES.get(name)) is not None:
        if message_id is None:
            return OtherEvent(name)
        receiver = international(first(data, "to", "recipient", "phone_number", "phone"))
        contact = None if receiver is None else Contact(ContactKey(platform, receiver), phone=receiver)
        problem = mapping(data.get("error"))
        said = [text(problem.get("code")), first(problem, "message") or first(data, "error", "reason", "error_message")]
        return DeliveryReport(message_id, state, at, contact, " ".join(part for part in said if part) or None)
    contact = _contact(data, platform)
    if contact is None:
        return OtherEvent(name)
    if name in ("contact.created", "contact.updated"):
        return ContactChanged(contact, "created" if name == "contact.created" else "updated")
    if name == "transfer.created":  # to a colleague, who answers from now on
        agent = mapping(data.get("agent")) or mapping(data.get("assigned_to"))
        who = (
            first(agent, "name", "email", "id") or first(data, "agent_name", "assigned_to", "agent_id") or "a colleague"
        )
        to = Contact(contact.key, contact.first_name, contact.last_name, contact.phone, assignee=Person(who, who))
        said_at = instant(payload.get("timestamp")) or instant(data.get("timestamp"))
        return AssigneeChanged(to, first(payload, "event_id", "id"), said_at)
    return OtherEvent(name, contact)


def _contact(data: Mapping[str, Json], platform: str) -> Contact | None:
    person = mapping(data.get("contact")) or data
    phone = international(first(person, "from", "sender", "phone_number", "phone", "contact_phone"))
    if phone is None:
        return None
    name = first(person, "contact_name", "name", "sender_name")
    first_name, last_name = person_names(name)
    return Contact(
        ContactKey(platform, phone),
        first(person, "first_name") or first_name,
        first(person, "last_name") or last_name,
        phone,
    )


def _message(
    data: Mapping[str, Json], message_id: str | None, platform: str, at: datetime, accounts: set[str]
) -> Event:
    contact = _contact(data, platform)
    if contact is None or message_id is None:
        raise PayloadError("the webhook names no sender (data.from, data.sender) or no message (data.message_id)")
    own = {number for account in accounts if (number := international(account)) is not None}
    if contact.phone in own or (first(data, "direction") or "").startswith("out"):
        return DeliveryReport(message_id, "sent", at)
    kind = first(data, "type") or "text"
    part, quoted = mapping(data.get(kind)), first(mapping(data.get("context")), "id", "message_id")
    if kind == "reaction":
        to = first(part, "message_id")
        emoji = first(part, "emoji")
        return OtherEvent(kind, contact) if to is None else Reaction(contact, message_id, at, to, emoji)
    attachments = read_media(data, kind)
    return InboundMessage(
        contact,
        message_id,
        at,
        _words(data, kind),
        attachments,
        Channel(next(iter(accounts), platform), "whatsapp"),
        kind,
        location=location_of(part or data) if kind == "location" else None,
        cards=cards_of(data.get("contacts")) if kind == "contacts" else (),
        quote=None if quoted is None else Quote(quoted),
    )


def _words(data: Mapping[str, Json], kind: str) -> str | None:
    part = mapping(data.get(kind))
    tapped = mapping(data.get("interactive")) or part
    replies = (mapping(tapped.get(name)) for name in ("button_reply", "list_reply"))
    chosen = next((found for reply in replies if (found := first(reply, "title", "id"))), None)
    said = first(data, "text", "body") or first(mapping(data.get("text")), "body")
    return said or chosen or first(part, "caption", "text") or first(data, "caption")


def read_media(data: Mapping[str, Json], kind: str) -> tuple[Attachment, ...]:
    """Read the files of a message.

    No document shows one, so they are looked for where messages of AIsoule and its like hold one: below the name of the type
    (`audio.link`), in `media`, `file` or a list of `attachments`, or in the message itself (`media_url`). A file that cannot be found
    is `pending`, and the names of the fields go into the log.
    """
    what = _KINDS.get(kind)
    found = files_of(data, kind if what else None)
    if found:
        return tuple(_attachment(part, what) for part in found)
    if what is None:
        return ()
    part = mapping(data.get(kind))
    log.warning("aisoule_file_not_found", type=kind, fields=sorted(data), inside=sorted(part))
    return (_attachment(part, what),)


def _attachment(part: Mapping[str, Json], what: ReceivedKind | None) -> Attachment:
    mime = mime_of(part)
    named = _KINDS.get((first(part, "type", "kind") or "").lower()) or MEDIA_KINDS.get((mime or "").partition("/")[0])
    url = address_of(part)
    kind = what or named or "file"
    return Attachment(kind, url or "", first(part, "filename", "file_name", "name"), mime, pending=url is None)
