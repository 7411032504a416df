"""Chroma follows the store, belongs to one process, and is rebuilt when it is damaged."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import structlog

from agent.ledger import migrate, open_database
from agent.ledger.knowledge import SqlKnowledgeStore
from knowledge import Knowledge, KnowledgeSettings
from knowledge.errors import ChromaError, IndexLocked
from knowledge.index.chroma import ChromaIndex, Entry, Lock
from knowledge.index.embeddings import HashedGrams
from knowledge.settings import ChromaSettings
from knowledge.store import KnowledgeStore
from tests.knowledge.conftest import OpenKnowledge
from tests.knowledge.memory import MemoryStore

HOLD = """
import sys, time
from pathlib import Path
from knowledge.index.chroma import Lock

lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""

# Syncs documents without end, until it is killed in the middle of one.
SYNC = """
import asyncio, sys
from itertools import count
from pathlib import Path
import httpx, structlog
from agent.ledger import open_database
from agent.ledger.knowledge import SqlKnowledgeStore
from knowledge import Knowledge, KnowledgeSettings
from tests.knowledge.index.test_chroma import write_round

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def main(folder: Path) -> None:
    store = SqlKnowledgeStore(open_database("sqlite:///ledger.db", base=folder))
    settings = KnowledgeSettings.model_validate({"sources": ["docs/*.md"]})
    knowledge = await Knowledge.open(settings, folder, store, httpx.AsyncClient())
    await knowledge.settled()
    for turn in count():
        write_round(folder, turn)
        await knowledge.sync()
        print("synced", flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


def write_round(folder: Path, turn: int) -> None:
    for n in range(12):
        chapters = (f"## Bab {k}\n\nisi {n} {k} putaran {turn}\n\n" for k in range(5))
        (folder / "docs" / f"{n}.md").write_text("".join(chapters))


def index(folder: Path, name: str = "test") -> ChromaIndex:
    opened = ChromaIndex(ChromaSettings(path=Path("chroma")), folder, "shop", name)
    opened.open()
    return opened


def entries(count: int) -> list[Entry]:
    return [Entry(f"d#{n}", f"h{n}", f"d#{n}", "d", f"isi nomor {n} tentang kopi") for n in range(count)]


def test_another_process_is_refused_by_name_and_let_in_when_the_owner_is_gone(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(IndexLocked, match=f"belongs to process {owner.pid}.*chroma.url"):
            Lock(tmp_path)
    finally:
        owner.kill()
        owner.communicate()
    Lock(tmp_path).release()


def test_what_is_put_is_found_and_what_is_removed_is_not(tmp_path: Path) -> None:
    chroma = index(tmp_path)
    some = entries(30)
    vectors = HashedGrams().vectors([entry.text for entry in some])
    chroma.put(some, vectors)
    assert chroma.hashes() == {f"d#{n}": f"h{n}" for n in range(30)}
    near = chroma.nearest(vectors[7].reshape(1, -1), 3)
    assert max(near, key=lambda id_: near[id_]) == "d#7"
    assert chroma.cosines(vectors[7], ["d#7", "d#unknown"]) == {"d#7": pytest.approx(1.0, abs=1e-4)}
    chroma.remove(["d#7"])
    assert "d#7" not in chroma.nearest(vectors[7].reshape(1, -1), 30)
    assert chroma.is_sound({f"d#{n}": vectors[n] for n in range(6)})
    assert not chroma.is_sound({"d#7": vectors[7]}), "it is gone"
    assert not chroma.is_sound({"d#8": vectors[9]}), "it holds another vector"
    chroma.clear()
    assert chroma.hashes() == {}
    chroma.close()


def test_another_model_has_a_collection_of_its_own_and_the_old_one_is_dropped(tmp_path: Path) -> None:
    old = index(tmp_path, "old")
    old.put(entries(3), np.eye(3, 8, dtype=np.float32))
    old.close()
    new = index(tmp_path, "new")
    assert new.hashes() == {}
    new.put(entries(2), np.eye(2, 4, dtype=np.float32))
    new.drop_others()
    new.close()
    again = index(tmp_path, "old")
    assert again.hashes() == {}
    again.close()


def test_an_index_that_is_not_open_says_so(tmp_path: Path) -> None:
    closed = ChromaIndex(ChromaSettings(path=Path("chroma")), tmp_path, "shop", "test")
    with pytest.raises(ChromaError, match="is not open"):
        closed.hashes()


async def test_chroma_holds_every_passage_and_alias_and_follows_a_sync(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    (tmp_path / "a.md").write_text(
        "---\naliases:\n  Jam buka?: [bukanya kapan, open jam brp]\n---\n## Jam buka?\n\nDelapan.\n\n## Retur\n\nBisa.\n"
    )
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    await knowledge.settled()
    await knowledge.aclose()
    chroma = await index_of(tmp_path, store)
    assert set(chroma.hashes()) == {"a.md#1", "a.md#1~1", "a.md#1~2", "a.md#2"}
    chroma.remove(["a.md#2"])  # as if it had been lost
    chroma.close()
    (tmp_path / "a.md").write_text("## Jam buka?\n\nSembilan.\n\n## Retur\n\nBisa.\n")
    knowledge = await open_knowledge("a.md")
    await knowledge.settled()
    await knowledge.sync()
    await knowledge.aclose()
    chroma = await index_of(tmp_path, store)
    assert set(chroma.hashes()) == {"a.md#1", "a.md#2"}
    chroma.close()


async def index_of(folder: Path, store: KnowledgeStore) -> ChromaIndex:
    chroma = ChromaIndex(ChromaSettings(), folder, await store.identity(), HashedGrams.name)
    chroma.open()
    return chroma


async def test_a_kill_in_the_middle_of_a_sync_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    database = open_database("sqlite:///ledger.db", base=tmp_path)
    await asyncio.to_thread(migrate.upgrade, database.engine)
    running = subprocess.Popen(
        [sys.executable, "-c", SYNC, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "synced\n"
    time.sleep(0.15)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    write_round(tmp_path, 999)
    store = SqlKnowledgeStore(database)
    settings = KnowledgeSettings.model_validate({"sources": ["docs/*.md"]})
    async with httpx.AsyncClient() as client, await Knowledge.open(settings, tmp_path, store, client) as knowledge:
        await knowledge.settled()
        await knowledge.sync()
        assert knowledge.problem is None
    rows = await store.passages()
    assert (len(rows), {row.text.split()[-1] for row in rows}) == (60, {"999"})
    chroma = await index_of(tmp_path, store)
    held = chroma.hashes()
    assert held.keys() == {row.id for row in rows}
    texts = {f"{row.id}": f"{row.title}\n{row.text}" for row in rows}
    vectors = HashedGrams().vectors(list(texts.values()))
    assert chroma.is_sound(dict(zip(texts, vectors, strict=True)))
    chroma.close()
    await database.aclose()


def damage_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"\0" * 8192)


def damage_vectors(folder: Path) -> None:
    [path] = folder.glob("*/data_level0.bin")
    path.write_bytes(b"\0" * path.stat().st_size)


def lose_segment(folder: Path) -> None:
    [path] = folder.glob("*/header.bin")
    path.unlink()


def end_the_process_that_opens_it(folder: Path) -> None:
    [path] = folder.glob("*/header.bin")
    path.write_bytes(path.read_bytes()[:50])


OPEN = """
import sys
from pathlib import Path
from knowledge.index.chroma import ChromaIndex
from knowledge.settings import ChromaSettings

