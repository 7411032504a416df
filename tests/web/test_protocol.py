"""A client that sends or reads as slowly as it likes loses its connection, and no other client notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.web import protocol
from agent.web.listening import listening

SOON = 60.0
"""Seconds in which a connection must have ended; the bounds are far smaller here."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "STALLED_SECONDS", 0.3)


async def _echo(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())} bytes")


async def _early(_request: Request) -> Response:
    return PlainTextResponse("too large", 413)


_ENDED = asyncio.Event()


async def _slow(_request: Request) -> Response:
    async def told() -> AsyncIterator[str]:
        yield "begun"
        await _ENDED.wait()
        yield "ended"

    return StreamingResponse(told())


async def _large(_request: Request) -> Response:
    return PlainTextResponse("x" * 60_000_000)


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]]:
    routes = [
        Route("/", _echo, methods=["GET", "POST"]),
        Route("/early", _early, methods=["POST"]),
        Route("/large", _large),
        Route("/slow", _slow),
    ]
    async with listening(Starlette(routes=routes), "127.0.0.1", 0) as url:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            yield url, reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _ends(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SOON):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: 1\r\n"])
async def test_a_head_that_never_ends_is_given_up(sent: bytes) -> None:
    async with _connected() as (url, reader, writer):
        writer.write(sent)
        async with httpx.AsyncClient() as client:
            assert (await client.post(url, content=b"12345")).text == "5 bytes"
        assert await _ends(reader) == b""


async def test_the_head_of_a_later_request_is_given_up_too() -> None:
    async with _connected() as (_, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"0 bytes" in await reader.readuntil(b"0 bytes")
        writer.write(b"GET / HTTP/1.1\r\nHost:")
        assert await _ends(reader) == b""


async def test_a_head_without_end_is_not_gathered() -> None:
    async with _connected() as (_, reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        with suppress(ConnectionError):
            for number in range(2_000):
                writer.write(b"X-%d: %s\r\n" % (number, b"a" * 1_000))
                await writer.drain()
        assert await _ends(reader) == b""


async def test_a_body_that_is_refused_before_its_end_gets_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    async with _connected() as (_, reader, writer):
        writer.write(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            writer.write(b"x" * 100_000)
            await writer.drain()
        async with asyncio.timeout(SOON):
            assert b" 413 " in await reader.readline()


async def test_a_body_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 2.0)
    async with _connected() as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        for _ in range(5):
            await asyncio.sleep(0.6)
            writer.write(b"x")
        async with asyncio.timeout(SOON):
            assert b"5 bytes" in await reader.readuntil(b"5 bytes")


async def test_a_client_that_reads_nothing_loses_its_connection() -> None:
    async with _connected() as (url, reader, writer):
        writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.1)
        async with httpx.AsyncClient() as client:
            assert (await client.get(url)).status_code == 200
        await asyncio.sleep(1.5)
        assert len(await _ends(reader)) < 60_000_000


@pytest.mark.parametrize(("lines", "answered"), [(10, True), (10_000, False)])
async def test_what_comes_behind_a_body_in_chunks_is_not_gathered(lines: int, answered: bool) -> None:
    async with _connected() as (_, reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n")
        writer.write(b"X-Behind: 0123456789\r\n" * lines + b"\r\n")
        assert (b"0 bytes" in await _ends(reader)) is answered


async def test_who_holds_many_connections_open_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 10)
    _ENDED.clear()
    starts = (b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx")
    async with _connected() as (url, under_way, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await under_way.readexactly(1)
        parts = urlsplit(url)
        held = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(30)]
        for number, (_, half) in enumerate(held):
            half.write(starts[number % 3])
        async with httpx.AsyncClient() as client:
            assert (await client.post(url, content=b"12345")).text == "5 bytes"
        assert await _ends(held[0][0]) == b""
        _ENDED.set()
        async with asyncio.timeout(SOON):
            assert b"ended" in await under_way.readuntil(b"ended")
        for _, half in held:
            half.close()
