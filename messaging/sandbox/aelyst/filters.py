"""The contact list: its search, filter and conditions."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import Contact, FieldValue
from messaging.sandbox.requests import Body
from messaging.sandbox.workspace import Workspace

Operator = Literal[
    "isEqualTo",
    "isNotEqualTo",
    "isTimestampAfter",
    "isTimestampBefore",
    "isTimestampBetween",
    "exists",
    "doesNotExist",
    "isGreaterThan",
    "isLessThan",
    "isBetween",
    "hasAnyOf",
    "hasAllOf",
    "hasNoneOf",
]


Scalar = str | int | float | bool


class Span(Body):
    start: Annotated[Scalar, Field(alias="from")]
    to: Scalar


class Condition(Body):
    category: Literal["contactField", "contactTag", "lifecycle"]
    field: str | None = None
    operator: Operator
    value: Span | tuple[Scalar, ...] | Scalar | None = None


class Filter(Body):
    all_of: Annotated[tuple[Condition, ...] | None, Field(alias="$and")] = None
    any_of: Annotated[tuple[Condition, ...] | None, Field(alias="$or")] = None


class ListBody(Body):
    search: str | None = None
    timezone: str
    filter: Filter


_STANDARD: dict[str, Callable[[Contact], FieldValue | datetime]] = {
    "id": lambda c: c.id,
    "firstname": lambda c: c.first_name,
    "lastname": lambda c: c.last_name,
    "phone": lambda c: c.phone,
    "email": lambda c: c.email,
    "language": lambda c: c.language,
    "countrycode": lambda c: c.country_code,
    "country": lambda c: c.country_code,
    "status": lambda c: c.status,
    "assignee": lambda c: c.assignee,
    "lifecycle": lambda c: c.lifecycle,
    "createdat": lambda c: c.created_at,
    "lastmessagetime": lambda c: c.last_message_at,
    "lastincomingmessagetime": lambda c: c.last_incoming_at,
}


def select(contacts: tuple[Contact, ...], body: ListBody, workspace: Workspace) -> list[Contact]:
    """Select the contacts that match search and filter.

    Raises:
        Invalid: an unknown time zone or field, or a value that does not fit its operator.
    """
    try:
        zone = ZoneInfo("UTC" if body.timezone.lower() == "utc" else body.timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid(f"timezone: {body.timezone!r} is not a time zone; write e.g. Asia/Jakarta or UTC") from error
    every, some = body.filter.all_of or (), body.filter.any_of or ()
    sought = (body.search or "").casefold()
    return [
        contact
        for contact in contacts
        if (not sought or sought in f"{contact.name} {contact.phone or ''} {contact.email or ''}".casefold())
        and all(_holds(condition, contact, workspace, zone) for condition in every)
        and (not some or any(_holds(condition, contact, workspace, zone) for condition in some))
    ]


def _holds(condition: Condition, contact: Contact, workspace: Workspace, zone: ZoneInfo) -> bool:
    if condition.category == "contactTag":
        return _has(set(contact.tags), condition)
    if condition.category == "lifecycle":
        return _compare(contact.lifecycle, condition, zone)
    return _compare(_value(condition, contact, workspace), condition, zone)


def _value(condition: Condition, contact: Contact, workspace: Workspace) -> FieldValue | datetime:
    if not condition.field:
        raise Invalid("filter: a contactField condition needs a field")
    standard = _STANDARD.get(condition.field.replace("_", "").casefold())
    if standard is not None:
        return standard(contact)
    return contact.custom_fields.get(workspace.field_named(condition.field).name)


def _has(tags: set[str], condition: Condition) -> bool:
    wanted = set(map(str, _list(condition)))
    match condition.operator:
        case "hasAnyOf" | "isEqualTo":
            return bool(tags & wanted)
        case "hasAllOf":
            return wanted <= tags
        case "hasNoneOf" | "isNotEqualTo":
            return not tags & wanted
        case "exists":
            return bool(tags)
        case "doesNotExist":
            return not tags
    raise Invalid(f"filter: contactTag has no operator {condition.operator}")


def _compare(value: FieldValue | datetime, condition: Condition, zone: ZoneInfo) -> bool:
    match condition.operator:
        case "exists":
            return value not in {None, ""}
        case "doesNotExist":
            return value in {None, ""}
        case "hasAnyOf" | "hasAllOf":
            return _same(value) in {_same(item) for item in _list(condition)}
        case "hasNoneOf":
            return _same(value) not in {_same(item) for item in _list(condition)}
        case "isEqualTo":
            return _same(value) == _same(_scalar(condition))
        case "isNotEqualTo":
            return _same(value) != _same(_scalar(condition))
        case "isTimestampAfter":
            return isinstance(value, datetime) and value > _time(_scalar(condition), zone)
        case "isTimestampBefore":
            return isinstance(value, datetime) and value < _time(_scalar(condition), zone)
        case "isTimestampBetween":
            span = _span(condition)
            return isinstance(value, datetime) and _time(span.start, zone) <= value <= _time(span.to, zone)
        case "isGreaterThan":
            return _is_number(value) and float(str(value)) > _number(_scalar(condition))
        case "isLessThan":
            return _is_number(value) and float(str(value)) < _number(_scalar(condition))
    span = _span(condition)
    return _is_number(value) and _number(span.start) <= float(str(value)) <= _number(span.to)


def _same(value: FieldValue | datetime) -> str:
    return str(value).casefold()


def _is_number(value: FieldValue | datetime) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Scalar) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise Invalid(f"filter: {value!r} is not a number") from error


def _time(value: Scalar, zone: ZoneInfo) -> datetime:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        at = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid(f"filter: {value!r} is not a time; write e.g. 2026-01-31 or 2026-01-31 15:00") from error
    return at if at.tzinfo else at.replace(tzinfo=zone)


def _list(condition: Condition) -> tuple[Scalar, ...]:
    if isinstance(condition.value, tuple):
        return condition.value
    return (_scalar(condition),)


def _scalar(condition: Condition) -> Scalar:
    if condition.value is None or isinstance(condition.value, Span | tuple):
        raise Invalid(f"filter: {condition.operator} needs a single value")
    return condition.value


def _span(condition: Condition) -> Span:
    if not isinstance(condition.value, Span):
        raise Invalid(f"filter: {condition.operator} needs a value like {{'from': …, 'to': …}}")
    return condition.value
