"""The tables of what the agent knows: its sources, their documents and passages, the vectors of those, and what nothing answered.

Stored alike in SQLite and PostgreSQL, like the conversations in `agent.ledger.tables`; times are `Instant`. The table `knowledge`
has one row, whose numbers tell other processes what changed. A change here needs a migration (`agent.ledger.migrate`).
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from agent.ledger.columns import Counter, FreeText, Instant
from agent.ledger.tables import metadata

source = Table(
    "source",
    metadata,
    Column("id", String, primary_key=True),  # the path or address as configured
    Column("checked_at", Instant, nullable=False),
    Column("verified_at", Instant),  # when the last good copy was known to be right
    Column("error", Text),
    Column("failing_since", Instant),
    Column("problems", JSON, nullable=False),
    Column("settings", String),  # fingerprint of how it was configured at the last check
)

added_source = Table(
    "added_source",
    metadata,
    Column("id", String, primary_key=True),  # the path or address, as in `source`
    Column("settings", JSON, nullable=False),  # an entry of knowledge.sources that is not in agent.yaml
    Column("added_at", Instant, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("n", Counter, primary_key=True),
    Column("id", String, nullable=False, unique=True),  # path relative to agent.yaml, or address
    Column("source", String, nullable=False),
    Column("hash", String, nullable=False),
    Column("text", FreeText, nullable=False),
    Column("verified_at", Instant, nullable=False),
    Column("title", Text),
    Column("language", String),
    Column("stamp", String),
    Column("etag", String),
    Column("last_modified", String),
    Column("expires", Date),
    Column("volatile", Boolean),
    Column("links", JSON, nullable=False),
    Column("error", Text),
    Column("failing_since", Instant),
    Index("ix_document_source", "source"),
)

passage = Table(
    "passage",
    metadata,
    Column("document", String, ForeignKey("document.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),  # order within the document
    Column("id", String, nullable=False, unique=True),
    Column("text", FreeText, nullable=False),
    Column("start", Integer, nullable=False),  # offsets into document.text
    Column("end", Integer, nullable=False),
    Column("path", JSON, nullable=False),  # title and headings
    Column("question", Text),
    Column("answer", Text),
)

alias = Table(
    "alias",
    metadata,
    Column("passage", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("document", String, ForeignKey("document.id", ondelete="CASCADE"), nullable=False),
    Column("text", FreeText, nullable=False),
    Index("ix_alias_document", "document"),
)

vector = Table(
    "vector",
    metadata,
    Column("model", String, primary_key=True),
    Column("hash", String, primary_key=True),  # of the embedded text
    Column("data", LargeBinary, nullable=False),  # little-endian float32
)

gap = Table(
    "gap",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("question", FreeText, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("nearest", String),  # id of the best passage there was
    Column("state", String, nullable=False),  # open → accepted · rejected
    UniqueConstraint("question"),
)

knowledge = Table(
    "knowledge",
    metadata,
    Column("id", Integer, primary_key=True),  # the table has one row
    Column("identity", String, nullable=False),  # random, unique to this ledger
    Column("content", BigInteger, nullable=False),  # grows with every change of documents and passages
    Column("details", BigInteger, nullable=False),  # with every change of what else is known about documents
    Column("source_checks", BigInteger, nullable=False),  # with every check of a source
    Column("sync_owner", String),  # the process that checks the sources
    Column("sync_until", Instant),
)
