"""The chat model behind any server that speaks OpenAI's chat completions."""

from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI

from agent import seats


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
        async with seats.left():
            answer: Any = await self.root_async_client.post("/chat/completions", cast_to=object, body=payload)
        return self._create_chat_result(answer)
