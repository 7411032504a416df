"""What the runtime itself asks of the platform, beside messages and what actions ask for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assign:
    """Give the conversation to a user (id or e-mail on the platform), or to nobody."""

    to: str | None


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Open the conversation, so that it stands in colleagues' inboxes."""
