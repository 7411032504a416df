"""Reminders: promised in the customer's own time, in words, only if they can be sent; listed and called off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from actions.action import CancelFollowUp, Context, Outcome, ScheduleFollowUp
from actions.reminders.actions import CancelReminder, ListReminders, Remind, Reminder, choose
from actions.reminders.wording import zone_of
from language.calendar import in_words
from tests.actions.conftest import NOW, context

JAKARTA = ZoneInfo("Asia/Jakarta")
NINE = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)  # Sunday, nine in the morning in Jakarta


@dataclass
class Book:
    """A contact's reminders. The ledger's own book is tested with the ledger."""

    reminders: Sequence[Reminder] = ()
    end: datetime | None = None

    async def waiting(self, context: Context) -> Sequence[Reminder]:
        return self.reminders

    async def free_until(self, context: Context) -> datetime | None:
        return self.end


def said_by(phone: str, language: str = "id", *said: str) -> Context:
    return Context({"id": "7", "phone": phone}, said or ("halo",), {}, "k", NOW, language)


def action(book: Book) -> Remind:
    return Remind(book, JAKARTA, lambda: NOW)


async def remind(
    when: str, *, text: str = "Waktunya ambil kopi", book: Book | None = None, told: Context | None = None
) -> Outcome:
    promising = action(book or Book())
    told = told or said_by("+6281234567802")
    outcome = await promising.run({"when": when, "text": text}, told)
    assert (await promising.check({"when": when, "text": text}, told) is None) == (outcome.status == "done")
    return outcome


@pytest.mark.parametrize(
    ("phone", "language", "when", "due", "words"),
    [
        ("+6281234567802", "id", "besok jam 9", NINE, "Minggu, 22 November 2026 pukul 09.00 WIB"),
        ("+6281234567802", "en", "on Friday at 3pm", datetime(2026, 11, 27, 8, 0, tzinfo=UTC), "Friday, 27 November 2026 at 15:00 WIB"),
        ("+60123456789", "ms", "esok pukul 9 pagi", datetime(2026, 11, 22, 1, 0, tzinfo=UTC), "Ahad, 22 November 2026 pukul 09.00 MYT"),
        ("+447700900123", "en", "tomorrow at 9", datetime(2026, 11, 22, 9, 0, tzinfo=UTC), "Sunday, 22 November 2026 at 09:00 GMT"),
        ("+6281234567802", "id", "2 jam lagi", NOW + timedelta(hours=2), "Sabtu, 21 November 2026 pukul 12.00 WIB"),
        ("+6281234567802", "id", "lusa sore", datetime(2026, 11, 23, 9, 0, tzinfo=UTC), "Senin, 23 November 2026 pukul 16.00 WIB"),
        ("+6281234567802", "id", "besok jam 9 soal yang kemarin", NINE, "Minggu, 22 November 2026 pukul 09.00 WIB"),
    ],
)  # fmt: skip
async def test_a_reminder_is_promised_in_the_customers_time_and_words(
    phone: str, language: str, when: str, due: datetime, words: str
) -> None:
    outcome = await remind(when, told=said_by(phone, language))
    assert outcome.status == "done"
    assert outcome.requests == (ScheduleFollowUp(due, "Waktunya ambil kopi"),)
    assert f"Scheduled for {words}." in outcome.content


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("kapan-kapan", "Mau diingatkan kapan?"),
        ("", "Mau diingatkan kapan?"),
        ("kemarin jam 9", "Waktu itu (kemarin) sudah lewat."),
        ("3 januari 2020 jam 9", "Waktu itu (Jumat, 3 Januari 2020 pukul 09.00 WIB) sudah lewat."),
        ("2026-11-21T09:00", "Waktu itu (Sabtu, 21 November 2026 pukul 09.00 WIB) sudah lewat."),
        ("60 hari lagi", "Paling jauh kami bisa mengingatkan 30 hari ke depan."),
    ],
)
async def test_a_time_that_has_passed_is_unclear_or_too_far_is_asked_back(when: str, why: str) -> None:
    outcome = await remind(when)
    assert (outcome.status, outcome.requests) == ("refused", ())
    assert why in outcome.content


async def test_nothing_is_promised_that_the_channel_would_not_take() -> None:
    book = Book(end=NOW + timedelta(hours=24))
    assert (await remind("besok jam 9", book=book)).status == "done"
    late = await remind("lusa sore", book=book)
    assert late.status == "refused"
    assert "hanya bisa mengirim pesan sampai Minggu, 22 November 2026 pukul 10.00 WIB" in late.content


async def test_what_the_customer_said_is_not_said_back_as_if_it_were_a_message() -> None:
    told = said_by("+6281234567802", "id", "halo kak", "ingatkan saya besok jam 9 ambil kopi", "ingatkan besok ya")
    for text, words in (
        ("Ingatkan saya besok jam 9 ambil kopi", "Halo! Sesuai permintaan, ini pengingatnya: “ambil kopi”"),
        ("halo kak\ningatkan saya besok jam 9 ambil kopi", "Halo! Sesuai permintaan, ini pengingatnya: “ambil kopi”"),
        ("ingatkan besok ya", "Halo! Sesuai permintaan, ini pengingat dari kami."),
        ("Jangan lupa ambil kopinya, Kak!", "Jangan lupa ambil kopinya, Kak!"),
    ):
        (request,) = (await remind("besok jam 9", text=text, told=told)).requests
        assert isinstance(request, ScheduleFollowUp)
        assert request.text == words


COFFEE, BEANS = Reminder("a", NINE, "Ambil kopi"), Reminder("b", NINE + timedelta(days=1, hours=7), "Beli biji kopi")


@pytest.mark.parametrize(
    ("waiting", "which", "meant"),
    [
        ([COFFEE], "", [COFFEE]),
        ([COFFEE, BEANS], "", []),
        ([COFFEE, BEANS], "semua", [COFFEE, BEANS]),
        ([COFFEE, BEANS], "2", [BEANS]),
        ([COFFEE, BEANS], "nomor 1", [COFFEE]),
        ([COFFEE, BEANS], "3", []),
        ([COFFEE, BEANS], "yang besok jam 9", [COFFEE]),
        ([COFFEE, BEANS], "yang lusa", [BEANS]),
        ([COFFEE, BEANS], "biji", [BEANS]),
        ([COFFEE, BEANS], "kopi", []),
        ([COFFEE, BEANS], "batalkan pengingat beli biji ya kak", [BEANS]),
        ([COFFEE, BEANS], "cancel my reminder about ambil", [COFFEE]),
        ([COFFEE, BEANS], "tolong batalkan pengingat", []),
        ([COFFEE], "tolong batalkan pengingatnya ya", [COFFEE]),
        ([COFFEE], "yang lusa", []),
    ],
)
def test_which_reminder_is_meant(waiting: list[Reminder], which: str, meant: list[Reminder]) -> None:
    assert choose(waiting, which, NOW, JAKARTA) == meant


async def test_reminders_are_listed_and_called_off_and_the_customer_is_asked_which() -> None:
    book, told = Book([COFFEE, BEANS]), context(said=["batalkan pengingat"])
    listed = await ListReminders(book, JAKARTA, lambda: NOW).run({}, told)
    assert "1. Minggu, 22 November 2026 pukul 09.00 WIB: Ambil kopi\n2. Senin" in listed.content
    cancel = CancelReminder(book, JAKARTA, lambda: NOW)
    asked = await cancel.run({}, told)
    assert asked.status == "refused"
    assert asked.content.endswith("Yang mana yang mau dibatalkan?")
    done = await cancel.run({"which": "2"}, told)
    assert (done.status, done.requests) == ("done", (CancelFollowUp("b"),))
    assert "Pengingat dibatalkan: Senin, 23 November 2026 pukul 16.00 WIB." in done.content
    nothing = await CancelReminder(Book(), JAKARTA, lambda: NOW).run({}, told)
    assert (nothing.status, nothing.requests) == ("refused", ())


@pytest.mark.parametrize(
    ("said", "cancelled"),
    [
        ("batalkan pengingat yang biji", ["b"]),
        ("batalkan pengingat lusa", ["b"]),
        ("hapus semua pengingat", ["a", "b"]),
        ("batalkan pengingat", []),
        ("ga jadi deh, batalkan pengingat itu", []),
    ],
)
async def test_where_the_model_names_none_the_customers_words_do(said: str, cancelled: list[str]) -> None:
    told = said_by("+6281234567802", "id", "halo", said)
    outcome = await CancelReminder(Book([COFFEE, BEANS]), JAKARTA, lambda: NOW).run({}, told)
    assert [request.id for request in outcome.requests if isinstance(request, CancelFollowUp)] == cancelled
    only = await CancelReminder(Book([COFFEE]), JAKARTA, lambda: NOW).run({}, told)
    assert only.requests == (CancelFollowUp("a"),)


async def test_the_list_tells_what_each_is_about() -> None:
    ours = Reminder("c", NINE, "Halo! Sesuai permintaan, ini pengingatnya: “bayar pesanan”")
    listed = await ListReminders(Book([ours]), JAKARTA, lambda: NOW).run({}, said_by("+6281234567802"))
    assert listed.content.endswith("1. Minggu, 22 November 2026 pukul 09.00 WIB: bayar pesanan")


def test_a_number_tells_the_time_only_where_its_country_has_one() -> None:
    assert str(zone_of("+60123456789", JAKARTA, NOW)) in {"Asia/Kuala_Lumpur", "Asia/Kuching"}
    assert NOW.astimezone(zone_of("+447700900123", JAKARTA, NOW)).utcoffset() == timedelta(0)
    for unclear in ("+6281234567802", "+12125550123x", "", None, "0812"):
        assert zone_of(unclear, JAKARTA, NOW) == JAKARTA
    assert in_words(NINE, ZoneInfo("Asia/Kathmandu"), "en") == "Sunday, 22 November 2026 at 07:45 UTC+0545"
