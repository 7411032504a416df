"""How long and how large a client may be: HTTP connections that send or read as slowly as they like are ended.

uvicorn bounds only the time between two requests. Here a request's head must be whole after `HEAD_SECONDS` and `LARGEST_HEAD` bytes,
and a client that takes nothing of an answer for `STALLED_SECONDS` loses its connection, so that neither files nor memory run out.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 20.0
"""From the connection, or from the first byte of its next request, to the end of a request's head."""

LARGEST_HEAD = 64 * 1024
"""Bytes."""

STALLED_SECONDS = 60.0
"""How long a full connection may stay full."""


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol with bounds on the head of a request and on the reading of an answer."""

    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _size = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

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

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _head_is_whole(self) -> None:
        self._size = 0
        if self._head is not None:
            self._head.cancel()
            self._head = None
