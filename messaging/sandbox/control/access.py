"""The control API has no password: it answers its own page and local programs, and no other web site."""

import ipaddress
from collections.abc import Collection
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from messaging.sandbox.api.gate import sandbox_of
from messaging.sandbox.content import Body
from messaging.sandbox.errors import Forbidden, Invalid, TooLarge
from messaging.sandbox.media import LARGEST
from messaging.sandbox.records import Contact


def check(host: str, origin: str | None, fetch_site: str | None, allowed: Collection[str]) -> None:
    """Refuse a name that may point anywhere (DNS rebinding) and a call from a page of another origin.

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


UserRef = Annotated[int | str | None, Field(description="a colleague's id or e-mail; the first agent when left out")]


class AsColleague(Body):
    user: UserRef = None


def named_contact(request: Request, name: str | None = None) -> Contact:
    """The contact of the path (or `name`): an id, or an identifier as in the REST API. Raises: `NotFound`, `Invalid`."""
    text = name or request.path_params["contact"]
    return sandbox_of(request).contacts.find(f"id:{text}" if text.isdigit() else text)


async def upload_of(request: Request) -> bytes:
    """The raw body as a file. Raises: `TooLarge`, `Invalid`."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            raise TooLarge(f"file: it is larger than {LARGEST} bytes")
    return bytes(data)


def number_of(request: Request, name: str, default: float) -> float:
    """A number of the query string. Raises: `Invalid`."""
    text = request.query_params.get(name)
    try:
        return float(text) if text else default
    except ValueError as error:
        raise Invalid(f"{name}: {text!r} is not a number") from error
