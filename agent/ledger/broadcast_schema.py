"""The tables of broadcasts: one message to many, and to whom."""

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, UniqueConstraint

from agent.ledger.columns import Counter, Instant
from agent.ledger.schema import metadata

broadcast = Table(
    "broadcast",
    metadata,
    Column("name", String, primary_key=True),
    Column("settings", JSON, nullable=False),  # the file, without its audience
    Column("channel_id", String),
    Column("channel_source", String),
    Column("template", JSON, nullable=False),  # the parts of the platform's template, when there is one
    Column("left_out", JSON, nullable=False),  # who of the audience could not become a recipient: reason → count
    Column("state", String, nullable=False),  # running → paused → running … → done · cancelled
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),  # when the next recipient's turn is: the start, then the pace
    Column("finished_at", Instant),
    Index("ix_broadcast_state_next_at", "state", "next_at"),
)

recipient = Table(
    "broadcast_recipient",
    metadata,
    Column("n", Counter, primary_key=True),
    Column("broadcast", String, nullable=False),
    Column("address", String, nullable=False),  # id:123, phone:+62… or email:…
    Column("line", Integer),  # of the CSV file
    Column("row", JSON, nullable=False),
    Column("state", String, nullable=False),  # waiting → queued · skipped · failed; queued: the outbound row knows more
    Column("reason", String),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claimed_until", Instant),  # somebody prepares the message, or it is to be tried again then
    Column("outbound", String),  # outbound.id
    Column("said", Text),  # what joins the history once it is sent
    UniqueConstraint("broadcast", "address"),
    UniqueConstraint("outbound"),
    Index("ix_broadcast_recipient_state", "broadcast", "state", "n"),
    Index("ix_broadcast_recipient_claimed_until", "claimed_until"),
)
