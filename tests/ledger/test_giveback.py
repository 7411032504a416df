from datetime import datetime, timedelta

import pytest

from agent.ledger import contacts, history, human, inbound, turns
from agent.ledger.clock_repair import mend
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.inbound import Rules
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Claim, Result
from messaging.types import AssigneeChanged, ConversationClosed
from tests.ledger.messages import BUDI, NOW, RULES, contact, message, quiet, sent

LEASE = timedelta(seconds=30)


async def _hold(
    database: Database,
    number: int,
    at: datetime = NOW,
    outcome: InboundOutcome = InboundOutcome.HUMAN,
    reason: str = "a human answers (Rina)",
) -> None:
    """A message of the customer that a turn has left to a human."""

    def work(connection):  # type: ignore[no-untyped-def]
        inbound.accept(connection, message(number), at, RULES)
        claim = turns.claim(connection, BUDI, "me", at, LEASE)
        assert isinstance(claim, Claim)
        line = Line("contact", f"pesan {number}", at, turn=claim.turn, message_id=f"m{number}")
        turns.commit(connection, claim, "me", Result(outcome, reason, lines=[line]), at)
        turns.settle(connection, BUDI)

    await database.write(work)


async def _give_back(database: Database, at: datetime) -> datetime | None:
    return await database.write(lambda connection: human.give_back(connection, BUDI, at))


async def _waiting(database: Database) -> list[str]:
    rows = await database.read(lambda connection: inbound.waiting_rows(connection, BUDI))
    return [row.payload["message_id"] for row in rows]


async def test_what_came_after_the_last_word_waits_again(database: Database) -> None:
    await _hold(database, 1)
    await database.write(lambda c: inbound.accept(c, sent(1, by_human=True), NOW + timedelta(seconds=1), RULES))
    await _hold(database, 2, NOW + timedelta(seconds=2))
    await _hold(database, 3, NOW + timedelta(seconds=3))
    at = NOW + timedelta(minutes=1)
    assert await _give_back(database, at) == at + human.GRACE
    assert await _waiting(database) == ["m2", "m3"]
    early = await database.write(lambda c: turns.claim(c, BUDI, "me", at, LEASE, quiet))
    assert early == at + human.GRACE, "not before its time"
    claim = await database.write(lambda c: turns.claim(c, BUDI, "me", at + human.GRACE, LEASE, quiet))
    assert isinstance(claim, Claim)
    assert claim.given_back
    assert claim.received_at == (NOW + timedelta(seconds=2), NOW + timedelta(seconds=3))


async def test_an_answer_leaves_the_question_in_its_place(database: Database) -> None:
    await _hold(database, 1)
    at = NOW + timedelta(minutes=1)
    await _give_back(database, at)

    def answer(connection):  # type: ignore[no-untyped-def]
        claim = turns.claim(connection, BUDI, "me", at, LEASE)
        assert isinstance(claim, Claim)
        heard = Line("contact", "[voice note] halo", NOW, turn=claim.turn, message_id="m1")
        turns.commit(
            connection, claim, "me", Result(InboundOutcome.ANSWERED, lines=[heard, Line("agent", "hai", at)]), at
        )

    await database.write(answer)
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [(line.author, line.text) for line in lines] == [("contact", "[voice note] halo"), ("agent", "hai")]


@pytest.mark.parametrize("reason", ["", "Rina jawab", "the contact opted out", "left to the colleagues"])
async def test_the_wording_of_the_reason_decides_nothing(database: Database, reason: str) -> None:
    await _hold(database, 1, reason=reason)
    await _give_back(database, NOW + timedelta(minutes=1))
    assert await _waiting(database) == ["m1"]


@pytest.mark.parametrize("reason", ["the contact opted out", "a human answers (Rina)", ""])
@pytest.mark.parametrize(
    "outcome",
    [
        InboundOutcome.OPTED_OUT,
        InboundOutcome.OUTSIDE_HOURS,
        InboundOutcome.LIMIT,
        InboundOutcome.BLOCKED,
        InboundOutcome.CONVERSATION_CLOSED,
    ],
)
async def test_what_was_not_left_to_a_human_stays_as_it_is(
    database: Database, outcome: InboundOutcome, reason: str
) -> None:
    await _hold(database, 1, outcome=outcome, reason=reason)
    assert await _give_back(database, NOW + timedelta(minutes=1)) is None
    assert await _waiting(database) == []


async def test_an_old_message_is_only_known(database: Database) -> None:
    await _hold(database, 1)
    assert await _give_back(database, NOW + human.STILL_EXPECTED) is None
    assert await _waiting(database) == []


async def test_what_came_before_a_closing_is_over(database: Database) -> None:
    await _hold(database, 1)
    await database.write(lambda c: inbound.accept(c, ConversationClosed(contact()), NOW + timedelta(seconds=1), RULES))
    assert await _give_back(database, NOW + timedelta(seconds=2)) is None


async def test_a_closing_after_the_giving_back_ends_it(database: Database) -> None:
    await _hold(database, 1)
    accepted = await database.write(lambda c: inbound.accept(c, AssigneeChanged(contact()), NOW, RULES))
    assert accepted.wake_at == NOW + human.GRACE
    await database.write(lambda c: inbound.accept(c, message(2), NOW + timedelta(seconds=1), RULES))
    await database.write(lambda c: inbound.accept(c, ConversationClosed(contact()), NOW + timedelta(seconds=2), RULES))
    assert await _waiting(database) == ["m2"], "what is new is answered as always"
    assert await _give_back(database, NOW + timedelta(seconds=3)) is None


async def test_only_what_gives_back_as_configured_does(database: Database) -> None:
    await _hold(database, 1)
    by_closing = Rules(RULES.due, None, ("closed",))
    accepted = await database.write(lambda c: inbound.accept(c, AssigneeChanged(contact()), NOW, by_closing))
    assert accepted.wake_at is None
    assert await _waiting(database) == []


async def test_an_earlier_wake_up_is_kept(database: Database) -> None:
    await _hold(database, 1)
    sooner = NOW + timedelta(seconds=1)
    await database.write(lambda connection: contacts.set_columns(connection, BUDI, wake_at=sooner))
    assert await _give_back(database, NOW) == sooner


async def test_a_clock_that_was_set_back_keeps_nobody_waiting(database: Database) -> None:
    await _hold(database, 1)
    await _give_back(database, NOW)
    past = NOW - timedelta(days=1)
    mended = await database.write(lambda c: mend(c, past, lease=LEASE, tolerance=timedelta(seconds=1)))
    assert mended == {BUDI}
    claim = await database.write(lambda c: turns.claim(c, BUDI, "me", past, LEASE, quiet))
    assert isinstance(claim, Claim)
