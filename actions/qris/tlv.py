"""The data objects of an EMV merchant code: two digits of ID, two of length, the value. An ordered list, never a dict.

Source of the rules: EMV QRCPS Merchant-Presented Mode v1.1, sections 4.1 to 4.7.
"""

from collections.abc import Iterable
from typing import NamedTuple

from actions.qris.errors import PayloadError

CRC_HEADER = "6304"


_DIGITS = frozenset("0123456789")


class Item(NamedTuple):
    """One data object. Its length is counted in characters, not bytes (4.4.1.1)."""

    id: str
    value: str


def walk(text: str, start: int = 0) -> tuple[Item, ...]:
    """The data objects of `text`, in order. `start` is added to every position in an error.

    Raises:
        PayloadError: where no object begins, or one runs past the end.
    """
    items: list[Item] = []
    at = 0
    while at < len(text):
        header = text[at : at + 4]
        if len(header) < 4 and _DIGITS.issuperset(header):
            raise PayloadError(f"the text ends in the middle of an object's header: {header!r}", start + at)
        if not _DIGITS.issuperset(header):
            raise PayloadError(
                f"expected two digits of ID and two of length, found {text[at : at + 8]!r}{_after(items)}", start + at
            )
        end = at + 4 + int(header[2:])
        if end > len(text):
            missing = end - len(text)
            raise PayloadError(
                f"object {header[:2]} says it has {int(header[2:])} characters, but the text ends {missing} too early",
                start + at,
            )
        items.append(Item(header[:2], text[at + 4 : end]))
        at = end
    return tuple(items)


def _after(items: list[Item]) -> str:
    return f" after object {items[-1].id}; its length is probably wrong" if items else ""


def join(items: Iterable[Item]) -> str:
    """The text of data objects.

    Raises:
        PayloadError: an ID is not two digits, or a value is empty or longer than 99 characters.
    """
    parts: list[str] = []
    for item in items:
        if len(item.id) != 2 or not _DIGITS.issuperset(item.id):
            raise PayloadError(f"{item.id!r} is not an ID; it must be two digits", sum(map(len, parts)))
        if not 1 <= len(item.value) <= 99:
            raise PayloadError(
                f"object {item.id} would have {len(item.value)} characters; 1 to 99 fit", sum(map(len, parts))
            )
        parts.append(f"{item.id}{len(item.value):02d}{item.value}")
    return "".join(parts)


def seal(items: Iterable[Item]) -> str:
    """Write data objects with a new CRC (object 63) at the end; a CRC among `items` is replaced."""
    body = join(item for item in items if item.id != "63") + CRC_HEADER
    return body + checksum(body)


def checksum(text: str) -> str:
    """CRC-16/CCITT-FALSE over the UTF-8 bytes, as four upper-case hex digits (4.7.3): `"123456789"` → `"29B1"`."""
    crc = 0xFFFF
    for byte in text.encode("utf-8", "surrogatepass"):
        crc = _TABLE[(crc >> 8) ^ byte] ^ (crc << 8) & 0xFFFF
    return f"{crc:04X}"


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1
        table.append(crc & 0xFFFF)
    return tuple(table)


_TABLE = _table()
