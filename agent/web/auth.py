"""Who may use `/api/v1`: bearer tokens with roles, the console's cookie, a brake on guessing, and the audit trail.

`Gate` stands before the API. It reads nothing of a request before it knows whose it is.
"""

import hashlib
import hmac
import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any, get_args

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actions.redaction import Redactor
from agent.app import Agent
from agent.config import AgentConfig
from agent.config.config import Role, ServerSettings
from agent.config.environment import secret_values
from agent.ledger import audit, contacts
from agent.ledger.errors import LedgerUnavailable
from agent.web.answers import BODY_SECONDS, TOKEN, bounded, error_answer, read_body
from agent.workflows.hooks import PING_SIZES, SIGNATURES
from messaging.types import ContactKey
from settings.text import from_json

log = structlog.get_logger()

COOKIE = "balas_session"
CSRF_HEADER = "x-balas-console"
"""A header that a page of another origin cannot send: with the cookie alone nothing is changed."""

SESSION = timedelta(hours=12)
LARGEST_BODY = 1024 * 1024
"""Bytes of a request: its JSON or YAML is read on the event loop, where a megabyte of brackets takes a fifth of a second."""

LARGEST_UPLOAD = 64 * 1024 * 1024
"""Bytes of a form, which holds documents and recipients, and of a trial, which holds sounds and pictures."""

_FORMS = ("/knowledge/files", "/broadcasts")
_TRIAL = "/agent/test"

LONGEST_LOGIN = 4096
"""Bytes of a login."""

UPLOAD_SECONDS = 300.0
"""How long an upload may take."""

FAILURES = 10
WITHIN = 60.0
"""So many wrong tokens from one address within so many seconds; then it has to wait."""

_ADDRESSES = 10_000
_SAFE = ("GET", "HEAD", "OPTIONS")
_NO_TOKEN = "send a token of agent.yaml (server.api_token or server.tokens) as a bearer token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Token:
    """Whose request it is, and what they may do."""

    name: str
    role: Role
    secret: str = field(repr=False, default="")

    def may(self, role: Role) -> bool:
        """Whether the token's role is at least this one."""
        order = get_args(Role)
        return order.index(self.role) >= order.index(role)


def tokens_of(server: ServerSettings) -> list[Token]:
    """The tokens of agent.yaml; `api_token` is an admin's. An empty one is none."""
    found = [] if server.api_token is None else [Token("api_token", "admin", server.api_token.get_secret_value())]
    found += [Token(token.name, token.role, token.token.get_secret_value()) for token in server.tokens]
    return [token for token in found if token.secret]


def whose(given: str, tokens: list[Token]) -> Token | None:
    """The token that was given; each is compared in constant time, and all of them always."""
    found = [token for token in tokens if hmac.compare_digest(given.encode(), token.secret.encode())]
    return found[0] if found else None


def bears_token(request: Request, config: AgentConfig) -> bool:
    """Whether the request bears a token of agent.yaml."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and whose(given.strip(), tokens_of(config.server)) is not None


def session_for(token: Token, until: datetime) -> str:
    """The value of the console's cookie: signed with the token itself, so that it ends with the token and survives a restart."""
    name, end = token.name.encode().hex(), str(int(until.timestamp()))
    return f"{name}.{end}.{_signature(token, name, end)}"


def whose_session(value: str, tokens: list[Token], now: datetime) -> Token | None:
    """Whose cookie it is, unless it has expired or was made up."""
    name, _, rest = value.partition(".")
    end, _, signature = rest.partition(".")
    for token in tokens:
        if token.name.encode().hex() != name:
            continue
        right = hmac.compare_digest(signature.encode(), _signature(token, name, end).encode())
        if right and end.isascii() and end.isdigit() and int(end) > now.timestamp():
            return token
    return None


def _signature(token: Token, name: str, end: str) -> str:
    key = hashlib.sha256(b"balas session\0" + token.secret.encode()).digest()
    return hmac.new(key, f"{name}.{end}".encode(), hashlib.sha256).hexdigest()


