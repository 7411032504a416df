"""Prompts are marked where their parts end, for providers that keep only what they are told to."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agent.config.model import ModelSettings
from agent.models.caching import MOST, with_breakpoints
from agent.models.chat import open_models
from tests.models.dialects.servers import Answer, Body, completion, refused, serving
from tests.models.test_ask import ask, opened

MARK = {"type": "ephemeral"}
HISTORY: list[BaseMessage] = [HumanMessage("halo"), AIMessage("Halo kak.")]
TURN: list[BaseMessage] = [
    HumanMessage("pesanan KS-1?"),
    AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-1"}, "id": "abcdefghi"}]),
    ToolMessage("dikirim", tool_call_id="abcdefghi"),
]
PROMPT: list[BaseMessage] = [SystemMessage("You are Melati."), *HISTORY, *TURN]


class Claude:
    """Anthropic's models behind OpenRouter: marks in text blocks only, of one type, at most four, and what they end is kept.

    https://openrouter.ai/docs/features/prompt-caching, https://docs.claude.com/en/docs/build-with-claude/prompt-caching
    """

    def __init__(self) -> None:
        self.kept: set[str] = set()

    def __call__(self, body: Body) -> Answer:
        prefix, marks, cached, written = "", 0, 0, 0
        for message in body["messages"]:
            if "cache_control" in message:
                return refused("messages: cache_control belongs into a text part of a multipart message")
            content = message["content"] or ""
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            for block in blocks:
                prefix += f"{message['role']}:{block.get('text', '')}\n"
                if "cache_control" not in block:
                    continue
                if block["type"] != "text" or not block["text"].strip() or block["cache_control"] != MARK:
                    return refused("cache_control: only on text parts that are not empty, and only ephemeral")
                marks += 1
                if prefix in self.kept:
                    cached = len(prefix)
                written = len(prefix) - cached
                self.kept.add(prefix)
        if marks > 4:
            return refused("A maximum of 4 blocks with cache_control may be provided.")
        status, answer = completion({"content": "Sudah dikirim."})
        details = {"cached_tokens": cached, "cache_write_tokens": written}
        answer["usage"] = {
            "prompt_tokens": len(prefix), "completion_tokens": 0, "total_tokens": len(prefix), "prompt_tokens_details": details
        }  # fmt: skip
        return status, answer


def marked(body: Body) -> list[str]:
    return [
        block["text"]
        for message in body["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if "cache_control" in block
    ]


async def test_what_other_calls_repeat_is_marked_and_read_again_at_the_cached_price() -> None:
    price = {"input": 3, "output": 15, "cached": 0.3, "cache_write": 3.75}
    async with serving(Claude()) as (address, bodies):
        models = opened(base_url=address, name="anthropic/claude-sonnet-4.5", price=price)
        first = await ask(models, PROMPT[:4], history=2)
        again = await ask(models, PROMPT, history=2)
        later = await ask(models, [*PROMPT, AIMessage("Sudah."), HumanMessage("kapan?")], history=6)
    assert marked(bodies[0]) == ["You are Melati.", "Halo kak.", "pesanan KS-1?"]
    assert marked(bodies[1]) == ["You are Melati.", "Halo kak.", "dikirim"]
    assert marked(bodies[2]) == ["You are Melati.", "Sudah.", "kapan?"]
    assert (first.tokens_cached, again.tokens_cached > 0, later.tokens_cached > 0) == (0, True, True)
    assert first.cost == pytest.approx(first.tokens_in * 3.75 / 1e6)
    assert again.cost < again.tokens_in * 3.75 / 1e6


async def test_other_models_are_asked_without_marks() -> None:
    async with serving(Claude()) as (address, bodies):
        await ask(opened(base_url=address), PROMPT, history=2)
        await ask(opened(base_url=address, name="claude-haiku", cache="none"), PROMPT, history=2)
    assert [marked(body) for body in bodies] == [[], []]


async def test_a_server_that_knows_no_marks_refuses_them_once() -> None:
    def server(body: Body) -> Answer:
        if marked(body):
            return refused("messages.0.content.0.cache_control: Extra inputs are not permitted")
        return completion({"content": "Sudah."})

    async with serving(server) as (address, bodies):
        models = opened(base_url=address, cache="explicit")
        for _ in range(2):
            assert (await ask(models, PROMPT, history=2)).message.text == "Sudah."
    assert len(bodies) == 3
    assert all(isinstance(message["content"] or "", str) for message in bodies[-1]["messages"])


@pytest.mark.parametrize("beginning", range(1, 7))
def test_there_are_never_too_many_and_never_on_a_call_alone(beginning: int) -> None:
    messages = with_breakpoints(PROMPT, beginning)
    blocks = [each for message in messages if isinstance(message.content, list) for each in message.content]
    assert 1 <= len(blocks) <= MOST
    assert all(isinstance(each, dict) and each["text"] for each in blocks)
    assert [message.text for message in messages] == [message.text for message in PROMPT]


@pytest.mark.parametrize(
    ("settings", "explicit"),
    [
        ({"name": "anthropic/claude-sonnet-4.5"}, True),
        ({"name": "gpt-5-mini"}, False),
        ({"name": "google/gemini-2.5-pro"}, False),
        ({"name": "our-model", "cache": "explicit"}, True),
    ],
)
def test_claude_is_known_by_its_name(settings: dict[str, Any], explicit: bool) -> None:
    (model,) = open_models(ModelSettings(api_key="k", **settings), agent_name="Melati")  # type: ignore[arg-type]
    assert model.explicit_cache is explicit
