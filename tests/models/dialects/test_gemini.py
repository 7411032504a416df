"""Gemini's own API through `model.provider: google_genai`, against a server that is as strict as its documentation.

https://ai.google.dev/api/generate-content, https://ai.google.dev/api/caching#Schema, https://ai.google.dev/gemini-api/docs/function-calling,
https://ai.google.dev/gemini-api/docs/thought-signatures, https://ai.google.dev/gemini-api/docs/troubleshooting,
https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/process-blocked-responses
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
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

pytest.importorskip(
    "langchain_google_genai",
    reason="langchain-google-genai is not installed; users install it for model.provider: google_genai",
)

MODEL = "gemini-3-flash-preview"
SIGNATURE, OTHER_SIGNATURE, SKIP = "c2lnbmVk", "dGV4dA==", "skip_thought_signature_validator"
TOOLS: list[Body] = [
    {
        "type": "function",
        "function": {
            "name": "get_order",
            "description": "Looks an order up.",
            "parameters": {
                "type": "object",
                "properties": {
                    "order_id": {"type": "string", "pattern": "^KS-[0-9]+$", "description": "its number"},
                    "day": {"type": "string", "format": "date"},
                    "note": {"type": ["string", "null"]},
                    "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "uniqueItems": True},
                    "amount": {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "null"}]},
                },
                "required": ["order_id"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "list_reminders",
            "description": "Lists reminders.",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        },
    },
]
HISTORY: list[BaseMessage] = [SystemMessage("You are Melati."), HumanMessage("pesanan KS-1?")]
THOUGHT: Body = {"text": "Ia bertanya tentang KS-1.", "thought": True}
CALL: Body = {"functionCall": {"name": "get_order", "args": {"order_id": "KS-1"}}, "thoughtSignature": SIGNATURE}
REPLY: Body = {"text": "Pesanan KS-1 sudah dikirim."}
SIGNED_REPLY: Body = {**REPLY, "thoughtSignature": OTHER_SIGNATURE}


def answer(*parts: Body, finish: str = "STOP", cached: int = 0) -> tuple[int, Body]:
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    usage = {"promptTokenCount": 40, "candidatesTokenCount": 10, "thoughtsTokenCount": 5, "totalTokenCount": 55}
    usage |= {"cachedContentTokenCount": cached} if cached else {}
    candidate = {**content, "finishReason": finish, "index": 0}
    return 200, {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": "r1"}


def blocked(reason: str) -> tuple[int, Body]:
    usage = {"promptTokenCount": 40, "totalTokenCount": 40}
    return 200, {"promptFeedback": {"blockReason": reason}, "usageMetadata": usage, "modelVersion": MODEL}


def error(status: int, kind: str, text: str, *details: Body) -> tuple[int, Body]:
    return status, {"error": {"code": status, "message": text, "status": kind, "details": list(details)}}


_SCHEMA = frozenset(
    "type format title description nullable enum maxItems minItems properties required minProperties maxProperties minLength maxLength "
    "pattern example anyOf propertyOrdering default items minimum maximum".split()
)
_DATA = frozenset("text inlineData functionCall functionResponse fileData executableCode codeExecutionResult".split())
_CONFIG = frozenset(
    "stopSequences responseMimeType responseSchema candidateCount maxOutputTokens temperature topP topK seed presencePenalty "
    "frequencyPenalty thinkingConfig".split()
)


def invalid(body: Body, headers: Mapping[str, str]) -> str | None:
    """What the API would refuse of a request."""
    if headers.get("x-goog-api-key") != "k":
        return "API key not valid. Please pass a valid API key."
    known = {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig"}
    for where, extra in (
        ("", body.keys() - known),
        ("generation_config.", body.get("generationConfig", {}).keys() - _CONFIG),
    ):
        if extra:
            return f'Invalid JSON payload received. Unknown name "{where}{min(extra)}": Cannot find field.'
    declared = [each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
    for at, each in enumerate(declared):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", each["name"]):
            return f"GenerateContentRequest.tools[0].function_declarations[{at}].name: Invalid function name."
        where = f"GenerateContentRequest.tools[0].function_declarations[{at}].parameters"
        if (wrong := next(_wrong_schema(each.get("parameters"), where), None)) is not None:
            return wrong
    return next(_wrong_contents(body["contents"]), None)


def _wrong_schema(schema: Body | None, where: str) -> Iterator[str]:
    if schema is None:
        return
    if extra := schema.keys() - _SCHEMA:
        yield f'Invalid JSON payload received. Unknown name "{min(extra)}" at {where}: Cannot find field.'
    if "anyOf" not in schema and schema.get("type") not in (
        "STRING",
        "NUMBER",
        "INTEGER",
        "BOOLEAN",
        "ARRAY",
        "OBJECT",
    ):
        yield f"{where}.type: must be specified"
    if schema.get("type") == "OBJECT" and not schema.get("properties"):
        yield f"{where}.properties: should be non-empty for OBJECT type"
    if schema.get("type") == "STRING" and schema.get("format", "enum") not in ("enum", "date-time"):
        yield f"{where}.format: only 'enum' and 'date-time' are supported for STRING type"
    if schema.get("type") == "ARRAY" and not schema.get("items"):
        yield f"{where}.items: missing field."
    for name, each in schema.get("properties", {}).items():
        yield from _wrong_schema(each, f"{where}.properties[{name}]")
    yield from _wrong_schema(schema.get("items"), f"{where}.items")
    for name in schema.get("required", []):
        if name not in schema.get("properties", {}):
            yield f"{where}.required[0]: property is not defined"


def _wrong_contents(contents: list[Body]) -> Iterator[str]:
    before: Body = {"role": "", "parts": []}
    asked = max(
        (at for at, each in enumerate(contents) if each["role"] == "user" and "text" in each["parts"][0]), default=0
    )
    for at, content in enumerate(contents):
        if content.get("role") not in ("user", "model"):
            yield "Please use a valid role: user, model."
        if not content.get("parts"):
            yield f"* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
        for number, part in enumerate(content["parts"]):
            if len(part.keys() & _DATA) != 1 or part.get("text") == "":
                where = f"GenerateContentRequest.contents[{at}].parts[{number}].data"
                yield f"* {where}: required oneof field 'data' must have one initialized field"
            if part.get("thoughtSignature", SKIP) not in (SKIP, SIGNATURE, OTHER_SIGNATURE):
                yield "Corrupted thought signature."
        if before["role"] == content["role"] == "user" and not _parts(before, "functionResponse"):
            yield "Please ensure that multiturn requests alternate between user and model."
        calls, results = _parts(content, "functionCall"), _parts(content, "functionResponse")
        if calls and before["role"] != "user":
            yield "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
        if calls and at > asked and "thoughtSignature" not in calls[0]:
            yield f"Function call is missing a thought_signature in functionCall parts. Additional data, position {at}."
        if results and not _parts(before, "functionCall"):
            yield "Please ensure that function response turn comes immediately after a function call turn."
        if len(results) != len(_parts(before, "functionCall")):
            yield "Please ensure that the number of function response parts is equal to the number of function call parts."
        before = content
    if contents[0]["role"] != "user" or before["role"] != "user":
        yield "Please ensure that multiturn requests start and end with a user turn."


def _parts(content: Body, kind: str) -> list[Body]:
    return [part for part in content["parts"] if kind in part]


@asynccontextmanager
async def serving(*answers: tuple[int, Body]) -> AsyncIterator[tuple[str, list[Body]]]:
    """A server that gives its answers in order, the last one for ever, and refuses what the API would refuse."""
    left, asked = list(answers), list[Body]()

    async def generate(request: Request) -> Response:
        assert request.path_params["path"] in (
            f"v1/models/{MODEL}:generateContent",
            f"v1beta/models/{MODEL}:generateContent",
        )
        body = await request.json()
        asked.append(body | {"headers": dict(request.headers)})
        if (reason := invalid(body, request.headers)) is not None:
            status, content = error(400, "INVALID_ARGUMENT", reason)
        else:
            status, content = left.pop(0) if len(left) > 1 else left[0]
        return JSONResponse(content, status)

    routes = [Route("/{path:path}", generate, methods=["POST"])]
    async with listening(Starlette(routes=routes), "127.0.0.1", 0) as url:
        yield url, asked


def opened(url: str, **settings: Any) -> Models:
    given = {"name": MODEL, "provider": "google_genai", "api_key": "k", "base_url": url, "max_tokens": 2000}
    read = ModelSettings.model_validate(given | settings)
    return Models(open_models(read, agent_name="Melati"), TOOLS, retries=read.retries, clock=now)


async def ask(models: Models, messages: list[BaseMessage], prefix: str = "t/1") -> Answer:
    return await models.ask(messages, prefix=prefix, deadline=asyncio.get_running_loop().time() + 60)


SIGNED: Body = {"text": "Sebentar.", "thoughtSignature": OTHER_SIGNATURE}


@pytest.mark.parametrize("before", [(), (THOUGHT,), (SIGNED,), (THOUGHT, SIGNED)])
async def test_a_turn_with_a_call_goes_through_and_no_thought_is_shown(before: tuple[Body, ...]) -> None:
    async with serving(answer(*before, CALL), answer(THOUGHT, SIGNED_REPLY, cached=30)) as (url, asked):
        models = opened(url, options={"include_thoughts": True})
        first = await ask(models, HISTORY)
        (called,) = first.message.tool_calls
        assert (called["name"], called["args"]) == ("get_order", {"order_id": "KS-1"})
        assert re.fullmatch(r"[0-9a-z]{9}", str(called["id"])), "ids are our own"
        assert "bertanya" not in first.message.text
        result = ToolMessage("dikirim", tool_call_id=called["id"], name="get_order")
        last = await ask(models, [*HISTORY, first.message, result], "t/2")
    assert last.message.text == REPLY["text"]
    assert len(asked) == 2, "nothing was refused"
    sent = asked[1]["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in sent if "functionCall" in part] == [SIGNATURE]
    assert (OTHER_SIGNATURE in str(sent)) == ("Sebentar" in str(before)), "what was signed goes back as it was"
    assert (last.tokens_in, last.tokens_out, last.tokens_cached) == (40, 15, 30)


async def test_calls_side_by_side_are_answered_in_their_order() -> None:
    second = {"functionCall": {"name": "list_reminders", "args": {}}}
    async with serving(answer(CALL, second), answer(REPLY)) as (url, asked):
        models = opened(url)
        first = await ask(models, HISTORY)
        results = [ToolMessage(str(at), tool_call_id=call["id"]) for at, call in enumerate(first.message.tool_calls)]
        last = await ask(models, [*HISTORY, first.message, *results], "t/2")
    assert (last.message.text, len(asked)) == (REPLY["text"], 2)
    assert [part["functionResponse"]["name"] for part in asked[1]["contents"][2]["parts"]] == [
        "get_order",
        "list_reminders",
    ]


async def test_any_history_of_a_chat_is_accepted() -> None:
    """It may begin with a message of the business, hold neighbours of one side, and calls of other models, which nobody signed."""
    history: list[BaseMessage] = [
        HISTORY[0],
        AIMessage("Halo, ada promo hari ini!"),
        HumanMessage("halo"),
        HumanMessage("pesanan KS-1?"),
        AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-1"}, "id": "a1b2c3d4e"}]),
        ToolMessage("dikirim", tool_call_id="a1b2c3d4e", name="get_order"),
        AIMessage("Sudah dikirim."),
        AIMessage("Ada lagi?"),
        AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-2"}, "id": "b1b2c3d4e"}]),
        ToolMessage("[confirm]", tool_call_id="b1b2c3d4e", name="get_order"),
        AIMessage("Batalkan KS-2?"),
        HumanMessage("ya"),
        AIMessage("", tool_calls=[{"name": "get_order", "args": {"order_id": "KS-3"}, "id": "c1b2c3d4e"}]),
        ToolMessage("batal", tool_call_id="c1b2c3d4e", name="get_order"),
    ]
    async with serving(answer(REPLY)) as (url, asked):
        reply = await ask(opened(url), history)
    assert (reply.message.text, len(asked)) == (REPLY["text"], 1)
    assert "Ada lagi?" in str(asked[0]["contents"])


async def test_headers_and_options_of_agent_yaml_are_sent() -> None:
    async with serving(answer(REPLY)) as (url, asked):
        await ask(opened(url, headers={"X-Team": "kopi"}, temperature=0.2, options={"top_p": 0.5}), HISTORY)
    assert asked[0]["headers"]["x-team"] == "kopi"
    assert (
        asked[0]["generationConfig"] | {"temperature": 0.2, "topP": 0.5, "maxOutputTokens": 2000}
        == asked[0]["generationConfig"]
    )


async def test_an_overloaded_server_is_asked_again() -> None:
    busy = error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
    async with serving(busy, answer(REPLY)) as (url, asked):
        reply = await ask(opened(url), HISTORY)
    assert (reply.message.text, len(asked)) == (REPLY["text"], 2)


@pytest.mark.parametrize(
    "down",
    [
        error(503, "UNAVAILABLE", "The model is overloaded."),
        error(500, "INTERNAL", "An internal error has occurred."),
        error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.",
              {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.6s"}),
    ],
    ids=["overloaded", "an error of its own", "a quota"],
)  # fmt: skip
async def test_a_server_that_stays_so_leaves_it_to_the_next_model(down: tuple[int, Body]) -> None:
    async with serving(down) as (url, asked):
        reply = await ask(opened(url, retries=1, fallbacks=["offline"]), HISTORY)
    assert (reply.model, len(asked)) == ("offline", 2), "`retries` says how often"


@pytest.mark.parametrize(
    "refused",
    [
        blocked("PROHIBITED_CONTENT"),
        answer(finish="SAFETY"),
        answer({"text": "Pesanan"}, finish="RECITATION"),
        answer({"text": "Pesanan"}, finish="SPII"),
        error(403, "PERMISSION_DENIED", "Your API key was reported as leaked."),
    ],
    ids=["a blocked question", "safety", "recitation", "personal data", "a lost key"],
)
async def test_a_refusal_is_for_the_next_model_and_none_of_it_is_shown(refused: tuple[int, Body]) -> None:
    async with serving(refused) as (url, asked):
        with pytest.raises(NoAnswer):
            await ask(opened(url), HISTORY)
    assert len(asked) == 1, "asking again would give the same"


@pytest.mark.parametrize(
    "bad",
    [
        answer({"text": "Pesanan Kakak sedang"}, finish="MAX_TOKENS"),
        answer(THOUGHT, finish="MAX_TOKENS"),
        answer(finish="MALFORMED_FUNCTION_CALL"),
        answer({"text": "Saya cek"}, finish="MALFORMED_FUNCTION_CALL"),
        answer({"text": "Saya cek"}, finish="UNEXPECTED_TOOL_CALL"),
        answer({"text": "Saya cek"}, finish="TOO_MANY_TOOL_CALLS"),
        answer({"functionCall": {"name": "get_stock", "args": {}}, "thoughtSignature": SIGNATURE}),
        answer({"text": "```tool_code\nprint(default_api.get_order(order_id='KS-"}),
        answer(THOUGHT),
        answer({"text": ""}),
        answer(),
    ],
    ids=["cut off", "a thought cut off", "a broken call", "words before a broken call", "an unexpected call", "too many calls",
         "an unknown tool", "half a call as code", "only a thought", "an empty text", "nothing"],
)  # fmt: skip
async def test_a_bad_answer_is_told_to_the_model_which_answers_again(bad: tuple[int, Body]) -> None:
    async with serving(bad, answer(REPLY)) as (url, asked):
        reply = await ask(opened(url), HISTORY)
    assert (reply.message.text, len(asked)) == (REPLY["text"], 2)
    assert "Your answer" in str(asked[1]["contents"][-1])


async def test_a_conversation_that_is_too_long_is_cut_and_asked_again() -> None:
    long: list[BaseMessage] = [HISTORY[0]]
    for at in range(20):
        long += [HumanMessage(f"cerita {at} " + "panjang " * 30), AIMessage("Baik.")]
    full = error(
        400, "INVALID_ARGUMENT", "The input token count (2500) exceeds the maximum number of tokens allowed (1500)."
    )
    async with serving(full, answer(REPLY)) as (url, asked):
        reply = await opened(url).ask(
            [*long, HISTORY[1]], prefix="t/1", deadline=asyncio.get_running_loop().time() + 60, history=40
        )
    assert reply.message.text == REPLY["text"]
    assert len(str(asked[1])) < len(str(asked[0]))
