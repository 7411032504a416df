"""AIsoule in both of its dialects: contacts, templates and campaigns over its HTTP API, and its webhooks."""

from messaging.aisoule.client import AisouleApi
from messaging.aisoule.platform import Aisoule

__all__ = ["Aisoule", "AisouleApi"]
