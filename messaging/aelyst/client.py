"""The HTTP client: one attempt per call, within the rate limit; answers as JSON or as the error they stand for; lists in pages."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import httpx

from messaging.aelyst.records import next_cursor
from messaging.limiter import Limiter
from messaging.transport import Refusal, Transport
from messaging.values import Json, integer, items, mapping, text


def read_refusal(status: int, answer: Mapping[str, Json]) -> Refusal:
    """`{"code", "message"}`"""
    code = integer(answer.get("code"))
    return Refusal(text(answer.get("message")), text(answer.get("code")) if code is None else code)


PAGE = 99
"""Items asked for per page. The limit is documented as "max 100" and as "< 100"."""


class Client:
    """Makes calls; knows no endpoint. One attempt each: whether to retry is the caller's decision.

    Args:
        http: makes the requests; not closed.
        base_url: with the version, e.g. `https://api.aelyst.ai/v1`.
        token: the bearer token.
        limiter: keyed by method and path.
        clock: tells the time, aware UTC.
        timeout: bounds a whole call, except the wait for the limiter.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        token: str,
        limiter: Limiter,
        clock: Callable[[], datetime],
        timeout: timedelta,
    ) -> None:
        self._transport = Transport(
            http,
            base_url=base_url,
            limiters=[limiter],
            clock=clock,
            timeout=timeout,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            reading=read_refusal,
        )

    async def call(
        self, method: str, path: str, *, body: Json = None, query: Mapping[str, str] | None = None
    ) -> Mapping[str, Json]:
        """Make one request.

        Args:
            method: of HTTP.
            path: begins with a slash and is already escaped.
            body: sent as JSON.
            query: the parameters of the URL.

        Returns:
            The object of the answer; an empty one for any other JSON.

        Raises:
            PlatformError: see `messaging.errors`; `NotSent` and `OutcomeUnknown` when there was no answer.
        """
        return await self._transport.call(method, path, key=(method, path), json=body, params=query)

    async def pages(
        self,
        method: str,
        path: str,
        *,
        body: Json = None,
        limit: int = PAGE,
    ) -> AsyncIterator[Sequence[Mapping[str, Json]]]:
        """Fetch the pages of a list as they are read, each a sequence of objects.

        Ends at a page without items, without a next cursor, or with a cursor that was there before.

        Args:
            method: of HTTP.
            path: as for `call`.
            body: the same for every page.
            limit: items per page.
        """
        query = {"limit": str(limit)}
        seen: set[str] = set()
        while True:
            page = await self.call(method, path, body=body, query=query)
            found = [item for value in items(page.get("items")) if (item := mapping(value))]
            if not found:
                return
            yield found
            cursor = next_cursor(page)
            if cursor is None or cursor in seen:
                return
            seen.add(cursor)
            query["cursorId"] = cursor

    async def items(
        self, method: str, path: str, *, body: Json = None, limit: int = PAGE
    ) -> AsyncIterator[Mapping[str, Json]]:
        """Fetch the items of all pages as they are read; arguments as for `pages`."""
        async for page in self.pages(method, path, body=body, limit=limit):
            for item in page:
                yield item
