"""OpenAI-compatible chat models: the client, and what its exceptions mean (retry, or try another model)."""

import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import structlog
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langchain_openai import ChatOpenAI
from pydantic import PrivateAttr

from agent import slots
from agent.models.caching import kept_breakpoints
from agent.models.dialects import Dialect, error_text, unreadable_call, wait_of, window_of
from agent.models.judge import RAW_CALLS, REFUSAL
from agent.models.textcalls import ARGUMENT_KEYS
from settings.backoff import requested_wait

if TYPE_CHECKING:
    import aiohttp
    import httpx2
    import yarl
    from multidict import CIMultiDict

log = structlog.get_logger()

ECHO = "echo"
"""Key in `AIMessage.additional_kwargs`: fields of the server's own, as it wants them back (DeepSeek's `reasoning_content`)."""
CALL_ECHO = "call_echo"
"""Key in `AIMessage.additional_kwargs`: such fields of each tool call, in their order (Gemini's `extra_content`)."""

_MOST_REFUSALS = 8
"""How often a server may refuse a request for one more reason before the call fails."""
_READ_FIELDS = frozenset(
    {
        "role",
        "content",
        "tool_calls",
        "function_call",
        "refusal",
        "audio",
        "annotations",
        "name",
        "id",
        "parsed",
        "images",
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """`retryable`: the same call may succeed later; `retry_after`: how long the server asked to wait; `late`: it took too long."""

    reason: str
    retryable: bool
    retry_after: timedelta | None = None
    late: bool = False


class ServerFault(Exception):
    """A server answered 200 with something else than an answer. `status` is what it would rather have said, if it told."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


def classify(error: Exception, now: datetime) -> Failure:
    """Read an exception of a model's client. Anything that is not known to be passing is not retried."""
    import httpx
    import openai

    if isinstance(error, openai.APITimeoutError | TimeoutError | httpx.TimeoutException) and not _broken(error):
        return Failure("the model did not answer in time", retryable=True, late=True)
    if isinstance(error, openai.APIConnectionError | httpx.TransportError | ConnectionError):
        return Failure("the model's server cannot be reached", retryable=True)
    if isinstance(error, ServerFault):
        return Failure(
            f"the model's server answered with an error: {error}", error.status is None or _passing(error.status)
        )
    for cause in _causes(error):
        if (status := _status(cause)) is None:
            continue
        body = getattr(cause, "body", None) or getattr(cause, "details", None)
        headers = getattr(getattr(cause, "response", None), "headers", None)
        wait = (requested_wait(headers, now) if headers is not None else None) or wait_of(body)
        said = " ".join(error_text(body).split())[:200] if status < 500 else ""
        reason = f"the model's server answered {status}" + (f": {said}" if said and status != 429 else "")
        return Failure(reason, _passing(status) and getattr(cause, "code", None) != "insufficient_quota", wait)
    return Failure(f"{type(error).__name__}: {error}"[:300], retryable=False)


def _status(error: BaseException) -> int | None:
    """HTTP status that an exception of a client names; Google's calls it `code`."""
    for status in (
        getattr(error, "status_code", None),
        getattr(getattr(error, "response", None), "status_code", None),
        getattr(error, "code", None),
    ):
        if isinstance(status, int):
            return status
    return None


def _causes(error: BaseException) -> Sequence[BaseException]:
    """An exception and what it was raised from: langchain's packages wrap those of the provider's client."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None and len(causes) < 8:
        causes.append(cause)
    return causes


def _broken(error: BaseException) -> bool:
    """Whether a connection ended, which the client's aiohttp transport reports as a timeout, too."""
    import aiohttp

    return any(
        isinstance(cause, aiohttp.ClientError) and not isinstance(cause, TimeoutError) for cause in _causes(error)
    )


def _passing(status: int) -> bool:
    return status in (408, 409, 423, 424, 425, 429, 498) or status >= 500


class CompatibleChat(ChatOpenAI):
    """`ChatOpenAI`, asked in the dialect of its server, without the client's typed request and answer.

    Walking the type hints of every message, and building an object of every field to take it apart again, took half of
    the processor time of a call, and grew with the history; merging headers, options and retries around each request took
    half of the rest. Connections, errors and headers stay the client's.
    What the answer is worth is for `agent.models.judge`; here nothing of it is lost or changed.
    """

    _dialect: Dialect = PrivateAttr(default_factory=Dialect)
    _endpoint: "_Endpoint | None" = PrivateAttr(default=None)

    @property
    def dialect(self) -> Dialect:
        """What the server has refused so far."""
        return self._dialect

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - langchain's
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Ask without langchain's callbacks, of which there are none: they took a tenth of the processor time of a call."""
        messages = input if isinstance(input, list) else self._convert_input(input).to_messages()
        result = await self._agenerate(cast("list[BaseMessage]", messages), stop, **kwargs)
        return cast("AIMessage", result.generations[0].message)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        head = messages[:1] if messages and written(messages[0]) is None else []  # most often the system message
        payload = self._get_request_payload(head, stop=stop, **kwargs)
        payload["messages"] += [written(each) or self._written(each, kwargs) for each in messages[len(head) :]]
        for message, sent in zip(messages, payload["messages"], strict=True):
            if isinstance(message.content, str) and not message.additional_kwargs:
                continue
            if isinstance(message, AIMessage):
                _echo(message, sent)
            if isinstance(message.content, list) and isinstance(sent.get("content"), list):
                sent["content"] = kept_breakpoints(message.content, sent["content"])
        payload |= payload.pop("extra_body", None) or {}
        async with slots.released():
            answer = await self._post(payload)
        return read_answer(answer)

    def _written(self, message: BaseMessage, given: Mapping[str, Any]) -> dict[str, Any]:
        """A message in the words of the API, as langchain writes it."""
        sent: dict[str, Any] = self._get_request_payload([message], **given)["messages"][0]
        return sent

    async def _post(self, payload: dict[str, Any]) -> Any:
        import openai

        for _ in range(_MOST_REFUSALS):
            body = self._dialect.fit(payload)
            try:
                return await self._request(body)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:  # cut off or damaged on the way
                raise ServerFault(f"its body cannot be read: {error}") from error
            except openai.APIStatusError as error:
                said = error.body if error.body is not None else error.response.text
                if (written := unreadable_call(said)) is not None:
                    return _unread(written)
                learned = None if window_of(said, 0) is not None else self._dialect.learn(error.status_code, said, body)
                if learned is None:
                    raise
                log.warning("model_dialect", model=self.model_name, learned=learned, said=error_text(said)[:200])
        raise ServerFault(f"it refused {_MOST_REFUSALS} forms of one request", 400)

    async def _request(self, body: Mapping[str, Any]) -> Any:
        """One request; its answer as JSON, or as text where that is no JSON by its type."""
        import anyio
        import httpx2
        import openai

        client = self.root_async_client
        http = self.http_async_client or client._client
        endpoint = self._endpoint = self._endpoint or _Endpoint.of(client)
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        try:
            answer = await endpoint.post(http, content)
        except httpx2.TimeoutException as error:
            raise openai.APITimeoutError(request=endpoint.request(content)) from error
        except (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream) as error:
            raise openai.APIConnectionError(request=endpoint.request(content)) from error
        if isinstance(answer, bytes):
            return json.loads(answer)
        if not answer.is_success:
            raise client._make_status_error_from_response(answer)
        return answer.json() if _is_json(answer.headers) else answer.text


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().endswith("json")


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where a client sends its requests, with the headers and timeouts that all of them have: as httpx has them, and as aiohttp."""

    url: "httpx2.URL"
    headers: "httpx2.Headers"
    extensions: dict[str, Any]
    address: "yarl.URL"
    fields: "CIMultiDict[str]"
    timeout: "aiohttp.ClientTimeout"

    @classmethod
    def of(cls, client: Any) -> "_Endpoint":
        """Read them from a request that the client builds."""
        import aiohttp
        import yarl
        from multidict import CIMultiDict
        from openai._models import FinalRequestOptions

        options = FinalRequestOptions.construct(method="post", url="/chat/completions", json_data={})
        built = client._build_request(options, retries_taken=0)
        headers = built.headers.copy()
        for name in ("content-length", "transfer-encoding"):
            headers.pop(name, None)
        seconds = built.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(
            sock_connect=seconds.get("connect"), sock_read=seconds.get("read"), connect=seconds.get("pool")
        )
        fields = CIMultiDict(headers.multi_items())
        return cls(built.url, headers, dict(built.extensions), yarl.URL(str(built.url)), fields, timeout)

    def request(self, content: bytes) -> "httpx2.Request":
        """A request as the client sends it."""
        import httpx2

        return httpx2.Request("POST", self.url, headers=self.headers, content=content, extensions=self.extensions)

    async def post(self, http: "httpx2.AsyncClient", content: bytes) -> "httpx2.Response | bytes":
        """Post JSON over a client's connections; the JSON of an answer that needs no unpacking, of any other the answer.

        The client's objects around a request, and its layers for authentication, cookies and redirects, took as long as aiohttp itself.

        Raises:
            httpx2.RequestError: there was no answer.
        """
        from openai._vendor.httpx_aiohttp.transport import AiohttpTransport, map_aiohttp_exceptions

        transport = http._transport_for_url(self.url)
        if not isinstance(transport, AiohttpTransport) or transport.proxy is not None:
            return await http.send(self.request(content))
        session = transport.client = transport.get_client()
        with map_aiohttp_exceptions():
            async with session.post(
                self.address,
                data=content,
                headers=self.fields,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self.timeout,
            ) as answer:
                given, headers = await answer.read(), answer.headers
        if 200 <= answer.status < 300 and "content-encoding" not in headers and _is_json(headers):
            return given
        if 300 <= answer.status < 400:
            return await http.send(self.request(content))
        import httpx2

        return httpx2.Response(answer.status, headers=answer.raw_headers, content=given, request=self.request(content))


_ROLES = {"human": "user", "ai": "assistant", "tool": "tool"}


def written(message: BaseMessage) -> dict[str, Any] | None:
    """Write a message of text and calls in the words of the API; `None` for any other: that is langchain's to write.

    Nearly all of a prompt is such messages, and langchain takes four times as long for each.
    """
    role, content = _ROLES.get(message.type), message.content
    if role is None or not isinstance(content, str) or message.additional_kwargs:
        return None
    if isinstance(message, ToolMessage):
        return {"content": content, "role": role, "tool_call_id": message.tool_call_id}
    if message.name or (isinstance(message, AIMessage) and message.invalid_tool_calls):
        return None
    if not isinstance(message, AIMessage) or not message.tool_calls:
        return {"content": content, "role": role}
    calls = [
        {
            "type": "function",
            "id": call["id"],
            "function": {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)},
        }
        for call in message.tool_calls
    ]
    return {"content": content or None, "role": role, "tool_calls": calls}


def _unread(written: str) -> dict[str, Any]:
    """The answer that a server keeps back because it cannot read the call in it; `agent.models.judge` may, or tells the model."""
    message = {"role": "assistant", "content": written}
    return {"choices": [{"message": message, "finish_reason": "malformed_function_call"}]}


def _echo(message: AIMessage, sent: dict[str, Any]) -> None:
    """Put the server's own fields back where they were."""
    for key, value in (message.additional_kwargs.get(ECHO) or {}).items():
        sent.setdefault(key, value)
    for call, own in zip(sent.get("tool_calls") or (), message.additional_kwargs.get(CALL_ECHO) or (), strict=False):
        call.update({key: value for key, value in own.items() if key not in call})


def read_answer(answer: Any) -> ChatResult:
    """Read the JSON of a completion, keeping what the server added.

    Args:
        answer: the body, as JSON.

    Raises:
        ServerFault: it is no completion, or holds an error.
    """
    if isinstance(answer, str):  # of another content type than JSON
        try:
            answer = json.loads(answer)
        except ValueError:
            raise ServerFault(f"no JSON: {answer[:100]!r}") from None
    if isinstance(answer, list) and len(answer) == 1:
        (answer,) = answer
    if not isinstance(answer, Mapping):
        raise ServerFault(f"no JSON object: {str(answer)[:100]!r}")
    _raise_error(answer)
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping):
        raise ServerFault(f"no choices: {', '.join(map(str, answer))[:100]}")
    _raise_error(choice)
    said = choice.get("message")
    message = read_message(said if isinstance(said, Mapping) else {})
    message.usage_metadata = _usage(answer.get("usage"))
    message.response_metadata = {
        "model_name": str(answer.get("model") or ""),
        "finish_reason": choice.get("finish_reason"),
    }
    return ChatResult(generations=[ChatGeneration(message=message)])


def read_message(said: Mapping[str, Any]) -> AIMessage:
    """Read the message of a choice; tool calls are kept as they were sent."""
    own = {key: value for key, value in said.items() if key not in _READ_FIELDS and value is not None}
    calls = said.get("tool_calls")
    calls = [call for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else []
    if not calls and isinstance(said.get("function_call"), Mapping):
        calls = [{"function": said["function_call"]}]
    kept: dict[str, Any] = {ECHO: own} if own else {}
    if calls:
        kept[RAW_CALLS] = [_raw_call(call) for call in calls]
        extra = [
            {key: value for key, value in call.items() if key not in ("id", "type", "function", "index")}
            for call in calls
        ]
        kept |= {CALL_ECHO: extra} if any(extra) else {}
    if said.get("refusal"):
        kept[REFUSAL] = str(said["refusal"])
    content = said.get("content")
    if isinstance(content, list):
        content = [block for block in content if isinstance(block, str | dict)]
    return AIMessage(content=content if isinstance(content, str | list) else "", additional_kwargs=kept)


def _raw_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"] if isinstance(call.get("function"), Mapping) else call
    arguments = next((function[key] for key in ARGUMENT_KEYS if function.get(key) is not None), None)
    return {"id": call.get("id"), "name": function.get("name"), "arguments": arguments}


def _raise_error(answer: Mapping[str, Any]) -> None:
    error = answer.get("error")
    if not error and answer.get("object") == "error":
        error = answer
    if not error:
        return
    code = error.get("code") if isinstance(error, Mapping) else None
    text = error_text(error if not isinstance(error, Mapping) else dict(error)) or json.dumps(error)[:200]
    raise ServerFault(text[:500], int(str(code)) if str(code).isdecimal() else None)


def _usage(usage: object) -> UsageMetadata | None:
    if not isinstance(usage, Mapping):
        return None
    given, written = _tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens"))
    if not given or written is None:
        return None
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, Mapping) else {"cached_tokens": usage.get("prompt_cache_hit_tokens")}
    found = UsageMetadata(input_tokens=given, output_tokens=written, total_tokens=given + written)
    if (cached := _tokens(details.get("cached_tokens"))) is not None:
        found["input_token_details"] = {"cache_read": min(cached, given)}
    if (kept := _tokens(details.get("cache_write_tokens"))) is not None:  # OpenRouter
        found["input_token_details"] = {**found.get("input_token_details", {}), "cache_creation": min(kept, given)}
    return found


def _tokens(value: object) -> int | None:
    """A number of tokens as a server counts; `None` where it does not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 2**31 else None
