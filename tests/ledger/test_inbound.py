import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from agent.ledger import contacts, history, inbound
from agent.ledger.database import Database
from messaging.types import (
    AssigneeChanged,
    ContactKey,
    ConversationClosed,
    Event,
    MessageEdited,
    PastMessage,
    Person,
)
from tests.ledger.messages import BUDI, NOW, RULES, contact, message, sent


async def _accept(database: Database, event: Event) -> inbound.Accepted:
    return await database.write(lambda connection: inbound.accept(connection, event, NOW, RULES))


async def test_a_message_is_recorded_once_however_often_it_is_delivered(database: Database) -> None:
    results = await asyncio.gather(*(_accept(database, message(1)) for _ in range(10)))
    assert sorted(result.duplicate for result in results) == [False] + [True] * 9
    waiting = await database.read(lambda connection: inbound.waiting(connection, BUDI))
    assert [each.text for each in waiting] == ["halo"]


async def test_accepting_says_when_the_contact_is_due_and_writes_it_down(database: Database) -> None:
    result = await _accept(database, message(1))
    assert result.wake_at == NOW + timedelta(seconds=1)
    assert [due[:2] for due in await database.read(contacts.due)] == [(BUDI, NOW + timedelta(seconds=1))]


@pytest.mark.parametrize("ours", [None, "agent", "human"])
async def test_who_was_written_to_before_stands_before_who_was_not(
    database: Database, ours: Literal["agent", "human"] | None
) -> None:
    if ours is not None:
        await database.write(lambda c: history.append(c, BUDI, [history.Line(ours, "Halo kak", NOW)]))
    result = await _accept(database, message(1))
    assert result.wake_at is not None
    assert result.deadline == result.wake_at + (contacts.NEWCOMER if ours is None else timedelta(0))
    assert await database.read(contacts.due) == [(BUDI, result.wake_at, result.deadline)], "the sweep says the same"


async def test_messages_of_a_contact_keep_the_order_in_which_they_were_accepted(database: Database) -> None:
    written, numbers = [f"pesan {n}" for n in range(20)], itertools.count()

    async def write(key: ContactKey) -> None:
        for text in written:
            await _accept(database, message(next(numbers), text, key=key))

    keys = [ContactKey("aelyst", str(n)) for n in range(3)]
    await asyncio.gather(*map(write, keys))
    for key in keys:
        waiting = await database.read(lambda connection, key=key: inbound.waiting(connection, key))
        assert [each.text for each in waiting] == written


async def test_what_a_later_event_does_not_know_is_not_forgotten(database: Database) -> None:
    await _accept(database, message(1))
    await _accept(database, AssigneeChanged(replace(contact(), phone=None, email="budi@example.com")))
    state = await database.read(lambda connection: contacts.load(connection, BUDI))
    assert state is not None
    assert (state.contact.phone, state.contact.email) == ("+6281234567802", "budi@example.com")
    assert state.channel is not None
    assert state.channel.source == "whatsapp_cloud"


async def test_a_human_who_writes_silences_the_agent_and_joins_the_history(database: Database) -> None:
    await _accept(database, sent(1, by_human=True, text="Saya bantu ya"))
    await _accept(database, sent(1, by_human=True, text="Saya bantu ya"))
    state = await database.read(lambda connection: contacts.load(connection, BUDI))
    assert state is not None
    assert state.paused(NOW)
    assert not state.paused(NOW + timedelta(hours=12))
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [(line.author, line.text) for line in lines] == [("human", "Saya bantu ya")]


async def test_the_echo_of_our_own_message_silences_nobody(database: Database) -> None:
    await _accept(database, message(1))
    await _accept(database, sent(1, by_human=False))
    state = await database.read(lambda connection: contacts.load(connection, BUDI))
    assert state is not None
    assert not state.paused(NOW)


