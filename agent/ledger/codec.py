"""How messaging and action values are kept as JSON: `{"type": "Text", "text": "…"}`.

The only place that packs and unpacks values; the tables keep what it makes in JSON columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeAlias, get_args

from pydantic import TypeAdapter

from actions.action import (
    ChangeTags,
    CloseConversation,
    Comment,
    CreateContact,
    Outcome,
    Request,
    SetLifecycle,
    UpdateContact,
)
from messaging.types import (
    Contact,
    InboundMessage,
    Outbound,
)


@dataclass(frozen=True, slots=True)
class Assign:
    """Assign the conversation to a user (id or e-mail on the platform); `None` unassigns it."""

    to: str | None


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Open the conversation, so that it is in colleagues' inboxes."""


DeskTask: TypeAlias = (
    Assign | OpenConversation | UpdateContact | CreateContact | ChangeTags | SetLifecycle | Comment | CloseConversation
)
"""What is done on the platform beside sending messages."""

Deliverable: TypeAlias = Outbound | DeskTask

BROADCAST = "broadcast"
"""The lane of broadcasts: one that must wait never delays an answer."""

_DELIVERABLES: dict[str, type] = {kind.__name__: kind for kind in (*get_args(Outbound), *get_args(DeskTask))}
_REQUESTS: dict[str, type] = {kind.__name__: kind for kind in get_args(Request)}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def pack(value: Deliverable) -> dict[str, Any]:
    """Pack a deliverable as JSON with its type's name."""
    return _pack(value)


def unpack(record: dict[str, Any]) -> Deliverable:
    """Unpack what `pack` made."""
    result: Deliverable = _unpack(record, _DELIVERABLES)
    return result


def pack_outcome(outcome: Outcome) -> dict[str, Any]:
    """Pack the outcome of an action, every request with its type's name."""
    requests = [_pack(request) for request in outcome.requests]
    return {"status": outcome.status, "content": outcome.content, "data": outcome.data, "requests": requests}


def unpack_outcome(record: dict[str, Any]) -> Outcome:
    """Unpack what `pack_outcome` made."""
    requests = tuple(_unpack(request, _REQUESTS) for request in record["requests"])
    return Outcome(record["status"], record["content"], record["data"], requests)


def _pack(value: object) -> dict[str, Any]:
    kind: Any = type(value)
    return {"type": kind.__name__, **_adapter(kind).dump_python(value, mode="json")}


def _unpack(record: dict[str, Any], kinds: Mapping[str, type]) -> Any:
    body = {key: value for key, value in record.items() if key != "type"}
    return _adapter(kinds[record["type"]]).validate_python(body)


def lane(value: Deliverable) -> str:
    """Name the lane of a deliverable: `message` for what the customer sees, in order; `desk` for everything else."""
    return "message" if isinstance(value, get_args(Outbound)) else "desk"


def pack_contact(contact: Contact) -> dict[str, Any]:
    """Pack what the platform told of a contact, without absent facts: a later event that omits one does not erase it."""
    record: dict[str, Any] = _adapter(Contact).dump_python(contact, mode="json")
    del record["key"], record["stand_in"]
    return {key: value for key, value in record.items() if value not in (None, [], {})}


def unpack_contact(platform: str, contact_id: str, profile: dict[str, Any]) -> Contact:
    """Unpack what `pack_contact` made; facts that this version does not know are left out."""
    known = {field.name for field in fields(Contact)}
    facts = {key: value for key, value in profile.items() if key in known}
    result: Contact = _adapter(Contact).validate_python({"key": {"platform": platform, "id": contact_id}, **facts})
    return result


def pack_inbound(message: InboundMessage) -> dict[str, Any]:
    """Pack a message without its contact, which has a row of its own."""
    record: dict[str, Any] = _adapter(InboundMessage).dump_python(message, mode="json")
    del record["contact"]
    return record


def unpack_inbound(contact: Contact, payload: dict[str, Any]) -> InboundMessage:
    """Unpack what `pack_inbound` made."""
    body = {**payload, "contact": contact}
    result: InboundMessage = _adapter(InboundMessage).validate_python(body)
    return result
