"""How likely an answer is a yes: what the weights are learnt from, and how they read answers that they have not learnt."""

from pathlib import Path

import pytest

from language import answers
from language.answers import examples, learn, likelihood
from language.consent import consent

STORED = {
    path.name: list(examples(path.read_text("utf-8").splitlines()))
    for path in sorted((Path(__file__).parent / "data").glob("consent*.txt"))
}


def test_the_weights_are_learnt_from_the_stored_answers() -> None:
    """`python -m language.answers tests/language/data/consent*.txt` writes them."""
    learnt = learn([one for name in sorted(STORED) for one in STORED[name]])
    kept = answers._weights()
    assert sum(abs(a - b) > 1 for a, b in zip(learnt, kept, strict=True)) <= len(kept) // 1000


@pytest.mark.parametrize("name", ["consent_fresh_7.txt", "consent_fresh_8.txt", "consent_fresh_12.txt"])
def test_a_batch_that_was_not_learnt_is_read_without_a_wrong_yes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = learn([one for other in sorted(STORED) if other != name for one in STORED[other]])
    monkeypatch.setattr(answers, "_weights", lambda: learnt)
    read = [(one.agrees, consent(one.text, one.question) == "yes") for one in STORED[name]]
    assert not any(yes and not agrees for agrees, yes in read)
    assert sum(yes for agrees, yes in read if agrees) >= 0.88 * sum(agrees for agrees, _ in read)


def test_words_of_the_question_and_new_numbers_are_told_apart() -> None:
    asked = "kirim 2 kotak?"
    assert likelihood("ya 2 kotak", asked, undoing=False) > likelihood("ya 3 kotak", asked, undoing=False)
    assert likelihood("batalkan", "batalkan pesanan?", undoing=True) > 0.8
    assert likelihood("batalkan", asked, undoing=False) < 0.2
