"""Small talk."""

import re

import pytest

from actions.claims import unproven
from language.tables import languages, section
from tests.models.offline.shop import ask

SMALL_TALK = [
    ("halo", "Halo! Saya Melati"),
    ("selamat pagi kak!", "Halo! Saya Melati"),
    ("P", "Halo! Saya Melati"),
    ("Mulai", "Halo! Saya Melati"),
    ("START", "Halo! Saya Melati"),
    ("makasih banyak ya", "Sama-sama"),
    ("oke, terima kasih", "Sama-sama"),
    ("siapa kamu?", "Saya Melati"),
    ("ini bot ya?", "Saya Melati"),
    ("sampai jumpa", "Sampai jumpa"),
    ("apa kabar", "Baik"),
]


@pytest.mark.parametrize(("text", "beginning"), SMALL_TALK)
def test_small_talk_is_answered_as_such(text: str, beginning: str) -> None:
    assert ask(text).text.startswith(beginning)


FIRST_WORDS = [
    ("halo kak selamat siang mau tanya dong", "Halo! Saya Melati"),
    ("hi good morning! I'd like to ask something", "Halo! Saya Melati"),
    ("nak tanya sikit", "Halo! Saya Melati"),
    ("ok makasih kak 🙏😊", "Sama-sama"),
    ("makasih banyak yaaa ❤️", "Sama-sama"),
    ("🙏", "Sama-sama"),
    ("👍", "Baik."),
    ("wkwkwk", "Baik."),
    ("maaf salah kirim", "Baik."),
    ("see you tomorrow", "Sampai jumpa"),
    ("[sticker]", "Baik."),
    ("[location]", "Terima kasih, lokasinya"),
]


@pytest.mark.parametrize(("text", "beginning"), FIRST_WORDS)
def test_how_people_open_thank_and_nod_is_understood(text: str, beginning: str) -> None:
    assert ask(text).text.startswith(beginning)


@pytest.mark.parametrize(
    "text", ["kecewa banget", "dasar penipu", "you guys are useless", "😡😡", "AC kamar 5 mati min"]
)
def test_anger_gets_regret_and_the_offer_of_a_human(text: str) -> None:
    answer = ask(text).text
    assert answer.startswith("Maaf")
    assert "sambungkan" in answer


@pytest.mark.parametrize("language", languages())
def test_no_saying_claims_what_no_action_did(language: str) -> None:
    done = {"done", "scheduled", "scheduled_once"}  # said of results only
    said = {key: text for key, text in section(language, "sayings").items() if key not in done}
    assert {key: text for key, text in said.items() if unproven(text, [], set(), {})} == {}


@pytest.mark.parametrize("language", languages())
def test_every_language_says_the_same_things(language: str) -> None:
    fields = {key: set(re.findall(r"{\w+}", text)) for key, text in section(language, "sayings").items()}
    assert fields == {key: set(re.findall(r"{\w+}", text)) for key, text in section("id", "sayings").items()}
