"""How long and how large a client may be: HTTP connections that send or read as slowly as they like are ended.

uvicorn bounds only the time between two requests. Here a request's head must be whole after `HEAD_SECONDS` and `LARGEST_HEAD` bytes,
and a client that takes nothing of an answer for `STALLED_SECONDS` loses its connection, so that neither files nor memory run out.
Of more than `MOST_CONNECTIONS` the one that has waited longest for a request is closed: who holds many open keeps nobody out.
"""

import asyncio
import resource
from contextlib import suppress
from typing import Any, ClassVar

import structlog
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 20.0
"""From the connection, or from the first byte of its next request, to the end of a request's head."""

LARGEST_HEAD = 64 * 1024
"""Bytes."""

STALLED_SECONDS = 60.0
"""How long a full connection may stay full."""


MOST_CONNECTIONS = 4096
"""At once; no more than half of the files that the process may open."""

_TOLD_SECONDS = 60.0
"""How often the log says at most that connections were closed for new ones."""

log = structlog.get_logger()


def allow_connections() -> None:
    """Let this process open the files that `MOST_CONNECTIONS` need, as far as the system lets it: many allow 1,024 unless asked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * MOST_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS allows fewer than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _most_connections() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol with bounds on the head of a request and on the reading of an answer."""

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _size = 0
    _trailers = 0
    _since = 0.0
    _told: ClassVar[float] = -_TOLD_SECONDS

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request; where there are too many connections, close the one that has waited longest."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._wait_for_head()
        if len(self.connections) > _most_connections():
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all waiting."""
        self._head_is_whole()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; while no request is under way, what comes is part of a head, or of a body that was answered before its end."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_is_whole()
            return
        if self.cycle is None or not self.cycle.more_body:
            self._size += len(data)
        if self._size > LARGEST_HEAD:
            self.transport.abort()
        elif self._head is None and not self.transport.is_closing():
            self._wait_for_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind a body in chunks (trailers) are counted and not kept."""
        if self.cycle is None or self.cycle.scope is not self.scope:
            self._trailers = 0
            super().on_header(name, value)
            return
        self._trailers += len(name) + len(value)
        if self._trailers > LARGEST_HEAD:
            self.transport.abort()

    def on_response_complete(self) -> None:
        """Wait for the next request from now on."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client takes nothing any more."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken something."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        super().resume_writing()

    def _make_room(self) -> None:
        waiting = [one for one in self.connections if not one.transport.is_closing() and one.is_waiting()]
        min(waiting, key=lambda one: one._since).transport.abort()
        if self.loop.time() - BoundedProtocol._told >= _TOLD_SECONDS:
            BoundedProtocol._told = self.loop.time()
            log.warning("connections_closed", reason="too many wait for a request", open=len(self.connections))

    def is_waiting(self) -> bool:
        """Whether the client has to send something before there is anything to answer."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_is_whole(self) -> None:
        self._size = 0
        if self._head is not None:
            self._head.cancel()
            self._head = None
