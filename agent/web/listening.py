"""Listening on a port with uvicorn, without its signal handling: the command decides how the process ends."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

from agent.errors import OutsideError

_KEEP_ALIVE = 75
"""Seconds; longer than a proxy keeps an idle connection (60 as a rule), so that none is closed under a request on its way."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: Starlette, host: str, port: int) -> AsyncIterator[str]:
    """Serve `app`; yields its address (with the real port, for port 0) once requests are answered.

    On leaving, requests that are being answered are finished and no new ones taken.
    """
    try:
        listener = socket.create_server((host, port), backlog=2048, family=_family(host))
    except OSError as error:
        raise OutsideError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from error
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=_KEEP_ALIVE,
        lifespan="off",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    try:
        if serving.done():
            serving.result()
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
