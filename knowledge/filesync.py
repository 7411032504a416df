"""Synchronises the sources that are files."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from knowledge.errors import SourceError
from knowledge.files import FileRef, find, read
from knowledge.passage import Document, SourceState
from knowledge.settings import KnowledgeSettings, SourceSettings
from knowledge.store import KnowledgeStore
from knowledge.sync import Change, Progress, Report, Tally, fingerprint, make, recovered, save

BATCH = 64  # documents that are read in one go and saved in one transaction


class FileSync:
    """Synchronises the sources that are files."""

    def __init__(
        self,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        pool: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._base = base
        self._store = store
        self._pool = pool
        self._clock = clock

    async def run(
        self, source: SourceSettings, state: SourceState | None, claimed: set[str], tally: Tally, report: Report
    ) -> None:
        """Raises `SourceError` when the source as a whole cannot be read; nothing is changed then.

        `claimed` are the documents that other sources have; those found here are added to it.
        """
        loop = asyncio.get_running_loop()
        now = self._clock()
        refs = await loop.run_in_executor(self._pool, find, source.path or "", self._base)
        refs = [ref for ref in refs if ref.id not in claimed]
        claimed.update(ref.id for ref in refs)
        known = {document.id: document for document in await self._store.documents(source.id)}
        looked_at = state.verified_at if state else None
        todo: list[FileRef] = []
        for ref in refs:
            before = known.get(ref.id)
            same = before and before.stamp == ref.stamp and before.failing_since is None and looked_at
            if same and looked_at and ref.is_settled(looked_at):
                tally.kept(ref.id)
            else:
                todo.append(ref)
        done = len(refs) - len(todo)
        report(Progress(source.id, done, len(refs)))
        for at in range(0, len(todo), BATCH):
            batch = todo[at : at + BATCH]
            changes = await loop.run_in_executor(self._pool, self._read_all, batch, source, known, now)
            await save(changes, known, self._store, tally, now)
            done += len(batch)
            report(Progress(source.id, done, len(refs)))
        gone = sorted(known.keys() - {ref.id for ref in refs})
        for document in gone:
            tally.gone(document)
        if gone:
            await self._store.remove(gone)

    def _read_all(
        self, refs: Sequence[FileRef], source: SourceSettings, known: Mapping[str, Document], now: datetime
    ) -> list[Change]:
        return [self._read(ref, source, known.get(ref.id), now) for ref in refs]

    def _read(self, ref: FileRef, source: SourceSettings, before: Document | None, now: datetime) -> Change:
        try:
            data = read(ref, self._settings.largest)
            if before and before.hash == fingerprint(data, source):
                settled = replace(recovered(before), stamp=ref.stamp)
                return Change(ref.id, touched=None if settled == before else settled)
            document, passages = make(ref.id, data, None, source, now)
        except SourceError as error:
            return Change(ref.id, problem=str(error))
        return Change(ref.id, new=(replace(document, stamp=ref.stamp), passages))
