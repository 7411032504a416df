"""Tolerant readers of JSON values: every field may be missing, null, or a string where a number was promised.

The readers never raise. Text is made storable (`settings.text.clean`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn, TypeAlias

from messaging.types import ContactCard, Location
from settings.text import clean

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None

_MILLISECONDS_FROM = 1e11  # as seconds, that is the year 5138; as milliseconds, 1973
_MICROSECONDS_FROM = 1e14


def mapping(value: Json) -> Mapping[str, Json]:
    """Return the object, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Json) -> Sequence[Json]:
    """Return the array; a lone object counts as an array of one, anything else as empty."""
    if isinstance(value, Mapping):
        return (value,)
    return value if isinstance(value, list | tuple) else ()


def text(value: Json) -> str | None:
    """Return text that is not blank; whole numbers are written out, everything else is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return number_text(value)
    if isinstance(value, float):
        return number_text(int(value)) if math.isfinite(value) and value == int(value) else None
    if not isinstance(value, str) or not value.strip():
        return None
    return clean(value) or None


def number_text(value: int) -> str | None:
    """Write a number in digits; None for one of more than 40 digits, which Python may refuse to write."""
    return str(value) if abs(value) < 10**40 else None


def integer(value: Json) -> int | None:
    """Return a whole number, also when it was sent as text or as `3.0`; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) else None
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value)
        except ValueError:
            return None
    return None


def decimal(value: Json) -> float | None:
    """Return a finite number, also when it was sent as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def location_of(source: Mapping[str, Json]) -> Location | None:
    """Read a place by the names that platforms have for its parts; None where there is none of them."""
    latitude, longitude = (
        next((found for name in names if (found := decimal(source.get(name))) is not None), None)
        for names in (("latitude", "lat"), ("longitude", "lng", "long", "lon"))
    )
    place = Location(latitude, longitude, first(source, "name", "title"), first(source, "address"))
    return None if place == Location() else place


def card_of(source: Mapping[str, Json]) -> ContactCard | None:
    """Read a contact card: WhatsApp's (`name.formatted_name`, `phones`, `emails`) or Telegram's flat one; None for an empty one."""
    name = mapping(source.get("name"))
    words = (
        first(name, "first_name") or first(source, "first_name"),
        first(name, "last_name") or first(source, "last_name"),
    )
    called = first(name, "formatted_name") or first(source, "name") or " ".join(word for word in words if word) or None
    phones = [first(mapping(each), "phone", "wa_id") or text(each) for each in items(source.get("phones"))]
    phones.append(first(source, "phone_number", "phone"))
    emails = [first(mapping(each), "email") or text(each) for each in items(source.get("emails"))]
    emails.append(first(source, "email"))
    card = ContactCard(called, tuple(filter(None, phones)), tuple(filter(None, emails)))
    return None if card == ContactCard() else card


def cards_of(value: Json) -> tuple[ContactCard, ...]:
    """Read contact cards; those that say nothing are left out."""
    return tuple(card for item in items(value) if (card := card_of(mapping(item))) is not None)


def moment(value: Json) -> datetime | None:
    """Read a time as aware UTC; None for what is none.

    The unit is told from the magnitude: respond.io sends seconds in old payloads and most fields, milliseconds in new ones
    (1726740558441).
    """
    seconds = integer(value)
    if seconds is None or seconds <= 0:
        return None
    unit = 1_000_000 if seconds > _MICROSECONDS_FROM else 1000 if seconds > _MILLISECONDS_FROM else 1
    try:
        scaled = seconds / unit
        return datetime.fromtimestamp(scaled, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def moment_of_id(identity: str) -> datetime | None:
    """Tell when a message was made from its id: 1726740558441000 is a time in microseconds; None for smaller ids."""
    number = integer(identity)
    return moment(number) if number is not None and number > _MICROSECONDS_FROM else None


def first(source: Mapping[str, Json], *names: str) -> str | None:
    """Return the first of these fields that holds text."""
    return next((found for name in names if (found := text(source.get(name))) is not None), None)


_ADDRESSES = (
    "url", "link", "href", "src", "media_url", "mediaUrl", "file_url", "fileUrl", "download_url", "downloadUrl", "refreshUrl",
)  # fmt: skip
_FILES = ("attachment", "attachments", "media", "file", "files")


def address_of(source: Mapping[str, Json]) -> str | None:
    """The address of a file by the names that platforms have for it, also one level down; None where there is none."""
    own = first(source, *_ADDRESSES)
    inner = (first(mapping(source.get(name)), *_ADDRESSES) for name in ("payload", "file", "media"))
    return own or next((found for found in inner if found is not None), None)


def mime_of(source: Mapping[str, Json]) -> str | None:
    """The media type of a file by the names that platforms have for it."""
    return first(source, "mimeType", "mime_type", "mimetype", "mime", "contentType", "content_type")


def files_of(message: Mapping[str, Json], kind: str | None) -> list[Mapping[str, Json]]:
    """The files of a message, wherever platforms put them: in lists, under the name of their kind, or in the message itself.

    Args:
        message: that holds them.
        kind: its own word for the one file that it is; None where it is none.
    """
    places = [message.get(kind) if kind else None]
    places += [item for name in _FILES for item in items(message.get(name)) or [message.get(name)]]
    parts = [{"url": place} if isinstance(place, str) and "://" in place else mapping(place) for place in places]
    found = [part for part in parts if address_of(part)]
    return found or ([message] if kind and first(message, *_ADDRESSES) else [])


def instant(value: Json) -> datetime | None:
    """Read a time as aware UTC, from ISO 8601 text or a number as in `moment`; None for what is none."""
    if isinstance(value, str) and not value.strip().isdigit():
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        try:
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except (OverflowError, ValueError):
            return None
    return moment(value)


def person_names(full: str | None) -> tuple[str | None, str | None]:
    """Split a name as it is shown into first and last name; a name that is only a number is none."""
    if full is None or not any(letter.isalpha() for letter in full):
        return None, None
    first_name, _, last_name = " ".join(full.split()).partition(" ")
    return first_name, last_name or None


def international(number: str | None) -> str | None:
    """Write a telephone number of digits, with or without `+`, as E.164; None for what is none."""
    digits = "".join(letter for letter in number or "" if letter in "0123456789")
    return f"+{digits}" if 7 <= len(digits) <= 15 and not digits.startswith("0") else None


def parse_json(body: bytes) -> Json:
    """Parse JSON as RFC 8259 has it: without NaN and Infinity.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    try:
        parsed: Json = json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return parsed


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
