"""Aelyst and respond.io: contacts, conversations and the workspace over one HTTP API, and its webhooks."""

from messaging.aelyst.addresses import Identifier, by_email, by_phone
from messaging.aelyst.contacts import Condition, Filter
from messaging.aelyst.platform import Aelyst

__all__ = ["Aelyst", "Condition", "Filter", "Identifier", "by_email", "by_phone"]
