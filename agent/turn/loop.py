"""LangSmith's spans around our middleware: prepared in place while nobody traces, and not in another thread each time."""

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import langsmith
import structlog
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import AgentState, ModelRequest, ModelResponse, ToolCallRequest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.tools import BaseTool, StructuredTool
from langsmith.utils import tracing_is_enabled

from actions.action import Action, Context, Outcome
from actions.confirmation import question as ask
from agent import slots
from agent.faults import point
from agent.models.chat import ChatModel
from agent.models.openai import classify
from agent.models.toolcard import describe
from agent.models.values import configured
from agent.turn import steps
from agent.turn.context import LimitReached, ModelsFailed, Superseded, TurnRun
from settings.backoff import Backoff

log = structlog.get_logger()


async def _in_place(
    default: Callable[..., Any], context: contextvars.Context, work: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    if tracing_is_enabled():
        return await default(context, work, *args, **kwargs)
    return context.run(work, *args, **kwargs)


def prepare_in_place() -> None:
    """For this process: without tracing a span is empty, and its six thread hops a turn are all that it costs."""
    langsmith.set_runtime_overrides(aio_to_thread=_in_place)


_NEWER = "a newer message arrived"
_BACKOFF = Backoff(timedelta(seconds=0.5), timedelta(seconds=20), least=0.5)
_IDENTICAL_CALLS = 3
"""How often the very same call may be asked for in one turn before the loop is broken off."""


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """What one turn may use. `retries` is per model, while there is a fallback; the last one is tried for half of the turn's time
    (longer when it names a time itself): then a human is of more use than patience."""

    model_calls: int
    actions: int
    tokens: int
    retries: int


class Loop:
    """The model with its tools. Built once: compiling the graph costs more than running it."""

    def __init__(
        self,
        models: Sequence[ChatModel],
        actions: Mapping[str, Action],
        limits: LoopLimits,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        prepare_in_place()
        tools = [_tool(action) for action in actions.values()]
        middleware = _TurnMiddleware(models, actions, limits, clock)
        self._graph = create_agent(models[0].model, tools, middleware=[middleware], context_schema=TurnRun)
        self._recursion = 4 * limits.model_calls + 10

    async def answer(self, run: TurnRun, messages: Sequence[BaseMessage]) -> str:
        """The model's final text. What was done on the way is in `run`.

        Raises `Superseded`, `LimitReached` or `ModelsFailed`.
        """
        state: Any = {"messages": list(messages)}
        config = configured(run.values, recursion_limit=self._recursion)
        result = await self._graph.ainvoke(state, config, context=run)
        return _text(result["messages"][-1])


def _tool(action: Action) -> BaseTool:
    async def unreachable(**_arguments: Any) -> str:
        raise AssertionError("actions run in the middleware")

    return StructuredTool(
        name=action.name,
        description=describe(action.description, action.examples),
        args_schema=dict(action.parameters),
        coroutine=unreachable,
    )


def _text(message: BaseMessage) -> str:
    return message.text.strip()


class _TurnMiddleware(AgentMiddleware[AgentState[Any], TurnRun, Any]):
    def __init__(
        self,
        models: Sequence[ChatModel],
        actions: Mapping[str, Action],
        limits: LoopLimits,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._models = models
        self._actions = actions
        self._limits = limits
        self._clock = clock

    async def awrap_model_call(
        self,
        request: ModelRequest[TurnRun],
        handler: Callable[[ModelRequest[TurnRun]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        run = request.runtime.context
        if run.question is not None:
            return ModelResponse([AIMessage(run.question[2])])
        watched = run.arrivals if not run.effects else None
        if watched is not None and run.model_calls and await watched.newer():
            raise Superseded(_NEWER)
        run.model_calls += 1
        request = request.override(system_message=SystemMessage(run.system))
        key, given = f"model/{run.model_calls}", _fingerprint(request)
        if (step := run.log.finished(key, given)) is not None:
            return ModelResponse(messages_from_dict([step.output]))
        if run.model_calls > self._limits.model_calls:
            raise LimitReached(f"limits.model_calls: more than {self._limits.model_calls}")
        if run.log.tokens > self._limits.tokens:
            raise LimitReached(f"limits.tokens_per_turn: more than {self._limits.tokens}")
        started_at = self._clock()
        point("model-call")
        chat, message = await self._ask(request, handler, run)
        point("model-answered")
        usage = message.usage_metadata
        tokens_in, tokens_out = (usage["input_tokens"], usage["output_tokens"]) if usage else (0, 0)
        if watched is not None and message.tool_calls:
            run.log.along(watched.look)
        await run.log.record(
            key,
            "model",
            chat.name,
            given,
            message_to_dict(message),
            started_at=started_at,
            tokens=tokens_in + tokens_out,
            cost=chat.cost(tokens_in, tokens_out),
            shown=given if run.model_calls == 1 else {"messages": given["messages"][-1:]},
        )
        point("model-recorded")
        if watched is not None and watched.noticed:
            raise Superseded(_NEWER)
        return ModelResponse([message])

    async def _ask(
        self,
        request: ModelRequest[TurnRun],
        handler: Callable[[ModelRequest[TurnRun]], Awaitable[ModelResponse[Any]]],
        run: TurnRun,
    ) -> tuple[ChatModel, AIMessage]:
        """Ask the models in order until one answers. The last is asked again for half of what is left of the turn's time."""
        reasons = []
        now = asyncio.get_running_loop().time
        patience = now() + (run.deadline - now()) / 2
        for chat in self._models:
            last = chat is self._models[-1]
            attempt = 0
            while True:
                attempt += 1
                try:
                    response = await handler(request.override(model=chat.model))
                    message = response.result[0]
                    if not isinstance(message, AIMessage):
                        raise TypeError(f"{chat.name} answered with a {type(message).__name__}")
                except Exception as error:  # noqa: BLE001 - whatever a model's client raises, the customer gets an answer
                    failure = classify(error, self._clock())
                    reasons.append(f"{chat.name}: {failure.reason}")
                    wait = _BACKOFF.wait(attempt, failure.retry_after).total_seconds()
                    remaining = (patience if failure.retry_after is None else run.deadline) - now()
                    log.warning(
                        "model_failed", turn=run.log.turn, model=chat.name, reason=failure.reason, attempt=attempt
                    )
                    if not failure.retryable or wait > remaining or (not last and attempt > self._limits.retries):
                        break
                    async with slots.released():
                        await asyncio.sleep(wait)
                else:
                    return chat, message
        raise ModelsFailed("; ".join(dict.fromkeys(reasons)))

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[Any]],
    ) -> ToolMessage:
        run = cast("TurnRun", request.runtime.context)
        call = request.tool_call
        outcome = await self._call(run, call["name"], call["args"], str(call["id"]))
        return ToolMessage(told(outcome), tool_call_id=call["id"], name=call["name"])

    async def _call(self, run: TurnRun, name: str, arguments: dict[str, Any], call_id: str) -> Outcome:
        action = self._actions.get(name)
        if action is None:
            return Outcome("refused", f"There is no action {name!r}. Actions: {', '.join(self._actions) or 'none'}.")
        same = f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"
        run.calls[same] = run.calls.get(same, 0) + 1
        if run.calls[same] > _IDENTICAL_CALLS:
            raise LimitReached(f"the same call of {name} was asked for {run.calls[same]} times")
        if (before := run.outcomes.get(same)) is not None:
            return replace(
                before, content=f"This was called with the same arguments before. {before.content}", requests=()
            )
        run.action_calls += 1
        if run.action_calls > self._limits.actions:
            raise LimitReached(f"limits.actions: more than {self._limits.actions}")
        async with run.one_at_a_time:
            outcome = await perform(
                run, action, arguments, key=f"action/{run.model_calls}/{call_id}", clock=self._clock
            )
        run.outcomes[same] = outcome
        return outcome


async def perform(
    run: TurnRun,
    action: Action,
    arguments: dict[str, Any],
    *,
    key: str,
    clock: Callable[[], datetime],
    confirmed: bool = False,
) -> Outcome:
    """Run an action as a step: recorded before it happens when it has an effect, and never run twice.

    One that needs the customer's yes is turned into the question instead, unless it is `confirmed`.
    """
    given = {"name": action.name, "arguments": arguments}
    if (step := run.log.finished(key, given)) is not None:
        outcome = steps.unpack(step.output)
        if action.effect and outcome.status not in ("refused", "confirm"):
            run.effects.append(action.name)
        run.take(action, outcome)
        _keep_question(run, action, arguments, outcome, confirmed=confirmed)
        return outcome
    context = replace(run.context, key=_idempotency_key(run.log.turn, key), now=clock())
    if action.confirm is not None and not confirmed:
        return await _ask_first(run, action, arguments, context)
    if run.log.interrupted(key, given) and not action.idempotent:
        outcome = Outcome(
            "unknown",
            f"{action.name} was begun and interrupted: it may or may not have been done. Do not call it again; "
            "tell the customer that a colleague will look into it.",
        )
        run.effects.append(action.name)
        await run.log.finish(key, "action", action.name, given, steps.pack(outcome))
        run.take(action, outcome)
        return outcome
    started_at = clock()
    if action.effect:
        refusal = await action.check(arguments, context)
        if refusal is not None:
            await run.log.record(key, "action", action.name, given, steps.pack(refusal), started_at=started_at)
            _keep_question(run, action, arguments, refusal, confirmed=confirmed)
            return refusal
        run.effects.append(action.name)
        if not run.log.interrupted(key, given):
            await run.log.start(key, "action", action.name, given)
        point("effect-started")
        async with slots.released():
            outcome = await action.run(arguments, context)
        point("effect-done")
        await run.log.finish(key, "action", action.name, given, steps.pack(outcome))
    else:
        async with slots.released():
            outcome = await action.run(arguments, context)
        run.log.note(key, "action", action.name, given, steps.pack(outcome), started_at=started_at)
    point("action-recorded")
    run.take(action, outcome)
    _keep_question(run, action, arguments, outcome, confirmed=confirmed)
    return outcome


def _keep_question(
    run: TurnRun, action: Action, arguments: dict[str, Any], outcome: Outcome, *, confirmed: bool
) -> None:
    """An action may ask by itself (an amount that looks mistyped): the customer's yes then runs it, without the model."""
    if outcome.status == "confirm" and run.question is None and not confirmed:
        run.question = (action, arguments, outcome.content)


async def _ask_first(run: TurnRun, action: Action, arguments: dict[str, Any], context: Context) -> Outcome:
    refusal = await action.check(arguments, context)
    if refusal is not None:
        return refusal
    if run.question is not None:
        return Outcome("refused", "Another action waits for the customer's yes; one at a time.")
    question = ask(action, arguments, context)
    run.question = (action, arguments, question)
    return Outcome("confirm", f"Nothing was done yet. The customer is asked: {question}")


def told(outcome: Outcome) -> str:
    """What the model reads of an outcome."""
    return outcome.content if outcome.status == "done" else f"[{outcome.status}] {outcome.content}"


def _idempotency_key(turn: str, key: str) -> str:
    return f"balas-{turn}-{key.replace('/', '-')}"


def _fingerprint(request: ModelRequest[TurnRun]) -> dict[str, Any]:
    """What a model call depends on, without what differs from run to run (message ids)."""
    tools = sorted(tool.name for tool in request.tools if isinstance(tool, BaseTool))
    system = request.system_message.text if request.system_message else ""
    return {"system": system, "tools": tools, "messages": [_essence(message) for message in request.messages]}


def _essence(message: BaseMessage) -> dict[str, Any]:
    essence: dict[str, Any] = {"type": message.type, "text": message.text}
    if isinstance(message, AIMessage) and message.tool_calls:
        essence["calls"] = [
            {"name": call["name"], "args": call["args"], "id": call["id"]} for call in message.tool_calls
        ]
    if isinstance(message, ToolMessage):
        essence["call"] = message.tool_call_id
    return essence
