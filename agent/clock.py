"""The time, as everything but tests is told it."""

from collections.abc import Callable
from datetime import UTC, datetime

from agent.faults import clock_error

Clock = Callable[[], datetime]


def now() -> datetime:
    """Aware UTC."""
    return datetime.now(UTC) + clock_error()
