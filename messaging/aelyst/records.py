"""Readers of answers and webhooks: contacts, messages, users, channels, templates and the rest, as values.

Readers return None for an object without the field that identifies it; every other field may be missing or null.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from urllib.parse import parse_qs, urlsplit

from messaging.aelyst.contents import read_content, read_outbound
from messaging.types import (
    Channel,
    ChannelTemplate,
    Contact,
    ContactKey,
    DeliveryState,
    FieldValue,
    Person,
    PlatformMessage,
)
from messaging.values import Json, first, items, mapping, moment, text
from settings.text import clean

FieldType = Literal["text", "list", "checkbox", "email", "number", "url", "date", "time"]


@dataclass(frozen=True, slots=True)
class User:
    """A colleague of the workspace. `restrictions` are what the role may not do, in the platform's words."""

    id: str
    name: str | None = None
    email: str | None = None
    role: str | None = None  # agent, manager, owner
    team: str | None = None
    restrictions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactChannel:
    """A channel on which a contact can be reached, and when it was last used."""

    channel: Channel
    last_message_at: datetime | None = None
    last_incoming_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that the workspace added to its contacts. `options` are the values of a list."""

    id: str
    name: str
    type: FieldType
    slug: str | None = None
    description: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosingNote:
    """A category a conversation may be closed with."""

    category: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the workspace."""

    id: str | None
    name: str
    description: str | None = None
    color: str | None = None
    emoji: str | None = None


def next_cursor(page: Mapping[str, Json]) -> str | None:
    """Return the cursor of the next page, from the query of `pagination.next`.

    That URL itself is never called: it lacks the version part of the path, and our token would go wherever it points.
    """
    following = text(mapping(page.get("pagination")).get("next"))
    if following is None:
        return None
    try:
        cursors = parse_qs(urlsplit(following).query).get("cursorId", [])
    except ValueError:
        return None
    return next(iter(cursors), None)


def read_person(source: Mapping[str, Json]) -> Person | None:
    """Read a colleague; None when neither id nor e-mail is there (an empty `closedBy` has all fields null)."""
    email = text(source.get("email"))
    identity = text(source.get("id")) or email
    if identity is None:
        return None
    name = " ".join(part for key in ("firstName", "lastName") if (part := text(source.get(key))))
    return Person(identity, name=name or text(source.get("name")), email=email)


def read_contact(source: Mapping[str, Json], platform: str) -> Contact | None:
    """Read a contact; `platform` is the name in its key."""
    identity = text(source.get("id"))
    if identity is None:
        return None
    return Contact(
        key=ContactKey(platform, identity),
        first_name=text(source.get("firstName")),
        last_name=text(source.get("lastName")),
        phone=_phone(text(source.get("phone"))),
        email=text(source.get("email")),
        language=text(source.get("language")),
        country=text(source.get("countryCode")),
        status="blocked" if source.get("isBlocked") is True else text(source.get("status")),
        lifecycle=first(mapping(source.get("lifecycle")), "name") or text(source.get("lifecycle")),
        assignee=read_person(mapping(source.get("assignee"))),
        tags=tuple(
            tag for item in items(source.get("tags")) if (tag := first(mapping(item), "name") or text(item)) is not None
        ),
        custom_fields={
            name: _field_value(field.get("value"))
            for item in items(source.get("custom_fields"))
            if (name := first(field := mapping(item), "name")) is not None
        },
        created_at=moment(source.get("created_at")),
    )


def _phone(value: str | None) -> str | None:
    """E.164 keeps its plus sign even where the platform forgot it; a national number (leading 0) stays as it is."""
    if value is not None and value.isascii() and value.isdigit() and not value.startswith("0") and len(value) >= 8:
        return f"+{value}"
    return value


def _field_value(value: Json) -> FieldValue:
    if isinstance(value, str):
        return clean(value)
    return value if isinstance(value, int | float | bool) or value is None else json.dumps(value, ensure_ascii=False)


