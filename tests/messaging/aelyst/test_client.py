"""The HTTP client against a server on loopback: errors, redirects, time limits, pages."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from messaging.aelyst import Aelyst
from messaging.errors import (
    Conflict,
    Forbidden,
    InQueue,
    Invalid,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from messaging.types import (
    ContactKey,
    Text,
)
from tests.messaging.stub import SARI, Answer, Stub, page, raw_server


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "certain"),
    [
        (400, Invalid, False, True),
        (401, Unauthorized, False, True),
        (403, Forbidden, False, True),
        (404, NotFound, False, True),
        (409, Conflict, False, True),
        (422, Invalid, False, True),
        (429, RateLimited, True, True),
        (449, InQueue, True, True),
        (500, Unavailable, True, False),
        (502, Unavailable, True, False),
        (503, Unavailable, True, False),
        (504, Unavailable, True, False),
    ],
)
async def test_errors_carry_the_platforms_code_and_words(
    aelyst: Aelyst, stub: Stub, status: int, kind: type[PlatformError], retryable: bool, certain: bool
) -> None:
    stub.will(Answer({"code": status, "message": "What went wrong"}, status, {"Retry-After": "7"}))
    with pytest.raises(PlatformError) as caught:
        await aelyst.send(SARI, Text("Halo"))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, status, "What went wrong")
    assert (error.retryable, error.certain) == (retryable, certain)
    assert error.retry_after == timedelta(seconds=7)
    assert str(error) == f"POST /contact/id:123/message: {status} What went wrong"
    assert len(stub.calls) == 1


async def test_an_error_page_of_a_proxy_is_an_error_too(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(Answer("<html>Bad gateway</html>", 502, {"content-type": "text/html"}), Answer("upstream\n gone", 503))
    with pytest.raises(Unavailable, match="502 Bad Gateway"):
        await aelyst.send(SARI, Text("Halo"))
    with pytest.raises(Unavailable, match="upstream gone"):
        await aelyst.send(SARI, Text("Halo"))


async def test_the_token_does_not_follow_a_redirect(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(Answer("", 302, {"location": "https://elsewhere.example/"}))
    with pytest.raises(Invalid, match="base_url"):
        await aelyst.send(SARI, Text("Halo"))
    assert len(stub.calls) == 1


async def test_no_connection_is_certainly_not_sent(http: httpx.AsyncClient) -> None:
    async with raw_server(lambda *_: asyncio.sleep(0)) as url:
        pass
    for base_url in (url, "http://name.invalid/v1", "ftp://127.0.0.1/v1"):
        with pytest.raises(NotSent) as caught:
            await Aelyst(http, base_url=base_url, token="t").send(SARI, Text("Halo"))
        assert caught.value.retryable
        assert caught.value.certain


async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(http: httpx.AsyncClient) -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")

    async with raw_server(hang_up) as url:
        with pytest.raises(OutcomeUnknown) as caught:
            await Aelyst(http, base_url=url, token="t").send(SARI, Text("Halo"))
    assert caught.value.retryable
    assert not caught.value.certain


async def test_an_answer_that_trickles_for_ever_is_ended_by_the_timeout(http: httpx.AsyncClient) -> None:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        for _ in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(trickle) as url:
        aelyst = Aelyst(http, base_url=url, token="t", timeout=timedelta(seconds=2))  # to connect, too
        with pytest.raises(OutcomeUnknown):
            await aelyst.send(SARI, Text("Halo"))


async def test_a_hostile_contact_id_reaches_no_other_path(aelyst: Aelyst, stub: Stub) -> None:
    await aelyst.send(ContactKey("aelyst", "1/../../space/user?x#y%2f"), Text("Halo"))
    assert stub.last.path == "/v1/contact/id:1%2F..%2F..%2Fspace%2Fuser%3Fx%23y%252f/message"
    with pytest.raises(Invalid):
        await aelyst.message(SARI, "..")


async def test_a_list_that_repeats_its_cursor_or_never_ends_is_ended(aelyst: Aelyst, stub: Stub) -> None:
    stub.decide = lambda call: Answer(page([{"id": 1, "name": "A"}], "https://x/?cursorId=5"))
    assert len([user async for user in aelyst.space.users()]) == 2
    stub.decide = lambda call: Answer(page([], f"https://x/?cursorId={len(stub.calls)}"))
    assert [user async for user in aelyst.space.users()] == []


async def test_no_secret_is_in_an_error(stub: Stub, http: httpx.AsyncClient) -> None:
    stub.will(Answer({"code": 401, "message": "UN_AUTHORIZED"}, 401))
    with pytest.raises(Unauthorized) as caught:
        await Aelyst(http, base_url=stub.url, token="s3cret").send(SARI, Text("rahasia"))
    for shown in (str(caught.value), repr(caught.value)):
        assert "s3cret" not in shown
        assert "rahasia" not in shown
