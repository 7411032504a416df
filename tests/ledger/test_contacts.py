"""What is known of a contact follows the platform, also where something is taken away, and our own changes at once."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from actions.action import ChangeTags, SetLifecycle, UpdateContact
from agent.ledger import contacts, history, outbound
from agent.ledger.codec import Deliverable
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from agent.ledger.inbound import accept
from agent.ledger.outbound import Delivery
from messaging.types import Contact, ContactChanged, MessageSent, Text, stand_in
from tests.ledger.messages import BUDI, NOW, RULES, contact, message

KNOWN = contact(email="b@x.id", tags=("vip", "grosir"), lifecycle="Lead", custom_fields={"Birthday": "1990-03-12"})


def _known(connection: Connection) -> Contact:
    state = contacts.load(connection, BUDI)
    assert state is not None
    return state.contact


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ContactChanged(contact(), "tag", "vip", "remove"), {"tags": ("grosir",)}),
        (ContactChanged(contact(), "tag", "baru", "add"), {"tags": ("vip", "grosir", "baru")}),
        (ContactChanged(contact(), "tag", "vip", "add"), {"tags": ("grosir", "vip")}),
        (ContactChanged(contact(), "lifecycle", emptied=frozenset({"lifecycle"})), {"lifecycle": None}),
        (ContactChanged(contact(lifecycle="Customer"), "lifecycle"), {"lifecycle": "Customer"}),
        (ContactChanged(contact(), "updated", emptied=frozenset({"tags", "email"})), {"tags": (), "email": None}),
        (ContactChanged(contact(tags=("vip",)), "updated"), {"tags": ("vip",), "email": "b@x.id"}),
    ],
)
async def test_what_an_event_says_is_gone_is_gone_and_the_rest_stays(
    database: Database, event: ContactChanged, expected: dict[str, Any]
) -> None:
    def work(connection: Connection) -> Contact:
        contacts.remember(connection, KNOWN, profile_at=NOW)
        accept(connection, event, NOW, RULES)
        state = contacts.load(connection, BUDI)
        assert state is not None
        assert state.profile_at is None
        return state.contact

    found = await database.write(work)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.custom_fields == {"Birthday": "1990-03-12"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (UpdateContact({"email": "c@x.id"}), {"email": "c@x.id"}),
        (UpdateContact({"Member": True}), {"custom_fields": {"Birthday": "1990-03-12", "Member": True}}),
        (UpdateContact({"last_name": None}), {"last_name": None}),
        (ChangeTags(("baru",), ("vip",)), {"tags": ("grosir", "baru")}),
        (SetLifecycle(None), {"lifecycle": None}),
        (SetLifecycle("Customer"), {"lifecycle": "Customer"}),
    ],
)
async def test_our_own_changes_hold_before_the_platform_has_them(
    database: Database, content: Deliverable, expected: dict[str, Any]
) -> None:
    def work(connection: Connection) -> Contact:
        contacts.remember(connection, KNOWN)
        contacts.anticipate(connection, BUDI, [content])
        return _known(connection)

    found = await database.write(work)
    assert {name: getattr(found, name) for name in expected} == expected


async def test_the_whole_contact_takes_the_place_of_what_was_known(database: Database) -> None:
    def work(connection: Connection) -> Contact:
        contacts.remember(connection, KNOWN)
        contacts.replace_profile(connection, contact(tags=("vip",)), NOW)
        return _known(connection)

    found = await database.write(work)
    assert (found.tags, found.email, found.custom_fields) == (("vip",), None, {})


STAND_IN = stand_in("aelyst", "6281234567802")
ANSWERED = replace(contact(), stand_in=STAND_IN)


def _begin(connection: Connection) -> None:
    contacts.remember(connection, Contact(STAND_IN, phone="+6281234567802"), opted_out_at=NOW)
    outbound.add(connection, STAND_IN, "t1", [Text("halo"), Text("masih ada?")], now=NOW)
    history.append(connection, STAND_IN, [history.Line("agent", "halo", NOW, message_id="m0")])


async def test_whoever_answers_keeps_what_was_known_before_the_conversation(database: Database) -> None:
    def work(connection: Connection) -> None:
        _begin(connection)
        accept(connection, replace(message(1), contact=ANSWERED), NOW, RULES)

    await database.write(work)
    known = await database.read(_known_state)
    assert (known.contact.first_name, known.opted_out_at) == ("Budi", NOW)
    assert known.contact.stand_in is None, "it is no fact of the contact"
    assert await database.read(lambda connection: contacts.load(connection, STAND_IN)) is None
    assert len(await database.read(lambda connection: outbound.heads(connection, BUDI))) == 1
    lines = await database.read(lambda connection: history.recent(connection, BUDI, 10))
    assert [line.text for line in lines] == ["halo"]


async def test_the_echo_of_the_first_message_is_no_human_even_before_its_answer_has_come(database: Database) -> None:
    def work(connection: Connection) -> Delivery:
        _begin(connection)
        (first,) = outbound.heads(connection, STAND_IN)
        outbound.mark_sending(connection, first.id, "me", NOW)
        echo = MessageSent(ANSWERED, "m7", NOW, by_human=True, text="halo", source="echo")
        accept(connection, echo, NOW, RULES)
        return first

    delivery = await database.write(work)
    assert not (await database.read(_known_state)).paused(NOW)
    current = await database.write(lambda connection: outbound.lock_receiver(connection, delivery))
    assert current.contact == BUDI, "the answer is recorded where the conversation is now"


async def test_two_who_are_both_known_stay_two(database: Database) -> None:
    def work(connection: Connection) -> None:
        accept(connection, message(1), NOW, RULES)
        _begin(connection)
        accept(connection, replace(message(2), contact=ANSWERED), NOW, RULES)

    await database.write(work)
    assert await database.read(lambda connection: contacts.load(connection, STAND_IN)) is not None
    assert (await database.read(_known_state)).opted_out_at is None


def _known_state(connection: Connection) -> ContactState:
    return contacts.known(connection, BUDI)
