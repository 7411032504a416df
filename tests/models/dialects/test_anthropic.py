"""Anthropic's own API through `model.provider: anthropic`, against a server that is as strict as its documentation.

https://docs.claude.com/en/api/messages, https://docs.claude.com/en/docs/build-with-claude/extended-thinking,
https://docs.claude.com/en/docs/build-with-claude/prompt-caching, https://docs.claude.com/en/api/errors,
https://docs.claude.com/en/docs/test-and-evaluate/strengthen-guardrails/handle-streaming-refusals
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.config.model import ModelSettings
from agent.models.ask import Answer, Models, NoAnswer
from agent.models.chat import open_models
from agent.web.listening import listening
from settings.clock import now
from tests.models.dialects.servers import Body
from tests.models.dialects.test_dialects import TOOLS

pytest.importorskip(
    "langchain_anthropic", reason="langchain-anthropic is not installed; users install it for model.provider: anthropic"
)

HISTORY: list[BaseMessage] = [SystemMessage("You are Melati."), HumanMessage("pesanan KS-1?")]
THOUGHT: Body = {"type": "thinking", "thinking": "Ia bertanya tentang KS-1.", "signature": "c2ln"}
CALL: Body = {"type": "tool_use", "id": "toolu_01", "name": "get_order", "input": {"order_id": "KS-1"}}
REPLY: Body = {"type": "text", "text": "Pesanan KS-1 sudah dikirim."}


def message(*content: Body, stop: str | None = None, cached: int = 0) -> tuple[int, Body]:
    stop = stop or ("tool_use" if any(block["type"] == "tool_use" for block in content) else "end_turn")
    usage = {
        "input_tokens": 40,
        "output_tokens": 10,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 7,
    }
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(content)}
    return 200, {**body, "stop_reason": stop, "stop_sequence": None, "usage": usage}


def error(kind: str, text: str, status: int) -> tuple[int, Body]:
    return status, {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}


def invalid(body: Body, headers: Any) -> str | None:
    """What the API would refuse of a request."""
    if not {"x-api-key", "authorization"} & set(headers) or not headers.get("anthropic-version"):
        return "x-api-key and anthropic-version are needed"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: Field required"
    known = "model messages max_tokens system tools tool_choice temperature thinking stop_sequences top_k top_p metadata stream"
    if extra := body.keys() - set(known.split()):
        return f"{min(extra)}: Extra inputs are not permitted"
    marks, pending = 0, set()
    for at, each in enumerate(body["messages"]):
        if each["role"] not in ("user", "assistant"):
            return f"messages.{at}.role: Input should be 'user' or 'assistant'"
        blocks = each["content"] if isinstance(each["content"], list) else [{"type": "text", "text": each["content"]}]
        results = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if results != pending:
            return f"messages.{at}: tool_use ids were found without tool_result blocks immediately after: {pending ^ results}"
        pending = {block["id"] for block in blocks if block["type"] == "tool_use"}
        kinds = [block["type"] for block in blocks]
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return "messages: text content blocks must be non-empty"
        if any(not re.fullmatch(r"[a-zA-Z0-9_-]+", name) for name in pending):
            return "messages.content.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        newest = all(later["role"] == "assistant" or "tool_result" in str(later) for later in body["messages"][at:])
        if body.get("thinking") and pending and newest and kinds[0] != "thinking":
            return f"messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kinds[0]}`"
        if "thinking" in kinds and THOUGHT["signature"] not in str(blocks):
            return f"messages.{at}.content.0: Invalid `signature` in `thinking` block"
        marks += sum("cache_control" in block for block in blocks)
    if body["messages"][0]["role"] != "user":
        return "messages: first message must use the user role"
    marks += sum(
        "cache_control" in block
        for block in [*(body.get("system") or []), *body.get("tools", [])]
        if isinstance(block, dict)
    )
    if marks > 4:
        return f"A maximum of 4 blocks with cache_control may be provided. Found {marks}."
    return (
        "`temperature` may only be set to 1 when thinking is enabled"
        if body.get("thinking") and body.get("temperature", 1) != 1
        else None
    )


@asynccontextmanager
async def serving(*answers: tuple[int, Body]) -> AsyncIterator[tuple[str, list[Body]]]:
    """A server that gives its answers in order, the last one for ever, and refuses what the API would refuse."""
    left, asked = list(answers), list[Body]()

    async def answer(request: Request) -> Response:
        body = await request.json()
        asked.append(body)
        if (reason := invalid(body, request.headers)) is not None:
            status, content = error("invalid_request_error", reason, 400)
        else:
            status, content = left.pop(0) if len(left) > 1 else left[0]
        return JSONResponse(content, status)

    async with listening(Starlette(routes=[Route("/v1/messages", answer, methods=["POST"])]), "127.0.0.1", 0) as url:
        yield url, asked


def opened(url: str, **settings: Any) -> Models:
    given = {"name": "claude-sonnet-4-5", "provider": "anthropic", "api_key": "k", "base_url": url, "max_tokens": 2000}
    read = ModelSettings.model_validate(given | settings)
    return Models(open_models(read, agent_name="Melati"), TOOLS, retries=read.retries, clock=now)


async def ask(models: Models, messages: list[BaseMessage], prefix: str = "t/1") -> Answer:
    return await models.ask(messages, prefix=prefix, deadline=asyncio.get_running_loop().time() + 60)


THINKING = {"options": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}


@pytest.mark.parametrize("settings", [{}, THINKING], ids=["plain", "thinking"])
async def test_a_turn_with_a_call_goes_through_and_no_thought_is_shown(settings: dict[str, Any]) -> None:
    thought = [THOUGHT] if settings else []
    async with serving(message(*thought, CALL), message(*thought, REPLY, cached=30)) as (url, asked):
        models = opened(url, **settings)
        first = await ask(models, HISTORY)
        (called,) = first.message.tool_calls
        assert (called["name"], called["args"], first.message.text) == ("get_order", {"order_id": "KS-1"}, "")
        assert called["id"] != "toolu_01", "ids are our own"
        result = ToolMessage("dikirim", tool_call_id=called["id"])
        last = await ask(models, [*HISTORY, first.message, result], "t/2")
    assert last.message.text == REPLY["text"]
    assert len(asked) == 2, "nothing was refused"
    assert ("signature" in str(asked[1]["messages"])) == bool(thought), "a thought goes back as it was, signed"
    assert last.tokens_cached == 30
    assert "cache_control" in str(asked[0]["system"]), "what stays of the prompt is marked for the cache"


async def test_an_overloaded_server_is_asked_again() -> None:
    busy = error("overloaded_error", "Overloaded", 529)
    async with serving(busy, message(REPLY)) as (url, asked):
        answer = await ask(opened(url), HISTORY)
    assert (answer.message.text, len(asked)) == (REPLY["text"], 2)


async def test_a_server_that_stays_overloaded_leaves_it_to_the_next_model() -> None:
    async with serving(error("overloaded_error", "Overloaded", 529)) as (url, asked):
        answer = await ask(opened(url, retries=1, fallbacks=["offline"]), HISTORY)
    assert (answer.model, len(asked)) == ("offline", 2)


@pytest.mark.parametrize(
    "refused",
    [
        message(stop="refusal"),
        message({"type": "text", "text": "I can"}, stop="refusal"),
        error("authentication_error", "invalid x-api-key", 401),
    ],
    ids=["refused", "refused midway", "a wrong key"],
)
async def test_a_refusal_is_for_the_next_model_and_none_of_it_is_shown(refused: tuple[int, Body]) -> None:
    async with serving(refused) as (url, asked):
        with pytest.raises(NoAnswer):
            await ask(opened(url), HISTORY)
    assert len(asked) == 1, "asking again would give the same"


@pytest.mark.parametrize(
    "bad",
    [
        message({"type": "text", "text": "Pesanan Kakak sedang"}, stop="max_tokens"),
        message({**CALL, "name": "get_stock"}),
        message({"type": "text", "text": '{"name": "get_order", "arguments": {"order_id": "KS'}),
        message(THOUGHT),
        message(),
    ],
    ids=["cut off", "an unknown tool", "half a call as text", "only a thought", "nothing"],
)
async def test_a_bad_answer_is_told_to_the_model_which_answers_again(bad: tuple[int, Body]) -> None:
    async with serving(bad, message(REPLY)) as (url, asked):
        answer = await ask(opened(url), HISTORY)
    assert answer.message.text == REPLY["text"]
    assert "Your answer" in str(asked[1]["messages"][-1])


async def test_a_call_that_only_speaks_is_the_answer() -> None:
    say = {**CALL, "name": "reply", "input": {"text": "Halo Kak."}}
    async with serving(message(say)) as (url, asked):
        answer = await ask(opened(url), HISTORY)
    assert (answer.message.text, answer.message.tool_calls, len(asked)) == ("Halo Kak.", [], 1)


async def test_two_turns_of_history_with_calls_are_accepted() -> None:
    earlier: list[BaseMessage] = [
        HISTORY[0],
        AIMessage("Ada promo hari ini!"),
        *HISTORY[1:],
        AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-1"}, "id": "a1b2c3d4e"}]),
        ToolMessage("dikirim", tool_call_id="a1b2c3d4e", name="get_order"),
        AIMessage("Sudah dikirim."),
        HumanMessage("makasih"),
        HumanMessage("kapan sampai?"),
    ]
    async with serving(message(REPLY)) as (url, asked):
        answer = await ask(opened(url), earlier)
    assert (answer.message.text, len(asked)) == (REPLY["text"], 1)
