"""Connections: what an error says of what was sent, and that nothing is sent twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from settings.connections import Connections, open_client
from tests.acceptance.world import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
Answer = Callable[[int], bytes | None]
"""What the request number 1, 2 … on a connection is answered with; None hangs up."""


class Server:
    """Answers with raw bytes, and hangs up after `None`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        count = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                self.requests.append(head + await reader.readexactly(int(lines.get(b"content-length", b"0"))))
                count += 1
                if (answer := self.answer(count)) is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.ended.set()


@asynccontextmanager
async def running(answer: Answer) -> AsyncIterator[Server]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()


class Leaving:
    """Records what `trace` hears."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def __call__(self, event: str, _info: object) -> None:
        self.events.append(event)


async def ask(url: str, method: str = "GET", **given: Any) -> tuple[httpx.Response | Exception, list[str]]:
    """The answer or the error, and what `trace` heard."""
    leaving = Leaving()
    async with httpx.AsyncClient(transport=Connections(), timeout=given.pop("timeout", 10)) as client:
        try:
            return await client.request(method, url, extensions={"trace": leaving}, **given), leaving.events
        except httpx.TransportError as error:
            return error, leaving.events


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, httpx.RemoteProtocolError),
        (b"nonsense\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", httpx.ReadTimeout),
        (b"", httpx.ReadTimeout),
        (b"HTTP/1.1 100 Continue\r\n\r\n", httpx.ReadTimeout),
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
async def test_what_fails_after_the_first_byte_is_not_an_error_of_connecting_and_is_not_sent_again(
    answer: bytes | None, kind: type[Exception], method: str
) -> None:
    async with running(lambda count: OK if count == 1 else answer) as server:
        leaving = Leaving()
        async with httpx.AsyncClient(transport=Connections(), timeout=httpx.Timeout(10, read=0.2)) as client:
            assert (await client.get(server.url)).text == "hi"
            with pytest.raises(kind):
                await client.request(method, server.url, extensions={"trace": leaving})
        assert len(server.requests) == 2, "a kept connection that broke is not tried again with another"
        assert leaving.events == ["http11.send_request_headers.started", "http11.send_request_body.complete"]


@pytest.mark.parametrize(
    "head",
    [
        b"200 \xff\xfe",
        b"200 OK\r\nSet-Cookie: \x00\xff=;\xfe",
        b"302 F\r\nLocation: http://[::bad",
        b"200 OK\r\n\xffA: b",
    ],
)
async def test_whatever_the_head_of_an_answer_holds_is_an_answer_or_an_error_after_the_first_byte(head: bytes) -> None:
    async with running(lambda _: b"HTTP/1.1 " + head + b"\r\nContent-Length: 2\r\n\r\nhi") as server:
        answer, _ = await ask(server.url, "POST", content=b"x")
        if isinstance(answer, httpx.Response):
            assert (answer.status_code, answer.text) == (int(head[:3]), "hi")
            assert answer.reason_phrase.isascii()
        else:
            assert isinstance(answer, httpx.RemoteProtocolError)
        assert len(server.requests) == 1


async def test_where_no_connection_came_about_nothing_is_said_to_have_left() -> None:
    error, events = await ask(f"http://127.0.0.1:{free_port()}", "POST", content=b"x")
    assert isinstance(error, httpx.ConnectError)
    assert events == []
    error, events = await ask("http://no-such-name.invalid", "POST", content=b"x")
    assert isinstance(error, httpx.ConnectError)
    assert events == []


async def test_a_header_that_cannot_be_written_is_refused_before_anything_leaves() -> None:
    async with running(lambda _: OK) as server:
        for value in (b"a\r\nX-Evil: 1", b"\xff"):
            error, _ = await ask(server.url, headers=[(b"X-A", value)])
            assert isinstance(error, httpx.LocalProtocolError)
        assert server.requests == []


async def test_a_request_is_sent_as_httpx_wrote_it() -> None:
    async with running(lambda _: OK) as server:
        answer, _ = await ask(f"{server.url}/a%2Fb;c?d=%20e&f", "POST", json={"g": "h"}, headers={"X-Name": "Budi"})
        assert isinstance(answer, httpx.Response)
        assert (answer.status_code, answer.reason_phrase, answer.text) == (200, "OK", "hi")
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /a%2Fb;c?d=%20e&f HTTP/1.1\r\n")
        names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
        assert sorted(names) == sorted(set(names)), "no header twice"
        assert b"\r\nX-Name: Budi" in head
        assert body == b'{"g":"h"}'


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
async def test_a_file_arrives_whole_and_with_its_length(size: int) -> None:
    async with running(lambda _: OK) as server:
        await ask(server.url, "POST", files={"file": ("a.bin", b"x" * size)})
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        assert body.count(b"x" * size) >= 1
        assert f"content-length: {len(body)}".encode() in head.lower()


async def test_a_connection_is_kept_and_one_that_the_server_closed_is_not_used() -> None:
    async with running(lambda count: OK if count < 3 else None) as server:
        async with httpx.AsyncClient(transport=Connections()) as client:
            for _ in range(2):
                await client.get(server.url)
            assert server.connections == 1
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(server.url)
            await asyncio.wait_for(server.ended.wait(), 10)
            assert (await client.get(server.url)).text == "hi"
        assert server.connections == 2


async def test_an_answer_that_is_not_read_to_its_end_leaves_no_connection_behind() -> None:
    async with running(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf") as server:
        async with httpx.AsyncClient(transport=Connections()) as client:
            for _ in range(2):
                async with client.stream("GET", server.url) as answer:
                    assert answer.status_code == 200
        assert server.connections == 2


async def test_a_client_goes_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with running(lambda _: OK) as server:
        async with open_client(10) as client:
            assert (await client.get(f"{server.url}/direct")).text == "hi"
        monkeypatch.setenv("http_proxy", server.url)
        async with open_client(10) as client:
            assert (await client.get("http://api.example/proxied")).text == "hi"
    lines = [request.split(b"\r\n")[0] for request in server.requests]
    assert lines == [b"GET /direct HTTP/1.1", b"GET http://api.example/proxied HTTP/1.1"]


async def test_a_client_sends_no_cookie_that_a_server_set() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=budi; Path=/\r\nContent-Length: 2\r\n\r\nhi"
    async with running(lambda _count: answer) as server, open_client(5) as client:
        assert (await client.get(server.url)).cookies["session"] == "budi"
        await client.get(server.url)
        assert not any(b"cookie" in request.lower() for request in server.requests)
