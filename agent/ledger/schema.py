"""The tables of the ledger: one database is the truth about contacts, messages, turns and what is still to be sent."""

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint

from agent.ledger.columns import Counter, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

contact = Table(
    "contact",
    metadata,
    Column("platform", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("profile", JSON, nullable=False),
    Column("language", String),
    Column("channel_id", String),
    Column("channel_source", String),
    Column("last_inbound_at", Instant),
    Column("wake_at", Instant),  # when there is something to do next; NULL when there is nothing
    Column("paused_at", Instant),  # a human answers since then
    Column("paused_until", Instant),  # NULL while paused: until it is given back
    Column("paused_by", String),
    Column("opted_out_at", Instant),
    Column("notice_at", Instant),  # when the out-of-hours notice was last given
    Column("closed_at", Instant),  # when the conversation was last closed on the platform
    Column("profile_at", Instant),  # when all of it was last read from the platform; NULL: it may have changed since
    Index("ix_contact_wake_at", "wake_at"),
)

inbound = Table(
    "inbound",
    metadata,
    Column("n", Counter, primary_key=True),  # arrival order
    Column("platform", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String, nullable=False),  # waiting → answered · held · skipped · failed
    Column("reason", String),
    Column("turn", String),
    Column("given_back_at", Instant),  # from when on one that a human left unanswered is the agent's
    UniqueConstraint("platform", "message_id"),
    Index("ix_inbound_contact_state", "platform", "contact", "state"),
    Index("ix_inbound_turn", "turn"),
)

turn = Table(
    "turn",
    metadata,
    Column("id", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("state", String, nullable=False),  # running → done · held · abandoned · failed
    Column("reason", String),
    Column("lease_owner", String),
    Column("lease_until", Instant),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("takeovers", Integer, nullable=False, default=0),
    Column(
        "restarts", Integer, nullable=False, default=0
    ),  # how many turns before this one were abandoned for newer messages
    Column("tokens", Integer, nullable=False, default=0),
    Column("cost", Float, nullable=False, default=0.0),  # US dollars
    Index("ix_turn_contact_state", "platform", "contact", "state"),
)
# What a day cost is asked by every turn: the turns that cost something, and nothing else.
Index("ix_turn_cost", turn.c.started_at, turn.c.cost, sqlite_where=turn.c.cost > 0, postgresql_where=turn.c.cost > 0)

step = Table(
    "step",
    metadata,
    Column("turn", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("key", String, nullable=False),  # what a resumed turn finds the step by
    Column("kind", String, nullable=False),  # transcription, retrieval, model, action, claim
    Column("name", String, nullable=False),
    Column("input_hash", String, nullable=False),
    Column("input", JSON),
    Column("output", JSON),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("tokens", Integer, nullable=False, default=0),
    Column("cost", Float, nullable=False, default=0.0),
    UniqueConstraint("turn", "key"),
)

message = Table(
    "message",
    metadata,
    Column("n", Counter, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("author", String, nullable=False),  # contact, agent, human
    Column("text", Text, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    Column("turn", String),
    Column("message_id", String),  # the platform's, for messages of contacts and human colleagues
    Index("ix_message_contact", "platform", "contact", "n"),
    UniqueConstraint("platform", "message_id"),
)

outbound = Table(
    "outbound",
    metadata,
    Column("n", Counter, primary_key=True),  # order within a contact
    Column("id", String, nullable=False, unique=True),  # turn + position: committing twice cannot send twice
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column(
        "lane", String, nullable=False
    ),  # message: in order; desk: assignments, tags, comments, which never hold a message up
    Column("channel", String),
    Column("payload", JSON, nullable=False),
    Column("state", String, nullable=False),  # pending → sending → sent · uncertain · failed · skipped
    Column("reason", String),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", Instant, nullable=False),
    Column("owner", String),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("platform_message_id", String),
    Column("turn", String),
    Index("ix_outbound_contact_state", "platform", "contact", "state"),
    Index("ix_outbound_state", "state"),
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("platform", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("action", String, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("question", Text, nullable=False),
    Column("turn", String, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

followup = Table(
    "followup",
    metadata,
    Column("id", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("rule", String),  # NULL: scheduled by the agent in a conversation
    Column("text", Text, nullable=False),
    Column("conditions", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", String, nullable=False),  # scheduled → sent · cancelled · skipped
    Column("reason", String),
    Column("ended_at", Instant),
    Index("ix_followup_state_due_at", "state", "due_at"),
    Index("ix_followup_contact", "platform", "contact", "state"),
)

media = Table(
    "media",
    metadata,
    Column("id", String, primary_key=True),  # unguessable
    Column("content", LargeBinary, nullable=False),
    Column("type", String, nullable=False),
    Column("name", String),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_media_expires_at", "expires_at"),
)
