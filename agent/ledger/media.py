"""Files that the platform fetches from us: payment codes, documents. Each has an unguessable name and an end."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select

from agent.ledger.database import insert_new, take_time
from agent.ledger.tables import media as table


@dataclass(frozen=True, slots=True)
class Media:
    """A file to be fetched at `/media/{id}`; `type` is its MIME type."""

    id: str
    content: bytes
    type: str
    name: str | None
    created_at: datetime
    expires_at: datetime


def new_id(extension: str) -> str:
    """192 random bits, with an ending that shows the type to platforms that go by it."""
    return f"{secrets.token_urlsafe(24)}.{extension}"


def put(connection: Connection, media: Media) -> None:
    """Keep a file; the same id again changes nothing."""
    insert_new(
        connection,
        table,
        id=media.id,
        content=media.content,
        type=media.type,
        name=media.name,
        created_at=media.created_at,
        expires_at=media.expires_at,
    )


def get(connection: Connection, media_id: str, now: datetime) -> Media | None:
    """Load a file; `None` when there is none or it has expired."""
    row = connection.execute(select(table).where(table.c.id == media_id, table.c.expires_at > now)).first()
    return None if row is None else Media(row.id, row.content, row.type, row.name, row.created_at, row.expires_at)


def sweep(connection: Connection, now: datetime) -> None:
    """Drop what has expired."""
    take_time(connection)
    connection.execute(delete(table).where(table.c.expires_at <= now))
