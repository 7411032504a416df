"""Brings the store up to date with the sources, one after another; a source that fails keeps its last good copy."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from glob import has_magic
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from knowledge.blocks import Loaded
from knowledge.errors import SourceError
from knowledge.files import FileRef, find, read
from knowledge.loaders import load
from knowledge.passage import Document, Passage, SourceState
from knowledge.settings import KnowledgeSettings, SourceSettings
from knowledge.splitter import split
from knowledge.store import KnowledgeStore

BATCH = 64  # documents that are read in one go and saved in one transaction


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` documents of a source have been looked at; `total` may grow while a site is crawled."""

    source: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What a sync did to the passages of one source. `error` and `failing_since` say why nothing new was learnt."""

    source: str
    documents: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    error: str | None = None
    failing_since: datetime | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncReport:
    sources: tuple[SourceReport, ...]
    seconds: float

    @property
    def is_changed(self) -> bool:
        return any(one.added or one.changed or one.removed for one in self.sources)


@dataclass(slots=True)
class Tally:
    """Counts passages while a source is synchronised."""

    before: Mapping[str, Mapping[str, str]]  # document → passage id → hash
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    documents: int = 0
    problems: list[str] = field(default_factory=list)

    def replaced(self, document: str, passages: Sequence[Passage]) -> None:
        old = self.before.get(document, {})
        new = {passage.id: passage.hash for passage in passages}
        self.documents += 1
        self.added += len(new.keys() - old.keys())
        self.removed += len(old.keys() - new.keys())
        same = sum(1 for id_, hash_ in new.items() if old.get(id_) == hash_)
        self.unchanged += same
        self.changed += len(new.keys() & old.keys()) - same

    def kept(self, document: str) -> None:
        self.documents += 1
        self.unchanged += len(self.before.get(document, {}))

    def gone(self, document: str) -> None:
        self.removed += len(self.before.get(document, {}))


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one document: new passages, or the same as before under a new stamp, or a problem."""

    document: str
    new: tuple[Document, Sequence[Passage]] | None = None
    touched: Document | None = None
    problem: str | None = None


Report = Callable[[Progress], None]


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
                return Change(ref.id, touched=replace(recovered(before), stamp=ref.stamp))
            document, passages = make(ref.id, data, None, source, now)
        except SourceError as error:
            return Change(ref.id, problem=str(error))
        return Change(ref.id, new=(replace(document, stamp=ref.stamp), passages))


def recovered(document: Document) -> Document:
    """The document without the failure that is over."""
    return document if document.failing_since is None else replace(document, error=None, failing_since=None)


def fingerprint(data: bytes, source: SourceSettings) -> str:
    """Of the bytes and of the settings that decide what becomes of them."""
    digest = blake2b(data, digest_size=16)
    digest.update(f"\x00{source.title or ''}\x00{source.language or ''}".encode())
    return digest.hexdigest()


def make(
    id_: str, data: bytes, content_type: str | None, source: SourceSettings, now: datetime
) -> tuple[Document, Sequence[Passage]]:
    """A document and its passages from bytes. Raises `Unreadable`. Blocks: call it in a worker thread."""
    loaded = load(id_, data, content_type)
    document = Document(
        id=id_,
        source=source.id,
        hash=fingerprint(data, source),
        text=loaded.text,
        verified_at=now,
        title=source.title or loaded.title,
        language=source.language or loaded.language,
        expires=loaded.expires,
        volatile=loaded.volatile,
        links=loaded.links,
        error=loaded.problem,
    )
    return document, split(id_, loaded, source.title or _named(loaded, id_))


def _named(loaded: Loaded, id_: str) -> str | None:
    """A document without any title goes by the name of its file."""
    if loaded.title or any(block.kind == "heading" and block.level == 1 for block in loaded.blocks):
        return loaded.title
    stem = PurePosixPath(id_).stem
    return stem.replace("-", " ").replace("_", " ").strip() or None


async def save(
    changes: Sequence[Change], known: Mapping[str, Document], store: KnowledgeStore, tally: Tally, now: datetime
) -> None:
    """Each document's passages are swapped in one transaction; one that cannot be read keeps its last good copy."""
    fresh = [change.new for change in changes if change.new]
    touched = [change.touched for change in changes if change.touched]
    for change in changes:
        if change.problem is None:
            continue
        before = known.get(change.document)
        since = before.failing_since if before else None
        tally.problems.append(f"{change.document}: {change.problem}")
        if before:
            touched.append(replace(before, error=change.problem, failing_since=since or now))
            tally.kept(change.document)
    if fresh:
        await store.replace(fresh)
    if touched:
        await store.update(touched)
    for document, passages in fresh:
        tally.replaced(document.id, passages)
        if document.error:
            tally.problems.append(f"{document.id}: {document.error}")
    for change in changes:
        if change.touched:
            tally.kept(change.document)


def in_order(sources: Sequence[SourceSettings]) -> list[SourceSettings]:
    """A file that is named stands with its own settings, even when a glob before it would take it too."""
    return sorted(sources, key=lambda source: source.path is not None and has_magic(source.path))
