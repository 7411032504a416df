"""OpenAI-compatible chat models: the client, and what its exceptions mean (retry, or try another model)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI

from agent import slots
from settings.backoff import requested_wait


@dataclass(frozen=True, slots=True)
class Failure:
    """`retryable`: the same call may succeed later; `retry_after`: how long the server asked to wait."""

    reason: str
    retryable: bool
    retry_after: timedelta | None = None


def classify(error: Exception, now: datetime) -> Failure:
    """Read an exception of the OpenAI client. Anything that is not known to be passing is not retried."""
    import openai

    if isinstance(error, openai.APITimeoutError):
        return Failure("the model did not answer in time", retryable=True)
    if isinstance(error, openai.APIConnectionError):
        return Failure("the model's server cannot be reached", retryable=True)
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        passing = status in (408, 409, 425, 429) or status >= 500
        if status == 429 and getattr(error, "code", None) == "insufficient_quota":
            passing = False
        return Failure(f"the model's server answered {status}", passing, requested_wait(error.response.headers, now))
    return Failure(f"{type(error).__name__}: {error}", retryable=False)


class CompatibleChat(ChatOpenAI):
    """`ChatOpenAI`, asked without the client's typed request and answer.

    Walking the type hints of every message, and building an object of every field to take it apart again, took half of
    the processor time of a call, and grew with the history. Connections, errors and headers stay the client's.
    """

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        payload = self._get_request_payload(messages, stop=stop, **kwargs)
        async with slots.released():
            answer: Any = await self.root_async_client.post("/chat/completions", cast_to=object, body=payload)
        return self._create_chat_result(answer)
