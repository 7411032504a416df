"""What the acceptance tests do to a running process. Without the variable nothing happens.

`BALAS_KILL_AT=after-claim:2` kills the process (as `kill -9` would) when it passes the named point for the second time.
"""

import os
import signal
from collections import Counter
from functools import cache

_passed: Counter[str] = Counter()


def point(name: str) -> None:
    """Pass a named point."""
    wanted, _, count = _kill_at().partition(":")
    if name != wanted:
        return
    _passed[name] += 1
    if _passed[name] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


@cache
def _kill_at() -> str:
    return os.environ.get("BALAS_KILL_AT", "")
