"""So many requests per method and path in any span of time, as the platform counts them."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from settings import Rate


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and what its headers say. `retry_after` is in seconds, 0 when it may pass."""

    limit: int
    remaining: int
    retry_after: float


class RateLimiter:
    """A sliding window: no span of `rate.per` ever holds more than `rate.count` accepted requests of one key."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._span = rate.per.total_seconds()
        self._now = monotonic
        self._passed: dict[tuple[str, str], deque[float]] = {}

    def ask(self, method: str, path: str) -> Verdict:
        """Count a request of this method and path (path parameters count), unless it is one too many."""
        now = self._now()
        if len(self._passed) > 10_000:
            self._passed = {key: times for key, times in self._passed.items() if times[-1] > now - self._span}
        times = self._passed.setdefault((method, path), deque())
        while times and times[0] <= now - self._span:
            times.popleft()
        if len(times) >= self.rate.count:
            return Verdict(self.rate.count, 0, times[0] + self._span - now)
        times.append(now)
        return Verdict(self.rate.count, self.rate.count - len(times), 0)
