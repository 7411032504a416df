"""The tables of what is remembered of a contact beyond the conversation itself, and of what must not come back."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from agent.ledger.columns import Instant
from agent.ledger.schema import metadata

fact = Table(
    "fact",
    metadata,
    Column("platform", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("key", String, primary_key=True),  # name, address, preferences …
    Column("value", Text, nullable=False),  # in the customer's own words
    Column("message", BigInteger),  # message.n in which the customer said it
    Column("turn", String, nullable=False),
    Column("at", Instant, nullable=False),
)

summary = Table(
    "summary",
    metadata,
    Column("platform", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("upto", BigInteger, nullable=False),  # the last message.n that it covers
    Column("asked_upto", BigInteger, nullable=False),  # further, while or after a model was asked to extend it
    Column("updated_at", Instant, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("hash", String, primary_key=True),  # of a message id: a webhook that comes again is not answered again
    Column("at", Instant, nullable=False),
)
