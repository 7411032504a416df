"""The JSON of Aelyst and respond.io: records as they answer them, and lists in pages.

A cursor (`cursorId`) is the key of the last item seen, negative to walk back.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import JsonValue
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import (
    Channel,
    Contact,
    Content,
    CustomField,
    Json,
    Message,
    Sender,
    Tag,
    Template,
    User,
)
from messaging.sandbox.workspace import Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that a request asks for: at most `limit` items from `cursor` on."""

    limit: int
    cursor: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and the cursors of the pages around them."""

    items: Sequence[T]
    next: int | None
    previous: int | None

    def links(self, url: URL, limit: int) -> dict[str, str | None]:
        """Return `pagination` of the answer: full URLs, null at either end."""

        def link(cursor: int | None) -> str | None:
            return None if cursor is None else str(url.include_query_params(limit=limit, cursorId=cursor))

        return {"next": link(self.next), "previous": link(self.previous)}


def read_window(limit: str | None, cursor: str | None, most: int = 100) -> Window:
    """Read `limit` and `cursorId` of a query string; 10 items from the start by default.

    Raises:
        Invalid: `limit` is not between 1 and `most`, or `cursorId` is not a whole number.
    """
    try:
        size = int(limit) if limit else 10
    except ValueError as error:
        raise Invalid(f"limit: {limit!r} is not a whole number") from error
    if not 1 <= size <= most:
        raise Invalid(f"limit: {size} is not between 1 and {most}")
    try:
        return Window(size, int(cursor) if cursor else None)
    except ValueError as error:
        raise Invalid(f"cursorId: {cursor!r} is not a whole number; take it from pagination.next") from error


def paginate(items: Sequence[T], window: Window, key: Callable[[T], int], *, newest_first: bool = False) -> Page[T]:
    """Cut one page out of a list.

    A cursor stays valid when items are added or removed meanwhile: it is a key, not an offset.

    Args:
        items: sorted by `key`: rising, or falling with `newest_first`.
        window: a negative cursor asks for the page before that key.
        key: gives a positive number, different for each item.
    """
    sign = -1 if newest_first else 1
    cursor = window.cursor
    if cursor is None:
        start = 0
    elif cursor >= 0:
        start = sum(1 for item in items if sign * key(item) <= sign * cursor)
    else:
        before = sum(1 for item in items if sign * key(item) < sign * -cursor)
        start = max(0, before - window.limit)
        items = items[:before]
    page = items[start : start + window.limit]
    more = cursor is not None and cursor < 0 and bool(page)
    return Page(
        page,
        key(page[-1]) if page and (more or start + window.limit < len(items)) else None,
        -key(page[0]) if page and start > 0 else None,
    )


def page(
    request: Request,
    items: Sequence[T],
    spell: Callable[[T], Json],
    key: Callable[[T], int],
    *,
    most: int = 100,
    newest_first: bool = False,
) -> JSONResponse:
    """Answer one page of a list, as `limit` and `cursorId` of the query ask for it.

    Args:
        items: sorted, as for `paginate`.
        spell: an item as the API writes it.
        key: as for `paginate`.
        most: the largest `limit` that is allowed.

    Raises:
        Invalid: as `read_window`.
    """
    window = read_window(request.query_params.get("limit"), request.query_params.get("cursorId"), most)
    found = paginate(items, window, key, newest_first=newest_first)
    return JSONResponse(
        {"items": [spell(item) for item in found.items], "pagination": found.links(request.url, window.limit)}
    )


def seconds(at: datetime | None) -> int | None:
    """Seconds since 1970."""
    return None if at is None else int(at.timestamp())


def person(user: User) -> Json:
    """A colleague, as events name one."""
    return {"id": user.id, "firstName": user.first_name, "lastName": user.last_name, "email": user.email}


def user(user: User) -> Json:
    """A colleague, as the list of users has it."""
    team: JsonValue = None if user.team is None else {"id": user.team[0], "name": user.team[1]}
    return person(user) | {"role": user.role, "team": team, "restrictions": list(user.restrictions)}


def bare_contact(contact: Contact, workspace: Workspace) -> Json:
    """A contact as message webhooks carry it: neither tags nor custom fields."""
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
        "assignee": None if contact.assignee is None else person(workspace.user(contact.assignee)),
        "created_at": seconds(contact.created_at),
        "lifecycle": contact.lifecycle,
    }


def contact(contact: Contact, workspace: Workspace) -> Json:
    """A contact with everything."""
    fields: list[JsonValue] = [
        {"name": field.name, "value": contact.custom_fields.get(field.name)} for field in workspace.custom_fields
    ]
    return bare_contact(contact, workspace) | {
        "custom_fields": fields or None,
        "tags": list(contact.tags),
        "isBlocked": contact.blocked,
    }


def content(content: Content) -> Json:
    """What a message says. The size of an attachment is text here, and its extension is named too."""
    said = dict(content)
    attachment = content.get("attachment")
    if isinstance(attachment, dict) and "fileName" in attachment:
        name, size = str(attachment["fileName"]), str(attachment.get("size"))
        said["attachment"] = {**attachment, "ext": name.rpartition(".")[2], "size": size, "isPending": False}
    return said


def sender(sender: Sender) -> Json:
    """Who sent a message."""
    return {"source": sender.source, "userId": sender.user, "teamId": None}


def statuses(message: Message) -> list[JsonValue]:
    """The statuses of a message, oldest first."""
    return [
        {"value": status.value, "timestamp": seconds(status.at)} | ({"message": status.reason} if status.reason else {})
        for status in message.statuses
    ]


def message(message: Message) -> Json:
    """A message, as it is listed."""
    return {
        "messageId": message.id,
        "channelMessageId": message.channel_message_id,
        "contactId": message.contact,
        "channelId": message.channel,
        "traffic": message.traffic,
        "message": content(message.content),
        "status": statuses(message),
        "sender": sender(message.sender),
    }


def channel(channel: Channel) -> Json:
    """A connected number or account."""
    return {
        "id": channel.id,
        "name": channel.name,
        "source": channel.source,
        "created_at": seconds(channel.created_at),
    }


def contact_channel(contact: Contact, of: Channel) -> Json:
    """A channel on which a contact can be reached."""
    return channel(of) | {
        "contactChannelId": contact.id * 100 + of.id,
        "meta": {},
        "lastMessageTime": seconds(contact.last_message_at),
        "lastIncomingMessageTime": seconds(contact.last_incoming_at),
    }


def template(template: Template) -> Json:
    """A template; `components` is JSON inside JSON."""
    return {
        "id": template.id,
        "name": template.name,
        "components": json.dumps([dict(part) for part in template.components], ensure_ascii=False),
        "bundle": None,
        "channelId": template.channel_id,
        "botId": 1,
        "languageCode": template.language,
        "namespace": None,
        "category": template.category,
        "status": template.status,
        "statusDetail": None,
        "templateId": str(100_000 + template.id),
    }


def custom_field(field: CustomField) -> Json:
    """A custom field."""
    return {
        "id": field.id,
        "name": field.name,
        "slug": field.slug,
        "description": field.description,
        "dataType": field.data_type,
        "allowedValues": list(field.allowed_values) or None,
    }


def tag(tag: Tag) -> Json:
    """A tag."""
    return {
        "id": tag.id,
        "name": tag.name,
        "createdAt": tag.created_at.isoformat(),
        "colorCode": tag.color,
        "emoji": tag.emoji,
        "description": tag.description,
    }
