"""When to try again, and how long to wait: plain functions."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

FIRST = 0.3  # seconds
LONGEST = 8.0
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


def worth_repeating(status: int, *, repeatable: bool) -> bool:
    """Whether the same request may succeed later.

    429 was refused before anything was done (RFC 6585), so it may be repeated even when the call is not idempotent.
    """
    return status == 429 or (repeatable and status in RETRIED)


def wait_before(attempt: int, headers: Mapping[str, str], now: datetime, chance: float) -> float:
    """Seconds before attempt number `attempt` (2, 3 …): `Retry-After` when the server gives one, else back-off.

    `chance` is a random number in [0, 1): full jitter keeps many waiting turns from coming back at the same moment.
    """
    asked = retry_after(headers.get("retry-after", ""), now)
    return asked if asked is not None else chance * min(LONGEST, FIRST * 2 ** (attempt - 1))


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds of a `Retry-After` header, given as seconds or as a date (RFC 9110, 10.2.3); None when it says nothing."""
    text = text.strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None
