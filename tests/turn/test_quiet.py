from datetime import UTC, datetime, timedelta

import pytest

from agent.config.conversation import QuietWindow
from agent.ledger.inbound import Waiting
from agent.turn.gate import due, finished

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
WINDOW = QuietWindow()

FINISHED = [
    "harga kopi susu berapa?",
    "harga kopi susu berapa",
    "buka sampai jam berapa kak",
    "bisa kirim ke depok",
    "pesanan saya belum sampai",
    "bayar 50rb",
    "nomor pesanan KS-12345",
    "KS-12345",
    "ya",
    "oke",
    "jangan",
    "makasih ya",
    "terima kasih banyak kak",
    "stop",
    "Halo kak, apakah hari minggu buka?",
    "where is my order",
    "what time do you open",
    "i want a refund",
    "thanks a lot",
    "Is the arabica still available?",
    "saya mau pesan dua nasi goreng",
    "mau bicara dengan admin!",
]
UNFINISHED = [
    "halo",
    "Halo kak 👋",
    "assalamualaikum",
    "selamat pagi min",
    "permisi",
    "p",
    "mau tanya",
    "mau tanya dong kak",
    "halo kak, mau nanya",
    "saya mau tanya",
    "numpang tanya",
    "mau pesan",
    "hello",
    "good morning",
    "can i ask something",
    "i have a question",
    "jadi gini,",
    "pengiriman ke bandung dan",
    "saya mau tanya soal",
    "kalau yang ukuran besar itu...",
    "kopi susu",
    "i would like to know about the",
    "",
    None,
]


@pytest.mark.parametrize("text", FINISHED)
def test_a_whole_question_is_finished(text: str) -> None:
    assert finished(text)


@pytest.mark.parametrize("text", UNFINISHED)
def test_a_greeting_an_announcement_or_half_a_sentence_is_not(text: str | None) -> None:
    assert not finished(text)


def _waiting(*texts: tuple[str | None, float]) -> list[Waiting]:
    return [Waiting(text, text is None, NOW + timedelta(seconds=at)) for text, at in texts]


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        ((("buka jam berapa?", 0),), 0.3),
        ((("halo", 0),), 2),
        (((None, 0),), 2),
        ((("halo", 0), ("mau tanya", 0.2), ("harga kopi susu berapa?", 0.4)), 0.7),
        ((("harga kopi susu berapa?", 0), ("sama", 0.2)), 2.2),
        (tuple(("halo", second) for second in range(8)), 8),
        ((("halo", 0), ("buka jam berapa?", 7.9)), 8),
    ],
)
def test_the_quiet_window_follows_the_last_message_and_never_exceeds_the_longest(
    texts: tuple[tuple[str | None, float], ...], seconds: float
) -> None:
    assert due(_waiting(*texts), WINDOW) == NOW + timedelta(seconds=seconds)
