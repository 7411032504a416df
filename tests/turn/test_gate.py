"""Whether a turn answers, says one fixed text or stays silent, and how long it listens before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.config.conversation import ConversationSettings, QuietWindow
from agent.config.model import LimitSettings
from agent.ledger.contacts import ContactState
from agent.ledger.history import Line
from agent.ledger.inbound import Waiting
from agent.ledger.tables import InboundOutcome
from agent.turn.gate import (
    SAME_MOST,
    SAME_WITHIN,
    Answer,
    Effect,
    Say,
    Silent,
    Spent,
    decide,
    due,
    finished,
    repeated,
    slowed,
)
from messaging.types import Contact, ContactKey

JAKARTA = ZoneInfo("Asia/Jakarta")
NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday, 12:00 in Jakarta
NIGHT = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)  # 22:00
HOURS = {"hours": {"mon-fri": "08:00-21:00", "outside": "Kami tutup, buka lagi pukul 8."}}
CALM = ContactState(
    contact=Contact(ContactKey("aelyst", "1")),
    language=None,
    channel=None,
    last_inbound_at=NOON,
    wake_at=None,
    paused_at=None,
    paused_until=None,
    paused_by=None,
    opted_out_at=None,
    notice_at=None,
)


def _decide(
    contact: ContactState = CALM,
    text: str = "buka jam berapa?",
    *,
    now: datetime = NOON,
    conversation: dict[str, object] | None = None,
    spent: Spent | None = None,
) -> Silent | Say | Answer:
    return decide(
        contact,
        [text],
        now=now,
        zone=JAKARTA,
        language="id",
        conversation=ConversationSettings.model_validate(conversation or {}),
        limits=LimitSettings(),
        spent=spent or Spent(0, 0.0),
    )


def test_an_ordinary_question_is_answered() -> None:
    assert _decide() == Answer()


def test_nothing_is_said_while_a_human_answers_and_again_afterwards() -> None:
    paused = replace(CALM, paused_at=NOON, paused_until=NOON + timedelta(hours=1), paused_by="Rina")
    assert isinstance(_decide(paused), Silent)
    assert _decide(paused, now=NOON + timedelta(hours=2)) == Answer()
    until_given_back = replace(paused, paused_until=None)
    assert isinstance(_decide(until_given_back, now=NOON + timedelta(days=30)), Silent)


@pytest.mark.parametrize("text", ["stop", "STOP", "Berhenti.", " unsubscribe! "])
def test_opting_out_is_confirmed_once_and_then_there_is_silence(text: str) -> None:
    said = _decide(text=text)
    assert isinstance(said, Say)
    assert said.effect is Effect.OPTED_OUT
    assert isinstance(_decide(replace(CALM, opted_out_at=NOON), text), Silent)


@pytest.mark.parametrize("text", ["jangan stop dulu ya", "bus stop di mana?"])
def test_a_sentence_that_holds_the_word_opts_nobody_out(text: str) -> None:
    assert _decide(text=text) == Answer()


def test_who_opted_out_can_come_back() -> None:
    assert _decide(replace(CALM, opted_out_at=NOON), "mulai") == Answer(returns=True)


def test_outside_hours_one_notice_is_given_per_absence() -> None:
    assert _decide(now=NOON, conversation=HOURS) == Answer()
    notice = _decide(now=NIGHT, conversation=HOURS)
    assert isinstance(notice, Say)
    assert notice.effect is Effect.NOTICE_GIVEN
    told = replace(CALM, notice_at=NIGHT)
    assert isinstance(_decide(told, now=NIGHT + timedelta(hours=2), conversation=HOURS), Silent)
    assert isinstance(_decide(told, now=NIGHT + timedelta(days=1), conversation=HOURS), Say)


def test_who_comes_back_while_a_human_answers_is_back_and_gets_no_answer() -> None:
    paused = replace(CALM, opted_out_at=NOON, paused_at=NOON, paused_by="Rina")
    assert _decide(paused, "mulai") == Silent(InboundOutcome.HUMAN, "a human answers (Rina)", returns=True)


def test_the_words_of_opting_out_and_coming_back_are_the_owners() -> None:
    words = {"opt_out": {"words": ["Cukup!"], "again": ["Hidupkan"]}}
    assert isinstance(_decide(text="cukup", conversation=words), Say)
    assert _decide(text="stop", conversation=words) == Answer()
    assert _decide(replace(CALM, opted_out_at=NOON), "hidupkan!", conversation=words) == Answer(returns=True)
    assert isinstance(_decide(replace(CALM, opted_out_at=NOON), "mulai", conversation=words), Silent)


def test_outside_hours_a_note_is_added_once_per_absence_and_the_question_is_answered() -> None:
    hours = {"hours": {"mon-fri": "08:00-21:00", "outside": {"note": {"id": "Kami tutup.", "en": "We are closed."}}}}
    assert _decide(now=NOON, conversation=hours) == Answer()
    assert _decide(now=NIGHT, conversation=hours) == Answer(note="Kami tutup.")
    told = replace(CALM, notice_at=NIGHT)
    assert _decide(told, now=NIGHT + timedelta(hours=2), conversation=hours) == Answer()
    assert _decide(told, now=NIGHT + timedelta(days=1), conversation=hours) == Answer(note="Kami tutup.")


def test_outside_hours_that_answer_nothing_changes() -> None:
    assert _decide(now=NIGHT, conversation={"hours": {"mon-fri": "08:00-21:00", "outside": "answer"}}) == Answer()


@pytest.mark.parametrize("spent", [Spent(1, 20.0), Spent(200, 0.0)])
def test_what_is_used_up_leads_to_a_human_or_where_that_is_not_wanted_to_silence(spent: Spent) -> None:
    said = _decide(spent=spent)
    assert isinstance(said, Say)
    assert said.effect is Effect.HANDED_OVER
    assert isinstance(_decide(spent=spent, conversation={"handover": {"when": ["asked"]}}), Silent)


def test_a_blocked_contact_is_not_answered() -> None:
    assert isinstance(_decide(replace(CALM, contact=replace(CALM.contact, status="blocked"))), Silent)


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
    return [Waiting(text, NOW + timedelta(seconds=at)) for text, at in texts]


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


def test_one_contact_cannot_use_up_the_budget_of_all() -> None:
    said = _decide(spent=Spent(1, 6.0, 5.0))
    assert isinstance(said, Say)
    assert said.reason == "limits.usd_per_contact_per_day: 5 are used up"
    assert isinstance(_decide(spent=Spent(1, 19.0, 4.9)), Answer)


def _said(
    text: str, times: int, apart: timedelta = timedelta(minutes=1), after: timedelta = timedelta(seconds=2)
) -> list[Line]:
    """Much the same, `after` each answer; an empty text is a photo."""
    said = []
    for n in range(times):
        at = NOON - apart * (times - n)
        photo = {"kind": "image", "url": "https://x.example/1.jpg", "name": None}
        said.append(Line("agent", f"Baik {n}.", at - after))
        said.append(Line("contact", text.format(n) or "[image]", at, () if text else (photo,), said=text.format(n)))
    return said


@pytest.mark.parametrize(
    ("text", "times", "waits"),
    [
        ("Terima kasih, kami segera membalas pesan {}", 1, 0),
        ("Terima kasih, kami segera membalas pesan {}", 2, 10),
        ("Terima kasih, kami segera membalas pesan {}", 3, 60),
        ("Auto reply {}", 3, 0),  # few words: people repeat "ok", too
        ("Auto reply {}", 8, 10),
        ("ya", 5, 0),
    ],
)
def test_the_answer_to_what_was_written_before_waits_longer_each_time(text: str, times: int, waits: int) -> None:
    waiting = [Waiting(text.format(99), NOON)]
    assert slowed(NOON, waiting, _said(text, times)) == NOON + timedelta(seconds=waits)


def test_another_machine_gets_no_answer_after_a_few_rounds_and_a_person_does() -> None:
    text = "Terima kasih, kami segera membalas pesan {}"
    assert repeated([text.format(9)], _said(text, SAME_MOST), NOON) == SAME_MOST
    assert repeated(["Auto reply"], _said("Auto reply", 4 * SAME_MOST), NOON) == SAME_MOST
    assert repeated([text.format(9)], _said(text, SAME_MOST, SAME_WITHIN), NOON) == 0
    assert repeated(["1"], _said("1", 20), NOON) == 0  # a choice from a numbered list
    assert repeated(["berapa harga kopi susu?"], _said("apakah besok buka jam delapan?", 9), NOON) == 0


def test_who_writes_back_each_reply_is_a_machine_and_who_quotes_one_is_not() -> None:
    replies = [f"Baik Kak, kopi *nomor {n}* sudah kami catat, {'ada lagi?' * n}" for n in range(6)]
    history = [
        Line(author, text, NOON - timedelta(minutes=9 - n))
        for n, reply in enumerate(replies)
        for author, text in (("contact", f"Anda menulis: {replies[n - 1]}"), ("agent", reply))
    ]
    assert repeated([f"Anda menulis: {replies[-1]}"], history, NOON) >= SAME_MOST
    assert repeated([replies[-1]], history[-4:], NOON) == 1
    assert repeated(["kopi nomor 5 yang mana?"], history, NOON) == 0


@pytest.mark.parametrize(
    ("text", "times", "after", "count"),
    [
        ("Pesanan KS-{} saya sudah sampai mana ya kak", 9, 25, 0),  # a person, one order after the other
        ("Tolong kirim invoice nomor INV/2026/{}", 9, 12, 0),
        ("Invoice INV/{} sudah saya bayar ya kak", 9, 5, 2),  # pasted
        ("Di mana pesanan KS-{} saya?", 5, 1, 1),  # pasted by a quick person
        ("Di mana pesanan KS-7 saya?", 5, 60, 5),  # the same of the same, as before
        ("Thank you for contacting us! Your ticket number is {}.", 4, 1, 4),
        ("Tiket {} Anda sudah kami terima. Ada lagi yang bisa dibantu?", 16, 1, 4),
        ("", 16, 1, 4),  # a machine that answers by a picture
        ("", 9, 1, 2),
        ("", 16, 30, 0),  # a person who sends photos
    ],
)
def test_other_numbers_are_those_of_a_machine_where_they_come_promptly(
    text: str, times: int, after: float, count: int
) -> None:
    history = _said(text, times, timedelta(minutes=2), timedelta(seconds=after))
    assert repeated([text.format(99)] if text else [], history, NOON) == count
