"""The port that is taken, and the connections on it."""

import socket

from agent.web.listening import bind


def test_answers_do_not_wait_for_the_acknowledgement_of_their_first_part() -> None:
    """uvicorn writes the head and the body of an answer apart: without this each waits 40 ms on a connection that is kept open."""
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.socket.getsockname()):
        accepted, _ = listener.socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
