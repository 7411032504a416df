"""The classes of platforms: of those that come along, and of installed packages (entry points `balas.platforms`)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, cast

from messaging.settings import GROUP, MessagingSettings, check_known

if TYPE_CHECKING:
    import httpx

    from messaging.platform import Capabilities, MediaReader, Platform
BUILT_IN: Mapping[str, str] = {
    "aelyst": "messaging.aelyst:Aelyst",
    "aisoule": "messaging.aisoule:Aisoule",
    "sandbox": "messaging.aelyst:Aelyst",
    "telegram": "messaging.telegram:Telegram",
    "unipile": "messaging.unipile:Unipile",
    "whatsapp": "messaging.whatsapp:WhatsApp",
    "zernio": "messaging.zernio:Zernio",
}


class PlatformClass(Protocol):
    """A class of platforms, as an entry point names it."""

    capabilities: "Capabilities"

    @classmethod
    def from_settings(
        cls,
        settings: MessagingSettings,
        http: "httpx.AsyncClient",
        clock: Callable[[], datetime],
        media: "MediaReader | None" = None,
    ) -> "Platform":
        """Make the client that agent.yaml describes.

        Args:
            settings: one entry of `messaging:`; the platform's contacts are kept under its `effective_name`.
            http: makes every request; the caller closes it.
            clock: tells the time, aware UTC.
            media: reads the files to send, for platforms that take uploads.

        Raises:
            ValueError: a key is missing or wrong; the message names it.
        """


def platform_class(name: str) -> PlatformClass:
    """Import the class of a platform. A package cannot replace one that balas has itself.

    Raises:
        LookupError: no platform has this name; the message lists those that are known.
    """
    if (place := BUILT_IN.get(name)) is not None:
        module, _, attribute = place.partition(":")
        return cast("PlatformClass", getattr(import_module(module), attribute))
    for entry in entry_points(group=GROUP, name=name):
        return cast("PlatformClass", entry.load())
    raise LookupError(check_known(name))


def capabilities_of(settings: MessagingSettings) -> "Capabilities":
    """Tell what the configured platform can do, without asking it."""
    from messaging.platform import BasicPlatform

    made = platform_class(settings.effective_platform)
    if isinstance(made, type) and issubclass(made, BasicPlatform):
        return made.capabilities_for(settings)
    return made.capabilities


def open_platform(
    settings: MessagingSettings,
    client: "httpx.AsyncClient",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    media: "MediaReader | None" = None,
) -> "Platform":
    """Make the client of a configured platform, or of the sandbox when there is no token.

    Args:
        settings: one entry of the `messaging:` part of agent.yaml; its base URL is used as written.
        client: makes every request; the caller closes it.
        clock: tells the time, aware UTC.
        media: reads the files to send, for platforms that take uploads.

    Raises:
        ValueError: a key that the platform needs is missing.
    """
    return platform_class(settings.effective_platform).from_settings(settings, client, clock, media)
