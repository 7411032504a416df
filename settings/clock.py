"""The clock: the one place that reads the time; everything that needs it takes a `Clock`.

`BALAS_CLOCK=FILE` lets a process's clock be wrong by the seconds that the file holds at the moment: acceptance tests do that.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

Clock = Callable[[], datetime]
"""Tells the time, aware UTC. Everything that needs the time is handed one."""


def now() -> datetime:
    """The time, aware UTC."""
    file = _wrong_by()
    return datetime.now(UTC) + (timedelta(seconds=float(Path(file).read_text())) if file else timedelta(0))


@cache
def _wrong_by() -> str:
    return os.environ.get("BALAS_CLOCK", "")