chroma = ChromaIndex(ChromaSettings(), Path(sys.argv[1]), sys.argv[2], "hashed-384")
chroma.open()
chroma.hashes()
"""


@pytest.mark.parametrize("damage", [damage_database, damage_vectors, lose_segment, end_the_process_that_opens_it])
async def test_a_damaged_index_is_rebuilt_from_the_ledger_at_the_next_start_and_that_is_said(
    tmp_path: Path,
    open_knowledge: OpenKnowledge,
    store: MemoryStore,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    chapters = "".join(f"## Bab {n}\n\nisi bab nomor {n} tentang kopi\n\n" for n in range(1200))
    (tmp_path / "a.md").write_text(chapters)  # Chroma writes its files only after a thousand records
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    await knowledge.settled()
    await knowledge.aclose()
    damage(tmp_path / ".balas/chroma")
    if damage is end_the_process_that_opens_it:
        command = [sys.executable, "-c", OPEN, str(tmp_path), await store.identity()]
        assert subprocess.run(command, check=False).returncode == -signal.SIGSEGV
    structlog.reset_defaults()
    knowledge = await open_knowledge("a.md")
    await knowledge.settled()
    assert knowledge.problem is None
    assert (await knowledge.search(["isi bab nomor 7"])).hits
    await knowledge.aclose()
    if damage is not end_the_process_that_opens_it:
        assert "rebuilding it from the ledger" in capsys.readouterr().out
    chroma = await index_of(tmp_path, store)
    assert len(chroma.hashes()) == 1200
    chroma.close()


async def test_wrong_vectors_and_a_wrong_count_are_put_right_at_the_next_start(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    (tmp_path / "a.md").write_text("".join(f"## Bab {n}\n\nisi nomor {n}\n\n" for n in range(30)))
    knowledge = await open_knowledge("a.md")
    await knowledge.sync()
    await knowledge.settled()
    await knowledge.aclose()
    chroma = await index_of(tmp_path, store)
    held = chroma.hashes()
    wrong = HashedGrams().vectors(["sesuatu yang lain"] * 30)
    chroma.put([Entry(id_, hash_, id_, "a.md", "x") for id_, hash_ in held.items()], wrong)
    chroma.remove(["a.md#3"])
    chroma.put([Entry("b.md#1", "h", "b.md#1", "b.md", "tidak ada lagi")], wrong[:1])
    chroma.close()
    knowledge = await open_knowledge("a.md")
    await knowledge.settled()
    await knowledge.aclose()
    chroma = await index_of(tmp_path, store)
    assert chroma.hashes() == held
    rows = [*await store.passages()]
    vectors = HashedGrams().vectors([f"{row.title}\n{row.text}" for row in rows])
    assert chroma.is_sound({row.id: vector for row, vector in zip(rows, vectors, strict=True)})
    chroma.close()


async def test_chroma_that_cannot_be_opened_leaves_the_keywords_to_answer(
    tmp_path: Path, open_knowledge: OpenKnowledge, store: MemoryStore
) -> None:
    (tmp_path / "a.md").write_text("# Jam buka\n\nDelapan.\n")
    knowledge = await open_knowledge("a.md", chroma={"url": "http://127.0.0.1:9"})
    await knowledge.sync()
    await knowledge.settled()
    assert "http://127.0.0.1:9 cannot be opened" in (knowledge.problem or "")
    assert (await knowledge.search(["jam buka"])).hits[0].text == "Delapan."
