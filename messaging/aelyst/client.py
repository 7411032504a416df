"""The HTTP client: one attempt per call, within the rate limit; answers as JSON or as the error they stand for; lists in pages."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import httpx

from messaging.aelyst.records import next_cursor
from messaging.errors import PlatformError
from messaging.limiter import Limiter, Quota
from messaging.transport import LONGEST_MESSAGE, Transport, explanation, json_of, kind_of_status, success_of
from messaging.values import Json, integer, items, mapping, text


def error_of(response: httpx.Response, quota: Quota, call: str) -> PlatformError:
    """Build the exception for an answer that is not a success.

    Args:
        response: the answer.
        quota: what its headers say of the rate limit.
        call: method and path of the request.
    """
    answer = json_of(response)
    code = integer(answer.get("code"))
    return kind_of_status(response.status_code)(
        (text(answer.get("message")) or explanation(response))[:LONGEST_MESSAGE],
        code=text(answer.get("code")) if code is None else code,
        status=response.status_code,
        retry_after=quota.retry_after,
        call=call,
    )


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
        call = f"{method} {path}"
        response, quota = await self._transport.request(method, path, key=(method, path), json=body, params=query)
        if response.status_code >= 400:
            raise error_of(response, quota, call)
        return success_of(response, call)

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
