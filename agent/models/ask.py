"""Asking the models of agent.yaml in their order until one gives an answer that counts.

`Models.ask` bounds every call by `model.timeout`, repeats what may pass, tells a model twice at most what was wrong with its answer,
shortens a conversation that is too long for a model, and goes on to the next model otherwise. The caller sees a good answer or
`NoAnswer`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import structlog

from agent import slots
from agent.models import caching, pictures, tokens
from agent.models.chat import ChatModel
from agent.models.dialects import in_turns
from agent.models.values import TurnValues, configured
from agent.telemetry import spans
from language.detect import NAMES, clearly_in, hints_at, names_a_language, related
from settings.backoff import Backoff
from settings.clock import sleep
from settings.text import cleaned, element

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import RunnableConfig


log = structlog.get_logger()

REPAIRS = 2
"""How often a model is told that its answer was no good, before the next one is asked."""
MADE_BY = "made_by"
"""Key in `AIMessage.additional_kwargs`: name of the model whose fields stand beside it."""
_SHORTENINGS = 3
_ANSWER_ROOM = 800
"""Tokens of a model's window that are kept for the answer."""
_BACKOFF = Backoff(timedelta(seconds=0.5), timedelta(seconds=20), least=0.5)
_WRITTEN = 1000
"""Characters of a rejected answer that its author sees again."""


class NoAnswer(Exception):
    """No model gave an answer that counts; the message says why, model by model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. Tokens and dollars count everything that it took, answers that were rejected included."""

    message: "AIMessage"
    model: str
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: float = 0.0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


REPAIR = "<runtime>"
"""Begins what a model is told of an answer of its own that does not count."""


@dataclass(slots=True)
class _Spent:
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: float = 0.0

    def add(self, chat: ChatModel, asked: int, answer: "AIMessage") -> None:
        """Count an answer.

        Args:
            chat: who gave it.
            asked: tokens of the prompt by our own count, where the server has not counted.
            answer: with its usage, if the server told.
        """
        usage = answer.usage_metadata
        tokens_in = usage["input_tokens"] if usage else asked
        tokens_out = usage["output_tokens"] if usage else tokens.of_message(answer, chat.count)
        details = usage.get("input_token_details", {}) if usage else {}
        cached, written = details.get("cache_read") or 0, details.get("cache_creation") or 0
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.tokens_cached += cached
        self.cost += chat.cost(tokens_in, tokens_out, cached, written)


@dataclass(slots=True)
class _Attempt:
    """What has happened while one model is asked. `history` of the messages, after the system's, may be left out."""

    messages: "list[BaseMessage]"
    history: int = 0
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    failures: int = 0
    repairs: int = 0
    shortenings: int = 0
    reasons: list[str] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)
    foreign: "AIMessage | None" = None
    """A good answer in a language that the customer does not write; the model is told so once."""


