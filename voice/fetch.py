"""Download a recording from the URL in a webhook. The URL and everything it answers is untrusted input."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from voice.errors import LinkExpired, NotFetched, TooLarge

if TYPE_CHECKING:
    import httpx

_SLACK = 2**20  # bytes
_TYPES = ("audio/", "video/", "application/ogg", "application/octet-stream", "binary/octet-stream")
_GONE = {401, 403, 404, 410}  # what a media link answers when its signature or its time is over


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much a download may take."""

    size: int = 16 * 2**20  # bytes, as they arrive
    time: timedelta = timedelta(seconds=30)  # for everything, redirects included


async def fetch_note(client: "httpx.AsyncClient", url: str, limits: FetchLimits | None = None) -> bytes:
    """Download the recording at `url`, as `fetch_file` does.

    `Content-Type` must be audio, video (browsers record WebM), or unspecified bytes, as media stores often say. The real
    type is told from the bytes later (`voice.audio.sniff`).
    """
    return await fetch_file(client, url, limits, _TYPES)


async def fetch_file(
    client: "httpx.AsyncClient", url: str, limits: FetchLimits | None = None, types: tuple[str, ...] = ("",)
) -> bytes:
    """Download what is at `url`.

    Args:
        client: the guarded client, which decides what hosts may be reached.
        url: where it is.
        limits: most bytes and longest time; 16 MiB and 30 s when left out.
        types: how its `Content-Type` may begin, where it has one.

    Returns:
        The bytes as they were sent.

    Raises:
        LinkExpired: the server no longer serves it.
        TooLarge: more bytes than the limit; nothing beyond it was read.
        NotFetched: anything else: refused by the guard, no answer in time, a web page instead of a recording, an error.
    """
    import httpx

    limits = limits or FetchLimits()
    try:
        async with asyncio.timeout(limits.time.total_seconds()):
            # Above our own limits, so that a large recording raises TooLarge rather than the guard's error.
            guard = {"max_bytes": limits.size + _SLACK, "seconds": limits.time.total_seconds() + 1}
            headers = {"Accept-Encoding": "identity"}
            async with client.stream("GET", url, headers=headers, extensions={"guard": guard}) as response:
                return await _read(response, limits.size, types)
    except TimeoutError as error:
        raise NotFetched(f"the recording did not arrive within {limits.time.total_seconds():g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotFetched(f"the recording could not be fetched: {error or type(error).__name__}") from error


async def _read(response: "httpx.Response", limit: int, types: tuple[str, ...]) -> bytes:
    if response.status_code in _GONE:
        raise LinkExpired(f"the recording is not there any more: HTTP {response.status_code}")
    if response.status_code != 200:
        raise NotFetched(f"the recording could not be fetched: HTTP {response.status_code}")
    if (
        response.headers.get("Content-Encoding", "identity") != "identity"
    ):  # a compression bomb unpacks before it can be counted
        raise NotFetched(
            f"the recording came packed as {response.headers['Content-Encoding']}, which was not asked for"
        )
    kind = response.headers.get("Content-Type", "").lower()
    if kind and not kind.startswith(types):
        raise NotFetched(f"the link leads to {kind!r}, which is no recording")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > limit:
            raise TooLarge(f"the recording has more than {limit:,} bytes (voice.largest)")
    return bytes(data)
