"""What a clause says was done for this customer, in words that no pattern lists, and what the weights are learnt from."""

from pathlib import Path

import pytest

from actions import assertions
from actions.assertions import asserted, examples, learn, likelihood
from actions.claims import unproven
from actions.sentences import Clause

DATA = Path(__file__).parent / "data"


def test_the_weights_are_learnt_from_the_stored_replies() -> None:
    """`python -m actions.assertions tests/actions/data/claims*.tsv` writes them."""
    stored = [
        one for path in sorted(DATA.glob("claims*.tsv")) for one in examples(path.read_text("utf-8").splitlines())
    ]
    learnt, kept = learn(stored), assertions._weights()
    assert sum(abs(a - b) > 1 for a, b in zip(learnt, kept, strict=True)) <= len(kept) // 1000


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Jendela Kakak sudah dipoles tim kami.", "sudah dipoles"),
        ("Gaun Ibu lagi dijahit sekarang", "lagi dijahit"),
        ("Your sofa has been reupholstered", "has been reupholstered"),
        ("I was able to wangle you a discount", "able to wangle"),
        ("udah kuganti ya alamatnya", "udah kuganti"),
        ("Kartu Kakak sudah tidak aktif lagi", "sudah tidak aktif"),
    ],
)
def test_any_predicate_behind_a_sign_of_completion_is_found(said: str, words: str) -> None:
    told = asserted(Clause(said))
    assert told is not None
    assert told.text.startswith(words)


@pytest.mark.parametrize(
    "said",
    [
        "Jendela Kakak belum dipoles",
        "Apakah jendela Kakak sudah dipoles?",
        "Kalau jendela Kakak sudah dipoles kami kabari",
        "Jendela yang sudah dipoles tidak boleh dilap",
        "Semua jendela sudah dipoles",
        "Sudah saya jelaskan tadi ya",
        "I have not reupholstered your sofa",
        "We opened a new branch in May",
        "You're welcome",
        "",
        "…",
    ],
)
def test_what_is_open_or_of_everyone_or_only_talk_is_none(said: str) -> None:
    assert asserted(Clause(said)) is None


def test_what_is_told_of_the_customer_is_likelier_than_what_is_told_of_the_shop() -> None:
    assert likelihood(Clause("Pesanan Kakak sudah dibatalkan")) > 0.9
    assert likelihood(Clause("Kami buka setiap hari kerja")) < 0.1


@pytest.mark.parametrize(
    "said",
    [
        "Put it in the fridge after opening.",
        "Put it so yourself if it is clear.",
        "Set it to 180 degrees.",
        "Cut it into four pieces.",
        "You have 7 days to return it.",
    ],
)
def test_what_the_customer_is_told_to_do_or_may_do_is_not_said_to_be_done(said: str) -> None:
    assert unproven(said, [], []) == []


def test_a_deed_that_begins_with_such_a_word_is_said_to_be_done() -> None:
    assert unproven("Put you down for Tuesday.", [], [])
