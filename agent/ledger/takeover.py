"""A human takes a conversation over, and gives it back: what then holds for everything that is open."""

from datetime import datetime

from sqlalchemy import Connection, update

from agent.ledger import confirmations, contacts, history, outbound
from agent.ledger.schema import inbound
from agent.ledger.statements import where
from messaging.types import ContactKey

HUMAN = "a human "
"""How the reason begins for which a message is left to a human."""

OVER = "the conversation was closed"

_LEAVE = (
    update(inbound)
    .where(
        where(inbound, "platform", "contact"),
        inbound.c.state == "waiting",
        inbound.c.turn.is_(None),
        inbound.c.given_back_at.is_not(None),
    )
    .values(state="held", reason=OVER)
)


def begin(connection: Connection, key: ContactKey, now: datetime, until: datetime | None, by: str) -> None:
    """A human answers from now on, at the latest until `until` (`None`: until it is given back).

    What the agent has written and not sent yet is not sent any more, and leaves its history; a question that waited for
    a yes is dropped, since the next yes is for the human.
    """
    state = contacts.load(connection, key)
    since = state.paused_at if state is not None and state.paused(now) else None
    contacts.pause(connection, key, since or now, until, by)
    history.unsay(connection, key, outbound.withdraw(connection, key, f"a human took over ({by})"))
    confirmations.settle(connection, key)


def assign(connection: Connection, key: ContactKey, now: datetime, until: datetime | None, to: str) -> None:
    """The conversation is a colleague's. Where the agent handed it over itself, its last words still go out."""
    state = contacts.load(connection, key)
    if state is not None and state.paused(now):
        contacts.pause(connection, key, state.paused_at or now, until, f"assigned to {to}")
    else:
        begin(connection, key, now, until, f"assigned to {to}")


def close(connection: Connection, key: ContactKey, now: datetime) -> None:
    """The conversation is over: what the customer writes next begins another, in which no old question is open.

    What was given back a moment before is not answered any more.
    """
    contacts.set_columns(connection, key, closed_at=now)
    connection.execute(_LEAVE, {"at_platform": key.platform, "at_contact": key.id})
    confirmations.settle(connection, key)
