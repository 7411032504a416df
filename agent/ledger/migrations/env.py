"""How Alembic reaches the ledger: on the connection that `agent.ledger.migrate` hands over."""

from alembic import context

from agent.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
