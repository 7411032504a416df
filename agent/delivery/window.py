"""Whether a delivery may still go out, at the last moment before it does."""

from datetime import datetime, timedelta
from typing import get_args

from agent.ledger.contacts import ContactState
from agent.ledger.outbound import Delivery
from messaging.types import Email, Outbound, Template

SERVICE_WINDOW = timedelta(hours=24)
"""How long after the customer's last message a business may write freely (WhatsApp, Instagram, Facebook)."""


def obstacle(delivery: Delivery, contact: ContactState, now: datetime) -> str | None:
    """Why a message must not be sent any more, or `None`.

    What was decided before a human took over, or before the contact opted out, is not sent after it; the handover's own
    words and the opt-out's confirmation were written in the same moment and are.
    """
    if not isinstance(delivery.content, get_args(Outbound)):
        return None
    if contact.paused(now) and contact.paused_at is not None and contact.paused_at > delivery.created_at:
        return f"a human took over ({contact.paused_by})"
    if contact.opted_out_at is not None and contact.opted_out_at > delivery.created_at:
        return "the contact opted out"
    if isinstance(delivery.content, Template | Email):
        return None
    if contact.last_inbound_at is not None and now - contact.last_inbound_at > SERVICE_WINDOW:
        return "the 24-hour window is closed: only a template could be sent"
    return None
