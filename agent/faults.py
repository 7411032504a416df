"""What the acceptance tests do to a running process. Without the variables nothing happens.

`BALAS_KILL_AT=after-claim:2` kills the process (as `kill -9` would) when it passes the named point for the second time.
`BALAS_CLOCK=FILE` lets its clock be wrong by the seconds that the file holds at the moment.
"""

import os
import signal
from collections import Counter
from datetime import timedelta
from functools import cache
from pathlib import Path

_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Pass a named point."""
    wanted, _, count = _variable("BALAS_KILL_AT").partition(":")
    if name != wanted:
        return
    _passed[name] += 1
    if _passed[name] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


def clock_error() -> timedelta:
    """How far the process's clock is ahead."""
    file = _variable("BALAS_CLOCK")
    return timedelta(seconds=float(Path(file).read_text())) if file else _RIGHT


_RIGHT = timedelta(0)


@cache
def _variable(name: str) -> str:
    return os.environ.get(name, "")
