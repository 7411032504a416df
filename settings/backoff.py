"""How long to wait before trying again: exponential back-off with jitter, and what a server asks for.

```python
backoff = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=5))
wait = backoff.wait(attempt, requested_wait(response.headers, now()))
await asyncio.sleep(wait.total_seconds())
```
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Uniform = Callable[[float, float], float]
"""Draws from a uniform distribution between two numbers; `random.uniform`, and in tests what they choose."""

_MOST_DOUBLINGS = 20
_LONGEST_REQUEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double from `first` to `longest`, with jitter so that many who failed together do not return together.

    `least` is the share of the ceiling that is always waited: 0 is full jitter, 0.5 equal jitter, 1 no jitter at all.
    """

    first: timedelta
    longest: timedelta
    least: float = 0.0

    def ceiling(self, attempt: int) -> timedelta:
        """The longest wait after attempt number `attempt` (1, 2 …) has failed."""
        doublings = min(attempt - 1, _MOST_DOUBLINGS)
        return min(self.first * (1 << doublings), self.longest)

    def wait(self, attempt: int, requested: timedelta | None = None, uniform: Uniform = random.uniform) -> timedelta:
        """Draw the wait after attempt number `attempt` (1, 2 …) has failed.

        A wait that the server `requested` is kept to instead, with up to a quarter more, at most a second.
        """
        if requested is not None:
            return requested + timedelta(seconds=uniform(0.0, min(1.0, requested.total_seconds() / 4)))
        ceiling = self.ceiling(attempt).total_seconds()
        return timedelta(seconds=uniform(self.least * ceiling, ceiling))


def requested_wait(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """What an answer asks us to wait: `retry-after-ms` (OpenAI's and others' servers) before `Retry-After`.

    Args:
        headers: of the answer, as httpx headers or with lower-case names.
        now: aware UTC; a date is taken relative to it.

    Returns:
        At least zero and at most a day; None where the answer asks for nothing readable.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return _bounded(milliseconds / 1000)
    return retry_after(headers.get("retry-after"), now)


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Read a `Retry-After` header: seconds or an HTTP date (RFC 9110, 10.2.3); fractions of a second are taken too.

    Returns:
        At least zero and at most a day; None where the header is missing or not readable.
    """
    if (seconds := _number(header)) is not None:
        return _bounded(seconds)
    try:
        until = parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return _bounded((until - now).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST_REQUEST.total_seconds()))
