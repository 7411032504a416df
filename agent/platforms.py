"""The platforms of an agent: opened as agent.yaml names them, and what is read through them."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from agent.config import AgentConfig
from agent.errors import InputError
from agent.ledger.database import Database
from settings.clock import Clock

if TYPE_CHECKING:
    import httpx

    from messaging.platform import MediaReader, Platform
    from messaging.types import Channel, ContactKey, PlatformMessage

log = structlog.get_logger()


def open_platforms(
    config: AgentConfig, client: "httpx.AsyncClient", clock: Clock, media: "MediaReader | None" = None
) -> "dict[str, Platform]":
    """The clients of all platforms, by name.

    Args:
        media: reads the files to send, for platforms that take uploads.

    Raises:
        InputError: an entry lacks what its platform needs.
    """
    from messaging import open_platform

    platforms = {}
    for entry in config.platforms:
        try:
            platforms[entry.effective_name] = open_platform(entry, client, clock, media)
        except ValueError as error:
            raise InputError(f"messaging: {error}") from error
    return platforms


_LARGEST_FILE = 100_000_000
"""Bytes of a file to send; no platform takes more."""


def media_reader(database: Database, guarded: "httpx.AsyncClient", ours: str, clock: Clock) -> "MediaReader":
    """Make the reader of what is uploaded to a platform: our own files from the ledger, those of others over the guarded client.

    Args:
        guarded: the client that refuses private addresses.
        ours: what the URLs of our own files begin with; the rest is their token.

    Returns:
        The reader. It raises `Invalid` where the file is not there, and `NotSent` where it cannot be fetched now; it takes at most
        100 MB and 60 seconds.
    """
    import httpx

    from agent.ledger import media
    from messaging.errors import Invalid, NotSent
    from messaging.platform import MediaFile

    async def read(url: str) -> MediaFile:
        if url.startswith(ours):
            found = await database.read(lambda connection: media.get(connection, url.removeprefix(ours), clock()))
            if found is None:
                raise Invalid("the file to send is not there any more")
            return MediaFile(found.content, found.type, found.name or "file")
        try:
            limits = {"guard": {"max_bytes": _LARGEST_FILE, "seconds": 60}}
            answer = await guarded.get(url, extensions=limits)
        except httpx.HTTPError as error:
            raise NotSent(f"the file to send cannot be fetched: {error or type(error).__name__}") from error
        if answer.status_code != 200:
            raise Invalid(f"the file to send cannot be fetched: HTTP {answer.status_code}")
        kind = answer.headers.get("content-type", "application/octet-stream").partition(";")[0]
        return MediaFile(answer.content, kind, PurePosixPath(urlsplit(url).path).name or "file")

    return read


async def only_channel(
    platforms: "Mapping[str, Platform]", known: "dict[str, Channel | None]", name: str
) -> "Channel | None":
    """The channel of a platform that has only one; `None` while that is not known."""
    from messaging.errors import PlatformError

    if name not in known:
        try:
            channels = await platforms[name].channels() if name in platforms else []
        except PlatformError as error:
            log.warning("channels_not_read", platform=name, reason=str(error))
            return None
        known[name] = channels[0] if len(channels) == 1 else None
    return known[name]


async def platform_file(platforms: "Mapping[str, Platform]", url: str, most: int) -> bytes:
    """A file that came with a message and has no address of its own. Raises `PlatformError`."""
    from messaging.errors import NotFound
    from messaging.types import read_platform_file

    name, reference = read_platform_file(url) or ("", "")
    if name not in platforms:
        raise NotFound(f"no platform named {name!r} is configured")
    return await platforms[name].fetch(reference, most)


async def platform_message(
    platforms: "Mapping[str, Platform]", contact: "ContactKey", message_id: str
) -> "PlatformMessage":
    """A message as its platform has it now. Raises `PlatformError`."""
    from messaging.errors import NotFound

    if contact.platform not in platforms:
        raise NotFound(f"no platform named {contact.platform!r} is configured")
    return await platforms[contact.platform].message(contact, message_id)
