"""The ledger: everything that must survive a restart, in SQLite or PostgreSQL.

`tables` describes what is kept; the other modules are the queries over it, named after what they mean. They run inside a
transaction of the caller: `await database.write(lambda connection: inbound.accept(connection, event, now, rules))`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.ledger.database import Database

__all__ = ["open_database"]


def open_database(url: str, *, base: Path) -> "Database":
    """Open the database at a URL.

    Args:
        url: `sqlite:///PATH`, or `postgresql://…`.
        base: the folder to which a relative PATH belongs.
    """
    if url.startswith("sqlite:///"):
        from agent.ledger.sqlite import SqliteDatabase

        path = Path(url.removeprefix("sqlite:///")).expanduser()
        return SqliteDatabase(path if path.is_absolute() else base / path)
    from agent.ledger.postgres import PostgresDatabase

    return PostgresDatabase(url)
