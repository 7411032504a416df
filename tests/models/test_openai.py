"""The client of OpenAI-compatible servers asks and understands what langchain's own does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from agent.models.chat import model_client
from agent.models.judge import Good, judge
from agent.models.openai import CompatibleChat, Failure, ServerFault, classify, read_answer, written
from agent.web.listening import listening
from settings.clock import now

CONVERSATION: list[BaseMessage] = [
    SystemMessage("Kamu Melati."),
    HumanMessage("pesanan KS-10234?"),
    AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-10234"}, "id": "c1"}]),
    ToolMessage("dikirim", tool_call_id="c1"),
    HumanMessage("kapan sampai?"),
]
TOOL = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object", "properties": {}}}}
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
CALL = {"id": "c2", "type": "function", "function": {"name": "get_order", "arguments": '{"order_id": "KS-10234"}'}}


def _completion(message: dict[str, Any]) -> Response:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return JSONResponse({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE})


@asynccontextmanager
async def _server(answer: Response) -> AsyncIterator[tuple[str, list[tuple[dict[str, str], Any]]]]:
    """A server that always gives this answer; its address, and headers and body of what it was asked."""
    asked: list[tuple[dict[str, str], Any]] = []

    async def complete(request: Request) -> Response:
        asked.append((dict(request.headers), json.loads(await request.body())))
        return answer

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    async with listening(app, "127.0.0.1", 0) as address:
        yield f"{address}/v1", asked


def _chat(kind: type[ChatOpenAI], address: str) -> Any:
    chat = kind(
        model="m", base_url=address, api_key=SecretStr("k"), temperature=0.3, max_retries=0, use_responses_api=False
    )
    return chat.bind_tools([TOOL])


@pytest.mark.parametrize(
    "message",
    [{"content": "Besok."}, {"content": None, "tool_calls": [CALL]}, {"content": "Sebentar", "tool_calls": [CALL]}],
    ids=["a text", "a call", "both"],
)
async def test_it_asks_and_understands_as_langchain_does(message: dict[str, Any]) -> None:
    async with _server(_completion(message)) as (address, asked):
        theirs = await _chat(ChatOpenAI, address).ainvoke(CONVERSATION)
        ours = await _chat(CompatibleChat, address).ainvoke(CONVERSATION)
    (their_headers, their_body), (our_headers, our_body) = asked
    assert our_body == their_body
    assert our_headers["authorization"] == their_headers["authorization"] == "Bearer k"
    judged = judge(ours, ["get_order"], "turn/1")
    assert isinstance(judged, Good)
    assert judged.message.content == theirs.content
    assert [(call["name"], call["args"]) for call in judged.message.tool_calls] == [
        (call["name"], call["args"]) for call in theirs.tool_calls
    ]
    assert ours.usage_metadata["total_tokens"] == theirs.usage_metadata["total_tokens"] == 110
    assert ours.response_metadata["finish_reason"] == theirs.response_metadata["finish_reason"]


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"error": {"message": "slow down"}}, 429, headers={"Retry-After": "3"}),
        JSONResponse({"error": {"message": "x", "code": "insufficient_quota"}}, 429),
        JSONResponse({"error": {"message": "no such model"}}, 404),
        PlainTextResponse("upstream is down", 502),
    ],
    ids=["rate limit", "quota", "404", "502"],
)
async def test_a_failure_means_the_same_as_langchains(answer: Response) -> None:
    async with _server(answer) as (address, _):
        with pytest.raises(Exception) as theirs:  # noqa: PT011 - whatever it is, both must mean the same
            await _chat(ChatOpenAI, address).ainvoke(CONVERSATION)
        with pytest.raises(Exception) as ours:  # noqa: PT011
            await _chat(CompatibleChat, address).ainvoke(CONVERSATION)
    expected, found = classify(theirs.value, now()), classify(ours.value, now())
    assert (found.retryable, found.retry_after) == (expected.retryable, expected.retry_after)


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (JSONResponse({"choices": None}), True),
        (JSONResponse({"choices": []}), True),
        (JSONResponse({"error": {"message": "overloaded"}}), True),
        (JSONResponse({"error": "overloaded"}), True),
        (JSONResponse({"error": {"code": 502, "message": "upstream"}}), True),
        (JSONResponse({"error": {"code": 402, "message": "no credits"}}), False),
        (JSONResponse({"choices": [{"error": {"code": 400, "message": "no"}, "message": {"content": ""}}]}), False),
        (JSONResponse([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}]), False),
        (PlainTextResponse("<html>upstream is down</html>"), True),
        (Response('{"choices": [{"message": {"content": "Bes', media_type="application/json"), True),
        (Response(b'{"choices": "\xe9"}', media_type="application/json"), True),
        (Response("", media_type="application/json"), True),
        (JSONResponse(None), True),
    ],
)
async def test_200_with_something_else_than_an_answer_is_a_failure(answer: Response, retryable: bool) -> None:
    async with _server(answer) as (address, _):
        with pytest.raises(ServerFault) as raised:
            await _chat(CompatibleChat, address).ainvoke(CONVERSATION)
    assert classify(raised.value, now()).retryable is retryable


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 10.0, "completion_tokens": 3}, (10, 3)),
        ({"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 50}}, (10, 3)),
        ({"prompt_tokens": -5, "completion_tokens": 3}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": True, "completion_tokens": True}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 3}, None),
        ({"prompt_tokens": "10", "completion_tokens": "3"}, None),
        ([], None),
    ],
)
def test_no_server_can_count_what_is_no_number_of_tokens(usage: Any, counted: tuple[int, int] | None) -> None:
    answer = read_answer({"choices": [{"message": {"content": "Besok."}}], "usage": usage}).generations[0].message
    assert isinstance(answer, AIMessage)
    read = answer.usage_metadata
    assert (read and (read["input_tokens"], read["output_tokens"])) == counted
    assert read is None or read.get("input_token_details", {}).get("cache_read", 0) <= read["input_tokens"]


class _ApiError(Exception):
    """Like Google's client: the status is `code`, the body `details`."""

    def __init__(self, code: int, details: object) -> None:
        super().__init__(f"{code} {details}")
        self.code, self.details = code, details


