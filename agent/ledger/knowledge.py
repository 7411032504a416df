"""The knowledge in the ledger: `knowledge.KnowledgeStore` over SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy import text as sql

from agent.ledger.database import Database, insert_new, is_postgres, take_time, upsert
from agent.ledger.knowledge_tables import added_source, alias, document, gap, knowledge, passage, vector
from agent.ledger.knowledge_tables import source as source_table
from knowledge.documents.passage import Document, Passage, SourceState
from knowledge.errors import GapNotFound
from knowledge.store import Gap, GapState, Revision, Snapshot

T = TypeVar("T")
_AT_ONCE = 500  # values in one IN (…): databases limit how many parameters a statement takes

_KEPT = [column for column in document.columns if column.name not in ("n", "text")]


class SqlKnowledgeStore:
    """Sources, documents, passages, vectors and gaps, as `knowledge.store.KnowledgeStore` describes them.

    Every writing method is one transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sources(self) -> Sequence[SourceState]:
        return await self._database.read(_sources)

    async def save_source(self, state: SourceState) -> None:
        values = {**asdict(state), "problems": list(state.problems)}

        def work(connection: Connection) -> None:
            upsert(connection, source_table, **values)
            _count(connection, knowledge.c.source_checks)

        await self._database.write(work)

    async def remove_source(self, source: str) -> None:
        def work(connection: Connection) -> None:
            take_time(connection)
            ids = connection.scalars(select(document.c.id).where(document.c.source == source)).all()
            _remove(connection, ids)
            _count(connection, knowledge.c.content)
            connection.execute(delete(source_table).where(source_table.c.id == source))
            _count(connection, knowledge.c.source_checks)

        await self._database.write(work)

    async def added_sources(self) -> Sequence[Mapping[str, Any]]:
        query = select(added_source.c.settings).order_by(added_source.c.added_at, added_source.c.id)
        return await self._database.read(lambda connection: connection.scalars(query).all())

    async def add_source(self, id_: str, settings: Mapping[str, Any], at: datetime) -> bool:
        def work(connection: Connection) -> bool:
            _count(connection, knowledge.c.source_checks)
            return insert_new(connection, added_source, id=id_, settings=dict(settings), added_at=at) is not None

        return await self._database.write(work)

    async def drop_source(self, id_: str) -> bool:
        def work(connection: Connection) -> bool:
            _count(connection, knowledge.c.source_checks)
            return connection.execute(delete(added_source).where(added_source.c.id == id_)).rowcount == 1

        return await self._database.write(work)

    async def documents(self, source: str | None = None) -> Sequence[Document]:
        return await self._database.read(lambda connection: _documents(connection, source))

    async def text(self, id_: str) -> str | None:
        query = select(document.c.text).where(document.c.id == id_)
        return await self._database.read(lambda connection: connection.scalar(query))

    async def passages(self) -> Sequence[Passage]:
        return await self._database.read(_passages)

    async def snapshot(self) -> Snapshot:
        def work(connection: Connection) -> Snapshot:
            if is_postgres(connection):  # else each statement would see its own snapshot
                connection.execute(sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            kept = _revision(connection)
            return Snapshot(_passages(connection), _documents(connection), _sources(connection), kept)

        return await self._database.read(work)

    async def revision(self) -> Revision:
        return await self._database.read(_revision)

    async def identity(self) -> str:
        query = select(knowledge.c.identity)
        return await self._database.read(lambda connection: str(connection.execute(query).scalar_one()))

    async def begin_sync(self, owner: str, at: datetime, until: datetime) -> str | None:
        free = or_(knowledge.c.sync_owner.is_(None), knowledge.c.sync_owner == owner, knowledge.c.sync_until <= at)

        def work(connection: Connection) -> str | None:
            taken = connection.execute(update(knowledge).where(free).values(sync_owner=owner, sync_until=until))
            if taken.rowcount:
                return None
            other: str | None = connection.scalar(select(knowledge.c.sync_owner))
            return other or ""

        return await self._database.write(work)

    async def end_sync(self, owner: str) -> None:
        done = update(knowledge).where(knowledge.c.sync_owner == owner).values(sync_owner=None, sync_until=None)
        await self._database.write(lambda connection: connection.execute(done))

    async def replace(self, changes: Sequence[tuple[Document, Sequence[Passage]]]) -> None:
        def work(connection: Connection) -> None:
            take_time(connection)
            _remove(connection, [one.id for one, _ in changes])
            connection.execute(insert(document), [{**asdict(one), "links": list(one.links)} for one, _ in changes])
            passages = [row for _, several in changes for row in _rows(several)]
            if passages:
                connection.execute(insert(passage), passages)
            phrasings = [row for _, several in changes for row in _aliases(several)]
            if phrasings:
                connection.execute(insert(alias), phrasings)
            _count(connection, knowledge.c.content)

        if changes:
            await self._database.write(work)

    async def update(self, documents: Sequence[Document]) -> None:
        names = [column.name for column in _KEPT if column.name != "id"]
        statement = (
            update(document)
            .where(document.c.id == bindparam("key"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
        rows = []
        for one in documents:
            values = {**asdict(one), "links": list(one.links)}
            rows.append({"key": one.id, **{f"new_{name}": values[name] for name in names}})

        def work(connection: Connection) -> None:
            take_time(connection)
            connection.execute(statement, rows)
            _count(connection, knowledge.c.details)

        if rows:
            await self._database.write(work)

    async def remove(self, documents: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            take_time(connection)
            _remove(connection, documents)
            _count(connection, knowledge.c.content)

        await self._database.write(work)

    async def vectors(self, model: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        def work(connection: Connection) -> dict[str, bytes]:
            kept: dict[str, bytes] = {}
            for some in _parts(hashes):
                query = select(vector.c.hash, vector.c.data).where(vector.c.model == model, vector.c.hash.in_(some))
                kept.update((row.hash, row.data) for row in connection.execute(query))
            return kept

        return await self._database.read(work)

    async def save_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None:
        def work(connection: Connection) -> None:
            for hash_, data in vectors.items():
                upsert(connection, vector, model=model, hash=hash_, data=data)

        await self._database.write(work)

    async def keep_vectors(self, model: str, hashes: Sequence[str]) -> None:
        def work(connection: Connection) -> None:
            take_time(connection)
            connection.execute(delete(vector).where(vector.c.model != model))
            held = set(connection.scalars(select(vector.c.hash)).all())
            for some in _parts(sorted(held - set(hashes))):
                connection.execute(delete(vector).where(vector.c.hash.in_(some)))

        await self._database.write(work)

    async def gaps(self, state: GapState = "open") -> Sequence[Gap]:
        query = select(gap).where(gap.c.state == state).order_by(gap.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [Gap(**row._mapping) for row in rows]

    async def close_gaps(self, ids: Sequence[int], state: GapState) -> None:
        def work(connection: Connection) -> None:
            for number in ids:
                closed = connection.execute(update(gap).where(gap.c.id == number).values(state=state))
                if not closed.rowcount:
                    raise GapNotFound(
                        f"no collected question has the number {number}; `balas knowledge gaps` lists them"
                    )

        await self._database.write(work)


def note_gap(connection: Connection, question: str, confidence: float, nearest: str | None, at: datetime) -> None:
    """Keep a question that was not answered; the same one again is counted.

    Args:
        confidence: of the best passage, 0 to 1.
        nearest: id of that passage, if there was one.
    """
    new = insert_new(
        connection,
        gap,
        question=question,
        confidence=confidence,
        times=1,
        first_at=at,
        last_at=at,
        nearest=nearest,
        state="open",
    )
    if new is None:
        again = {"times": gap.c.times + 1, "last_at": at, "confidence": confidence, "nearest": nearest}
        connection.execute(update(gap).where(gap.c.question == question).values(again))


def _sources(connection: Connection) -> list[SourceState]:
    rows = connection.execute(select(source_table)).all()
    return [SourceState(**{**row._mapping, "problems": tuple(row.problems)}) for row in rows]


def _documents(connection: Connection, source: str | None = None) -> list[Document]:
    take_time(connection)
    query = select(*_KEPT).order_by(document.c.n)
    if source is not None:
        query = query.where(document.c.source == source)
    rows = connection.execute(query)
    return [Document(**{**row._mapping, "links": tuple(row.links), "text": ""}) for row in rows]


def _passages(connection: Connection) -> list[Passage]:
    take_time(connection)
    phrasings = connection.execute(select(alias.c.passage, alias.c.text).order_by(alias.c.passage, alias.c.n)).all()
    aliases = {
        name: tuple(row.text for row in several) for name, several in groupby(phrasings, lambda row: row.passage)
    }
    joined = passage.join(document, passage.c.document == document.c.id)
    rows = connection.execute(select(passage).select_from(joined).order_by(document.c.n, passage.c.n))
    return [_passage(row, aliases.get(row.id, ())) for row in rows]


def _revision(connection: Connection) -> Revision:
    columns = (knowledge.c.content, knowledge.c.details, knowledge.c.source_checks, knowledge.c.sync_until)
    return Revision(*connection.execute(select(*columns)).one())


def _count(connection: Connection, counter: Column[int]) -> None:
    """Increment a change counter of the store, which other processes poll."""
    connection.execute(update(knowledge).values({counter.name: counter + 1}))


def _passage(row: Any, aliases: tuple[str, ...]) -> Passage:
    where = (row.text, row.start, row.end)
    return Passage(row.id, row.document, *where, tuple(row.path), row.question, row.answer, aliases)


def _remove(connection: Connection, documents: Sequence[str]) -> None:
    for some in _parts(documents):
        connection.execute(delete(alias).where(alias.c.document.in_(some)))
        connection.execute(delete(passage).where(passage.c.document.in_(some)))
        connection.execute(delete(document).where(document.c.id.in_(some)))


def _rows(passages: Sequence[Passage]) -> Iterator[dict[str, Any]]:
    for n, one in enumerate(passages, start=1):
        values = asdict(one)
        del values["aliases"]
        yield {**values, "n": n, "path": list(one.path)}


def _aliases(passages: Sequence[Passage]) -> Iterator[dict[str, Any]]:
    for one in passages:
        for n, text in enumerate(one.aliases, start=1):
            yield {"passage": one.id, "n": n, "document": one.document, "text": text}


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(values), _AT_ONCE):
        yield values[at : at + _AT_ONCE]