def read_channel(source: Mapping[str, Json], fallback_id: str | None = None) -> Channel | None:
    """Read a channel; `fallback_id` is used when it names no id."""
    identity = text(source.get("id")) or fallback_id
    if identity is None:
        return None
    return Channel(identity, source=text(source.get("source")), name=text(source.get("name")))


def read_contact_channel(source: Mapping[str, Json]) -> ContactChannel | None:
    """Read a channel on which a contact can be reached."""
    channel = read_channel(source)
    if channel is None:
        return None
    return ContactChannel(channel, moment(source.get("lastMessageTime")), moment(source.get("lastIncomingMessageTime")))


def read_message(source: Mapping[str, Json]) -> PlatformMessage | None:
    """Read a listed message. It has no time of its own (none is documented): `at` is that of its newest status, if it has one."""
    identity = text(source.get("messageId"))
    if identity is None:
        return None
    message = mapping(source.get("message"))
    newest = max(
        (
            (at, state)
            for item in items(source.get("status"))
            if (at := moment((status := mapping(item)).get("timestamp"))) and (state := _state(status.get("value")))
        ),
        # times are whole seconds: of several in one second the furthest wins
        key=lambda pair: (pair[0], get_args(DeliveryState).index(pair[1])),
        default=None,
    )
    undated = next(
        (state for item in items(source.get("status")) if (state := _state(mapping(item).get("value")))), None
    )
    content = read_content(message)
    return PlatformMessage(
        id=identity,
        direction="incoming" if source.get("traffic") == "incoming" else "outgoing",
        content=read_outbound(message),
        text=content.words,
        state=newest[1] if newest else undated,
        at=newest[0] if newest else moment(source.get("timestamp")),
        sender_source=text(mapping(source.get("sender")).get("source")),
        attachments=content.attachments,
    )


def _state(value: Json) -> DeliveryState | None:
    return next((state for state in get_args(DeliveryState) if state == value), None)


def read_user(source: Mapping[str, Json]) -> User | None:
    """Read a colleague with role and team."""
    person = read_person(source)
    if person is None:
        return None
    return User(
        id=person.id,
        name=person.name,
        email=person.email,
        role=text(source.get("role")),
        team=first(mapping(source.get("team")), "name"),
        restrictions=tuple(item for value in items(source.get("restrictions")) if (item := text(value))),
    )


def read_template(source: Mapping[str, Json]) -> ChannelTemplate | None:
    """Read a template; its `components` arrive as a JSON array or as a string that holds one."""
    name = text(source.get("name"))
    if name is None:
        return None
    components = source.get("components")
    if isinstance(components, str):
        try:
            components = json.loads(components)
        except (ValueError, RecursionError):
            components = None
    return ChannelTemplate(
        id=first(source, "id", "templateId") or name,
        name=name,
        language=first(source, "languageCode", "language"),
        status=text(source.get("status")),
        category=text(source.get("category")),
        components=tuple(part for item in items(components) if (part := mapping(item))),
    )


def read_custom_field(source: Mapping[str, Json]) -> CustomField | None:
    """Read a custom field; an unknown type counts as text."""
    identity, name = text(source.get("id")), text(source.get("name"))
    if identity is None or name is None:
        return None
    declared = first(source, "dataType", "type")
    return CustomField(
        id=identity,
        name=name,
        type=next((known for known in get_args(FieldType) if known == declared), "text"),
        slug=text(source.get("slug")),
        description=text(source.get("description")),
        options=tuple(
            option
            for item in items(source.get("allowedValues"))
            if (option := first(mapping(item), "value", "name") or text(item))
        ),
    )


def read_closing_note(source: Mapping[str, Json]) -> ClosingNote | None:
    """Read a category for closed conversations."""
    category = first(source, "category", "name")
    return None if category is None else ClosingNote(category, text(source.get("description")))


def read_tag(source: Mapping[str, Json]) -> Tag | None:
    """Read a tag."""
    name = text(source.get("name"))
    if name is None:
        return None
    return Tag(
        text(source.get("id")),
        name,
        text(source.get("description")),
        text(source.get("colorCode")),
        text(source.get("emoji")),
    )
