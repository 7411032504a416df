"""The actions' look into the ledger: what is promised to a contact, and until when it may be written to."""

from datetime import timedelta

import pytest

from actions.action import Context
from agent.ledger import contacts, followups
from agent.ledger.database import Database
from agent.ledger.followups import FollowUp
from agent.reminders import LedgerReminderBook
from messaging.types import ContactKey
from tests.ledger.messages import BUDI, NOW, contact

HOUR = timedelta(hours=1)
CONTEXT = Context({"id": BUDI.id, "platform": BUDI.platform}, (), {}, "k", NOW)


async def test_promises_are_those_of_this_contact_that_still_wait(database: Database) -> None:
    other = ContactKey(BUDI.platform, "8")
    for name, key, rule, hours in (
        ("b", BUDI, None, 2),
        ("a", BUDI, None, 1),
        ("r", BUDI, "rule", 1),
        ("o", other, None, 1),
    ):
        one = FollowUp(name, key, NOW + hours * HOUR, "x", rule, {}, NOW)
        await database.write(lambda c, one=one: followups.schedule(c, one))
    book = LedgerReminderBook(database, "aelyst", has_template=False)
    assert [one.id for one in await book.waiting(CONTEXT)] == ["a", "b"]
    await database.write(lambda c: followups.cancel(c, "a", "called off", NOW))
    assert [one.id for one in await book.waiting(CONTEXT)] == ["b"]


@pytest.mark.parametrize(
    ("source", "template", "hours"),
    [("whatsapp_cloud", False, 24), ("whatsapp_cloud", True, None), ("instagram", True, 24), ("telegram", False, None)],
)
async def test_nothing_is_promised_beyond_the_window_unless_a_template_can_be_sent(
    database: Database, source: str, template: bool, hours: int | None
) -> None:
    book = LedgerReminderBook(database, "aelyst", has_template=template)
    assert await book.free_until(CONTEXT) is None
    await database.write(
        lambda c: contacts.remember(c, contact(), last_inbound_at=NOW, channel_id="1", channel_source=source)
    )
    assert await book.free_until(CONTEXT) == (None if hours is None else NOW + hours * HOUR)
