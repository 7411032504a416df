"""Bring the tables of a database to what `agent.ledger.tables` says, with Alembic.

A new migration is written from the difference between the migrations so far and the tables:
`python -m agent.ledger.migrate "what changes"`. Until the first release there is one: delete `0001_tables.py`, then run
`python -m agent.ledger.migrate tables`.
"""

import secrets
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, inspect, text

from agent.ledger.database import insert_new, is_postgres, take_time
from agent.ledger.knowledge_tables import knowledge
from agent.ledger.tables import metadata
from agent.ledger.tallies import create_triggers

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 7226528274
"""The number of an advisory lock of ours: processes that start together wait for each other."""

_LONGEST = timedelta(days=1)
"""How long a statement may take: to build the index of a large table, or to wait for another process that does."""


def upgrade(engine: Engine) -> None:
    """Apply what is missing. Safe to run at every start, also by several processes at once.

    Alembic takes half a second of CPU to import, so it is left alone where there is nothing to migrate: in a database of today, and in
    a new SQLite file, which gets today's tables at once.
    """
    with engine.begin() as connection:
        if is_postgres(connection):
            take_time(connection, _LONGEST)
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        version = _version(connection)
        if version is None and not is_postgres(connection):
            metadata.create_all(connection)
            connection.execute(_VERSIONS)
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": _head()})
        elif version != _head():
            from alembic import command

            command.upgrade(_config(connection), "head")
        counters = {"content": 0, "details": 0, "source_checks": 0}
        insert_new(connection, knowledge, id=1, identity=secrets.token_hex(8), **counters)
        create_triggers(connection)
        if is_postgres(connection):
            _create_job_tables(connection)


_VERSIONS = text(
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def _version(connection: Connection) -> str | None:
    """The last migration that was applied; `None` for a new database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _head() -> str:
    """The newest migration: their files begin with their numbers."""
    return max(file.stem.partition("_")[0] for file in _MIGRATIONS.glob("versions/[0-9]*.py"))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _create_job_tables(connection: Connection) -> None:
    """The tables of procrastinate, by which several processes share the work."""
    from procrastinate.schema import SchemaManager

    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        cursor = connection.connection.cursor()  # beneath SQLAlchemy, for which a % in this text would be a parameter
        cursor.execute(SchemaManager.get_schema())
        cursor.close()


def write_migration(message: str) -> None:
    """Write a migration that brings the tables of the migrations so far to what the code says."""
    from alembic import command

    _name_conditions()
    with create_engine("sqlite://").begin() as connection:
        config = _config(connection)
        command.upgrade(config, "head")
        number = len(list(_MIGRATIONS.glob("versions/[0-9]*.py"))) + 1
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")


def _name_conditions() -> None:
    """Give the partial indexes their condition on PostgreSQL: naming it in the tables would load its dialects into every command."""
    for table in metadata.tables.values():
        for index in table.indexes:
            index.dialect_kwargs["postgresql_where"] = index.dialect_kwargs.get("sqlite_where")


if __name__ == "__main__":
    write_migration(sys.argv[1])
