"""How well passages are found, beside plain BM25 over words.

    python -m bench.retrieval [FOLDER]                     every question set in a folder, by default ../shared/data/retrieval
    python -m bench.retrieval --docs FILE --queries FILE   one set of your own, as JSON Lines

A question set is a JSON file `{"lang", "docs": [{"id", "title", "text"}], "queries": [{"id", "text", "rel": [id]}], "far": [text]}`;
`far` are questions that no document answers. Of your own set, a document is a line `{"id", "text", "title"?}`, a question
`{"query", "relevant": [id]}`.

`build(docs)` returns `search(query, k) -> [(id, score)]` over the search that the agent uses, with no network.
"""

import argparse
import json
import math
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.chat import as_chat
from knowledge.documents.passage import Document
from knowledge.documents.splitter import split
from knowledge.documents.text import load_plain
from knowledge.library import Library, top

SETS = Path(__file__).parents[2] / "shared/data/retrieval"
"""Question sets lie beside the project: their licences are not ours."""

Search: TypeAlias = Callable[[str, int], list[tuple[str, float]]]
Docs: TypeAlias = Sequence[Mapping[str, str]]


def build(docs: Docs) -> Search:
    """Cuts the documents into passages, indexes them, and searches as the agent does; a document counts by its best passage."""
    now = datetime.now(UTC)
    documents, passages = [], []
    for doc in docs:
        loaded = load_plain(doc["text"].encode())
        documents.append(Document(doc["id"], "bench", "", loaded.text, now))
        passages += split(doc["id"], loaded, doc.get("title") or None)
    library = Library.build(passages, documents, (), ())

    def search(query: str, k: int) -> list[tuple[str, float]]:
        best: dict[str, float] = {}
        for at, score in top(library.scores([query], None), 3 * k):
            best.setdefault(library.passages[at].document, score)
        return list(best.items())[:k]

    return search


def word_bm25(docs: Docs) -> Search:
    """The baseline: BM25 over lower-case words, k1 1.2, b 0.75."""
    k1, b = 1.2, 0.75
    ids = [doc["id"] for doc in docs]
    counts = [Counter(_words(f"{doc.get('title', '')} {doc['text']}")) for doc in docs]
    lengths = [sum(count.values()) for count in counts]
    mean = sum(lengths) / max(len(lengths), 1)
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for at, count in enumerate(counts):
        for word, tf in count.items():
            postings[word].append((at, tf * (k1 + 1) / (tf + k1 * (1 - b + b * lengths[at] / mean))))

    def search(query: str, k: int) -> list[tuple[str, float]]:
        found: dict[int, float] = defaultdict(float)
        for word in _words(query):
            several = postings.get(word, ())
            idf = math.log(1 + (len(ids) - len(several) + 0.5) / (len(several) + 0.5))
            for at, impact in several:
                found[at] += idf * impact
        return [(ids[at], score) for at, score in sorted(found.items(), key=lambda item: -item[1])[:k]]

    return search


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@dataclass(frozen=True, slots=True)
class Score:
    """Recall as shares, `apart` is the chance that an answerable question scores above one that no document answers."""

    r1: float
    r5: float
    r10: float
    mrr: float
    apart: float | None
    milliseconds: float  # of CPU, per question


def score(
    search: Search, queries: Sequence[Mapping[str, Any]], far: Sequence[str], noisy: Callable[[str], str]
) -> Score:
    ranks: list[int] = []
    answered: list[float] = []
    began = time.process_time()
    for query in queries:
        found = search(noisy(query["text"]), 50)
        relevant = set(query["rel"])
        ranks.append(next((rank for rank, (id_, _) in enumerate(found[:10], start=1) if id_ in relevant), 0))
        answered.append(found[0][1] if found else 0.0)
    spent = (time.process_time() - began) * 1000 / max(len(queries), 1)
    unanswered = [found[0][1] if (found := search(noisy(text), 1)) else 0.0 for text in far]
    share = lambda k: sum(0 < rank <= k for rank in ranks) / max(len(ranks), 1)  # noqa: E731
    mrr = sum(1 / rank for rank in ranks if rank) / max(len(ranks), 1)
    return Score(share(1), share(5), share(10), mrr, _apart(answered, unanswered), spent)


def _apart(answered: Sequence[float], unanswered: Sequence[float]) -> float | None:
    if not answered or not unanswered:
        return None
    wins = sum((a > u) + 0.5 * (a == u) for a in answered for u in unanswered)
    return wins / (len(answered) * len(unanswered))


def load_set(path: Path) -> Mapping[str, Any] | None:
    """A question set, or `None` when the file is something else."""
    read = json.loads(path.read_text())
    return read if isinstance(read, dict) and {"docs", "queries"} <= read.keys() else None


def own_set(docs: Path, queries: Path) -> Mapping[str, Any]:
    lines = [json.loads(line) for line in queries.read_text().splitlines() if line.strip()]
    asked = [{"id": str(at), "text": line["query"], "rel": line["relevant"]} for at, line in enumerate(lines)]
    return {
        "lang": "id",
        "docs": [json.loads(line) for line in docs.read_text().splitlines() if line.strip()],
        "queries": asked,
        "far": [],
    }


def table(sets: Mapping[str, Mapping[str, Any]]) -> Table:
    shown = Table(
        "questions", "as", "n", "search", "R@1", "R@5", "R@10", "MRR", "AUC", "CPU ms", title="Retrieval, no network"
    )
    for name, task in track(sets.items(), "searching", console=Console(stderr=True), transient=True):
        docs = [{**doc, "title": doc.get("title", "") if task.get("use_title", True) else ""} for doc in task["docs"]]
        for label, search in (("words", word_bm25(docs)), ("balas", build(docs))):
            for noise, noisy in (("written", str), ("chat", lambda text, lang=task["lang"]: as_chat(text, lang))):
                result = score(search, task["queries"], task.get("far", ())[:400], noisy)
                shares = [f"{100 * share:.1f}" for share in (result.r1, result.r5, result.r10)]
                apart = "" if result.apart is None else f"{result.apart:.2f}"
                count, cost = str(len(task["queries"])), f"{result.milliseconds:.1f}"
                shown.add_row(name, noise, count, label, *shares, f"{result.mrr:.3f}", apart, cost)
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=SETS, help="folder with question sets")
    parser.add_argument("--docs", type=Path, help="documents of your own, JSON Lines")
    parser.add_argument("--queries", type=Path, help="questions of your own, JSON Lines")
    chosen = parser.parse_args(arguments)
    sets: dict[str, Mapping[str, Any]] = {}
    if chosen.docs and chosen.queries:
        sets[chosen.queries.stem] = own_set(chosen.docs, chosen.queries)
    elif chosen.folder.is_dir():
        read = ((path.stem, load_set(path)) for path in sorted(chosen.folder.glob("*.json")))
        sets.update((name, task) for name, task in read if task)
    if not sets:
        print("no question sets: name a folder that holds some, or --docs and --queries", file=sys.stderr)
        return 1
    Console().print(table(sets))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
