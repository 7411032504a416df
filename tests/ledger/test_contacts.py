"""What is known of a contact follows the platform, also where something is taken away, and our own changes at once."""

from typing import Any

import pytest
from sqlalchemy import Connection

from actions.action import ChangeTags, SetLifecycle, UpdateContact
from agent.ledger import contacts
from agent.ledger.codec import Deliverable
from agent.ledger.database import Database
from agent.ledger.inbound import accept
from messaging.types import Contact, ContactChanged
from tests.ledger.messages import BUDI, NOW, RULES, contact

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
