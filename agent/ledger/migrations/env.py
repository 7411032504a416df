"""How Alembic reaches the ledger: on the connection that `agent.ledger.migrate` hands over."""

from alembic import context

from agent.ledger import (  # noqa: F401 - they add their tables to the metadata
    broadcast_schema,
    knowledge_schema,
    memory_schema,
    payment_schema,
)
from agent.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
