"""CPU slots: how many contacts use the processor at once, while any number of them wait for I/O.

A turn is some thirty milliseconds of work around seconds of waiting (for a model, an action, the platform), all in one event
loop. With a thousand turns working at once, a webhook would wait for a round of them all at each of its own steps. So a
contact is processed while holding a slot, and the slot is released while awaiting I/O.

    async with slots.held(deadline):  # ContactWorker.process
        ...
        async with released():      # anywhere below it
            answer = await client.post(...)
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import datetime

LOCAL = 2
"""With the ledger on this machine: one works while another waits for the disk. Eight made webhooks wait twice as long for no gain."""

REMOTE = 8
"""With the ledger on another machine: more wait for it at the same time."""


class Slots:
    """The CPU slots of one process.

    The contact with the earliest deadline is served first, and of equal ones a contact whose processing has begun: one who was written to
    before does not wait for the turns of a thousand strangers either. While a webhook is being recorded, only one slot is given.
    """

    def __init__(self, count: int) -> None:
        """Offer slots.

        Args:
            count: how many may be held at the same time.
        """
        self._count = count
        self._held = 0
        self._webhooks = 0
        self._waiting: list[
            tuple[datetime, bool, int, asyncio.Future[None]]
        ] = []  # a heap: deadline, whether it is new
        self._numbers = itertools.count()

    @asynccontextmanager
    async def held(self, deadline: datetime) -> AsyncIterator[None]:
        """Wait for a slot and hold it; code inside may give it up for a while with `released`.

        Args:
            deadline: by when (aware UTC): the earliest is served first, and of equal ones the one that came first.
        """
        slot = _Slot(self, deadline)
        await self._given(deadline, is_new=True)
        slot.held = True
        token = _current.set(slot)
        try:
            yield
        finally:
            _current.reset(token)
            slot.closed = True
            if slot.held:
                self._release()

    @contextmanager
    def webhook(self) -> Iterator[None]:
        """Restrict the others to one slot while a webhook is being recorded."""
        self._webhooks += 1
        try:
            yield
        finally:
            self._webhooks -= 1
            self._give()

    async def _given(self, deadline: datetime, *, is_new: bool) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, is_new, next(self._numbers), waiter))
        self._give()
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # given in the same moment
                self._release()
            raise

    def _release(self) -> None:
        self._held -= 1
        self._give()

    def _give(self) -> None:
        limit = 1 if self._webhooks else self._count
        while self._held < limit and self._waiting:
            *_, waiter = heapq.heappop(self._waiting)
            if not waiter.cancelled():
                waiter.set_result(None)
                self._held += 1


class _Slot:
    """One contact's slot. `closed` once its processing has ended."""

    __slots__ = ("closed", "deadline", "held", "slots")

    def __init__(self, slots: Slots, deadline: datetime) -> None:
        self.slots = slots
        self.deadline = deadline
        self.held = False
        self.closed = False

    def release(self) -> None:
        self.held = False
        self.slots._release()

    async def acquire_again(self) -> None:
        """Unless the processing has ended meanwhile, or another of its calls has got the slot back first."""
        if self.closed or self.held:
            return
        await self.slots._given(self.deadline, is_new=False)
        if self.closed or self.held:
            self.slots._release()
        self.held = not self.closed


_current: ContextVar[_Slot | None] = ContextVar("slot", default=None)


class released:  # noqa: N801 - used as a function
    """Release the CPU slot while awaiting I/O. Without a slot, and inside another `released`, this does nothing."""

    __slots__ = ("_slot",)

    async def __aenter__(self) -> None:
        slot = _current.get()
        self._slot = slot if slot is not None and slot.held else None
        if self._slot is not None:
            self._slot.release()

    async def __aexit__(self, *_error: object) -> None:
        if self._slot is not None:
            await self._slot.acquire_again()