class Brake:
    """Slows the guessing of tokens down: after `FAILURES` wrong ones an address is refused for a while.

    A token that was right from an address before stays right there: who shares an address with a guesser is not locked out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._good: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def wait(self, address: str, given: str) -> float:
        """Seconds until a token from this address is looked at again; 0 for now."""
        failures = self._failures.get(address)
        if failures is None or (address, _digest(given)) in self._good:
            return 0.0
        while failures and failures[0] <= self._clock() - WITHIN:
            failures.popleft()
        return failures[0] + WITHIN - self._clock() if len(failures) >= FAILURES else 0.0

    def wrong(self, address: str) -> None:
        """Count a wrong token."""
        failures = self._failures.setdefault(address, deque(maxlen=FAILURES))
        failures.append(self._clock())
        self._failures.move_to_end(address)
        while len(self._failures) > _ADDRESSES:
            self._failures.popitem(last=False)

    def right(self, address: str, given: str) -> None:
        """Remember that a token was right from here."""
        self._good[address, _digest(given)] = None
        self._good.move_to_end((address, _digest(given)))
        while len(self._good) > _ADDRESSES:
            self._good.popitem(last=False)


def _digest(given: str) -> bytes:
    return hashlib.sha256(given.encode()).digest()


class Gate:
    """The ASGI layer before the API: refuses, limits, records who did what, and lets no secret out."""

    def __init__(self, app: ASGIApp, agent: Callable[[], Agent], document: Callable[[str], dict[str, Any]]) -> None:
        """Stand before `app`; `agent` says which agent's tokens count, `document` describes the API at an address."""
        self.document = document
        self._app = app
        self._agent = agent
        self._brake = Brake()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        agent, headers = self._agent(), Headers(scope=scope)
        form = headers.get("content-type", "").startswith("multipart/") and _path(scope) in _FORMS
        largest = LARGEST_UPLOAD if form or _path(scope) == _TRIAL else LARGEST_BODY
        try:
            receive = bounded(scope, receive, largest, UPLOAD_SECONDS if form else BODY_SECONDS)
        except HTTPException as error:
            await error_answer(error.status_code, "too_large", error.detail)(scope, receive, send)
            return
        if _path(scope) == "/session" and scope["method"] in ("POST", "DELETE"):
            await self._session(agent, scope, receive, send)
            return
        token = scope.get(TOKEN) or await (
            self._hook(agent, headers, scope)
            if _path(scope).startswith("/hooks/")
            else self._known(agent, headers, scope)
        )
        if isinstance(token, JSONResponse):
            await token(scope, receive, send)
            return
        scope[TOKEN] = token
        await self._app(scope, receive, self._watched(agent, scope, token, send))

    async def bearer(self, scope: Scope) -> Token | JSONResponse:
        """Whose request it is by its bearer token, or the answer that refuses it; a wrong one is counted and recorded."""
        agent = self._agent()
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return _unknown(_NO_TOKEN)
        token = self._looked_at(given.strip(), tokens_of(agent.config.server), scope)
        if isinstance(token, JSONResponse) and token.status_code == 401:
            await self._record(agent, scope, None, 401, "/session")
        return token

    async def _known(self, agent: Agent, headers: Headers, scope: Scope) -> Token | JSONResponse:
        """Whose request it is, or the answer that refuses it."""
        if headers.get("authorization", "").lower().startswith("bearer "):
            return await self.bearer(scope)
        tokens = tokens_of(agent.config.server)
        cookie = _cookie(headers)
        token = whose_session(cookie, tokens, agent.clock()) if cookie else None
        if token is None:
            return _unknown(_NO_TOKEN)
        if scope["method"] not in _SAFE and not _same_site(headers):
            return error_answer(403, "csrf", f"send the header {CSRF_HEADER}: 1 with the cookie")
        return token

    async def _hook(self, agent: Agent, headers: Headers, scope: Scope) -> Token | JSONResponse:
        """Who calls a hook: by the bearer token of that workflow, which `balas.hook_verified` tells; else the body shows it."""
        name = _path(scope).removeprefix("/hooks/")
        flow = next((each for each in agent.config.workflows if each.name == name and each.token is not None), None)
        if flow is None or flow.token is None:
            return error_answer(404, "not_found", f"no workflow {name!r} begins with a webhook", "workflow")
        scheme, _, given = headers.get("authorization", "").partition(" ")
        own = Token(f"hook {name}", "viewer", flow.token.get_secret_value())
        scope["balas.hook_verified"] = False
        if scheme.lower() == "bearer":
            token = self._looked_at(given.strip(), [own], scope)
            scope["balas.hook_verified"] = isinstance(token, Token)
            return token
        if any(name in headers for name in SIGNATURES) or int(headers.get("content-length", "0")) in PING_SIZES:
            return own
        return _unknown("send the workflow's token as a bearer token")

    def _looked_at(self, given: str, tokens: list[Token], scope: Scope) -> Token | JSONResponse:
        address = scope["client"][0] if scope.get("client") else ""
        if (wait := self._brake.wait(address, given)) > 0:
            seconds = str(int(wait) + 1)
            message = f"too many wrong tokens from here; try again in {seconds} s"
            return error_answer(429, "too_many_failures", message, headers={"Retry-After": seconds})
        token = whose(given, tokens)
        if token is None:
            self._brake.wrong(address)
            return _unknown(
                "this is no token of agent.yaml"
                if tokens
                else "agent.yaml has neither server.api_token nor server.tokens"
            )
        self._brake.right(address, given)
        return token

    async def _session(self, agent: Agent, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /session {"token"}` sets the console's cookie, `DELETE /session` ends it; no page of another origin can do either."""
        headers = Headers(scope=scope)
        if not {"origin", "sec-fetch-site"}.isdisjoint(headers.keys()) and not _same_site(headers):
            await error_answer(403, "csrf", f"send the header {CSRF_HEADER}: 1")(scope, receive, send)
            return
        secure = scope["scheme"] == "https" or agent.config.server.url.startswith("https:")
        token = (
            None
            if scope["method"] == "DELETE"
            else self._looked_at(await _token_in(Request(scope, receive)), tokens_of(agent.config.server), scope)
        )
        if isinstance(token, JSONResponse):
            if token.status_code == 401:
                await self._record(agent, scope, None, 401, "/session")
            await token(scope, receive, send)
            return
        value, seconds = "", 0
        if token is not None:
            value, seconds = session_for(token, agent.clock() + SESSION), int(SESSION.total_seconds())
            await self._record(agent, scope, token, 200, "/session")
        answer = JSONResponse({} if token is None else {"name": token.name, "role": token.role})
        answer.set_cookie(
            COOKIE, value, seconds, path=scope.get("root_path") or "/", secure=secure, httponly=True, samesite="strict"
        )
        await answer(scope, receive, send)

    async def _record(self, agent: Agent, scope: Scope, token: Token | None, status: int, path: str) -> None:
        """Write to the audit trail; a ledger that cannot be written is logged, since the answer is under way."""
        params: Mapping[str, Any] = scope.get("path_params") or {}
        named = params.get("contact")
        target = ", ".join(str(value) for key, value in params.items() if key != "contact" and value) or None

        def work(connection: Any) -> None:
            found = contacts.find(connection, named) if named else []
            about: ContactKey | None = found[0].key if len(found) == 1 else None
            name, role = ("", "") if token is None else (token.name, token.role)
            entry = audit.Entry(agent.clock(), name, role, scope["method"], path, status, target, about)
            audit.record(connection, entry)

        try:
            await agent.database.write(work)
        except LedgerUnavailable as error:
            log.error("audit_not_recorded", method=scope["method"], path=path, reason=str(error))

    def _watched(self, agent: Agent, scope: Scope, token: Token, send: Send) -> Send:
        """Hold a JSON answer back until it is whole, take secrets out of it, and record what was done before it goes."""
        redactor = _redactor(agent)
        begun: list[Message] = []
        body = bytearray()

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                if scope["method"] not in _SAFE:
                    route = scope.get("route")
                    path = getattr(route, "path", None) or "unknown"
                    await self._record(agent, scope, token, message["status"], path)
                kind = Headers(raw=message["headers"]).get("content-type", "")
                MutableHeaders(raw=message["headers"])["cache-control"] = "no-store"
                MutableHeaders(raw=message["headers"])["x-content-type-options"] = "nosniff"
                if kind.startswith("application/json"):
                    begun.append(message)
                    return
                await send(message)
                return
            if not begun:  # events: each is one chunk
                text = message.get("body", b"").decode("utf-8", "replace")
                await send({**message, "body": redactor.text(text).encode()} if text else message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            content = redactor.text(body.decode()).encode()
            start = begun.pop()
            MutableHeaders(raw=start["headers"])["content-length"] = str(len(content))
            await send(start)
            await send({"type": "http.response.body", "body": content})

        return watch


def _unknown(message: str) -> JSONResponse:
    return error_answer(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})


def _redactor(agent: Agent) -> Redactor:
    """Knows every secret as it stands in JSON too."""
    secrets = secret_values(agent.config)
    return Redactor([*secrets, *(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets)])


def _path(scope: Scope) -> str:
    """The path below `/api/v1`."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _same_site(headers: Headers) -> bool:
    return CSRF_HEADER in headers and headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


async def _token_in(request: Request) -> str:
    """The token of a login; empty for anything that is none."""
    try:
        content = from_json(await read_body(request, LONGEST_LOGIN))
    except (HTTPException, ValueError):
        return ""
    given = content.get("token") if isinstance(content, dict) else None
    return given if isinstance(given, str) else ""
