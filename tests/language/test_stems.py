"""Stems of Indonesian, Malay and English words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.stems import stems

WORDS = [
    ("membatalkan", "batal"),
    ("dibatalkan", "batal"),
    ("pembatalan", "batal"),
    ("pesanannya", "pesanan"),
    ("mengirimkan", "kirim"),
    ("pengiriman", "kirim"),
    ("menukar", "tukar"),
    ("memakai", "pakai"),
    ("menyapu", "sapu"),
    ("terlambat", "lambat"),
    ("berlangganan", "langgan"),
    ("uangku", "uang"),
    ("cancelled", "cancel"),
    ("ships", "ship"),
    ("deliveries", "delivery"),
    ("changed", "change"),
    ("roaster", "roast"),
]


@pytest.mark.parametrize(("word", "stem"), WORDS)
def test_a_word_is_cut_to_its_stem(word: str, stem: str) -> None:
    assert stem in stems(word)


@pytest.mark.parametrize("word", ["pesanan", "makanan", "minuman", "selasa", "menu", "beras", "terima"])
def test_a_word_that_means_something_else_when_it_is_cut_stays_whole(word: str) -> None:
    assert stems(word) == {word}


@pytest.mark.parametrize("word", ["gas", "kiss", "red", "ring", "di", "me", "12300", "密码", ""])
def test_what_would_leave_too_little_is_not_cut(word: str) -> None:
    assert stems(word) == {word}


@given(st.text(max_size=40))
def test_a_word_is_among_its_stems_and_none_is_longer(word: str) -> None:
    found = stems(word)
    assert word in found
    assert all(len(stem) <= len(word) for stem in found)
