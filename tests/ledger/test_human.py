"""A human takes a conversation over, and gives it back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from agent.delivery.window import obstacle
from agent.ledger import confirmations, contacts, history, human, inbound, outbound, turns
from agent.ledger.codec import Assign
from agent.ledger.confirmations import Confirmation
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.inbound import Rules
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Claim, Result
from messaging.types import (
    AssigneeChanged,
    ContactKey,
    ConversationClosed,
    Event,
    InboundMessage,
    MessageSent,
    Person,
    Text,
)
from tests.ledger.messages import BUDI, NOW, RULES, contact, message, quiet, sent

RINA = Person("2", "Rina", "rina@example.com")


async def _accept(database: Database, event: Event, rules: Rules = RULES, now: datetime = NOW) -> ContactState:
    await database.write(lambda connection: inbound.accept(connection, event, now, rules))
    state = await database.read(lambda connection: contacts.load(connection, BUDI))
    assert state is not None
    return state


async def _two_parts_waiting(database: Database) -> None:
    await database.write(
        lambda connection: (
            history.append(connection, BUDI, [history.Line("agent", "satu\n\ndua", NOW, turn="t1")]),
            outbound.add(connection, BUDI, "t1", [Text("satu"), Text("dua")], now=NOW, turn="t1"),
        )
    )


async def _of_turn(database: Database, turn: str) -> list[outbound.Delivery]:
    return await database.read(lambda connection: outbound.of_turn(connection, turn))


async def test_what_waits_to_be_sent_is_withdrawn_and_never_was_said(database: Database) -> None:
    await _accept(database, message(1))
    await _two_parts_waiting(database)
    await _accept(database, sent(1, by_human=True, text="Saya bantu"))
    assert await database.read(lambda connection: outbound.heads(connection, BUDI)) == []
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [(line.author, line.text) for line in lines] == [("human", "Saya bantu")]


async def test_what_has_gone_out_in_part_stays_in_the_history(database: Database) -> None:
    await _accept(database, message(1))
    await _two_parts_waiting(database)
    await database.write(lambda connection: outbound.mark(connection, "t1/0", "sent", now=NOW, message_id="p1"))
    await _accept(database, sent(1, by_human=True, text="Saya bantu"))
    assert await database.read(lambda connection: outbound.heads(connection, BUDI)) == []
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [line.author for line in lines] == ["agent", "human"]


async def test_a_yes_said_to_a_human_runs_nothing(database: Database) -> None:
    question = Confirmation("cancel_order", {}, "Batalkan?", "t1", NOW + timedelta(minutes=15))
    await _accept(database, message(1))
    for event in (sent(1, by_human=True), ConversationClosed(contact())):
        await database.write(lambda connection: confirmations.ask(connection, BUDI, question))
        await _accept(database, event)
        assert await database.read(lambda connection: confirmations.open_question(connection, BUDI, NOW)) is None


async def test_an_assignment_after_our_own_handover_lets_its_words_go_out(database: Database) -> None:
    await _accept(database, message(1))
    await _two_parts_waiting(database)
    await database.write(lambda connection: contacts.pause(connection, BUDI, NOW, None, "handed over: asked"))
    later = NOW + timedelta(seconds=5)
    state = await _accept(database, AssigneeChanged(contact(assignee=RINA)), now=later)
    assert (state.paused_at, state.paused_by) == (NOW, "assigned to Rina")
    assert len(await database.read(lambda connection: outbound.heads(connection, BUDI))) == 1


@pytest.mark.parametrize("to", ["2", "Rina@example.com"])
async def test_what_waited_before_an_assignment_of_our_own_still_goes_out(database: Database, to: str) -> None:
    """A workflow sends and then assigns: the message may take longer than the platform's event of the assignment."""
    await _accept(database, message(1))
    later = NOW + timedelta(seconds=5)

    def work(connection: Connection) -> None:
        outbound.add(connection, BUDI, "w/0", [Text("satu")], now=NOW)
        outbound.add(connection, BUDI, "w/1", [Text("dua")], now=NOW, turn="w-1")
        outbound.add(connection, BUDI, "w/2", [Assign(to)], now=NOW + timedelta(seconds=1))
        outbound.add(connection, BUDI, "t2", [Text("tiga")], now=later, turn="t2")
        outbound.mark_sending(connection, "w/2/0", "me", later)

    await database.write(work)
    state = await _accept(database, AssigneeChanged(contact(assignee=RINA)), now=later)
    assert (state.paused(later), state.paused_at, state.paused_by) == (True, NOW, "assigned to Rina")
    rows = [*await _of_turn(database, "w-1"), *await _of_turn(database, "t2")]
    assert [row.state for row in rows] == ["pending", "skipped"], "what came behind it is the colleague's to say"
    (first,) = await database.read(lambda connection: outbound.heads(connection, BUDI)[:1])
    assert obstacle(first, state, later) is None


