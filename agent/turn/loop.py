"""The loop of a turn: the model with the actions as its tools, until it answers or a limit is reached.

`Loop` compiles the graph of `langchain.agents.create_agent` once. Its middleware looks up every model call and every action in
the step log first, so that a resumed turn repeats nothing; it keeps the limits, retries, and asks the fallback models.
`perform` runs an action as a step: recorded before it happens when it has an effect, and never run twice.
"""

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
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from langsmith.utils import tracing_is_enabled

from actions.action import Action, Context, Outcome
from actions.template import question as question_of
from agent import slots
from agent.faults import point
from agent.ledger.codec import pack_outcome, unpack_outcome
from agent.ledger.confirmations import Confirmation
from agent.models.chat import ChatModel
from agent.models.openai import classify
from agent.models.values import configured, describe
from agent.turn.context import LimitReached, ModelsFailed, Superseded, TurnContext
from language.intents import yes_or_no
from settings.backoff import Backoff

log = structlog.get_logger()


_NEWER = "a newer message arrived"
_BACKOFF = Backoff(timedelta(seconds=0.5), timedelta(seconds=20), least=0.5)
_IDENTICAL_CALLS = 3
"""How often the very same call may be asked for in one turn before the loop is broken off."""


async def _in_place(
    default: Callable[..., Any], context: contextvars.Context, work: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    if tracing_is_enabled():
        return await default(context, work, *args, **kwargs)
    return context.run(work, *args, **kwargs)


def prepare_in_place() -> None:
    """Prepare LangSmith's spans without a thread in this process, unless tracing is on.

    Without tracing a span is empty, and its six thread hops a turn are all that it costs.
    """
    langsmith.set_runtime_overrides(aio_to_thread=_in_place)


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """What one turn may use.

    Attributes:
        model_calls: calls of a model that answered.
        actions: calls of actions.
        tokens: read and written, in all calls together.
        retries: repetitions of a failed call per model while there is a fallback. The last model is retried for half of the
            turn's time (longer when it names a time itself): after that a human is of more use than another attempt.
    """

    model_calls: int
    actions: int
    tokens: int
    retries: int


class Loop:
    """The model with its tools. Built once per process: compiling the graph costs more than running it."""

    def __init__(
        self,
        models: Sequence[ChatModel],
        actions: Mapping[str, Action],
        limits: LoopLimits,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Compile the graph.

        Args:
            models: asked in this order until one answers.
            actions: what the model may call, by name.
            limits: of one turn.
            clock: the time, aware UTC.
        """
        prepare_in_place()
        tools = [_tool(action) for action in actions.values()]
        middleware = _TurnMiddleware(models, actions, limits, clock)
        self._graph = create_agent(models[0].model, tools, middleware=[middleware], context_schema=TurnContext)
        self._actions = actions
        self._clock = clock
        self._recursion = 4 * limits.model_calls + 10

    async def answer(self, turn: TurnContext, messages: Sequence[BaseMessage]) -> str:
        """Ask the model, let it call actions, and return its final text.

        Args:
            turn: with its system prompt and values; what is done on the way is kept in it.
            messages: the conversation, without the system prompt.

        Raises:
            Superseded: a newer message arrived before anything with an effect was done.
            LimitReached: a limit of agent.yaml is reached.
            ModelsFailed: no model answered.
            LedgerUnavailable: a step cannot be written.
            LeaseLost: another worker has taken the turn over.
        """
        state: Any = {"messages": list(messages)}
        config: RunnableConfig = configured(turn.values) if turn.values is not None else {}
        config["recursion_limit"] = self._recursion
        result = await self._graph.ainvoke(state, config, context=turn)
        text: str = result["messages"][-1].text
        return text.strip()

    async def confirm(self, turn: TurnContext) -> list[BaseMessage]:
        """Run the action that waits for the customer's yes, or drop it when they said no, before the model speaks.

        Args:
            turn: `turn.settled` is set when the question was answered, or when there is no such action any more.

        Returns:
            Messages that show the model what was done; none when nothing waits or the customer answered something else.

        Raises:
            LedgerUnavailable: a step cannot be written.
            LeaseLost: another worker has taken the turn over.
        """
        waiting = turn.confirmation
        if waiting is None:
            return []
        verdict = yes_or_no(turn.text, waiting.question)
        action = self._actions.get(waiting.action)
        turn.settled = action is None or verdict is not None
        if verdict is None or action is None:
            return []
        if verdict == "yes":
            key = f"action/confirmed/{waiting.turn}"
            outcome = await perform(turn, action, waiting.arguments, key=key, clock=self._clock, confirmed=True)
        else:
            outcome = Outcome("refused", "The customer said no. Nothing was done.")
        call = {"name": waiting.action, "args": waiting.arguments, "id": "confirmed"}
        return [
            AIMessage("", tool_calls=[call]),
            ToolMessage(told(outcome), tool_call_id="confirmed", name=waiting.action),
        ]


def _tool(action: Action) -> BaseTool:
    async def unreachable(**_arguments: Any) -> str:
        raise AssertionError("actions run in the middleware")

    return StructuredTool(
        name=action.name,
        description=describe(action.description, action.examples),
        args_schema=dict(action.parameters),
        coroutine=unreachable,
    )


class _TurnMiddleware(AgentMiddleware[AgentState[Any], TurnContext, Any]):
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
        request: ModelRequest[TurnContext],
        handler: Callable[[ModelRequest[TurnContext]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        turn = request.runtime.context
        if turn.question is not None:
            return ModelResponse([AIMessage(turn.question.question)])
        watched = turn.arrivals if not turn.effects else None
        if watched is not None and turn.model_calls and await watched.newer():
            raise Superseded(_NEWER)
        turn.model_calls += 1
        request = request.override(system_message=SystemMessage(turn.system))
        key, given = f"model/{turn.model_calls}", _fingerprint(request)
        if (step := turn.steps.finished(key, given)) is not None:
            return ModelResponse(messages_from_dict([step.output]))
        if turn.model_calls > self._limits.model_calls:
            raise LimitReached(f"limits.model_calls: more than {self._limits.model_calls}")
        if turn.steps.tokens > self._limits.tokens:
            raise LimitReached(f"limits.tokens_per_turn: more than {self._limits.tokens}")
        started_at = self._clock()
        point("model-call")
        chat, message = await self._ask(request, handler, turn)
        point("model-answered")
        usage = message.usage_metadata
        tokens_in, tokens_out = (usage["input_tokens"], usage["output_tokens"]) if usage else (0, 0)
        if watched is not None and message.tool_calls:
            turn.steps.along(watched.look)
        await turn.steps.record(
            key,
            "model",
            chat.name,
            given,
            message_to_dict(message),
            started_at=started_at,
            tokens=tokens_in + tokens_out,
            cost=chat.cost(tokens_in, tokens_out),
            shown=given if turn.model_calls == 1 else {"messages": given["messages"][-1:]},
        )
        point("model-recorded")
        if watched is not None and watched.noticed:
            raise Superseded(_NEWER)
        return ModelResponse([message])

    async def _ask(
        self,
        request: ModelRequest[TurnContext],
        handler: Callable[[ModelRequest[TurnContext]], Awaitable[ModelResponse[Any]]],
        turn: TurnContext,
    ) -> tuple[ChatModel, AIMessage]:
        """Ask the models in order until one answers. The last is asked again for half of what is left of the turn's time."""
        reasons = []
        now = asyncio.get_running_loop().time
        patience = now() + (turn.deadline - now()) / 2
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
                    remaining = (patience if failure.retry_after is None else turn.deadline) - now()
                    log.warning("model_failed", turn=turn.id, model=chat.name, reason=failure.reason, attempt=attempt)
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
        turn = cast("TurnContext", request.runtime.context)
        call = request.tool_call
        outcome = await self._call(turn, call["name"], call["args"], str(call["id"]))
        return ToolMessage(told(outcome), tool_call_id=call["id"], name=call["name"])

    async def _call(self, turn: TurnContext, name: str, arguments: dict[str, Any], call_id: str) -> Outcome:
        action = self._actions.get(name)
        if action is None:
            return Outcome("refused", f"There is no action {name!r}. Actions: {', '.join(self._actions) or 'none'}.")
        same = f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"
        turn.calls[same] = turn.calls.get(same, 0) + 1
        if turn.calls[same] > _IDENTICAL_CALLS:
            raise LimitReached(f"the same call of {name} was asked for {turn.calls[same]} times")
        if (before := turn.outcomes.get(same)) is not None:
            return replace(
                before, content=f"This was called with the same arguments before. {before.content}", requests=()
            )
        turn.action_calls += 1
        if turn.action_calls > self._limits.actions:
            raise LimitReached(f"limits.actions: more than {self._limits.actions}")
        async with turn.one_at_a_time:
            outcome = await perform(
                turn, action, arguments, key=f"action/{turn.model_calls}/{call_id}", clock=self._clock
            )
        turn.outcomes[same] = outcome
        return outcome


async def perform(
    turn: TurnContext,
    action: Action,
    arguments: dict[str, Any],
    *,
    key: str,
    clock: Callable[[], datetime],
    confirmed: bool = False,
) -> Outcome:
    """Run an action as a step: recorded before it happens when it has an effect, and never run twice.

    An action that needs the customer's yes is turned into the question instead, unless it is `confirmed`.

    Args:
        turn: keeps what the action returned.
        action: what to run.
        arguments: as the model, or the confirmed question, has them.
        key: the place in the step log; the idempotency key is made of it.
        clock: the time, aware UTC.
        confirmed: whether the customer has said yes.

    Raises:
        LedgerUnavailable: a step cannot be written; the action has not run if it is the first one.
        LeaseLost: another worker has taken the turn over.
    """
    given = {"name": action.name, "arguments": arguments}
    if (step := turn.steps.finished(key, given)) is not None:
        outcome = unpack_outcome(step.output)
        if action.effect and outcome.status not in ("refused", "confirm"):
            turn.effects.append(action.name)
        turn.take(action, outcome)
        _keep_question(turn, action, arguments, outcome, clock, confirmed=confirmed)
        return outcome
    context = turn.action_context(_idempotency_key(turn.id, key), clock())
    if action.confirm is not None and not confirmed:
        return await _ask_first(turn, action, arguments, context, clock)
    if turn.steps.interrupted(key, given) and not action.idempotent:
        outcome = Outcome(
            "unknown",
            f"{action.name} was begun and interrupted: it may or may not have been done. Do not call it again; "
            "tell the customer that a colleague will look into it.",
        )
        turn.effects.append(action.name)
        await turn.steps.finish(key, "action", action.name, given, pack_outcome(outcome))
        turn.take(action, outcome)
        return outcome
    started_at = clock()
    if action.effect:
        refusal = await action.check(arguments, context)
        if refusal is not None:
            await turn.steps.record(key, "action", action.name, given, pack_outcome(refusal), started_at=started_at)
            _keep_question(turn, action, arguments, refusal, clock, confirmed=confirmed)
            return refusal
        turn.effects.append(action.name)
        if not turn.steps.interrupted(key, given):
            await turn.steps.start(key, "action", action.name, given)
        point("effect-started")
        async with slots.released():
            outcome = await action.run(arguments, context)
        point("effect-done")
        await turn.steps.finish(key, "action", action.name, given, pack_outcome(outcome))
    else:
        async with slots.released():
            outcome = await action.run(arguments, context)
        turn.steps.note(key, "action", action.name, given, pack_outcome(outcome), started_at=started_at)
    point("action-recorded")
    turn.take(action, outcome)
    _keep_question(turn, action, arguments, outcome, clock, confirmed=confirmed)
    return outcome


def _keep_question(
    turn: TurnContext,
    action: Action,
    arguments: dict[str, Any],
    outcome: Outcome,
    clock: Callable[[], datetime],
    *,
    confirmed: bool,
) -> None:
    """An action may ask by itself (an amount that looks mistyped): the customer's yes then runs it, without the model."""
    if outcome.status == "confirm" and turn.question is None and not confirmed:
        turn.question = _to_confirm(turn, action, arguments, outcome.content, clock)


async def _ask_first(
    turn: TurnContext, action: Action, arguments: dict[str, Any], context: Context, clock: Callable[[], datetime]
) -> Outcome:
    refusal = await action.check(arguments, context)
    if refusal is not None:
        return refusal
    if turn.question is not None:
        return Outcome("refused", "Another action waits for the customer's yes; one at a time.")
    question = question_of(action, arguments, context)
    turn.question = _to_confirm(turn, action, arguments, question, clock)
    return Outcome("confirm", f"Nothing was done yet. The customer is asked: {question}")


def _to_confirm(
    turn: TurnContext, action: Action, arguments: dict[str, Any], question: str, clock: Callable[[], datetime]
) -> Confirmation:
    return Confirmation(action.name, arguments, question, turn.id, clock() + action.confirm_expires)


def told(outcome: Outcome) -> str:
    """Put an outcome as the model reads it: with its status in brackets unless it is done."""
    return outcome.content if outcome.status == "done" else f"[{outcome.status}] {outcome.content}"


def _idempotency_key(turn: str, key: str) -> str:
    return f"balas-{turn}-{key.replace('/', '-')}"


def _fingerprint(request: ModelRequest[TurnContext]) -> dict[str, Any]:
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
