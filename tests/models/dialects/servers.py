"""Chat servers on loopback that are as strict as the ones they stand for, each after that server's own documentation.

A server gets the JSON of a request and gives `(status, body)`. All of them answer a first question with a call of `get_order` and the
question that follows the result with a text, so that a whole turn can be played.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.web.listening import listening

Body: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[int, Any]
Server: TypeAlias = Callable[[Body], Answer]

ORDER = '{"order_id": "KS-1"}'
REPLY = "Pesanan KS-1 sudah dikirim."


def completion(message: Body, finish: str = "stop", **more: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return 200, {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage, **more}


def call(id_: str = "call_1", **more: Any) -> Body:
    return {"id": id_, "type": "function", "function": {"name": "get_order", "arguments": ORDER}, **more}


def refused(message: str, param: str | None = None, code: str | None = None, status: int = 400) -> Answer:
    return status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def answered(body: Body) -> bool:
    """Whether the result of a call has come since the customer's last message."""
    roles = [message["role"] for message in body["messages"]]
    return "tool" in roles[len(roles) - roles[::-1].index("user") :]


def openai_reasoning(body: Body) -> Answer:
    """OpenAI's reasoning models.

    No `temperature` but 1, `max_completion_tokens` instead of `max_tokens`, and no field in a message that the API does not know.
    https://platform.openai.com/docs/guides/reasoning, https://platform.openai.com/docs/api-reference/chat/create
    """
    if "max_tokens" in body:
        text = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        return refused(text, "max_tokens", "unsupported_parameter")
    if body.get("temperature", 1) != 1:
        text = "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported."
        return refused(text, "temperature", "unsupported_value")
    if "parallel_tool_calls" in body:
        return refused(
            "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.", "parallel_tool_calls"
        )
    for at, message in enumerate(body["messages"]):
        for key in message.keys() - {"role", "content", "tool_calls", "tool_call_id", "name"}:
            return refused(f"Unrecognized request argument supplied: messages[{at}].{key}", f"messages[{at}].{key}")
    return (
        completion({"content": REPLY})
        if answered(body)
        else completion({"content": None, "tool_calls": [call()]}, "tool_calls")
    )


def deepseek(body: Body) -> Answer:
    """DeepSeek in thinking mode: `reasoning_content` of every message with calls is wanted back.

    https://api-docs.deepseek.com/guides/thinking_mode
    """
    for message in body["messages"]:
        if message.get("tool_calls") and "reasoning_content" not in message:
            return refused(
                "The reasoning_content in the thinking mode must be passed back to the API.",
                code="invalid_request_error",
            )
    if not answered(body):
        return completion({"content": "", "reasoning_content": "Ia bertanya.", "tool_calls": [call()]}, "tool_calls")
    thoughts = [message["reasoning_content"] for message in body["messages"] if message.get("tool_calls")]
    assert thoughts[-1] == "Ia bertanya.", "what the model thought comes back as it was"
    return completion({"content": REPLY, "reasoning_content": "Sudah dikirim."})


