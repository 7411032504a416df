"""Fetching a recording from a stranger's link."""

import gzip
import socket
from datetime import timedelta

import httpx
import pytest

from tests.voice.conftest import NOTES
from tests.voice.servers import Reply, serve
from voice import FetchLimits, fetch_note
from voice.errors import LinkExpired, NotFetched, TooLarge

NOTE = NOTES[0].audio
OGG = {"Content-Type": "audio/ogg; codecs=opus"}


@pytest.mark.parametrize("kind", ["audio/ogg; codecs=opus", "application/octet-stream", "video/webm", ""])
async def test_a_recording_arrives_whole(client: httpx.AsyncClient, kind: str) -> None:
    with serve(lambda _: Reply(headers={"Content-Type": kind} if kind else {}, body=NOTE)) as server:
        assert await fetch_note(client, f"{server.url}/note.ogg") == NOTE


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_an_expired_link_is_called_that(client: httpx.AsyncClient, status: int) -> None:
    with serve(lambda _: Reply(status)) as server, pytest.raises(LinkExpired, match=str(status)):
        await fetch_note(client, server.url)


async def test_a_server_in_trouble_is_not_an_expired_link(client: httpx.AsyncClient) -> None:
    with serve(lambda _: Reply(503)) as server, pytest.raises(NotFetched, match="503"):
        await fetch_note(client, server.url)


async def test_no_more_bytes_are_read_than_allowed(client: httpx.AsyncClient) -> None:
    with serve(lambda _: Reply(headers=OGG, body=bytes(200_000))) as server, pytest.raises(TooLarge, match="100,000"):
        await fetch_note(client, server.url, FetchLimits(size=100_000))


async def test_a_recording_that_drips_is_given_up(client: httpx.AsyncClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts and says nothing
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(NotFetched, match=r"within 0\.2 s"):
            await fetch_note(client, url, FetchLimits(time=timedelta(seconds=0.2)))


async def test_a_web_page_is_no_recording(client: httpx.AsyncClient) -> None:
    page = Reply(headers={"Content-Type": "text/html"}, body=b"<html>please log in</html>")
    with serve(lambda _: page) as server, pytest.raises(NotFetched, match="text/html"):
        await fetch_note(client, server.url)


async def test_a_packed_answer_is_not_unpacked(client: httpx.AsyncClient) -> None:
    packed = Reply(headers=OGG | {"Content-Encoding": "gzip"}, body=gzip.compress(bytes(50_000_000)))
    with serve(lambda _: packed) as server, pytest.raises(NotFetched, match="gzip"):
        await fetch_note(client, server.url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://example.org/x", "http://[", "not a url", ""])
async def test_a_link_that_leads_nowhere_is_not_fetched(client: httpx.AsyncClient, url: str) -> None:
    with pytest.raises(NotFetched):
        await fetch_note(client, url)


async def test_the_guard_decides_what_may_be_reached() -> None:
    from actions.guard import guarded_client

    with serve(lambda _: Reply(headers=OGG, body=NOTE)) as server:
        async with guarded_client() as guarded:
            with pytest.raises(NotFetched):
                await fetch_note(guarded, server.url)
        assert server.requests == []
        async with guarded_client(allow_private=["127.0.0.1"]) as guarded:
            assert await fetch_note(guarded, server.url) == NOTE
