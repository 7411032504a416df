"""Paths of contacts: `id:123`, `phone:+6281234567890` or `email:ani@example.com`, and the wait for one that is new."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import quote

from messaging.errors import Invalid
from messaging.types import ContactKey

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,63}")


@dataclass(frozen=True, slots=True)
class Identifier:
    """One contact, named by id, phone (E.164) or e-mail. A contact is created by phone or e-mail only."""

    by: Literal["id", "phone", "email"]
    value: str

    def __str__(self) -> str:
        return f"{self.by}:{self.value}"

    @property
    def path(self) -> str:
        """As one path segment: nothing in it can reach another path. A `+` is escaped, as some servers read it as a space."""
        return quote(str(self), safe=":@")


def by_phone(phone: str) -> Identifier:
    """Name a contact by phone number.

    Args:
        phone: an international number; spaces, dashes, dots and brackets are dropped.

    Raises:
        Invalid: not an international number.
    """
    digits = re.sub(r"[\s().-]", "", phone)
    if not _PHONE.fullmatch(digits):
        raise Invalid(f"{phone!r} is not an international phone number; write e.g. +6281234567890")
    return Identifier("phone", digits)


def by_email(email: str) -> Identifier:
    """Name a contact by e-mail address. Raises `Invalid` for what is not one."""
    if not _EMAIL.fullmatch(email.strip()):
        raise Invalid(f"{email!r} is not an e-mail address; write e.g. ani@example.com")
    return Identifier("email", email.strip())


def identify(contact: ContactKey | Identifier) -> Identifier:
    """Name a contact: one that we know by the platform's own id."""
    return contact if isinstance(contact, Identifier) else Identifier("id", contact.id)


def segment(value: str) -> str:
    """Escape any other id for use as one path segment.

    Raises:
        Invalid: empty, or made of dots only, which would change the path.
    """
    if not value.strip("."):
        raise Invalid(f"{value!r} cannot be part of a path")
    return quote(value, safe="")


class Addresses:
    """Paths of contacts. One that was just created is not used before `delay` has passed: "it is highly recommended to add a
    delay before executing a new action after creating a new contact" (Aelyst, create a contact).

    Args:
        delay: how long after its creation a contact is not used.
        clock: monotonic seconds.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        *,
        delay: timedelta = timedelta(seconds=2),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.delay = delay
        self._clock = clock
        self._sleep = sleep
        self._ready_at: dict[Identifier, float] = {}

    def created(self, *identifiers: Identifier) -> None:
        """Remember that a contact is new, under each of its identifiers."""
        now = self._clock()
        self._ready_at = {known: at for known, at in self._ready_at.items() if at > now}
        self._ready_at |= dict.fromkeys(identifiers, now + self.delay.total_seconds())

    async def path(self, contact: ContactKey | Identifier) -> str:
        """Return `/contact/id:123`, after the delay of a new contact."""
        identifier = identify(contact)
        if (ready_at := self._ready_at.get(identifier)) is not None and (wait := ready_at - self._clock()) > 0:
            await self._sleep(wait)
        return f"/contact/{identifier.path}"
