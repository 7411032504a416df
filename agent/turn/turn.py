"""One turn, from claim to commit: claim, gate, prepare, loop, checks, commit.

A turn never sends: what it has to say is written with everything else in one transaction, and the outbox sends it. While it
runs, its lease is renewed; a turn whose process died is taken over with its steps when the lease has expired.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy import Connection

from actions.action import Action
from agent.config.conversation import ConversationSettings
from agent.config.model import LimitSettings
from agent.faults import point
from agent.ledger import media, turns
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database, Work, write_with_retry
from agent.ledger.errors import LeaseLost, LedgerUnavailable
from agent.ledger.followups import Plan
from agent.ledger.history import standing
from agent.ledger.inbound import DELETED, Waiting
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Committed, Result
from agent.telemetry import spans
from agent.turn import checks, context, gate, window
from agent.turn.context import BudgetReached, Superseded, TurnContext, TurnStopped
from agent.turn.listen import Listener
from agent.turn.loop import Loop
from agent.turn.pending import PendingFiles
from agent.turn.perform import change_of, perform
from agent.turn.prompt import Persona, last_message, system_prompt, turn_values
from agent.turn.reply import ReplyWriter
from agent.turn.retrieval import Search, retrieve
from language.detect import detect
from messaging.types import ContactKey

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

log = structlog.get_logger()

T = TypeVar("T")

_MOST_TAKEOVERS = 20
"""How often a turn may be begun anew: far more than crashes and outages of a ledger bring, fewer than for ever."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """The parts of agent.yaml that a turn uses.

    Attributes:
        persona: who answers.
        conversation: when the agent speaks, and its fixed texts.
        limits: where a turn and a day end.
        language: `auto`, or the code of the one language to answer in.
        default_language: code of the language of contacts that have not written in another.
        plans: rules that may follow a turn up.
    """

    persona: Persona
    conversation: ConversationSettings
    limits: LimitSettings
    language: str
    default_language: str
    plans: tuple[Plan, ...] = ()


class Turns:
    """Runs the turns of one process."""

    def __init__(
        self,
        database: Database,
        *,
        settings: TurnSettings,
        loop: Loop,
        actions: Mapping[str, Action],
        knowledge: Search | None,
        files: PendingFiles,
        listener: Listener,
        writer: ReplyWriter,
        owner: str,
        quiet: Callable[[Sequence[Waiting]], datetime],
        current: Callable[[ContactState], Awaitable[ContactState]],
        clock: Callable[[], datetime],
    ) -> None:
        """Bring the parts of a turn together.

        Args:
            settings: from agent.yaml.
            loop: the model with the actions as its tools.
            actions: all actions by name; their receipts prove what a reply claims.
            knowledge: the knowledge base; `None` where there is none.
            files: waits for files that the platform is still storing.
            listener: puts messages into words.
            writer: makes results.
            owner: in whose name this process takes leases.
            quiet: when waiting messages are to be answered, since more may be coming.
            current: reads a contact's whole profile when that is needed.
            clock: the time, aware UTC.
        """
        self._database = database
        self._settings = settings
        self._loop = loop
        self._actions = actions
        self._knowledge = knowledge
        self._files = files
        self._listener = listener
        self._writer = writer
        self._owner = owner
        self._quiet = quiet
        self._current = current
        self._clock = clock

    def begin(self, connection: Connection, key: ContactKey) -> TurnContext | datetime | None:
        """Claim what waits of a contact.

        Args:
            connection: a transaction of the ledger.
            key: whose messages.

        Returns:
            The turn; or when to ask again; or `None` when nothing waits.
        """
        return context.begin(
            connection,
            key,
            self._owner,
            database=self._database,
            clock=self._clock,
            quiet=self._quiet,
            lines=self._settings.conversation.history,
            default_language=self._settings.default_language,
        )

    async def run(self, turn: TurnContext, then: Work[T]) -> T:
        """Answer what was claimed, and commit.

        Args:
            turn: as claimed by `begin`.
            then: decides, in the transaction that ends the turn, what comes after it.

        Returns:
            What `then` returns. A turn that another worker has taken over writes nothing else.

        Raises:
            LedgerUnavailable: the ledger does not answer; the turn goes on from its steps when its lease has expired.
        """
        point("after-claim")
        with (
            structlog.contextvars.bound_contextvars(turn=turn.id, contact=str(turn.key), **spans.log_ids(turn.id)),
            spans.turn(turn.id, self._settings.persona.name, str(turn.key)) as span,
        ):
            renewing = asyncio.create_task(self._renew_lease(turn.id))
            try:
                result = await self._result(turn)
            except LeaseLost as error:
                log.warning("turn_lost", reason=str(error))
                span.drop()
                return await self._database.write(then)
            finally:
                renewing.cancel()
                with suppress(asyncio.CancelledError):
                    await renewing
            point("before-commit")
            task = await self._commit(turn, result, then, span)
            point("after-commit")
        return task

    async def _renew_lease(self, turn: str) -> None:
        while True:
            await asyncio.sleep(turns.LEASE.total_seconds() / 3)
            try:
                await self._database.write(
                    lambda connection: turns.renew(connection, turn, self._owner, self._clock() + turns.LEASE)
                )
            except LeaseLost:
                log.warning("lease_lost", turn=turn)
                return
            except LedgerUnavailable as error:  # it may be back before the lease expires
                log.warning("lease_not_renewed", turn=turn, reason=str(error))

    async def _result(self, turn: TurnContext) -> Result:
        """Everything between claim and commit. Where something fails, the turn still ends, and the customer is told."""
        if turn.claim.takeovers >= _MOST_TAKEOVERS:
            return await self._give_up(turn, f"it was begun {turn.claim.takeovers} times and never finished")
        if turn.claim.takeovers and any(message.kind == DELETED for message in turn.claim.messages):
            done = (step for step in turn.steps.effects() if step.output["status"] == "done")
            turn.changes += [change_of(step.name, step.input["arguments"]) for step in done]
            return await self._give_up(turn, "what was done was asked for in a message that is deleted by now")
        try:
            return await self._decided(turn)
        except (LedgerUnavailable, LeaseLost):
            raise
        except Exception as error:
            log.exception("turn_failed")
            return await self._give_up(turn, str(error) or type(error).__name__)

    async def _give_up(self, turn: TurnContext, reason: str) -> Result:
        """The polite text and a handover; what was only noted of the turn is written if it can be."""
        log.error("turn_gave_up", reason=reason)
        try:
            await turn.steps.flush()
        except (LedgerUnavailable, LeaseLost):
            raise
        except Exception:
            log.exception("steps_not_written")
        return await self._writer.failed(turn, reason)

    async def _decided(self, turn: TurnContext) -> Result:
        turn.language = self._language(turn)
        verdict = self._gate(turn)
        if turn.task is not None:
            return await self._do_task(turn, verdict)
        if isinstance(verdict, gate.Silent):
            return self._writer.silent(turn, verdict)
        if isinstance(verdict, gate.Say):
            return await self._writer.fixed(turn, verdict)
        same = gate.repeated(turn.typed, turn.history, self._clock())
        if same >= gate.SAME_MOST:
            log.warning("ping_pong", times=same + 1)
            return self._writer.ping_pong(turn, same + 1)
        await self._prepare(turn)
        seconds = self._settings.limits.seconds
        try:
            turn.deadline = asyncio.get_running_loop().time() + seconds
            async with asyncio.timeout_at(turn.deadline):
                text = self._writer.without_words(turn)
                if text is None:
                    text = await self._answer(turn)
                return await self._writer.answer(turn, text, verdict)
        except Superseded:
            await turn.steps.flush()
            return self._writer.superseded(turn)
        except (
            LedgerUnavailable,
            LeaseLost,
        ):  # not the model's failure: the turn goes on from its steps, here or elsewhere
            raise
        except TimeoutError:
            reason = f"limits.seconds: longer than {seconds:g}"
        except BudgetReached as error:
            if not turn.effects and not turn.claim.takeovers:  # nothing was done, here or before a crash
                return await self._without_budget(turn, str(error), returns=verdict.returns)
            reason = str(error)
        except TurnStopped as error:
            reason = str(error) or type(error).__name__
            if turn.handed_over and not turn.changes:  # the model had nothing left to do but to say so
                log.warning("handed_over_without_words", reason=reason)
                await turn.steps.flush()
                return await self._writer.answer(turn, "", verdict)
        return await self._give_up(turn, reason)

    async def _do_task(self, turn: TurnContext, verdict: gate.Silent | gate.Say | gate.Answer) -> Result:
        """Do what a workflow asks for: an action, or a message of the agent's own. What goes wrong, the run says."""
        if turn.instruction is not None and not isinstance(verdict, gate.Answer):
            outcome = verdict.outcome if isinstance(verdict, gate.Silent) else InboundOutcome.LIMIT
            return self._writer.silent(turn, gate.Silent(outcome, verdict.reason))
        await self._prepare(turn)
        try:
            turn.deadline = asyncio.get_running_loop().time() + self._settings.limits.seconds
            async with asyncio.timeout_at(turn.deadline):
                if turn.instruction is None:
                    return await self._act(turn, verdict)
                text = await self._answer(turn)
                return await self._writer.answer(turn, text, gate.Answer())
        except Superseded:
            await turn.steps.flush()
            return self._writer.superseded(turn)
        except TimeoutError:
            reason = f"limits.seconds: longer than {self._settings.limits.seconds:g}"
        except TurnStopped as error:
            reason = str(error) or type(error).__name__
        return await self._give_up(turn, reason)

    async def _act(self, turn: TurnContext, verdict: gate.Silent | gate.Say | gate.Answer) -> Result:
        """Perform the action that a workflow names. What its event says counts as said: it comes from the platform or a system of ours."""
        task = dict(turn.task or {})
        action = self._actions.get(task["action"])
        if action is None:
            return await self._give_up(turn, f"there is no action {task['action']!r}")
        turn.said = (*turn.said, *task["said"])
        outcome = await perform(turn, action, dict(task["arguments"]), key="task", clock=self._clock)
        await turn.steps.flush()
        if outcome.status not in ("done", "confirm"):
            return await self._give_up(turn, f"{action.name}: [{outcome.status}] {outcome.content}")
        return await self._writer.acted(turn, speaks=isinstance(verdict, gate.Answer))

    async def _without_budget(self, turn: TurnContext, reason: str, *, returns: bool) -> Result:
        """What the gate does with a used-up budget, where only the prompt shows that the budget does not hold a call."""
        log.warning("budget_reached", reason=reason)
        await turn.steps.flush()
        verdict = replace(gate.without_budget(reason, turn.language, self._settings.conversation), returns=returns)
        if isinstance(verdict, gate.Silent):
            return self._writer.silent(turn, verdict)
        return await self._writer.fixed(turn, verdict)

    def _language(self, turn: TurnContext) -> str:
        """The language of what was typed; a message without words keeps that of the conversation."""
        if self._settings.language != "auto":
            return self._settings.language
        if not turn.typed:
            return turn.language
        return detect("\n".join(turn.typed), turn.contact.language, self._settings.default_language)

    def _gate(self, turn: TurnContext) -> gate.Silent | gate.Say | gate.Answer:
        return gate.decide(
            turn.contact,
            turn.typed,
            now=self._clock(),
            zone=self._settings.persona.zone,
            language=turn.language,
            conversation=self._settings.conversation,
            limits=self._settings.limits,
            spent=turn.spent,
        )

    async def _prepare(self, turn: TurnContext) -> None:
        """Read the contact's profile, and listen: to voice notes that came during the agent's silence, then to the new ones."""
        turn.contact = await self._current(turn.contact)
        turn.history = await self._files.located(turn.key, turn.history)
        history = await self._listener.catch_up(turn.key, turn.history, turn.steps)
        spoken = [after.own_words for before, after in zip(turn.history, history, strict=True) if after != before]
        turn.history = history
        messages = await self._files.stored(turn.claim.messages, turn.steps)
        turn.messages = await self._listener.hear(messages, turn.steps)
        heard = zip(turn.claim.messages, turn.messages, strict=True)
        lines = [words.line(message.sent_at, turn.id, message.message_id) for message, words in heard]
        said = zip(turn.messages, standing(lines), strict=True)
        turn.said = (*turn.said, *spoken, *(each for words, stands in said if stands for each in words.said))
        if not turn.typed and self._settings.language == "auto":
            turn.language = next((message.language for message in turn.messages if message.language), turn.language)

    async def _answer(self, turn: TurnContext) -> str:
        """The model's answer, as far as it may be sent."""
        turn.retrieved = await retrieve(
            self._knowledge,
            turn.instruction or turn.text,
            history=turn.history,
            language=turn.language,
            steps=turn.steps,
            clock=self._clock,
            zone=self._settings.persona.zone,
        )
        turn.recall(self._clock())
        messages = await self._messages(turn)
        text = await self._loop.answer(turn, messages)
        persona = self._settings.persona
        text = await checks.sendable(turn, messages, text, loop=self._loop, actions=self._actions, persona=persona)
        if self._knowledge is not None:
            reply = checks.Reply(text, acted=turn.acted, handed_over=turn.handed_over)
            turn.gap = None if turn.task is not None else checks.unanswered(turn.text, turn.retrieved, reply)
        return checks.without_marks(checks.without_outdated(turn, text))

    async def _messages(self, turn: TurnContext) -> "list[BaseMessage]":
        """The prompt after the system message: the history, what is said now, and what a yes of the customer has done."""
        from langchain_core.messages import HumanMessage

        persona = self._settings.persona
        turn.instructions = persona.instructions
        turn.system = system_prompt(persona, turn)
        turn.values = turn_values(persona, turn)
        done = await self._loop.confirm(turn)
        shown = window.fit(window.exchanges(turn.history, turn.called), self._loop.room(turn.system), self._loop.count)
        turn.shown, turn.left_out = len(shown.messages), shown.left_out
        if not (turn.earlier or turn.left_out):
            turn.memory = replace(turn.memory, summary=None)
        records = [record for message in turn.messages for record in message.attachments]
        now = HumanMessage(last_message(persona, turn), additional_kwargs=window.showing(records))
        messages = [*shown.messages, now, *done]
        turn.pictures = await self._pictures(turn, window.newest_pictures(messages))
        return messages

    async def _pictures(self, turn: TurnContext, names: Sequence[str]) -> dict[str, bytes]:
        """The pictures that a model may be shown, as far as they are still kept."""

        def load(connection: Connection) -> dict[str, bytes]:
            found = {name: media.get(connection, name, turn.claim.started_at) for name in names}
            return {name: picture.content for name, picture in found.items() if picture is not None}

        return await turn.steps.read(load) if names else {}

    async def _commit(self, turn: TurnContext, result: Result, then: Work[T], span: spans.Span) -> T:
        """Write the result and what comes after it. The ledger rechecks whether newer messages or a human have arrived."""
        now = self._clock()

        async def write(result: Result) -> tuple[Committed, T]:
            def commit(connection: Connection) -> tuple[Committed, T]:
                ended = turns.commit(connection, turn.claim, self._owner, result, now, self._settings.plans)
                return ended, then(connection)

            return await write_with_retry(self._database, commit)

        try:
            try:
                ended, task = await write(result)
            except (LedgerUnavailable, LeaseLost):
                raise
            except Exception as error:  # it never can be written: trying again would leave the contact mute
                log.exception("commit_failed")
                result = await self._writer.failed(turn, f"its end cannot be written: {type(error).__name__}")
                try:
                    ended, task = await write(result)
                except (LedgerUnavailable, LeaseLost):
                    raise
                except Exception:
                    log.exception("commit_failed")
                    result = replace(result, lines=[])  # not even the customer's own messages can be kept
                    ended, task = await write(result)
        except LeaseLost as error:
            log.warning("turn_lost", reason=str(error))
            span.drop()
            return await self._database.write(then)
        span.attributes |= {"balas.turn.ended": ended, "balas.turn.outcome": result.outcome.value}
        span.attributes |= {"balas.turn.messages": len(turn.claim.messages), "balas.turn.tokens": result.tokens}
        span.error = "failed" if result.outcome.state == "failed" else None
        span.content = lambda: spans.spoken([("user", turn.text)], [("assistant", said) for said in result.said])
        log.info(
            "turn_ended",
            ended=ended,
            end=result.outcome.state,
            reason=result.reason,
            messages=len(turn.claim.messages),
            sends=len(result.contents),
            tokens=result.tokens,
            ms=round((now - turn.claim.started_at).total_seconds() * 1000, 1),
        )
        return task
