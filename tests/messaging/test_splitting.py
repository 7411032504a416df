"""Long texts in pieces."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.splitting import Limit, limit_of, shorten, split


def test_what_fits_stays_whole() -> None:
    assert split("Halo kak.\n\nApa kabar?", 4096) == ["Halo kak.\n\nApa kabar?"]
    assert split("  \n ", 100) == []


def test_the_cut_is_between_paragraphs_if_there_is_one() -> None:
    first, second = "Satu. " * 8, "Dua. " * 8
    assert split(f"{first.strip()}\n\n{second.strip()}", 60) == [first.strip(), second.strip()]


def test_else_at_the_end_of_a_sentence() -> None:
    text = "Kopi susu kami buat dari biji Gayo. Harganya Rp 25.000 saja. Mau pesan berapa, kak?"
    assert split(text, 62) == [
        "Kopi susu kami buat dari biji Gayo. Harganya Rp 25.000 saja.",
        "Mau pesan berapa, kak?",
    ]


@pytest.mark.parametrize(
    "text",
    ["Alamat kami di Jl. Braga No. 12 Bandung Jawa Barat", "Total belanja Rp. 25000 sudah dengan ongkir ya kak"],
)
def test_an_abbreviation_does_not_end_a_sentence(text: str) -> None:
    for limit in range(20, len(text)):
        assert not any(
            piece.endswith((" Jl.", " No.", " Rp.")) and len(piece) < limit - 12 for piece in split(text, limit)
        )


def test_a_web_address_stays_whole() -> None:
    url = "https://kopisenja.example/menu?kategori=kopi&halaman=2,3;x"
    text = f"Silakan lihat {url} untuk daftar lengkapnya ya kak terima kasih"
    for limit in range(len(url), len(text)):
        assert any(url in piece for piece in split(text, limit))


def test_a_formatted_stretch_stays_whole_if_it_can() -> None:
    text = "Menu hari ini: *kopi susu gula aren besar* dan teh manis panas sekali"
    for limit in range(30, len(text)):
        pieces = split(text, limit)
        assert any("*kopi susu gula aren besar*" in piece for piece in pieces)
    assert len(split("*" + "kata " * 30 + "kata*", 40)) > 3


def test_a_word_longer_than_a_piece_is_cut_between_characters() -> None:
    assert split("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    family = "👨‍👩‍👧"
    assert set(split(family * 5, 10)) == {family}
    assert split("e\u0301" * 10, 5)[0] == "e\u0301" * 2


def test_each_channel_has_its_limit_in_its_own_unit() -> None:
    assert (limit_of("whatsapp_cloud"), limit_of(None)) == (Limit(4096), Limit(4096))
    assert limit_of("instagram") == Limit(1000, "bytes")
    assert limit_of("facebook") == Limit(2000)
    assert limit_of("brand_new").most == 1000
    emoji = "😀" * 600
    assert Limit(1000).size(emoji) == 1200
    assert Limit(1000, "bytes").size(emoji) == 2400
    assert all(len(piece.encode()) <= 1000 for piece in split(emoji, limit_of("instagram")))


def test_shortening_says_that_something_is_missing() -> None:
    assert shorten("Halo kak", 20) == "Halo kak"
    assert shorten("Kopi susu gula aren", 12) == "Kopi susu…"


def test_a_limit_that_holds_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="3"):
        split("Halo", 3)


_WORDS = st.lists(
    st.sampled_from(
        [
            "kopi",
            "susu.",
            "Jl.",
            "12.",
            "*tebal",
            "miring*",
            "_x_",
            "https://a.id/b",
            "\n",
            "\n\n",
            "😀",
            "é",
            "a" * 50,
            "ya?",
        ]
    ),
    max_size=80,
)


@given(_WORDS.map(" ".join) | st.text(max_size=300), st.integers(8, 120), st.sampled_from(["characters", "bytes"]))
@settings(max_examples=300)
def test_nothing_is_lost_nothing_is_too_long_and_words_stay_whole(text: str, most: int, unit: str) -> None:
    limit = Limit(most, unit)  # type: ignore[arg-type]
    pieces = split(text, limit)
    assert all(piece.strip() and limit.size(piece) <= most for piece in pieces)
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    if all(limit.size(word) <= most for word in text.split()):
        assert [word for piece in pieces for word in piece.split()] == text.split()


def test_whatsapp_with_a_linked_device_takes_as_long_a_text_as_whatsapp() -> None:
    assert limit_of("whatsapp_device") == limit_of("whatsapp_cloud")
