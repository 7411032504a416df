"""Synchronises the sources on the web: single pages, sitemaps, and sites followed along their links."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

from knowledge.errors import Gone, SourceError, Unreachable
from knowledge.passage import Document
from knowledge.settings import CrawlSettings, SourceSettings
from knowledge.store import KnowledgeStore
from knowledge.sync import Change, Progress, Report, Tally, fingerprint, make, recovered, save
from knowledge.web import Page, PageRef, Web, same_site

BATCH = 8  # pages that are fetched together


@dataclass(frozen=True, slots=True)
class _Looked:
    """What became of a page, and where it leads."""

    change: Change
    links: Sequence[str] = ()
    is_gone: bool = False


class WebSync:
    def __init__(self, web: Web, store: KnowledgeStore, pool: Executor, clock: Callable[[], datetime]) -> None:
        self._web = web
        self._store = store
        self._pool = pool
        self._clock = clock

    async def run(self, source: SourceSettings, claimed: set[str], tally: Tally, report: Report) -> None:
        """Raises `SourceError` when the source as a whole cannot be read; nothing is changed then.

        `claimed` are the documents that other sources have; those found here are added to it.
        """
        known = {document.id: document for document in await self._store.documents(source.id)}
        seen: set[str] = set()
        async for looked, total in self._pages(source, known, claimed):
            if source.url and looked[0].change.problem:
                raise Unreachable(looked[0].change.problem)
            changes = [one.change for one in looked if not one.is_gone]  # a dead link is no failure of ours
            await save(changes, known, self._store, tally, self._clock())
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
    ) -> AsyncIterator[tuple[list[_Looked], int]]:
        """Pages in batches as they come, with how many there are so far."""
        if source.url:
            yield [await self._look(PageRef(source.url), source, known)], 1
        elif source.sitemap:
            refs = [ref for ref in await self._web.sitemap(source.sitemap) if ref.url not in claimed]
            allowed = [ref for ref in refs if await self._web.may_fetch(ref.url)]
            for at in range(0, len(allowed), BATCH):
                batch = allowed[at : at + BATCH]
                yield list(await asyncio.gather(*(self._look(ref, source, known) for ref in batch))), len(allowed)
        elif source.crawl:
            async for looked in self._crawled(source, source.crawl, known, claimed):
                yield looked

    async def _crawled(
        self, source: SourceSettings, crawl: CrawlSettings, known: Mapping[str, Document], claimed: set[str]
    ) -> AsyncIterator[tuple[list[_Looked], int]]:
        met = {crawl.url}
        level, fetched = [crawl.url], 0
        for depth in range(crawl.depth + 1):
            following: list[str] = []
            for at in range(0, len(level), BATCH):
                batch = level[at : at + min(BATCH, crawl.pages - fetched)]
                allowed = [url for url in batch if url not in claimed and await self._web.may_fetch(url)]
                looked = await asyncio.gather(*(self._look(PageRef(url), source, known) for url in allowed))
                fetched += len(allowed)
                if depth == 0 and looked and looked[0].change.problem:
                    raise Unreachable(looked[0].change.problem)
                for one in looked:
                    new = [url for url in one.links if url not in met]
                    met.update(new)
                    following += new
                if looked:
                    yield list(looked), min(len(met), crawl.pages)
                if fetched >= crawl.pages:
                    return
            level = following

    async def _look(self, ref: PageRef, source: SourceSettings, known: Mapping[str, Document]) -> _Looked:
        before = known.get(ref.url)
        if before and ref.stamp and before.stamp == ref.stamp and before.failing_since is None:
            return _Looked(Change(ref.url, touched=before), before.links)  # the sitemap says that nothing changed
        try:
            page = await self._web.get(ref.url, before)
            if before and (page.data is None or before.hash == fingerprint(page.data, source)):
                return _Looked(Change(ref.url, touched=_seen_again(before, page, ref)), before.links)
            if page.data is None:
                raise Unreachable(f"{ref.url} answered 304 although we have no copy")
            document, passages = await asyncio.get_running_loop().run_in_executor(
                self._pool, make, ref.url, page.data, page.content_type, source, self._clock()
            )
        except SourceError as error:
            return _Looked(Change(ref.url, problem=str(error)), before.links if before else (), isinstance(error, Gone))
        links = tuple(same_site(document.links, page.url))
        document = replace(document, stamp=ref.stamp, etag=page.etag, last_modified=page.last_modified, links=links)
        return _Looked(Change(ref.url, new=(document, passages)), links)


def _seen_again(document: Document, page: Page, ref: PageRef) -> Document:
    return replace(
        recovered(document),
        stamp=ref.stamp,
        etag=page.etag or document.etag,
        last_modified=page.last_modified or document.last_modified,
    )
