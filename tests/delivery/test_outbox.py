"""The outbox on a real ledger: order, retries, deliveries of unknown outcome, and a human who takes over in between."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from actions.action import ChangeTags, Comment, CreateContact, SetLifecycle, UpdateContact
from agent.delivery.outbox import ECHO_WAIT, HELD, SETTLE, Due, Outbox, Sending, Unsent
from agent.ledger import contacts, history, human, inbound, outbound
from agent.ledger.clock_repair import repair
from agent.ledger.codec import Assign, Deliverable
from agent.ledger.database import Database
from agent.terminal import TerminalPlatform
from messaging.errors import Invalid, NotFound, OutcomeUnknown, PlatformError, RateLimited, Unavailable
from messaging.platform import Capabilities
from messaging.types import (
    Address,
    Contact,
    ContactKey,
    DeliveryReport,
    FieldValue,
    MessageSent,
    NoteLeft,
    Outbound,
    PlatformMessage,
    Text,
)
from tests.ledger.messages import BUDI, NOW, RULES, contact, message, sent

SECOND = timedelta(seconds=1)
LINDA = ContactKey("aelyst", "8")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class RecordingPlatform:
    """A platform that keeps what was asked of it, and fails as often as `errors` says. `listed` is what it says it has sent."""

    def __init__(self) -> None:
        self.capabilities = replace(TerminalPlatform.capabilities)
        self.keys: list[str | None] = []
        self.calls: list[tuple[str, Any]] = []
        self.errors: list[PlatformError] = []
        self.listed: list[PlatformMessage] | PlatformError = []

    def _called(self, name: str, what: object) -> None:
        self.calls.append((name, what))
        if self.errors:
            raise self.errors.pop(0)

    async def send(
        self, contact: ContactKey, content: Outbound, channel: str | None = None, *, key: str | None = None
    ) -> str:
        self.keys.append(key)
        self._called("send", content)
        return f"p{len(self.calls)}"

    async def messages(self, contact: ContactKey, since: datetime | None = None) -> list[PlatformMessage]:
        if isinstance(self.listed, PlatformError):
            raise self.listed
        return self.listed

    async def assign(self, contact: ContactKey, to: str | None) -> None:
        self._called("assign", to)

    async def comment(self, contact: ContactKey, text: str) -> None:
        self._called("comment", text)

    async def add_tags(self, contact: ContactKey, tags: tuple[str, ...]) -> None:
        self._called("add_tags", tags)

    async def remove_tags(self, contact: ContactKey, tags: tuple[str, ...]) -> None:
        self._called("remove_tags", tags)

    @property
    def texts(self) -> list[str]:
        return [what.text for name, what in self.calls if name == "send"]


class Desk:
    """An outbox with its ledger, platform and clock, and a contact who has just written."""

    def __init__(self, database: Database, owner: str = "me") -> None:
        self.database = database
        self.clock = Clock()
        self.platform = RecordingPlatform()
        self.outbox = self.of(owner)

    def of(self, owner: str, repeat: Collection[str] = ()) -> Outbox:
        platforms: Any = {BUDI.platform: self.platform}
        return Outbox(
            self.database,
            platforms,
            owner=owner,
            clock=self.clock,
            repeat=repeat,
            uniform=lambda _low, high: high,
        )

    async def queue(self, *contents: Deliverable, name: str = "t1", unless_replied: bool = False) -> None:
        def work(connection: Connection) -> None:
            inbound.accept(connection, message(1), self.clock(), RULES)
            outbound.add(connection, BUDI, name, contents, now=self.clock(), turn=name, unless_replied=unless_replied)

        await self.database.write(work)

    async def begin(self, outbox: Outbox | None = None) -> Due | datetime | None:
        return await self.database.write(lambda connection: (outbox or self.outbox).begin(connection, BUDI))

    async def step(self, outbox: Outbox | None = None) -> Due | datetime | None:
        """Deal with the next delivery, if one is due."""
        due = await self.begin(outbox)
        if due is not None and not isinstance(due, datetime):
            await (outbox or self.outbox).deliver(due, lambda _connection: None)
        return due

    async def finish(self) -> None:
        """Deal with everything, letting the clock run on to what is due later."""
        while (due := await self.step()) is not None:
            if isinstance(due, datetime):
                self.clock.now = due

    async def row(self, delivery_id: str = "t1/0") -> Any:
        deliveries = await self.database.read(
            lambda connection: outbound.of_turn(connection, delivery_id.split("/", maxsplit=1)[0])
        )
        return next(delivery for delivery in deliveries if delivery.id == delivery_id)

    async def accept(self, *events: Any) -> None:
        for event in events:
            await self.database.write(
                lambda connection, event=event: inbound.accept(connection, event, self.clock(), RULES)
            )


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def listed(text: str, number: str = "p9") -> PlatformMessage:
    return PlatformMessage(number, "outgoing", Text(text), text, "sent", NOW)


async def test_messages_of_a_contact_go_out_in_the_order_they_were_written(desk: Desk) -> None:
    await desk.queue(Text("satu"), Text("dua"))
    await desk.queue(Text("tiga"), name="t2")
    await desk.finish()
    assert desk.platform.texts == ["satu", "dua", "tiga"]
    assert (await desk.row("t2/0")).state == "sent"
    assert (await desk.row("t2/0")).platform_message_id == "p3"


async def test_a_message_that_must_wait_holds_the_later_ones_back_and_not_the_notes(desk: Desk) -> None:
    desk.platform.errors = [RateLimited("later", retry_after=30 * SECOND)]
    await desk.queue(Text("satu"), Text("dua"), Comment("catatan"))
    await desk.step()
    await desk.step()
    assert desk.platform.calls == [("send", Text("satu")), ("comment", "catatan")]
    due = await desk.begin()
    assert isinstance(due, datetime)
    assert NOW + 30 * SECOND <= due <= NOW + 31 * SECOND
    await desk.finish()
    assert desk.platform.texts == ["satu", "satu", "dua"]


async def test_contacts_do_not_wait_for_each_other(desk: Desk) -> None:
    desk.platform.errors = [RateLimited("later", retry_after=30 * SECOND)]
    await desk.queue(Text("satu"))
    await desk.step()
    await desk.database.write(lambda c: outbound.add(c, LINDA, "t9", [Text("untuk Linda")], now=NOW, turn="t9"))
    due = await desk.database.write(lambda connection: desk.outbox.begin(connection, LINDA))
    assert isinstance(due, Sending)
    assert due.delivery.content == Text("untuk Linda")


async def test_what_is_being_sent_is_not_taken_twice(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    first = await desk.begin()
    assert isinstance(first, Sending)
    taken = await desk.database.write(lambda connection: outbound.mark_sending(connection, "t1/0", "other", NOW))
    assert not taken
    assert (await desk.row()).state == "sending"


async def test_a_refused_message_is_given_up_and_the_next_one_goes_out(desk: Desk) -> None:
    desk.platform.errors = [Invalid("no such field")]
    await desk.queue(Text("satu"), Text("dua"))
    await desk.finish()
    assert desk.platform.texts == ["satu", "dua"]
    given_up = await desk.row("t1/0")
    assert (given_up.state, given_up.attempts) == ("failed", 1)
    assert "no such field" in given_up.reason


async def test_attempts_are_counted_and_their_pauses_grow(desk: Desk) -> None:
    desk.platform.errors = [RateLimited("busy") for _ in range(3)]
    await desk.queue(Text("satu"))
    pauses = []
    while (await desk.row()).state != "sent":
        due = await desk.step()
        if isinstance(due, datetime):
            pauses.append(due - desk.clock.now)
            desk.clock.now = due
    assert pauses == [SECOND, 2 * SECOND, 4 * SECOND]
    assert (await desk.row()).attempts == 4


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


async def test_what_a_human_overtakes_is_not_sent_and_leaves_the_history(desk: Desk) -> None:
    await desk.queue(Text("satu"), Text("dua"))
    await desk.database.write(lambda c: history.append(c, BUDI, [history.Line("agent", "satu dua", NOW, turn="t1")]))
    desk.clock.now += SECOND
    await desk.accept(sent(1, by_human=True, text="Saya bantu"))
    assert await desk.step() is None
    assert desk.platform.calls == []
    assert {(await desk.row(f"t1/{n}")).state for n in (0, 1)} == {"skipped"}
    lines = await desk.database.read(lambda connection: history.recent(connection, BUDI, 5))
    assert [line.author for line in lines] == ["human"]


async def test_a_human_between_two_parts_stops_the_second(desk: Desk) -> None:
    await desk.queue(Text("satu"), Text("dua"), Comment("catatan"))
    await desk.step()
    desk.clock.now += SECOND
    await desk.accept(sent(1, by_human=True, text="Saya bantu"))
    await desk.finish()
    assert desk.platform.texts == ["satu"]
    assert ("comment", "catatan") in desk.platform.calls, "what colleagues see of it is kept"


async def test_a_retry_is_not_sent_after_a_human_took_over(desk: Desk) -> None:
    """It was on its way when the human came, so it is not withdrawn; at its next attempt it must not go out any more."""
    desk.platform.errors = [RateLimited("later", retry_after=30 * SECOND)]
    await desk.queue(Text("satu"))
    first = await desk.begin()
    assert isinstance(first, Sending)
    desk.clock.now += SECOND
    await desk.database.write(lambda c: human.begin(c, BUDI, desk.clock.now, None, "Rina"))
    await desk.outbox.deliver(first, lambda _connection: None)
    desk.clock.now += 60 * SECOND
    assert isinstance(await desk.step(), Unsent)
    assert desk.platform.texts == ["satu"]
    assert (await desk.row()).state == "skipped"


async def test_what_waits_for_no_reply_is_skipped_after_one_whatever_it_is_called(desk: Desk) -> None:
    await desk.queue(Text("Jadi?"), name="t1", unless_replied=True)
    await desk.queue(Text("Pembayaran diterima"), name="nudge", unless_replied=False)
    desk.clock.now += SECOND
    await desk.accept(message(2))
    await desk.finish()
    assert desk.platform.texts == ["Pembayaran diterima"]
    assert ((await desk.row("t1/0")).state, (await desk.row("nudge/0")).state) == ("skipped", "sent")


async def test_each_task_for_the_desk_is_one_call_and_a_failed_change_distrusts_the_profile(desk: Desk) -> None:
    await desk.queue(Assign("2"), ChangeTags(add=("vip",), remove=("baru",)))
    await desk.finish()
    assert desk.platform.calls == [("assign", "2"), ("add_tags", ("vip",)), ("remove_tags", ("baru",))]
    await desk.database.write(lambda c: contacts.set_columns(c, BUDI, profile_at=NOW))
    desk.platform.errors = [Invalid("no such tag")]
    await desk.queue(ChangeTags(add=("x",)), name="t2")
    await desk.finish()
    state = await desk.database.read(lambda c: contacts.known(c, BUDI))
    assert state.profile_at is not None
    assert state.profile_at < NOW, "it is read from the platform again"


async def test_what_comes_after_is_written_together_with_the_outcome(desk: Desk) -> None:
    await desk.queue(Text("satu"))
    due = await desk.begin()
    assert isinstance(due, Sending)

    def then(connection: Connection) -> str:
        return outbound.of_turn(connection, "t1")[0].state

    assert await desk.outbox.deliver(due, then) == "sent"


def without(desk: Desk, **abilities: Any) -> None:
    """Take from the platform everything but some abilities."""
    desk.platform.capabilities = Capabilities(**abilities)


def lost(times: int = 1) -> list[PlatformError]:
    return [OutcomeUnknown("no answer") for _ in range(times)]


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


async def test_what_a_platform_has_no_place_for_is_kept_in_the_ledger(desk: Desk) -> None:
    without(desk)
    tasks = (ChangeTags(add=("vip",)), Comment("catatan"), Assign("2"), SetLifecycle("Lead"), UpdateContact({"x": 1}))
    await desk.queue(*tasks)
    await desk.finish()
    assert desk.platform.calls == []
    assert {(await desk.row(f"t1/{number}")).state for number in range(5)} == {"sent"}


async def test_a_contact_of_a_platform_that_was_removed_is_a_dead_letter(desk: Desk) -> None:
    other = Outbox(desk.database, {}, owner="me", clock=desk.clock)
    await desk.queue(Text("satu"))
    await desk.step(other)
    row = await desk.row()
    assert row.state == "failed"
    assert "no platform named aelyst" in row.reason


class Finding(RecordingPlatform):
    """A platform that knows nobody, and creates contacts by phone."""

    name = "finding"

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = replace(TerminalPlatform.capabilities, finds=frozenset({"phone"}))

    async def find_contact(self, address: Address) -> Contact:
        raise NotFound("nobody")

    async def create_contact(self, address: Address, fields: Mapping[str, FieldValue]) -> ContactKey:
        self._called("create_contact", (str(address), dict(fields)))
        return ContactKey("finding", "1")


async def test_somebody_else_is_written_down_where_a_platform_can_and_said_where_none_can(sqlite: Database) -> None:
    """The customer writes on a platform that creates no contacts; another one of `messaging` does."""
    own, other = RecordingPlatform(), Finding()
    own.capabilities = replace(own.capabilities, finds=frozenset())
    outbox = Outbox(sqlite, {"aelyst": own, "finding": other}, owner="me", clock=Clock())  # type: ignore[dict-item]
    sari = CreateContact("phone", "+6281234567899", {"first_name": "Sari"})
    mail = CreateContact("email", "sari@example.com", {"first_name": "Sari"})

    def given(connection: Connection) -> None:
        inbound.accept(connection, message(1), NOW, RULES)
        outbound.add(connection, BUDI, "t", [sari, mail], now=NOW)

    await sqlite.write(given)
    for _ in range(2):
        due = await sqlite.write(lambda connection: outbox.begin(connection, BUDI))
        assert isinstance(due, Sending)
        await outbox.deliver(due, lambda connection: None)
    fields = {"first_name": "Sari", "phone": "+6281234567899"}
    assert (own.calls, other.calls) == ([], [("create_contact", ("phone:+6281234567899", fields))])
    (dead,) = await sqlite.read(outbound.dead)
    assert "no platform of messaging can create a contact by email" in str(dead.reason)


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
