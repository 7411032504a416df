"""Access to the control API and the page: no password, so only its own page and local programs are answered."""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from messaging.sandbox.errors import Forbidden


def check(host: str, origin: str | None, fetch_site: str | None, allowed: Collection[str]) -> None:
    """Refuse a host name that may point anywhere (DNS rebinding) and a call from a page of another origin.

    Args:
        host: the `Host` header.
        origin: the `Origin` header.
        fetch_site: the `Sec-Fetch-Site` header.
        allowed: host names that are served beside localhost and plain IP addresses, in lower case.

    Raises:
        Forbidden: with the remedy.
    """
    name = _name_of(host)
    if name != "localhost" and name not in allowed and not _is_address(name):
        raise Forbidden(f"Host {host!r} is not served here; use 127.0.0.1, or add the name to allowed_hosts")
    if fetch_site not in {None, "same-origin", "none"}:
        raise Forbidden("The control API answers only its own page")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        raise Forbidden(f"Origin {origin!r} is not this sandbox")


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:  # e.g. an unclosed bracket
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class OwnSite:
    """Middleware that applies `check` to every request."""

    def __init__(self, app: ASGIApp, allowed: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            check(headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site"), self._allowed)
        except Forbidden as error:
            await JSONResponse({"code": error.status, "message": error.message}, error.status)(scope, receive, send)
            return
        await self._app(scope, receive, send)
