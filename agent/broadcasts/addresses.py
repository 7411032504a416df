"""Finding the contact behind a phone number or an e-mail address, and making one on the platform where there is none."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from messaging.errors import NotFound
from messaging.platform import Platform
from messaging.types import Address, Contact

log = structlog.get_logger()

_LANGUAGE = re.compile(r"[a-z]{2}")


async def reach(
    platform: Platform, address: Address, row: Mapping[str, str], clock: Callable[[], datetime]
) -> tuple[Contact, datetime]:
    """Find a contact, or create it.

    Args:
        platform: where it is looked for.
        address: of the contact.
        row: `first_name`, `last_name` and `language` of one that is new.
        clock: the time, aware UTC.

    Returns:
        The contact as the platform has it, and from when on it may be written to.

    Raises:
        PlatformError: the platform does not answer, or cannot create it.
    """
    try:
        return await platform.find_contact(address), clock()
    except NotFound:
        fields = _fields(address, row)
        key = await platform.create_contact(address, fields)
        log.info("contact_made", contact=str(key))
        return replace(Contact(key), **fields), clock() + platform.settling


def with_names(contact: Contact, row: Mapping[str, str]) -> Contact:
    """Fill in of a contact who is new to us what the platform does not say and the file does: names and language."""
    return replace(contact, **{name: value for name, value in _told(row).items() if getattr(contact, name) is None})


def _fields(address: Address, row: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a new contact. The platform wants a first name: without one, it gets the number or the address."""
    return {"first_name": address.value, **_told(row), address.by: address.value}


def _told(row: Mapping[str, str]) -> dict[str, Any]:
    """What a row says of the person."""
    told = {name: row[name] for name in ("first_name", "last_name") if row.get(name)}
    if _LANGUAGE.fullmatch(row.get("language", "")):
        told["language"] = row["language"]
    return told