def gemini(body: Body) -> Answer:
    """Gemini's OpenAI-compatible endpoint: unknown names are refused, thought signatures of calls are wanted back.

    https://ai.google.dev/gemini-api/docs/openai, https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    known = {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "reasoning_effort",
        "stream",
    }
    for key in sorted(body.keys() - known):
        text = f'Invalid JSON payload received. Unknown name "{key}": Cannot find field.'
        return 400, [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}]
    for at, message in enumerate(body["messages"]):
        if message.get("tool_calls"):
            signature = message["tool_calls"][0].get("extra_content", {}).get("google", {}).get("thought_signature")
            if signature not in ("c2lnbmVk", "skip_thought_signature_validator"):
                text = (
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. "
                    f"Additional data, function call `default_api:get_order`, position {at}."
                )
                return 400, [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT"}}]
    signed = call("", extra_content={"google": {"thought_signature": "c2lnbmVk"}})
    return completion({"content": REPLY}) if answered(body) else completion({"tool_calls": [signed]}, "tool_calls")


def vllm(body: Body) -> Answer:
    """vLLM with a Mistral or Gemma template and no tool parser: roles alternate, one system message first, calls come as text.

    https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, https://docs.vllm.ai/en/latest/features/tool_calling.html
    """
    roles = [message["role"] for message in body["messages"]]
    talk = [role for role in roles if role != "system"]
    error = {"object": "error", "type": "BadRequestError", "param": None, "code": 400}
    if "system" in roles[1:]:
        return 400, error | {"message": "System message must be at the beginning."}
    for before, after in zip(["start", *talk], talk, strict=False):
        if (before, after) in (("start", "assistant"), ("user", "user"), ("assistant", "assistant"), ("tool", "user")):
            text = (
                "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
            )
            return 400, error | {"message": text}
    if "stream_options" in body:
        detail = [
            {
                "type": "extra_forbidden",
                "loc": ["body", "stream_options"],
                "msg": "Extra inputs are not permitted",
                "input": {},
            }
        ]
        return 422, {"detail": detail}
    if answered(body):
        return completion({"content": f"<think>Sudah.</think>{REPLY}"})
    return completion({"content": f'[TOOL_CALLS][{{"name": "get_order", "arguments": {ORDER}}}]'})


def llama_cpp(body: Body) -> Answer:
    """llama.cpp's server: a small context, whose size stands in the error, and template errors as 500.

    https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, https://github.com/ggml-org/llama.cpp/pull/15780
    """
    tokens = len(json.dumps(body["messages"])) // 3
    if tokens > 700:
        text = "the request exceeds the available context size, try increasing it"
        return 400, {
            "error": {
                "code": 400,
                "message": text,
                "type": "exceed_context_size_error",
                "n_prompt_tokens": tokens,
                "n_ctx": 700,
            }
        }
    if any(message["role"] == "system" for message in body["messages"]):
        return 500, {"error": {"code": 500, "message": "System role not supported", "type": "server_error"}}
    if answered(body):
        return completion({"content": REPLY}, usage=None)
    return completion({"content": '{{"name": "get_order", "arguments": {{"order_id": "KS-1"}}}}'}, usage=None)


def ollama(body: Body) -> Answer:
    """Ollama with a model whose template knows no tools.

    https://docs.ollama.com/openai, https://github.com/ollama/ollama/issues/11131
    """
    if body.get("tools"):
        text = "registry.ollama.ai/library/deepseek-r1:14b does not support tools"
        return 400, {"error": {"message": text, "type": "api_error", "param": None, "code": None}}
    if any(message["role"] == "tool" or message.get("tool_calls") for message in body["messages"]):
        return 400, {"error": {"message": "tools are not supported", "type": "api_error", "param": None, "code": None}}
    assert "get_order" in json.dumps(body["messages"]), "the tools are described in words"
    if "<tool_response>" in body["messages"][-1]["content"]:
        return completion({"content": f"<think>\nok\n</think>\n\n{REPLY}"})
    return completion(
        {"content": f'<think>\nhm\n</think>\n\n```json\n{{"name": "get_order", "arguments": {ORDER}}}\n```'}
    )


class OpenRouter:
    """OpenRouter: what fails while the model works comes as 200 with `error`, once in the body and once in the choice.

    https://openrouter.ai/docs/api/reference/errors-and-debugging
    """

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, body: Body) -> Answer:
        self.asked += 1
        if self.asked == 1:
            return 200, {
                "error": {"code": 502, "message": "Provider returned error", "metadata": {"provider_name": "x"}}
            }
        if self.asked == 2:
            error = {"code": 429, "message": "Rate limit exceeded upstream"}
            return 200, {
                "id": "x",
                "choices": [{"error": error, "finish_reason": "error", "message": {"content": "Pesan"}}],
            }
        if answered(body):
            return completion(
                {"content": REPLY, "reasoning": "…", "reasoning_details": [{"type": "reasoning.text", "text": "…"}]}
            )
        return completion(
            {"content": "", "tool_calls": [call()], "reasoning_details": [{"type": "reasoning.text", "text": "…"}]}
        )


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[tuple[str, list[Body]]]:
    """Serve on loopback; yields the base URL and the bodies of all requests, with their `headers`."""
    bodies: list[Body] = []

    async def complete(request: Request) -> Response:
        body = json.loads(await request.body())
        bodies.append(body | {"headers": dict(request.headers)})
        status, answer = server(body)
        return JSONResponse(answer, status)

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    async with listening(app, "127.0.0.1", 0) as address:
        yield f"{address}/v1", bodies
