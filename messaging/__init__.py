"""Messaging platforms: what travels, how it is signed, limited, sent and shown."""

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
    """The client of the configured platform, or of the sandbox when there is no token.

    `client` is used for every request and stays the caller's to close. The base URL is the operator's own: it is used as written.

    Raises:
        NotActive: the platform is known, but its client is not there yet.
    """
    from messaging.errors import NotActive
    from messaging.settings import PLANNED_PLATFORMS

    if (name := settings.effective_platform) in PLANNED_PLATFORMS:
        raise NotActive(f"messaging.platform: {name} is not active yet; use aelyst (also for respond.io) or sandbox")
    from messaging.aelyst import Aelyst

    return Aelyst.from_settings(settings, client, clock)
