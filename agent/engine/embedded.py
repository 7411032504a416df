"""The engine of one process: a heap of the next due times in memory, filled from the ledger. Idle, it only sleeps.

Wakes that are more than a few seconds ahead are not kept: a hundred thousand contacts who are due tomorrow cost no memory.
"""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from agent.engine.engine import AFTER_A_FAULT, NEAR, Handle
from agent.ledger.errors import LedgerUnavailable
from messaging.types import ContactKey

log = structlog.get_logger()

_FAR = timedelta(hours=1)


class EmbeddedEngine:
    """Wakes contacts: one task per contact at a time, at most `concurrent` in all.

    `handle` does what the ledger says is due for a contact and returns when it is next due, if ever.
    A wake is only a hint: a lost, late or double one does no harm.
    """

    exclusive = True

    def __init__(self, *, concurrent: int = 1000, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._heap: list[tuple[datetime, ContactKey]] = []  # by when they are due
        self._ready: list[tuple[datetime, datetime, ContactKey]] = []  # of those who are: by deadline
        self._due: dict[ContactKey, tuple[datetime, datetime]] = {}  # deadline, and when they are due
        self._running: dict[ContactKey, asyncio.Task[None]] = {}
        self._again: set[ContactKey] = set()  # came due while running
        self.concurrent = concurrent
        self._changed = asyncio.Event()
        self._stopping = False

    async def resize(self, concurrent: int) -> None:
        """Work on at most so many contacts at once; those that are in work beyond it are finished."""
        self.concurrent = concurrent
        self._changed.set()

    async def wake(self, contact: ContactKey, at: datetime, deadline: datetime | None = None) -> None:
        """Process a contact at `at`; a later call replaces one that is not due yet. A time beyond `NEAR` is left to the sweep."""
        if at - self._clock() > NEAR:
            self._due.pop(contact, None)
            return
        by = at if deadline is None else deadline
        if contact in self._due:  # who writes again keeps their place
            by = min(by, self._due[contact][0])
        if self._due.get(contact) == (by, at):
            return
        self._due[contact] = (by, at)
        heapq.heappush(self._heap, (at, contact))
        self._changed.set()

    async def run(self, handle: Handle) -> None:
        """Work until `stop`; running contacts are finished first."""
        while not self._stopping:
            self._changed.clear()
            delay = self._start_due(handle)
            try:
                async with asyncio.timeout(delay.total_seconds()):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def stop(self, grace: timedelta) -> None:
        """Take no more contacts; wait for the running ones, at most `grace`, then cancel them."""
        self._stopping = True
        self._changed.set()
        if not self._running:
            return
        _, unfinished = await asyncio.wait(self._running.values(), timeout=grace.total_seconds())
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)

    def idle(self, *, within: timedelta = timedelta(0)) -> bool:
        """Whether nothing runs and nothing is due `within` a time from now."""
        horizon = self._clock() + within
        return not self._running and all(at > horizon for _, at in self._due.values())

    def load(self) -> tuple[int, int]:
        """Return how many contacts are running, and how many wait for their wake time or for others."""
        return len(self._running), len(self._due)

    def _start_due(self, handle: Handle) -> timedelta:
        """Start what is due, as far as there is room; how long until more is."""
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, contact = heapq.heappop(self._heap)
            due = self._due.get(contact)
            if due is not None and due[1] == at:  # else replaced by a later call
                heapq.heappush(self._ready, (*due, contact))
        while self._ready and len(self._running) < self.concurrent:
            by, at, contact = heapq.heappop(self._ready)
            if self._due.get(contact) != (by, at):
                continue
            del self._due[contact]
            if contact in self._running:
                self._again.add(contact)
                continue
            task = asyncio.create_task(self._process(contact, by, handle), name=f"contact {contact}")
            self._running[contact] = task
        return min(self._heap[0][0] - now, _FAR) if self._heap else _FAR

    async def _process(self, contact: ContactKey, deadline: datetime, handle: Handle) -> None:
        next_at: datetime | None = None
        try:
            next_at = await handle(contact, deadline)
        except LedgerUnavailable as error:
            log.error("contact_postponed", contact=str(contact), reason=str(error))
            next_at = self._clock() + AFTER_A_FAULT
        except Exception:
            log.exception("contact_failed", contact=str(contact))
            next_at = self._clock() + AFTER_A_FAULT
        finally:
            del self._running[contact]
            self._changed.set()
        if contact in self._again:
            self._again.discard(contact)
            next_at = self._clock()
        if next_at is not None and not self._stopping:
            waiting = self._due.get(contact)
            await self.wake(contact, next_at if waiting is None else min(waiting[1], next_at))
