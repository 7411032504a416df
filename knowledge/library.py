"""What searches read: an immutable `Library` of passages, documents and source states, with the keyword index over them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b

import numpy as np

from knowledge.documents.passage import Document, Passage, SourceState
from knowledge.index.chroma import Entry
from knowledge.index.keywords import KeywordIndex, Record
from knowledge.index.postings import Floats
from knowledge.results import Hit, is_stale, is_volatile, verified_at
from knowledge.settings import SourceSettings

OTHER_LANGUAGE = 0.85  # a passage in another language than asked for counts a little less


@dataclass(frozen=True, slots=True)
class Library:
    """Passages and their index at one moment. Immutable: a sync builds the next one while searches go on in this one.

    `positions` maps passage id to its index in `passages`; score arrays have the same order.
    """

    passages: Sequence[Passage]
    documents: Mapping[str, Document]
    states: Mapping[str, SourceState]
    sources: Mapping[str, SourceSettings]
    index: KeywordIndex
    positions: Mapping[str, int]
    by_document: Mapping[str, Sequence[Passage]]

    @classmethod
    def build(
        cls,
        passages: Sequence[Passage],
        documents: Sequence[Document],
        states: Sequence[SourceState],
        sources: Sequence[SourceSettings],
    ) -> "Library":
        """Index the passages. Takes seconds of CPU for tens of thousands: call it in a worker thread.

        Args:
            documents: every one that a passage belongs to.
            states: of the sources, as of the last sync.
            sources: as agent.yaml lists them now.
        """
        by_document: dict[str, list[Passage]] = {}
        for passage in passages:
            by_document.setdefault(passage.document, []).append(passage)
        return cls(
            passages,
            {document.id: document for document in documents},
            {state.id: state for state in states},
            {source.id: source for source in sources},
            KeywordIndex(list(_records(passages)), len(passages)),
            {passage.id: at for at, passage in enumerate(passages)},
            by_document,
        )

    def with_states(self, states: Sequence[SourceState]) -> "Library":
        """Copy with new source states, sharing passages and index."""
        return replace(self, states={state.id: state for state in states})

    def with_details(self, documents: Sequence[Document]) -> "Library":
        """Copy with new document details (expiry, failures, validators), sharing passages and index."""
        return replace(self, documents={document.id: document for document in documents})

    def with_sources(self, sources: Sequence[SourceSettings]) -> "Library":
        """Copy with other settings of the sources, sharing passages and index."""
        return replace(self, sources={source.id: source for source in sources})

    def scores(self, questions: Sequence[str], language: str | None) -> Floats:
        """Score every passage, 0 to 1, by the phrasing it fits best.

        Args:
            questions: phrasings of one question.
            language: see `preferring`.

        Returns:
            Shape `(len(passages),)`.
        """
        best = np.zeros(len(self.passages), dtype=np.float32)
        for question in questions:
            np.maximum(best, self.index.scores(question), out=best)
        return self.preferring(best, language)

    def preferring(self, scores: Floats, language: str | None) -> Floats:
        """Lower the scores of passages in another language; passages of unknown language keep theirs."""
        if language is None or not any(document.language for document in self.documents.values()):
            return scores
        spoken = [self.documents[passage.document].language for passage in self.passages]
        other = np.array([one is not None and one.split("-")[0] != language.split("-")[0] for one in spoken])
        return np.where(other, scores * np.float32(OTHER_LANGUAGE), scores)

    def hit(self, at: int, score: float, now: datetime, today: date | None = None) -> Hit:
        """Build the hit for a passage.

        Args:
            at: position of the passage in `passages`.
            score: 0 to 1.
            now: its freshness is that at this time.
            today: the customer's day, for documents that are valid until a date.
        """
        passage = self.passages[at]
        document = self.documents[passage.document]
        state, source = self.states.get(document.source), self.sources.get(document.source)
        return Hit(
            id=passage.id,
            source=document.id,
            title=passage.title,
            text=passage.text,
            score=score,
            verified_at=verified_at(document, state),
            volatile=is_volatile(document, source),
            stale=is_stale(document, state, source, now, today),
            question=passage.question,
            answer=passage.answer,
            language=document.language,
        )

    def entries(self) -> list[Entry]:
        """List the records Chroma must hold: every passage under its id, every alias under `<id>~<n>`."""
        entries: list[Entry] = []
        for passage in self.passages:
            body = f"{passage.title}\n{passage.text}" if passage.path else passage.text
            entries.append(Entry(passage.id, _hash(body), passage.id, passage.document, body))
            entries += (
                Entry(f"{passage.id}~{n}", _hash(alias), passage.id, passage.document, alias)
                for n, alias in enumerate(passage.aliases, start=1)
            )
        return entries


def top(scores: Floats, count: int) -> list[tuple[int, float]]:
    """Select the best `count` positions with their scores, best first, without zero scores; ties in document order."""
    count = min(count, len(scores))
    if not count:
        return []
    best = np.argpartition(-scores, count - 1)[:count]
    best = best[np.lexsort((best, -scores[best]))]
    return [(int(at), float(scores[at])) for at in best if scores[at] > 0]


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _records(passages: Sequence[Passage]) -> Sequence[Record]:
    records: list[Record] = []
    for at, passage in enumerate(passages):
        title = passage.title
        if passage.question and passage.question not in title:
            title = f"{title} {passage.question}"
        records.append(Record(at, title, passage.text))
        records += (Record(at, "", alias) for alias in passage.aliases)
    return records


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """State of a configured source. `problems` are single documents that could not be read, with the reason."""

    id: str
    documents: int
    passages: int
    volatile: bool
    verified_at: datetime | None
    error: str | None
    failing_since: datetime | None
    problems: tuple[str, ...] = ()


def source_statuses(library: Library, sources: Sequence[SourceSettings], now: datetime) -> list[SourceStatus]:
    """Report every configured source; one that was never synced has no `verified_at`."""
    documents = Counter(document.source for document in library.documents.values())
    passages = Counter(library.documents[passage.document].source for passage in library.passages)
    states = [library.states.get(source.id) or SourceState(source.id, now) for source in sources]
    return [
        SourceStatus(
            id=source.id,
            documents=documents[source.id],
            passages=passages[source.id],
            volatile=source.volatile,
            verified_at=state.verified_at,
            error=state.error,
            failing_since=state.failing_since,
            problems=state.problems,
        )
        for source, state in zip(sources, states, strict=True)
    ]
