"""Contact fields as the API wants them written: the standard ones, and custom fields in the format of their type.

Formats: https://developers.aelyst.ai/api/operations/createcontact/ (text, number, email, url, list, date, time, checkbox).
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import TypeAlias

from messaging.aelyst.records import CustomField
from messaging.errors import Invalid, UnknownField
from messaging.platform import EMAIL, standard_field
from messaging.types import FieldValue
from messaging.values import Json

Writable: TypeAlias = FieldValue | date | time
"""A `datetime` is a `date`, and serves for both."""

STANDARD: Mapping[str, str] = {
    "first_name": "firstName",
    "last_name": "lastName",
    "phone": "phone",
    "email": "email",
    "language": "language",
    "country": "countryCode",
    "picture": "profilePic",
}
"""Our names of the standard fields, and the platform's."""

_URL = re.compile(r"(https?://)?[^\s/.]+(\.[^\s/.]+)+(/\S*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.]\d{2}(?:\.\d+)?)?\s*(am|pm)?|(\d{1,2})\s*(am|pm)", re.IGNORECASE)
_CHECKED: Mapping[str, bool] = {
    "true": True, "yes": True, "ya": True, "1": True, "false": False, "no": False, "tidak": False, "0": False,
}  # fmt: skip


def contact_body(fields: Mapping[str, FieldValue]) -> dict[str, Json]:
    """Build the body that sets these fields, which are as `in_format` returns them."""
    body: dict[str, Json] = {STANDARD[name]: value for name, value in fields.items() if name in STANDARD}
    own: list[Json] = [{"name": name, "value": value} for name, value in fields.items() if name not in STANDARD]
    if own:
        body["custom_fields"] = own
    return body


def in_format(fields: Mapping[str, Writable], custom: Mapping[str, CustomField]) -> dict[str, FieldValue]:
    """Convert fields to the names and formats of the API.

    Args:
        fields: standard fields by our names (`STANDARD`), custom fields by name or slug.
        custom: the workspace's fields by lower-case name and slug.

    Raises:
        UnknownField: a custom field that the workspace does not have.
        Invalid: a value that its type does not allow.
    """
    formatted: dict[str, FieldValue] = {}
    for name, value in fields.items():
        if name in STANDARD:
            formatted[name] = None if value is None else standard_field(name, _words(value).strip())
            continue
        field = custom.get(name.lower())
        if field is None:
            known = ", ".join(sorted({field.name for field in custom.values()})) or "none"
            raise UnknownField(f"the workspace has no contact field {name!r}; it has: {known}")
        formatted[field.name] = format_value(field, value)
    return formatted


def format_value(field: CustomField, value: Writable) -> FieldValue:
    """Convert a value to the format of the field's type; None clears the field.

    Raises:
        Invalid: the type does not allow this value; the message shows one that would be right.
    """
    if value is None:
        return None
    match field.type:
        case "text":
            return _words(value)
        case "number":
            return _number(field, value)
        case "email":
            return _matching(field, EMAIL.fullmatch, value, "ani@example.com")
        case "url":
            return _matching(field, _URL.fullmatch, value, "https://example.com")
        case "list":
            return _option(field, value)
        case "date":
            return _date(field, value)
        case "time":
            return _time(field, value)
        case "checkbox":
            checked = value if isinstance(value, bool) else _CHECKED.get(str(value).strip().lower())
            if checked is None:
                raise _refused(field, value, "true or false")
            return checked


def _refused(field: CustomField, value: Writable, right: str) -> Invalid:
    return Invalid(
        f"contact field {field.name!r} is a {field.type} field and cannot hold {value!r}; write e.g. {right}"
    )


def _words(value: Writable) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _number(field: CustomField, value: Writable) -> int | float:
    """Text with dots between groups of three digits is refused: `25.000` is 25 or 25,000, depending on the reader."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(digits := value.strip()) and not _GROUPED.fullmatch(digits):
        return float(digits) if "." in digits else int(digits)
    raise _refused(field, value, "25000")


def _matching(field: CustomField, fits: Callable[[str], object], value: Writable, right: str) -> str:
    if isinstance(value, str) and fits(value.strip()):
        return value.strip()
    raise _refused(field, value, right)


def _option(field: CustomField, value: Writable) -> str:
    """One of the options, in its own spelling."""
    wanted = _words(value).strip()
    if not field.options:
        return wanted
    for option in field.options:
        if option.lower() == wanted.lower():
            return option
    raise _refused(field, value, " or ".join(field.options))


def _date(field: CustomField, value: Writable) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip()[:10]).isoformat()
        except ValueError:
            pass
    raise _refused(field, value, "2026-11-21")


def _time(field: CustomField, value: Writable) -> str:
    """24 hours, `13:00`; also understood: `1PM`, `1:30 pm`, `13.00`."""
    if isinstance(value, datetime | time):
        return f"{value:%H:%M}"
    if isinstance(value, str) and (match := _TIME.fullmatch(value.strip())):
        hour, minute = int(match[1] or match[4]), int(match[2] or 0)
        half = (match[3] or match[5] or "").lower()
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "pm" else 0)
        elif half:
            hour = 24
        if hour < 24 and minute < 60:
            return f"{hour:02}:{minute:02}"
    raise _refused(field, value, "13:00")
