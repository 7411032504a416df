"""Fetching a recording from the address that a platform gave: a stranger's link, whatever it says."""

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
    size: int = 16 * 2**20  # bytes, as they arrive
    time: timedelta = timedelta(seconds=30)  # for everything, redirects included


async def fetch_note(client: "httpx.AsyncClient", url: str, limits: FetchLimits | None = None) -> bytes:
    """The recording at `url`, through the guarded client, which decides what hosts may be reached.

    `Content-Type` must be sound, video (browsers record WebM), or bytes of no kind, as media stores often say. What it
    truly is, the bytes tell later.

    Raises:
        LinkExpired: the server no longer gives it.
        TooLarge: more bytes than the limit; nothing beyond it was read.
        NotFetched: anything else: refused by the guard, no answer in time, a page instead of a recording, an error.
    """
    import httpx

    limits = limits or FetchLimits()
    try:
        async with asyncio.timeout(limits.time.total_seconds()):
            # The guarded client's own limits are for documents and actions; here ours are to be met first.
            guard = {"max_bytes": limits.size + _SLACK, "seconds": limits.time.total_seconds() + 1}
            headers = {"Accept-Encoding": "identity"}
            async with client.stream("GET", url, headers=headers, extensions={"guard": guard}) as response:
                return await _read(response, limits.size)
    except TimeoutError as error:
        raise NotFetched(f"the recording did not arrive within {limits.time.total_seconds():g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotFetched(f"the recording could not be fetched: {error or type(error).__name__}") from error


async def _read(response: "httpx.Response", limit: int) -> bytes:
    if response.status_code in _GONE:
        raise LinkExpired(f"the recording is not there any more: HTTP {response.status_code}")
    if response.status_code != 200:
        raise NotFetched(f"the recording could not be fetched: HTTP {response.status_code}")
    if response.headers.get("Content-Encoding", "identity") != "identity":  # a bomb unpacks before it can be counted
        raise NotFetched(
            f"the recording came packed as {response.headers['Content-Encoding']}, which was not asked for"
        )
    kind = response.headers.get("Content-Type", "").lower()
    if kind and not kind.startswith(_TYPES):
        raise NotFetched(f"the link leads to {kind!r}, which is no recording")
    data = bytearray()
    async for chunk in response.aiter_raw():
        data += chunk
        if len(data) > limit:
            raise TooLarge(f"the recording has more than {limit:,} bytes (voice.largest)")
    return bytes(data)
