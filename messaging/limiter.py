"""The rate limit of a platform: what its answers say of it, and a limiter that keeps to it.

A platform counts a request when it arrives, which its sender cannot know: a request counts here from its sending until a span
after the latest moment at which it can have arrived.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from messaging.errors import RateLimited
from settings import Rate
from settings.backoff import retry_after


@dataclass(frozen=True, slots=True)
class Quota:
    """What the platform told us; None where it said nothing, or nothing readable."""

    limit: int | None = None
    remaining: int | None = None
    retry_after: timedelta | None = None
    reset_after: timedelta | None = None


def read_quota(headers: Mapping[str, str], now: datetime) -> Quota:
    """Read the quota in the headers of an answer: `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `Retry-After`,
    and `X-RateLimit-Reset` (unix seconds, as AIsoule and Zernio send it), which stands in for a missing `Retry-After`.

    Args:
        headers: httpx headers, or a mapping with lower-case names.
        now: aware UTC; a date in `Retry-After` is taken relative to it.
    """
    limit = _count(headers.get("x-ratelimit-limit"))
    reset_after = _until(headers.get("x-ratelimit-reset"), now)
    asked = retry_after(headers.get("retry-after"), now)
    return Quota(
        limit=limit or None,
        remaining=_count(headers.get("x-ratelimit-remaining")),
        retry_after=reset_after if asked is None else asked,
        reset_after=reset_after,
    )


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 10 else None


_LONGEST_RESET = timedelta(hours=1)


def _until(value: str | None, now: datetime) -> timedelta | None:
    """The time until a reset; one that is further than an hour away is no reset of such a limit."""
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 11:
        return None
    wait = timedelta(seconds=int(value) - now.timestamp())
    return max(wait, timedelta()) if wait <= _LONGEST_RESET else None


SHARE = 0.04
"""The share of a span that is allowed on average for a request to arrive: the rate that is left is 1 / 1.04, 96 %."""

_MOST_SHARE = 0.5
_SAVED = 0.2  # of a span: what quick answers can save up for a slow one
_CALMER = 0.98
_SPREAD = 0.25  # of an even pace: the rest is there to catch up after a slow answer


@dataclass(slots=True, eq=False)
class _Slot:
    """One request that counts until `latest`, and in any case until `earliest` (monotonic seconds).

    Before it is sent its arrival is unknown, so it has no latest end.
    """

    earliest: float
    latest: float = math.inf
    sent_at: float | None = None
    before: int = 0  # slots in use when it was sent, less all turns given until then


@dataclass(slots=True, eq=False)
class _Key:
    """What is known of one key. `queue` hands turns on in the order of asking, as asyncio locks do."""

    limit: int
    span: float
    slots: list[_Slot] = field(default_factory=list)
    share: float = SHARE
    allowance: float = 0.0
    answers: int = 0
    turns: int = 0
    closed_until: float = 0.0
    spread_until: float = 0.0
    users: int = 0
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wait(self, now: float) -> float:
        """Seconds until it is worth asking again; 0 when one more request is allowed now."""
        self.slots = [slot for slot in self.slots if slot.latest > now]
        excess = len(self.slots) - self.limit
        free_at = now if excess < 0 else sorted(self._frees_at(slot, now) for slot in self.slots)[excess]
        return max(free_at, self.closed_until, self.spread_until) - now

    def _frees_at(self, slot: _Slot, now: float) -> float:
        """When to look again: what happened to the request meanwhile may have fixed its end."""
        if now < slot.earliest:
            return slot.earliest
        return min(slot.latest, now + self.span * SHARE)

    def lateness(self, took: float) -> float:
        """How much later than its sending a request may have arrived, as far as that is waited for; `took` until its answer.
        All of it for the first ones, which open their connections."""
        self.answers += 1
        late = min(took, self.span if self.answers <= self.limit else self.allowance)
        saved = self.allowance - late + self.share * self.span
        self.allowance = min(max(saved, self.share * self.span), max(self.share, _SAVED) * self.span)
        return late

    def idle(self, now: float) -> bool:
        return self.users == 0 and self.closed_until <= now and all(slot.latest <= now for slot in self.slots)


class Turn:
    """Permission to make one request. Report when it was `sent` and what was `answered`: the limiter is as exact as that."""

    def __init__(self, key: _Key, slot: _Slot, clock: Callable[[], float]) -> None:
        self._key, self._slot, self._clock = key, slot, clock

    def sent(self) -> None:
        """Report that the request was sent: opening a connection, which may take long, is over."""
        span = self._key.span
        self._slot.sent_at = now = self._clock()
        self._slot.earliest, self._slot.latest = now + span, now + 2 * span
        self._slot.before = sum(slot.latest > now for slot in self._key.slots) - self._key.turns

    def answered(self, status: int, quota: Quota) -> None:
        """Report the answer, as soon as it is there.

        The platform's limit replaces ours. If it counts more requests than we made (another process shares the token),
        the difference counts as used until it says that the limit is reset, at most for one span. A 429 closes the key for
        `Retry-After`, or for one span.
        """
        now, key, slot = self._clock(), self._key, self._slot
        sent_at = now if slot.sent_at is None else slot.sent_at
        slot.earliest = slot.latest = sent_at + key.lateness(now - sent_at) + key.span
        if quota.limit is not None:
            key.limit = quota.limit
        if quota.remaining is not None:
            ours = max(1, slot.before + key.turns)  # all of ours that the platform can have counted by then
            foreign = key.limit - quota.remaining - ours
            reset = quota.retry_after if status == 429 else quota.reset_after
            end = now + (key.span if reset is None else min(key.span, reset.total_seconds()))
            key.slots += [_Slot(end, end) for _ in range(min(foreign, key.limit))]
        if quota.remaining == 0 and quota.reset_after is not None:
            key.closed_until = max(key.closed_until, now + quota.reset_after.total_seconds())
        if status == 429:
            wait = key.span if quota.retry_after is None else quota.retry_after.total_seconds()
            key.closed_until = max(key.closed_until, now + wait)
            key.share = min(key.share * 2, _MOST_SHARE)
        else:
            key.share = max(key.share * _CALMER, SHARE)

    def ended(self) -> None:
        """Report that the request is over, perhaps without an answer; one that was never sent does not count."""
        if self._slot.latest == math.inf:
            self._slot.latest = self._clock()


class Limiter:
    """Lets through `rate.count` requests per `rate.per` and key, in the order of asking.

    ```python
    async with limiter.turn(("POST", "/contact/id:1/message")) as turn:
        turn.sent()
        response = await client.post(...)
        turn.answered(response.status_code, read_quota(response.headers, now))
    ```

    Keys that are not in use are dropped, so any number of them may come and go.

    The queue knows no deadline: each request goes when those that asked before it have gone, and nobody overtakes, so none waits for ever
    while the platform answers. How many wait is bounded by those who ask: a contact has one request at a time, a broadcast
    is fed at its own rate a few seconds ahead. Who gives up leaves the queue; what a wait may have overtaken
    is checked once more before it leaves (`messaging.transport.before_request`).

    Args:
        rate: what is allowed until the platform says otherwise.
        clock: monotonic seconds.
        sleep: waits for some seconds.
        patience: the longest wait for a key that the platform has closed with a 429; a longer one raises at once.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        patience: timedelta = timedelta(seconds=30),
    ) -> None:
        self._clock = clock
        self._rate = rate
        self._sleep = sleep
        self._patience = patience.total_seconds()
        self._keys: OrderedDict[Hashable, _Key] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered right now."""
        return len(self._keys)

    @asynccontextmanager
    async def turn(self, key: Hashable) -> AsyncIterator[Turn]:
        """Wait until one more request of this key is allowed.

        Raises:
            RateLimited: the platform has closed this key for longer than `patience`; nothing was sent.
        """
        self._sweep()
        state = self._keys.get(key)
        if state is None:
            state = self._keys[key] = _Key(self._rate.count, self._rate.per.total_seconds())
        state.users += 1
        try:
            turn = Turn(state, await self._take(state), self._clock)
            try:
                yield turn
            finally:
                turn.ended()
        finally:
            state.users -= 1

    async def _take(self, key: _Key) -> _Slot:
        async with key.queue:
            asked_at = self._clock()
            while (wait := key.wait(now := self._clock())) > 0:
                if key.closed_until - now > self._patience:
                    pause = timedelta(seconds=key.closed_until - now)
                    raise RateLimited("the platform asked for a longer pause than we wait for", retry_after=pause)
                await self._sleep(wait)
            if now > asked_at:
                key.spread_until = now + key.span / key.limit * _SPREAD
            slot = _Slot(now + key.span)
            key.slots.append(slot)
            key.turns += 1
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
