"""Messaging platforms: their clients, webhooks and limits, texts in the form of a channel, and a local sandbox."""

from messaging.registry import capabilities_of, open_platform

__all__ = ["capabilities_of", "open_platform"]
