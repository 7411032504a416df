"""What is left of messages whose contact was forgotten: a hash of each id, so that a webhook that comes again is known."""

import hashlib
from datetime import datetime

from sqlalchemy import Connection, select

from agent.ledger.memory_schema import forgotten as table
from agent.ledger.statements import insert_new, where

_KNOWN = select(table.c.hash).where(where(table, "hash"))


def put(connection: Connection, platform: str, message_id: str, now: datetime) -> None:
    """Know a message id again without keeping it."""
    insert_new(connection, table, hash=_hash(platform, message_id), at=now)


def stands_for(connection: Connection, platform: str, message_id: str) -> bool:
    """Whether the message was erased together with its contact."""
    return connection.execute(_KNOWN, {"at_hash": _hash(platform, message_id)}).first() is not None


def _hash(platform: str, message_id: str) -> str:
    return hashlib.blake2b(f"{platform}:{message_id}".encode(), digest_size=16).hexdigest()
