"""Connections for httpx's clients, kept by aiohttp: a request costs a quarter less processor time than over httpx's own transport.

What callers rely on is what httpx's transport does. `ConnectError`, `ConnectTimeout` and `LocalProtocolError` mean that no byte was
sent; every other error that some may have been, also where the server closed a connection that was kept. Nothing is sent
twice. The `trace` extension of a request is told when the first byte is about to leave.
"""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import httpx

if TYPE_CHECKING:
    import aiohttp

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port to addresses, in the order in which they are tried."""

Trace = Callable[[str, object], Awaitable[None]]

KEEP_ALIVE = 4.0
"""Seconds that a connection is kept unused: less than common servers do, since what is sent into a closing one is lost."""

_LEAVING = ("http11.send_request_headers.started", "http11.send_request_body.complete")
"""What `trace` hears before the first byte leaves, in the names of httpcore's events."""
_PATIENCE = 10
"""How many times the time-out of a read the head of an answer may take: aiohttp's own ends with the first `100 Continue`."""
_LONGEST_LINE = 64 * 1024
_LARGE = 1024 * 1024


class Connections(httpx.AsyncBaseTransport):
    """HTTP/1.1 to any server, without proxies. aiohttp is imported with the first request; its errors are raised as those of httpx.

    Args:
        certificates: makes the context of TLS, with the first request; by default with the common certificates.
        most: connections at a time.
        resolver: names to addresses; the system's when left out. An address in a URL is not resolved.
    """

    def __init__(
        self,
        *,
        certificates: Callable[[], ssl.SSLContext] = httpx.create_ssl_context,
        most: int = 100,
        resolver: Resolver | None = None,
    ) -> None:
        self._certificates = certificates
        self._most = most
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        import aiohttp
        from yarl import URL

        session = self._session = self._session or self._open()
        url = request.url
        content = await request.aread()
        asked = request.extensions
        seconds = asked.get("timeout", {})
        read = seconds.get("read")
        try:
            async with asyncio.timeout(None if read is None else read * _PATIENCE):
                answer = await session.request(
                    request.method,
                    URL(f"{url.scheme}://{url.netloc.decode()}{url.raw_path.decode()}", encoded=True),
                    headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                    data=io.BytesIO(content) if len(content) > _LARGE else content or None,
                    timeout=_timeouts(seconds),
                    allow_redirects=False,
                    trace_request_ctx=asked.get("trace"),
                )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _as_httpx(error) from error
        return httpx.Response(
            answer.status,
            headers=answer.raw_headers,
            stream=_Body(answer),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": (answer.reason or "").encode("ascii", "replace")},
        )

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> "aiohttp.ClientSession":
        import aiohttp

        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_leaves)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._certificates(),
                limit=self._most,
                keepalive_timeout=KEEP_ALIVE,
                resolver=aiohttp.ThreadedResolver() if self._resolver is None else _resolver(self._resolver),
                use_dns_cache=False,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
            auto_decompress=False,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            trace_configs=[tracing],
        )
        session._retry_connection = False  # it would send a PUT or DELETE again whose answer did not come
        return session


class _NoCookies(httpx.Cookies):
    """Keeps nothing, without taking an answer apart to see what it would keep."""

    def extract_cookies(self, response: httpx.Response) -> None:
        pass


_NONE = _NoCookies()


class Client(httpx.AsyncClient):
    """A client that keeps no cookies: one contact's session would leak into another's request."""

    @property  # type: ignore[misc]
    def cookies(self) -> httpx.Cookies:
        return _NONE


def open_client(seconds: float) -> httpx.AsyncClient:
    """A client for the servers that agent.yaml names; where the environment names proxies, with httpx's transport, which knows them.

    Args:
        seconds: for connecting, and for each read and write.
    """
    if getproxies():
        return Client(timeout=seconds)
    context = httpx.create_ssl_context()
    return Client(timeout=seconds, transport=Connections(certificates=lambda: context))


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: "aiohttp.ClientResponse") -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        import aiohttp

        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _as_httpx(error) from error

    async def aclose(self) -> None:
        self._answer.release()  # it is closed where more would have come


async def _leaves(_session: object, context: Any, _parameters: object) -> None:
    trace: Trace | None = context.trace_request_ctx
    if trace is not None:
        for event in _LEAVING:
            await trace(event, {})


def _timeouts(asked: dict[str, float | None]) -> "aiohttp.ClientTimeout":
    import aiohttp

    connect, pool = asked.get("connect"), asked.get("pool")
    whole = None if connect is None or pool is None else connect + pool
    return aiohttp.ClientTimeout(connect=whole, sock_connect=connect, sock_read=asked.get("read"))


def _as_httpx(error: Exception) -> httpx.TransportError:
    """An error of aiohttp's as httpx's. What is not known to have happened before the first byte counts as later."""
    import aiohttp

    kinds: Sequence[tuple[type[Exception], type[httpx.TransportError]]] = (
        (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
        (aiohttp.ClientConnectorError, httpx.ConnectError),
        (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
        (TimeoutError, httpx.ReadTimeout),
        (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
        (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
        (aiohttp.ClientError, httpx.ReadError),
        (ValueError, httpx.LocalProtocolError),
    )
    kind = next(kind for known, kind in kinds if isinstance(error, known))
    return kind(str(error) or type(error).__name__)


def _resolver(resolve: Resolver) -> "aiohttp.abc.AbstractResolver":
    import socket

    from aiohttp.abc import AbstractResolver, ResolveResult

    class Resolving(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                    proto=0,
                    flags=socket.AI_NUMERICHOST,
                )
                for address in await resolve(host, port)
            ]

        async def close(self) -> None:
            pass

    return Resolving()
