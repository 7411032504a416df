"""Web sources: pages, sitemaps and crawls, under robots.txt and with conditional requests."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.robotparser import RobotFileParser

import httpx

from knowledge.documents.passage import Document
from knowledge.documents.reader import DocumentReader
from knowledge.errors import Gone, SourceError, Unreachable, Unreadable
from knowledge.settings import CrawlSettings, SourceSettings
from knowledge.store import KnowledgeStore
from knowledge.sync.report import (
    Change,
    Progress,
    ProgressCallback,
    Tally,
    build_document,
    fingerprint,
    recovered,
    save_changes,
)

AGENT = "balas"
USER_AGENT = f"{AGENT}/0.1 (knowledge of a customer service agent)"
TIMEOUT = 30.0  # seconds for a page
CONCURRENT_REQUESTS = 4  # to one site
FETCH_BATCH = 8  # pages fetched together
MAX_CRAWL_DELAY = 10.0  # seconds; a longer Crawl-delay in robots.txt is cut to this
SITEMAP_DEPTH = 3  # a sitemap index may name further indexes
SITEMAP_FILES = 100  # sitemaps read for one source
SITEMAP_PAGES = 50_000  # pages of one source; also what one sitemap may name (sitemaps.org)
ROBOTS_SIZE = 500_000  # characters of robots.txt that are parsed, about what search engines read


@dataclass(frozen=True, slots=True)
class Page:
    """A response. `url` is the address after redirects; `data` is `None` when the page has not changed."""

    url: str
    data: bytes | None
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class PageRef:
    """A page that a sitemap names; `stamp` is its `lastmod`."""

    url: str
    stamp: str | None = None


class Web:
    """Fetches pages through the given client, which decides what addresses may be reached; `largest` is in bytes."""

    def __init__(self, client: httpx.AsyncClient, largest: int, pool: Executor) -> None:
        self._client = client
        self._largest = largest
        self._pool = pool
        self._robots: dict[str, RobotFileParser] = {}
        self._slots = asyncio.Semaphore(CONCURRENT_REQUESTS)

    async def get(self, url: str, known: Document | None = None) -> Page:
        """Fetch a page, conditionally when a good copy is `known`.

        Raises:
            Gone: the server answered 404 or 410.
            Unreachable: it answered anything else but a page, or not at all.
            Unreadable: the page is larger than allowed.
        """
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

    async def sitemap(self, url: str) -> Sequence[PageRef]:
        """List the pages of a sitemap and of the sitemaps it names (3 levels, 100 files), each once, in order.

        Raises:
            Unreachable: it cannot be fetched, or is no sitemap.
        """
        pages: dict[str, PageRef] = {}
        read: set[str] = set()
        await self._read_sitemap(url, 0, pages, read)
        return list(pages.values())

    async def _read_sitemap(self, url: str, depth: int, pages: dict[str, PageRef], read: set[str]) -> None:
        read.add(url)
        page = await self.get(url)
        found = await asyncio.get_running_loop().run_in_executor(
            self._pool, sitemap_entries, page.data or b"", self._largest
        )
        if not found:
            raise Unreachable(f"{url} is not a sitemap: it names no <loc>")
        for kind, ref in found:
            if kind == "url":
                if len(pages) < SITEMAP_PAGES:
                    pages.setdefault(ref.url, ref)
            elif depth < SITEMAP_DEPTH and ref.url not in read and len(read) < SITEMAP_FILES:
                await self._read_sitemap(ref.url, depth + 1, pages, read)

    async def may_fetch(self, url: str) -> bool:
        """Whether robots.txt allows the page. Sleeps for its Crawl-delay, at most 10 seconds."""
        robots = await self._rules(url)
        pause = robots.crawl_delay(AGENT)
        if pause:
            await asyncio.sleep(min(float(pause), MAX_CRAWL_DELAY))
        return robots.can_fetch(AGENT, url)

    async def _rules(self, url: str) -> RobotFileParser:
        place = urlsplit(url)
        site = f"{place.scheme}://{place.netloc}"
        if site not in self._robots:
            self._robots[site] = await self._fetched_rules(site)
        return self._robots[site]

    async def _fetched_rules(self, site: str) -> RobotFileParser:
        """Fetch robots.txt. RFC 9309, 2.3.1: a missing file allows everything, a failing server nothing."""
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


def sitemap_entries(data: bytes, largest: int) -> list[tuple[str, PageRef]]:
    """Read the entries of a sitemap, gzipped or not: `url` or `sitemap`, and what they name. Blocks.

    Args:
        largest: bytes of the sitemap when it is unpacked; the rest is left out.

    Raises:
        Unreadable: it begins as a gzip file and is none.
    """
    from lxml import etree

    if data.startswith(b"\x1f\x8b"):
        data = unpacked(data, largest)
    entries: list[tuple[str, PageRef]] = []
    events = etree.iterparse(
        io.BytesIO(data), tag=("{*}url", "{*}sitemap"), recover=True, resolve_entities=False, no_network=True
    )
    try:
        for _, element in events:
            if place := " ".join((element.findtext("{*}loc") or "").split()):
                stamp = (element.findtext("{*}lastmod") or "").strip() or None
                entries.append((etree.QName(element).localname.lower(), PageRef(place, stamp)))
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
            if len(entries) >= SITEMAP_PAGES:
                break
    except etree.XMLSyntaxError:
        return entries  # what could be read of a damaged file
    return entries


def unpacked(data: bytes, largest: int) -> bytes:
    """Decompress a gzipped sitemap, up to `largest` bytes.

    Raises:
        Unreadable: it is not a gzip file.
    """
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return file.read(largest)
    except (OSError, EOFError) as error:
        raise Unreadable(f"not a gzip file: {error}") from error


def same_site(links: Sequence[str], base: str) -> list[str]:
    """Select the links to pages of the same host: absolute, without fragments, each once."""
    host = urlsplit(base).netloc
    found: dict[str, None] = {}
    for link in links:
        try:
            address = urldefrag(urljoin(base, link.strip())).url
            place = urlsplit(address)
        except ValueError:  # "http://[" is not a URL
            continue
        if place.scheme in ("http", "https") and place.netloc == host:
            found.setdefault(address)
    return list(found)


@dataclass(frozen=True, slots=True)
class _PageCheck:
    """The outcome for a page, and its links."""

    change: Change
    links: Sequence[str] = ()
    is_gone: bool = False


class WebSync:
    """Synchronises the sources that are pages, sitemaps and crawled sites."""

    def __init__(self, web: Web, store: KnowledgeStore, reader: DocumentReader, clock: Callable[[], datetime]) -> None:
        self._web = web
        self._store = store
        self._reader = reader
        self._clock = clock

    async def run(self, source: SourceSettings, claimed: set[str], tally: Tally, report: ProgressCallback) -> None:
        """Sync one source.

        Args:
            claimed: documents that belong to other sources; those found here are added.
            tally: counts what is done.

        Raises:
            SourceError: the source as a whole cannot be read; nothing is changed then.
        """
        known = {document.id: document for document in await self._store.documents(source.id)}
        seen: set[str] = set()
        async for checks, total in self._pages(source, known, claimed):
            if source.url and checks[0].change.problem:
                raise Unreachable(checks[0].change.problem)
            changes = [one.change for one in checks if not one.is_gone]  # a dead link is not a failure
            await save_changes(changes, known, self._store, tally, self._clock())
            seen.update(change.document for change in changes)
            claimed.update(seen)
            report(Progress(source.id, len(seen), max(total, len(seen))))
        if not seen:
            raise Unreachable(f"{source.id} leads to no page that may be fetched")
        gone = sorted(known.keys() - seen)
        for document in gone:
            tally.gone(document)
        if gone:
            await self._store.remove(gone)

    async def _pages(
        self, source: SourceSettings, known: Mapping[str, Document], claimed: set[str]
    ) -> AsyncIterator[tuple[list[_PageCheck], int]]:
        """Yield batches of checked pages with the number of pages known so far."""
        if source.url:
            yield [await self._check(PageRef(source.url), source, known)], 1
        elif source.sitemap:
            refs = [ref for ref in await self._web.sitemap(source.sitemap) if ref.url not in claimed]
            allowed = [ref for ref in refs if await self._web.may_fetch(ref.url)]
            for at in range(0, len(allowed), FETCH_BATCH):
                batch = allowed[at : at + FETCH_BATCH]
                yield list(await asyncio.gather(*(self._check(ref, source, known) for ref in batch))), len(allowed)
        elif source.crawl:
            async for checks in self._crawled(source, source.crawl, known, claimed):
                yield checks

    async def _crawled(
        self, source: SourceSettings, crawl: CrawlSettings, known: Mapping[str, Document], claimed: set[str]
    ) -> AsyncIterator[tuple[list[_PageCheck], int]]:
        met = {crawl.url}
        level, fetched = [crawl.url], 0
        for depth in range(crawl.depth + 1):
            following: list[str] = []
            for at in range(0, len(level), FETCH_BATCH):
                batch = level[at : at + min(FETCH_BATCH, crawl.pages - fetched)]
                allowed = [url for url in batch if url not in claimed and await self._web.may_fetch(url)]
                checks = await asyncio.gather(*(self._check(PageRef(url), source, known) for url in allowed))
                fetched += len(allowed)
                if depth == 0 and checks and checks[0].change.problem:
                    raise Unreachable(checks[0].change.problem)
                for one in checks:
                    new = [url for url in one.links if url not in met]
                    met.update(new)
                    following += new
                if checks:
                    yield list(checks), min(len(met), crawl.pages)
                if fetched >= crawl.pages:
                    return
            level = following

    async def _check(self, ref: PageRef, source: SourceSettings, known: Mapping[str, Document]) -> _PageCheck:
        before = known.get(ref.url)
        if before and ref.stamp and before.stamp == ref.stamp and before.failing_since is None:
            return _PageCheck(Change(ref.url, touched=before), before.links)  # the sitemap says that nothing changed
        try:
            page = await self._web.get(ref.url, before)
            if before and (page.data is None or before.hash == fingerprint(page.data, source)):
                return _PageCheck(Change(ref.url, touched=_reverified(before, page, ref)), before.links)
            if page.data is None:
                raise Unreachable(f"{ref.url} answered 304 although we have no copy")
            document, passages = await build_document(
                self._reader, ref.url, page.data, page.content_type, source, self._clock()
            )
        except SourceError as error:
            return _PageCheck(
                Change(ref.url, problem=str(error)), before.links if before else (), isinstance(error, Gone)
            )
        links = tuple(same_site(document.links, page.url))
        document = replace(document, stamp=ref.stamp, etag=page.etag, last_modified=page.last_modified, links=links)
        return _PageCheck(Change(ref.url, new=(document, passages)), links)


def _reverified(document: Document, page: Page, ref: PageRef) -> Document:
    return replace(
        recovered(document),
        stamp=ref.stamp,
        etag=page.etag or document.etag,
        last_modified=page.last_modified or document.last_modified,
    )
