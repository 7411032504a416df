"""Bodies: none is read that is too large, too slow or no JSON."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request

from agent.config import loads
from agent.web import auth
from agent.web.answers import Body, bounded, read_body
from agent.web.api import create_api


def request_with(*chunks: bytes, endless: bool = False) -> Request:
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting and endless:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or endless}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


class Note(Body):
    text: str = ""


async def test_a_body_that_never_ends_is_given_up() -> None:
    slow = request_with(b"{", endless=True)
    with pytest.raises(HTTPException) as refused:
        await Request(slow.scope, bounded(slow.scope, slow.receive, 100, seconds=0.05)).body()
    assert refused.value.status_code == 408


async def test_a_body_is_read_no_further_than_its_limit() -> None:
    with pytest.raises(HTTPException) as refused:
        await read_body(request_with(b"x" * 60, b"x" * 60), 100)
    assert refused.value.status_code == 413
    assert await read_body(request_with(b"x" * 60, b"x" * 40), 100) == b"x" * 100


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API of an agent without anything behind it."""
    config = loads("name: Melati\ninstructions: Jawab.\nserver: {api_token: token-of-this-test}\n", environment={})

    async def write(_work: Any) -> None:
        return None

    agent = SimpleNamespace(config=config, clock=lambda: datetime.now(UTC), database=SimpleNamespace(write=write))
    transport = httpx.ASGITransport(create_api(State({"agent": agent}), "1"))
    headers = {"Authorization": "Bearer token-of-this-test", "Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers) as opened:
        yield opened


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{", b'{"text": 1' + b"0" * 5000 + b"}", b'{"text": {"a": 1}}', b"x" * 1_000_000, b"\xff"]
)
async def test_what_is_no_json_of_this_kind_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/followups", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid"


async def test_a_body_over_the_limit_is_not_read(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "LARGEST_BODY", 100)
    assert (await client.post("/followups", content=b"x" * 101)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 60

    answer = await client.post("/followups", content=endless())
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"


def test_texts_of_the_api_are_cleaned() -> None:
    assert Note.model_validate({"text": "a\0b\ud83dc"}).text == "ab\ufffdc"
