"""What the model may see of what was found, and when only a human may answer."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from agent.turn.retrieval import Retrieved, rests_on_outdated
from knowledge import Hit, SearchResult


@dataclass(frozen=True)
class Rated:
    score: float
    stale: bool


def old(score: float) -> Rated:
    return Rated(score, stale=True)


def new(score: float) -> Rated:
    return Rated(score, stale=False)


@pytest.mark.parametrize(
    ("hits", "needs_human"),
    [
        ([], False),
        ([new(0.5)], False),
        ([old(0.5)], True),
        ([old(0.5), old(0.4)], True),
        ([new(0.5), old(0.4)], False),  # a current passage fits best
        ([old(0.5), new(0.47)], False),  # a current one fits as well
        ([old(0.5), new(0.41)], True),  # the current ones are about something near
        ([old(0.5), new(0.1)], True),
        ([old(0.1)], False),  # nothing that was found is what was asked for
        ([old(0.1), new(0.02)], False),
    ],
)
def test_an_answer_that_would_rest_on_an_outdated_passage_needs_a_human(hits: list[Rated], needs_human: bool) -> None:
    assert rests_on_outdated(hits) is needs_human


def hit(text: str, score: float, *, stale: bool = False) -> Hit:
    source = text.split(maxsplit=1)[0]
    return Hit(f"{source}#1", source, "Judul", text, score, datetime(2026, 3, 1, tzinfo=UTC), stale=stale)


def found(*hits: Hit, off_topic: bool = False) -> SearchResult:
    return SearchResult(hits, hits[0].score if hits else 0.0, "keywords", off_topic)


def test_an_outdated_passage_is_never_shown_and_its_absence_is_told() -> None:
    retrieved = Retrieved.of(found(hit("harga.csv 25000", 0.6, stale=True), hit("faq.md Buka jam 8", 0.58)))
    assert "25000" not in retrieved.passages
    assert "Buka jam 8" in retrieved.passages
    assert "too old to be relied on and were left out" in retrieved.passages
    assert (retrieved.outdated, retrieved.needs_human) == (("harga.csv",), False)


def test_current_passages_alone_are_shown_without_a_remark() -> None:
    retrieved = Retrieved.of(found(hit("faq.md Buka jam 8", 0.5)))
    assert retrieved.passages.endswith("</passages>")
    assert (retrieved.outdated, retrieved.nearest) == ((), "faq.md#1")


def test_what_is_plainly_about_something_else_is_not_shown_and_needs_nobody() -> None:
    retrieved = Retrieved.of(found(hit("harga.csv 25000", 0.04, stale=True), off_topic=True))
    assert (retrieved.passages, retrieved.needs_human, retrieved.off_topic) == ("", False, True)


def test_a_resumed_turn_sees_the_same() -> None:
    retrieved = Retrieved.of(found(hit("harga.csv 25000", 0.6, stale=True)))
    assert Retrieved.read({"mode": "keywords", **retrieved.written()}) == retrieved
