"""The tables of payments: what customers were asked to pay, and unique amounts that are spoken for."""

from sqlalchemy import JSON, BigInteger, Column, Index, String, Table, Text, UniqueConstraint

from agent.ledger.columns import Instant
from agent.ledger.schema import metadata

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
    Index("ix_payment_order", "provider", "order_id"),
    Index("ix_payment_contact", "platform", "contact", "created_at"),
    Index("ix_payment_state", "state", "expires_at"),
)

amount_hold = Table(
    "amount_hold",
    metadata,
    Column("key", String, primary_key=True),  # the idempotency key of the step that holds it
    Column("amount", BigInteger, nullable=False, unique=True),
    Column("until", Instant, nullable=False),
)
