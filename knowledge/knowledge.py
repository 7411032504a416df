"""`Knowledge`: search, sync, gaps and evaluation over the sources of one agent."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType

import httpx
import numpy as np
import structlog

from knowledge.documents.reader import DocumentReader
from knowledge.documents.splitter import count_words
from knowledge.errors import GapNotFound, NoPlace, NoSuchSource, SourceExists
from knowledge.evaluation import Evaluation, evaluate, read_questions
from knowledge.gaps import Cluster, clustered, write_aliases, write_entry
from knowledge.index.chroma import ChromaIndex, Lock
from knowledge.index.dense import CANDIDATES, DenseIndex
from knowledge.index.embeddings import open_embedder
from knowledge.index.postings import Floats
from knowledge.lease import Lease
from knowledge.library import Library, SourceStatus, source_statuses, top
from knowledge.results import Hit, Mode, SearchResult
from knowledge.settings import EmbeddingSettings, KnowledgeSettings, SourceSettings
from knowledge.store import KnowledgeStore, Revision
from knowledge.sync.report import Progress, SyncReport, in_order
from knowledge.sync.synchroniser import Synchroniser

# Seconds before Chroma is imported when vectors take no part in answers: a short command has exited by then.
CHROMA_IMPORT_DELAY = 0.5
STALE_WINDOW = 50  # best passages among which the current (not stale) ones for the model are chosen
RETRY_DELAY = 30.0  # seconds after a sync that failed as a whole
POLL_INTERVAL = 5.0  # seconds at most until a change made by another process is loaded here
OFF_TOPIC = 0.05  # fewer than 1 in 100 answerable questions of the test sets score below

NEVER_CHECKED = datetime.min.replace(tzinfo=UTC)

Clock = Callable[[], datetime]

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Knowledge:
    """The knowledge of one agent.

    Searching works at once, from the keyword index; Chroma opens in the background. A search during a sync works on what was
    there before it.

        async with await Knowledge.open(settings, base, store, client) as knowledge:
            await knowledge.sync()
            found = await knowledge.search(["jam buka hari minggu?"])
    """

    def __init__(
        self,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        client: httpx.AsyncClient,
        clock: Clock,
        locked: str | None = None,
    ) -> None:
        """Use `open` or `open_without_chroma`."""
        self.settings = settings
        self._base = base
        self._store = store
        self._client = client
        self._clock = clock
        self._dense: DenseIndex | None = None
        self._lock: Lock | None = None
        self.locked = locked
        self.opened_with: EmbeddingSettings | None = None
        """The embeddings that take part; `None`: the keywords alone."""
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="knowledge")
        self._reader = DocumentReader()
        self._library = Library.build((), (), (), settings.sources)
        self._revision = Revision()
        self._lease = Lease(store, clock)
        self._syncing = asyncio.Lock()
        self._closing = asyncio.Lock()  # a question is answered once, however many do it at once
        self._opening: asyncio.Task[None] | None = None
        self._added: tuple[SourceSettings, ...] = ()
        self.progress: dict[str, Progress] = {}  # of the sync that runs, by source

    @classmethod
    async def open(
        cls,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        client: httpx.AsyncClient,
        clock: Clock = _now,
    ) -> "Knowledge":
        """Open with Chroma.

        Args:
            base: folder of agent.yaml; paths of sources and of Chroma are relative to it.
            store: where documents, passages and vectors are kept.
            client: fetches sources and embeddings; it decides which addresses may be reached.
            clock: aware UTC.

        Raises:
            IndexLocked: another process owns the Chroma folder. `open_without_chroma` still searches by keywords.
            EmbeddingError: the folder of the local embedding model is not what it should be.
        """
        knowledge = cls(settings, base, store, client, clock)
        try:
            await knowledge.add_vectors(settings)
        except BaseException:
            await knowledge.aclose()
            raise
        return knowledge

    async def add_vectors(self, settings: KnowledgeSettings) -> None:
        """Let vectors take part from now on, with the embeddings and the Chroma of `settings`; it opens in the background.

        Raises:
            IndexLocked: another process owns the Chroma folder; the keywords go on alone.
            EmbeddingError: the folder of the local embedding model is not what it should be.
        """
        lock = None if settings.chroma.url else Lock(self._base / settings.chroma.path)
        try:
            embedder = open_embedder(settings, self._base, lambda: self._client)
            chroma = ChromaIndex(settings.chroma, self._base, await self._store.identity(), embedder.name)
            await self._load()
        except BaseException:
            if lock:
                lock.release()
            raise
        self._dense, self._lock, self.opened_with = DenseIndex(chroma, embedder, self._store), lock, settings.embeddings
        self._opening = asyncio.create_task(self._open_dense(), name="knowledge: open Chroma")

    @classmethod
    async def open_without_chroma(
        cls,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        client: httpx.AsyncClient,
        clock: Clock = _now,
        locked: str | None = None,
    ) -> "Knowledge":
        """Open for keyword search alone: there are no sources, or another process owns the Chroma folder.

        Args:
            locked: the message of `IndexLocked`, shown as `problem`; `None` when Chroma is not needed.
        """
        knowledge = cls(settings, base, store, client, clock, locked)
        await knowledge._load()
        return knowledge

    async def __aenter__(self) -> "Knowledge":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop background work and release the Chroma folder for other processes."""
        if self._opening:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        async with self._syncing:
            if self._dense:
                await self._dense.close()
        await self._reader.aclose()
        self._lease.close()
        if self._lock:
            self._lock.release()
        self._pool.shutdown(wait=False)

    async def settled(self) -> None:
        """Wait until Chroma is open and checked, or known to be unusable."""
        if self._opening:
            await asyncio.shield(self._opening)

    @property
    def has_model(self) -> bool:
        """Whether an embedding model takes part in the search."""
        return self._dense is not None and self._dense.embedder.weight > 0

    @property
    def problem(self) -> str | None:
        """Why vectors take no part, when they should."""
        return self._dense.problem if self._dense else self.locked

    @property
    def has_sources(self) -> bool:
        """Whether any source is configured or learned."""
        return bool(self._sources())

    @property
    def size(self) -> int:
        """Number of passages."""
        return len(self._library.passages)

    # Search

    async def search(
        self,
        queries: Sequence[str],
        limit: int | None = None,
        language: str | None = None,
        today: date | None = None,
    ) -> SearchResult:
        """Find the passages for a question, best first.

        Args:
            queries: phrasings of the same question, for instance in the languages of the documents; a passage is scored by the
                phrasing it fits best.
            limit: exactly so many passages, if there are. Without it, what a model gets: at most `settings.passages` passages
                and about `settings.words` words, with the stale passages between them.
            language: code such as `id`; the score of a passage in another language is multiplied by `library.OTHER_LANGUAGE`.
            today: the day on which passages must be valid that have a last day; None: the day in UTC.
        """
        began = time.perf_counter()
        library = self._library
        loop = asyncio.get_running_loop()
        scores = await loop.run_in_executor(self._pool, library.scores, queries, language)
        mode: Mode = "keywords"
        repaired = tuple(library.index.repair.text(query) for query in queries)
        if self._dense and self.has_model and len(scores):
            likely = [at for at, _ in top(scores, CANDIDATES)]
            cosines = await self._dense.cosines(library, repaired, likely)
            if cosines is not None:
                mode = "blend"
                scores = blended(scores, cosines, self._dense.embedder.weight)
        confidence = float(scores.max()) if len(scores) else 0.0
        now = self._clock()
        if limit is None:
            candidates = [library.hit(at, score, now, today) for at, score in top(scores, STALE_WINDOW)]
            hits = _within_budget(candidates, self.settings.passages, self.settings.words)
        else:
            hits = [library.hit(at, score, now, today) for at, score in top(scores, limit)]
        return SearchResult(
            hits=tuple(hits),
            confidence=confidence,
            mode=mode,
            off_topic=confidence < OFF_TOPIC,
            repaired=repaired,
            milliseconds=(time.perf_counter() - began) * 1000,
        )

    # Sync

    async def sync(self, progress: Callable[[Progress], None] | None = None, only: str | None = None) -> SyncReport:
        """Read what changed in the sources and save it.

        A source that fails keeps its last good copy. Waits for the sync lease while another process holds it.

        Args:
            progress: called as documents of a source are done.
            only: id (path or address) of the one source to read; all without.

        Raises:
            NoSuchSource: `only` is not a configured source.
        """
        names = [source.id for source in self._sources()]
        if only is not None and only not in names:
            raise NoSuchSource(f"{only} is not a source; the sources are: {', '.join(names) or 'none'}")
        async with self._syncing, self._lease.wait():
            await self._reload_if_changed()
            return await self._run_sync(None if only is None else [only], progress)

    async def first_sync(self) -> SyncReport:
        """Sync at process start: every file source, and web sources that are due or whose settings changed."""
        async with self._syncing, self._lease.wait():
            await self._reload_if_changed()
            now = self._clock()
            due = [source.id for source in self._sources() if source.path is not None or self._due(source) <= now]
            everything = len(due) == len(self._sources())
            return await self._run_sync(None if everything else due, None)

    async def refresh(self) -> None:
        """Load what other processes have saved, and sync the sources that are due unless another process holds the lease."""
        async with self._syncing:
            if await self._is_leased_elsewhere():
                return
            await self._reload_if_changed()
            if self._dense and self._opening and self._opening.done():
                await self._dense.recover(self._library)
            if not self._overdue():
                return
            async with self._lease.attempt() as is_ours:
                if is_ours:
                    await self._reload_if_changed()  # another process may have synced meanwhile
                    if overdue := self._overdue():
                        await self._run_sync(overdue, None)

    async def keep_fresh(self) -> None:
        """Run until cancelled: sync each source as often as its `refresh` says."""
        while True:
            due = min(map(self._due, self._sources()), default=self._clock() + timedelta(hours=1))
            await asyncio.sleep(min(POLL_INTERVAL, max(1.0, (due - self._clock()).total_seconds())))
            try:
                await self.refresh()
            except Exception:
                # a transient error, e.g. of the ledger, must not end the loop that refreshes the sources
                log.exception("knowledge.sync_failed")
                await asyncio.sleep(RETRY_DELAY)

    async def _run_sync(self, only: Sequence[str] | None, progress: Callable[[Progress], None] | None) -> SyncReport:
        began = time.perf_counter()

        def note(step: Progress) -> None:
            self.progress[step.source] = step
            if progress:
                progress(step)

        self.progress.clear()
        sync = Synchroniser(self.settings, self._base, self._store, self._client, self._reader, self._pool, self._clock)
        reports = await sync.run(in_order(self._sources()), only, self._library, note)
        report = SyncReport(tuple(reports), time.perf_counter() - began)
        await self._reload_if_changed()
        if self._dense and self._dense.problem and self._opening and self._opening.done():
            await self._dense.catch_up(self._library)
        log.info("knowledge.synced", seconds=round(report.seconds, 3), passages=self.size)
        return report

    async def _reload_if_changed(self) -> None:
        """Load what this or another process has saved since the last call, as little of it as the revision demands."""
        revision, known = await self._store.revision(), self._revision
        if revision.content != known.content:
            await self._load()
            if self._dense and self._opening and self._opening.done():
                await self._dense.catch_up(self._library)
            return
        if revision.details != known.details:
            self._library = self._library.with_details(await self._store.documents())
        if revision.source_checks != known.source_checks:
            await self._load_added()
            self._library = self._library.with_states(await self._store.sources())
        self._revision = revision

    async def _is_leased_elsewhere(self) -> bool:
        """Whether another process is syncing: its changes are loaded once, when it has finished."""
        until = (await self._store.revision()).syncing_until
        return until is not None and until > self._clock()

    def _overdue(self) -> list[str]:
        now = self._clock()
        return [source.id for source in self._sources() if self._due(source) <= now]

    # Settings that change while it runs

    @property
    def is_syncing(self) -> bool:
        """Whether this process reads sources now."""
        return self._syncing.locked()

    def reconfigure(self, settings: KnowledgeSettings, client: httpx.AsyncClient) -> None:
        """Go by other settings from now on, and fetch with another client; embeddings and Chroma stay as they were opened."""
        self.settings = settings
        self._client = client
        self._library = self._library.with_sources(self._sources())

    async def add_source(self, source: SourceSettings) -> None:
        """Add a source that is not in agent.yaml; the next sync reads it.

        Raises:
            SourceExists: there is one with this path or address.
        """
        settings = source.model_dump(mode="json", exclude_defaults=True)
        known = any(source.id == each.id for each in self._sources())
        if known or not await self._store.add_source(source.id, settings, self._clock()):
            raise SourceExists(f"{source.id} is a source already; sync it to read it again")
        await self._load_added()

    async def remove_source(self, id_: str) -> None:
        """Remove a source that was added, with its documents.

        Raises:
            NoSuchSource: it was not added here; one of agent.yaml is removed there.
        """
        if not await self._store.drop_source(id_):
            listed = any(source.id == id_ for source in self.settings.sources)
            raise NoSuchSource(
                f"{id_} stands in knowledge.sources of agent.yaml; remove it there"
                if listed
                else f"{id_} is not a source"
            )
        await self._load_added()
        async with self._syncing, self._lease.wait():
            await self._store.remove_source(id_)
            await self._reload_if_changed()

    async def _load_added(self) -> None:
        entries = await self._store.added_sources()
        self._added = tuple(SourceSettings.model_validate(entry) for entry in entries)
        self._library = self._library.with_sources(self._sources())

    # Learning

    async def gaps(self) -> list[Cluster]:
        """List the open questions, most asked first, similar ones clustered."""
        return clustered(await self._store.gaps())

    async def accept_as_entry(self, gap: int, answer: str) -> Path:
        """Append the question with its answer to `settings.suggestions`; the next sync reads it.

        Returns:
            The file that was written.

        Raises:
            GapNotFound: no open question has this number.
        """
        async with self._closing:
            cluster = await self._cluster(gap)
            file = self._base / self.settings.suggestions
            await asyncio.to_thread(write_entry, file, cluster.question, cluster.others, answer)
            await self._store.close_gaps(cluster.members, "accepted")
        return file

    async def accept_as_alias(self, gap: int, passage: str) -> Path:
        """Add the question as a phrasing of an existing entry, in the front matter of that entry's Markdown file.

        Returns:
            The file that was written.

        Raises:
            GapNotFound: no open question has this number.
            NoPlace: the passage does not exist, has no heading, or is not in a local Markdown file.
        """
        async with self._closing:
            cluster = await self._cluster(gap)
            at = self._library.positions.get(passage)
            if at is None:
                raise NoPlace(f"there is no passage {passage}; `balas knowledge search` shows their ids")
            entry = self._library.passages[at]
            if not entry.path:
                raise NoPlace(f"{passage} stands under no heading; accept the question as an entry of its own")
            file = self._base / entry.document
            if not file.is_file():
                raise NoPlace(f"{entry.document} is no file of ours; accept the question as an entry of its own")
            await asyncio.to_thread(write_aliases, file, entry.path[-1], [cluster.question, *cluster.others])
            await self._store.close_gaps(cluster.members, "accepted")
        return file

    async def reject(self, gap: int) -> None:
        """Close a question and its cluster; asked again, it stays closed.

        Raises:
            GapNotFound: no open question has this number.
        """
        async with self._closing:
            cluster = await self._cluster(gap)
            await self._store.close_gaps(cluster.members, "rejected")

    async def evaluate(self, file: Path) -> Evaluation:
        """Measure how often the right passage is found.

        Args:
            file: JSON Lines, see `read_questions`.

        Raises:
            EvaluationError: the file cannot be read, or a line of it is wrong.
        """
        return await evaluate(self.search, await asyncio.to_thread(read_questions, file))

    async def _cluster(self, gap: int) -> Cluster:
        found = next((cluster for cluster in await self.gaps() if gap in cluster.members), None)
        if found is None:
            raise GapNotFound(f"no open question has the number {gap}; `balas knowledge gaps` lists them")
        return found

    # State

    def topics(self, most: int) -> list[str]:
        """List what the documents answer, in their order: the questions of FAQ entries first, then headings."""
        passages = self._library.passages
        questions = [passage.question for passage in passages if passage.question]
        headings = [passage.path[-1] for passage in passages if passage.path and not passage.question]
        return list(dict.fromkeys([*questions, *headings]))[:most]

    def sources(self) -> list[SourceStatus]:
        """Report the state of every configured source."""
        return source_statuses(self._library, self._sources(), self._clock())

    def _sources(self) -> Sequence[SourceSettings]:
        """The sources of agent.yaml, and the file of accepted suggestions once it exists."""
        named = {source.id for source in self.settings.sources}
        sources = (*self.settings.sources, *(source for source in self._added if source.id not in named))
        learned = self.settings.suggestions.as_posix()
        if not (self._base / learned).is_file() or any(source.path == learned for source in sources):
            return sources
        return (*sources, SourceSettings(path=learned))

    def _due(self, source: SourceSettings) -> datetime:
        state = self._library.states.get(source.id)
        if state is None or state.settings != source.fingerprint:
            return NEVER_CHECKED
        return state.checked_at + source.refresh_after

    async def _load(self) -> None:
        """Build a library from the store and replace the present one."""
        snapshot = await self._store.snapshot()
        await self._load_added()
        self._library = await asyncio.get_running_loop().run_in_executor(
            self._pool, Library.build, snapshot.passages, snapshot.documents, snapshot.sources, self._sources()
        )
        self._revision = snapshot.revision

    async def _open_dense(self) -> None:
        if self._dense:
            if not self._dense.embedder.weight:
                await asyncio.sleep(CHROMA_IMPORT_DELAY)
            await self._dense.start(self._library)
            await self._dense.follow(self._library)  # a sync may have ended meanwhile


def blended(scores: Floats, cosines: Mapping[int, float], weight: float) -> Floats:
    """Blend keyword scores with calibrated cosines, 0 to 1; a passage without a cosine gets the lowest known one."""
    dense = np.full(len(scores), min(cosines.values(), default=0.0), dtype=np.float32)
    for at, cosine in cosines.items():
        dense[at] = cosine
    return ((1 - weight) * scores + weight * np.clip(dense, 0, 1)).astype(np.float32)


def _within_budget(candidates: Sequence[Hit], passages: int, words: int) -> list[Hit]:
    """Limit hits to what a model gets, the first always; stale hits are kept but not counted, since no model sees them."""
    hits: list[Hit] = []
    current = total = 0
    for hit in candidates:
        if not hit.stale:
            total += count_words(hit.text)
            if current == passages or (current and total > words):
                break
            current += 1
        hits.append(hit)
    return hits
