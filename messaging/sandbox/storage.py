"""A file that keeps the conversations: every changed record, written in one transaction at a time."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from messaging.sandbox.feed import Feed

_LOG = logging.getLogger(__name__)

Row = tuple[str, str, bytes | None]
"""kind, id, JSON; `None` instead of JSON: the record is gone."""


class Storage:
    """Follows the feed and writes what changed, in a thread, a few milliseconds later."""

    def __init__(
        self,
        path: Path,
        feed: Feed,
        keys: Callable[[], Iterable[tuple[str, int | str]]],
        record: Callable[[str, int | str], bytes | None],
    ) -> None:
        self._path = path
        self._feed = feed
        self._keys = keys
        self._record = record
        self._written = 0
        self._one = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def load(self) -> list[tuple[str, bytes]]:
        """All records, as (kind, JSON), in the order of their first appearance."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(self._connect()) as db:
            return list(db.execute("SELECT kind, data FROM record ORDER BY n"))

    def start(self) -> None:
        """Follow the feed from here on."""
        self._written = self._feed.seq
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Write the rest."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self._write()

    async def _follow(self) -> None:
        while await self._feed.wait(self._written, 3600) or not self._feed.closed:
            try:
                await asyncio.shield(self._write())
            except sqlite3.OperationalError as error:  # a full disk, a lock: what was not written is tried again
                _LOG.error("%s cannot be written, trying again: %s", self._path, error)
                await self._feed.pause(1)
            await asyncio.sleep(0.02)

    async def _write(self) -> None:
        async with self._one:
            changes, seq = self._feed.after(self._written), self._feed.seq
            anew = any(change.kind == "reset" for change in changes)
            keys = self._keys() if anew else [(change.kind, change.id) for change in changes]
            rows = [(kind, str(number), self._record(kind, number)) for kind, number in keys if kind != "faults"]
            if changes:
                await asyncio.to_thread(self._save, rows, "DELETE FROM record" if anew else None)
            self._written = seq

    def _save(self, rows: Iterable[Row], first: str | None) -> None:
        with contextlib.closing(self._connect()) as db, db:
            if first is not None:
                db.execute(first)
            for kind, number, data in rows:
                if data is None:
                    db.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, number))
                else:
                    db.execute(
                        "INSERT INTO record (kind, id, data) VALUES (?, ?, ?)"
                        " ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data",
                        (kind, number, data),
                    )

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=10)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS record"
            " (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (kind, id))"
        )
        return db
