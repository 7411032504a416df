"""The transport of the guard: every hop of every request passes through here, redirects included."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from actions.errors import ForbiddenHeader, ForbiddenTarget, ResponseTooLarge, ResponseTooSlow, WrongContentType
from actions.guard.addresses import PrivateHosts, check_host
from actions.guard.backend import GuardedBackend, Resolver, resolve
from actions.guard.body import ENCODINGS, BoundedBody
from actions.guard.limits import Limits, origin

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_TEXT = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_TARGET = re.compile(rb"/[\x21-\x7e]*")

_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
}


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except tuple(_ERRORS) as error:
        raise _ERRORS[type(error)](str(error) or type(error).__name__) from error


class _Wire(httpx.AsyncByteStream):
    """httpcore's response stream with httpx's exceptions."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._inner:  # type: ignore[attr-defined]
                yield chunk

    async def aclose(self) -> None:
        with _as_httpx():
            await self._inner.aclose()  # type: ignore[attr-defined]


class GuardedTransport(httpx.AsyncBaseTransport):
    """Checks the URL and the headers, connects through `GuardedBackend`, and bounds the answer."""

    def __init__(
        self,
        private: PrivateHosts,
        limits: Limits,
        *,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 100,
    ) -> None:
        self._limits = limits
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context or httpx.create_ssl_context(trust_env=False),
            max_connections=max_connections,
            max_keepalive_connections=20,
            keepalive_expiry=4,  # below that of common servers: an effect sent into a closing connection is lost
            network_backend=GuardedBackend(private, resolver),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = self._limits.narrowed(request.extensions.get("guard"))
        check_target(request.url, limits)
        check_headers(request)
        deadline = None if limits.seconds is None else asyncio.get_running_loop().time() + limits.seconds
        where = f"{request.method} {origin(request.url)}"
        raw = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={key: value for key, value in request.extensions.items() if key != "sni_hostname"},
        )
        try:
            with _as_httpx():
                async with asyncio.timeout_at(deadline):
                    answer = await self._pool.handle_async_request(raw)
        except TimeoutError:
            raise ResponseTooSlow(f"{where} did not answer within {limits.seconds:g} s") from None
        wire = _Wire(answer.stream)
        try:
            headers, encoding = check_answer(answer.status, httpx.Headers(answer.headers), limits, where)
        except BaseException:
            await wire.aclose()
            raise
        return httpx.Response(
            status_code=answer.status,
            headers=headers,
            stream=BoundedBody(wire, where, encoding, limits.max_bytes, deadline),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


def check_target(url: httpx.URL, limits: Limits) -> None:
    """Raise `ForbiddenTarget` unless the URL is plain http(s) to a name or a canonical address, within the limits."""
    if url.scheme not in ("http", "https"):
        raise ForbiddenTarget(f"{url.scheme or 'no scheme'}: only http and https are reached over the network")
    if url.userinfo:
        raise ForbiddenTarget(f"the URL of {url.host} carries a user name or password; use auth instead")
    try:
        check_host(url.raw_host.decode("ascii", "replace"))
    except ValueError as error:
        raise ForbiddenTarget(str(error)) from None
    if not _TARGET.fullmatch(url.raw_path):
        raise ForbiddenTarget(f"the path of a URL of {url.host} holds spaces or control characters")
    if limits.origins is not None and origin(url) not in limits.origins:
        raise ForbiddenTarget(f"{origin(url)} is not the declared host ({', '.join(sorted(limits.origins))})")
    port = url.port or (443 if url.scheme == "https" else 80)
    if not 0 < port < 65536 or (limits.ports is not None and port not in limits.ports):
        raise ForbiddenTarget(f"port {port} of {url.host} may not be reached")


def check_headers(request: httpx.Request) -> None:
    """Raise `ForbiddenHeader` when a header or the method could start a line of its own (request splitting)."""
    if not _TOKEN.fullmatch(request.method.encode("ascii", "replace")):
        raise ForbiddenHeader(f"{request.method!r} is no HTTP method")
    for name, value in request.headers.raw:
        if not _TOKEN.fullmatch(name):
            raise ForbiddenHeader(f"{name!r} is no header name")
        if not _TEXT.fullmatch(value):
            raise ForbiddenHeader(f"the header {name.decode()} holds a line break or a control character")
    if len(hosts := request.headers.get_list("host")) != 1 or hosts[0] != request.url.netloc.decode("ascii"):
        raise ForbiddenHeader(f"the Host header must be that of the URL, {request.url.netloc.decode('ascii')}")


def check_answer(status: int, headers: httpx.Headers, limits: Limits, where: str) -> tuple[httpx.Headers, str]:
    """The headers without those of an encoding that is unpacked here, and that encoding (`""` for none)."""
    if 200 <= status < 300 and status not in (204, 205) and not limits.accepts(headers.get("content-type", "")):
        wanted = ", ".join(limits.content_types or ())
        raise WrongContentType(f"{where} answered with {headers.get('content-type', 'no content type')}, not {wanted}")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limits.max_bytes:
        raise ResponseTooLarge(f"the answer of {where} is {int(length):,} bytes; at most {limits.max_bytes:,} are read")
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return headers, ""
    if encoding not in ENCODINGS:
        raise WrongContentType(f"{where} answered in the encoding {encoding!r}, which was not asked for")
    for name in ("content-encoding", "content-length"):
        headers.pop(name, None)
    return headers, encoding
