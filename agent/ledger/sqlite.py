"""The lock that keeps a second process from working on the same SQLite ledger."""

import fcntl
import os
from pathlib import Path
from typing import Self

from agent.ledger.errors import LedgerLocked


class LockFile:
    """Held for the life of the process; the operating system lets go of it when the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise LedgerLocked(
                f"another balas (process {holder}) works on {path.with_suffix('')}; stop it, or use PostgreSQL for several"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()
