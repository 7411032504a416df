"""The loop of a turn: the model with the actions as its tools, until it answers or a limit is reached.

Each round asks the model and runs what it calls: reading actions of one answer side by side, effects one after the other in the
order in which they were called. Every model call and every action is looked up in the step log first, so that a resumed turn
repeats nothing.
"""

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, cast

import structlog
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)

from actions.action import Action, Outcome
from agent import slots
from agent.faults import point
from agent.models import tokens
from agent.models.ask import Models, NoAnswer
from agent.models.chat import ChatModel
from agent.models.judge import call_id
from agent.models.values import ASKED_FIRST, describe
from agent.turn import consent
from agent.turn.context import BudgetReached, LimitReached, ModelsFailed, Superseded, TurnContext
from agent.turn.perform import keep, look_up, perform
from agent.turn.steps import input_hash, told
from settings.text import element

log = structlog.get_logger()


CONFIRMED = "action/confirmed/"
"""How the key of the step of a confirmed action begins, before the turn that asked."""

_NEWER = "a newer message arrived"
_SIDE_BY_SIDE = 4
"""How many reading actions of one answer run at the same time."""

_REPEATS = 5
"""Answers in a row that call nothing new; a model that goes on so will not end by itself."""

_HISTORY = 0.75
"""Share of the prompt, without instructions and tools, that history may fill; the rest is for this turn."""

