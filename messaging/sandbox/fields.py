"""What may be written on a contact: standard fields and custom fields with their formats."""

import re
from datetime import date, time
from typing import Annotated

from pydantic import Field

from messaging.sandbox.content import Address, Body, HttpUrl, Words
from messaging.sandbox.errors import Invalid
from messaging.sandbox.records import CustomField, DataType, FieldValue

PHONE = re.compile(r"\+?[0-9]{6,15}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_URL = re.compile(r"(https?://)?[\w-]+(\.[\w-]+)+(:\d+)?([/?#]\S*)?")


class CustomValue(Body):
    name: Words
    value: str | bool | int | float | None = None


Phone = Annotated[str, Field(pattern=r"^\+?[0-9 ()-]{6,24}$")]


class ContactFields(Body):
    """The body of create and update; only the keys that are there are written."""

    first_name: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    last_name: Annotated[str, Field(max_length=50)] | None = None
    phone: Phone | None = None
    email: Address | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]{2,4})?$")] | None = None
    profile_pic: HttpUrl | None = None
    country_code: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] | None = None
    custom_fields: Annotated[tuple[CustomValue, ...] | None, Field(alias="custom_fields")] = None


class MergeBody(ContactFields):
    contact_ids: Annotated[tuple[int, ...], Field(min_length=2, max_length=2)]


def normal_phone(text: str) -> str:
    """`+62 812-3456` → `+628123456`; a missing plus is added."""
    return "+" + "".join(char for char in text if char in "0123456789")


class CustomFieldBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=50)]
    slug: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$", max_length=50)] | None = None
    description: Annotated[str, Field(max_length=255)] | None = None
    data_type: DataType
    allowed_values: tuple[Words, ...] | None = None


def check_value(field: CustomField, value: FieldValue) -> FieldValue:
    """The value as it is kept; `None` empties the field.

    Raises:
        Invalid: the value has not the format of the field's data type.
    """
    if value is None:
        return None
    wanted = _complaint(field, value)
    if wanted is not None:
        raise Invalid(f"custom_fields: {field.name!r} is a {field.data_type} field and needs {wanted}, not {value!r}")
    return value


def _complaint(field: CustomField, value: str | float) -> str | None:
    match field.data_type:
        case "number":
            fine = isinstance(value, int | float) and not isinstance(value, bool)
            return None if fine else "a number without quotation marks"
        case "checkbox":
            return None if isinstance(value, bool) else "true or false"
    if not isinstance(value, str):
        return "a string"
    match field.data_type:
        case "email":
            return None if _EMAIL.fullmatch(value) else "an address like user@domain.com"
        case "url":
            return None if _URL.fullmatch(value) else "an address like www.website.com"
        case "list":
            return None if value in field.allowed_values else f"one of {', '.join(field.allowed_values)}"
        case "date":
            return None if _is_date(value) else "a date as yyyy-mm-dd"
        case "time":
            return None if _is_time(value) else "a time as HH:MM, 24 hours"
    return None


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_time(value: str) -> bool:
    try:
        return time.fromisoformat(value).strftime("%H:%M") == value
    except ValueError:
        return False