@pytest.mark.parametrize("to", ["8", None])
async def test_an_assignment_to_somebody_else_is_a_humans(database: Database, to: str | None) -> None:
    await _accept(database, message(1))

    def work(connection: Connection) -> None:
        outbound.add(connection, BUDI, "w/0", [Text("satu"), Assign(to)], now=NOW)
        outbound.mark(connection, "w/0/1", "sent", now=NOW)

    await database.write(work)
    later = NOW + timedelta(seconds=5)
    assert (await _accept(database, AssigneeChanged(contact(assignee=RINA)), now=later)).paused_at == later


async def test_nor_is_one_ours_that_comes_long_after_ours(database: Database) -> None:
    await _accept(database, message(1))

    def work(connection: Connection) -> None:
        outbound.add(connection, BUDI, "w/0", [Assign("2")], now=NOW)
        outbound.mark(connection, "w/0/0", "sent", now=NOW)

    await database.write(work)
    later = NOW + timedelta(hours=1)
    assert (await _accept(database, AssigneeChanged(contact(assignee=RINA)), now=later)).paused_at == later


async def test_the_echo_of_what_is_on_its_way_is_no_human(database: Database) -> None:
    """It comes before the answer to our request, from a platform that says no more than who owns the token."""
    await _accept(database, message(1))
    await _two_parts_waiting(database)
    await database.write(lambda connection: outbound.mark_sending(connection, "t1/0", "me", NOW))
    echo = MessageSent(contact(), "p1", NOW, by_human=True, text="satu", sender=RINA, source="user")
    assert not (await _accept(database, echo)).paused(NOW)
    other = MessageSent(contact(), "p2", NOW, by_human=True, text="Hai, saya Rina", sender=RINA, source="user")
    assert (await _accept(database, other)).paused(NOW)


async def test_an_echo_under_another_id_is_known_by_its_words_but_a_user_is_a_user(database: Database) -> None:
    await _accept(database, message(1))
    await _two_parts_waiting(database)
    await database.write(lambda connection: outbound.mark(connection, "t1/0", "sent", now=NOW, message_id="p1"))
    echo = MessageSent(contact(), "p9", NOW, by_human=True, text="satu", source="echo")
    assert not (await _accept(database, echo, now=NOW + timedelta(minutes=1))).paused(NOW)
    user = MessageSent(contact(), "p10", NOW, by_human=True, text="satu", sender=RINA, source="user")
    assert (await _accept(database, user, now=NOW + timedelta(minutes=1))).paused(NOW + timedelta(minutes=1))


async def test_what_gives_back_is_as_configured(database: Database) -> None:
    only_closing = Rules(RULES.due, None, ("closed",))
    await _accept(database, AssigneeChanged(contact(assignee=RINA)), only_closing)
    assert (await _accept(database, AssigneeChanged(contact()), only_closing)).paused(NOW)
    closed = await _accept(database, ConversationClosed(contact()), only_closing)
    assert not closed.paused(NOW)
    assert closed.closed_at == NOW
    only_by_hand = Rules(RULES.due, None, ())
    await _accept(database, sent(1, by_human=True), only_by_hand)
    await _accept(database, ConversationClosed(contact()), only_by_hand)
    state = await _accept(database, AssigneeChanged(contact()), only_by_hand)
    assert state.paused(NOW)
    await database.write(lambda connection: contacts.resume(connection, BUDI, NOW))


async def test_a_last_word_that_is_reported_after_the_closing_begins_no_new_pause(database: Database) -> None:
    await _accept(database, message(1))
    await _accept(database, ConversationClosed(contact()), now=NOW + timedelta(seconds=2))
    last_word = sent(1, by_human=True)
    assert not (await _accept(database, last_word, now=NOW + timedelta(seconds=3))).paused(NOW + timedelta(seconds=3))
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [line.author for line in lines] == ["human"]
    at = NOW + timedelta(seconds=4)
    next_word = replace(sent(2, by_human=True), sent_at=at)
    assert (await _accept(database, next_word, now=at)).paused(at)


async def test_where_everything_is_assigned_an_assignment_may_mean_nothing(database: Database) -> None:
    answering = Rules(RULES.due, RULES.resume_after, assigned="answer")
    assert not (await _accept(database, AssigneeChanged(contact(assignee=RINA)), answering)).paused(NOW)
    assigned = InboundMessage(contact(assignee=RINA), "m2", NOW, "halo")
    assert not (await _accept(database, assigned, answering)).paused(NOW)
    assert (await _accept(database, sent(1, by_human=True), answering)).paused(NOW)


async def test_an_assignment_that_no_event_told_of_counts_once(database: Database) -> None:
    """A contact who had a colleague before the agent came; without this, the pause would also begin anew with each message."""
    assigned = InboundMessage(contact(assignee=RINA), "m1", NOW, "halo")
    assert (await _accept(database, assigned)).paused_until == NOW + timedelta(hours=12)
    later = NOW + timedelta(hours=13)
    again = InboundMessage(contact(assignee=RINA), "m2", later, "halo?")
    assert not (await _accept(database, again, now=later)).paused(later)
    state = await _accept(database, AssigneeChanged(contact()), now=later)
    assert state.contact.assignee is None
    third = InboundMessage(contact(assignee=RINA), "m3", later, "halo??")
    assert (await _accept(database, third, now=later)).paused(later), "assigned anew"


