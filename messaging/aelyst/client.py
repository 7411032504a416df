"""The HTTP client: one attempt per call, within the rate limit; answers as JSON or as the error they stand for; lists in pages."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta

import httpx

from messaging.aelyst.records import next_cursor
from messaging.aelyst.values import Json, integer, items, mapping, text
from messaging.errors import (
    Conflict,
    Forbidden,
    InQueue,
    Invalid,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from messaging.limiter import Limiter, Quota, Turn, read_quota

_LONGEST_MESSAGE = 300

_ERRORS: dict[int, type[PlatformError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
    449: InQueue,
}


def read_answer(response: httpx.Response, quota: Quota, call: str) -> Json:
    """Return the JSON of a 2xx answer; None for an empty one.

    Raises:
        PlatformError: any other status, with the platform's code and message; or a 2xx that is not JSON (`OutcomeUnknown`).
    """
    if response.is_success:
        if not response.content:
            return None
        try:
            answer: Json = json.loads(response.content)
        except (ValueError, RecursionError):
            raise OutcomeUnknown(
                "the platform's answer is not JSON; is messaging.base_url right?",
                status=response.status_code,
                call=call,
            ) from None
        return answer
    raise error_of(response, quota, call)


def error_of(response: httpx.Response, quota: Quota, call: str) -> PlatformError:
    """Build the exception for an answer that is not a success.

    Args:
        response: the answer.
        quota: what its headers say of the rate limit.
        call: method and path of the request.
    """
    status = response.status_code
    if response.is_redirect:
        message = f"redirected to {response.headers.get('location', 'nowhere')}; is messaging.base_url right?"
        return Invalid(message, status=status, call=call)
    try:
        answer = mapping(json.loads(response.content))
    except (ValueError, RecursionError):
        answer = {}
    message = text(answer.get("message")) or _plain(response)
    code = integer(answer.get("code"))
    kind = _ERRORS.get(status) or (Unavailable if status >= 500 else Invalid)
    return kind(
        message[:_LONGEST_MESSAGE],
        code=text(answer.get("code")) if code is None else code,
        status=status,
        retry_after=quota.retry_after,
        call=call,
    )


def _plain(response: httpx.Response) -> str:
    """The message of an answer that is not JSON, e.g. a proxy's; of an HTML page the status line is used instead."""
    if "html" in response.headers.get("content-type", ""):
        return response.reason_phrase or "no explanation"
    return " ".join(response.text.split()) or response.reason_phrase or "no explanation"


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
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._limiter = limiter
        self._clock = clock
        self._seconds = timeout.total_seconds()

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
        async with self._limiter.turn((method, path)) as turn:
            try:
                async with asyncio.timeout(self._seconds):
                    response = await self._request(turn, method, path, body, query)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
                raise NotSent(f"no connection to {self._base_url}: {_cause(error)}", call=call) from error
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
                raise NotSent(f"{self._base_url} cannot be called: {_cause(error)}", call=call) from error
            except (httpx.TransportError, TimeoutError) as error:
                raise OutcomeUnknown(f"no answer within {self._seconds:g} s: {_cause(error)}", call=call) from error
            quota = read_quota(response.headers, self._clock())
            turn.answered(response.status_code, quota)
        return mapping(read_answer(response, quota, call))

    async def _request(
        self, turn: Turn, method: str, path: str, body: Json, query: Mapping[str, str] | None
    ) -> httpx.Response:
        async def trace(event: str, _: object) -> None:
            if event.endswith("send_request_body.complete"):
                turn.sent()

        return await self._http.request(
            method,
            f"{self._base_url}{path}",
            params=query,
            json=body,
            headers=self._headers,
            follow_redirects=False,  # the token goes to the configured address only
            timeout=httpx.Timeout(self._seconds, connect=self._seconds / 3, pool=self._seconds / 3),
            extensions={"trace": trace},
        )

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


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
