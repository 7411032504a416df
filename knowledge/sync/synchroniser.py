"""What a sync reports, and the steps that files and web pages have in common."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path

import httpx

from knowledge.documents.passage import SourceState
from knowledge.errors import SourceError
from knowledge.library import Library
from knowledge.settings import KnowledgeSettings, SourceSettings
from knowledge.store import KnowledgeStore
from knowledge.sync.files import FileSync
from knowledge.sync.report import Report, SourceReport, Tally
from knowledge.sync.web import Web, WebSync


class Synchroniser:
    """One look at the sources."""

    def __init__(
        self,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        client: httpx.AsyncClient,
        pool: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._clock = clock
        self._files = FileSync(settings, base, store, pool, clock)
        self._pages = WebSync(Web(client, settings.largest), store, pool, clock)

    async def run(
        self, sources: Sequence[SourceSettings], only: Collection[str] | None, library: Library, report: Report
    ) -> list[SourceReport]:
        """Of all `sources`, or of those named by `only`; what is no source any more is forgotten in the first case."""
        states = {state.id: state for state in await self._store.sources()}
        forgotten = states.keys() - {source.id for source in sources} if only is None else ()
        reports = [await self._forgotten(source, library) for source in sorted(forgotten)]
        claimed = {d.id for d in library.documents.values() if d.source not in only} if only is not None else set()
        chosen = [source for source in sources if only is None or source.id in only]
        return reports + [
            await self._one(source, states.get(source.id), claimed, Tally(library.by_document), report)
            for source in chosen
        ]

    async def _one(
        self, source: SourceSettings, state: SourceState | None, claimed: set[str], tally: Tally, report: Report
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

    async def _forgotten(self, source: str, library: Library) -> SourceReport:
        documents = {document.id for document in library.documents.values() if document.source == source}
        await self._store.remove_source(source)
        return SourceReport(source, removed=sum(len(library.by_document.get(document, ())) for document in documents))