_CLOSING = element(
    "runtime",
    "This turn has reached its limit: no further action can be called now. Answer the customer with what is known. Say what was done "
    "and what was not, and offer a colleague for the rest.",
)


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """What one turn may use. At the limit, one more call without actions ends the turn with an answer.

    Attributes:
        model_calls: calls of a model that answered.
        actions: calls of actions.
        tokens: new work in all calls together: what was written, and what was read for the first time.
        prompt: tokens that one call reads at most; history is shortened until it fits.
        retries: repetitions of a failed call, per model.
        usd_per_day: US dollars that all contacts may cost in 24 hours.
        usd_of_contact: US dollars that one contact may cost in 24 hours.
    """

    model_calls: int
    actions: int
    tokens: int
    prompt: int
    retries: int
    usd_per_day: float = math.inf
    usd_of_contact: float = math.inf


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the model. `key` is its place in the step log, `same` equal for equal calls."""

    id: str
    name: str
    arguments: dict[str, Any]
    key: str

    @property
    def same(self) -> str:
        return f"{self.name} {_json(self.arguments)}"


class Loop:
    """The model with its tools. Built once per process, since the tools are the same in every turn."""

    def __init__(
        self,
        models: Sequence[ChatModel],
        actions: Mapping[str, Action],
        limits: LoopLimits,
        *,
        clock: Callable[[], datetime],
        version: Callable[[], int] = lambda: 0,
    ) -> None:
        """Bind the models to the actions.

        Args:
            models: asked in this order until one answers.
            actions: what the model may call, by name.
            limits: of one turn.
            clock: the time, aware UTC.
            version: another number whenever `actions` are others: MCP servers come and change their tools.
        """
        self._chats = tuple(models)
        self.count = tokens.counter(models[0].name)
        self._actions = actions
        self._names: list[str] = []
        self._told: dict[str, dict[str, str]] = {}
        self._described = 0  # tokens of the tools
        self._limits = limits
        self._clock = clock
        self._version = version
        self._models = self._bound()

    def _bound(self) -> Models:
        """Bind the models to the actions as they are now."""
        self._bound_at = self._version()
        self._names = sorted(self._actions)
        tools = [tool_of(action) for action in self._actions.values()]
        self._told = {
            name: {part: fingerprint(text) for part, text in parts_of(tool["function"]).items()}
            for name, tool in zip(self._actions, tools, strict=True)
        }
        self._described = tokens.of_tools(tools, self.count)
        return Models(self._chats, tools, retries=self._limits.retries, clock=self._clock)

    def room(self, system: str) -> int:
        """Tell how many tokens of a prompt are for history: most of what instructions and tools leave.

        Args:
            system: the system prompt.
        """
        left = self._limits.prompt - self._described - self.count(system)
        return max(int(_HISTORY * left), self._limits.prompt // 8)

    async def answer(self, turn: TurnContext, messages: Sequence[BaseMessage]) -> str:
        """Ask the model, let it call actions, and return its final text.

        Args:
            turn: with its system prompt and values; what is done on the way is kept in it.
            messages: the conversation, without the system prompt.

        Raises:
            Superseded: a newer message arrived before anything with an effect was done.
            BudgetReached: the budget of the day does not hold the first call.
            LimitReached: a limit of agent.yaml is reached, and the model does not answer without further actions.
            ModelsFailed: no model answered.
            LedgerUnavailable: a step cannot be written.
            LeaseLost: another worker has taken the turn over.
        """
        asked: list[BaseMessage] = [SystemMessage(turn.system), *messages]
        new: Sequence[BaseMessage] = ()
        made: set[str] = set()
        repeats = 0
        size = tokens.of_messages(asked, _bytes)
        while turn.question is None:
            if self._bound_at != self._version():
                self._models = self._bound()
            limit = self._limit(turn, new)
            if limit is None and repeats >= _REPEATS:
                limit = f"{repeats} answers in a row called only what was called before"
            if limit is not None and not turn.model_calls:
                raise LimitReached(limit)
            limit = limit or self._beyond_budget(turn, asked)
            if limit is not None and not turn.model_calls:
                raise BudgetReached(limit)
            if limit is not None:
                return await self._close(turn, asked, limit, size)
            message = await self._model_call(turn, asked, self._names, size)
            if not message.tool_calls:
                return message.text.strip()
            called = {f"{call['name']} {_json(call['args'])}" for call in message.tool_calls}
            repeats = repeats + 1 if called <= made else 0
            made |= called
            new = await self._act(turn, message)
            asked += [message, *new]
            size += tokens.of_messages([message, *new], _bytes)
        return turn.question.question

    def _limit(self, turn: TurnContext, new: Sequence[BaseMessage]) -> str | None:
        """The limit that the turn has reached, or would reach with a call that also reads what is new."""
        limits = self._limits
        if turn.model_calls >= limits.model_calls:
            return f"limits.model_calls: {limits.model_calls}"
        if turn.action_calls > limits.actions:
            return f"limits.actions: {limits.actions}"
        if turn.model_calls and turn.work + tokens.of_messages(new, self.count) > limits.tokens:
            return f"limits.tokens_per_turn: {limits.tokens}"
        return None

    def _beyond_budget(self, turn: TurnContext, asked: Sequence[BaseMessage]) -> str | None:
        """The limit of the day that a call would break, by what its prompt costs at most."""
        spent, limits, price = turn.spent, self._limits, self._chats[0]
        if not price.price_in or turn.steps.recorded(f"model/{turn.model_calls + 1}"):  # that call is paid for
            return None
        size = min(tokens.of_messages(asked, _bytes), limits.prompt)
        for name, limit, used_up in (
            ("usd_per_day", limits.usd_per_day, spent.usd),
            ("usd_per_contact_per_day", limits.usd_of_contact, spent.usd_of_contact),
        ):
            left = limit - used_up - (turn.steps.cost - turn.steps.charged)
            if price.cost(size, 0) > left and price.cost(self._tokens(asked), 0) > left:
                return f"limits.{name}: {limit:g} would be exceeded"
        return None

    def _tokens(self, asked: Sequence[BaseMessage]) -> int:
        return min(tokens.of_messages(asked, self.count) + self._described, self._limits.prompt)

    async def _close(self, turn: TurnContext, asked: Sequence[BaseMessage], limit: str, size: int) -> str:
        """Let the model say what was done, without calling anything any more."""
        log.warning("limit_reached", turn=turn.id, limit=limit)
        closing = HumanMessage(_CLOSING)
        try:
            size += tokens.of_message(closing, _bytes)
            message = await self._model_call(turn, [*asked, closing], (), size)
        except ModelsFailed as error:
            raise LimitReached(f"{limit}; {error}") from error
        if not (text := message.text.strip()):
            raise LimitReached(limit)
        return text

    async def confirm(self, turn: TurnContext) -> list[BaseMessage]:
        """Run the action that waits for the customer's yes, or drop it when they said no, before the model speaks.

        Args:
            turn: `turn.asked` is set when its messages answer the question; any others drop it.

        Returns:
            Messages that show the model what was done; none when nothing waits or the customer answered something else.

        Raises:
            LedgerUnavailable: a step cannot be written.
            LeaseLost: another worker has taken the turn over.
        """
        waiting = turn.confirmation
        if waiting is None:
            return []
        action = self._actions.get(waiting.action)
        turn.asked = await consent.asked(turn, action) if action is not None else None
        if action is None or turn.asked is None or turn.asked.reading not in ("yes", "no"):
            return []
        if turn.asked.reading == "yes":
            point("consented")
            key = CONFIRMED + waiting.turn
            outcome = await perform(turn, action, dict(waiting.arguments), key=key, clock=self._clock)
        else:
            outcome = Outcome("refused", "The customer said no. Nothing was done.")
        call = {"name": waiting.action, "args": waiting.arguments, "id": call_id(f"{turn.id}/0", 0)}
        return [
            AIMessage("", tool_calls=[call]),
            ToolMessage(told(outcome), tool_call_id=call["id"], name=waiting.action),
        ]

    async def _model_call(
        self, turn: TurnContext, asked: Sequence[BaseMessage], tools: Sequence[str], size: int
    ) -> AIMessage:
        """One call of the model as a step.

        Args:
            turn: counts the call.
            asked: the whole conversation with the system prompt.
            tools: names of the actions that may be called; none for a closing call.
            size: bytes of the conversation.
        """
        watched = turn.arrivals if not turn.effects else None
        if watched is not None and turn.model_calls and await watched.newer():
            raise Superseded(_NEWER)
        turn.model_calls += 1
        if size + self._described > self._limits.prompt:  # no text has more tokens than bytes
            asked = tokens.shorten(asked, turn.shown, self._limits.prompt - self._described, self.count)
        key, given = f"model/{turn.model_calls}", self._fingerprint(asked, tools)
        if (step := turn.steps.finished(key, given)) is not None:
            recorded = cast("AIMessage", messages_from_dict([step.output])[0])
            turn.answered_by = step.name
            self._account(turn, asked, recorded)
            return recorded
        started_at = self._clock()
        point("model-call")
        try:
            answer = await self._models.ask(
                asked,
                turn.values,
                prefix=f"{turn.id}/{turn.model_calls}",
                deadline=turn.deadline,
                callable_tools=tools,
                pictures=turn.pictures,
                history=turn.shown,
            )
        except NoAnswer as error:
            raise ModelsFailed(str(error)) from error
        message, turn.answered_by = answer.message, answer.model
        point("model-answered")
        self._account(turn, asked, message)
        if watched is not None and message.tool_calls:
            turn.steps.along(watched.look)
        await turn.steps.record(
            key,
            "model",
            answer.model,
            given,
            message_to_dict(message),
            started_at=started_at,
            tokens=answer.tokens,
            cost=answer.cost,
            shown=given if turn.model_calls == 1 else {"messages": given["messages"][-1:]},
        )
        point("model-recorded")
        if watched is not None and watched.noticed:
            raise Superseded(_NEWER)
        return message

    def _fingerprint(self, asked: Sequence[BaseMessage], tools: Sequence[str]) -> dict[str, Any]:
        """What a model call depends on, without what differs from run to run (message ids); of the tools a fingerprint of each part."""
        system, *messages = asked
        described = {name: self._told[name] for name in tools if name in self._told}
        return {"system": system.text, "tools": described, "messages": [_essence(message) for message in messages]}

    def _account(self, turn: TurnContext, asked: Sequence[BaseMessage], message: AIMessage) -> None:
        """Count the new work of a call. What an earlier call of the turn has read is not new, even where a server does not say so."""
        tokens_in, tokens_out, cached = used(message)
        if not tokens_in:
            tokens_in = tokens.of_messages(asked, self.count) + self._described
        turn.work += tokens_out + max(0, tokens_in - max(cached, turn.read))
        turn.read = tokens_in

    async def _act(self, turn: TurnContext, message: AIMessage) -> list[ToolMessage]:
        """Run the calls of one answer; the results stand in the order of the calls."""
        calls = [
            _Call(str(call["id"]), call["name"], call["args"], f"action/{turn.model_calls}/{position}")
            for position, call in enumerate(message.tool_calls, 1)
        ]
        outcomes: list[Outcome] = []
        for reading, neighbours in groupby(calls, self._reads):
            if reading:
                outcomes += await self._look_up(turn, list(neighbours))
            else:
                outcomes += [await self._change(turn, call) for call in neighbours]
        return [
            ToolMessage(told(outcome), tool_call_id=call.id, name=call.name)
            for call, outcome in zip(calls, outcomes, strict=True)
        ]

    def _reads(self, call: _Call) -> bool:
        action = self._actions.get(call.name)
        return action is not None and action.reads and action.confirm is None

    async def _look_up(self, turn: TurnContext, calls: Sequence[_Call]) -> list[Outcome]:
        """Run calls of reading actions side by side. What was looked up before in this turn is answered from memory."""
        new: dict[str, _Call] = {}
        refused: dict[str, Outcome] = {}
        for call in calls:
            if call.same in turn.looked_up or call.same in new or call.same in refused:
                continue
            if (refusal := self._beyond_limit(turn)) is not None:
                refused[call.same] = refusal
            else:
                new[call.same] = call
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def run(call: _Call) -> Outcome:
            async with room:
                return await look_up(turn, self._actions[call.name], call.arguments, key=call.key, clock=self._clock)

        tasks = [asyncio.create_task(run(call)) for call in new.values()]
        try:
            async with slots.released():
                found = dict(zip(new, await asyncio.gather(*tasks), strict=True))
        finally:
            for task in tasks:
                task.cancel()
        for same, call in new.items():  # in the order of the calls, whichever came back first
            keep(turn, self._actions[call.name], call.arguments, found[same], self._clock)
        known, outcomes = dict(turn.looked_up), []
        for call in calls:
            if new.get(call.same) is call:
                outcomes.append(found[call.same])
            else:
                before = known.get(call.same) or found.get(call.same) or refused[call.same]
                outcomes.append(_again(before))
        turn.looked_up.update((same, outcome) for same, outcome in found.items() if outcome.status == "done")
        return outcomes

    async def _change(self, turn: TurnContext, call: _Call) -> Outcome:
        """Run a call that may change something; the very same call is not carried out twice in a turn."""
        action = self._actions.get(call.name)
        if action is None:
            return Outcome(
                "refused", f"There is no action {call.name!r}. Actions: {', '.join(self._actions) or 'none'}."
            )
        if (before := turn.changed.get(call.same)) is not None:
            return _again(before)
        if (refusal := self._beyond_limit(turn)) is not None:
            return refusal
        outcome = await perform(turn, action, call.arguments, key=call.key, clock=self._clock)
        if outcome.status in ("done", "unknown"):
            turn.changed[call.same] = outcome
        if outcome.status not in ("refused", "confirm"):
            turn.looked_up.clear()
        return outcome

    def _beyond_limit(self, turn: TurnContext) -> Outcome | None:
        turn.action_calls += 1
        if turn.action_calls <= self._limits.actions:
            return None
        return Outcome("refused", f"Not called: limits.actions allows {self._limits.actions} calls in a turn.")


def tool_of(action: Action) -> dict[str, Any]:
    """An action as the OpenAI API describes a tool; langchain translates it for other providers."""
    description = action.description if action.confirm is None else action.description + ASKED_FIRST
    function = {
        "name": action.name,
        "description": describe(description, action.examples),
        "parameters": dict(action.parameters),
    }
    return {"type": "function", "function": function}


def parts_of(function: Mapping[str, Any]) -> dict[str, str]:
    """What a model is told of a function, by part: its description, each of its parameters, and the rest of their schema."""
    schema = dict(function["parameters"])
    required = schema.pop("required", ())
    parameters = schema.pop("properties", {})
    parts = {f"parameter {name}": [value] + ["required"] * (name in required) for name, value in parameters.items()}
    texts = {part: _json(value) for part, value in {**parts, "parameters": schema}.items()}
    return {"description": function["description"], **texts}


def fingerprint(text: str) -> str:
    """What is kept of a part: a recording tells which of them have changed since."""
    return input_hash(text)[:8]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def used(message: AIMessage) -> tuple[int, int, int]:
    """Read what a call used: tokens read, tokens written, and how many of those read came from the server's cache."""
    usage = message.usage_metadata
    if usage is None:
        return 0, 0, 0
    cached = (usage.get("input_token_details") or {}).get("cache_read") or 0
    return usage["input_tokens"], usage["output_tokens"], cached


def _bytes(text: str) -> int:
    return len(text.encode())


def _again(before: Outcome) -> Outcome:
    return replace(before, content=f"This was called with the same arguments before. {before.content}", requests=())


def _essence(message: BaseMessage) -> dict[str, Any]:
    essence: dict[str, Any] = {"type": message.type, "text": tokens.text_of(message)}
    if isinstance(message, AIMessage) and message.tool_calls:
        essence["calls"] = [
            {"name": call["name"], "args": call["args"], "id": call["id"]} for call in message.tool_calls
        ]
    if isinstance(message, ToolMessage):
        essence["call"] = message.tool_call_id
    return essence
