"""HTTP for the sessions of MCP servers: through the guarded client of the process, and with an answer to every request.

The MCP library leaves a call waiting until its time-out when the server answers it with an error of HTTP, with what is no answer, or
not at all. Here each of these becomes an error of the protocol, which ends the call at once.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from actions.errors import ForbiddenHeader, ForbiddenTarget, GuardError
from settings.text import from_json

SESSION_TERMINATED = "Session terminated"
"""What the MCP library makes of a 404 for a session."""

NOT_SENT = -32098
NO_ANSWER = -32097
"""Errors of ours, of those that JSON-RPC leaves to implementations: the server knows nothing of the request; nobody knows what it did."""

_CLOSED = -32000
"""`mcp.types.CONNECTION_CLOSED`, which takes a second to import."""

_NOT_CALLED = (-32700, -32600, -32601, -32602)

_SESSION = "mcp-session-id"
_RESUMED = "last-event-id"
_ENDED = (httpx.codes.BAD_REQUEST, httpx.codes.GONE)
"""What servers answer for a session that they do not know, instead of the 404 that the protocol demands. The TypeScript SDK's example
says 400, `No valid session ID provided`."""

_EVENTS = {"content-type": "text/event-stream"}
_CONTENT_TYPES = ["application/json", "text/event-stream"]
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, ForbiddenHeader, ForbiddenTarget)


def refused(code: int) -> bool:
    """Whether an error of the protocol says that nothing was done: not sent, refused by HTTP (4xx), or no valid call (JSON-RPC, 5.1)."""
    return code in (NOT_SENT, *_NOT_CALLED) or (400 <= code < 500 and code != httpx.codes.REQUEST_TIMEOUT)


class SharedClient(httpx.AsyncBaseTransport):
    """The guarded client as a transport that may be closed: the MCP library closes its client, the process keeps its own."""

    def __init__(self, client: httpx.AsyncClient, allowed: str) -> None:
        """Send through `client`, to the origin `allowed` only."""
        self._client = client
        self._guard = {
            "origins": [allowed],
            "seconds": None,
            "max_bytes": 32 * 1024 * 1024,
            "content_types": _CONTENT_TYPES,
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the library."""
        request.extensions = {**request.extensions, "guard": self._guard}
        sent = self._client.send(request, stream=True, follow_redirects=False)
        if request.method != "POST" and _RESUMED not in request.headers:
            return await sent
        asked = _id_of(request)
        try:
            return await _answered(request, await sent, asked)
        except Exception as error:  # noqa: BLE001 - whatever happens to the request is its answer
            return _failed(request, asked, _code(error), str(error) or type(error).__name__)


async def _answered(request: httpx.Request, response: httpx.Response, asked: Any) -> httpx.Response:
    """What the library understands of an answer: to a call, to the resumption of one, or to a notification.

    Raises:
        Exception: the answer does not come to its end.
    """
    status = response.status_code
    if status in _ENDED or status == httpx.codes.NOT_FOUND:
        told = await response.aread()
        ended = status != httpx.codes.BAD_REQUEST or b"session" in told.lower()
        if ended and _SESSION in request.headers:
            return _failed(request, asked, NO_ANSWER, SESSION_TERMINATED)
    if status >= 300:
        await response.aclose()
        return _failed(request, asked, status, f"it answers {status} {response.reason_phrase}".rstrip())
    if asked is None:
        return response  # a call has its answer here (MCP, streamable HTTP): one that is only accepted (202) gets none
    if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        stream = _Events(response, _event(asked, _CLOSED, "its answer has no end"))
        return httpx.Response(status, headers=_EVENTS | _session(response), stream=stream, request=request)
    answer = _message(await response.aread(), asked)
    if answer is None:
        return _failed(request, asked, NO_ANSWER, "its answer is none of the protocol")
    return httpx.Response(status, json=answer, headers=_session(response), request=request)


class _Events(httpx.AsyncByteStream):
    """The events that answer a call; where they end without the answer, and cannot be resumed, an error ends the call."""

    def __init__(self, response: httpx.Response, error: bytes) -> None:
        self._response = response
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        resumable, line = False, b""
        try:
            async for chunk in self._response.aiter_bytes():
                lines = (line + chunk).split(b"\n")
                resumable = resumable or any(each.startswith(b"id:") for each in lines)
                line = lines[-1][:3]
                yield chunk
        except Exception:
            if resumable:
                raise
        if not resumable:  # the library reads no further than the answer
            yield b"\n\n" + self._error

    async def aclose(self) -> None:
        await self._response.aclose()


def _failed(request: httpx.Request, asked: Any, code: int, message: str) -> httpx.Response:
    """The error that ends a call; a notification cannot fail."""
    if request.method == "GET":
        return httpx.Response(200, headers=_EVENTS, content=_event(asked, code, message), request=request)
    if asked is None:
        return httpx.Response(httpx.codes.ACCEPTED, request=request)
    return httpx.Response(200, json=_error(asked, code, message), request=request)


def _event(asked: Any, code: int, message: str) -> bytes:
    """An error as an event; to a resumption the library gives the id of its call."""
    return f"data: {json.dumps(_error('resumed' if asked is None else asked, code, message))}\n\n".encode()


def _id_of(request: httpx.Request) -> Any:
    """The id of the call that a request makes; `None`: it makes none."""
    if request.method != "POST":
        return None
    message = from_json(request.content)
    return message["id"] if "method" in message and "id" in message else None


def _message(body: bytes, asked: Any) -> Any:
    """The answer to a call in a body: a message, or one of several; `None` if there is none. An error may have lost the id."""
    try:
        found = from_json(body)
    except ValueError:
        return None
    for each in found if isinstance(found, list) else [found]:
        if not isinstance(each, dict) or each.get("id") not in (None, asked, str(asked)):
            continue
        if isinstance(each.get("result"), dict):
            return {"jsonrpc": "2.0", "id": asked, "result": each["result"]}
        if isinstance(error := each.get("error"), dict):
            code = error.get("code")
            return _error(asked, code if type(code) is int else NO_ANSWER, str(error.get("message") or "an error"))
    return None


def _code(error: Exception) -> int:
    """Whether the request went out, and whether the connection ended, as far as an error tells."""
    if isinstance(error, _UNSENT):
        return NOT_SENT
    return _CLOSED if isinstance(error, httpx.TransportError) and not isinstance(error, GuardError) else NO_ANSWER


def _session(response: httpx.Response) -> dict[str, str]:
    return {_SESSION: response.headers[_SESSION]} if _SESSION in response.headers else {}


def _error(asked: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": asked, "error": {"code": code, "message": message[:1000]}}