async def test_a_second_word_of_a_human_does_not_make_the_first_one_stale(database: Database) -> None:
    """A reply by API waits in the outbox; the next human word must not withdraw it."""
    await _accept(database, message(1))
    await database.write(
        lambda connection: (
            human.begin(connection, BUDI, NOW, None, "api"),
            outbound.add(connection, BUDI, "reply", [Text("dari manusia")], now=NOW),
        )
    )
    state = await _accept(database, sent(1, by_human=True), now=NOW + timedelta(seconds=3))
    assert state.paused_at == NOW
    assert len(await database.read(lambda connection: outbound.heads(connection, BUDI))) == 1


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
        turns.settle(connection, BUDI, turns.open_work(connection, BUDI))

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


# Events about who answers that come again, late, or in another order


def _named(number: int, what: str) -> Event:
    """An event of the platform with an id of its own: assigned, taken back, or closed."""
    if what == "closed":
        return ConversationClosed(contact(), event_id=f"e{number}")
    return AssigneeChanged(contact(assignee=RINA if what == "assigned" else None), f"e{number}")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["assigned", "unassigned", "closed"]), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6),
    st.integers(0, 10**9),
)
@example(["assigned", "unassigned"], [(0, 1)], 1)
@example(["assigned", "unassigned", "assigned"], [(1, 2), (0, 2)], 2)
@example(["closed", "assigned"], [(0, 1)], 3)
async def test_an_event_that_is_delivered_again_changes_nothing_however_much_later(
    sqlite: Database, happened: list[str], again: list[tuple[int, int]], number: int
) -> None:
    key = ContactKey("aelyst", f"again-{number}-{'-'.join(happened)}-{again}")

    async def take(event: Event, at: datetime) -> bool | None:
        mine = replace(event, contact=replace(event.contact, key=key))  # type: ignore[arg-type,union-attr]
        await sqlite.write(lambda c: inbound.accept(c, mine, at, RULES))
        state = await sqlite.read(lambda c: contacts.load(c, key))
        return None if state is None else state.paused(at)

    for position, what in enumerate(happened):
        at = NOW + timedelta(minutes=15 * position)
        paused = await take(_named(position, what), at)
        assert paused == (what == "assigned")
        for which, when in again:
            if when == position and which <= position:
                assert await take(_named(which, happened[which]), at + timedelta(minutes=1)) == paused


async def test_an_assignment_that_comes_after_it_was_taken_back_silences_nobody_and_the_next_one_does(
    database: Database,
) -> None:
    await _accept(database, message(1))
    assert not (await _accept(database, _named(2, "unassigned"))).paused(NOW)
    later = NOW + timedelta(minutes=2)
    late = await _accept(database, _named(1, "assigned"), now=later)
    assert (late.paused(later), late.contact.assignee) == (False, None)
    assert (await _accept(database, _named(3, "assigned"), now=later)).paused(later)


async def test_after_a_taking_back_that_nothing_followed_the_next_assignment_counts(database: Database) -> None:
    await _accept(database, _named(2, "unassigned"))
    later = NOW + timedelta(minutes=11)
    assert (await _accept(database, _named(3, "assigned"), now=later)).paused(later)


async def test_an_event_with_a_time_from_before_the_giving_back_is_old(database: Database) -> None:
    """AIsoule says when a conversation went to a colleague, and tells of no return: that is done here."""
    at, later = NOW - timedelta(seconds=30), NOW + timedelta(minutes=5)
    transfer = AssigneeChanged(contact(assignee=RINA), at=at)
    assert (await _accept(database, transfer)).paused(NOW)
    await database.write(lambda c: human.give_back(c, BUDI, NOW + timedelta(minutes=1)))
    assert not (await _accept(database, transfer, now=later)).paused(later)
    other = replace(transfer, at=NOW + timedelta(seconds=10))
    assert not (await _accept(database, other, now=later)).paused(later), "it was on its way while it was given back"
    assert (await _accept(database, replace(transfer, at=later), now=later)).paused(later)


async def test_a_message_that_comes_late_does_not_bring_its_old_assignment_back(database: Database) -> None:
    await _accept(database, _named(1, "assigned"))
    await _accept(database, _named(2, "unassigned"), now=NOW + timedelta(minutes=1))
    later = NOW + timedelta(minutes=2)
    late = replace(message(1), contact=contact(assignee=RINA), sent_at=NOW + timedelta(seconds=5))
    state = await _accept(database, late, now=later)
    assert (state.paused(later), state.contact.assignee) == (False, None)
    fresh = replace(message(2), contact=contact(assignee=RINA), sent_at=later)
    assert (await _accept(database, fresh, now=later)).paused(later)


async def test_without_id_and_time_an_assignment_counts_each_time(database: Database) -> None:
    for minutes in (0, 20):
        at = NOW + timedelta(minutes=minutes)
        assert (await _accept(database, AssigneeChanged(contact(assignee=RINA)), now=at)).paused(at)
        assert not (await _accept(database, AssigneeChanged(contact()), now=at)).paused(at)
