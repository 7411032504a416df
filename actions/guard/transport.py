"""The guarded HTTP client: it resolves a name, checks the address, connects to exactly that address and bounds the answer.

`Limits` say how far one exchange may go, `BoundedBody` counts what arrives, `Guard` says which addresses may be connected to, and
`GuardedTransport` puts them together; `guarded_client` is what the rest of the process uses.
"""

import asyncio
import errno
import ipaddress
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import httpx

from actions.errors import ForbiddenHeader, ForbiddenTarget, ResponseTooLarge, ResponseTooSlow, WrongContentType
from actions.guard.addresses import Address, PrivateHosts, check_host
from settings.connections import Client, Connections, Resolver


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may reach and what its answer may be.

    `origins`: the only `scheme://host:port` that the request and its redirects may go to; None is any.
    `ports`: the only ports; None is any. `content_types`: media types of a successful answer (also `image/*`, `*+json`);
    None is any. `max_bytes` counts the body after decompression, `seconds` the time from connecting to the last byte;
    None is no limit.
    """

    origins: frozenset[str] | None = None
    ports: frozenset[int] | None = None
    content_types: tuple[str, ...] | None = None
    max_bytes: int = 25 * 1024 * 1024
    seconds: float | None = 60.0

    def narrowed(self, extension: Mapping[str, Any] | None) -> "Limits":
        """These limits, changed by the `guard` extension of a request.

        Raises:
            TypeError: a key that is none of the fields.
        """
        if not extension:
            return self
        if unknown := extension.keys() - {field.name for field in fields(self)}:
            raise TypeError(f"unknown keys in the guard extension: {', '.join(sorted(unknown))}")
        changes = dict(extension)
        for name, kind in (("origins", frozenset), ("ports", frozenset), ("content_types", tuple)):
            if changes.get(name) is not None:
                changes[name] = kind(changes[name])
        return replace(self, **changes)

    def accepts(self, content_type: str) -> bool:
        """Whether an answer of this `Content-Type` is wanted. One without a type may be anything, so it is."""
        kind = content_type.partition(";")[0].strip().lower()
        return self.content_types is None or not kind or any(_matches(kind, wanted) for wanted in self.content_types)


def _matches(kind: str, wanted: str) -> bool:
    if wanted.endswith("/*"):
        return kind.startswith(wanted[:-1])
    return kind.endswith(wanted[1:]) if wanted.startswith("*+") else kind == wanted


def origin(url: httpx.URL) -> str:
    """`scheme://host:port` with the port always written: `https://api.kopisenja.example:443`."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}:{url.port or {'https': 443, 'http': 80}.get(url.scheme, 0)}"


ENCODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The content encodings that can be unpacked piece by piece, with zlib's window for each."""

_PIECE = 64 * 1024


