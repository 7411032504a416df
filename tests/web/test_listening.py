"""The port that is taken, and the connections on it."""

import asyncio
import socket
from contextlib import ExitStack

import pytest
import uvloop
from starlette.applications import Starlette

from agent.web.listening import bind, serving
from agent.web.protocol import BoundedProtocol


def test_answers_do_not_wait_for_the_acknowledgement_of_their_first_part() -> None:
    """uvicorn writes the head and the body of an answer apart: without this each waits 40 ms on a connection that is kept open."""
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.socket.getsockname()):
        accepted, _ = listener.socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_crowd_of_new_connections_is_taken_within_a_few_rounds_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd, rounds, taken = 160, 20, []
    made = BoundedProtocol.connection_made
    monkeypatch.setattr(
        BoundedProtocol, "connection_made", lambda self, transport: (taken.append(1), made(self, transport))
    )

    async def rush() -> int:
        with bind("127.0.0.1", 0) as listener, ExitStack() as clients:
            async with serving(Starlette(), listener):
                for _ in range(crowd):  # they wait in the kernel meanwhile
                    clients.enter_context(socket.create_connection(listener.socket.getsockname()))
                for _ in range(rounds):
                    await asyncio.sleep(0)
                return len(taken)

    assert uvloop.run(rush()) == crowd
