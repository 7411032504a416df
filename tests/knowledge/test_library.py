"""A library scores passages by the best phrasing, once per entry, and prefers the language of the question."""

from collections.abc import Sequence
from datetime import UTC, datetime

from knowledge.documents.passage import Document, Passage
from knowledge.library import Library, top


def library(passages: Sequence[Passage], languages: dict[str, str | None] | None = None) -> Library:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    spoken = languages or {}
    documents = [
        Document(name, "s", "h", "", now, language=spoken.get(name))
        for name in dict.fromkeys(p.document for p in passages)
    ]
    return Library.build(passages, documents, (), ())


def test_a_phrasing_of_an_entry_finds_the_entry_once() -> None:
    entry = Passage(
        "a#1", "a", "Ada di lantai dua.", 0, 9, ("Musala",), aliases=("tempat sholat dimana", "bisa salat ga")
    )
    other = Passage("b#1", "b", "Tempat duduk di teras boleh untuk merokok.", 0, 9)
    found = top(library([entry, other]).scores(["sholatnya dmn"], None), 10)
    assert found[0][0] == 0
    assert len(found) == len({at for at, _ in found})


def test_several_questions_at_once_count_by_the_one_that_fits_best() -> None:
    both = library(
        [Passage("a#1", "a", "Kedai buka pukul delapan.", 0, 1), Passage("b#1", "b", "We ship worldwide.", 0, 1)]
    )
    alone, together = both.scores(["do you ship"], None), both.scores(["zzz qqq", "do you ship"], None)
    assert together[1] == alone[1] > together[0]


def test_a_passage_in_another_language_counts_a_little_less() -> None:
    both = library(
        [Passage("id#1", "id", "Menu kopi", 0, 1), Passage("en#1", "en", "Menu kopi", 0, 1)], {"id": "id", "en": "en"}
    )
    assert [at for at, _ in top(both.scores(["menu kopi"], "en"), 2)] == [1, 0]
    assert [at for at, _ in top(both.scores(["menu kopi"], "id"), 2)] == [0, 1]


def test_an_empty_library_and_an_empty_question_find_nothing() -> None:
    assert len(library([]).scores(["apa"], None)) == 0
    assert top(library([Passage("a#1", "a", "...", 0, 3)]).scores(["apa"], None), 5) == []
    assert top(library([Passage("a#1", "a", "kopi", 0, 3)]).scores(["", "?!"], None), 5) == []
