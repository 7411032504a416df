"""The audit trail: who changed what by `/api/v1` and the console, and who could not log in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from agent.ledger.database import insert_row
from agent.ledger.tables import audit as table
from messaging.types import ContactKey


@dataclass(frozen=True, slots=True)
class Entry:
    """One request that was to change something.

    Attributes:
        at: when, aware UTC.
        name: of the token; empty for a failed login.
        role: of the token; empty for a failed login.
        method: of the request.
        path: as in the OpenAPI document.
        status: of the answer.
        target: what the path named, unless it was a contact.
        contact: whom it was about.
        n: its number.
    """

    at: datetime
    name: str
    role: str
    method: str
    path: str
    status: int
    target: str | None = None
    contact: ContactKey | None = None
    n: int = 0


def record(connection: Connection, entry: Entry) -> None:
    """Write an entry; it is never changed."""
    contact = entry.contact
    insert_row(
        connection,
        table,
        {
            "at": entry.at,
            "name": entry.name,
            "role": entry.role,
            "method": entry.method,
            "path": entry.path,
            "target": entry.target,
            "platform": contact.platform if contact else None,
            "contact": contact.id if contact else None,
            "status": entry.status,
        },
    )


def newest(connection: Connection, limit: int, before: int | None = None) -> list[Entry]:
    """List entries, the newest first.

    Args:
        limit: how many.
        before: only those with a smaller number.
    """
    statement = select(table).order_by(table.c.n.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.n < before)
    return [
        Entry(
            row.at,
            row.name,
            row.role,
            row.method,
            row.path,
            row.status,
            row.target,
            ContactKey(row.platform, row.contact) if row.contact is not None else None,
            row.n,
        )
        for row in connection.execute(statement)
    ]
