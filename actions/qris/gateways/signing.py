"""Signatures, fields, amounts and times, as the gateways' documentation writes them."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from actions.qris.errors import NotificationForged, NotificationUnreadable
from settings.text import from_json

WIB = timezone(timedelta(hours=7))
"""The time zone of gateways that write times without one."""


def same(right: str, given: str | None, what: str) -> None:
    """Compare in constant time.

    Raises:
        NotificationForged: they differ, or nothing was given.
    """
    if not given or not hmac.compare_digest(right.encode(), given.strip().encode()):
        raise NotificationForged(f"{what} is {'wrong' if given else 'missing'}")


def sha512(text: str) -> str:
    """The digest in lower-case hexadecimal."""
    return hashlib.sha512(text.encode()).hexdigest()


def md5(text: str) -> str:
    """Hash with MD5, which Duitku's older projects sign with."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def hmac_sha256(key: str, text: str) -> bytes:
    return hmac.digest(key.encode(), text.encode(), "sha256")


def hmac_sha512(key: str, text: str) -> bytes:
    return hmac.digest(key.encode(), text.encode(), "sha512")


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read_json(body: bytes) -> dict[str, Any]:
    """The object in a notification's body.

    Raises:
        NotificationUnreadable: it is not JSON, or not an object.
    """
    try:
        value = from_json(body)
    except ValueError as error:
        raise NotificationUnreadable(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise NotificationUnreadable(f"the body is a JSON {type(value).__name__}, not an object")
    return value


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A field that must be there.

    Raises:
        NotificationUnreadable: it is missing or empty.
    """
    value = values.get(name)
    if value is None or value == "" or isinstance(value, dict | list):
        raise NotificationUnreadable(f"the field {name} is missing")
    return str(value)


def part_of(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that holds further fields; empty when it is missing or something else."""
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def name_of(value: object) -> str | None:
    """The name of a bank, wallet or merchant, for people to read; at most 100 characters."""
    return str(value)[:100] if isinstance(value, str | int) and value != "" else None


def rupiah(value: object) -> int:
    """An amount as gateways write it: `50000`, `"50000.00"`.

    Raises:
        NotificationUnreadable: it is no whole number of rupiah.
    """
    try:
        amount = Decimal(str(value))
        if amount.is_finite() and amount == amount.to_integral_value() and 0 <= amount < 10**13:
            return int(amount)
    except InvalidOperation:
        pass
    raise NotificationUnreadable(f"the amount {value!r} is not a whole number of rupiah")


def moment(value: object, fallback: datetime) -> datetime:
    """A time as gateways write it, in UTC; without a zone it is Jakarta's. `fallback` when there is none to be read."""
    try:
        at = datetime.fromisoformat(str(value).strip())
        return (at if at.tzinfo is not None else at.replace(tzinfo=WIB)).astimezone(UTC)
    except (ValueError, OverflowError):
        return fallback
