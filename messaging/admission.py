"""The door for everything that a platform says of customers: texts are cleaned and capped here, once, before anything reads them.

Whatever a customer, a colleague or a profile holds, what comes after may rely on these bounds: functions over texts are linear,
and a name is one short line.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from messaging.types import (
    AssigneeChanged,
    Attachment,
    Channel,
    Contact,
    ContactCard,
    ContactKey,
    ConversationClosed,
    Event,
    FieldValue,
    InboundMessage,
    Location,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    NoteLeft,
    PastMessage,
    Person,
    Quote,
    Reaction,
)
from settings.text import cleaned, one_line

LONGEST_TEXT = 4_096
"""Characters of one message that are read: what WhatsApp allows a business; of a longer e-mail the rest is left out."""

LONGEST_NAME = 60
"""Characters of a name or label, see `one_line`."""

LONGEST_QUOTE = 300
"""Characters of an earlier message that a message refers to."""

_LONGEST_FACT = 1_000
_LONGEST_ID = 200  # PostgreSQL refuses index entries over 2,704 bytes
_MOST_FACTS = 200
_MOST_ATTACHMENTS = 20
_MOST_CARDS = 10
_LONGEST_PLACE = 200

E = TypeVar("E", bound=Event)


def admitted(event: E, now: datetime) -> E:
    """Clean and cap one event of a platform.

    Args:
        event: as the platform's webhook was parsed.
        now: when it came, aware UTC; no message was written later.

    Returns:
        The event. `left_out` of a message says how many characters its text lost.
    """
    clean = cleaned(event)
    if clean.contact is not None:
        clean = replace(clean, contact=_capped_contact(clean.contact))
    match clean:
        case InboundMessage():
            text, left_out = _capped(clean.text)
            return replace(
                clean,
                message_id=_id(clean.message_id),
                sent_at=min(clean.sent_at, now),
                text=text,
                left_out=left_out,
                attachments=tuple(map(_attachment, clean.attachments[:_MOST_ATTACHMENTS])),
                channel=_channel(clean.channel),
                kind=one_line(clean.kind, LONGEST_NAME),
                location=_place(clean.location),
                cards=tuple(map(_card, clean.cards[:_MOST_CARDS])),
                quote=_quote(clean.quote),
            )
        case Reaction():
            emoji = one_line(clean.emoji or "", 2 * LONGEST_NAME) or None
            sent_at = min(clean.sent_at, now)
            return replace(clean, message_id=_id(clean.message_id), to=_id(clean.to), sent_at=sent_at, emoji=emoji)
        case MessageEdited():
            return replace(
                clean,
                message_id=_id(clean.message_id),
                sent_at=min(clean.sent_at, now),
                text=clean.text[:LONGEST_TEXT],
                channel=_channel(clean.channel),
            )
        case MessageDeleted():
            return replace(clean, message_id=_id(clean.message_id))
        case PastMessage():
            return replace(
                clean,
                message_id=_id(clean.message_id),
                sent_at=min(clean.sent_at, now),
                text=_capped(clean.text)[0],
                attachments=tuple(map(_attachment, clean.attachments[:_MOST_ATTACHMENTS])),
                channel=_channel(clean.channel),
            )
        case MessageSent():
            return replace(
                clean,
                message_id=_id(clean.message_id),
                sent_at=min(clean.sent_at, now),
                text=_capped(clean.text)[0],
                sender=_person(clean.sender),
                channel=_channel(clean.channel),
            )
        case NoteLeft():
            return replace(clean, text=_capped(clean.text)[0])
        case ConversationClosed():
            summary, event_id = _capped(clean.summary)[0], clean.event_id and _id(clean.event_id)
            return replace(clean, closed_by=_person(clean.closed_by), summary=summary, event_id=event_id)
        case AssigneeChanged():
            return replace(clean, event_id=clean.event_id and _id(clean.event_id), at=clean.at and min(clean.at, now))
    return clean


def admitted_contact(contact: Contact) -> Contact:
    """Clean and cap what a platform knows of a contact: names are one short line, and nothing is long.

    Args:
        contact: as the platform gave it.
    """
    return _capped_contact(cleaned(contact))


def _capped_contact(contact: Contact) -> Contact:
    return replace(
        contact,
        key=ContactKey(contact.key.platform, _id(contact.key.id)),
        first_name=_label(contact.first_name),
        last_name=_label(contact.last_name),
        phone=_label(contact.phone),
        email=_fact(contact.email),
        language=_label(contact.language),
        country=_label(contact.country),
        status=_label(contact.status),
        lifecycle=_label(contact.lifecycle),
        assignee=_person(contact.assignee),
        tags=tuple(one_line(tag, _LONGEST_ID) for tag in contact.tags[:_MOST_FACTS]),
        custom_fields=_fields(contact.custom_fields),
        stand_in=None if contact.stand_in is None else replace(contact.stand_in, id=_id(contact.stand_in.id)),
    )


_NAMES = frozenset({"first_name", "last_name", "language"})


def admitted_facts(facts: Mapping[str, str]) -> dict[str, str]:
    """Clean and cap what a file or another system says of a person: names are one short line, and nothing is long.

    Args:
        facts: the line of a CSV file, or the contact of a hook.
    """
    return {
        one_line(name, _LONGEST_ID): one_line(value, LONGEST_NAME) if name in _NAMES else cleaned(value)[:_LONGEST_FACT]
        for name, value in list(facts.items())[:_MOST_FACTS]
    }


def _capped(text: str | None) -> tuple[str | None, int]:
    if text is None or len(text) <= LONGEST_TEXT:
        return text, 0
    return text[:LONGEST_TEXT], len(text) - LONGEST_TEXT


def _label(text: str | None) -> str | None:
    return _line(text, LONGEST_NAME)


def _fact(text: str | None) -> str | None:
    return None if text is None else text[:_LONGEST_FACT]


def _fields(fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    return {
        one_line(name, _LONGEST_ID): _fact(value) if isinstance(value, str) else value
        for name, value in list(fields.items())[:_MOST_FACTS]
    }


def _id(identity: str) -> str:
    """The id itself, unless it is too long for a key: then its beginning with a fingerprint of the whole."""
    if len(identity) <= _LONGEST_ID:
        return identity
    return f"{identity[:100]}…{hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()}"


def _person(person: Person | None) -> Person | None:
    if person is None:
        return None
    return Person(_id(person.id), _label(person.name), _fact(person.email))


def _channel(channel: Channel | None) -> Channel | None:
    return None if channel is None else Channel(_id(channel.id), _label(channel.source), _label(channel.name))


def _place(place: Location | None) -> Location | None:
    if place is None:
        return None
    on_earth = (
        place.latitude is not None
        and place.longitude is not None
        and abs(place.latitude) <= 90
        and abs(place.longitude) <= 180
    )
    point = (place.latitude, place.longitude) if on_earth else (None, None)
    return Location(*point, _line(place.name, _LONGEST_PLACE), _line(place.address, _LONGEST_PLACE))


def _card(card: ContactCard) -> ContactCard:
    phones, emails = (
        tuple(one_line(each, LONGEST_NAME) for each in of[:_MOST_CARDS]) for of in (card.phones, card.emails)
    )
    return ContactCard(_label(card.name), phones, emails)


def _quote(quote: Quote | None) -> Quote | None:
    if quote is None:
        return None
    message_id = None if quote.message_id is None else _id(quote.message_id)
    return Quote(message_id, _line(quote.text, LONGEST_QUOTE), quote.corrected)


def _line(text: str | None, most: int) -> str | None:
    return None if text is None else one_line(text, most) or None


def _attachment(attachment: Attachment) -> Attachment:
    name = None if attachment.name is None else one_line(attachment.name, 2 * LONGEST_NAME)
    return replace(attachment, name=name, mime_type=_fact(attachment.mime_type))
