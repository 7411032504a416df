from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.config.conversation import ConversationSettings
from agent.config.limits import LimitSettings
from agent.ledger.contacts import ContactState
from agent.turn.gate import Answer, Say, Silent, Spent, decide
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
    assert said.after == "opted out"
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
    assert notice.after == "notice given"
    told = replace(CALM, notice_at=NIGHT)
    assert isinstance(_decide(told, now=NIGHT + timedelta(hours=2), conversation=HOURS), Silent)
    assert isinstance(_decide(told, now=NIGHT + timedelta(days=1), conversation=HOURS), Say)


def test_outside_hours_that_answer_nothing_changes() -> None:
    assert _decide(now=NIGHT, conversation={"hours": {"mon-fri": "08:00-21:00", "outside": "answer"}}) == Answer()


def test_a_used_up_budget_leads_to_a_human_and_used_up_turns_to_silence() -> None:
    said = _decide(spent=Spent(1, 20.0))
    assert isinstance(said, Say)
    assert said.after == "handed over"
    assert isinstance(_decide(spent=Spent(200, 0.0)), Silent)


def test_a_blocked_contact_is_not_answered() -> None:
    assert isinstance(_decide(replace(CALM, contact=replace(CALM.contact, status="blocked"))), Silent)
