"""Where a contact's calls go, and when: right after it was created the platform still works on it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from messaging.aelyst.identifiers import Identifier, identify
from messaging.types import ContactKey


class Addresses:
    """Paths of contacts. A contact that was just created is left alone for `delay` first: "it is highly recommended to add a
    delay before executing a new action after creating a new contact" (Aelyst, create a contact)."""

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
        """Remember that this contact is new, under each of its names."""
        now = self._clock()
        self._ready_at = {known: at for known, at in self._ready_at.items() if at > now}
        self._ready_at |= dict.fromkeys(identifiers, now + self.delay.total_seconds())

    async def path(self, contact: ContactKey | Identifier) -> str:
        """`/contact/id:123`, as soon as it may be used."""
        identifier = identify(contact)
        if (ready_at := self._ready_at.get(identifier)) is not None and (wait := ready_at - self._clock()) > 0:
            await self._sleep(wait)
        return f"/contact/{identifier.path}"
