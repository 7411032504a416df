"""How likely an answer is a yes: what the weights are learnt from, and how they read answers that they have not learnt."""

from pathlib import Path

import pytest

from language import answers
from language.answers import examples, learn, likelihood, rows
from language.consent import consent
from language.reading import read

STORED = {
    path.name: list(examples(path.read_text("utf-8").splitlines()))
    for path in sorted((Path(__file__).parent / "data").glob("consent*.txt"))
}


UNLEARNT = ["consent_fresh_8.txt", "consent_fresh_12.txt", "consent_fresh_21.txt", "consent_fresh_22.txt"]


def test_the_weights_are_those_learnt_from_the_stored_answers_and_read_others_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`python -m language.answers tests/language/data/consent*.txt` writes them."""
    prepared = {name: rows(stored) for name, stored in STORED.items()}
    learnt, kept = learn(row for name in sorted(STORED) for row in prepared[name]), answers._weights()
    assert sum(abs(a - b) > 1 for a, b in zip(learnt, kept, strict=True)) <= len(kept) // 1000

    others = learn(row for name in sorted(STORED) if name not in UNLEARNT for row in prepared[name])
    monkeypatch.setattr(answers, "_weights", lambda: others)
    for name in UNLEARNT:
        found = [(one.agrees, consent(one.text, one.question) == "yes") for one in STORED[name]]
        assert not any(yes and not agrees for agrees, yes in found), name
        assert sum(yes for agrees, yes in found if agrees) >= 0.88 * sum(agrees for agrees, _ in found), name


def test_words_of_the_question_and_new_numbers_are_told_apart() -> None:
    def likely(text: str, asked: str) -> float:
        return likelihood(read(text, asked))

    asked = "Kirim 2 kotak?"
    assert likely("ya 2 kotak", asked) > likely("ya 3 kotak", asked)
    assert likely("batalkan", "Batalkan pesanan?") > 0.8
    assert likely("batalkan", asked) < 0.2
