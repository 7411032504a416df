"""Taking a port and answering on it, and the files that platforms fetch: all that `balas chat` needs of HTTP.

`bind` takes the port before the agent is built, so that the agent is given its address; `serving` then answers on it, with
uvicorn but without its signal handling: the command decides how the process ends.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from agent.app import Agent
from agent.errors import OutsideError
from agent.ledger import media
from agent.web.protocol import BoundedProtocol

_KEEP_ALIVE = 75
"""Seconds; longer than a proxy keeps an idle connection (60 as a rule), so that none is closed under a request on its way."""


ACCEPTED = 16
"""Connections that are taken in one round of the loop. libuv takes one for each handle of a listening socket: where a round is long,
those who do not keep their connection waited for seconds behind a flood of others."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound port. `url` is its address, with the real port for port 0; connections wait until `serving` answers them."""

    socket: socket.socket
    url: str


@contextmanager
def bind(host: str, port: int) -> Iterator[Listener]:
    """Take a port.

    Raises:
        OutsideError: it is taken, or is not ours to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, port), backlog=2048, family=family)
    except OSError as error:
        raise OutsideError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
    with taken:
        # an answer is written in two parts: unasked, the second waits 40 ms for the client to acknowledge the first
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shown = f"[{host}]" if ":" in host else host
        yield Listener(taken, f"http://{shown}:{taken.getsockname()[1]}")


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Take a port and serve `app` on it; yields the address once requests are answered. Raises `OutsideError`."""
    with bind(host, port) as listener:
        async with serving(app, listener):
            yield listener.url


@asynccontextmanager
async def serving(app: ASGIApp, listener: Listener) -> AsyncIterator[None]:
    """Serve `app`; entered once requests are answered.

    On leaving, requests that are being answered are finished and no new ones taken.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=_KEEP_ALIVE,
        http=BoundedProtocol,
        lifespan="off",
        ws="none",
    )
    server = _Server(config)
    handles = [listener.socket, *(listener.socket.dup() for _ in range(ACCEPTED - 1))]
    task = asyncio.create_task(server.serve(sockets=handles), name="web server")
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    try:
        if task.done():
            task.result()
        yield
    finally:
        server.should_exit = True
        await task


def media_route(agent: Agent) -> Route:
    """`GET /media/{id}`: the files of replies, for a platform to fetch."""

    async def endpoint(request: Request) -> Response:
        media_id = request.path_params["id"]
        file = await agent.database.read(lambda connection: media.get(connection, media_id, agent.clock()))
        if file is None:
            return Response("there is no such file, or it has expired\n", 404, media_type="text/plain")
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
        return Response(file.content, media_type=file.type, headers=headers)

    return Route("/media/{id}", endpoint, methods=["GET"])


def create_media_app(agent: Agent) -> Starlette:
    """An application that only serves files."""
    return Starlette(routes=[media_route(agent)])
