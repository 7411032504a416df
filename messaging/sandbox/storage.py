"""The feed of changes, which the page, the long poll and the storage follow; and the storage, one SQLite file."""

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

Kind = Literal["contact", "message", "comment", "delivery", "media", "workspace", "webhooks", "faults", "reset"]


@dataclass(frozen=True, slots=True)
class Change:
    """The record `id` of `kind` is new, different or gone. `kind` "reset": look at everything again."""

    seq: int
    kind: Kind
    id: int | str


class Feed:
    """A bounded log of changes that readers can wait on. Writers never wait; readers look the records up themselves."""

    def __init__(self, kept: int = 5000) -> None:
        self.seq = 0
        self._closing = asyncio.Event()
        self._log: deque[Change] = deque(maxlen=kept)
        self._changed = asyncio.Event()

    def touch(self, kind: Kind, id: int | str = 0) -> None:  # noqa: A002 (the word of the wire)
        """Note that a record is new, different or gone, and wake the readers."""
        self.seq += 1
        self._log.append(Change(self.seq, kind, id))
        self._wake()

    def after(self, seq: int) -> list[Change]:
        """List the changes later than `seq`, the newest of each record; a single "reset" when they are no longer kept."""
        if seq == self.seq:
            return []
        oldest = self._log[0].seq if self._log else self.seq + 1
        if seq > self.seq or seq + 1 < oldest:
            return [Change(self.seq, "reset", 0)]
        newest: dict[tuple[Kind, int | str], Change] = {}
        for change in islice(self._log, seq + 1 - oldest, None):
            newest.pop((change.kind, change.id), None)
            newest[change.kind, change.id] = change
        return list(newest.values())

    async def wait(self, seq: int, seconds: float) -> bool:
        """Wait up to `seconds` for a change later than `seq`; false when none came or the feed was closed."""
        if self.seq == seq and not self.closed:
            changed = self._changed
            try:
                async with asyncio.timeout(seconds):
                    await changed.wait()
            except TimeoutError:
                return False
        return not self.closed

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    async def pause(self, seconds: float) -> None:
        """Sleep for `seconds`, or until the feed is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def close(self) -> None:
        """End every wait, now and later."""
        self._closing.set()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


_LOG = logging.getLogger(__name__)

Row = tuple[str, str, bytes | None]
"""kind, id, JSON; `None` instead of JSON: the record is gone."""


class Storage:
    """Follows the feed and writes what changed, in a thread, a few milliseconds later.

    Args:
        path: the SQLite file; made when it is not there.
        feed: says what changed.
        keys: lists kind and id of every record.
        record: the JSON of one record; `None` when it is gone.
    """

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
        """Read all records, as (kind, JSON), in the order in which they were first written. Blocks."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(self._connect()) as db:
            return list(db.execute("SELECT kind, data FROM record ORDER BY n"))

    def start(self) -> None:
        """Follow the feed from here on."""
        self._written = self._feed.seq
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Write what is not written yet, and stop."""
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
