"""A knowledge store in memory, which `test_store` holds to the same tests as the ledger's."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from knowledge.documents.passage import Document, Passage, SourceState
from knowledge.errors import GapNotFound
from knowledge.store import Gap, GapState, Revision, Snapshot


class MemoryStore:
    """A store in memory."""

    def __init__(self, gaps: Sequence[Gap] = ()) -> None:
        self._sources: dict[str, SourceState] = {}
        self._documents: dict[str, Document] = {}
        self._passages: dict[str, tuple[Passage, ...]] = {}
        self._vectors: dict[str, dict[str, bytes]] = {}
        self._gaps = {gap.id: gap for gap in gaps}
        self._added: dict[str, dict[str, Any]] = {}
        self._revision = Revision()
        self._identity = secrets.token_hex(8)
        self._syncing: tuple[str, datetime] | None = None

    async def sources(self) -> Sequence[SourceState]:
        return list(self._sources.values())

    async def save_source(self, state: SourceState) -> None:
        self._sources[state.id] = state
        self._revision = replace(self._revision, source_checks=self._revision.source_checks + 1)

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

    async def snapshot(self) -> Snapshot:
        return Snapshot(await self.passages(), await self.documents(), await self.sources(), self._revision)

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

    async def added_sources(self) -> Sequence[Mapping[str, Any]]:
        return list(self._added.values())

    async def add_source(self, id_: str, settings: Mapping[str, Any], at: datetime) -> bool:
        known = id_ in self._added
        self._added.setdefault(id_, dict(settings))
        return not known

    async def drop_source(self, id_: str) -> bool:
        return self._added.pop(id_, None) is not None

    async def gaps(self, state: GapState = "open") -> Sequence[Gap]:
        return [gap for gap in self._gaps.values() if gap.state == state]

    async def close_gaps(self, ids: Sequence[int], state: GapState) -> None:
        for number in ids:
            if number not in self._gaps:
                raise GapNotFound(f"no collected question has the number {number}; `balas knowledge gaps` lists them")
            self._gaps[number] = replace(self._gaps[number], state=state)
