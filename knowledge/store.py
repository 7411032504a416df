"""Where knowledge is kept: the `KnowledgeStore` protocol, which the ledger implements (`agent.ledger.knowledge`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from knowledge.documents.passage import Document, Passage, SourceState

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
    """Change counters of the store, whichever process made the changes.

    `content` counts changes of passages, `details` changes of anything else about documents, `source_checks` saved source states.
    `syncing_until` is when the sync lease expires, if one is held.
    """

    content: int = 0
    details: int = 0
    source_checks: int = 0
    syncing_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole store at one moment; `text` of the documents is left empty."""

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
        """Delete a source with its documents and passages."""

    async def added_sources(self) -> Sequence[Mapping[str, Any]]:
        """The entries of `knowledge.sources` that were added while the agent ran, oldest first."""

    async def add_source(self, id_: str, settings: Mapping[str, Any], at: datetime) -> bool:
        """Keep a further source; False when there is one with this id."""

    async def drop_source(self, id_: str) -> bool:
        """Drop a source that was added; False when there is none."""

    async def documents(self, source: str | None = None) -> Sequence[Document]:
        """All documents, or those of a source. `text` is left empty: it is long and only `text` reads it."""

    async def text(self, id_: str) -> str | None:
        """The extracted text that passage offsets point into."""

    async def passages(self) -> Sequence[Passage]:
        """All passages in the order of their documents."""

    async def snapshot(self) -> Snapshot:
        """Passages, documents, sources and revision, read in one transaction."""

    async def revision(self) -> Revision: ...

    async def identity(self) -> str:
        """A name unique to this store: vector indexes of several agents may share a Chroma server."""

    async def begin_sync(self, owner: str, at: datetime, until: datetime) -> str | None:
        """Take or renew the sync lease.

        Args:
            owner: who asks.
            at: now; a lease that expired before is free.
            until: when the lease expires without a renewal.

        Returns:
            `None` when `owner` now holds it, else the present owner.
        """

    async def end_sync(self, owner: str) -> None:
        """Release the lease, if `owner` holds it."""

    async def replace(self, changes: Sequence[tuple[Document, Sequence[Passage]]]) -> None:
        """Replace documents and all their passages, by document id."""

    async def update(self, documents: Sequence[Document]) -> None:
        """Save the details of documents whose text and passages have not changed."""

    async def remove(self, documents: Sequence[str]) -> None: ...

    async def vectors(self, model: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        """Embeddings by passage hash, as little-endian float32."""

    async def save_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None: ...

    async def keep_vectors(self, model: str, hashes: Sequence[str]) -> None:
        """Delete every other vector, also those of other models."""

    async def gaps(self, state: GapState = "open") -> Sequence[Gap]: ...

    async def close_gaps(self, ids: Sequence[int], state: GapState) -> None:
        """Set the state of questions.

        Raises:
            GapNotFound: one of them does not exist.
        """
