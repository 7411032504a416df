"""Sync, search and freshness of a knowledge base over files."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from knowledge.errors import IndexLocked, NoSuchSource
from knowledge.knowledge import Knowledge
from knowledge.sync.report import Progress, SourceReport, SyncReport
from tests.knowledge.conftest import Clock, OpenKnowledge
from tests.knowledge.memory import MemoryStore


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def only(report: SyncReport) -> SourceReport:
    [source] = report.sources
    return source


async def first(knowledge: Knowledge, question: str) -> str:
    found = await knowledge.search([question])
    return found.hits[0].text


async def test_a_fact_that_stands_only_in_a_document_is_found(tmp_path: Path, open_knowledge: OpenKnowledge) -> None:
    write(tmp_path, jam="# Toko\n\n## Jam buka?\n\nPukul 08.17 sampai 21.00.\n", retur="# Retur\n\nDalam 9 hari.\n")
    knowledge = await open_knowledge("*.md")
    seen: list[Progress] = []
    report = await knowledge.sync(seen.append)
    assert (only(report).added, only(report).documents) == (2, 2)
    assert seen[-1] == Progress("*.md", 2, 2)
    found = await knowledge.search(["jam brp bukanya kak"])
    hit = found.hits[0]
    assert (hit.id, hit.source, hit.title) == ("jam.md#1", "jam.md", "Toko > Jam buka?")
    assert (hit.question, hit.answer) == ("Jam buka?", "Pukul 08.17 sampai 21.00.")
    assert found.mode == "keywords"
    assert not found.off_topic
    assert 0 < hit.score == found.confidence <= 1


async def test_only_what_changed_is_taken_over(tmp_path: Path, open_knowledge: OpenKnowledge) -> None:
    write(tmp_path, a="# A\n\n## Satu\n\nsatu\n\n## Dua\n\ndua\n", b="# B\n\nbe\n", c="# C\n\nce\n")
    knowledge = await open_knowledge("*.md")
    await knowledge.sync()
    report = only(await knowledge.sync())
    assert (report.added, report.changed, report.unchanged, report.removed) == (0, 0, 4, 0)
    write(tmp_path, a="# A\n\n## Satu\n\nsatu\n\n## Dua\n\nbaru sekali\n\n## Tiga\n\ntiga\n")
    (tmp_path / "c.md").unlink()
    report = only(await knowledge.sync())
    assert (report.added, report.changed, report.unchanged, report.removed) == (1, 1, 2, 1)
    assert await first(knowledge, "dua") == "baru sekali"


async def test_a_file_that_changes_within_its_timestamp_is_seen_all_the_same(
    tmp_path: Path, open_knowledge: OpenKnowledge
) -> None:
    import os

    write(tmp_path, a="harga 1000\n")
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    status = (tmp_path / "a.md").stat()
    write(tmp_path, a="harga 2000\n")
    os.utime(tmp_path / "a.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert only(await knowledge.sync()).changed == 1


async def test_a_broken_document_keeps_its_last_good_copy_and_the_rest_goes_on(
    tmp_path: Path, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    write(tmp_path, a="# A\n\nisi lama\n", b="# B\n\nbe\n")
    knowledge = await open_knowledge("*.md")
    await knowledge.sync()
    since = clock.now
    clock.advance(hours=1)
    write(tmp_path, a="---\nexpires: kapan-kapan\n---\nisi baru\n", b="# B\n\nbe baru\n")
    report = only(await knowledge.sync())
    assert report.error is None
    assert report.problems == (
        "a.md: `expires: kapan-kapan` in the front matter is not a date; write it as 2026-12-31",
    )
    found = await knowledge.search(["isi"])
    assert (found.hits[0].text, found.hits[0].verified_at) == ("isi lama", since)
    assert await first(knowledge, "be") == "be baru"
    write(tmp_path, a="# A\n\nisi baru\n")
    assert only(await knowledge.sync()).problems == ()
    assert await first(knowledge, "isi") == "isi baru"


async def test_a_source_that_disappears_keeps_its_last_good_copy_and_says_since_when(
    tmp_path: Path, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    write(tmp_path, harga="# Harga\n\nKopi 25000\n")
    knowledge = await open_knowledge({"path": "harga.md", "volatile": True})
    await knowledge.sync()
    assert not (await knowledge.search(["harga kopi"])).stale
    (tmp_path / "harga.md").unlink()
    clock.advance(hours=1)
    failed_at = clock.now
    await knowledge.sync()
    clock.advance(hours=1)
    report = only(await knowledge.sync())
    assert (report.failing_since, report.removed) == (failed_at, 0)
    assert report.error is not None
    assert "there is no file" in report.error
    found = await knowledge.search(["harga kopi"])
    assert found.stale  # prices from an old copy
    [status] = knowledge.sources()
    assert (status.passages, status.failing_since, status.verified_at) == (1, failed_at, failed_at - timedelta(hours=1))


async def test_what_has_expired_is_stale(tmp_path: Path, open_knowledge: OpenKnowledge, clock: Clock) -> None:
    write(tmp_path, promo="---\nexpires: 2026-03-02\n---\n# Promo\n\nDiskon sepuluh persen\n")
    knowledge = await open_knowledge("promo.md")
    await knowledge.sync()
    clock.advance(days=1)
    assert not (await knowledge.search(["promo"])).hits[0].stale
    clock.advance(days=1)
    assert (await knowledge.search(["promo"])).hits[0].stale


async def test_an_expiry_after_the_last_check_counts_from_there(
    tmp_path: Path, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    write(tmp_path, a="# Stok\n\nKopi ada\n")
    knowledge = await open_knowledge({"path": "a.md", "expires": "2h"})
    await knowledge.sync()
    clock.advance(hours=3)
    assert (await knowledge.search(["stok kopi"])).hits[0].stale
    await knowledge.sync()
    assert not (await knowledge.search(["stok kopi"])).hits[0].stale


async def test_a_named_file_stands_with_its_own_settings_although_a_glob_takes_it_too(
    tmp_path: Path, open_knowledge: OpenKnowledge
) -> None:
    write(tmp_path, a="# A\n\nsatu\n", harga="# Harga\n\ndua\n")
    knowledge = await open_knowledge("*.md", {"path": "harga.md", "volatile": True, "title": "Daftar harga"})
    await knowledge.sync()
    assert [status.documents for status in knowledge.sources()] == [1, 1]
    hit = (await knowledge.search(["harga dua"])).hits[0]
    assert (hit.volatile, hit.title) == (True, "Daftar harga > Harga")


async def test_a_source_that_is_no_longer_configured_is_forgotten(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    write(tmp_path, a="# A\n\nsatu\n", b="# B\n\ndua\n")
    knowledge = await open_knowledge("a.md", "b.md")
    await knowledge.sync()
    await knowledge.aclose()
    knowledge = await open_knowledge("a.md")
    report = await knowledge.sync()
    assert {one.source: one.removed for one in report.sources} == {"b.md": 1, "a.md": 0}
    assert [one.id for one in await store.passages()] == ["a.md#1"]


async def test_a_search_while_syncing_answers_from_what_was_there_before(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    write(tmp_path, a="# A\n\nisi lama\n")
    knowledge = await open_knowledge("*.md")
    await knowledge.sync()
    saving, go_on = asyncio.Event(), asyncio.Event()
    replace = store.replace

    async def slow(changes: object) -> None:
        saving.set()
        await go_on.wait()
        await replace(changes)  # type: ignore[arg-type]

    store.replace = slow  # type: ignore[method-assign, assignment]
    write(tmp_path, a="# A\n\nisi baru\n")
    running = asyncio.create_task(knowledge.sync())
    await saving.wait()
    assert await first(knowledge, "isi") == "isi lama"
    go_on.set()
    await running
    assert await first(knowledge, "isi") == "isi baru"


async def test_only_about_as_many_words_as_configured_go_to_the_model(
    tmp_path: Path, open_knowledge: OpenKnowledge
) -> None:
    for n in range(9):
        write(tmp_path, **{f"a{n}": f"# Kopi {n}\n\n" + "kopi susu enak sekali " * 25})
    knowledge = await open_knowledge("*.md", passages=6, words=250)
    await knowledge.sync()
    assert len((await knowledge.search(["kopi susu"])).hits) == 2
    assert len((await knowledge.search(["kopi susu"], limit=8)).hits) == 8


@pytest.mark.parametrize("question", ["siapa presiden prancis", "halo kak", "zzz qqq", ""])
async def test_what_shares_nothing_with_the_documents_is_off_topic(
    tmp_path: Path, open_knowledge: OpenKnowledge, question: str
) -> None:
    write(tmp_path, a="# Kopi Senja\n\n## Jam buka?\n\nPukul delapan.\n\n## Ongkir?\n\nLima belas ribu ke Bandung.\n")
    knowledge = await open_knowledge("*.md")
    await knowledge.sync()
    assert (await knowledge.search([question])).off_topic


async def test_an_unknown_source_is_refused_by_name(tmp_path: Path, open_knowledge: OpenKnowledge) -> None:
    write(tmp_path, a="isi\n")
    knowledge = await open_knowledge("a.md")
    with pytest.raises(NoSuchSource, match=r"b\.md is not a source; the sources are: a\.md"):
        await knowledge.sync(only="b.md")
    assert only(await knowledge.sync(only="a.md")).added == 1


async def test_beside_the_owner_of_chroma_a_second_knowledge_searches_by_keywords(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    import httpx

    write(tmp_path, a="# A\n\nisi\n")
    owner = await open_knowledge("a.md")
    await owner.sync()
    with pytest.raises(IndexLocked, match=r"belongs to process \d+"):
        await open_knowledge("a.md")
    async with httpx.AsyncClient() as client:
        second = await Knowledge.open_without_chroma(owner.settings, tmp_path, store, client, locked="it is in use")
        assert (await first(second, "isi"), second.problem) == ("isi", "it is in use")
        await second.aclose()


async def test_keeping_fresh_takes_over_a_changed_file_when_its_time_comes(
    tmp_path: Path, open_knowledge: OpenKnowledge, clock: Clock
) -> None:
    write(tmp_path, a="# A\n\nisi lama\n")
    knowledge = await open_knowledge({"path": "a.md", "refresh": "5m"})
    await knowledge.sync()
    write(tmp_path, a="# A\n\nisi baru\n")
    clock.advance(minutes=6)
    keeping = asyncio.create_task(knowledge.keep_fresh())
    async with asyncio.timeout(60):
        while await first(knowledge, "isi") != "isi baru":
            await asyncio.sleep(0.05)
    keeping.cancel()
