"""A colleague gives a conversation back on purpose: what the customer wrote to them last, and nobody answered, is the agent's."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select, update

from agent.ledger import contacts
from agent.ledger.schema import inbound, message
from agent.ledger.statements import at, where
from agent.ledger.takeover import HUMAN
from messaging.types import ContactKey

STILL_EXPECTED = timedelta(hours=1)
"""How old a message may be that is answered after all; an older one is only known."""

GRACE = timedelta(seconds=5)
"""How long the agent waits with that: a platform may report a colleague's last word, or the closing, after the giving back."""

_LAST_WORD = (
    select(message.c.at)
    .where(where(message, "platform", "contact"), message.c.author != "contact")
    .order_by(message.c.n.desc())
    .limit(1)
)
_ASK_AGAIN = (
    update(inbound)
    .where(
        where(inbound, "platform", "contact"),
        inbound.c.state == "held",
        inbound.c.reason.startswith(HUMAN),
        inbound.c.received_at > at("after"),
    )
    .values(state="waiting", reason=None, turn=None, given_back_at=bindparam("given_back"))
)


def give_back(connection: Connection, key: ContactKey, now: datetime) -> datetime | None:
    """The agent answers from now on; when it does so by itself, or `None` when it waits for the customer.

    By itself it answers what came after everybody's last word and after the last closing, if that is recent.
    """
    contacts.resume(connection, key)
    state = contacts.load(connection, key)
    if state is None:
        return None
    contact = {"at_platform": key.platform, "at_contact": key.id}
    last_word: datetime | None = connection.execute(_LAST_WORD, contact).scalar()
    after = max(moment for moment in (now - STILL_EXPECTED, last_word, state.closed_at) if moment is not None)
    due = now + GRACE
    if not connection.execute(_ASK_AGAIN, {**contact, "at_after": after, "given_back": due}).rowcount:
        return None
    wake_at = due if state.wake_at is None else min(due, state.wake_at)
    contacts.set_columns(connection, key, wake_at=wake_at)
    return wake_at
