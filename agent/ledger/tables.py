"""The tables of the ledger, which SQLite and PostgreSQL store alike.

conversation   contact, inbound, turn, step, message, confirmation
delivery       outbound, media, followup
memory         fact, summary, forgotten, person_link
broadcasts     broadcast, broadcast_recipient
payments       payment, amount_hold
automation     event, workflow_run, workflow_step, workflow_batch, workflow_schedule, webhook_delivery
operation      audit, configuration, process, tally, tally_changed, tally_state

What is known (documents, passages, gaps) has a chapter of its own, `agent.ledger.knowledge_tables`.

A column `state` says how far a row has come, as its comment draws it; `reason` is for people to read, and no code depends on
its wording. Times are `Instant`, money is whole rupiah, what models cost is US dollars. A change here needs a migration
(`agent.ledger.migrate`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from agent.ledger.columns import Counter, FreeLine, FreeText, Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _failed(table: Table, at: Column[datetime]) -> None:
    """Index the failed rows by time: they are few, and are listed. `agent.ledger.migrate` says the condition to PostgreSQL."""
    failed = text("state = 'failed'")
    Index(f"ix_{table.name}_failed", at, table.c.id, sqlite_where=failed)


# Conversations

contact = Table(
    "contact",
    metadata,
    Column("platform", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("profile", JSON, nullable=False),
    Column("phone", String),  # of the profile, for finding by it
    Column("email", String),  # of the profile, folded to one case
    Column("language", String),
    Column("channel_id", String),
    Column("channel_source", String),
    Column("last_inbound_at", Instant),
    Column("wake_at", Instant),  # when there is something to do next; NULL when there is nothing
    Column("paused_at", Instant),  # a human answers since then
    Column("paused_until", Instant),  # NULL while paused: until it is given back
    Column("paused_by", FreeLine),
    Column("opted_out_at", Instant),
    Column("notice_at", Instant),  # when the out-of-hours notice was last given
    Column("closed_at", Instant),  # when the conversation was last closed on the platform
    Column("given_back_at", Instant),  # when the agent was last told to answer again
    Column("unassigned_early_at", Instant),  # when an assignment was taken back that had not been reported
    Column("reports", JSON),  # the newest ids of events that said who answers
    Column("profile_at", Instant),  # when all of it was last read from the platform; NULL: it may have changed since
    Index("ix_contact_id", "id"),
    Index("ix_contact_phone", "phone"),
    Index("ix_contact_email", "email"),
    Index("ix_contact_wake_at", "wake_at"),
    Index("ix_contact_last_inbound_at", "last_inbound_at", "platform", "id"),
    Index("ix_contact_paused_at", "paused_at", "paused_until"),
)


class InboundOutcome(StrEnum):
    """What a customer's message got in the end, and where that is nothing from the agent, why."""

    ANSWERED = "answered"
    NOT_KNOWN = "not_known"  # the agent said that it did not know
    NOTICE = "notice"  # one fixed text: opening hours, opting out, a limit that is used up
    FAILED = "failed"  # the text for failures
    HUMAN = "human"  # held: a human answers
    OPTED_OUT = "opted_out"  # held, as are the following
    BLOCKED = "blocked"
    TAKEN_BACK = "taken_back"  # by the customer, before it was answered
    OUTSIDE_HOURS = "outside_hours"
    LIMIT = "limit"
    CONVERSATION_CLOSED = "conversation_closed"

    @property
    def state(self) -> Literal["answered", "failed", "held"]:
        """The state of an inbound message that ends so."""
        if self in (InboundOutcome.ANSWERED, InboundOutcome.NOT_KNOWN, InboundOutcome.NOTICE):
            return "answered"
        return "failed" if self is InboundOutcome.FAILED else "held"