class Models:
    """The models of agent.yaml with the tools that they may call. Built once per process."""

    def __init__(
        self,
        models: Sequence[ChatModel],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        retries: int,
        clock: Callable[[], datetime],
    ) -> None:
        """Bind the models to the tools.

        Args:
            models: asked in this order until one answers.
            tools: as the OpenAI API describes them; langchain translates them for other providers.
            retries: how often a failed call is repeated before the next model is asked.
            clock: the time, aware UTC.
        """
        self._models = models
        self._names = [str(tool["function"]["name"]) for tool in tools]
        self._calling = [
            chat.model.bind_tools([dict(tool) for tool in tools]) if tools else chat.model for chat in models
        ]
        self._closing = [
            chat.model.bind_tools([dict(tool) for tool in tools], tool_choice="none") if tools else chat.model
            for chat in models
        ]
        self._tools = list(tools)
        self._retries = retries
        self._clock = clock

    async def ask(
        self,
        messages: "Sequence[BaseMessage]",
        values: TurnValues | None = None,
        *,
        prefix: str,
        deadline: float,
        callable_tools: Collection[str] | None = None,
        history: int = 0,
        pictures: Mapping[str, bytes] | None = None,
    ) -> Answer:
        """Ask until a model gives an answer that counts.

        Args:
            messages: the whole conversation with the system prompt.
            values: what the turn knows beside them.
            prefix: says which answer this is, for the ids of its calls: turn and number of the model call.
            deadline: time of the event loop after which nothing is repeated.
            callable_tools: names of the tools that may be called now; all without. The tools are described all the same, so that
                the beginning of the prompt stays the same.
            history: how many of the messages, after the system's, may be left out for a model with a small window.
            pictures: what a model that sees is shown, as JPEG by the ids that messages name.

        Raises:
            NoAnswer: no model did.
        """
        names = self._names if callable_tools is None else list(callable_tools)
        spent, reasons, silent = _Spent(), [], None
        for position, chat in enumerate(self._models):
            bound = (self._calling if names else self._closing)[position]
            attempt = _Attempt(list(messages), history, pictures or {})
            found = await self._ask_one(chat, bound, attempt, values, names, prefix, deadline, spent)
            if attempt.foreign is not None and (found is None or not (found.text or found.tool_calls)):
                found = attempt.foreign
            if found is not None and (found.text or found.tool_calls):
                return _answer(chat, found, spent)
            silent = silent or ((chat, found) if found is not None else None)
            reasons += [f"{chat.name}: {reason}" for reason in attempt.reasons]
        if silent is not None:  # after a call there may be nothing left to say
            return _answer(*silent, spent)
        raise NoAnswer("; ".join(dict.fromkeys(reasons)))

    async def _ask_one(
        self,
        chat: ChatModel,
        bound: Any,
        attempt: _Attempt,
        values: TurnValues | None,
        names: Collection[str],
        prefix: str,
        deadline: float,
        spent: _Spent,
    ) -> "AIMessage | None":
        """Ask one model until its answer counts, it fails for good, or has been repaired in vain; an empty answer may come back."""
        from agent.models.judge import Failed, Good, judge

        after_tool = attempt.messages[-1].type == "tool"
        while True:
            try:
                answer = await _call(chat, bound, self._prompt(chat, attempt), values)
            except Exception as error:  # noqa: BLE001 - whatever a model's client raises, the customer gets an answer
                if not await self._again(chat, attempt, error, deadline, prefix):
                    return None
                continue
            spent.add(chat, 0 if answer.usage_metadata else self._size(chat, attempt), answer)
            if chat.offline and not answer.tool_calls:
                return answer  # a program quotes documents as they are, whatever they look like
            match judge(answer, names, prefix, to_customer=values is not None):
                case Good(message):
                    if message.additional_kwargs:
                        message.additional_kwargs[MADE_BY] = chat.name
                    if attempt.foreign is not None and message.tool_calls:
                        return attempt.foreign  # it was to write the same again: calls would go round in circles
                    if attempt.foreign is not None and names_a_language(message.text):
                        return attempt.foreign  # it mentions the translation, which was not asked for
                    told = _told_of_language(message, values, attempt.messages) if attempt.foreign is None else None
                    if told is None or asyncio.get_running_loop().time() >= deadline:
                        return message
                    attempt.foreign = message
                    attempt.messages += _repair(told, message.text)
                    log.warning("model_answer_foreign", turn=prefix, model=chat.name)
                case Failed(reason):
                    attempt.reasons.append(reason)
                    log.warning("model_failed", turn=prefix, model=chat.name, reason=reason)
                    return None
                case verdict:
                    attempt.reasons.append(verdict.reason)
                    attempt.repairs += 1
                    log.warning(
                        "model_answer_rejected",
                        turn=prefix,
                        model=chat.name,
                        reason=verdict.reason,
                        times=attempt.repairs,
                    )
                    out_of_time = asyncio.get_running_loop().time() >= deadline
                    if attempt.repairs > REPAIRS or out_of_time:
                        return _nothing(answer) if verdict.silent and after_tool else None
                    if verdict.written in attempt.rejected and not any(
                        each.type == "tool" for each in attempt.messages
                    ):
                        bound, names = (
                            chat.model,
                            (),
                        )  # it says the same again: with no tools before it, it may write words
                    attempt.rejected.add(verdict.written)
                    attempt.messages += _repair(verdict.told, verdict.written)

    def _size(self, chat: ChatModel, attempt: _Attempt) -> int:
        return tokens.of_messages(attempt.messages, chat.count) + tokens.of_tools(self._tools, chat.count)

    def _prompt(self, chat: ChatModel, attempt: _Attempt) -> "list[BaseMessage]":
        """The messages as this model gets them: within its window, with what it can see, and with marks for its cache."""
        fitted: Sequence[BaseMessage] = attempt.messages
        if (window := chat.dialect.window) is not None:
            room = window - min(_ANSWER_ROOM, window // 4) - tokens.of_tools(self._tools, chat.count)
            fitted = tokens.shorten(fitted, attempt.history, room, chat.count)
        kept = len(attempt.messages) - 1 - attempt.history
        sees = chat.dialect.images and not 0 < self._retries <= attempt.failures  # a server may fall over a picture
        shown = [
            pictures.shown(_restored(chat, each), attempt.pictures, sees=sees) if each.additional_kwargs else each
            for each in fitted
        ]
        marked = caching.with_breakpoints(shown, len(shown) - kept) if chat.explicit_cache else shown
        return marked if chat.offline or chat.compatible else in_turns(marked)

    async def _again(self, chat: ChatModel, attempt: _Attempt, error: Exception, deadline: float, prefix: str) -> bool:
        """Whether the call may be repeated, after the wait that the error asks for."""
        from agent.models.dialects import window_of
        from agent.models.openai import classify

        window = window_of(getattr(error, "body", None) or str(error), self._size(chat, attempt))
        if window is not None and attempt.shortenings < _SHORTENINGS:
            attempt.shortenings += 1
            known = chat.dialect.window
            chat.dialect.window = window if known is None or window < known else known * 3 // 4
            log.warning("model_window", model=chat.name, tokens=chat.dialect.window)
            return True
        failure = classify(error, self._clock())
        attempt.failures += 1
        attempt.reasons.append(failure.reason)
        log.warning("model_failed", turn=prefix, model=chat.name, reason=failure.reason, attempt=attempt.failures)
        wait = _BACKOFF.wait(attempt.failures, failure.retry_after).total_seconds()
        remaining = deadline - asyncio.get_running_loop().time()
        if not failure.retryable or attempt.failures > self._retries or wait > remaining:
            return False
        if failure.late and chat is not self._models[-1] and remaining < 2 * (chat.timeout or 0):
            return False  # the time that is left is the next model's
        async with slots.released():
            await sleep(wait)
        return True


async def _call(chat: ChatModel, bound: Any, messages: "list[BaseMessage]", values: TurnValues | None) -> "AIMessage":
    from langchain_core.messages import AIMessage

    config = configured(values) if values is not None else None
    with spans.measured("chat", chat.name, {"gen_ai.provider.name": chat.provider}) as span:
        shown: list[BaseMessage] = []
        span.content = lambda: spans.spoken(_told(messages), _told(shown))
        async with asyncio.timeout(chat.timeout):
            answer = await _asked(chat, bound, messages, config)
        if not isinstance(answer, AIMessage):
            raise TypeError(f"{chat.name} answered with a {type(answer).__name__}")
        shown.append(answer)
        _describe(span, answer)
    return answer


def _asked(
    chat: ChatModel, bound: Any, messages: "list[BaseMessage]", config: "RunnableConfig | None"
) -> Awaitable[Any]:
    """Ask a model with what is bound to it, without langchain's merging of configurations: a binding of ours has none."""
    if chat.offline:  # none of langchain's: it needs no runnables, whose import is dear
        return cast("Awaitable[Any]", bound.ainvoke(messages, config))
    from langchain_core.runnables import RunnableBinding

    if isinstance(bound, RunnableBinding) and not (bound.config or bound.config_factories):
        return bound.bound.ainvoke(messages, config, **bound.kwargs)
    return cast("Awaitable[Any]", bound.ainvoke(messages, config))


_ROLES = {"human": "user", "ai": "assistant"}


def _describe(span: spans.Span, answer: "AIMessage") -> None:
    """Complete the span of a call by what its answer says beside the text."""
    told, usage = answer.response_metadata, answer.usage_metadata
    if usage is not None:
        cached = usage.get("input_token_details", {}).get("cache_read") or 0
        spans.used(span, usage["input_tokens"], usage["output_tokens"], cached)
    if reason := told.get("finish_reason") or told.get("stop_reason"):
        span.attributes["gen_ai.response.finish_reasons"] = [str(reason)]
    for name, key in (("model", "model_name"), ("id", "id")):
        if told.get(key):
            span.attributes[f"gen_ai.response.{name}"] = str(told[key])


def _told(messages: "Sequence[BaseMessage]") -> list[tuple[str, str]]:
    """Messages in words, each with its role: its text, and what it calls."""
    told = []
    for message in messages:
        calls = [
            f"{call['name']}({json.dumps(call['args'], ensure_ascii=False)})"
            for call in getattr(message, "tool_calls", [])
        ]
        told.append(
            (_ROLES.get(message.type, message.type), "\n".join([*([message.text] if message.text else []), *calls]))
        )
    return told


def _restored(chat: ChatModel, message: "BaseMessage") -> "BaseMessage":
    """Make an earlier answer what its model wants back within the turn: with the blocks that were taken off it.

    Another model's fields (signed thoughts, `reasoning_content`) are nothing to this one, so they are left out.
    """
    from agent.models.judge import BLOCKS

    kept = message.additional_kwargs
    if MADE_BY not in kept:
        return message
    if kept[MADE_BY] != chat.name:
        return message.model_copy(update={"additional_kwargs": {}})
    if BLOCKS in kept and not chat.compatible:
        return message.model_copy(update={"content": kept[BLOCKS]})
    return message


def _answer(chat: ChatModel, message: "AIMessage", spent: _Spent) -> Answer:
    """An answer whose texts and arguments can be kept and sent."""
    given = {name: getattr(message, name) for name in ("content", "tool_calls", "additional_kwargs")}
    changed = {name: new for name, old in given.items() if (new := cleaned(old)) != old}
    message = message.model_copy(update=changed) if changed else message
    return Answer(message, chat.name, spent.tokens_in, spent.tokens_out, spent.tokens_cached, spent.cost)


def _nothing(answer: "AIMessage") -> "AIMessage":
    from langchain_core.messages import AIMessage

    return AIMessage("", response_metadata=answer.response_metadata, usage_metadata=answer.usage_metadata)


def _told_of_language(message: "AIMessage", values: TurnValues | None, asked: "Sequence[BaseMessage]") -> str | None:
    """What a model hears whose answer is beyond doubt in another language than the customer's.

    None when it is not, when another was wished for, and when nothing that the customer has written tells their language.
    """
    if values is None or message.tool_calls or names_a_language(values.said or ""):
        return None
    written = clearly_in(message.text)
    if written is None or related(written, values.language):
        return None
    own = [values.said or "", *(each.text for each in asked if each.type == "human" and "<context>" not in each.text)]
    if not any(hints_at(text, values.language) for text in own):
        return None
    meant = NAMES.get(values.language, values.language)
    return (
        f"Your answer was not sent: the customer reads {meant}. Translate it into {meant}, and write the translation and nothing else:\n"
        f"{message.text[:_WRITTEN]}"
    )


def _repair(told: str, written: str) -> "list[BaseMessage]":
    """What a model gets back of an answer that was not sent, and what it is told of it."""
    from langchain_core.messages import AIMessage, HumanMessage

    return [AIMessage(written[:_WRITTEN] or "…"), HumanMessage(element("runtime", told))]
