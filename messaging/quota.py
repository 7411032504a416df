"""What an answer says about the rate: `X-RateLimit-Limit`, `X-RateLimit-Remaining`, `Retry-After`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quota:
    """What the platform told us; None where it said nothing, or nothing readable."""

    limit: int | None = None
    remaining: int | None = None
    retry_after: timedelta | None = None


def read_quota(headers: Mapping[str, str], now: datetime) -> Quota:
    """The quota in the headers of an answer (any case, as httpx headers or with lower-case names)."""
    limit = _count(headers.get("x-ratelimit-limit"))
    return Quota(
        limit=limit or None,
        remaining=_count(headers.get("x-ratelimit-remaining")),
        retry_after=_wait(headers.get("retry-after"), now),
    )


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 10 else None


def _wait(value: str | None, now: datetime) -> timedelta | None:
    """Seconds (also fractions) or an HTTP date, RFC 9110 10.2.3; never negative, never over a day."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max(until - now, timedelta()), _LONGEST)
    if not math.isfinite(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST.total_seconds()))
