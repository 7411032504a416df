"""Broadcasts: one message to many contacts, each once, at a rate, through the same outbox as every answer."""
