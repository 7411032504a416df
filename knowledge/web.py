"""Pages on the web: fetched politely, and only when they may have changed."""

import asyncio
import gzip
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import httpx

from knowledge.errors import Gone, Unreachable, Unreadable
from knowledge.passage import Document

AGENT = "balas"
USER_AGENT = f"{AGENT}/0.1 (knowledge of a customer service agent)"
TIMEOUT = 30.0  # seconds for a page
AT_ONCE = 4  # requests to a site at the same time
LONGEST_PAUSE = 10.0  # seconds that a robots.txt may ask us to wait between two pages
SITEMAP_DEPTH = 3  # an index may name indexes
ROBOTS_SIZE = 500_000  # bytes, as search engines read them

_ENTRY = re.compile(r"<(url|sitemap)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
_LOC = re.compile(r"<loc>\s*(.*?)\s*</loc>", re.DOTALL | re.IGNORECASE)
_LASTMOD = re.compile(r"<lastmod>\s*(.*?)\s*</lastmod>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer. `url` is the address after redirects; `data` is `None` when the page has not changed."""

    url: str
    data: bytes | None
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class PageRef:
    """A page a sitemap names; `stamp` is its `lastmod`."""

    url: str
    stamp: str | None = None


class Web:
    """Fetches through the guarded client it is given."""

    def __init__(self, client: httpx.AsyncClient, largest: int) -> None:
        self._client = client
        self._largest = largest
        self._robots: dict[str, RobotFileParser] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def get(self, url: str, known: Document | None = None) -> Page:
        """Raises `Unreachable` for anything but a page, `Unreadable` when it is larger than allowed."""
        headers = {"User-Agent": USER_AGENT, "Accept-Language": "*"}
        if known and known.failing_since is None:
            if known.etag:
                headers["If-None-Match"] = known.etag
            if known.last_modified:
                headers["If-Modified-Since"] = known.last_modified
        try:
            async with (
                self._slots,
                self._client.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response,
            ):
                if response.status_code == httpx.codes.NOT_MODIFIED:
                    return Page(url, None)
                if response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
                    raise Gone(f"{url} does not exist (the server answered {response.status_code})")
                if response.status_code != httpx.codes.OK:
                    raise Unreachable(f"{url} answered {response.status_code} {response.reason_phrase}".strip())
                return Page(
                    str(response.url),
                    await self._body(response),
                    response.headers.get("content-type"),
                    response.headers.get("etag"),
                    response.headers.get("last-modified"),
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{url} cannot be reached: {error or type(error).__name__}") from error

    async def sitemap(self, url: str, depth: int = 0) -> Sequence[PageRef]:
        """The pages of a sitemap and of those it names, each once, in order."""
        page = await self.get(url)
        data = page.data or b""
        if data.startswith(b"\x1f\x8b"):
            data = unpacked(data, self._largest)
        text = data.decode("utf-8", errors="replace")
        if "<loc>" not in text.lower():
            raise Unreachable(f"{url} is not a sitemap: it names no <loc>")
        pages: dict[str, PageRef] = {}
        for match in _ENTRY.finditer(text):
            place = _LOC.search(match[0])
            if not place:
                continue
            address = html.unescape(place[1])
            if match[1].lower() == "sitemap":
                if depth < SITEMAP_DEPTH:
                    pages.update((ref.url, ref) for ref in await self.sitemap(address, depth + 1))
                continue
            modified = _LASTMOD.search(match[0])
            pages.setdefault(address, PageRef(address, modified[1] if modified else None))
        return list(pages.values())

    async def may_fetch(self, url: str) -> bool:
        """Whether robots.txt of the site allows us the page. Waits as long as it asks for between two pages."""
        robots = await self._rules(url)
        pause = robots.crawl_delay(AGENT)
        if pause:
            await asyncio.sleep(min(float(pause), LONGEST_PAUSE))
        return robots.can_fetch(AGENT, url)

    async def _rules(self, url: str) -> RobotFileParser:
        place = urlsplit(url)
        site = f"{place.scheme}://{place.netloc}"
        if site not in self._robots:
            self._robots[site] = await self._fetched_rules(site)
        return self._robots[site]

    async def _fetched_rules(self, site: str) -> RobotFileParser:
        """RFC 9309: no such file means everything is allowed, a server that fails means nothing is."""
        rules = RobotFileParser()
        try:
            response = await self._client.get(
                f"{site}/robots.txt", headers={"User-Agent": USER_AGENT}, timeout=TIMEOUT, follow_redirects=True
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"{site}/robots.txt cannot be reached: {error or type(error).__name__}") from error
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{site}/robots.txt answered {response.status_code}, so nothing may be fetched there now")
        allowed = response.text[:ROBOTS_SIZE] if response.status_code == httpx.codes.OK else ""
        rules.parse(allowed.splitlines())
        return rules

    async def _body(self, response: httpx.Response) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > self._largest:
                raise Unreadable(
                    f"{response.url} is larger than the {self._largest:,} bytes that `knowledge.largest` allows"
                )
        return bytes(data)


def unpacked(data: bytes, largest: int) -> bytes:
    """A gzipped sitemap, but no more of it than `largest` bytes. Raises `Unreadable`."""

    try:
        with gzip.open(io.BytesIO(data)) as file:
            return file.read(largest)
    except (OSError, EOFError) as error:
        raise Unreadable(f"not a gzip file: {error}") from error


def same_site(links: Sequence[str], base: str) -> list[str]:
    """The links that lead to other pages of the same host, absolute, without fragments, each once."""
    host = urlsplit(base).netloc
    found: dict[str, None] = {}
    for link in links:
        try:
            address = urldefrag(urljoin(base, link.strip())).url
            place = urlsplit(address)
        except ValueError:  # "http://[": a link that nobody can follow
            continue
        if place.scheme in ("http", "https") and place.netloc == host:
            found.setdefault(address)
    return list(found)
