"""The offline model and reminders: with the very tools that every agent has."""

from datetime import UTC
from typing import Any, cast

import pytest

from actions.claims import unproven
from actions.reminders.actions import ONCE, CancelReminder, ListReminders, Remind, ReminderBook
from tests.actions.conftest import NOW
from tests.models.offline.shop import TOOLS, ask, called, exchange, result, tool

_NOBODYS = cast("ReminderBook", None)  # the tools are described here, not run
ACTIONS = [kind(_NOBODYS, UTC, lambda: NOW) for kind in (Remind, ListReminders, CancelReminder)]
REMINDERS = tuple(
    tool(
        action.name,
        action.description,
        cast("dict[str, Any]", action.parameters)["properties"],
        cast("dict[str, Any]", action.parameters).get("required", ()),
        action.examples,
    )
    for action in ACTIONS
)
ALL = (*TOOLS, *REMINDERS)
WHICH = "Ada beberapa pengingat:\n1. Minggu\n2. Senin\nYang mana yang mau dibatalkan?"


@pytest.mark.parametrize(
    "text",
    [
        "ingatkan saya besok jam 9",
        "tolong ingatkan saya lusa sore",
        "kak tolong ingatkan saya untuk transfer pembayaran pesanan nanti malam ya",
        "remind me on Friday at 3pm",
        "could you remind me to pick up my beans tomorrow morning?",
        "kabari saya lagi besok pagi ya",
        "ingetin gw nanti jam 8 malam ya bayar tagihan",
        "ingatin aku lusa dong",
    ],
)
def test_a_reminder_is_asked_for_in_the_customers_own_words(text: str) -> None:
    assert called(ask(text, tools=ALL)) == [("follow_up", {"when": text, "text": text})]


def test_a_time_that_is_missing_is_asked_for_and_then_used() -> None:
    question = ask("ingatkan saya dong", tools=ALL)
    assert question.text == "Kapan tepatnya? Sebutkan hari dan jamnya ya, misalnya besok jam 9."
    before = exchange("ingatkan saya dong", question.text)
    assert called(ask("2 jam lagi", tools=ALL, before=before)) == [
        ("follow_up", {"when": "2 jam lagi", "text": "ingatkan saya dong"})
    ]


def test_the_time_is_told_as_the_action_says_it() -> None:
    scheduled = "Scheduled for Minggu, 22 November 2026 pukul 09.00 WIB. Tell the customer exactly this day and hour."
    arguments = {"when": "ingatkan saya besok jam 9", "text": "ingatkan saya besok jam 9"}
    told = ask("ingatkan saya besok jam 9", tools=ALL, after=result("follow_up", arguments, scheduled))
    assert told.text == "Baik, saya ingatkan Minggu, 22 November 2026 pukul 09.00 WIB."


@pytest.mark.parametrize("text", ["ingatkan saya setiap Senin jam 9", "remind me every Monday at 9"])
def test_who_asks_for_many_is_promised_one_in_words(text: str) -> None:
    arguments = {"when": text, "text": text}
    assert called(ask(text, tools=ALL)) == [("follow_up", arguments)]
    scheduled = f"Scheduled for Senin, 23 November 2026 pukul 09.00 WIB. {ONCE}"
    told = ask(text, tools=ALL, after=result("follow_up", arguments, scheduled)).text
    assert "hanya sekali" in told or "Only once" in told
    assert unproven(told, ACTIONS, ["follow_up"]) == []


@pytest.mark.parametrize("text", ["ingetin tiap hari dong", "remind me every day"])
def test_who_names_no_hour_of_many_is_asked_for_one(text: str) -> None:
    assert ask(text, tools=ALL).text in (
        "Kapan tepatnya? Sebutkan hari dan jamnya ya, misalnya besok jam 9.",
        "When exactly? Please name the day and the hour, for example tomorrow at 9.",
    )


def test_reminders_are_listed() -> None:
    assert called(ask("daftar pengingat saya", tools=ALL)) == [("list_reminders", {})]


@pytest.mark.parametrize("choice", ["yang besok jam 9", "nomor 2", "semua"])
def test_which_one_is_called_off_is_what_the_customer_answers(choice: str) -> None:
    assert called(ask("batalkan pengingat", tools=ALL)) == [("cancel_reminder", {})]
    before = exchange("batalkan pengingat", WHICH)
    assert called(ask(choice, tools=ALL, before=before)) == [("cancel_reminder", {"which": choice})]
    done = result(
        "cancel_reminder", {"which": choice}, "Pengingat dibatalkan: Minggu, 22 November 2026 pukul 09.00 WIB."
    )
    assert ask(choice, tools=ALL, before=before, after=done).text.startswith("Pengingat dibatalkan: Minggu")


@pytest.mark.parametrize(
    "text",
    [
        "bayar 50rb",
        "batalkan pesanan KS-10234",
        "besok jam 9 buka ga?",
        "garansi berapa lama?",
        "kalo jumat?",
        "senin ada?",
    ],
)
def test_other_things_are_not_taken_for_reminders(text: str) -> None:
    assert called(ask(text, tools=ALL)) == called(ask(text))
