"""When to try a failed delivery again: a plain decision on the error, the number of attempts and the age."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from messaging.errors import InQueue, PlatformError, RateLimited

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(minutes=5)
_IN_QUEUE = timedelta(seconds=10)
_GIVE_UP = timedelta(hours=24)
_OTHERS_GIVE_UP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after a while. `look_first`: it may have gone out, so ask the platform before sending it again."""

    after: timedelta
    look_first: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will not succeed; somebody must look at it."""

    reason: str


def decide(
    error: PlatformError, *, attempts: int, age: timedelta, lane: str, spread: Callable[[float, float], float]
) -> Again | GiveUp:
    """What follows from a failed attempt.

    `attempts` counts this one. What the platform asks for (`Retry-After`) is kept to, with up to a second more.
    Otherwise the wait doubles from a second (ten for 449, whose queue takes minutes) up to five minutes, with full
    jitter: `spread(low, high)` draws seconds from a uniform distribution. After 24 hours (an hour for a broadcast,
    and for what the customer does not see) it is given up.
    """
    if not error.retryable:
        return GiveUp(str(error))
    if age > (_GIVE_UP if lane == "message" else _OTHERS_GIVE_UP):
        return GiveUp(f"given up after {age}: {error}")
    if error.retry_after is not None:
        wait = error.retry_after + timedelta(seconds=spread(0.0, min(1.0, error.retry_after.total_seconds() / 4)))
        return Again(wait, not error.certain)
    first = _IN_QUEUE if isinstance(error, InQueue) else _FIRST
    ceiling = min(first * 2 ** min(attempts - 1, 10), _LONGEST)
    least = ceiling / 2 if isinstance(error, InQueue | RateLimited) else timedelta(milliseconds=50)
    return Again(timedelta(seconds=spread(least.total_seconds(), ceiling.total_seconds())), not error.certain)
