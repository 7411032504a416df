"""How well passages are found, beside plain BM25 over words.

    python -m bench.retrieval [FOLDER]                     every question set in a folder, by default ../shared/data/retrieval
    python -m bench.retrieval --docs FILE --queries FILE   one set of your own, as JSON Lines
    python -m bench.retrieval --embeddings FOLDER|URL      with an embedding model: keywords, vectors and both side by side

A question set is a JSON file `{"lang", "docs": [{"id", "title", "text"}], "queries": [{"id", "text", "rel": [id]}], "far": [text]}`;
`far` are questions that no document answers. Of your own set, a document is a line `{"id", "text", "title"?}`, a question
`{"query", "relevant": [id]}`.

`build(docs)` returns `search(query, k) -> [(id, score)]` over the search that the agent uses, with no network.
"""

import argparse
import asyncio
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

import httpx
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.chat import as_chat
from knowledge.documents.passage import Document
from knowledge.documents.splitter import split
from knowledge.documents.text import load_plain
from knowledge.index.calibration import Calibration, as_question, measure, sample
from knowledge.index.embeddings import Embedder, Vectors, open_embedder
from knowledge.knowledge import blended
from knowledge.library import Floats, Library, top
from knowledge.settings import KnowledgeSettings

SETS = Path(__file__).parents[2] / "shared/data/retrieval"
"""Question sets lie beside the project: their licences are not ours."""

FAR = 400
"""Questions that no document answers, of each set."""

Search: TypeAlias = Callable[[str, int], list[tuple[str, float]]]
Docs: TypeAlias = Sequence[Mapping[str, str]]


def build(docs: Docs) -> Search:
    """Cuts the documents into passages, indexes them, and searches as the agent does; a document counts by its best passage."""
    library = cut(docs)
    return by_document(library, lambda query: library.scores([query], None))


def by_document(library: Library, scores: Callable[[str], Floats]) -> Search:
    """Search for documents by the scores of their passages."""

    def search(query: str, k: int) -> list[tuple[str, float]]:
        best: dict[str, float] = {}
        for at, score in top(scores(query), 3 * k):
            best.setdefault(library.passages[at].document, score)
        return list(best.items())[:k]

    return search


def cut(docs: Docs) -> Library:
    """Cut the documents into passages and index them."""
    now = datetime.now(UTC)
    documents, passages = [], []
    for doc in docs:
        loaded = load_plain(doc["text"].encode())
        documents.append(Document(doc["id"], "bench", "", loaded.text, now))
        passages += split(doc["id"], loaded, doc.get("title") or None)
    return Library.build(passages, documents, (), ())


class Meaning:
    """The vectors of a question set, calibrated as in the agent; `vectors` and `blend` search with them."""

    def __init__(self, library: Library, passages: Vectors, calibration: Calibration, weight: float) -> None:
        self._library, self._passages, self._calibration, self._weight = library, passages, calibration, weight
        self._questions: dict[str, Vectors] = {}

    @classmethod
    async def of(cls, embedder: Embedder, docs: Docs, questions: Sequence[str]) -> "Meaning":
        """Embed the passages and all questions that will be asked."""
        library = cut(docs)
        texts = [entry.text for entry in library.entries()]
        passages = await embedder.embed(texts)
        chosen = sample(texts)
        calibration = measure(
            await embedder.embed_questions([as_question(texts[at]) for at in chosen]), passages[chosen]
        )
        made = cls(library, passages, calibration, embedder.weight)
        understood = [library.index.repair.text(question) for question in questions]
        made._questions = dict(zip(questions, await embedder.embed_questions(understood), strict=True))
        return made

    def vectors(self, query: str) -> Floats:
        cosines = dict(enumerate((self._passages @ self._questions[query]).tolist()))
        mapped = self._calibration.apply(cosines)
        return np.clip(np.array([mapped[at] for at in range(len(mapped))], dtype=np.float32), 0, 1)

    def blend(self, query: str) -> Floats:
        scores = self._library.scores([query], None)
        return blended(scores, dict(enumerate(self.vectors(query).tolist())), self._weight)

    @property
    def searches(self) -> Sequence[tuple[str, Search]]:
        return (
            ("vectors", by_document(self._library, self.vectors)),
            ("blend", by_document(self._library, self.blend)),
        )


async def meanings(embeddings: str, sets: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Meaning]:
    """Embed question sets with a model: a folder, or the base URL of a server, `#` and the model's name behind it."""
    chosen: dict[str, Any] = {"path": embeddings}
    if embeddings.startswith("http"):
        url, _, model = embeddings.partition("#")
        chosen = {"base_url": url, "model": model or "e5"}
    async with httpx.AsyncClient(trust_env=False) as client:
        embedder = open_embedder(KnowledgeSettings.model_validate({"embeddings": chosen}), Path.cwd(), lambda: client)
        return {name: await Meaning.of(embedder, _docs(task), _questions(task)) for name, task in sets.items()}


def _questions(task: Mapping[str, Any]) -> list[str]:
    written = [query["text"] for query in task["queries"]] + list(task.get("far", ())[:FAR])
    return list(dict.fromkeys([*written, *(as_chat(text, task["lang"]) for text in written)]))


def _docs(task: Mapping[str, Any]) -> Docs:
    return [{**doc, "title": doc.get("title", "") if task.get("use_title", True) else ""} for doc in task["docs"]]


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


def table(sets: Mapping[str, Mapping[str, Any]], meant: Mapping[str, Meaning]) -> Table:
    shown = Table("questions", "as", "n", "search", "R@1", "R@5", "R@10", "MRR", "AUC", "CPU ms", title="Retrieval")
    for name, task in track(sets.items(), "searching", console=Console(stderr=True), transient=True):
        docs = _docs(task)
        searches = [("words", word_bm25(docs)), ("keywords" if name in meant else "balas", build(docs))]
        searches += meant[name].searches if name in meant else ()
        for label, search in searches:
            for noise, noisy in (("written", str), ("chat", lambda text, lang=task["lang"]: as_chat(text, lang))):
                result = score(search, task["queries"], task.get("far", ())[:FAR], noisy)
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
    parser.add_argument(
        "--embeddings", help="an embedding model: a folder, or URL#MODEL of an OpenAI-compatible server"
    )
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
    meant = asyncio.run(meanings(chosen.embeddings, sets)) if chosen.embeddings else {}
    Console().print(table(sets, meant))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
