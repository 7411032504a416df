"""What words mean: short forms, words that say little, notions."""

import pytest

from language import languages
from language.lexicon import (
    NOTIONS,
    RELATED,
    SLANG,
    STOPWORDS,
    content,
    forms,
    hints,
    names,
    vocabulary,
    weight,
    words,
    written_out,
)
from language.tables import section


def test_a_short_form_may_stand_for_several_words_indonesian_ones_first() -> None:
    assert SLANG["hr"] == ("hari", "hour")
    assert SLANG["no"] == ("nomor", "number")


def test_a_short_form_is_written_out_unless_it_is_a_word_itself() -> None:
    assert words("brp hrg kopi gmn byrnya hr ini") == ["berapa", "harga", "kopi", "bagaimana", "byrnya", "hari", "ini"]
    assert [written_out(word) for word in ("no", "lagi", "min", "2", "n")] == ["no", "lagi", "min", "2", "n"]


def test_a_compound_is_one_word_however_it_is_written() -> None:
    assert words("Wi-Fi wi fi check-in cek in") == ["wifi", "wifi", "checkin", "checkin"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("membatalkan", "cancelled"),
        ("harga", "price"),
        ("penghantaran", "shipping"),
        ("dikirim", "delivery"),
        ("ahad", "sunday"),
        ("saiz", "ukuran"),
        ("waranti", "garansi"),
    ],
)
def test_words_of_three_languages_share_a_form(one: str, other: str) -> None:
    assert not forms(one).isdisjoint(forms(other))
    assert not forms("kopi") & forms(other)


def test_a_related_word_is_related_both_ways_and_never_to_itself() -> None:
    assert all(word in RELATED[other] for word, others in RELATED.items() for other in others)
    assert all(word not in others for word, others in RELATED.items())


def test_every_notion_is_called_the_same_in_every_language() -> None:
    named = set(section("id", "lexicon")["notions"])
    for language in languages():
        assert set(section(language, "lexicon")["notions"]) - named == set()
    assert set(section("id", "lexicon")["hints"]) <= named
    assert NOTIONS["price"] == NOTIONS["harga"] == ("harga",)


def test_words_that_say_nothing_of_the_subject_are_left_out() -> None:
    assert content("Kak, apakah kalian ada kopi susu? Kopi apa saja") == ["kopi", "susu"]
    assert content("could you tell me the price please") == ["price"]
    assert content("buka malam ya kak?") == ["buka", "malam"]


def test_greetings_count_less_than_grammar_and_grammar_less_than_the_subject() -> None:
    assert STOPWORDS["kak"] < STOPWORDS["berapa"] < 1
    assert "kopi" not in STOPWORDS


def test_question_words_hint_at_what_is_asked_for() -> None:
    assert hints("where are you") == {"alamat"}
    assert hints("brp dan kapan") == {"harga", "jam"}
    assert hints("kopi") == set()


def test_names_are_written_with_a_capital_inside_a_sentence() -> None:
    assert names("Apakah ada cabang di Cape Town? Kirim ke sana") == {"cape", "town"}
    assert names("APAKAH ADA CABANG") == set()


def test_a_word_that_many_passages_hold_tells_less() -> None:
    assert weight("barang") < weight("10234") < weight("bayar") < weight("garansi") == 1.0


def test_a_text_has_a_word_in_another_language_or_misspelt() -> None:
    text = vocabulary("Garansi mesin cuci 18 bulan. Kami mengirim ke seluruh kota.")
    assert all(text.has(word) for word in ("warranty", "garanssi", "washing", "pengiriman", "months"))
    assert not any(text.has(word) for word in ("kopi", "gara", "parkir"))


def test_a_word_of_grammar_names_no_notion() -> None:
    assert forms("arrives") & forms("tiba")
    assert not forms("arrives") & forms("sampai")
