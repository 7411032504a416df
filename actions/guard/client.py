"""The sockets of the guard: resolve, check, and connect to exactly the address that was checked."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeAlias

import httpcore
import httpx

from actions.errors import ForbiddenTarget
from actions.guard.addresses import Address, PrivateHosts, check_host
from actions.guard.transport import GuardedTransport, Limits

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port to addresses. The seam for tests of DNS rebinding."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name as the system knows them, IPv4 first: it is reachable from more machines."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    infos.sort(key=lambda info: info[0] != socket.AF_INET)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to permitted addresses only.

    A name is resolved here and nowhere else, so what was checked is what is connected to: a name that answers
    differently the next time (DNS rebinding) gains nothing. TLS above it verifies the certificate for the name.
    """

    def __init__(self, private: PrivateHosts, resolver: Resolver = resolve) -> None:
        self._private = private
        self._resolver = resolver
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._permitted(host, port, timeout)
        for address in addresses[:-1]:
            try:
                return await self._sockets.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next address of the same name may answer
        return await self._sockets.connect_tcp(str(addresses[-1]), port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ForbiddenTarget(f"the socket {path!r} is not on the network")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _permitted(self, host: str, port: int, seconds: float | None) -> list[Address]:
        try:
            literal = check_host(host)
        except ValueError as error:
            raise ForbiddenTarget(str(error)) from None
        found = [literal] if literal is not None else await self._resolve(host, port, seconds)
        permitted = [address for address in found if self._private.permits(address, host, port)]
        if not permitted:
            where = host if literal is not None else f"{host} ({', '.join(map(str, found))})"
            raise ForbiddenTarget(
                f"{where} is not a public address; if the agent is meant to reach it, add "
                f"{host!r} to network.allow_private"
            )
        return permitted

    async def _resolve(self, host: str, port: int, seconds: float | None) -> list[Address]:
        try:
            async with asyncio.timeout(seconds):
                texts = await self._resolver(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"resolving {host} took longer than {seconds:g} s") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        if not texts:
            raise httpcore.ConnectError(f"{host} has no address")
        return [ipaddress.ip_address(text.partition("%")[0]) for text in texts]


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

    Follows at most 3 redirects, each checked like the first request. Keeps no cookies (one contact's session would leak
    into another's) and ignores the proxies of the environment (they would resolve names out of the guard's sight).

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
    return httpx.AsyncClient(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=3,
        trust_env=False,
        headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
