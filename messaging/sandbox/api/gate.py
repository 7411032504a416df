"""How the endpoints read requests and write answers."""

import hmac
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from messaging.sandbox import wire
from messaging.sandbox.errors import ApiError, Invalid, Queued, RateLimited, Unauthorized, Unexpected
from messaging.sandbox.faults import Fault, Verdict
from messaging.sandbox.records import Contact
from messaging.sandbox.state import Sandbox
from messaging.sandbox.wire import paginate, read_window

T = TypeVar("T")


def sandbox_of(request: Request) -> Sandbox:
    sandbox: Sandbox = request.app.state.sandbox
    return sandbox


def contact_of(request: Request) -> Contact:
    """The contact that the path names. Raises: `NotFound`, `Invalid`."""
    return sandbox_of(request).contacts.find(request.path_params["identifier"])


async def body_of(request: Request) -> bytes:
    """The raw body. Raises: `Invalid` when it is no JSON."""
    raw = await request.body()
    try:
        json.loads(raw or b"null")
    except ValueError as error:
        raise Invalid(f"Validation error: the body is not JSON: {error}") from error
    return raw


def page(
    request: Request,
    items: Sequence[T],
    spell: Callable[[T], wire.Json],
    key: Callable[[T], int],
    *,
    most: int = 100,
    newest_first: bool = False,
) -> JSONResponse:
    """One page of a list, as `limit` and `cursorId` of the query ask for it."""
    window = read_window(request.query_params.get("limit"), request.query_params.get("cursorId"), most)
    found = paginate(items, window, key, newest_first=newest_first)
    answer: dict[str, Any] = {
        "items": [spell(item) for item in found.items],
        "pagination": found.links(request.url, window.limit),
    }
    return JSONResponse(answer)


def contact_id(contact: Contact) -> JSONResponse:
    return JSONResponse({"contactId": contact.id})


_SEND = re.compile(r"/contact/[^/]+/message")
_QUEUED = re.compile(
    r"/contact/[^/]+/(message|tag|conversation/assignee|conversation/status)"
)  # 449 is documented here


class Gate:
    """Middleware around the routes of the API."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict: Verdict | None = None
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        sending = method == "POST" and _SEND.fullmatch(path) is not None
        faults = self._sandbox.faults
        try:
            self._check_token(Headers(scope=scope))
            if self._sandbox.limiter is not None:
                verdict = self._sandbox.limiter.ask(method, path)
                if verdict.retry_after:
                    raise RateLimited(verdict.retry_after)
            if fault := faults.strike("rate_limited", sending=sending):
                raise RateLimited(fault.seconds)
            if faults.strike("queued", sending=method == "POST" and _QUEUED.fullmatch(path) is not None):
                raise Queued()
            if fault := faults.strike("server_error", sending=sending):
                raise Unexpected(fault.status)
        except ApiError as error:
            await _refusal(error, verdict)(scope, receive, send)
            return
        answer = _with_headers(send, verdict)
        if fault := faults.strike("slow", sending=sending):
            answer = self._late(answer, fault)
        if fault := faults.strike("drop_answer", sending=sending):
            await self._drop(fault, scope, receive, answer)
        else:
            await self._handle(scope, receive, answer)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the endpoint; a refusal is answered here, so that it passes `send` as every answer does."""
        try:
            await self._app(scope, receive, send)
        except ApiError as error:
            await JSONResponse({"code": error.status, "message": error.message}, error.status)(scope, receive, send)
        except HTTPException as error:
            body = {"code": error.status_code, "message": error.detail}
            await JSONResponse(body, error.status_code, error.headers)(scope, receive, send)

    def _check_token(self, headers: Headers) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        expected = self._sandbox.options.token
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected.encode()):
            raise Unauthorized()

    def _late(self, send: Send, fault: Fault) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._sandbox.feed.pause(fault.seconds)
            await send(message)

        return answer

    async def _drop(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what was asked, hold the line, and cut it without an answer. An error is still answered."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._handle(scope, receive, keep)
        if kept[0]["status"] >= 400:
            for message in kept:
                await send(message)
            return
        await self._sandbox.feed.pause(fault.seconds)
        # A head that promises a body which never comes: the server closes the connection under it.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


def _refusal(error: ApiError, verdict: Verdict | None) -> JSONResponse:
    response = JSONResponse({"code": error.status, "message": error.message}, error.status)
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    _add_limits(response.headers, verdict)
    return response


def _add_limits(headers: MutableHeaders, verdict: Verdict | None) -> None:
    if verdict is not None:
        headers["X-RateLimit-Limit"] = str(verdict.limit)
        headers["X-RateLimit-Remaining"] = str(verdict.remaining)


def _with_headers(send: Send, verdict: Verdict | None) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            _add_limits(MutableHeaders(scope=message), verdict)
        await send(message)

    return answer
