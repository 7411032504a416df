"""Thinking of an answer: passages, prompt, the loop of model and actions, and the check that nothing undone is claimed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import structlog

from actions.action import Action, Context, HandOver, Json, Outcome, Request
from agent import slots
from agent.config.texts import fill
from agent.ledger.confirmations import Confirmation
from agent.ledger.history import Line
from agent.ledger.turns import Claim
from agent.models.values import TurnValues
from agent.turn.checks import Reply, Unanswered, says_dont_know, unanswered
from agent.turn.context import Arrivals, Memory, TurnRun
from agent.turn.loop import Loop, perform, told
from agent.turn.prompt import Situation, conversation, system_prompt
from agent.turn.retrieval import Retrieved, escape, read
from agent.turn.steps import StepLog

if TYPE_CHECKING:
    from knowledge import SearchResult

log = structlog.get_logger()

_SHORT = 5
"""A message of fewer words than this is searched for together with the one before it."""


class Search(Protocol):
    """The knowledge base, as far as a turn needs it."""

    @property
    def size(self) -> int: ...

    async def search(
        self, queries: Sequence[str], limit: int | None = None, language: str | None = None
    ) -> "SearchResult": ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a turn has to answer. `said` holds the customer's own words of the conversation, oldest first, these included."""

    claim: Claim
    text: str
    said: tuple[str, ...]
    history: tuple[Line, ...]
    results: Mapping[str, Sequence[Json]]
    language: str
    steps: StepLog
    seconds: float
    arrivals: Arrivals | None
    attachments: tuple[str, ...] = ()  # kinds of the files that `text` does not put into words
    open_question: Confirmation | None = None
    memory: Memory = field(default_factory=Memory)


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before it is written: text, what the actions ask for, and what has happened on the way."""

    text: str
    requests: tuple[Request, ...] = ()
    effects: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    confirmation: Confirmation | None = None
    settled: bool = False  # the open question was answered
    unanswered: Unanswered | None = None  # what the documents should have answered and did not


@dataclass(frozen=True, slots=True)
class _Answered:
    """What the customer's yes or no to an open question led to: messages that show the model what was done."""

    messages: list[Any] = field(default_factory=list)
    settled: bool = False


