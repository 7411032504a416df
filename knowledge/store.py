"""Where knowledge is kept: the port that the agent's ledger implements, and a twin in memory."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from knowledge.documents.passage import Document, Passage, SourceState
from knowledge.errors import GapNotFound

GapState = Literal["open", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that found nothing good. The same question again only raises `times`."""

    id: int
    question: str
    confidence: float
    times: int
    first_at: datetime
    last_at: datetime
    nearest: str | None = None  # id of the best passage there was
    state: GapState = "open"


@dataclass(frozen=True, slots=True)
class Revision:
    """Counts changes, whichever process made them: of documents with their passages (`content`), of what else is known about documents
    (`details`), and looks at sources. `syncing_until`: somebody is at it."""

    content: int = 0
    details: int = 0
    looks: int = 0
    syncing_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Everything:
    """All of the store at one moment; `text` of the documents is left empty."""

    passages: Sequence[Passage]
    documents: Sequence[Document]
    sources: Sequence[SourceState]
    revision: Revision


class KnowledgeStore(Protocol):
    """The truth about documents; Chroma and the keyword index are rebuilt from it.

    Every writing method is one durable transaction: after a crash a document has all of its old passages or all of its new ones.
    """

    async def sources(self) -> Sequence[SourceState]: ...

    async def save_source(self, state: SourceState) -> None: ...

    async def remove_source(self, source: str) -> None:
        """Forget a source with its documents and passages."""

    async def documents(self, source: str | None = None) -> Sequence[Document]:
        """All documents, or those of a source. `text` is left empty: it is long and only `text` reads it."""

    async def text(self, id_: str) -> str | None:
        """The extracted text that passage offsets point into."""

    async def passages(self) -> Sequence[Passage]:
        """All passages in the order of their documents."""

    async def everything(self) -> Everything:
        """Passages, documents and sources as they are at the same moment."""

    async def revision(self) -> Revision: ...

    async def identity(self) -> str:
        """A name that no other store has: indexes of several agents may live in one place."""

    async def begin_sync(self, owner: str, at: datetime, until: datetime) -> str | None:
        """Take or prolong the right to look at the sources: `None` when it is the `owner`'s, else whose it still is."""

    async def end_sync(self, owner: str) -> None:
        """Give that right back."""

    async def replace(self, changes: Sequence[tuple[Document, Sequence[Passage]]]) -> None:
        """Put documents and all their passages in place of what was there under the same document ids."""

    async def update(self, documents: Sequence[Document]) -> None:
        """Save what is known about documents whose text and passages stay as they are."""

    async def remove(self, documents: Sequence[str]) -> None: ...

    async def vectors(self, model: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        """Embeddings by passage hash, as little-endian float32."""

    async def save_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None: ...

    async def keep_vectors(self, model: str, hashes: Sequence[str]) -> None:
        """Forget every other vector, also those of other models."""

    async def gaps(self, state: GapState = "open") -> Sequence[Gap]: ...

    async def close_gaps(self, ids: Sequence[int], state: GapState) -> None:
        """Raises `GapNotFound` when one of them does not exist."""


class MemoryStore:
    """A store that lasts as long as the process."""

    def __init__(self, gaps: Sequence[Gap] = ()) -> None:
        self._sources: dict[str, SourceState] = {}
        self._documents: dict[str, Document] = {}
        self._passages: dict[str, tuple[Passage, ...]] = {}
        self._vectors: dict[str, dict[str, bytes]] = {}
        self._gaps = {gap.id: gap for gap in gaps}
        self._revision = Revision()
        self._identity = secrets.token_hex(8)
        self._syncing: tuple[str, datetime] | None = None

    async def sources(self) -> Sequence[SourceState]:
        return list(self._sources.values())

    async def save_source(self, state: SourceState) -> None:
        self._sources[state.id] = state
        self._revision = replace(self._revision, looks=self._revision.looks + 1)

    async def remove_source(self, source: str) -> None:
        self._sources.pop(source, None)
        await self.remove([document.id for document in self._documents.values() if document.source == source])

    async def documents(self, source: str | None = None) -> Sequence[Document]:
        return [replace(d, text="") for d in self._documents.values() if source in (None, d.source)]

    async def text(self, id_: str) -> str | None:
        found = self._documents.get(id_)
        return found.text if found else None

    async def passages(self) -> Sequence[Passage]:
        return [passage for document in self._documents for passage in self._passages[document]]

    async def everything(self) -> Everything:
        return Everything(await self.passages(), await self.documents(), await self.sources(), self._revision)

    async def revision(self) -> Revision:
        return replace(self._revision, syncing_until=self._syncing[1] if self._syncing else None)

    async def identity(self) -> str:
        return self._identity

    async def begin_sync(self, owner: str, at: datetime, until: datetime) -> str | None:
        if self._syncing and self._syncing[0] != owner and self._syncing[1] > at:
            return self._syncing[0]
        self._syncing = owner, until
        return None

    async def end_sync(self, owner: str) -> None:
        if self._syncing and self._syncing[0] == owner:
            self._syncing = None

    async def replace(self, changes: Sequence[tuple[Document, Sequence[Passage]]]) -> None:
        for document, passages in changes:
            self._documents[document.id] = document
            self._passages[document.id] = tuple(passages)
        self._revision = replace(self._revision, content=self._revision.content + 1)

    async def update(self, documents: Sequence[Document]) -> None:
        for document in documents:
            self._documents[document.id] = replace(document, text=self._documents[document.id].text)
        self._revision = replace(self._revision, details=self._revision.details + 1)

    async def remove(self, documents: Sequence[str]) -> None:
        for document in documents:
            self._documents.pop(document, None)
            self._passages.pop(document, None)
        self._revision = replace(self._revision, content=self._revision.content + 1)

    async def vectors(self, model: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        kept = self._vectors.get(model, {})
        return {hash_: kept[hash_] for hash_ in hashes if hash_ in kept}

    async def save_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None:
        self._vectors.setdefault(model, {}).update(vectors)

    async def keep_vectors(self, model: str, hashes: Sequence[str]) -> None:
        self._vectors = {model: dict(await self.vectors(model, hashes))}

    async def gaps(self, state: GapState = "open") -> Sequence[Gap]:
        return [gap for gap in self._gaps.values() if gap.state == state]

    async def close_gaps(self, ids: Sequence[int], state: GapState) -> None:
        for number in ids:
            if number not in self._gaps:
                raise GapNotFound(f"no collected question has the number {number}; `balas knowledge gaps` lists them")
            self._gaps[number] = replace(self._gaps[number], state=state)
