"""Messaging platforms: their clients, webhooks and limits, texts in the form of a channel, and a local sandbox."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

    from messaging.platform import Platform
    from messaging.settings import MessagingSettings

__all__ = ["open_platform"]


def open_platform(
    settings: "MessagingSettings",
    client: "httpx.AsyncClient",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> "Platform":
    """Make the client of the configured platform, or of the sandbox when there is no token.

    Args:
        settings: the `messaging:` part of agent.yaml; its base URL is used as written.
        client: makes every request; the caller closes it.
        clock: tells the time, aware UTC.

    Raises:
        NotActive: the platform is known, but its client is not there yet.
    """
    from messaging.errors import NotActive
    from messaging.settings import PLANNED_PLATFORMS

    if (name := settings.effective_platform) in PLANNED_PLATFORMS:
        raise NotActive(f"messaging.platform: {name} is not active yet; use aelyst (also for respond.io) or sandbox")
    from messaging.aelyst import Aelyst

    return Aelyst.from_settings(settings, client, clock)
