"""Bringing the ledger's tables to the newest form."""

from sqlalchemy import Connection, Engine, text

from agent.ledger import knowledge_schema, payment_schema  # noqa: F401 - they add their tables to the metadata
from agent.ledger.database import is_postgres
from agent.ledger.schema import metadata

_LOCK = 7226528274
"""Any number that nobody else takes: processes that start together wait for each other."""


def upgrade(engine: Engine) -> None:
    """Create what is missing. Safe to run at every start, also by several processes at once."""
    with engine.begin() as connection:
        if is_postgres(connection):
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        metadata.create_all(connection)
        if is_postgres(connection):
            _create_job_tables(connection)


def _create_job_tables(connection: Connection) -> None:
    """The tables of procrastinate, by which several processes share the work."""
    from procrastinate.schema import SchemaManager

    if connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is None:
        cursor = connection.connection.cursor()  # beneath SQLAlchemy, for which a % in this text would be a parameter
        cursor.execute(SchemaManager.get_schema())
        cursor.close()
