"""Conversations as tests: scenario files, what they expect, the conversation with a clock of its own, cassettes, reports, replay."""
