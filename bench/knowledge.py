"""What a large knowledge base costs: building the index, asking it, looking at it again, and Chroma beside it.

    python -m bench.knowledge [--documents 10000] [--records 100000]

Everything is real (files, a SQLite ledger, an embedded Chroma) in a temporary folder, and nothing needs a network.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from agent.ledger import migrate
from agent.ledger.knowledge import SqlKnowledgeStore
from agent.ledger.sqlite import SqliteDatabase
from knowledge import Knowledge, KnowledgeSettings
from knowledge.index.chroma import ChromaIndex, Entry
from knowledge.library import Library
from knowledge.settings import ChromaSettings

QUESTIONS = 300
DIMENSIONS = 384
GATES = {
    "index build, CPU": "< 4 s",
    "question, CPU": "< 10 ms",
    "unchanged sync": "< 2 s",
    "Chroma p99": "< 15 ms",
}


def sentences(chance: random.Random) -> Iterator[str]:
    """Words as rare as those of a language: half of what is said is said with a hundred of them."""
    syllables = [a + b for a in "bcdghjklmnprst" for b in "aeiou"]
    vocabulary = ["".join(chance.choices(syllables, k=chance.randrange(2, 5))) for _ in range(30_000)]
    weights = np.cumsum([1 / (rank + 3) for rank in range(len(vocabulary))]).tolist()
    while True:
        yield " ".join(chance.choices(vocabulary, cum_weights=weights, k=14)).capitalize() + "."


async def at_work(folder: Path, documents: int) -> dict[str, str]:
    """Files in, questions asked, and a second look that finds nothing new."""
    said = sentences(random.Random(1))
    (folder / "docs").mkdir()
    for n in range(documents):
        text = f"# {next(said)[:-1]}\n\n" + " ".join(next(said) for _ in range(8)) + "\n"
        (folder / "docs" / f"{n}.md").write_text(text)
    database = SqliteDatabase(folder / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    settings = KnowledgeSettings.model_validate({"sources": ["docs/*.md"]})
    store = SqlKnowledgeStore(database)
    async with (
        httpx.AsyncClient() as client,
        await Knowledge.open_without_chroma(settings, folder, store, client) as knowledge,
    ):
        began = time.perf_counter()
        await knowledge.sync()
        first = time.perf_counter() - began
        await asyncio.sleep(0.2)  # a file this young may change within its time stamp, so it would be read again
        again = []
        for _ in range(3):
            began, began_cpu = time.perf_counter(), time.process_time()
            await knowledge.sync()
            again.append((time.perf_counter() - began, time.process_time() - began_cpu))
        kept = await store.everything()
        began_cpu = time.process_time()
        library = Library.build(kept.passages, kept.documents, kept.sources, settings.sources)
        build = time.process_time() - began_cpu
        questions = [" ".join(next(said).split()[:6]) for _ in range(QUESTIONS)]
        began_cpu = time.process_time()
        for question in questions:
            library.scores([question], None)
        asked = (time.process_time() - began_cpu) * 1000 / QUESTIONS
    await database.aclose()
    return {
        "first sync": f"{first:.1f} s",
        "unchanged sync": "{:.2f} s, {:.2f} s of CPU".format(*min(again)),
        "index build, CPU": f"{build:.1f} s",
        "question, CPU": f"{asked:.1f} ms",
    }


def chroma(folder: Path, records: int) -> dict[str, str]:
    """Vectors in groups, as texts have them, put into an embedded Chroma and asked for one at a time."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(max(records // 100, 1), DIMENSIONS))
    index = ChromaIndex(ChromaSettings(path=Path("chroma")), folder, "bench", "bench")
    index.open()
    began = time.perf_counter()
    for start in range(0, records, 1000):
        names = [f"d#{n}" for n in range(start, min(start + 1000, records))]
        entries = [Entry(name, name, name, "d", f"isi {name}") for name in names]
        index.put(entries, _near(centres, len(entries), chance))
    ingest = time.perf_counter() - began
    questions = _near(centres, QUESTIONS + 20, chance)
    for row in questions[:20]:
        index.nearest(row.reshape(1, -1), 50)
    spent = []
    for row in questions[20:]:
        began = time.perf_counter()
        index.nearest(row.reshape(1, -1), 50)
        spent.append((time.perf_counter() - began) * 1000)
    index.close()
    p50, p99 = np.percentile(spent, [50, 99])
    return {"Chroma ingest": f"{ingest:.0f} s", "Chroma p50": f"{p50:.1f} ms", "Chroma p99": f"{p99:.1f} ms"}


def _near(
    centres: "np.typing.NDArray[np.float64]", count: int, chance: np.random.Generator
) -> "np.typing.NDArray[np.float32]":
    rows = centres[chance.integers(len(centres), size=count)] + 0.5 * chance.normal(size=(count, DIMENSIONS))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def table(title: str, figures: dict[str, str]) -> Table:
    shown = Table("what", "measured", "should be", title=title)
    for name, figure in figures.items():
        shown.add_row(name, figure, GATES.get(name, ""))
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.knowledge", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=10_000, help="files of one passage each")
    parser.add_argument("--records", type=int, default=100_000, help="vectors in Chroma; 0 leaves it out")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(at_work(Path(folder), chosen.documents))
        Console().print(table(f"{chosen.documents:,} documents", figures))
        if chosen.records:
            Console().print(table(f"{chosen.records:,} vectors", chroma(Path(folder), chosen.records)))


if __name__ == "__main__":
    main()
