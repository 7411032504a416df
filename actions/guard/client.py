"""The sockets of the guard: resolve, check, and connect to exactly the address that was checked."""

import ssl
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from actions.guard.addresses import PrivateHosts
from actions.guard.transport import GuardedTransport, Limits, Resolver, resolve


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
