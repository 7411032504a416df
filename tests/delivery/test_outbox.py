"""The outbox on a real ledger: order, retries, deliveries of unknown outcome, and a human who takes over in between."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from actions.action import ChangeTags, Comment, CreateContact, SetLifecycle, UpdateContact
from agent.delivery.outbox import Outbox, Sending, Unsent
from agent.ledger import contacts, history, human, inbound, outbound
from agent.ledger.codec import Assign
from agent.ledger.database import Database
from agent.terminal import TerminalPlatform
from messaging.errors import Invalid, NotFound, RateLimited
from messaging.types import (
    Address,
    Contact,
    ContactKey,
    FieldValue,
    Text,
)
from tests.delivery.desk import LINDA, SECOND, Clock, Desk, RecordingPlatform, without
from tests.ledger.messages import BUDI, NOW, RULES, message, sent


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
