"""The same promises for every store: the one in memory, SQLite, and PostgreSQL through the same SQL."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from agent.ledger.database import Database
from agent.ledger.knowledge import SqlKnowledgeStore, note_gap
from knowledge.documents.loading import load
from knowledge.documents.passage import Document, Passage, SourceState
from knowledge.errors import GapNotFound
from knowledge.store import Gap, KnowledgeStore
from tests.knowledge.memory import MemoryStore

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> KnowledgeStore:
    return MemoryStore() if request.param == "memory" else SqlKnowledgeStore(request.getfixturevalue(request.param))


def document(name: str, source: str = "docs/*.md", text: str = "isi") -> Document:
    return Document(
        id=name,
        source=source,
        hash="h",
        text=text,
        verified_at=NOW,
        title="Judul",
        language="id",
        expires=date(2026, 12, 31),
        volatile=True,
        links=("https://a", "https://b"),
    )


def passage(document: str, n: int, text: str, *aliases: str) -> Passage:
    return Passage(f"{document}#{n}", document, text, 0, len(text), ("Judul", "Bab"), "apa?", "itu", aliases)


async def test_what_is_saved_comes_back_whole(store: KnowledgeStore) -> None:
    saved = passage("a.md", 1, "satu", "uno", "eins")
    await store.replace([(document("a.md", text="satu dua"), [saved, passage("a.md", 2, "dua")])])
    assert await store.passages() == [saved, passage("a.md", 2, "dua")]
    assert await store.documents() == [document("a.md", text="")]
    assert await store.text("a.md") == "satu dua"
    assert await store.text("b.md") is None


async def test_replacing_a_document_leaves_nothing_of_the_old_one(store: KnowledgeStore) -> None:
    await store.replace([(document("a.md"), [passage("a.md", n, f"lama {n}", "alias") for n in (1, 2, 3)])])
    await store.replace([(document("a.md"), [passage("a.md", 1, "baru")])])
    assert [one.text for one in await store.passages()] == ["baru"]
    assert [one.aliases for one in await store.passages()] == [()]


async def test_an_update_keeps_text_and_passages(store: KnowledgeStore) -> None:
    await store.replace([(document("a.md", text="panjang"), [passage("a.md", 1, "panjang")])])
    await store.update([replace(document("a.md", text=""), error="rusak", failing_since=NOW)])
    assert [(one.error, one.failing_since) for one in await store.documents()] == [("rusak", NOW)]
    assert await store.text("a.md") == "panjang"
    assert len(await store.passages()) == 1


async def test_removing_a_source_removes_its_documents_only(store: KnowledgeStore) -> None:
    await store.replace(
        [(document("a.md"), [passage("a.md", 1, "a")]), (document("b.md", "b"), [passage("b.md", 1, "b")])]
    )
    await store.save_source(SourceState("docs/*.md", NOW, NOW))
    await store.save_source(SourceState("b", NOW, None, "hilang", NOW, ("b.md: rusak",)))
    await store.remove_source("docs/*.md")
    assert [one.id for one in await store.passages()] == ["b.md#1"]
    assert await store.sources() == [SourceState("b", NOW, None, "hilang", NOW, ("b.md: rusak",))]
    assert [one.id for one in await store.documents("docs/*.md")] == []


async def test_vectors_are_kept_per_model_and_text(store: KnowledgeStore) -> None:
    await store.save_vectors("m", {"x": b"1", "y": b"2"})
    await store.save_vectors("old", {"x": b"9"})
    assert dict(await store.vectors("m", ["x", "y", "z"])) == {"x": b"1", "y": b"2"}
    await store.keep_vectors("m", ["x"])
    assert dict(await store.vectors("m", ["x", "y"])) == {"x": b"1"}
    assert dict(await store.vectors("old", ["x"])) == {}


async def test_the_same_question_is_one_gap_that_counts(database: Database) -> None:
    store, later = SqlKnowledgeStore(database), NOW + timedelta(hours=1)
    await database.write(lambda connection: note_gap(connection, "ada wifi?", 0.1, None, NOW))
    await database.write(lambda connection: note_gap(connection, "ada wifi?", 0.2, "a.md#1", later))
    [gap] = await store.gaps()
    assert gap == Gap(gap.id, "ada wifi?", 0.2, 2, NOW, later, "a.md#1")


async def test_a_closed_gap_is_no_longer_open_and_an_unknown_one_is_refused(database: Database) -> None:
    await database.write(lambda connection: note_gap(connection, "ada wifi?", 0.1, None, NOW))
    for store in (MemoryStore([Gap(1, "ada wifi?", 0.1, 1, NOW, NOW)]), SqlKnowledgeStore(database)):
        [gap] = await store.gaps()
        await store.close_gaps([gap.id], "rejected")
        assert await store.gaps() == []
        assert len(await store.gaps("rejected")) == 1
        with pytest.raises(GapNotFound, match="99"):
            await store.close_gaps([99], "accepted")


async def test_every_change_is_counted_by_what_it_changes(store: KnowledgeStore) -> None:
    async def counted() -> tuple[int, int, int]:
        revision = await store.revision()
        return revision.content, revision.details, revision.source_checks

    assert await counted() == (0, 0, 0)
    await store.replace([(document("a.md"), [passage("a.md", 1, "satu")])])
    assert await counted() == (1, 0, 0)
    await store.update([document("a.md")])
    assert await counted() == (1, 1, 0)
    await store.save_source(SourceState("docs/*.md", NOW, NOW))
    assert await counted() == (1, 1, 1)
    await store.remove(["a.md"])
    assert await counted() == (2, 1, 1)


async def test_a_snapshot_is_read_at_one_moment(store: KnowledgeStore) -> None:
    await store.replace([(document("a.md"), [passage("a.md", 1, "satu", "uno")])])
    await store.save_source(SourceState("docs/*.md", NOW, NOW, settings="f"))
    kept = await store.snapshot()
    assert kept.passages == [passage("a.md", 1, "satu", "uno")]
    assert kept.documents == [document("a.md", text="")]
    assert kept.sources == [SourceState("docs/*.md", NOW, NOW, settings="f")]
    assert kept.revision == await store.revision()


async def test_the_sync_lease_has_one_owner_until_it_ends_or_expires(store: KnowledgeStore) -> None:
    later, long_after = NOW + timedelta(seconds=15), NOW + timedelta(seconds=16)
    assert await store.begin_sync("one", NOW, later) is None
    assert await store.begin_sync("two", NOW, later) == "one"
    assert await store.begin_sync("one", NOW, later) is None, "it may prolong its own"
    assert (await store.revision()).syncing_until == later
    await store.end_sync("two")
    assert await store.begin_sync("two", NOW, later) == "one"
    await store.end_sync("one")
    assert await store.begin_sync("two", NOW, later) is None
    assert await store.begin_sync("one", long_after, long_after + timedelta(seconds=15)) is None


async def test_stores_tell_each_other_apart(store: KnowledgeStore) -> None:
    assert await store.identity() == await store.identity()
    assert await store.identity() != await MemoryStore().identity()


async def test_characters_that_no_database_takes_are_gone_before(store: KnowledgeStore) -> None:
    loaded = load("a.txt", b"kopi\x00susu")
    assert loaded.text == "kopi susu"
    await store.replace([(document("a.txt", text=loaded.text), [passage("a.txt", 1, loaded.text)])])
    assert await store.text("a.txt") == "kopi susu"
