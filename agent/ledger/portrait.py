"""Everything that the ledger knows of one contact, put together for whoever looks at it."""

from dataclasses import dataclass

from sqlalchemy import Connection, Table, func, select

from agent.ledger import contacts, facts, history, outbound, summaries
from agent.ledger.contacts import ContactState
from agent.ledger.facts import Fact
from agent.ledger.history import Line
from agent.ledger.outbound import Delivery
from agent.ledger.payment_schema import payment
from agent.ledger.schema import followup
from agent.ledger.summaries import Summary
from messaging.types import ContactKey


@dataclass(frozen=True, slots=True)
class Portrait:
    """`reminders` and `payments` count what is still open; `to_send` is what goes out next, `lines` the newest messages."""

    state: ContactState
    summary: Summary | None
    facts: list[Fact]
    reminders: int
    payments: int
    to_send: list[Delivery]
    lines: list[Line]


def of(connection: Connection, needle: str, lines: int) -> list[Portrait]:
    """Of every contact that `needle` may mean, as `contacts.find` understands it."""
    return [_portrait(connection, state, lines) for state in contacts.find(connection, needle)]


def _portrait(connection: Connection, state: ContactState, lines: int) -> Portrait:
    key = state.key
    return Portrait(
        state=state,
        summary=summaries.load(connection, key),
        facts=facts.of_contact(connection, key),
        reminders=_count(connection, key, followup, "scheduled"),
        payments=_count(connection, key, payment, "open"),
        to_send=outbound.heads(connection, key),
        lines=history.recent(connection, key, lines),
    )


def _count(connection: Connection, key: ContactKey, table: Table, state: str) -> int:
    mine = (table.c.platform == key.platform, table.c.contact == key.id, table.c.state == state)
    return int(connection.execute(select(func.count()).select_from(table).where(*mine)).scalar_one())
