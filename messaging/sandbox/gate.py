"""The gate in front of the API: credentials, the rate limit and the faults that strike requests."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from messaging.sandbox.errors import ApiError, Queued, RateLimited, Unexpected
from messaging.sandbox.faults import Fault, Verdict
from messaging.sandbox.state import Sandbox


class Gate:
    """Middleware in front of the application of a face; what it refuses is answered in the words of that face."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self._app = app
        self._sandbox = sandbox
        self._face = sandbox.face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verdict: Verdict | None = None
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        sending = self._face.is_send(method, path)
        faults = self._sandbox.faults
        try:
            if not self._face.is_open(method, path):
                self._face.authorize(Headers(scope=scope), self._sandbox.options.token)
            if self._sandbox.limiter is not None:
                verdict = self._sandbox.limiter.ask(method, path)
                if verdict.retry_after:
                    raise RateLimited(verdict.retry_after)
            if fault := faults.strike("rate_limited", sending=sending):
                raise RateLimited(fault.seconds)
            if faults.strike("queued", sending=self._face.is_queued(method, path)):
                raise Queued()
            if fault := faults.strike("server_error", sending=sending):
                raise Unexpected(fault.status)
        except ApiError as error:
            await self._refusal(error, verdict)(scope, receive, send)
            return
        answer = self._with_headers(send, verdict)
        if fault := faults.strike("slow", sending=sending):
            answer = self._late(answer, fault)
        if fault := faults.strike("drop_answer", sending=sending):
            await self._drop(fault, scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _late(self, send: Send, fault: Fault) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._sandbox.feed.pause(fault.seconds)
            await send(message)

        return answer

    async def _drop(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the request out, wait, and close the connection without an answer. An error is still answered."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        if kept[0]["status"] >= 400:
            for message in kept:
                await send(message)
            return
        await self._sandbox.feed.pause(fault.seconds)
        # A head that promises a body which never comes: the server closes the connection under it.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})

    def _refusal(self, error: ApiError, verdict: Verdict | None) -> Response:
        response = self._face.refusal(error)
        if verdict is not None:
            response.headers.update(self._face.limit_headers(verdict))
        return response

    def _with_headers(self, send: Send, verdict: Verdict | None) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and verdict is not None:
                message.setdefault("headers", [])
                MutableHeaders(scope=message).update(self._face.limit_headers(verdict))
            await send(message)

        return answer
