"""Spoken numbers in digits."""

import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import language
from language.numbers import figures, normalise, numbers, runs

INDONESIAN = {
    "saya mau bayar tujuh puluh lima ribu": "saya mau bayar 75000",
    "nomor pesanan saya tujuh dua nol sembilan": "nomor pesanan saya 7209",
    "saya mau pesan dua nasi goreng": "saya mau pesan 2 nasi goreng",
    "seratus dua puluh tiga ribu empat ratus lima puluh enam": "123456",
    "dua belas ribu lima ratus rupiah": "12500 rupiah",
    "sepuluh ribu, sebelas ribu": "10000, 11000",
    "dua ratus lima puluh ribu": "250000",
    "satu setengah juta": "1500000",
    "setengah juta": "500000",
    "satu koma dua lima juta": "1250000",
    "sejuta dua ratus ribu": "1200000",
    "seribu lima ratus": "1500",
    "nol delapan satu dua, tiga empat lima": "0812345",
    "nol delapan dobel satu": "0811",
    "75 ribu": "75000",
    "50rb atau 50k": "50000 atau 50000",
    "1,5 juta": "1500000",
    "Rp75.000,00": "Rp75000",
    "goceng sama goban": "5000 sama 50000",
    "dua tiga ribu": "2 3000",
    "KS strip satu dua tiga empat lima": "KS-12345",
    "k s, strip, 7, 2, 0, 9, 1": "KS-72091",
    "ada satu pertanyaan": "ada 1 pertanyaan",
}
ENGLISH = {
    "order number one two three four": "order number 1234",
    "seven two oh nine": "7209",
    "seven double oh nine": "7009",
    "seventy-five thousand rupiah": "75000 rupiah",
    "a hundred and five": "105",
    "one hundred twenty three thousand four hundred fifty six": "123456",
    "one and a half million": "1500000",
    "half a million": "500000",
    "two point five million": "2500000",
    "twelve hundred": "1200",
    "a table for two tomorrow": "a table for 2 tomorrow",
    "1,250,000 or 1,250.50": "1250000 or 1250.50",
    "KS dash one two three four five": "KS-12345",
}
UNTOUCHED = [
    ("salah satu dari itu", "id"),
    ("satu sama lain", "id"),
    ("stok kosong", "id"),
    ("jam 12.30 tanggal 12.03.2026", "id"),
    ("08123456789", "id"),
    ("kode KS-10423", "id"),
    ("this one or no one", "en"),
    ("oh one moment", "en"),
    ("a coffee and a half", "en"),
    ("deux cafés", "fr"),
]


@pytest.mark.parametrize(("said", "written"), INDONESIAN.items())
def test_indonesian_numbers_are_written_in_digits(said: str, written: str) -> None:
    assert normalise(said, "id") == written


@pytest.mark.parametrize(("said", "written"), ENGLISH.items())
def test_english_numbers_are_written_in_digits(said: str, written: str) -> None:
    assert normalise(said, "en") == written


def test_malay_has_its_own_eight_and_zero() -> None:
    assert normalise("kosong lapan tujuh", "ms") == "087"


@pytest.mark.parametrize(("said", "language"), UNTOUCHED)
def test_what_is_no_number_stays_as_it_was_said(said: str, language: str) -> None:
    assert normalise(said, language) == said


@given(st.integers(min_value=2, max_value=999_999_999))
def test_every_indonesian_amount_is_read_back(amount: int) -> None:
    assert normalise(f"bayar {indonesian(amount)} ya", "id") == f"bayar {amount} ya"


@given(st.integers(min_value=2, max_value=999_999_999))
def test_every_english_amount_is_read_back(amount: int) -> None:
    assert normalise(f"pay {english(amount)} please", "en") == f"pay {amount} please"


@given(st.text(alphabet="0123456789", min_size=2, max_size=14))
def test_digits_said_one_by_one_keep_their_zeros(number: str) -> None:
    words = "nol satu dua tiga empat lima enam tujuh delapan sembilan".split()
    assert normalise("nomor " + " ".join(words[int(digit)] for digit in number), "id") == f"nomor {number}"


