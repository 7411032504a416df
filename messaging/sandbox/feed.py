"""Every change in order, for those who wait: the phone page, the long poll and the storage."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Literal

Kind = Literal["contact", "message", "comment", "delivery", "media", "workspace", "webhooks", "faults", "reset"]


@dataclass(frozen=True, slots=True)
class Change:
    """The record `id` of `kind` is new, different or gone. `kind` "reset": look at everything again."""

    seq: int
    kind: Kind
    id: int | str


class Feed:
    """A bounded log of changes with a bell. Writers never wait; readers look the records up themselves."""

    def __init__(self, kept: int = 5000) -> None:
        self.seq = 0
        self._closing = asyncio.Event()
        self._log: deque[Change] = deque(maxlen=kept)
        self._bell = asyncio.Event()

    def touch(self, kind: Kind, id: int | str = 0) -> None:  # noqa: A002 (the word of the wire)
        self.seq += 1
        self._log.append(Change(self.seq, kind, id))
        self._ring()

    def after(self, seq: int) -> list[Change]:
        """The changes later than `seq`, one per record; a single "reset" when they are no longer kept."""
        if seq == self.seq:
            return []
        oldest = self._log[0].seq if self._log else self.seq + 1
        if seq > self.seq or seq + 1 < oldest:
            return [Change(self.seq, "reset", 0)]
        newest: dict[tuple[Kind, int | str], Change] = {}
        for change in islice(self._log, seq + 1 - oldest, None):
            newest.pop((change.kind, change.id), None)
            newest[change.kind, change.id] = change
        return list(newest.values())

    async def wait(self, seq: int, seconds: float) -> bool:
        """Wait up to `seconds` for a change later than `seq`; false when none came or the feed was closed."""
        if self.seq == seq and not self.closed:
            bell = self._bell
            try:
                async with asyncio.timeout(seconds):
                    await bell.wait()
            except TimeoutError:
                return False
        return not self.closed

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    async def pause(self, seconds: float) -> None:
        """Do nothing for so long, or until the feed is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def close(self) -> None:
        """Send every reader home."""
        self._closing.set()
        self._ring()

    def _ring(self) -> None:
        self._bell.set()
        self._bell = asyncio.Event()
