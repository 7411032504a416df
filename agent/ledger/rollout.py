"""The configuration that all processes use: the newest text of agent.yaml, and which process has taken it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from agent.ledger.database import upsert
from agent.ledger.tables import configuration, process

STALE = timedelta(seconds=10)
"""How long after its last sign a process counts as running."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A text of agent.yaml that all processes are to use.

    Attributes:
        n: its number; the largest is the newest.
        text: of agent.yaml.
        files: hashes of the texts on disk that it replaces.
        saved: whether it was also written to a file, and so survives a restart.
    """

    n: int
    text: str
    files: Sequence[str]
    saved: bool


@dataclass(frozen=True, slots=True)
class Process:
    """A running process, and the number of the configuration that it uses.

    Attributes:
        id: host, process id, and a random part.
        kind: `serve` or `worker`.
        configuration: number of the one that it uses; `None` for its own agent.yaml.
        refused: number of the one that it could not use.
        reason: why it could not.
    """

    id: str
    kind: str
    configuration: int | None
    refused: int | None = None
    reason: str | None = None


def newest(connection: Connection) -> Configuration | None:
    """Read the newest configuration; `None` where none was published: each process uses its own file."""
    row = connection.execute(select(configuration).order_by(configuration.c.n.desc()).limit(1)).first()
    return None if row is None else Configuration(row.n, row.text, row.files, row.saved)


def number(connection: Connection) -> int | None:
    """Read the number of the newest configuration."""
    found: int | None = connection.execute(select(func.max(configuration.c.n))).scalar()
    return found


def publish(connection: Connection, text: str, files: Sequence[str], at: datetime) -> int:
    """Publish a configuration for all processes; the earlier ones are deleted, with the secrets that they may hold.

    Args:
        text: of agent.yaml.
        files: hashes of the texts on disk that it replaces.

    Returns:
        Its number.
    """
    values = {"text": text, "files": list(files), "saved": False, "at": at}
    added: int = connection.execute(insert(configuration).values(values).returning(configuration.c.n)).scalar_one()
    connection.execute(delete(configuration).where(configuration.c.n < added))
    return added


def mark_saved(connection: Connection, n: int) -> None:
    """Note that a configuration was written to a file too."""
    connection.execute(update(configuration).where(configuration.c.n == n).values(saved=True))


def report(connection: Connection, one: Process, now: datetime) -> None:
    """Record that a process runs, and what it goes by."""
    upsert(
        connection,
        process,
        id=one.id,
        kind=one.kind,
        configuration=one.configuration,
        refused=one.refused,
        reason=one.reason,
        seen_at=now,
    )
    connection.execute(delete(process).where(process.c.seen_at < now - 30 * STALE))


def leave(connection: Connection, identity: str) -> None:
    """Forget a process that ends."""
    connection.execute(delete(process).where(process.c.id == identity))


def joined(connection: Connection, file: str, now: datetime) -> Configuration | None:
    """Read what a process that has started with a file is to go by instead.

    Args:
        file: the hash of its text.
        now: aware UTC.

    Returns:
        The newest configuration, if it takes the place of that text, and was saved or is gone by in a process that runs.
    """
    found = newest(connection)
    if found is None or file not in found.files:
        return None
    return found if found.saved or any(one.configuration == found.n for one in running(connection, now)) else None


def running(connection: Connection, now: datetime) -> list[Process]:
    """List the processes that run, by kind and id."""
    seen = and_(process.c.seen_at > now - STALE, process.c.seen_at < now + STALE)
    rows = connection.execute(select(process).where(seen).order_by(process.c.kind, process.c.id))
    return [Process(row.id, row.kind, row.configuration, row.refused, row.reason) for row in rows]