class BoundedBody(httpx.AsyncByteStream):
    """A response stream that unpacks, counts and watches the clock.

    Unpacking happens here because a limit on the bytes of the wire is none: a kilobyte of gzip holds a megabyte.
    """

    def __init__(
        self, inner: httpx.AsyncByteStream, where: str, encoding: str, max_bytes: int, deadline: float | None
    ) -> None:
        self._inner = inner
        self._where = where
        self._unpacker = zlib.decompressobj(ENCODINGS[encoding]) if encoding in ENCODINGS else None
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = 0
        chunks = aiter(self._inner)
        try:
            while True:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                for piece in self._unpacked(chunk):
                    total += len(piece)
                    if total > self._max_bytes:
                        raise ResponseTooLarge(f"the answer of {self._where} is larger than {self._max_bytes:,} bytes")
                    yield piece
        except TimeoutError:
            raise ResponseTooSlow(f"the answer of {self._where} did not end in time") from None

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        if self._unpacker is None:
            yield chunk
            return
        while True:
            try:
                piece = self._unpacker.decompress(chunk, _PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(
                    f"the answer of {self._where} is not what its encoding says: {error}"
                ) from None
            if piece:
                yield piece
            chunk = self._unpacker.unconsumed_tail
            if not chunk and len(piece) < _PIECE:
                return  # a full piece may have more behind it, although all input is taken


_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_TEXT = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_TARGET = re.compile(rb"/[\x21-\x7e]*")


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as the system knows them, IPv4 first: it is reachable from more machines."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    infos.sort(key=lambda info: info[0] != socket.AF_INET)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


class Guard:
    """Which addresses may be connected to.

    A name is resolved here and nowhere else, so what was checked is what is connected to: a name that answers
    differently the next time (DNS rebinding) gains nothing. TLS above it verifies the certificate for the name.
    """

    def __init__(self, private: PrivateHosts, resolver: Resolver = resolve) -> None:
        self._private = private
        self._resolver = resolver

    def check_literal(self, host: str, port: int) -> None:
        """Raise `ForbiddenTarget` where `host` is an address, which nothing resolves, and may not be reached."""
        literal = check_host(host)
        if literal is not None:
            self._permitted([literal], host, port)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Resolve a name; the addresses of it that may be reached.

        Raises:
            ForbiddenTarget: there is none.
            OSError: the name cannot be resolved.
        """
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise OSError(errno.EHOSTUNREACH, f"{host} cannot be resolved: {error}") from error
        if not found:
            raise OSError(errno.EHOSTUNREACH, f"{host} has no address")
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        return [str(address) for address in self._permitted(addresses, host, port)]

    def _permitted(self, found: Sequence[Address], host: str, port: int) -> Sequence[Address]:
        permitted = [address for address in found if self._private.permits(address, host, port)]
        if not permitted:
            where = host if str(found[0]) == host else f"{host} ({', '.join(map(str, found))})"
            raise ForbiddenTarget(
                f"{where} is not a public address; if the agent is meant to reach it, add "
                f"{host!r} to network.allow_private"
            )
        return permitted


class GuardedTransport(httpx.AsyncBaseTransport):
    """Checks the URL and the headers, connects where `Guard` permits it, and bounds the answer.

    A request fails with a `GuardError` (`actions.errors`) where a check or a limit refuses it or its answer, else with an error of
    httpx. The limits are those given here, narrowed by the request's extension `guard`.
    """

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
        self._guard = Guard(private, resolver)
        self._connections = Connections(
            certificates=lambda: ssl_context or httpx.create_ssl_context(trust_env=False),
            most=max_connections,
            resolver=self._guard.resolve,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = self._limits.narrowed(request.extensions.get("guard"))
        check_target(request.url, limits)
        check_headers(request)
        deadline = None if limits.seconds is None else asyncio.get_running_loop().time() + limits.seconds
        where = f"{request.method} {origin(request.url)}"
        self._guard.check_literal(request.url.raw_host.decode("ascii"), port_of(request.url))
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._connections.handle_async_request(request)
        except TimeoutError:
            raise ResponseTooSlow(f"{where} did not answer within {limits.seconds:g} s") from None
        wire = cast("httpx.AsyncByteStream", answer.stream)
        try:
            headers, encoding = check_answer(answer.status_code, answer.headers, limits, where)
        except BaseException:
            await wire.aclose()
            raise
        return httpx.Response(
            status_code=answer.status_code,
            headers=headers,
            stream=BoundedBody(wire, where, encoding, limits.max_bytes, deadline),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        await self._connections.aclose()


def port_of(url: httpx.URL) -> int:
    """The port that a URL means, written or not."""
    return url.port or (443 if url.scheme == "https" else 80)


def check_target(url: httpx.URL, limits: Limits) -> None:
    """Check that a URL is plain http(s) to a name or a canonical address, within the limits.

    Raises:
        ForbiddenTarget: it is not; the message says why, without the URL's secrets.
    """
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
    port = port_of(url)
    if not 0 < port < 65536 or (limits.ports is not None and port not in limits.ports):
        raise ForbiddenTarget(f"port {port} of {url.host} may not be reached")


def check_headers(request: httpx.Request) -> None:
    """Check that neither the method nor a header could start a line of its own (request splitting).

    Raises:
        ForbiddenHeader: one could, or the Host header is not that of the URL.
    """
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
    """Check an answer before its body is read.

    Args:
        where: the call, for messages: `GET https://host`.

    Returns:
        The headers without those of an encoding that is unpacked here, and that encoding (`""` for none).

    Raises:
        WrongContentType: it is of another type than the limits allow, or in an encoding that was not asked for.
        ResponseTooLarge: it says that it has more bytes than the limits allow.
    """
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


def guarded_client(
    allow_private: Iterable[str] = (),
    *,
    limits: Limits | None = None,
    timeout: float = 20.0,
    user_agent: str = "balas",
    resolver: Resolver = resolve,
    ssl_context: ssl.SSLContext | None = None,
    max_connections: int = 100,
) -> httpx.AsyncClient:
    """A client for addresses that arrive from outside and for the hosts of actions: make one and share it.

    Follows at most 3 redirects, each checked like the first request. Keeps no cookies and ignores the proxies of the environment
    (they would resolve names out of the guard's sight).

    Args:
        allow_private: hosts, `host:port`, addresses and networks that may be reached though they are not public.
        limits: what a request may do when its `guard` extension says nothing else.
        timeout: seconds for connecting, and for each read and write.
        resolver: names to addresses; tests put their own here.
        ssl_context: certificates to trust; the common ones when left out.

    Raises:
        ValueError: an entry of `allow_private` is none of these.
    """
    transport = GuardedTransport(
        PrivateHosts(allow_private),
        limits or Limits(),
        resolver=resolver,
        ssl_context=ssl_context,
        max_connections=max_connections,
    )
    return Client(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=3,
        trust_env=False,
        headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
    )