async def test_assigning_pauses_and_unassigning_or_closing_gives_back(database: Database) -> None:
    async def paused_after(event: Event) -> bool:
        await _accept(database, event)
        state = await database.read(lambda connection: contacts.load(connection, BUDI))
        assert state is not None
        return state.paused(NOW)

    assert await paused_after(AssigneeChanged(contact(assignee=Person("2", "Rina"))))
    assert not await paused_after(AssigneeChanged(contact()))
    assert await paused_after(sent(1, by_human=True))
    assert not await paused_after(ConversationClosed(contact()))


async def test_two_contacts_may_have_the_same_message_id(database: Database) -> None:
    other = ContactKey("aelyst", "8")
    assert not (await _accept(database, message(1))).duplicate
    assert not (await _accept(database, message(1, key=other))).duplicate
    for key in (BUDI, other):
        waiting = await database.read(lambda connection, key=key: inbound.waiting(connection, key))
        assert [each.text for each in waiting] == ["halo"]


async def test_a_message_of_long_ago_joins_the_history_once_and_is_not_answered(database: Database) -> None:
    old = NOW - timedelta(days=3)
    for _ in range(2):
        for incoming, number, text in ((True, "a", "halo?"), (False, "b", "sudah dibalas")):
            result = await _accept(database, PastMessage(contact(), number, old, incoming, text))
            assert result.wake_at is None
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [(line.author, line.text, line.at) for line in lines] == [
        ("contact", "halo?", old),
        ("human", "sudah dibalas", old),
    ]
    assert await database.read(contacts.due) == []
    state = await database.read(lambda connection: contacts.known(connection, BUDI))
    assert not state.paused(NOW)


async def test_an_answered_message_that_comes_again_as_an_old_one_changes_nothing(database: Database) -> None:
    await _accept(database, message(1))
    result = await _accept(database, PastMessage(contact(), "m1", NOW - timedelta(days=2), True, "halo"))
    assert result.duplicate


async def test_a_time_that_no_platform_still_delivers_from_counts_as_now(database: Database) -> None:
    await _accept(database, replace(message(1), sent_at=NOW - timedelta(days=700)))
    state = await database.read(lambda c: contacts.load(c, message(1).key))
    assert state is not None
    assert state.last_inbound_at == NOW


async def test_a_message_that_comes_late_counts_from_when_it_was_written(database: Database) -> None:
    late = replace(message(1), sent_at=NOW - timedelta(hours=30))
    await database.write(lambda c: inbound.accept(c, late, NOW, RULES))
    state = await database.read(lambda c: contacts.known(c, BUDI))
    assert state.last_inbound_at == NOW - timedelta(hours=30)
    await database.write(lambda c: inbound.accept(c, replace(message(2), sent_at=NOW + timedelta(days=1)), NOW, RULES))
    await database.write(lambda c: inbound.accept(c, replace(late, message_id="m3"), NOW, RULES))
    assert (await database.read(lambda c: contacts.known(c, BUDI))).last_inbound_at == NOW


@pytest.mark.parametrize(("age", "opens"), [(timedelta(days=30), False), (timedelta(days=30, seconds=1), True)])
async def test_up_to_thirty_days_a_message_counts_from_when_it_was_written(
    database: Database, age: timedelta, opens: bool
) -> None:
    await _accept(database, replace(message(1), sent_at=NOW - age))
    state = await database.read(lambda connection: contacts.known(connection, BUDI))
    assert state.last_inbound_at == (NOW if opens else NOW - age)


async def test_an_id_belongs_to_its_contact_and_platform(database: Database) -> None:
    texts = {BUDI: "satu", ContactKey("aelyst", "8"): "dua", ContactKey("whatsapp", "7"): "tiga"}
    for _ in range(2):
        for key, text in texts.items():
            await _accept(database, message(1, text, key=key))
    await _accept(database, MessageEdited(contact(ContactKey("aelyst", "8")), "m1", NOW, "dua, bukan satu"))
    waiting = {key: await database.read(lambda c, key=key: inbound.waiting(c, key)) for key in texts}
    assert [[each.text for each in waiting[key]] for key in texts] == [["satu"], ["dua, bukan satu"], ["tiga"]]
