"""Serving a sandbox: the application, the server of `balas sandbox`, and `RunningSandbox` for tests and demos."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from messaging.sandbox.aelyst import AelystFace
from messaging.sandbox.control import control_routes
from messaging.sandbox.control.access import OwnSite
from messaging.sandbox.errors import ApiError
from messaging.sandbox.events import EventType
from messaging.sandbox.face import Face
from messaging.sandbox.faults import Fault, FaultName
from messaging.sandbox.gate import Gate
from messaging.sandbox.options import SandboxOptions
from messaging.sandbox.records import Contact, Message, SenderKind, WebhookTarget
from messaging.sandbox.state import Sandbox

_PAGE = Path(__file__).with_name("page")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-cache",
}


class PhonePage(StaticFiles):
    """The files of the page, with the headers that let it load nothing from elsewhere."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def create_app(options: SandboxOptions | None = None, *, sandbox: Sandbox | None = None) -> Starlette:
    """Make the application of one sandbox.

    Its lifespan starts and stops the sandbox; `app.state.sandbox` is its state.

    Args:
        options: how the sandbox is set up; not needed with `sandbox`.
        sandbox: the state to serve; when left out, one is made from `options`, with the face of Aelyst.
    """
    state = sandbox or Sandbox(options or SandboxOptions(), AelystFace())

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await state.start()
        try:
            yield
        finally:
            await state.stop()

    api = _api(state)
    page = Mount(
        "/",
        PhonePage(directory=_PAGE, html=True),
        middleware=[Middleware(OwnSite, allowed=state.options.allowed_hosts)],
    )
    app = Starlette(
        routes=[*(Mount(prefix, api) for prefix in state.face.prefixes), *control_routes(state), page],
        lifespan=lifespan,
        exception_handlers={ApiError: _on_api_error, HTTPException: _on_http_error, Exception: _on_crash},
    )
    app.state.sandbox = state
    return app


def _api(sandbox: Sandbox) -> Starlette:
    """The application of the face: an error inside it passes the gate as an answer in the platform's words."""

    async def on_api_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)  # noqa: S101 (registered for it)
        return sandbox.face.refusal(error)

    async def on_http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        refused = ApiError(error.detail)
        refused.status = error.status_code
        response = sandbox.face.refusal(refused)
        response.headers.update(error.headers or {})
        return response

    app = Starlette(
        routes=sandbox.face.routes(),
        middleware=[Middleware(Gate, sandbox=sandbox)],
        exception_handlers={ApiError: on_api_error, HTTPException: on_http_error, Exception: _on_crash},
    )
    app.state.sandbox = sandbox
    return app


async def _on_api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101 (registered for it)
    return JSONResponse({"code": error.status, "message": error.message}, error.status)


async def _on_http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse({"code": error.status_code, "message": error.detail}, error.status_code, error.headers)


async def _on_crash(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"code": 500, "message": f"The sandbox itself failed: {type(error).__name__}: {error}"}, 500)


class _Server(uvicorn.Server):
    """Ends waiting reads before it waits for their connections, and returns when a signal has stopped it."""

    def __init__(self, config: uvicorn.Config, sandbox: Sandbox) -> None:
        super().__init__(config)
        self._sandbox = sandbox
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # uvicorn would raise them again and end the process by the signal

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sandbox.feed.close()
        await super().shutdown(sockets)


class _EmbeddedServer(_Server):
    """Leaves signals to the program around it, and stops at once when `leaving` is set."""

    def __init__(self, config: uvicorn.Config, sandbox: Sandbox) -> None:
        super().__init__(config, sandbox)
        self.leaving = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leaving.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(options: SandboxOptions) -> tuple[SandboxOptions, socket.socket]:
    """A bound socket, and the options with the port that it got.

    Raises:
        OSError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # else each answer waits 40 ms for an acknowledgement
        listener.bind((options.host, options.port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return replace(options, port=listener.getsockname()[1]), listener


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(sandbox=sandbox),
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=3,
    )


def _is_no_dropped_answer(record: logging.LogRecord) -> bool:
    """uvicorn reports a connection that we cut on purpose, as the fault `drop_answer` does."""
    return "without completing response" not in record.getMessage()


async def serve(options: SandboxOptions, ready: Callable[[str], None] | None = None, face: Face | None = None) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is called with the address of the phone page when it can be opened.

    Raises:
        OSError: the port is taken.
    """
    logging.getLogger("uvicorn.error").addFilter(_is_no_dropped_answer)
    bound, listener = _listen(options)
    sandbox = Sandbox(bound, face or AelystFace())
    server = _Server(_config(sandbox), sandbox)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await _started(server, task)
    if ready is not None and not task.done():
        ready(sandbox.base_url)
    await task


async def _started(server: _Server, task: "asyncio.Task[None]") -> None:
    """Wait until the server listens; a failure to start is raised."""
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait({listening, task}, return_when=asyncio.FIRST_COMPLETED)
    listening.cancel()
    if task.done():
        await task


