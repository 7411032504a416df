"""The clock: the one place that reads the time; everything that needs it takes a `Clock`. Waits before a retry go through `sleep`.

`BALAS_CLOCK=FILE` lets a process's clock be wrong by the seconds that the file holds at the moment: acceptance tests do that.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


_sleep: ContextVar[Callable[[float], Awaitable[None]]] = ContextVar("sleep", default=asyncio.sleep)


async def sleep(seconds: float) -> None:
    """Wait before a retry, as the clock of this task goes: in a scenario nothing is waited for."""
    await _sleep.get()(seconds)


@contextmanager
def sleeping(by: Callable[[float], Awaitable[None]]) -> Iterator[None]:
    """Let `sleep` be done by something else, in this task and those that it starts."""
    token = _sleep.set(by)
    try:
        yield
    finally:
        _sleep.reset(token)
