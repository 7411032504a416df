"""Follow-ups in the ledger: scheduled with the turn, moved, called off and counted, on both databases."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.action import SendPayment
from actions.qris.gateways.gateway import Event
from agent.ledger import contacts, followups, inbound, payments, turns
from agent.ledger.database import Database
from agent.ledger.followups import FollowUp, Plan
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Claim, Result
from messaging.types import ContactKey, Text
from tests.ledger.messages import BUDI, NOW, RULES, message, quiet, sent

HOUR = timedelta(hours=1)
NUDGE = Plan("nudge", 2 * HOUR, {"no_reply": True}, lambda language: f"Jadi? ({language})")
UNPAID = Plan("unpaid", HOUR, {"payment": "open", "no_reply": True}, lambda _: "Belum dibayar")
LAPSED = Plan("lapsed", HOUR, {"payment": "expired"}, lambda _: "Kode baru?")
OPEN_QUESTION = Plan("question", HOUR, {"unanswered": True}, lambda _: "Maaf baru sempat")
THANKS = Plan("thanks", 24 * HOUR, {}, lambda _: "Bagaimana kopinya?")
ANSWER = Result(InboundOutcome.ANSWERED, contents=[Text("ya")])


async def turn(
    database: Database,
    number: int,
    *plans: Plan,
    result: Result = ANSWER,
    at: datetime = NOW,
    key: ContactKey = BUDI,
) -> Claim:
    """A message arrives and its turn ends at the same time."""
    await database.write(lambda c: inbound.accept(c, replace(message(number, key=key), sent_at=at), at, RULES))
    claim = await database.write(lambda c: turns.claim(c, key, "w", at, HOUR, quiet))
    assert isinstance(claim, Claim)
    await database.write(lambda c: turns.commit(c, claim, "w", result, at, plans))
    return claim


async def all_of(database: Database, key: ContactKey = BUDI) -> list[FollowUp]:
    return await database.read(lambda c: followups.listed(c, [key]))


def told(found: Sequence[FollowUp]) -> list[tuple[str | None, str, str | None]]:
    return [(each.rule, each.state, each.reason) for each in found]


async def settle(database: Database, *times: datetime | None) -> datetime | None:
    return await database.write(lambda c: turns.settle(c, BUDI, turns.open_work(c, BUDI), *times))


def offers(payment_id: str = "p1") -> Any:
    offer = SendPayment("PAYLOAD", 50000, payment_id, "WARUNG", None, NOW + HOUR / 2, "midtrans", order=payment_id)
    return lambda c: payments.open_payment(c, BUDI, payment_id, offer, NOW)


async def pay(database: Database, payment_id: str = "p1") -> None:
    paid = Event("midtrans", payment_id, None, "paid", 50000, "IDR", NOW, "R1", None)
    await database.write(lambda c: payments.settle(c, paid, NOW))


async def test_a_rule_is_scheduled_with_the_turn_and_wakes_the_contact_when_it_is_due(database: Database) -> None:
    await turn(database, 1, NUDGE, result=replace(ANSWER, contact_columns={"language": "en"}))
    (found,) = await all_of(database)
    assert (found.rule, found.state, found.text) == ("nudge", "scheduled", "Jadi? (en)")
    assert found.due_at == NOW + 2 * HOUR
    await database.write(lambda c: contacts.set_columns(c, BUDI, wake_at=None))
    assert await settle(database, NOW, None) == NOW, "the outbox comes first"
    assert await settle(database, None, None) == NOW + 2 * HOUR
    assert await database.read(lambda c: followups.due(c, BUDI, NOW + HOUR)) == []
    assert await database.read(lambda c: followups.due(c, BUDI, NOW + 2 * HOUR)) == [found]


async def test_a_reply_calls_off_what_waits_for_none_in_the_transaction_that_accepts_it(database: Database) -> None:
    await turn(database, 1, NUDGE, THANKS)
    promise = FollowUp("promise", BUDI, NOW + HOUR, "Ambil kopi", None, {}, NOW)
    await database.write(lambda c: followups.schedule(c, promise))
    await database.write(lambda c: inbound.accept(c, message(2), NOW + HOUR / 2, RULES))
    assert sorted(told(await all_of(database)), key=str) == [
        ("nudge", "cancelled", "the contact replied"),
        ("thanks", "scheduled", None),
        (None, "scheduled", None),
    ]


async def test_the_same_rule_waits_once_however_many_turns_there_were(database: Database) -> None:
    for number in range(3):
        await turn(database, number, THANKS, at=NOW + number * HOUR)
    found = await all_of(database)
    assert [each.due_at for each in found if each.state == "scheduled"] == [NOW + 26 * HOUR]
    assert [each.reason for each in found if each.state == "cancelled"] == ["the agent wrote again"] * 2


async def test_a_payment_is_followed_up_once_and_not_again_after_it_was_sent(database: Database) -> None:
    await turn(database, 1, UNPAID, result=replace(ANSWER, also=(offers(),)))
    await turn(database, 2, UNPAID, at=NOW + timedelta(minutes=10))
    (found,) = await all_of(database)
    assert (found.state, found.due_at) == ("scheduled", NOW + timedelta(minutes=70))
    await database.write(lambda c: followups.end(c, found.id, "sent", None, NOW + HOUR))
    await turn(database, 3, UNPAID, at=NOW + timedelta(minutes=20))
    assert told(await all_of(database)) == [("unpaid", "sent", None)]


async def test_a_rule_about_payments_needs_one_that_is_open_and_ends_when_it_is_paid(database: Database) -> None:
    await turn(database, 1, UNPAID, LAPSED)
    assert await all_of(database) == []
    await turn(database, 2, UNPAID, LAPSED, result=replace(ANSWER, also=(offers(),)))
    assert {each.rule for each in await all_of(database)} == {"unpaid", "lapsed"}
    await pay(database)
    assert {told_one[1:] for told_one in told(await all_of(database))} == {("cancelled", "it is paid")}
    await turn(database, 3, UNPAID, LAPSED)
    assert {each.state for each in await all_of(database)} == {"cancelled"}


async def test_a_code_that_has_expired_is_followed_up_only_by_the_rule_for_that(database: Database) -> None:
    await turn(database, 1, result=replace(ANSWER, also=(offers(),)))
    await turn(database, 2, UNPAID, LAPSED, at=NOW + HOUR)
    assert told(await all_of(database)) == [("lapsed", "scheduled", None)]


async def test_an_unanswered_question_is_followed_up_and_an_answered_one_is_not(database: Database) -> None:
    await turn(database, 1, OPEN_QUESTION)
    assert await all_of(database) == []
    await turn(
        database,
        2,
        OPEN_QUESTION,
        NUDGE,
        result=Result(InboundOutcome.OUTSIDE_HOURS, "outside opening hours; the notice was given"),
    )
    assert told(await all_of(database)) == [("question", "scheduled", None)]
    assert await database.read(lambda c: followups.unanswered(c, BUDI))
    await database.write(lambda c: inbound.accept(c, sent(1, by_human=True), NOW + HOUR, RULES))
    assert not await database.read(lambda c: followups.unanswered(c, BUDI))


@pytest.mark.parametrize("reason", [None, "", "answered", "the agent did not know"])
@pytest.mark.parametrize(
    ("outcome", "unanswered"),
    [
        (InboundOutcome.ANSWERED, False),
        (InboundOutcome.NOT_KNOWN, True),
        (InboundOutcome.NOTICE, True),
        (InboundOutcome.FAILED, True),
        (InboundOutcome.OUTSIDE_HOURS, True),
    ],
)
async def test_the_outcome_says_whether_a_question_is_unanswered_and_the_reason_does_not(
    database: Database, outcome: InboundOutcome, reason: str | None, unanswered: bool
) -> None:
    await turn(database, 1, OPEN_QUESTION, result=Result(outcome, reason))
    assert await database.read(lambda c: followups.unanswered(c, BUDI)) is unanswered
    assert len(await all_of(database)) == unanswered


async def test_nothing_is_scheduled_after_a_handover(database: Database) -> None:
    await turn(database, 1, NUDGE, THANKS, result=replace(ANSWER, pause_until=(NOW + HOUR, "handed over")))
    assert await all_of(database) == []


async def test_opting_out_calls_off_everything_promises_too(database: Database) -> None:
    await turn(database, 1, THANKS)
    promise = FollowUp("promise", BUDI, NOW + HOUR, "Ambil kopi", None, {}, NOW)
    await database.write(lambda c: followups.schedule(c, promise))
    await turn(database, 2, THANKS, result=replace(ANSWER, contact_columns={"opted_out_at": NOW}))
    assert {told_one[1:] for told_one in told(await all_of(database))} == {("cancelled", "the contact opted out")}
    assert len(await all_of(database)) == 2


async def test_what_was_sent_today_is_counted_without_promises(database: Database) -> None:
    for name, rule, at in (("a", "nudge", NOW), ("b", "nudge", NOW - 24 * HOUR), ("c", None, NOW)):
        one = FollowUp(name, BUDI, at, "x", rule, {}, at)
        await database.write(lambda c, one=one: followups.schedule(c, one))
        await database.write(lambda c, one=one, at=at: followups.end(c, one.id, "sent", None, at))
    assert await database.read(lambda c: followups.sent_since(c, BUDI, NOW - HOUR)) == 1
    assert await database.read(lambda c: followups.sent_since(c, BUDI, NOW - 48 * HOUR)) == 2


async def test_one_is_called_off_once_and_only_while_it_waits(database: Database) -> None:
    await database.write(lambda c: followups.schedule(c, FollowUp("f", BUDI, NOW, "x", None, {}, NOW)))
    results = await asyncio.gather(
        *(database.write(lambda c: followups.cancel(c, "f", "called off", NOW)) for _ in range(2))
    )
    assert sum(result is not None for result in results) == 1
    assert await database.write(lambda c: followups.cancel(c, "f", "again", NOW)) is None
    assert told(await all_of(database)) == [(None, "cancelled", "called off")]


async def test_a_new_one_wakes_its_contact_unless_something_comes_first(database: Database) -> None:
    await turn(database, 1)
    for wake_at, due, expected in ((None, 2, 2), (NOW + HOUR, 2, 1), (NOW + 3 * HOUR, 2, 2)):
        await database.write(lambda c, wake_at=wake_at: contacts.set_columns(c, BUDI, wake_at=wake_at))
        await database.write(lambda c, due=due: followups.wake(c, BUDI, NOW + due * HOUR))
        state = await database.read(lambda c: contacts.load(c, BUDI))
        assert state is not None
        assert state.wake_at == NOW + expected * HOUR