class Answering:
    """One agent's way of answering. `name`, `instructions` and `zone` come from agent.yaml."""

    def __init__(
        self,
        *,
        name: str,
        instructions: str,
        zone: ZoneInfo,
        loop: Loop,
        actions: Mapping[str, Action],
        knowledge: Search | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._instructions = instructions
        self._zone = zone
        self._loop = loop
        self._actions = actions
        self._knowledge = knowledge
        self._clock = clock

    async def draft(self, question: Question) -> Draft:
        """Think. Raises `Superseded`, `LimitReached` and `ModelsFailed` from the loop."""
        retrieved = await self._retrieved(question)
        run = self._begin(question, retrieved.passages)
        answered = await self._answer_to_question(run, question)
        messages = [*conversation(question.history, question.text), *answered.messages]
        text = await self._loop.answer(run, messages)
        text = await self._keep_to_what_was_done(run, messages, text)
        missing = unanswered(question.text, retrieved, _reply(run, text)) if self._knowledge else None
        text = _keep_to_what_is_current(run, retrieved, text)
        confirmation = None
        if run.question is not None:
            action, arguments, asked = run.question
            expires_at = self._clock() + action.confirm_expires
            confirmation = Confirmation(action.name, arguments, asked, question.claim.turn, expires_at)
        return Draft(
            text,
            tuple(run.requests),
            tuple(run.effects),
            tuple(run.receipts),
            tuple(run.unknown),
            confirmation,
            answered.settled,
            missing,
        )

    def _begin(self, question: Question, passages: str) -> TurnRun:
        claim = question.claim
        memory = self._memory(question)
        contact = claim.contact.contact
        situation = Situation(
            now=claim.started_at.astimezone(self._zone),
            language=question.language,
            first_name=contact.first_name,
            channel=claim.contact.channel.source if claim.contact.channel else None,
            passages=passages,
            open_question=question.open_question.question if question.open_question else None,
            closed_at=self._closed_at(question),
            summary=memory.summary,
            facts=memory.facts,
        )
        context = Context(
            contact={
                "id": contact.key.id,
                "platform": contact.key.platform,
                "first_name": contact.first_name,
                "last_name": contact.last_name,
                "phone": contact.phone,
                "email": contact.email,
                "language": question.language,
                "country": contact.country,
                "tags": contact.tags,
                "custom": dict(contact.custom_fields),
            },
            said=question.said,
            results=question.results,
            key="",
            now=claim.started_at,
            language=question.language,
        )
        return TurnRun(
            log=question.steps,
            context=context,
            system=system_prompt(self._name, fill(self._instructions, contact, escape), situation),
            deadline=asyncio.get_running_loop().time() + question.seconds,
            values=TurnValues(
                language=question.language,
                now=situation.now,
                passages=tuple(read(passages)),
                attachments=question.attachments,
            ),
            arrivals=question.arrivals,
        )

    def _closed_at(self, question: Question) -> datetime | None:
        """When the conversation was closed, if the model still sees what was said before that."""
        closed_at = question.claim.contact.closed_at
        if closed_at is None or all(line.at > closed_at for line in question.history):
            return None
        return closed_at.astimezone(self._zone)

    def _memory(self, question: Question) -> Memory:
        """What is remembered; a step, so that a resumed turn sees the same although a summary was extended meanwhile."""
        step = question.steps.finished("memory", {})
        if step is not None:
            return Memory(**step.output)
        memory = question.memory
        if memory != Memory():
            output = {"summary": memory.summary, "facts": dict(memory.facts)}
            question.steps.note("memory", "memory", "contact", {}, output, started_at=self._clock())
        return memory

    async def _retrieved(self, question: Question) -> Retrieved:
        """What the knowledge base says to the customer's words; a step, so that a resumed turn sees the same."""
        if self._knowledge is None:
            return Retrieved()
        queries = [question.text]
        earlier = [line.text for line in question.history if line.author == "contact"]
        if earlier and len(question.text.split()) < _SHORT:
            queries.append(f"{earlier[-1]} {question.text}")
        given = {"queries": queries}
        step = question.steps.finished("retrieval", given)
        if step is not None:
            return Retrieved.read(step.output)
        if not self._knowledge.size:
            return Retrieved()
        started_at = self._clock()
        async with slots.released():
            found = await self._knowledge.search(queries, language=question.language)
        retrieved = Retrieved.of(found)
        output = {"mode": found.mode, **retrieved.written()}
        question.steps.note("retrieval", "retrieval", "knowledge", given, output, started_at=started_at)
        return retrieved

    async def _answer_to_question(self, run: TurnRun, question: Question) -> _Answered:
        """Run or drop the action that waits for the customer's yes, before the model speaks."""
        from langchain_core.messages import AIMessage, ToolMessage

        from actions.confirmation import answer

        waiting = question.open_question
        if waiting is None:
            return _Answered()
        verdict = answer(question.text, waiting.question)
        action = self._actions.get(waiting.action)
        if verdict is None or action is None:
            return _Answered(settled=action is None)
        call = {"name": waiting.action, "args": waiting.arguments, "id": "confirmed"}
        if verdict == "yes":
            outcome = await perform(
                run,
                action,
                waiting.arguments,
                key=f"action/confirmed/{waiting.turn}",
                clock=self._clock,
                confirmed=True,
            )
            result = told(outcome)
        else:
            result = told(Outcome("refused", "The customer said no. Nothing was done."))
        messages = [
            AIMessage("", tool_calls=[call]),
            ToolMessage(result, tool_call_id="confirmed", name=waiting.action),
        ]
        return _Answered(messages, settled=True)

    async def _keep_to_what_was_done(self, run: TurnRun, messages: list[Any], text: str) -> str:
        """A claim without a receipt is repaired once; if it stays, a human takes over and the claim is not sent."""
        from langchain_core.messages import AIMessage, HumanMessage

        claims = self._unproven(run, text)
        if not claims or run.question is not None:
            return text
        log.warning("claim_without_receipt", turn=run.log.turn, claims=claims)
        reminder = (
            f"[system] Your draft says {claims[0]!r}, but no action did that in this turn. It was not sent. "
            "Do it with an action if there is one, or write a reply that does not claim it."
        )
        run.values = replace(run.values, rejected=True)
        text = await self._loop.answer(run, [*messages, AIMessage(text), HumanMessage(reminder)])
        claims = self._unproven(run, text)
        if not claims or run.question is not None:
            return text
        log.error("claim_without_receipt_repeated", turn=run.log.turn, claims=claims)
        run.requests.append(HandOver(f"the agent wanted to say {claims[0]!r}, which it had not done"))
        return ""

    def _unproven(self, run: TurnRun, text: str) -> list[str]:
        from actions.claims import unproven

        return [claim.text for claim in unproven(text, self._actions.values(), run.receipts, run.context.results)]


def _reply(run: TurnRun, text: str) -> Reply:
    return Reply(text, acted=_acted(run), handed_over=any(isinstance(request, HandOver) for request in run.requests))


def _acted(run: TurnRun) -> bool:
    """Whether the answer rests on an action: on what one brought, or on the question that one asks."""
    return run.question is not None or bool(run.answered)


def _keep_to_what_is_current(run: TurnRun, retrieved: Retrieved, text: str) -> str:
    """The model did not see outdated passages; where only they hold the answer, whatever it wrote instead is not sent."""
    if _acted(run) or not (retrieved.needs_human or (retrieved.outdated and says_dont_know(text))):
        return text
    log.info("outdated_passages", turn=run.log.turn, sources=retrieved.outdated)
    if not any(isinstance(request, HandOver) for request in run.requests):
        run.requests.append(HandOver(f"only an outdated copy answers this: {', '.join(retrieved.outdated)}"))
    return ""
