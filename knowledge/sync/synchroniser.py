"""One sync of the sources of an agent: which are read, and how their failures are recorded."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path

import httpx

from knowledge.documents.passage import SourceState
from knowledge.documents.reader import DocumentReader
from knowledge.errors import SourceError
from knowledge.library import Library
from knowledge.settings import KnowledgeSettings, SourceSettings
from knowledge.store import KnowledgeStore
from knowledge.sync.files import FileSync
from knowledge.sync.report import ProgressCallback, SourceReport, Tally
from knowledge.sync.web import Web, WebSync


class Synchroniser:
    """Reads the sources once and saves what changed."""

    def __init__(
        self,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        client: httpx.AsyncClient,
        reader: DocumentReader,
        pool: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._clock = clock
        self._files = FileSync(settings, base, store, reader, pool, clock)
        self._pages = WebSync(Web(client, settings.largest, pool), store, reader, clock)

    async def run(
        self,
        sources: Sequence[SourceSettings],
        only: Collection[str] | None,
        library: Library,
        report: ProgressCallback,
    ) -> list[SourceReport]:
        """Sync all `sources`, or those named by `only`. Without `only`, sources that are no longer configured are deleted.

        Args:
            library: what is known so far, for counting changes.
            report: called as documents are done.
        """
        states = {state.id: state for state in await self._store.sources()}
        removed = states.keys() - {source.id for source in sources} if only is None else ()
        reports = [await self._delete_source(source, library) for source in sorted(removed)]
        claimed = {d.id for d in library.documents.values() if d.source not in only} if only is not None else set()
        chosen = [source for source in sources if only is None or source.id in only]
        return reports + [
            await self._sync_source(source, states.get(source.id), claimed, Tally(library.by_document), report)
            for source in chosen
        ]

    async def _sync_source(
        self,
        source: SourceSettings,
        state: SourceState | None,
        claimed: set[str],
        tally: Tally,
        report: ProgressCallback,
    ) -> SourceReport:
        now = self._clock()
        try:
            if source.path:
                await self._files.run(source, state, claimed, tally, report)
            else:
                await self._pages.run(source, claimed, tally, report)
        except SourceError as error:
            since = (state.failing_since if state else None) or now
            verified = state.verified_at if state else None
            new = SourceState(source.id, now, verified, str(error), since, tuple(tally.problems), source.fingerprint)
        else:
            new = SourceState(source.id, now, now, problems=tuple(tally.problems), settings=source.fingerprint)
        await self._store.save_source(new)
        return tally.report(new)

    async def _delete_source(self, source: str, library: Library) -> SourceReport:
        documents = {document.id for document in library.documents.values() if document.source == source}
        await self._store.remove_source(source)
        return SourceReport(source, removed=sum(len(library.by_document.get(document, ())) for document in documents))
