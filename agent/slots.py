"""Seats: how many contacts use the processor at once, while any number of them wait for a model, a shop or the platform.

A turn is some thirty milliseconds of work around seconds of waiting, all in one event loop. With a thousand turns at work at
once, a webhook would wait for a round of them all at each of its own steps. So a contact is seen to on a seat, and its seat
is another's for as long as it waits for the outside.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

SEATS = 2
"""One works while another waits for the ledger's disk. With eight, a webhook waited twice as long, and nothing went faster."""

REMOTE = 8
"""Where the ledger is on another machine: more wait for it at the same time."""


class Seats:
    """The seats of one process. Who has begun goes before who has not; while webhooks come in, only one seat is given."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._webhooks = 0
        self._begun: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Work on a seat; what runs inside may leave it with `left`."""
        seat = _Seat(self)
        await self._sit(self._new)
        seat.held = True
        token = _mine.set(seat)
        try:
            yield
        finally:
            _mine.reset(token)
            seat.over = True
            if seat.held:
                self._rise()

    @contextmanager
    def webhook(self) -> Iterator[None]:
        """While a webhook is being recorded."""
        self._webhooks += 1
        try:
            yield
        finally:
            self._webhooks -= 1
            self._give()

    async def _sit(self, queue: deque[asyncio.Future[None]]) -> None:
        asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(asked)
        self._give()
        try:
            await asked
        except asyncio.CancelledError:
            if not asked.cancelled():  # given in the same moment
                self._rise()
            raise

    def _rise(self) -> None:
        self._taken -= 1
        self._give()

    def _give(self) -> None:
        free = 1 if self._webhooks else self._count
        while self._taken < free and (queue := self._begun or self._new):
            asked = queue.popleft()
            if not asked.cancelled():
                asked.set_result(None)
                self._taken += 1


class _Seat:
    """One contact's place in the process."""

    __slots__ = ("held", "over", "seats")

    def __init__(self, seats: Seats) -> None:
        self.seats = seats
        self.held = False
        self.over = False

    def leave(self) -> None:
        self.held = False
        self.seats._rise()

    async def come_back(self) -> None:
        """Unless the contact has been seen to meanwhile, or another of its calls has come back first."""
        if self.over or self.held:
            return
        await self.seats._sit(self.seats._begun)
        if self.over or self.held:
            self.seats._rise()
        self.held = not self.over


_mine: ContextVar[_Seat | None] = ContextVar("seat", default=None)


@asynccontextmanager
async def left() -> AsyncIterator[None]:
    """While waiting for the outside: the seat is another's. Without a seat, and within another `left`, nothing happens."""
    seat = _mine.get()
    if seat is None or not seat.held:
        yield
        return
    seat.leave()
    try:
        yield
    finally:
        await seat.come_back()
