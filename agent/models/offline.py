"""A chat model that is a program: answers with no language model and no server, always the same way.

It quotes the passage that fits best and names its source, calls a tool when the customer plainly asks for it, asks for what is
missing, and says so when it does not know. It serves the demo, the tests, and as the last fallback when every other model fails.
What it understands is a matter of shared words, not of meaning: see docs/offline.md for what that cannot do.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.models._answer import Calls, next_step
from agent.models._dialogue import read

_CHARACTERS_PER_TOKEN = 4


class OfflineChatModel(BaseChatModel):
    """Answers from the system prompt's passages and the tools it is bound to. `agent_name` is who it says it is."""

    agent_name: str = "Balas"

    @property
    def _llm_type(self) -> str:
        return "balas-offline"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": "offline"}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bound to these tools. `tool_choice` changes nothing: a tool is called when the customer asks for it."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages, kwargs.get("tools") or ()))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, **kwargs)  # a few milliseconds of looking up words: not worth a thread

    def _answer(self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> AIMessage:
        step = next_step(read(messages, tools), self.agent_name)
        if isinstance(step, Calls):
            calls = [
                ToolCall(name=name, args=dict(arguments), id=_call_id(len(messages), name, arguments))
                for name, arguments in step.calls
            ]
            return _message("", messages, calls)
        return _message(step.text, messages, [])


def _call_id(place: int, name: str, arguments: Mapping[str, Any]) -> str:
    """The same call at the same place of a conversation has the same id, so that a turn can be run again."""
    key = json.dumps([place, name, arguments], sort_keys=True, ensure_ascii=False)
    return f"call_{hashlib.blake2b(key.encode(), digest_size=9).hexdigest()}"


def _message(text: str, messages: Sequence[BaseMessage], calls: list[ToolCall]) -> AIMessage:
    """The answer with an estimate of tokens, so that limits and displays have something to go by."""
    given = sum(len(message.text) for message in messages) // _CHARACTERS_PER_TOKEN
    made = (len(text) + sum(len(json.dumps(call["args"])) for call in calls)) // _CHARACTERS_PER_TOKEN + 1
    return AIMessage(
        text,
        tool_calls=calls,
        usage_metadata={"input_tokens": given, "output_tokens": made, "total_tokens": given + made},
        response_metadata={"model_name": "offline", "finish_reason": "tool_calls" if calls else "stop"},
    )
