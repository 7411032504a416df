"""Documents in, passages out: what the agent knows."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import httpx
import numpy as np
import structlog

from knowledge.documents.splitter import count_words
from knowledge.errors import GapNotFound, NoPlace, NoSuchSource
from knowledge.evaluation import Evaluation, evaluate, read_questions
from knowledge.gaps import Cluster, clustered, write_aliases, write_entry
from knowledge.index.chroma import ChromaIndex, Lock
from knowledge.index.dense import CANDIDATES, DenseIndex
from knowledge.index.embeddings import open_embedder
from knowledge.index.postings import Floats
from knowledge.lease import Lease
from knowledge.library import Library, SourceStatus, standing, top
from knowledge.results import Found, Hit, Mode
from knowledge.settings import KnowledgeSettings, SourceSettings
from knowledge.store import KnowledgeStore, Revision
from knowledge.sync.report import Progress, SyncReport, in_order
from knowledge.sync.synchroniser import Synchroniser

LINGER = (
    0.5  # seconds before Chroma is imported where it takes no part in answers: a command that only asks is over by then
)
LOOKED_AT = 50  # passages among which the current ones for the model are looked for
RETRY = 30.0  # seconds after a sync that failed as a whole
NOTICED = 5.0  # seconds until what another process has learnt is known here
FOREIGN = 0.05  # fewer than 1 in 100 answerable questions of the test sets score below

LONG_AGO = datetime.min.replace(tzinfo=UTC)

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
        dense: DenseIndex | None,
        lock: Lock | None,
        locked: str | None = None,
    ) -> None:
        """Use `open` or `open_without_chroma`."""
        self.settings = settings
        self._base = base
        self._store = store
        self._client = client
        self._clock = clock
        self._dense = dense
        self._lock = lock
        self.locked = locked
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="knowledge")
        self._library = Library.build((), (), (), settings.sources)
        self._revision = Revision()
        self._lease = Lease(store, clock)
        self._syncing = asyncio.Lock()
        self._opening: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        settings: KnowledgeSettings,
        base: Path,
        store: KnowledgeStore,
        client: httpx.AsyncClient,
        clock: Clock = _now,
    ) -> "Knowledge":
        """Open with Chroma; paths are relative to `base`, `client` fetches sources and embeddings.

        Raises:
            IndexLocked: another process owns the Chroma folder. `open_without_chroma` still searches by keywords.
            EmbeddingError: the folder of the local embedding model is not what it should be.
        """
        lock = None if settings.chroma.url else Lock(base / settings.chroma.path)
        try:
            embedder = open_embedder(settings, base, client)
        except BaseException:
            if lock:
                lock.release()
            raise
        chroma = ChromaIndex(settings.chroma, base, await store.identity(), embedder.name)
        knowledge = cls(settings, base, store, client, clock, DenseIndex(chroma, embedder, store), lock)
        await knowledge._load()
        knowledge._opening = asyncio.create_task(knowledge._open_dense(), name="knowledge: open Chroma")
        return knowledge

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
        """Keywords alone: where there is nothing to put into Chroma, or where its folder is `locked` (who has it, in words)."""
        knowledge = cls(settings, base, store, client, clock, None, None, locked)
        await knowledge._load()
        return knowledge

    async def __aenter__(self) -> "Knowledge":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stops what runs in the background and gives Chroma free for another process."""
        if self._opening:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        async with self._syncing:
            if self._dense:
                await self._dense.close()
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
        """Whether there is anything to look at."""
        return bool(self._sources())

    @property
    def size(self) -> int:
        """How many passages there are."""
        return len(self._library.passages)

    # Search

    async def search(self, queries: Sequence[str], limit: int | None = None, language: str | None = None) -> Found:
        """The passages for a question, best first.

        `queries` are phrasings of the same question, for instance in the languages of the documents; a passage counts by the
        one it fits best. Without `limit`, `settings.passages` and about `settings.words` words come back, with the outdated ones
        between them; with it, exactly so many if there are.
        A passage in another language than `language` counts a little less.
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
                scores = _blended(scores, cosines, self._dense.embedder.weight)
        confidence = float(scores.max()) if len(scores) else 0.0
        now = self._clock()
        if limit is None:
            candidates = [library.hit(at, score, now) for at, score in top(scores, LOOKED_AT)]
            hits = _for_the_model(candidates, self.settings.passages, self.settings.words)
        else:
            hits = [library.hit(at, score, now) for at, score in top(scores, limit)]
        return Found(
            hits=tuple(hits),
            confidence=confidence,
            mode=mode,
            foreign=confidence < FOREIGN,
            repaired=repaired,
            milliseconds=(time.perf_counter() - began) * 1000,
        )

    # Sync

    async def sync(self, progress: Callable[[Progress], None] | None = None, only: str | None = None) -> SyncReport:
        """Look at every source (or `only` at this one) and take over what changed.

        A source that fails keeps its last good copy. While another process that shares the store is at it, this one waits.
        Raises `NoSuchSource` when `only` names none.
        """
        names = [source.id for source in self._sources()]
        if only is not None and only not in names:
            raise NoSuchSource(f"{only} is not a source; the sources are: {', '.join(names) or 'none'}")
        async with self._syncing, self._lease.wait():
            await self._notice()
            return await self._look(None if only is None else [only], progress)

    async def first_sync(self) -> SyncReport:
        """At the start of a process: every file is looked at, and of the web what is due or configured otherwise than before."""
        async with self._syncing, self._lease.wait():
            await self._notice()
            now = self._clock()
            due = [source.id for source in self._sources() if source.path is not None or self._due(source) <= now]
            everything = len(due) == len(self._sources())
            return await self._look(None if everything else due, None)

    async def refresh(self) -> None:
        """Look at what is due, unless another process is at it; know what others have learnt."""
        async with self._syncing:
            if await self._is_busy():
                return
            await self._notice()
            if self._dense and self._opening and self._opening.done():
                await self._dense.recover(self._library)
            if not self._overdue():
                return
            async with self._lease.attempt() as is_ours:
                if is_ours:
                    await self._notice()  # somebody may have been faster
                    if overdue := self._overdue():
                        await self._look(overdue, None)

    async def keep_fresh(self) -> None:
        """Runs for ever: looks at each source as often as its `refresh` says."""
        while True:
            due = min(map(self._due, self._sources()), default=self._clock() + timedelta(hours=1))
            await asyncio.sleep(min(NOTICED, max(1.0, (due - self._clock()).total_seconds())))
            try:
                await self.refresh()
            except Exception:
                # whatever it was, say the ledger, may be over next time; without us no source would be looked at again
                log.exception("knowledge.sync_failed")
                await asyncio.sleep(RETRY)

    async def _look(self, only: Sequence[str] | None, progress: Callable[[Progress], None] | None) -> SyncReport:
        began = time.perf_counter()
        sync = Synchroniser(self.settings, self._base, self._store, self._client, self._pool, self._clock)
        reports = await sync.run(in_order(self._sources()), only, self._library, progress or (lambda _: None))
        report = SyncReport(tuple(reports), time.perf_counter() - began)
        await self._notice()
        if self._dense and self._dense.problem and self._opening and self._opening.done():
            await self._dense.catch_up(self._library)
        log.info("knowledge.synced", seconds=round(report.seconds, 3), passages=self.size)
        return report

    async def _notice(self) -> None:
        """Take over what this or another process has written into the store since the last time."""
        revision, known = await self._store.revision(), self._revision
        if revision.content != known.content:
            await self._load()
            if self._dense and self._opening and self._opening.done():
                await self._dense.catch_up(self._library)
            return
        if revision.details != known.details:
            self._library = self._library.with_details(await self._store.documents())
        if revision.looks != known.looks:
            self._library = self._library.with_states(await self._store.sources())
        self._revision = revision

    async def _is_busy(self) -> bool:
        """Whether another process is writing: what it learns is taken over once it is done, and not bit by bit."""
        until = (await self._store.revision()).syncing_until
        return until is not None and until > self._clock()

    def _overdue(self) -> list[str]:
        now = self._clock()
        return [source.id for source in self._sources() if self._due(source) <= now]

    # Learning

    async def gaps(self) -> list[Cluster]:
        """The questions still open, most asked first, those that ask for the same together."""
        return clustered(await self._store.gaps())

    async def accept_as_entry(self, gap: int, answer: str) -> Path:
        """Write the question with its answer into `settings.suggestions`; the file that was written. The next sync takes it over.

        Raises `GapNotFound`.
        """
        cluster = await self._cluster(gap)
        file = self._base / self.settings.suggestions
        await asyncio.to_thread(write_entry, file, cluster.question, cluster.others, answer)
        await self._store.close_gaps(cluster.members, "accepted")
        return file

    async def accept_as_alias(self, gap: int, passage: str) -> Path:
        """Write the question as a further phrasing of an entry into that entry's own Markdown file; the file that was written.

        Raises `GapNotFound`, or `NoPlace` when the passage cannot be written to.
        """
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
        """Close a question with those like it; asked again, it stays closed. Raises `GapNotFound`."""
        cluster = await self._cluster(gap)
        await self._store.close_gaps(cluster.members, "rejected")

    async def evaluate(self, file: Path) -> Evaluation:
        """How often the right passage is found. Raises `EvaluationError`."""
        return await evaluate(self, await asyncio.to_thread(read_questions, file))

    async def _cluster(self, gap: int) -> Cluster:
        found = next((cluster for cluster in await self.gaps() if gap in cluster.members), None)
        if found is None:
            raise GapNotFound(f"no open question has the number {gap}; `balas knowledge gaps` lists them")
        return found

    # Standing

    def sources(self) -> list[SourceStatus]:
        """Every configured source as it stands."""
        return standing(self._library, self._sources(), self._clock())

    def _sources(self) -> Sequence[SourceSettings]:
        """Those of agent.yaml, and the file of accepted suggestions once there is one."""
        learned = self.settings.suggestions.as_posix()
        if not (self._base / learned).is_file() or any(source.path == learned for source in self.settings.sources):
            return self.settings.sources
        return (*self.settings.sources, SourceSettings(path=learned))

    def _due(self, source: SourceSettings) -> datetime:
        state = self._library.states.get(source.id)
        if state is None or state.settings != source.fingerprint:
            return LONG_AGO
        return state.checked_at + source.refresh_after

    async def _load(self) -> None:
        """Build the next library from the store and put it in place of the present one."""
        kept = await self._store.everything()
        self._library = await asyncio.get_running_loop().run_in_executor(
            self._pool, Library.build, kept.passages, kept.documents, kept.sources, self._sources()
        )
        self._revision = kept.revision

    async def _open_dense(self) -> None:
        if self._dense:
            if not self._dense.embedder.weight:
                await asyncio.sleep(LINGER)
            await self._dense.start(self._library)
            await self._dense.follow(self._library)  # a sync may have ended meanwhile


def _blended(scores: Floats, cosines: dict[int, float] | object, weight: float) -> Floats:
    """Keywords and vectors on one absolute scale; a passage whose cosine is not known is as far as the farthest that is."""
    known = dict(cosines) if isinstance(cosines, dict) else {}
    dense = np.full(len(scores), min(known.values(), default=0.0), dtype=np.float32)
    for at, cosine in known.items():
        dense[at] = cosine
    return ((1 - weight) * scores + weight * np.clip(dense, 0, 1)).astype(np.float32)


def _for_the_model(candidates: Sequence[Hit], passages: int, words: int) -> list[Hit]:
    """Current ones up to these numbers, the first one always; outdated ones among them take nobody's place, for no model sees them."""
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
