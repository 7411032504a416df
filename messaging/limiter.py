"""The limiter: keeps us under a platform's rate for each key, e.g. one (method, path).

A platform counts a request when it arrives there, which is some time between our sending it and its answer. So a slot is
given back one span after the *answer*; but no later than one span plus `SLACK` after the sending, which keeps the rate at
96 % or more however slow the platform is. A sliding window counted this way also satisfies platforms that count in fixed
windows or with a token bucket.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from messaging.errors import RateLimited
from messaging.quota import Quota
from settings import Rate

SLACK = 0.04
"""The share of a span that is waited at most for answers: a request may be this much later on its way than the next one."""


@dataclass(slots=True, eq=False)
class _Slot:
    """One request that counts for a span; `earliest` and `latest` end are the same once its answer has come (monotonic seconds)."""

    earliest: float
    latest: float

    def frees_at(self, now: float) -> float:
        """When to look again: an answer that came meanwhile may have fixed the end."""
        return self.earliest if now < self.earliest else self.latest


@dataclass(slots=True, eq=False)
class _Key:
    """What is known of one key. `lock` is the queue: asyncio locks are handed on in the order of asking."""

    limit: int
    slots: list[_Slot] = field(default_factory=list)
    blocked_until: float = 0.0
    users: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wait(self, now: float) -> float:
        """Seconds until one more request is allowed; 0 when it is now."""
        self.slots = [slot for slot in self.slots if slot.latest > now]
        excess = len(self.slots) - self.limit
        free_at = now if excess < 0 else sorted(slot.frees_at(now) for slot in self.slots)[excess]
        return max(free_at, self.blocked_until) - now

    def idle(self, now: float) -> bool:
        return self.users == 0 and self.blocked_until <= now and all(slot.latest <= now for slot in self.slots)


class Pass:
    """Leave to make one request. `answered` tells the limiter what the platform said."""

    def __init__(self, key: _Key, slot: _Slot, span: float, clock: Callable[[], float]) -> None:
        self._key, self._slot, self._span, self._clock = key, slot, span, clock

    def answered(self, status: int, quota: Quota) -> None:
        """Learn from an answer; call it as soon as the answer is there.

        The platform's limit replaces ours. If it counts more requests than we made (another process shares the token),
        the difference is taken as used for one span. A 429 closes the key for `Retry-After`, or for one span.
        """
        now = self._clock()
        key = self._key
        self._slot.earliest = self._slot.latest = min(self._slot.latest, now + self._span)
        if quota.limit is not None:
            key.limit = quota.limit
        if quota.remaining is not None:
            ours = sum(slot.latest > now for slot in key.slots)
            foreign = key.limit - quota.remaining - ours
            key.slots.extend(_Slot(now + self._span, now + self._span) for _ in range(min(foreign, key.limit)))
        if status == 429:
            wait = self._span if quota.retry_after is None else quota.retry_after.total_seconds()
            key.blocked_until = max(key.blocked_until, now + wait)


class Limiter:
    """Lets through `rate.count` requests per `rate.per` and key, in the order of asking.

    ```python
    async with limiter.turn(("POST", "/contact/id:1/message")) as turn:
        response = await client.post(...)
        turn.answered(response.status_code, read_quota(response.headers, now))
    ```

    Keys that nobody uses are dropped, so any number of them may come and go. `clock` and `sleep` are in seconds.
    `patience` bounds the wait for a key that the platform has closed with a 429: longer ones are refused at once.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: timedelta = timedelta(seconds=30),
    ) -> None:
        self._rate = rate
        self._span = rate.per.total_seconds()
        self._clock = clock
        self._sleep = sleep
        self._patience = patience.total_seconds()
        self._keys: OrderedDict[Hashable, _Key] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered right now."""
        return len(self._keys)

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[Pass]:
        """Wait for leave to make one request.

        Raises:
            RateLimited: the platform has closed this key for longer than `patience`; nothing was sent.
        """
        self._sweep()
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = _Key(self._rate.count)
        state.users += 1
        try:
            slot = await self._take(state)
            yield Pass(state, slot, self._span, self._clock)
        finally:
            state.users -= 1

    async def _take(self, key: _Key) -> _Slot:
        async with key.lock:
            while (wait := key.wait(now := self._clock())) > 0:
                if key.blocked_until - now > self._patience:
                    raise RateLimited(
                        "the platform asked for a longer pause than we wait for", retry_after=timedelta(seconds=wait)
                    )
                await self._sleep(wait)
            slot = _Slot(now + self._span, now + self._span * (1 + SLACK))
            key.slots.append(slot)
            return slot

    def _sweep(self) -> None:
        """Look at two keys for each one that may be added: memory follows the keys in use, at a constant cost per request."""
        now = self._clock()
        for _ in range(min(2, len(self._keys))):
            name, state = next(iter(self._keys.items()))
            if state.idle(now):
                del self._keys[name]
            else:
                self._keys.move_to_end(name)
