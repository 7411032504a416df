"""The least that a message can cost: minimal programs that answer a webhook, with and without `create_agent`.

One INSERT before the 200, one UPDATE after the send, per-contact order; no history, no coalescing, at least once.
"""
