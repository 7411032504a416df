"""Bodies: none is read that is too large, too slow or no JSON."""

import asyncio
from typing import Any

import pytest
from agent.web.operations import LARGEST_BODY, Body, body_of
from starlette.requests import Request

from agent.web import answers
from agent.web.answers import BadRequest, TooLarge, TooSlow, read_body


def request_with(*chunks: bytes, endless: bool = False) -> Request:
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting and endless:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting) or endless}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


class Note(Body):
    text: str = ""


async def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BODY_SECONDS", 0.05)
    with pytest.raises(TooSlow):
        await read_body(request_with(b"{", endless=True), 100)


async def test_a_body_is_read_no_further_than_its_limit() -> None:
    with pytest.raises(TooLarge):
        await read_body(request_with(b"x" * 60, b"x" * 60), 100)
    assert await read_body(request_with(b"x" * 60, b"x" * 40), 100) == b"x" * 100


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"{", b'{"text": 1' + b"0" * 5000 + b"}", b'{"text": {"a": 1}}', b"x" * (LARGEST_BODY + 1)]
)
async def test_what_is_no_json_of_this_kind_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        await body_of(request_with(body), Note)


async def test_texts_of_the_api_are_cleaned() -> None:
    note = await body_of(request_with(b'{"text": "a\\u0000b\\ud83dc"}'), Note)
    assert note.text == "ab\ufffdc"
