"""Words and grams."""

import string

from hypothesis import given
from hypothesis import strategies as st

from language.tokens import fold, grams, is_spaceless, normal, spelled, tokens, words


def test_numbers_are_one_however_they_are_written() -> None:
    assert words("Rp25rb 25.000 25k 25ribu Rp 25,000") == ["25000"] * 5
    assert words("1,5jt") == ["1500000"]
    assert words("10.000.000 dan 3.5 kg") == ["10000000", "dan", "3", "5", "kg"]


def test_accents_and_apostrophes_do_not_matter() -> None:
    assert words("Café O'Neil jum’at") == ["cafe", "oneil", "jumat"]


def test_grams_mark_where_a_word_begins_and_ends() -> None:
    assert grams("kopi") == (" kop", "kopi", "opi ")
    assert grams("ya") == (" ya ",)
    assert grams("咖啡店") == ("咖啡", "啡店")


def test_letters_keep_their_apostrophes_and_leave_numbers_out() -> None:
    assert spelled(fold("I’ll pay 50k, don't worry")) == ["i'll", "pay", "k", "don't", "worry"]


def test_a_mixed_text_is_cut_where_a_script_without_spaces_begins() -> None:
    assert words("wifi密码 kopi") == ["wifi", "密码", "kopi"]
    assert [is_spaceless(word) for word in ("密码", "kopi", "")] == [True, False, False]


@given(st.text())
def test_folding_twice_changes_no_more_than_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(string.ascii_letters + " '’"))
def test_the_words_of_a_text_are_those_of_its_normal_form(text: str) -> None:
    assert words(text) == tokens(normal(text)) == words(normal(text))
