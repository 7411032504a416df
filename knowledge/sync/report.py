"""Sync progress and reports, and the steps that file and web sources share: building documents and saving changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from glob import has_magic
from hashlib import blake2b

from knowledge.documents.passage import Document, Passage, SourceState
from knowledge.documents.reader import DocumentReader
from knowledge.settings import SourceSettings
from knowledge.store import KnowledgeStore


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` documents of a source were checked; `total` may grow while a site is crawled."""

    source: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What a sync did to the passages of one source. `error` and `failing_since` are set when the source as a whole failed."""

    source: str
    documents: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    error: str | None = None
    failing_since: datetime | None = None
    problems: tuple[str, ...] = ()
    touched: int = 0  # documents whose text stayed, but whose details changed


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The result of one sync; `seconds` is its wall-clock time."""

    sources: tuple[SourceReport, ...]
    seconds: float


@dataclass(slots=True)
class Tally:
    """Counts passages while a source is synchronised."""

    before: Mapping[str, Sequence[Passage]]  # by document
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    documents: int = 0
    touched: int = 0
    problems: list[str] = field(default_factory=list)

    def replaced(self, document: str, passages: Sequence[Passage]) -> None:
        old = {passage.id: passage.hash for passage in self.before.get(document, ())}
        new = {passage.id: passage.hash for passage in passages}
        self.documents += 1
        self.added += len(new.keys() - old.keys())
        self.removed += len(old.keys() - new.keys())
        same = sum(1 for id_, hash_ in new.items() if old.get(id_) == hash_)
        self.unchanged += same
        self.changed += len(new.keys() & old.keys()) - same

    def kept(self, document: str, known: Document | None = None) -> None:
        """Count a document that stays as it is; what was left out of it is said again."""
        self.documents += 1
        self.unchanged += len(self.before.get(document, ()))
        if known is not None and known.error and known.failing_since is None:
            self.problems.append(f"{document}: {known.error}")

    def gone(self, document: str) -> None:
        self.removed += len(self.before.get(document, ()))

    def report(self, state: SourceState) -> SourceReport:
        return SourceReport(
            state.id,
            self.documents,
            self.added,
            self.changed,
            self.unchanged,
            self.removed,
            state.error,
            state.failing_since,
            state.problems,
            self.touched,
        )


@dataclass(frozen=True, slots=True)
class Change:
    """The outcome for one document: new passages, unchanged text with new details (`touched`), a problem, or no change at all."""

    document: str
    new: tuple[Document, Sequence[Passage]] | None = None
    touched: Document | None = None
    problem: str | None = None


ProgressCallback = Callable[[Progress], None]


def recovered(document: Document) -> Document:
    """Clear the failure of a document that was fetched again and is the same as before."""
    return document if document.failing_since is None else replace(document, error=None, failing_since=None)


def fingerprint(data: bytes, source: SourceSettings) -> str:
    """Hash the bytes of a document and the settings its passages depend on."""
    digest = blake2b(data, digest_size=16)
    digest.update(f"\x00{source.title or ''}\x00{source.language or ''}".encode())
    return digest.hexdigest()


async def build_document(
    reader: DocumentReader, id_: str, data: bytes, content_type: str | None, source: SourceSettings, now: datetime
) -> tuple[Document, Sequence[Passage]]:
    """Read a document in a worker process.

    Args:
        id_: path or address.
        content_type: of the HTTP response, if there was one.
        now: aware UTC, kept as `verified_at`.

    Raises:
        Unreadable: no loader reads it, it holds no text, or it takes more memory or time than a document may.
    """
    read = await reader.read(id_, data, content_type, source.title)
    document = Document(
        id=id_,
        source=source.id,
        hash=fingerprint(data, source),
        text=read.text,
        verified_at=now,
        title=source.title or read.title,
        language=source.language or read.language,
        expires=read.expires,
        volatile=read.volatile,
        links=read.links,
        error=read.problem,
    )
    return document, read.passages


async def save_changes(
    changes: Sequence[Change], known: Mapping[str, Document], store: KnowledgeStore, tally: Tally, now: datetime
) -> None:
    """Save the outcome of a batch: all new passages in one transaction; a document that cannot be read keeps its last good copy.

    Args:
        known: the documents of the source before, by id.
        tally: is told what became of each document.
    """
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
        tally.touched += len(touched)
    for document, passages in fresh:
        tally.replaced(document.id, passages)
        if document.error:
            tally.problems.append(f"{document.id}: {document.error}")
    for change in changes:
        if change.new is None and change.problem is None:
            tally.kept(change.document, change.touched or known.get(change.document))


def in_order(sources: Sequence[SourceSettings]) -> list[SourceSettings]:
    """Sort named files before globs: a file keeps its own settings even when an earlier glob matches it too."""
    return sorted(sources, key=lambda source: source.path is not None and has_magic(source.path))
