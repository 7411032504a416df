"""Reminders that come again and again do not exist: who asks for them is told so, and no reply promises them."""

import pytest

from actions.claims import unproven
from actions.reminders.actions import ONCE
from actions.reminders.wording import asks_for_many
from tests.actions.reminders.test_actions import Book, remind, said_by
from tests.actions.reminders.test_actions import action as reminder_action

MANY = [
    "ingatkan saya setiap hari jam 9",
    "tiap Senin jam 8 ingatkan ya",
    "ingatkan tiap-tiap pagi",
    "ingetin minum obat 3x sehari jam 7",
    "ingatkan saya seminggu sekali hari Senin",
    "tolong ingatkan rutin jam 9",
    "remind me every Monday at 9",
    "remind me each morning",
    "remind me daily at 9am",
    "remind me on Mondays at 9",
    "remind me twice a day at 9am",
]


@pytest.mark.parametrize("text", MANY)
def test_who_asks_for_more_than_one_is_understood(text: str) -> None:
    assert asks_for_many(text)


@pytest.mark.parametrize(
    "text",
    ["ingatkan saya besok jam 9", "ingatkan saya Senin depan", "remind me on Monday at 9", "remind me once, tomorrow"],
)
def test_one_is_one(text: str) -> None:
    assert not asks_for_many(text)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("setiap hari jam 9", "ingatkan saya setiap hari jam 9"),
        ("Senin jam 9", "ingatkan saya tiap Senin jam 9"),  # the model has left the word out
        ("2026-11-23T09:00", "remind me every Monday at nine"),
    ],
)
async def test_the_next_one_is_scheduled_and_said_to_be_the_only_one(when: str, said: str) -> None:
    outcome = await remind(when, told=said_by("+6281234567802", "id", "halo", said))
    assert outcome.status == "done"
    assert len(outcome.requests) == 1
    assert ONCE in outcome.content


async def test_who_asks_for_one_hears_nothing_of_repeating() -> None:
    outcome = await remind(
        "besok jam 9", told=said_by("+6281234567802", "id", "ingatkan setiap hari", "besok saja jam 9")
    )
    assert ONCE not in outcome.content


async def test_where_no_time_is_named_it_is_said_while_asking_for_it() -> None:
    assert "hanya bisa sekali" in (await remind("setiap hari")).content
    assert "it cannot repeat" in (await remind("every day", told=said_by("+447700900123", "en"))).content


@pytest.mark.parametrize(
    "text",
    [
        "Siap Kak, saya ingatkan setiap hari jam 9 ya!",
        "Baik, setiap Senin pukul 08.00 akan saya ingatkan.",
        "Oke, pengingat harian sudah aktif.",
        "Sure, I'll remind you every Monday at 9.",
        "Done! Your daily reminder is set.",
        "I will remind you on Mondays at 9 AM.",
    ],
)
def test_no_reply_promises_more_than_one_whatever_was_scheduled(text: str) -> None:
    actions = [reminder_action(Book())]
    assert [claim.kind for claim in unproven(text, actions, ["follow_up"])] == ["recurring"]


@pytest.mark.parametrize(
    "text",
    [
        "Baik, saya ingatkan Senin, 23 November 2026 pukul 09.00 WIB. Hanya sekali ya, belum bisa berulang.",
        "Saya ingatkan Senin berikutnya; pengingat tidak bisa setiap minggu.",
        "I can't remind you every day, but I'll remind you tomorrow at 9.",
        "Kami buka setiap hari pukul 08.00.",
        "We are open every day.",
    ],
)
def test_what_is_true_may_be_said(text: str) -> None:
    assert unproven(text, [reminder_action(Book())], ["follow_up"]) == []
