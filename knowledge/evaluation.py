"""Measures retrieval: recall, rank and latency for questions whose relevant passages are known (`balas knowledge eval`)."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import EvaluationError
from knowledge.results import SearchResult

DEPTH = 10  # passages per question

Search = Callable[[Sequence[str], int], Awaitable[SearchResult]]
"""`Knowledge.search`: phrasings of one question and how many passages."""


@dataclass(frozen=True, slots=True)
class Question:
    """`relevant` are passage ids (`docs/faq.md#3`) or documents (`docs/faq.md`); one of them found is enough."""

    query: str
    relevant: frozenset[str]


@dataclass(frozen=True, slots=True)
class Miss:
    """A question whose answer was not first. `rank` is where it stood, or `None` beyond the tenth."""

    query: str
    rank: int | None
    found: str | None  # the passage that stood first


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Recall at 1, 5 and 10 and mean reciprocal rank as shares, latency in milliseconds."""

    questions: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    latency_p50: float
    latency_p99: float
    mode: str
    misses: tuple[Miss, ...]


def read_questions(file: Path) -> list[Question]:
    """Read JSON Lines of the form `{"query": …, "relevant": [ids]}`.

    Raises:
        EvaluationError: the file cannot be read or is empty, or a line is wrong; the message names it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{file} cannot be read: {error}") from error
    questions = [_question(f"{file}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not questions:
        raise EvaluationError(
            f'{file} holds no questions; write lines such as {{"query": "…", "relevant": ["docs/faq.md#1"]}}'
        )
    return questions


def _question(place: str, line: str) -> Question:
    try:
        value: Any = json.loads(line)
    except ValueError as error:
        raise EvaluationError(f"{place}: not JSON: {error}") from error
    query, relevant = (value.get("query"), value.get("relevant")) if isinstance(value, dict) else (None, None)
    if not isinstance(query, str) or not query.strip():
        raise EvaluationError(f'{place}: "query" must be a text')
    if not isinstance(relevant, list) or not relevant or not all(isinstance(one, str) for one in relevant):
        raise EvaluationError(f'{place}: "relevant" must be a list of passage or document ids')
    return Question(query, frozenset(relevant))


async def evaluate(search: Search, questions: Sequence[Question]) -> Evaluation:
    """Ask every question, one after the other, and rank its first relevant passage among the best 10."""
    ranks: list[int | None] = []
    latencies: list[float] = []
    misses: list[Miss] = []
    mode = "keywords"
    for question in questions:
        found = await search([question.query], DEPTH)
        latencies.append(found.milliseconds)
        mode = found.mode
        rank = next(
            (at for at, hit in enumerate(found.hits, start=1) if {hit.id, hit.source} & question.relevant), None
        )
        ranks.append(rank)
        if rank != 1:
            misses.append(Miss(question.query, rank, found.hits[0].id if found.hits else None))

    def recall(depth: int) -> float:
        return sum(rank is not None and rank <= depth for rank in ranks) / len(ranks)

    latencies.sort()
    return Evaluation(
        questions=len(ranks),
        recall_at_1=recall(1),
        recall_at_5=recall(5),
        recall_at_10=recall(DEPTH),
        mrr=sum(1 / rank for rank in ranks if rank) / len(ranks),
        latency_p50=latencies[len(latencies) // 2],
        latency_p99=latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))],
        mode=mode,
        misses=tuple(misses),
    )
