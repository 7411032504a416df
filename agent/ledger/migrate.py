"""Bringing the ledger's tables to the newest form."""

from sqlalchemy import Engine

from agent.ledger import knowledge_schema, payment_schema  # noqa: F401 - they add their tables to the metadata
from agent.ledger.schema import metadata


def upgrade(engine: Engine) -> None:
    """Create what is missing. Safe to run at every start, also by several processes at once."""
    metadata.create_all(engine)
