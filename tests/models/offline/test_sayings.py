"""Small talk."""

import pytest

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
