"""What becomes of a follow-up when it is due: every condition, in a table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.config.conversation import ConversationSettings
from agent.config.followups import FollowUpSettings
from agent.delivery.followups import End, Facts, Send, Wait, judge
from agent.delivery.window import WINDOW
from agent.ledger.contacts import ContactState
from agent.ledger.followups import FollowUp
from messaging.types import Channel, Contact, ContactKey, Template, Text

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)  # Saturday, 10:00 in Jakarta
BUDI = ContactKey("aelyst", "7")
SETTINGS = FollowUpSettings.model_validate(
    {
        "limit": 2,
        "reminder_template": {"name": "ingat", "parameters": ["{contact.first_name}"]},
        "rules": [
            {
                "name": "bayar",
                "after": "2h",
                "when": {"payment": "open", "no_reply": True},
                "text": {"id": "Halo {contact.first_name}", "en": "Hi"},
                "template": "t",
            },
            {"name": "hangus", "after": "2h", "when": {"payment": "expired"}, "text": "Mau kode baru?"},
            {"name": "tanya", "after": "2h", "when": {"unanswered": True}, "text": "Maaf baru sempat."},
            {"name": "kabar", "after": "2h", "text": "Bagaimana kopinya?"},
        ],
    }
)
HOURS = ConversationSettings.model_validate({"hours": {"mon-fri": "08:00-21:00", "sat": "09:00-17:00"}}).hours

CONTACT = ContactState(
    contact=Contact(BUDI, first_name="Budi"),
    language="id",
    channel=Channel("1", "whatsapp_cloud"),
    last_inbound_at=NOW - timedelta(hours=3),
    wake_at=NOW,
    paused_at=None,
    paused_until=None,
    paused_by=None,
    opted_out_at=None,
    notice_at=None,
)
FACTS = Facts(CONTACT, payment="open", unanswered=True, sent_today=0)


def followup(rule: str | None, hours: float = 0) -> FollowUp:
    due = NOW - timedelta(hours=hours)
    return FollowUp("f", BUDI, due, "Waktunya ambil\nkopi", rule, {}, due - timedelta(hours=2))


def judged(one: FollowUp, facts: Facts = FACTS, now: datetime = NOW) -> Send | End | Wait:
    return judge(one, facts, settings=SETTINGS, hours=HOURS, zone=JAKARTA, now=now)


def where(**changes: Any) -> Facts:
    return replace(FACTS, contact=replace(CONTACT, **changes))


HUMAN: dict[str, Any] = {"paused_at": NOW, "paused_until": NOW + timedelta(hours=1), "paused_by": "Rina"}
BLOCKED = Contact(BUDI, status="blocked")
TOO_LATE = "the 24-hour window is closed; a template could be sent, and none is set"
SENT = Send(Text("Halo Budi"))
PROMISE = Send(Text("Waktunya ambil\nkopi"))


@pytest.mark.parametrize(
    ("rule", "facts", "expected"),
    [
        ("bayar", FACTS, SENT),
        ("bayar", where(language="en"), Send(Text("Hi"))),
        ("bayar", where(contact=BLOCKED), End("skipped", "the contact is blocked on the platform")),
        ("bayar", where(opted_out_at=NOW), End("skipped", "the contact opted out")),
        ("bayar", where(last_inbound_at=NOW - timedelta(hours=1)), End("cancelled", "the contact replied")),
        ("bayar", replace(FACTS, payment="paid"), End("cancelled", "it is paid")),
        ("bayar", replace(FACTS, payment="overpaid"), End("cancelled", "it is paid")),
        ("bayar", replace(FACTS, payment="expired"), End("skipped", "the payment is expired, not open")),
        ("bayar", replace(FACTS, payment=None), End("skipped", "there is no payment")),
        ("bayar", where(**HUMAN), End("skipped", "a human answers (Rina)")),
        ("bayar", where(**{**HUMAN, "paused_until": NOW}), SENT),
        ("bayar", replace(FACTS, sent_today=1), SENT),
        ("bayar", replace(FACTS, sent_today=2), End("skipped", "followups.limit: 2 a day are used up")),
        ("bayar", where(last_inbound_at=NOW - WINDOW - timedelta(seconds=1)), Send(Template("t", "id"))),
        ("hangus", replace(FACTS, payment="expired"), Send(Text("Mau kode baru?"))),
        ("hangus", replace(FACTS, payment="paid_late"), End("cancelled", "it is paid")),
        ("tanya", FACTS, Send(Text("Maaf baru sempat."))),
        ("tanya", replace(FACTS, unanswered=False), End("cancelled", "the question was answered")),
        ("kabar", where(last_inbound_at=NOW - timedelta(hours=1)), Send(Text("Bagaimana kopinya?"))),
        ("kabar", where(last_inbound_at=NOW - timedelta(hours=25)), End("skipped", TOO_LATE)),
        ("kabar", where(last_inbound_at=NOW - timedelta(hours=25), channel=Channel("4", "telegram")), Send(Text("Bagaimana kopinya?"))),
        ("dihapus", FACTS, End("cancelled", "agent.yaml has no rule 'dihapus' any more")),
        (None, FACTS, PROMISE),
        (None, replace(where(last_inbound_at=NOW), sent_today=9, payment=None, unanswered=False), PROMISE),
        (None, where(last_inbound_at=NOW - timedelta(hours=25)), Send(Template("ingat", "id", values=("Budi", "Waktunya ambil kopi")))),
        (None, where(opted_out_at=NOW), End("skipped", "the contact opted out")),
        (None, where(**HUMAN), End("skipped", "a human answers (Rina)")),
    ],
)  # fmt: skip
def test_what_becomes_of_one(rule: str | None, facts: Facts, expected: Send | End) -> None:
    assert judged(followup(rule), facts) == expected


def test_outside_opening_hours_a_rule_waits_for_the_next_opening_and_a_promise_is_kept() -> None:
    night = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # Saturday, 19:00 in Jakarta
    facts = where(last_inbound_at=night - timedelta(hours=1))
    late = replace(followup("kabar"), due_at=night)
    assert judged(late, facts, night) == Wait(datetime(2026, 11, 23, 8, 0, tzinfo=JAKARTA))
    assert judged(replace(late, rule=None), facts, night) == PROMISE


@pytest.mark.parametrize("rule", ["kabar", None])
def test_one_that_was_due_while_the_agent_did_not_run_is_sent_only_if_it_still_means_something(
    rule: str | None,
) -> None:
    assert isinstance(judged(followup(rule, hours=23)), Send)
    assert judged(followup(rule, hours=50)) == End("skipped", "it was due 2 days ago, when the agent did not run")