@pytest.mark.parametrize(
    ("status", "retryable", "retry_after"),
    [(503, True, None), (429, True, timedelta(seconds=17.5)), (403, False, None)],
)
def test_an_error_that_a_package_wraps_is_read_like_any_other(
    status: int, retryable: bool, retry_after: timedelta | None
) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
    body = {
        "error": {"code": status, "message": "Quota.", "details": [{"reason": "x"}, *([delay] if retry_after else [])]}
    }
    wrapped = RuntimeError("Error calling model")
    wrapped.__cause__ = _ApiError(status, body)
    failure = classify(wrapped, now())
    assert (failure.retryable, failure.retry_after) == (retryable, retry_after)
    assert str(status) in failure.reason


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/html; charset=utf-8"])
async def test_an_answer_counts_whatever_its_content_type_says(kind: str) -> None:
    answer = Response(_completion({"content": "Besok."}).body, media_type=kind)
    async with _server(answer) as (address, _):
        assert (await _chat(CompatibleChat, address).ainvoke(CONVERSATION)).content == "Besok."


async def test_the_clients_typed_layer_is_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    from openai.resources.chat import completions

    async def walked(*_: Any, **__: Any) -> Any:
        raise AssertionError("every message's type hints were walked")

    monkeypatch.setattr(completions.completions, "async_maybe_transform", walked)
    async with _server(_completion({"content": "Besok."})) as (address, _):
        assert (await _chat(CompatibleChat, address).ainvoke(CONVERSATION)).content == "Besok."
        with pytest.raises(AssertionError, match="walked"):
            await _chat(ChatOpenAI, address).ainvoke(CONVERSATION)


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
async def test_a_connection_that_breaks_is_not_taken_for_a_slow_model(before: bytes) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(before)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, model_client() as http:
        chat = CompatibleChat(
            model="m",
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key=SecretStr("x"),
            max_retries=0,
            http_async_client=http,
        )
        with pytest.raises(openai.APIConnectionError) as raised:
            await chat.ainvoke("halo")
    failure = classify(raised.value, now())
    assert failure == Failure("the model's server cannot be reached", retryable=True)


async def test_a_model_that_takes_too_long_is_late() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, model_client() as http:
        chat = CompatibleChat(
            model="m",
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key=SecretStr("x"),
            timeout=0.2,
            max_retries=0,
            http_async_client=http,
        )
        with pytest.raises(openai.APIConnectionError) as raised:
            await chat.ainvoke("halo")
    failure = classify(raised.value, now())
    assert failure == Failure("the model did not answer in time", retryable=True, late=True)


_PLAIN = [
    HumanMessage("pesanan KS-10234?"),
    HumanMessage(""),
    AIMessage("sebentar"),
    AIMessage(""),
    AIMessage("saya cek", tool_calls=[{"name": "get_order", "args": {"nama": "Zoë"}, "id": "c1"}]),
    AIMessage("", tool_calls=[{"name": "a", "args": {}, "id": "c1"}, {"name": "b", "args": {"x": [1]}, "id": None}]),
    ToolMessage("dikirim", tool_call_id="c1", name="get_order"),
]
_OTHERS = [
    SystemMessage("Kamu Melati."),
    HumanMessage("halo", name="budi"),
    HumanMessage([{"type": "text", "text": "apa ini?"}]),
    HumanMessage("lihat", additional_kwargs={"name": "budi"}),
    AIMessage("", invalid_tool_calls=[{"name": "a", "args": "{", "id": "c1", "error": None}]),
    AIMessage("", additional_kwargs={"function_call": {"name": "a", "arguments": "{}"}}),
    ToolMessage([{"type": "text", "text": "dikirim"}], tool_call_id="c1"),
]


def test_messages_of_text_and_calls_are_written_as_langchain_writes_them() -> None:
    client = ChatOpenAI(model="m", base_url="http://127.0.0.1:9", api_key=SecretStr("x"))
    assert [written(message) for message in _PLAIN] == client._get_request_payload(_PLAIN)["messages"]
    assert [written(message) for message in _OTHERS] == [None] * len(_OTHERS)
