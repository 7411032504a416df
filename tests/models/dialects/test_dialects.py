"""A turn with a call of an action is played to its end on every server, and each refuses the same thing once only."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agent.config.model import ModelSettings
from agent.models.ask import Answer, Models
from agent.models.chat import open_models
from agent.models.dialects import Dialect, in_turns, window_of
from settings.clock import now
from tests.models.dialects import servers
from tests.models.dialects.servers import REPLY, Body, OpenRouter, Server, completion, refused, serving

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_order",
            "description": "Looks an order up.",
            "parameters": {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
        },
    }
]
HISTORY: list[BaseMessage] = [
    SystemMessage("You are Melati."),
    AIMessage("Halo, ada promo hari ini!"),
    HumanMessage("halo"),
    HumanMessage("mau tanya"),
    AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-0"}, "id": "abcdefghi"}]),
    ToolMessage("not found", tool_call_id="abcdefghi"),
    AIMessage("Tidak ada."),
    SystemMessage("It is 10:00."),
    HumanMessage("pesanan KS-1?"),
]


def models(address: str, **more: Any) -> Models:
    settings = ModelSettings.model_validate(
        {"name": "m", "api_key": "k", "base_url": address, "temperature": 0.2, "max_tokens": 50} | more
    )
    return Models(open_models(settings, agent_name="Melati"), TOOLS, retries=settings.retries, clock=now)


async def ask(asked: Models, messages: Sequence[BaseMessage], prefix: str = "t/1") -> Answer:
    history = max(at for at, message in enumerate(messages) if message.type == "human") - 1
    return await asked.ask(messages, prefix=prefix, deadline=asyncio.get_running_loop().time() + 60, history=history)


async def turn(asked: Models, history: Sequence[BaseMessage]) -> tuple[Answer, Answer]:
    first = await ask(asked, history)
    (called,) = first.message.tool_calls
    assert (called["name"], called["args"]) == ("get_order", {"order_id": "KS-1"})
    return first, await ask(asked, [*history, first.message, ToolMessage("dikirim", tool_call_id=called["id"])], "t/2")


@pytest.mark.parametrize(
    ("server", "refusals"),
    [
        (servers.openai_reasoning, 1),
        (servers.deepseek, 1),
        (servers.gemini, 1),
        (servers.vllm, 1),
        (servers.llama_cpp, 1),
        (servers.ollama, 1),
        (OpenRouter(), 2),
    ],
    ids=["OpenAI", "DeepSeek", "Gemini", "vLLM", "llama.cpp", "Ollama", "OpenRouter"],
)
async def test_a_turn_ends_with_the_reply_and_nothing_is_refused_twice(server: Server, refusals: int) -> None:
    async with serving(server) as (address, bodies):
        asked = models(address)
        first, last = await turn(asked, HISTORY)
        assert last.message.text == REPLY
        assert len(bodies) == 2 + refusals
        assert first.tokens_in > 0, "where the server counts nothing, it is estimated"
        await turn(asked, HISTORY)
        assert len(bodies) == 4 + refusals


async def test_a_conversation_that_is_too_long_is_cut_and_the_window_remembered() -> None:
    long = [HISTORY[0], *[HumanMessage(f"cerita {at} " + "panjang " * 30) for at in range(20)], *HISTORY[-1:]]
    async with serving(servers.llama_cpp) as (address, bodies):
        asked = models(address)
        _, last = await turn(asked, long)
        assert last.message.text == REPLY
        refusals = len(bodies) - 2
        await turn(asked, long)
        assert len(bodies) - 4 == refusals
        assert "pesanan KS-1?" in json.dumps(bodies[-1])


async def test_options_and_headers_of_agent_yaml_are_sent() -> None:
    async with serving(lambda body: completion({"content": REPLY})) as (address, bodies):
        await ask(
            models(
                address, options={"reasoning_effort": "low", "extra_body": {"top_k": 5}}, headers={"X-Team": "kopi"}
            ),
            HISTORY,
        )
        plain = models(address, temperature=None, max_tokens=None)
        await ask(plain, HISTORY)
    assert (bodies[0]["reasoning_effort"], bodies[0]["top_k"], bodies[0]["temperature"]) == ("low", 5, 0.2)
    assert bodies[0]["headers"]["x-team"] == "kopi"
    assert not {"temperature", "max_tokens", "max_completion_tokens", "reasoning_effort"} & bodies[1].keys()


@pytest.mark.parametrize(
    ("status", "answer", "learned"),
    [
        (
            *refused("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
            "temperature",
        ),
        (*refused("Unsupported value: 'temperature' does not support 0.2 with this model."), "temperature"),
        (
            422,
            {"detail": [{"loc": ["body", "temperature"], "msg": "Extra inputs are not permitted", "input": 0.2}]},
            "temperature",
        ),
        (400, {"error": {"message": "temperature: Extra inputs are not permitted"}}, "temperature"),
        (400, {"error": "unknown field `temperature`"}, "temperature"),
        (400, "Additional properties are not allowed ('temperature' was unexpected)", "temperature"),
        (400, {"message": "m does not support parameters: ['temperature'], for model=m"}, "temperature"),
        (400, {"error": {"message": "`temperature` may only be set to 1 when thinking is enabled"}}, "temperature"),
        (*refused("Unrecognized request argument supplied: tool_choice"), "tool_choice"),
        (*refused("'response_format' of type json_object is not supported", "response_format.type"), "response_format"),
        (
            400,
            [
                {
                    "error": {
                        "message": 'Invalid JSON payload received. Unknown name "stream_options": Cannot find field.'
                    }
                }
            ],
            "stream_options",
        ),
    ],
)
def test_a_refusal_that_names_a_parameter_drops_it_in_any_wording(status: int, answer: Any, learned: str) -> None:
    body: Body = {
        "model": "m",
        "messages": [],
        "temperature": 0.2,
        "tool_choice": "none",
        "response_format": {},
        "stream_options": {},
    }
    dialect = Dialect()
    assert dialect.learn(status, answer, body) == f"{learned} is not sent" or learned in dialect.dropped
    assert set(body) - set(dialect.fit(body)) == {learned}


@pytest.mark.parametrize(
    ("error", "learned"),
    [
        ("After the (optional) system message(s), user and assistant roles should be alternating.", "alternating"),
        ("A conversation must start with a user message.", "alternating"),
        ('messages: first message must use the "user" role', "alternating"),
        ("Please ensure that function call turn comes immediately after a user turn.", "alternating"),
        ("Multiple consecutive messages with role 'user' are not allowed", "alternating"),
        ("Role 'system' is not supported by this model", "system"),
        ("invalid role: system, must be one of user, assistant", "system"),
        ("This model doesn't support system messages. Try again without one.", "system"),
        ("Unsupported parameter: 'tools' is not supported with this model.", "tools"),
        ("`tool calling` is not supported with this model", "tools"),
        ("Invalid parameter: 'tools' is not allowed for this model.", "tools"),
        ({"detail": [{"loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}]}, "tools"),
        ("Argument not supported on this model: frequencyPenalty", "frequency_penalty"),
        ("Unsupported parameter: 'parallel_tool_calls' is not supported with this model.", "parallel_tool_calls"),
        ("deepseek-reasoner does not support this tool_choice", "tool_choice"),
        ("max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens", "max_completion_tokens"),
        ("'max_tokens' or 'max_completion_tokens' is too large: 4096. Maximum context length is 4096 tokens", "max_completion_tokens"),
        ("thinking is enabled but reasoning_content is missing in assistant tool call message at index 2", "reasoning"),
        ({"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "Input should be a valid string"}]}, "images"),
        ("messages.content.type 参数非法,取值范围 ['text']", "images"),
        ("unsupported content type: image_url", "images"),
    ],
)  # fmt: skip
def test_each_refusal_teaches_the_one_thing_that_it_is_about(error: Any, learned: str) -> None:
    picture = [{"type": "image_url", "image_url": {"url": "data:"}}]
    body: Body = dict.fromkeys(
        ("temperature", "tool_choice", "parallel_tool_calls", "frequency_penalty", "user", "max_completion_tokens"), 1
    )
    body |= {"model": "m", "tools": TOOLS, "messages": [{"role": "user", "content": picture}]}
    dialect = Dialect()
    assert window_of(error, 900) is None
    assert dialect.learn(400, error, body) is not None
    changed = {name for name in Dialect.__slots__ if getattr(dialect, name) != getattr(Dialect(), name)}
    assert changed <= {"dropped", "renamed"} or changed == {learned}
    assert changed - {"dropped", "renamed"} or {*dialect.dropped, *dialect.renamed} == {learned}


@pytest.mark.parametrize(
    "answer",
    [
        refused("Failed to call a function.", code="tool_use_failed"),
        (500, {"error": {"code": 500, "message": "Failed to parse tool call arguments as JSON", "type": "server_error"}}),
        (500, {"error": {"message": "error parsing tool call: raw='{\"order_id\"', err=unexpected end of JSON input"}}),
    ],
)  # fmt: skip
async def test_a_call_that_the_server_could_not_read_is_told_to_the_model(answer: servers.Answer) -> None:
    answers = iter([answer, completion({"content": REPLY})])
    async with serving(lambda body: next(answers)) as (address, bodies):
        asked = models(address, retries=0)
        assert (await ask(asked, HISTORY)).message.text == REPLY
    assert "did not arrive" in json.dumps(bodies[-1]["messages"][-1])


async def test_a_call_that_only_the_server_could_not_read_is_made() -> None:
    status, failed = refused("Failed to call a function.", code="tool_use_failed")
    failed["error"]["failed_generation"] = '<function=get_order{"order_id": "KS-1"}</function>'
    async with serving(lambda body: (status, failed)) as (address, bodies):
        (called,) = (await ask(models(address, retries=0), HISTORY)).message.tool_calls
    assert (called["name"], called["args"], len(bodies)) == ("get_order", {"order_id": "KS-1"}, 1)


def test_the_limit_of_the_answer_is_renamed_and_only_then_dropped() -> None:
    dialect, body = Dialect(), {"model": "m", "messages": [], "max_completion_tokens": 50}
    assert dialect.learn(400, {"error": {"message": "Unknown parameter: max_completion_tokens"}}, body)
    assert dialect.fit(body)["max_tokens"] == 50
    assert dialect.learn(422, {"detail": [{"loc": ["body", "max_tokens"], "msg": "no"}]}, dialect.fit(body))
    assert dialect.fit(body).keys() == {"model", "messages"}


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "Invalid API key"}},
        {"error": {"message": "The model m does not exist"}},
        {"error": {"message": "Invalid schema for function 'get_order'", "param": "tools[0].function.parameters"}},
        {"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "invalid", "input": {"temperature": 0.2}}]},
    ],
)
def test_any_other_refusal_teaches_nothing(answer: Any) -> None:
    dialect = Dialect()
    assert dialect.learn(400, answer, {"model": "m", "messages": [], "temperature": 0.2, "tools": []}) is None
    assert dialect == Dialect()


def test_a_conversation_is_put_in_turns_and_nothing_of_it_is_lost() -> None:
    call = {"name": "get_order", "args": {}, "id": "a", "type": "tool_call"}
    signed = [{"type": "text", "text": "Saya cek."}]
    given = [
        SystemMessage("You are Melati."),
        AIMessage("Ada promo!"),
        HumanMessage("halo"),
        HumanMessage([{"type": "text", "text": "mau tanya"}]),
        AIMessage("Sebentar."),
        AIMessage(signed, tool_calls=[call], additional_kwargs={"signatures": {"a": "s"}}),
        ToolMessage("1", tool_call_id="a"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("2", tool_call_id="a"),
        HumanMessage("jadi?"),
    ]
    placed = in_turns(given)
    assert [each.type for each in placed] == ["system", "human", "ai", "human", "ai", "tool", "ai", "tool", "human"]
    assert placed[3].content == [{"type": "text", "text": "halo"}, {"type": "text", "text": "mau tanya"}]
    called = placed[4]
    assert isinstance(called, AIMessage)
    assert (called.tool_calls, called.additional_kwargs) == ([call], {"signatures": {"a": "s"}})
    assert called.content == [{"type": "text", "text": "Sebentar."}, *signed]


@pytest.mark.parametrize(
    ("error", "window"),
    [
        ("This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the messages, 10000 in the "
         "completion). Please reduce the length of the messages or completion.", 16384),
        ({"error": {"message": "the request exceeds the available context size", "n_ctx": 8192}}, 8192),
        ("request (53192 tokens) exceeds the available context size (50176 tokens), try increasing it", 50176),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200000),
        ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1048576),
        ("Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length", 32768),
        ("This endpoint's maximum context length is 32,768 tokens. However, you requested about 40000 tokens", 32768),
        ("Your input exceeds the context window of this model. Please adjust your input and try again.", 600),
        ({"object": "error", "message": "max_tokens must be at least 1, got -186."}, 600),
        ("Request too large for gpt-4.1 in organization o on tokens per min (TPM): Limit 30000, Requested 40000.", 30000),
        ("Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 8123, reduce your message size.", 6000),
        ("Range of input length should be [1, 30720]", 30720),
        ("`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens", 4096),
        ("The input exceeds maximum length of 2048", 2048),
        ("input token count exceeds 32768", 32768),
        ("Your request exceeded model token limit: 8192 (requested: 9000)", 8192),
        ("tokens in request more than max tokens allowed: 8192", 8192),
        ("total tokens of image and text exceed max message tokens", 600),
        ({"detail": "Request body too large"}, 600),
        ({"error": {"code": "context_length_exceeded", "message": "Please reduce the length of the messages."}}, 600),
    ],
)  # fmt: skip
def test_an_overflow_is_recognised_in_any_wording_with_the_window(error: Any, window: int) -> None:
    assert window_of(error, 900) == window


@pytest.mark.parametrize(
    "error",
    [
        "Rate limit reached for tokens per min (TPM): Limit 30000",
        "Invalid API key",
        {"detail": "not found"},
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
    ],
)
def test_other_errors_are_no_overflow(error: Any) -> None:
    assert window_of(error, 900) is None