class RunningSandbox:
    """A sandbox on a free port of loopback, for tests and demos. It plays Aelyst unless it is given another `face`.

        async with RunningSandbox(SandboxOptions(port=0, webhook_url=…)) as sandbox:
            budi = sandbox.phone("+6281234567802")
            asked = sandbox.say(budi, "halo")
            (reply,) = await sandbox.replies(budi, after=asked)

    Attributes:
        url: the phone page, e.g. `http://127.0.0.1:40123`.
        api_url: the base URL for a client, e.g. `url` with `/v1`.
        state: everything the sandbox knows; its methods act as the customer and as the colleague. Set while it runs.
    """

    def __init__(self, options: SandboxOptions | None = None, face: Face | None = None) -> None:
        self._options = options or SandboxOptions(port=0)
        self._face = face or AelystFace()
        self._server: _EmbeddedServer | None = None
        self._task: asyncio.Task[None] | None = None
        self._targets = 0
        self.state: Sandbox

    async def __aenter__(self) -> Self:
        options, listener = _listen(self._options)
        self.state = Sandbox(options, self._face)
        self._server = _EmbeddedServer(_config(self.state), self.state)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        await _started(self._server, self._task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._task is not None:
            self._server.leaving.set()
            await self._task

    @property
    def url(self) -> str:
        """Address of the phone page."""
        return self.state.base_url

    @property
    def api_url(self) -> str:
        """Base URL for a client."""
        return f"{self.url}{self.state.face.prefixes[0]}"

    @property
    def token(self) -> str:
        """The bearer token that clients send."""
        return self.state.options.token

    def send_webhooks_to(self, url: str, secret: str, events: tuple[str, ...] = tuple(EventType)) -> WebhookTarget:
        """Add a webhook target, e.g. once the agent's port is known.

        With `storage`, the first, second … target of a later run takes the place of that of the earlier one.
        """
        self._targets += 1
        return self.state.webhooks.add(url, secret, events, f"program {self._targets}")

    def phone(self, phone: str, first_name: str = "Pelanggan", language: str | None = None) -> Contact:
        """Return the contact with this number, or create it."""
        return self.state.phone(phone, first_name, None, language)

    def say(self, contact: Contact | int, *texts: str) -> Message:
        """Write as the customer; several texts are a burst. Returns the last message."""
        return [self.state.say(contact, text) for text in texts][-1]

    def attach(self, contact: Contact | int, data: bytes, name: str, caption: str | None = None) -> Message:
        """Send a file as the customer; an audio file is a voice note.

        Args:
            contact: it or its id.
        """
        return self.state.attach(contact, data, name, None, caption)

    def reply_as_human(self, contact: Contact | int, text: str, user: int | str | None = None) -> Message:
        """Write to the customer as a colleague (`user`: id or e-mail; the last one when left out)."""
        return self.state.reply_as_human(contact, text, user)

    def assign(self, contact: Contact | int, user: int | str | None = None) -> Contact:
        """Assign the contact to a colleague (`user`: id or e-mail; the last one when left out)."""
        return self.state.assign(contact, user)

    def unassign(self, contact: Contact | int) -> Contact:
        """Take the assignment back."""
        return self.state.unassign(contact)

    def close(self, contact: Contact | int, user: int | str | None = None) -> Contact:
        """Close the conversation as a colleague."""
        return self.state.close(contact, user)

    def reopen(self, contact: Contact | int) -> Contact:
        """Open the conversation as a colleague."""
        return self.state.reopen(contact)

    def block(self, contact: Contact | int) -> Contact:
        """Block the customer as a colleague."""
        return self.state.block(contact)

    def unblock(self, contact: Contact | int) -> Contact:
        """Unblock the customer."""
        return self.state.unblock(contact)

    def fault(self, name: FaultName, **settings: object) -> Fault:
        """Switch a fault on; see `messaging.sandbox.faults.Fault` for the settings."""
        return self.state.faults.switch_on(name, **settings)

    def heal(self) -> None:
        """Switch all faults off."""
        self.state.faults.switch_off()

    def sent(self, contact: Contact | int | None = None, after: Message | int = 0) -> list[Message]:
        """List what the agent has sent through the API so far, oldest first; replies of colleagues are not included.

        Args:
            contact: to this one; `None` for all.
            after: later than this message or id.
        """
        number = contact.id if isinstance(contact, Contact) else contact
        first = after.id if isinstance(after, Message) else after
        found = self.state.messages.of(number, first, "outgoing")
        return [message for message in found if message.sender.source is SenderKind.API]

    async def replies(
        self, contact: Contact | int | None = None, *, after: Message | int = 0, count: int = 1, within: float = 10
    ) -> list[Message]:
        """Wait until the agent has sent at least `count` messages later than `after`, and return them all.

        Args:
            contact: to this one; `None` for all.
            within: seconds to wait at most.

        Raises:
            TimeoutError: fewer arrived; the message holds them.
        """
        end = asyncio.get_running_loop().time() + within
        while True:
            seq = self.state.feed.seq
            found = self.sent(contact, after)
            if len(found) >= count:
                return found
            rest = end - asyncio.get_running_loop().time()
            if rest <= 0 or not await self.state.feed.wait(seq, rest):
                texts = [message.content for message in found]
                raise TimeoutError(f"{len(found)} of {count} messages arrived within {within:g} s: {texts}")