inbound = Table(
    "inbound",
    metadata,
    Column("n", Counter, primary_key=True),  # arrival order
    Column("platform", String, nullable=False),
    Column("message_id", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("state", String, nullable=False),  # waiting → answered · held · failed
    Column("outcome", String),  # InboundOutcome; NULL while it waits
    Column("reason", FreeLine),  # for people to read
    Column("turn", String),
    Column("given_back_at", Instant),  # since when the agent answers one that a human left unanswered
    # no platform says that its ids are unique beyond the contact
    UniqueConstraint("platform", "contact", "message_id"),
    Index("ix_inbound_contact_state", "platform", "contact", "state"),
    Index("ix_inbound_contact_n", "platform", "contact", "n"),
    Index("ix_inbound_turn", "turn"),
    Index("ix_inbound_received_at", "received_at", "outcome"),
)

turn = Table(
    "turn",
    metadata,
    Column("id", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("state", String, nullable=False),  # running → done · held · abandoned · failed
    Column("reason", FreeLine),
    Column("handover", FreeLine),  # why it gave the conversation to a human, for people to read
    Column("lease_owner", String),
    Column("lease_until", Instant),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("takeovers", Integer, nullable=False, default=0),
    Column("restarts", Integer, nullable=False, default=0),  # turns before it that were abandoned for newer messages
    Column("tokens", Integer, nullable=False, default=0),
    Column("cost", Float, nullable=False, default=0.0),  # US dollars
    Column("task", JSON),  # of a workflow: what is to be done; NULL: messages of the customer are answered
    Index("ix_turn_contact_state", "platform", "contact", "state"),
    Index("ix_turn_contact_started_at", "platform", "contact", "started_at"),
    Index("ix_turn_started_at", "started_at"),
)
_failed(turn, turn.c.started_at)
# Every turn asks what the day has cost: only turns that cost something are in this index.
Index("ix_turn_cost", turn.c.started_at, turn.c.cost, sqlite_where=turn.c.cost > 0)

trial = Table(  # the cost of trials, whose turns are in a temporary ledger
    "trial",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),  # US dollars
)

step = Table(
    "step",
    metadata,
    Column("turn", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("key", String, nullable=False),  # what a resumed turn finds the step by
    Column("kind", String, nullable=False),  # transcription, retrieval, memory, model, action, reading, speech
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

Index("ix_step_action", step.c.started_at, sqlite_where=text("kind = 'action'"))

message = Table(
    "message",
    metadata,
    Column("n", Counter, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("author", String, nullable=False),  # contact, agent, human
    Column("text", FreeText, nullable=False),
    Column("attachments", JSON, nullable=False),
    Column("said", FreeText),  # the contact's own words, where `text` has marks or words of others too
    Column("at", Instant, nullable=False),
    Column("turn", String),
    Column("message_id", String),  # the platform's, for messages of contacts and human colleagues
    Column("position", Integer, nullable=False, default=0),  # of the contact's messages, from 1; those removed count
    Index("ix_message_contact", "platform", "contact", "n"),
    UniqueConstraint("platform", "contact", "message_id"),
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("platform", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("action", String, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("question", FreeText, nullable=False),
    Column("turn", String, nullable=False),
    Column("expires_at", Instant, nullable=False),
)


# Delivery

outbound = Table(
    "outbound",
    metadata,
    Column("n", Counter, primary_key=True),  # order within a contact
    Column("id", String, nullable=False, unique=True),  # e.g. turn/position: committing twice cannot send twice
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    # message: in order; desk: assignments, tags, comments, which never hold a message up; broadcast
    Column("lane", String, nullable=False),
    Column("channel", String),
    Column("payload", JSON, nullable=False),
    Column("state", String, nullable=False),  # pending → sending → sent · uncertain · failed · skipped
    Column("reason", FreeLine),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", Instant, nullable=False),
    Column("owner", String),
    Column("unless_replied", Boolean, nullable=False, default=False),  # pointless once the customer has written
    Column("may_have_been_sent", Boolean, nullable=False, default=False),  # failed, and its fate was never learnt
    Column("created_at", Instant, nullable=False),
    Column("attempted_at", Instant),  # when the last attempt began
    Column("sent_at", Instant),
    Column("platform_message_id", String),
    Column("turn", String),
    Index("ix_outbound_contact_state", "platform", "contact", "state"),
    Index("ix_outbound_state_platform", "state", "platform"),
    Index("ix_outbound_turn", "turn"),
    Index("ix_outbound_platform_message_id", "platform", "platform_message_id", "contact"),
)
_failed(outbound, outbound.c.created_at)

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

followup = Table(
    "followup",
    metadata,
    Column("id", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("rule", String),  # NULL: scheduled by the agent in a conversation
    Column("about", String),  # what a rule follows up: a payment, or else a turn
    Column("text", FreeText, nullable=False),
    Column("conditions", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", String, nullable=False),  # scheduled → sent · cancelled · skipped
    Column("reason", FreeLine),
    Column("ended_at", Instant),
    Index("ix_followup_state_due_at", "state", "due_at", "id"),
    Index("ix_followup_created_at", "created_at", "id"),
    Index("ix_followup_contact", "platform", "contact", "state"),
)


# Memory

fact = Table(
    "fact",
    metadata,
    Column("platform", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("key", String, primary_key=True),  # name, address, preferences …
    Column("value", FreeText, nullable=False),  # in the customer's own words
    Column("message", BigInteger),  # message.n in which the customer said it
    Column("turn", String, nullable=False),
    Column("at", Instant, nullable=False),
)

summary = Table(
    "summary",
    metadata,
    Column("platform", String, primary_key=True),
    Column("contact", String, primary_key=True),
    Column("text", FreeText, nullable=False),
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


person_link = Table(
    "person_link",
    metadata,
    Column("id", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("other_platform", String, nullable=False),
    Column("other_contact", String, nullable=False),
    Column(
        "carried", JSON, nullable=False
    ),  # what the first got of the other, and the other of the first, to be taken back
    Column("by", FreeLine, nullable=False),  # who said that they are one person
    Column("at", Instant, nullable=False),
    Index("ix_person_link_contact", "platform", "contact"),
    Index("ix_person_link_other", "other_platform", "other_contact"),
)


# Broadcasts

broadcast = Table(
    "broadcast",
    metadata,
    Column("name", String, primary_key=True),
    Column("settings", JSON, nullable=False),  # the file, without its audience
    Column("channel_id", String),
    Column("channel_source", String),
    Column("template", JSON, nullable=False),  # the parts of the platform's template, when there is one
    # entries of the audience that could not become recipients: reason → count
    Column("left_out", JSON, nullable=False),
    Column("state", String, nullable=False),  # running → paused → running … → done · cancelled
    Column("created_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),  # when the next recipient's turn is: the start, then the pace
    Column("finished_at", Instant),
    Index("ix_broadcast_state_next_at", "state", "next_at"),
    Index("ix_broadcast_created_at", "created_at", "name"),
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
    Column("reason", FreeLine),
    Column("attempts", Integer, nullable=False, default=0),
    # the lease of the process that prepares the message, or the time of the next attempt
    Column("claimed_until", Instant),
    Column("outbound", String),  # outbound.id
    Column("said", Text),  # what joins the history once it is sent
    UniqueConstraint("broadcast", "address"),
    UniqueConstraint("outbound"),
    Index("ix_broadcast_recipient_state", "broadcast", "state", "n"),
    Index("ix_broadcast_recipient_claimed_until", "claimed_until"),
)


# Payments

payment = Table(
    "payment",
    metadata,
    Column("id", String, primary_key=True),
    Column("platform", String, nullable=False),
    Column("contact", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("amount", BigInteger, nullable=False),  # rupiah
    Column("asked", BigInteger),  # rupiah before a unique suffix
    Column("payload", Text, nullable=False),
    Column("merchant", String, nullable=False),
    Column("nmid", String),
    Column("provider", String, nullable=False),  # static, or the gateway's name
    Column("provider_id", String),  # the gateway's id of the charge
    Column("order_id", String, nullable=False),  # our id of it at the gateway
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("state", String, nullable=False),  # see actions.qris.states
    Column("paid_at", Instant),
    Column("paid_amount", BigInteger, nullable=False, default=0),  # rupiah, all that arrived
    Column("receipts", JSON, nullable=False),  # the gateway's ids of what arrived
    Column("payer", String),  # the payer's bank or wallet
    Column("marked_by", String),  # the operator who entered it by hand
    UniqueConstraint("provider", "provider_id"),
    Index("ix_payment_order", "order_id", "provider"),
    Index("ix_payment_reference", "reference"),
    Index("ix_payment_contact", "platform", "contact", "created_at", "id"),
    Index("ix_payment_created_at", "created_at", "id"),
    Index("ix_payment_paid_at", "paid_at"),
    Index("ix_payment_state", "state", "expires_at"),
)

amount_hold = Table(
    "amount_hold",
    metadata,
    Column("key", String, primary_key=True),  # the idempotency key of the step that holds it
    Column("amount", BigInteger, nullable=False, unique=True),
    Column("until", Instant, nullable=False),
)


# Automation

event = Table(
    "event",
    metadata,
    Column("n", Counter, primary_key=True),  # order
    Column("id", String, nullable=False, unique=True),  # the same event again is recorded once
    Column("name", String, nullable=False),
    Column("platform", String),
    Column("contact", String),
    Column("facts", JSON),  # of the contact, as they were then
    Column("data", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_event_contact", "platform", "contact"),
    Index("ix_event_at", "at"),
)

workflow_run = Table(
    "workflow_run",
    metadata,
    Column("id", String, primary_key=True),  # made of the workflow, the event and the contact: each event runs it once
    Column("workflow", String, nullable=False),
    Column("event", String, nullable=False),  # event.id
    Column("platform", String),
    Column("contact", String),  # NULL: none, or one that is still looked up by `address`
    Column("address", JSON),
    Column("trigger", String, nullable=False),  # the name of the event
    Column("data", JSON, nullable=False),  # of the event
    Column("depth", Integer, nullable=False),  # how many workflows led to it
    Column("state", String, nullable=False),  # running → done · skipped · cancelled · failed
    Column("reason", FreeLine),
    Column("step", Integer, nullable=False),  # the next one, from 0
    Column("attempt", Integer, nullable=False),  # how often it was retried by hand
    Column("next_at", Instant),  # NULL while a turn works for it
    Column("turn", String),
    Column("until_replied", Boolean, nullable=False),
    Column("claimed_until", Instant),  # the lease of the process that works on one without a contact
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),  # when its conditions held
    Column("ended_at", Instant),
    Index("ix_workflow_run_contact", "platform", "contact", "state"),
    Index("ix_workflow_run_workflow", "workflow", "created_at", "id"),
    Index("ix_workflow_run_state", "state", "next_at"),
    Index("ix_workflow_run_event", "event"),
)
_failed(workflow_run, workflow_run.c.created_at)

workflow_step = Table(
    "workflow_step",
    metadata,
    Column("run", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", String),  # done · skipped · failed; NULL while it is under way
    Column("reason", FreeLine),
)

workflow_batch = Table(
    "workflow_batch",
    metadata,
    Column("event", String, primary_key=True),  # event.id: runs are made for an audience
    Column("workflow", String, nullable=False),
    Column("state", String, nullable=False),  # waiting → done · failed
    Column("reason", FreeLine),
    Column("claimed_until", Instant),
    Column("created_at", Instant, nullable=False),
)

workflow_schedule = Table(
    "workflow_schedule",
    metadata,
    Column("workflow", String, primary_key=True),
    Column("cron", String, nullable=False),
    Column("next_at", Instant, nullable=False),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("n", Counter, primary_key=True),  # order within a target and contact
    Column("id", String, nullable=False, unique=True),
    Column("event", String, nullable=False),  # what X-Balas-Event-Id says
    Column("name", String, nullable=False),
    Column("target", String, nullable=False),  # webhooks:URL, or workflow:NAME:STEP
    Column("url", FreeText, nullable=False),
    Column("platform", String),
    Column("contact", String),
    Column("body", FreeText, nullable=False),
    Column("state", String, nullable=False),  # pending → sent · failed
    Column("reason", FreeLine),
    Column("status", Integer),  # of the last answer
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("claimed_until", Instant),
    Column("created_at", Instant, nullable=False),
    Column("queued_at", Instant, nullable=False),  # since when it is tried: later for one that is replayed
    Column("sent_at", Instant),
    Index("ix_webhook_delivery_state", "state", "next_attempt_at"),
    Index("ix_webhook_delivery_contact", "platform", "contact", "state"),
    Index("ix_webhook_delivery_created_at", "created_at", "id"),
)
_failed(webhook_delivery, webhook_delivery.c.created_at)


# Operation

audit = Table(
    "audit",
    metadata,
    Column("n", Counter, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("name", String, nullable=False),  # of the token; empty for a failed login
    Column("role", String, nullable=False),
    Column("method", String, nullable=False),
    Column("path", String, nullable=False),  # as in the OpenAPI document: names of contacts are not in it
    Column("target", String),  # what the path named, unless it was a contact
    Column("platform", String),
    Column("contact", String),
    Column("status", Integer, nullable=False),
    Index("ix_audit_contact", "platform", "contact"),
)

configuration = Table(  # of many processes: the newest is gone by
    "configuration",
    metadata,
    Column("n", Counter, primary_key=True),
    Column("text", FreeText, nullable=False),  # of agent.yaml
    Column("files", JSON, nullable=False),  # hashes of the texts on disk whose place it takes
    Column("saved", Boolean, nullable=False),  # also written to the file of the process that was asked
    Column("at", Instant, nullable=False),
)

process = Table(  # those that go by it
    "process",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),  # serve, worker
    Column("configuration", BigInteger),  # configuration.n; NULL: its own agent.yaml
    Column("refused", BigInteger),  # configuration.n that it could not take
    Column("reason", FreeLine),
    Column("seen_at", Instant, nullable=False),
)

tally = Table(  # sums of a quarter of an hour that is over, see agent.ledger.tallies; one without any has no row
    "tally",
    metadata,
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),  # of an hour, counted from 1970
    Column("sums", JSON, nullable=False),
)

tally_changed = Table(  # quarters in which a row has changed since they were closed: their sums do not hold
    "tally_changed",
    metadata,
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),
    Column("times", BigInteger, nullable=False),
)

tally_state = Table(
    "tally_state",
    metadata,
    Column("id", Integer, primary_key=True),  # the table has one row
    Column("closed_until", Instant, nullable=False),  # a change of an older quarter of an hour is noted
    Column("closed_at", Instant, nullable=False),  # when `closed_until` was set
    Column("tallied_until", Instant, nullable=False),  # older quarters of an hour have their sums
)
