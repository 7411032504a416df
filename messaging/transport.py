"""HTTP towards a platform: one attempt per request, within its rate limits; every failure as an error of this package.

What is the same everywhere is here, once: limits, time-outs, what a status means. A client adds how its platform words a refusal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from messaging.errors import (
    Conflict,
    Failed,
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
from messaging.values import Json, mapping, parse_json
from settings.text import clean

before_request: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("before_request", default=None)
"""Awaited when the limiters let a request pass, before it leaves; what it raises stops the request."""

LONGEST_MESSAGE = 300
"""Characters of a platform's explanation that are kept."""

BY_STATUS: Mapping[int, type[PlatformError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
    449: InQueue,
}
"""What a status means where the body says nothing more exact."""


def kind_of_status(status: int) -> type[PlatformError]:
    """Choose the error for an HTTP status of 300 or more."""
    return BY_STATUS.get(status) or (Unavailable if status >= 500 else Invalid)


def json_of(response: httpx.Response) -> Mapping[str, Json]:
    """Return the object in an answer's body; an empty one for anything else."""
    try:
        return mapping(parse_json(response.content))
    except ValueError:
        return {}


def explanation(response: httpx.Response) -> str:
    """Return what an answer that is not the platform's JSON says, e.g. a proxy's; of an HTML page the status line."""
    if "html" in response.headers.get("content-type", ""):
        return response.reason_phrase or "no explanation"
    words = " ".join(clean(response.text).split()) or response.reason_phrase or "no explanation"
    return words[:LONGEST_MESSAGE]


def success_of(response: httpx.Response, call: str) -> Mapping[str, Json]:
    """Return the object of a 2xx answer; an empty one for an empty body or any other JSON.

    Raises:
        Invalid: a redirect, which is never followed: the token goes to the configured address only.
        OutcomeUnknown: a 2xx that is not JSON.
    """
    if response.is_redirect:
        target = response.headers.get("location", "nowhere")
        raise Invalid(f"redirected to {target}; is messaging.base_url right?", status=response.status_code, call=call)
    if not response.content:
        return {}
    try:
        return mapping(parse_json(response.content))
    except ValueError:
        message = "the platform's answer is not JSON; is messaging.base_url right?"
        raise OutcomeUnknown(message, status=response.status_code, call=call) from None


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a platform itself words a refusal; where a field is `None`, the HTTP status and headers tell.

    `failed` means that the platform, rather than a proxy in front of it, answered: with a 5xx it says that nothing was done.
    `wait` is in seconds.
    """

    message: str | None = None
    code: int | str | None = None
    kind: type[PlatformError] | None = None
    failed: bool = False
    wait: int | None = None


Reading = Callable[[int, Mapping[str, Json]], Refusal]
"""Reads the body of a refusal, given the HTTP status too."""

_LONGEST_WAIT = 86_400


def read_nothing(status: int, answer: Mapping[str, Json]) -> Refusal:
    """Leave it to the status to tell, for a platform without a vocabulary of its own."""
    return Refusal()


class Transport:
    """Makes requests; knows no endpoint and no vocabulary. Whether to retry is the caller's decision.

    Args:
        http: makes the requests; not closed.
        base_url: begins every address, e.g. `https://api.aelyst.ai/v1`.
        limiters: all must allow a request; the first is the one that answers speak of.
        clock: tells the time, aware UTC.
        timeout: bounds a whole request, except the wait for the limiters.
        headers: sent with every request.
        reading: the platform's vocabulary.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        limiters: Sequence[Limiter],
        clock: Callable[[], datetime],
        timeout: timedelta,
        headers: Mapping[str, str],
        reading: Reading = read_nothing,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._http = http
        self._headers = dict(headers)
        self._limiters = limiters
        self._clock = clock
        self._seconds = timeout.total_seconds()
        self._reading = reading

    async def request(
        self,
        method: str,
        path: str,
        *,
        key: Hashable,
        call: str | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> tuple[httpx.Response, Quota]:
        """Make one request.

        Args:
            method: of HTTP.
            path: begins with a slash and is already escaped.
            key: what the platform counts this request under.
            call: how errors name the request; by default method and path. It must hold no secret.
            headers: in addition to those of every request.
            content: `json`, `data`, `files` or `params`, as httpx takes them.

        Returns:
            The answer, whatever its status, and what it says of the rate limit.

        Raises:
            RateLimited: a limiter is closed for too long; nothing was sent.
            NotSent: there was no connection.
            OutcomeUnknown: the request may have arrived, and no answer came in time.
        """
        call = call or f"{method} {path}"
        async with AsyncExitStack() as stack:
            turns = [await stack.enter_async_context(limiter.turn(key)) for limiter in self._limiters]
            if (leaving := before_request.get()) is not None:
                await leaving()
            try:
                async with asyncio.timeout(self._seconds):
                    response = await self._http.request(
                        method,
                        f"{self.base_url}{path}",
                        headers={**self._headers, **(headers or {})},
                        follow_redirects=False,
                        timeout=self._timeout(),
                        extensions={"trace": _reporting(turns)},
                        **content,
                    )
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
                raise NotSent(f"no connection to {self.base_url}: {_cause(error)}", call=call) from error
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
                raise NotSent(f"{self.base_url} cannot be called: {_cause(error)}", call=call) from error
            except (httpx.TransportError, TimeoutError) as error:
                raise OutcomeUnknown(f"no answer within {self._seconds:g} s: {_cause(error)}", call=call) from error
            quota = self._quota(response)
            turns[0].answered(response.status_code, quota)
            for turn in turns[1:]:
                turn.answered(200, Quota())
        return response, quota

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: Hashable,
        call: str | None = None,
        **content: Any,
    ) -> Mapping[str, Json]:
        """Make one request, and return the object of a successful answer; an empty one for any other JSON.

        Args:
            method: of HTTP.
            path: as for `request`, like the rest.
            key: what the platform counts this request under.
            call: how errors name the request.
            content: `json`, `data`, `files`, `params` or `headers`.

        Raises:
            PlatformError: the platform refused, or did not answer.
        """
        call = call or f"{method} {path}"
        response, quota = await self.request(method, path, key=key, call=call, **content)
        if response.status_code >= 400:
            raise self.error_of(response, quota, call)
        return success_of(response, call)

    def error_of(self, response: httpx.Response, quota: Quota, call: str) -> PlatformError:
        """Build the exception for an answer that is not a success.

        Args:
            response: the answer.
            quota: what it says of the rate limit.
            call: method and path of the request.
        """
        status = response.status_code
        refusal = self._reading(status, json_of(response))
        kind = refusal.kind or (Failed if status >= 500 and refusal.failed else kind_of_status(status))
        message = (refusal.message or explanation(response))[:LONGEST_MESSAGE]
        return kind(message, code=refusal.code, status=status, retry_after=quota.retry_after, call=call)

    def _quota(self, response: httpx.Response) -> Quota:
        """What an answer says of the rate limit: in its headers, or in the platform's words."""
        quota = read_quota(response.headers, self._clock())
        if response.status_code < 400:
            return quota
        wait = self._reading(response.status_code, json_of(response)).wait
        return (
            quota
            if wait is None or not 0 <= wait <= _LONGEST_WAIT
            else replace(quota, retry_after=timedelta(seconds=wait))
        )

    async def download(self, path: str, *, key: Hashable, most: int, call: str | None = None) -> bytes:
        """Fetch a file below the base URL.

        Args:
            path: as for `request`, or a whole address that the platform itself has named.
            key: as for `request`.
            most: bytes; no more is read.
            call: as for `request`.

        Raises:
            PlatformError: the file is not there, too large (`Invalid`), or could not be fetched.
        """
        call = call or f"GET {path}"
        async with AsyncExitStack() as stack:
            turns = [await stack.enter_async_context(limiter.turn(key)) for limiter in self._limiters]
            try:
                async with (
                    asyncio.timeout(self._seconds),
                    self._http.stream(
                        "GET",
                        path if path.startswith(("https://", "http://")) else f"{self.base_url}{path}",
                        headers={**self._headers, "Accept": "*/*", "Accept-Encoding": "identity"},
                        follow_redirects=False,
                        timeout=self._timeout(),
                        extensions={"trace": _reporting(turns)},
                    ) as response,
                ):
                    if response.status_code != 200:
                        raise kind_of_status(response.status_code)(
                            "the file cannot be fetched", status=response.status_code, call=call
                        )
                    content = bytearray()
                    async for piece in response.aiter_raw():
                        content += piece
                        if len(content) > most:
                            raise Invalid(f"the file has more than {most} bytes", call=call)
            except (httpx.TransportError, httpx.InvalidURL, TimeoutError) as error:
                raise NotSent(f"the file cannot be fetched: {_cause(error)}", call=call) from error
        return bytes(content)

    def _timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self._seconds, connect=self._seconds / 3, pool=self._seconds / 3)


def _reporting(turns: Sequence[Turn]) -> Callable[[str, object], Any]:
    async def trace(event: str, _: object) -> None:
        if event.endswith("send_request_body.complete"):
            for turn in turns:
                turn.sent()

    return trace


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
