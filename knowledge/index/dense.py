"""Vector search: embeds passages, keeps Chroma in step with the library, and falls back to keywords when it is slow or down."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import structlog

from knowledge.errors import ChromaError, EmbeddingError
from knowledge.index.calibration import Calibration, as_question, measure, sample
from knowledge.index.chroma import ChromaIndex, Entry
from knowledge.index.embeddings import Embedder, Vectors
from knowledge.library import Library
from knowledge.store import KnowledgeStore

T = TypeVar("T")

QUERY_TIMEOUT = 1.5  # seconds a question waits for its vector and for Chroma before keywords answer alone
RETRY_DELAY = 30.0  # seconds without a request to a server that has just failed
CANDIDATES = 50
SAMPLE = 20  # passages whose own vector is queried at start to check the index
EMBED_BATCH = 256  # passages embedded and stored in one transaction

log = structlog.get_logger(__name__)


class DenseIndex:
    """Vectors of the library in Chroma. Not ready until `start` has finished in the background."""

    def __init__(self, chroma: ChromaIndex, embedder: Embedder, store: KnowledgeStore) -> None:
        self.embedder = embedder
        self._chroma = chroma
        self._store = store
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="chroma")
        self._held: dict[str, str] = {}
        self._opened = False
        self._retry_at = 0.0
        self._last_recovery = -RETRY_DELAY
        self._busy = asyncio.Lock()
        self.problem: str | None = None
        self._calibration = Calibration()

    @property
    def is_ready(self) -> bool:
        return self._opened and self.problem is None

    @property
    def size(self) -> int:
        """Records in Chroma: passages and aliases."""
        return len(self._held)

    async def start(self, library: Library) -> None:
        """Open Chroma, check that it holds what the store holds, and repair what it does not."""
        async with self._busy:
            try:
                await self._open(library)
                self._opened, self.problem = True, None
            except (ChromaError, EmbeddingError) as error:
                self._fail(error)
                log.warning("knowledge.vectors_unavailable", reason=str(error))
        await self.follow(library)

    async def catch_up(self, library: Library) -> None:
        """Follow the library; after a failure of Chroma, open it again first."""
        if self._opened:
            await self.follow(library)
        else:
            await self.start(library)

    async def recover(self, library: Library) -> None:
        """After a failure, catch up, but at most every `RETRY_DELAY` seconds."""
        now = asyncio.get_running_loop().time()
        if self.problem and now >= self._last_recovery + RETRY_DELAY:
            self._last_recovery = now
            await self.catch_up(library)
            if self.problem is None:
                self._retry_at = 0.0
                log.info("knowledge.vectors_back")

    async def follow(self, library: Library) -> None:
        """Make Chroma hold exactly the passages of `library`.

        A failure leaves the keywords to answer alone, and is tried again next time.
        """
        if not self._opened:
            return
        async with self._busy:
            try:
                entries = library.entries()
                if self._chroma.is_shared and self._held != {entry.id: entry.hash for entry in entries}:
                    self._held = await self._run(self._chroma.hashes)  # another process may have written
                await self._reconcile(entries)
                self.problem = None
            except (ChromaError, EmbeddingError) as error:
                self._fail(error)
                log.warning("knowledge.vectors_behind", reason=str(error))

    async def cosines(
        self, library: Library, questions: Sequence[str], also: Sequence[int]
    ) -> Mapping[int, float] | None:
        """Compare phrasings of a question with passages.

        Args:
            also: positions in the library whose cosines are wanted whether they are near or not.

        Returns:
            Calibrated cosine by position (0: unrelated, 1: belongs together), for the nearest 50 and those in `also`; `None` when
            vectors are not available now.
        """
        loop = asyncio.get_running_loop()
        if not self.is_ready or self.embedder.weight == 0 or loop.time() < self._retry_at:
            return None
        try:
            async with asyncio.timeout(QUERY_TIMEOUT):
                return await self._cosines(library, questions, also)
        except (TimeoutError, ChromaError, EmbeddingError) as error:
            if isinstance(error, ChromaError):
                self._fail(error)
            self._retry_at = loop.time() + RETRY_DELAY
            log.warning("knowledge.keywords_only", reason=str(error) or f"no vector within {QUERY_TIMEOUT} s")
            return None

    def _fail(self, error: ChromaError | EmbeddingError) -> None:
        self.problem = str(error)
        if isinstance(error, ChromaError):  # opened and checked again before the next query
            self._opened = False

    async def close(self) -> None:
        """Wait for the running operation and close Chroma; only then may another process open it."""
        async with self._busy:
            await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
            await asyncio.to_thread(self._chroma.close)
            self._opened = False

    async def _cosines(self, library: Library, questions: Sequence[str], also: Sequence[int]) -> Mapping[int, float]:
        vectors = await self.embedder.embed_questions(questions)
        found: dict[int, float] = {}
        ids = [library.passages[at].id for at in also]
        for vector in vectors:
            row = vector.reshape(1, -1)
            near = dict(await self._run(lambda row=row: self._chroma.nearest(row, CANDIDATES)))  # type: ignore[misc]
            near.update(await self._run(lambda row=row: self._chroma.cosines(row, ids)))  # type: ignore[misc]
            for id_, cosine in near.items():
                at = library.positions.get(id_.rsplit("~", 1)[0] if id_ not in library.positions else id_)
                if at is not None:
                    found[at] = max(found.get(at, -1.0), cosine)
        return self._calibration.apply(found)

    async def _open(self, library: Library) -> None:
        try:
            await self._run(self._chroma.open)
            self._held = await self._run(self._chroma.hashes)
            is_sound = await self._is_sound(library)
        except ChromaError as error:
            if self._chroma.is_shared:
                raise
            log.warning("knowledge.index_damaged", reason=str(error), action="rebuilding it from the ledger")
            await self._run(self._chroma.rebuild)
            self._held, is_sound = {}, True
        if not is_sound:
            reason = "records are not found by their own vectors"
            log.warning("knowledge.index_damaged", reason=reason, action="rebuilding it from the ledger")
            await self._run(self._chroma.clear)
            self._held = {}
        await self._run(self._chroma.mark_checked)

    async def _is_sound(self, library: Library) -> bool:
        """Whether sampled records hold the vector that they should, and are found by it."""
        same = [entry for entry in library.entries() if self._held.get(entry.id) == entry.hash]
        sample = random.sample(same, min(SAMPLE, len(same)))
        vectors = await self._known_vectors(sample)
        if not vectors:
            return True
        return await self._run(lambda: self._chroma.is_sound(vectors))

    async def _known_vectors(self, entries: Sequence[Entry]) -> Mapping[str, Vectors]:
        """Vectors by record, as far as they are known without asking a model."""
        if not self.embedder.weight:
            rows = await self.embedder.embed([entry.text for entry in entries])
            return {entry.id: row for entry, row in zip(entries, rows, strict=True)}
        kept = await self._store.vectors(self.embedder.name, [entry.hash for entry in entries])
        return {entry.id: np.frombuffer(kept[entry.hash], dtype="<f4") for entry in entries if entry.hash in kept}

    async def _reconcile(self, entries: Sequence[Entry]) -> None:
        wanted = {entry.id: entry.hash for entry in entries}
        extra = [id_ for id_ in self._held if id_ not in wanted]
        if extra:
            await self._run(lambda: self._chroma.remove(extra))
            for id_ in extra:
                del self._held[id_]
        missing = [entry for entry in entries if self._held.get(entry.id) != entry.hash]
        for at in range(0, len(missing), EMBED_BATCH):
            batch = missing[at : at + EMBED_BATCH]
            vectors = await self._embedded(batch)
            await self._run(lambda batch=batch, vectors=vectors: self._chroma.put(batch, vectors))  # type: ignore[misc]
            self._held.update((entry.id, entry.hash) for entry in batch)
        if self.embedder.weight:
            await self._calibrate(entries)
        if missing or extra:
            if self.embedder.weight:
                await self._store.keep_vectors(
                    self.embedder.name, [*set(wanted.values()), self._calibration_key(entries)]
                )
            await self._run(self._chroma.drop_others)

    async def _calibrate(self, entries: Sequence[Entry]) -> None:
        """Measure what the model's cosines mean here; anew when the corpus has doubled or halved."""
        key = self._calibration_key(entries)
        kept = await self._store.vectors(self.embedder.name, [key])
        if key in kept:
            self._calibration = Calibration.unpack(kept[key])
            return
        chosen = [entries[at] for at in sample([entry.text for entry in entries])]
        if not chosen:
            return
        questions = await self.embedder.embed_questions([as_question(entry.text) for entry in chosen])
        self._calibration = measure(questions, await self._embedded(chosen))
        await self._store.save_vectors(self.embedder.name, {key: self._calibration.pack()})
        anchors = self._calibration
        log.info("knowledge.calibrated", background=round(anchors.background, 3), near=round(anchors.near, 3))

    def _calibration_key(self, entries: Sequence[Entry]) -> str:
        """Under which the anchors stand among the vectors: by the size of the corpus, to a power of two."""
        return f"calibration {len(entries).bit_length()}"

    async def _embedded(self, entries: Sequence[Entry]) -> Vectors:
        """From the store where the same text was embedded before: a model is paid for once."""
        if not self.embedder.weight:
            return await self.embedder.embed([entry.text for entry in entries])
        kept = dict(await self._store.vectors(self.embedder.name, [entry.hash for entry in entries]))
        new = list({entry.hash: entry for entry in entries if entry.hash not in kept}.values())
        if new:
            vectors = await self.embedder.embed([entry.text for entry in new])
            made = {entry.hash: row.astype("<f4").tobytes() for entry, row in zip(new, vectors, strict=True)}
            await self._store.save_vectors(self.embedder.name, made)
            kept.update(made)
        return np.stack([np.frombuffer(kept[entry.hash], dtype="<f4") for entry in entries])

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
