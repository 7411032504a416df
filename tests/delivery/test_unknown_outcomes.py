"""Deliveries of which nobody knows whether they were made: looked up, waited for, held, at most once."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from actions.action import Comment
from agent.delivery.outbox import ECHO_WAIT, HELD, SETTLE, Sending
from agent.ledger import contacts, human, inbound, outbound
from agent.ledger.clock_repair import repair
from agent.ledger.codec import Assign
from messaging.errors import NotFound, OutcomeUnknown, PlatformError, RateLimited, Unavailable
from messaging.types import (
    DeliveryReport,
    MessageSent,
    NoteLeft,
    Text,
)
from tests.delivery.desk import SECOND, Desk, listed, lost, without
from tests.ledger.messages import BUDI, NOW, RULES, contact


@pytest.mark.parametrize("there", [True, False])
async def test_a_message_of_unknown_outcome_is_looked_up_before_it_is_sent_again(desk: Desk, there: bool) -> None:
    desk.platform.errors = [OutcomeUnknown("time-out")]
    desk.platform.listed = [listed("satu")] if there else [listed("lain")]
    await desk.queue(Text("satu"))
    await desk.step()
    assert (await desk.row()).state == "uncertain"
    await desk.finish()
    assert desk.platform.texts == (["satu"] if there else ["satu", "satu"])
    assert (await desk.row()).platform_message_id == ("p9" if there else "p2")


async def test_where_the_platform_keeps_no_list_a_message_is_sent_again(desk: Desk) -> None:
    desk.platform.errors = [OutcomeUnknown("time-out")]
    desk.platform.listed = NotFound("no list")
    await desk.queue(Text("satu"))
    await desk.finish()
    assert desk.platform.texts == ["satu", "satu"]


async def test_a_list_that_cannot_be_read_sends_nothing_twice(desk: Desk) -> None:
    desk.platform.errors = [OutcomeUnknown("time-out")]
    desk.platform.listed = OutcomeUnknown("time-out")
    await desk.queue(Text("satu"))
    for _ in range(6):
        due = await desk.step()
        if isinstance(due, datetime):
            desk.clock.now = due
    assert desk.platform.texts == ["satu"]
    assert (await desk.row()).state == "uncertain"


async def test_what_a_process_that_died_was_sending_is_looked_up_by_the_next_one(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    assert isinstance(await desk.begin(), Sending)
    desk.platform.listed = [listed("satu")]
    await desk.step(desk.of("successor"))
    assert desk.platform.texts == []
    assert (await desk.row()).state == "sent"


async def test_two_equal_messages_are_both_sent_though_one_is_listed(desk: Desk) -> None:
    await desk.queue(Text("ya"), Text("ya"))
    await desk.step()
    desk.platform.listed = [listed("ya", "p1")]
    desk.platform.errors = [OutcomeUnknown("time-out")]
    await desk.finish()
    assert len(desk.platform.texts) == 3, "the listed one is the first of them, so the second is sent again"


async def test_every_attempt_at_a_message_bears_the_same_key(desk: Desk) -> None:
    without(desk, idempotency_keys=True)
    desk.platform.errors = lost()
    await desk.queue(Text("satu"), Text("dua"))
    await desk.finish()
    assert desk.platform.texts == ["satu", "satu", "dua"]
    assert desk.platform.keys == ["t1/0", "t1/0", "t1/1"]


async def test_a_message_of_unknown_fate_is_held_where_nothing_can_tell(desk: Desk) -> None:
    without(desk)
    desk.platform.errors = lost()
    await desk.queue(Text("satu"), Text("dua"))
    await desk.finish()
    assert desk.platform.texts == ["satu", "dua"]
    row = await desk.row()
    assert (row.state, row.platform_message_id) == ("failed", None)
    assert "may have been sent" in row.reason
    assert await desk.database.read(outbound.dead) == [row]


async def test_it_is_sent_again_where_the_owner_prefers_that(desk: Desk) -> None:
    without(desk)
    desk.platform.errors = lost()
    repeating = desk.of("me", repeat={BUDI.platform})
    await desk.queue(Text("satu"))
    while (due := await desk.step(repeating)) is not None:
        if isinstance(due, datetime):
            desk.clock.now = due
    assert desk.platform.texts == ["satu", "satu"]
    assert (await desk.row()).state == "sent"


@pytest.mark.parametrize(
    "report",
    [
        DeliveryReport("p7", "delivered", NOW, contact()),
        MessageSent(contact(), "p7", NOW, by_human=False, text="satu", source="api"),
        MessageSent(contact(), "p7", NOW, by_human=True, text="satu", source="echo"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_its_echo_or_status_settles_it(desk: Desk, report: Any, late: bool) -> None:
    without(desk, echoes=True)
    desk.platform.errors = lost()
    await desk.queue(Text("satu"))
    if late:
        await desk.finish()
    else:
        await desk.step()
    await desk.accept(report)
    await desk.finish()
    row = await desk.row()
    assert (row.state, row.platform_message_id, row.reason) == ("sent", "p7", None)
    assert desk.platform.texts == ["satu"]
    state = await desk.database.read(lambda connection: contacts.known(connection, BUDI))
    assert not state.paused(desk.clock())


async def test_the_echo_of_another_message_settles_nothing(desk: Desk) -> None:
    without(desk, echoes=True)
    desk.platform.errors = lost()
    await desk.queue(Text("satu"))
    await desk.step()
    await desk.accept(MessageSent(contact(), "p7", NOW, by_human=False, text="lain", source="api"))
    await desk.finish()
    assert (await desk.row()).state == "failed"


async def test_a_message_whose_process_died_waits_for_its_echo_before_it_is_held(desk: Desk) -> None:
    without(desk, echoes=True)
    await desk.queue(Text("satu"))
    assert isinstance(await desk.begin(), Sending)  # and the process is killed
    after = desk.of("another")
    await desk.step(after)
    due = await desk.begin(after)
    assert due == NOW + ECHO_WAIT
    await desk.accept(DeliveryReport("p7", "sent", NOW, contact()))
    await desk.step(after)
    assert (await desk.row()).state == "sent"
    assert desk.platform.texts == []


async def test_a_message_that_was_not_delivered_after_all_is_a_dead_letter(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    await desk.finish()
    await desk.accept(DeliveryReport("p1", "failed", NOW, contact(), reason="131026 not on WhatsApp"))
    row = await desk.row()
    assert row.state == "failed"
    assert "131026" in row.reason


async def test_a_report_without_a_contact_finds_the_message_by_its_id(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    await desk.finish()
    rules = replace(RULES, platform=BUDI.platform)
    report = DeliveryReport("p1", "failed", NOW, reason="blocked")
    await desk.database.write(lambda connection: inbound.accept(connection, report, NOW, rules))
    assert (await desk.row()).state == "failed"


async def test_a_message_that_the_platform_lists_only_later_is_not_sent_again(desk: Desk) -> None:
    """The process was killed just after its request left, and the platform had not processed it when it was asked."""
    await desk.queue(Text("satu"), Text("dua"))
    assert isinstance(await desk.begin(), Sending)
    after = desk.of("another")
    while (due := await desk.step(after)) is not None:
        if isinstance(due, datetime):
            desk.clock.now = due
        if desk.clock.now >= NOW + SETTLE - SECOND:
            desk.platform.listed = [listed("satu")]
    assert desk.platform.texts == ["dua"]
    assert (await desk.row()).platform_message_id == "p9"


@pytest.mark.parametrize("error", [OutcomeUnknown("connection lost"), Unavailable("bad gateway")])
async def test_nor_is_one_whose_answer_was_lost(desk: Desk, error: PlatformError) -> None:
    desk.platform.errors = [error]
    await desk.queue(Text("satu"))
    while (due := await desk.step()) is not None:
        if isinstance(due, datetime):
            desk.clock.now = due
        if desk.clock.now >= NOW + SETTLE / 2:
            desk.platform.listed = [listed("satu")]
    assert desk.platform.texts == ["satu"]


@pytest.mark.parametrize("late", [SETTLE, timedelta(hours=1), -timedelta(days=1)])
async def test_an_old_attempt_delays_nothing(desk: Desk, late: timedelta) -> None:
    """Nor one that lies far ahead, since the clock was set back."""
    await desk.queue(Text("satu"))
    assert isinstance(await desk.begin(), Sending)
    desk.clock.now += late
    await desk.database.write(lambda c: repair(c, desk.clock(), lease=SECOND, tolerance=SECOND))
    await desk.step(desk.of("another"))
    assert (await desk.row()).state == "pending"


async def test_what_waits_for_its_rate_limit_counts_from_when_it_leaves(desk: Desk) -> None:
    """Else the platform would be believed too early after a kill."""
    await desk.queue(Text("satu"))
    due = await desk.begin()
    assert isinstance(due, Sending)
    desk.clock.now += 25 * SECOND
    await desk.outbox.deliver(replace(due, since=due.since - 25), lambda _connection: None)
    assert (await desk.row()).attempted_at == NOW + 25 * SECOND
    assert desk.platform.texts == ["satu"]


async def test_a_process_that_stood_still_sends_nothing_that_another_has_taken(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    due = await desk.begin()
    assert isinstance(due, Sending)
    desk.clock.now += timedelta(minutes=5)
    after = desk.of("another")
    await desk.step(after)  # looks it up
    await desk.step(after)  # sends it
    await desk.outbox.deliver(replace(due, since=due.since - 300), lambda _connection: None)
    assert desk.platform.texts == ["satu"]
    assert (await desk.row()).state == "sent"


async def test_nor_what_a_human_has_taken_over_meanwhile(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    due = await desk.begin()
    assert isinstance(due, Sending)
    desk.clock.now += 20 * SECOND
    await desk.database.write(lambda c: human.begin(c, BUDI, desk.clock.now, None, "Rina"))
    await desk.outbox.deliver(replace(due, since=due.since - 20), lambda _connection: None)
    assert desk.platform.texts == []
    assert (await desk.row()).state == "skipped"


@pytest.mark.parametrize("told", ["while it was looked up", "late", "never", "of another"])
async def test_a_note_is_left_at_most_once_where_its_process_died(desk: Desk, told: str) -> None:
    """No platform lists notes; it may report that one was left."""
    desk.platform.capabilities = replace(desk.platform.capabilities, comments=True)
    await desk.queue(Comment("catatan  KS-10234"), Assign("2"))
    assert isinstance(await desk.begin(), Sending)
    after = desk.of("another")
    if told == "while it was looked up":
        await desk.accept(NoteLeft(contact(), "catatan KS-10234"))
    while (due := await desk.step(after)) is not None:
        assert not isinstance(due, datetime), "what else there is to do does not wait for it"
    if told in ("late", "of another"):
        await desk.accept(NoteLeft(contact(), "catatan KS-10234" if told == "late" else "lain"))
    assert desk.platform.calls == [("assign", "2")]
    row = await desk.row()
    arrived = told in ("while it was looked up", "late")
    assert (row.state, row.reason) == (("sent", None) if arrived else ("failed", HELD))


async def test_nor_is_it_left_twice_where_the_answer_was_lost(desk: Desk) -> None:
    desk.platform.capabilities = replace(desk.platform.capabilities, comments=True)
    desk.platform.errors = [RateLimited("later"), *lost()]
    await desk.queue(Comment("catatan"))
    await desk.finish()
    assert len(desk.platform.calls) == 2, "what was refused is tried again"
    assert (await desk.row()).reason == HELD
    assert await desk.database.write(lambda c: outbound.retry(c, "t1/0", desk.clock())) == BUDI
    await desk.finish()
    assert (await desk.row()).state == "sent"


async def test_the_owner_may_prefer_notes_that_stand_there_twice(desk: Desk) -> None:
    desk.platform.capabilities = replace(desk.platform.capabilities, comments=True)
    await desk.queue(Comment("catatan"))
    assert isinstance(await desk.begin(), Sending)
    repeating = desk.of("another", repeat={BUDI.platform})
    while await desk.step(repeating) is not None:
        pass
    assert desk.platform.calls == [("comment", "catatan")]
    assert (await desk.row()).state == "sent"
