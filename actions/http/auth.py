"""Authentication of declared actions, as httpx auth flows: they see the request as it is sent."""

import asyncio
import base64
import hashlib
import hmac
import math
import secrets
from collections.abc import AsyncGenerator, Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

import httpx

from actions.guard.transport import origin
from actions.http.settings import ApiKey, Auth, Hmac, OAuth2
from actions.redaction import learn
from actions.template import fill
from settings.text import from_json

EARLY = timedelta(seconds=30)  # a token is renewed before it expires, not while a request is on its way
_UNSTATED = timedelta(minutes=5)  # how long a token without `expires_in` is used


def auth_flow(auth: Auth | None, clock: Callable[[], datetime]) -> httpx.Auth | None:
    """Make the flow for the one kind of `auth` that is set; None without any."""
    if auth is None:
        return None
    if auth.bearer is not None:
        return _Header("Authorization", f"Bearer {auth.bearer.get_secret_value()}")
    if auth.basic is not None:
        return httpx.BasicAuth(auth.basic.username, auth.basic.password.get_secret_value())
    if auth.api_key is not None:
        return _api_key(auth.api_key)
    if auth.hmac is not None:
        return Signature(auth.hmac, clock)
    return ClientCredentials(auth.oauth2, clock) if auth.oauth2 is not None else None


def _api_key(key: ApiKey) -> httpx.Auth:
    place = _Header if key.location == "header" else _Query
    return place(key.name, key.value.get_secret_value())


class _Header(httpx.Auth):
    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._name] = self._value
        yield request


class _Query(httpx.Auth):
    def __init__(self, name: str, value: str) -> None:
        self._name, self._value = name, value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = request.url.copy_merge_params({self._name: self._value})
        yield request


class Signature(httpx.Auth):
    """HMAC (RFC 2104) over what `signed` names, of the request as its bytes are sent.

    Args:
        nonce: makes the value of `{nonce}`; by default 128 random bits in hex.
    """

    requires_request_body = True

    def __init__(self, settings: Hmac, clock: Callable[[], datetime], nonce: Callable[[], str] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._nonce = nonce or (lambda: secrets.token_hex(16))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        settings = self._settings
        parts = {
            "method": request.method,
            "path": request.url.raw_path.partition(b"?")[0].decode("ascii"),
            "query": request.url.query.decode("ascii"),
            "url": str(request.url),
            "host": request.url.netloc.decode("ascii"),
            "body": request.content.decode("utf-8", "surrogateescape"),
            "body_hash": hashlib.new(settings.algorithm, request.content).hexdigest(),
            "timestamp": timestamp(self._clock(), settings.timestamp),
            "nonce": self._nonce(),
        }
        message = fill(settings.signed, parts.__getitem__).encode("utf-8", "surrogateescape")
        digest = hmac.new(settings.secret.get_secret_value().encode(), message, settings.algorithm).digest()
        written = digest.hex() if settings.encoding == "hex" else base64.b64encode(digest).decode("ascii")
        request.headers[settings.header] = settings.prefix + written
        for header, value in (
            (settings.timestamp_header, parts["timestamp"]),
            (settings.nonce_header, parts["nonce"]),
            (settings.key_header, settings.key_id),
        ):
            if header is not None and value is not None:
                request.headers[header] = value
        yield request


def timestamp(now: datetime, style: str) -> str:
    """Format a time for a signature: `unix` seconds, `unix_ms` milliseconds, or `iso` in UTC."""
    if style == "iso":
        return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(now.timestamp() * (1000 if style == "unix_ms" else 1)))


class ClientCredentials(httpx.Auth):
    """OAuth 2.0 client credentials (RFC 6749, 4.4) with one token for all calls, fetched by one of them at a time."""

    def __init__(self, settings: OAuth2, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self._until = datetime.min.replace(tzinfo=UTC)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        refused: str | None = None
        for _ in range(2):
            async with self._lock:
                if self._token in (None, refused) or self._clock() >= self._until:
                    answer = yield self._token_request()
                    await answer.aread()
                    self._keep(answer)
                token = self._token
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
            if response.status_code != 401:
                return
            refused = token  # revoked before its time: once more, with a new one

    def _token_request(self) -> httpx.Request:
        settings = self._settings
        form = {"grant_type": "client_credentials"}
        if settings.scopes:
            form["scope"] = " ".join(settings.scopes)
        if settings.audience:
            form["audience"] = settings.audience
        headers = {"Accept": "application/json"}
        secret = settings.client_secret.get_secret_value()
        if settings.style == "body":
            form |= {"client_id": settings.client_id, "client_secret": secret}
        else:
            pair = base64.b64encode(f"{settings.client_id}:{secret}".encode()).decode("ascii")
            learn(pair)
            headers["Authorization"] = f"Basic {pair}"
        guard = {"origins": [origin(httpx.URL(settings.token_url))], "max_bytes": 64 * 1024, "seconds": 15.0}
        return httpx.Request("POST", settings.token_url, headers=headers, data=form, extensions={"guard": guard})

    def _keep(self, answer: httpx.Response) -> None:
        try:
            body = from_json(answer.content) if answer.is_success else {}
        except ValueError:
            body = {}
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise httpx.ConnectError(f"the token server answered {answer.status_code} and gave no access_token")
        seconds = body.get("expires_in")
        lifetime = timedelta(seconds=min(float(seconds), _LONGEST_LIFETIME)) if _is_number(seconds) else _UNSTATED
        learn(token)
        self._token = token
        self._until = self._clock() + max(lifetime - EARLY, timedelta(seconds=1))


_LONGEST_LIFETIME = 86_400.0
"""Seconds after which a token is fetched again at the latest."""


def _is_number(seconds: object) -> TypeGuard[int | float | str]:
    try:
        return isinstance(seconds, int | float | str) and 0 < float(seconds) < math.inf
    except (ValueError, OverflowError):
        return False