@given(st.text(), st.sampled_from(["id", "en", "ms", "xx"]))
def test_any_text_is_normalised_without_an_error_and_stays_so(text: str, language: str) -> None:
    once = normalise(text, language)

    assert isinstance(once, str)
    if not any(character.isdecimal() for character in once):
        assert normalise(once, language) == once


def indonesian(number: int) -> str:
    """A number in words, as `normalise` must read it."""
    ones = " satu dua tiga empat lima enam tujuh delapan sembilan".split(" ")
    for scale, word in ((10**6, "juta"), (1000, "ribu"), (100, "ratus"), (10, "puluh")):
        if number >= scale:
            head, rest = divmod(number, scale)
            if scale == 10 and head == 1:
                return {0: "sepuluh", 1: "sebelas"}.get(rest, f"{ones[rest]} belas")
            joined = f"se{word}" if head == 1 and scale < 10**6 else f"{indonesian(head)} {word}"
            return f"{joined} {indonesian(rest)}".strip()
    return ones[number]


def english(number: int) -> str:
    small = (
        " one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen"
    ).split(" ")
    tens = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
    for scale, word in ((10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= scale:
            head, rest = divmod(number, scale)
            return f"{english(head)} {word} {english(rest)}".strip()
    return small[number] if number < 20 else f"{tens[number // 10]} {small[number % 10]}".strip()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1.500", {"1500", "1.5"}),
        ("75rb", {"75000"}),
        ("tujuh dua", {"7", "2", "72"}),
        ("satu setengah kilo", {"1.5"}),
        ("dua lusin", {"24"}),
        ("goceng dua", {"5000", "2"}),
        ("meja untuk berempat", {"4"}),
    ],
)
def test_every_number_that_a_text_can_mean_is_found_and_no_part_of_one(text: str, meant: set[str]) -> None:
    assert numbers(text) == {Decimal(number) for number in meant}


def test_number_words_become_figures_and_digits_said_one_by_one_stay_apart() -> None:
    assert (
        figures("dua belas hari lagi jam sembilan, atau in twenty minutes") == "12 hari lagi jam 9, atau in 20 minutes"
    )
    assert figures("dua tiga hari") == "2 3 hari"
    assert figures("25/12/2026 jam 08.30") == "25/12/2026 jam 08.30"


def test_neighbouring_number_words_are_one_number_or_none() -> None:
    found = [(" ".join(run.words), run.value) for run in runs("lima puluh ribu, lima lima ribu atau sejuta setengah")]
    assert found == [("lima puluh ribu", 50_000), ("lima lima ribu", None), ("sejuta setengah", 1_500_000)]


@given(st.integers(3_000, 20_000), st.sampled_from(["ribu", " juta", " million", ""]))
def test_an_endless_numeral_is_no_number(length: int, scale: str) -> None:
    text = "1" * length + scale
    assert normalise(text, "id") == text
    assert figures(text).startswith("1" * length)
    assert numbers(text) <= {Decimal("1" * length)}


def test_a_further_language_is_one_more_file(tmp_path: Path) -> None:
    """Esperanto, in a copy of the package: its number words are read beside the others, and alone."""
    shutil.copytree(Path(language.__file__).parent, tmp_path / "language")
    (tmp_path / "language" / "data" / "eo.toml").write_text(
        "[language]\nname = 'Esperanto'\n[numbers]\ndigits = { nul = 0, unu = 1, du = 2, tri = 3, kvar = 4 }\nten = 'dek'\n"
        "hundred = 'cent'\nscales = { mil = 1000 }\n"
    )
    program = (
        "from language.numbers import figures, normalise, numbers\n"
        "print(normalise('mi volas du dek tri mil rupiojn', 'eo'), figures('du dek'), int(max(numbers('kvar cent'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "mi volas 23000 rupiojn 20 400"
