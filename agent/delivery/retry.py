"""When to try a failed delivery again: a plain decision on the error, the number of attempts and the age."""

from dataclasses import dataclass
from datetime import timedelta

from messaging.errors import InQueue, PlatformError, RateLimited
from settings.backoff import Backoff, Uniform

_LONGEST = timedelta(minutes=5)
_BACKOFF = Backoff(timedelta(seconds=1), _LONGEST, least=0.05)
_RATE_LIMITED = Backoff(timedelta(seconds=1), _LONGEST, least=0.5)
_IN_QUEUE = Backoff(timedelta(seconds=10), _LONGEST, least=0.5)  # its queue takes minutes
_GIVE_UP = timedelta(hours=24)
_OTHERS_GIVE_UP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after a while. `look_first`: it may have gone out, so ask the platform before sending it again."""

    after: timedelta
    look_first: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It will not succeed, and becomes a dead letter."""

    reason: str


def decide(error: PlatformError, *, attempts: int, age: timedelta, lane: str, uniform: Uniform) -> Again | GiveUp:
    """Decide what follows from a failed attempt.

    What the platform asks for (`Retry-After`) is kept to. Otherwise the wait doubles from a second (ten for 449) up to
    five minutes, with jitter.

    Args:
        error: what the attempt failed with.
        attempts: how many there were, this one included.
        age: since the message was queued. After 24 hours (an hour for a broadcast, and for what the customer does not
            see) it is given up.
        lane: the outbox lane of the message.
        uniform: draws the jitter.
    """
    if not error.retryable:
        return GiveUp(str(error))
    if age > (_GIVE_UP if lane == "message" else _OTHERS_GIVE_UP):
        return GiveUp(f"given up after {age}: {error}")
    backoff = _IN_QUEUE if isinstance(error, InQueue) else _RATE_LIMITED if isinstance(error, RateLimited) else _BACKOFF
    return Again(backoff.wait(attempts, error.retry_after, uniform), look_first=not error.certain)
