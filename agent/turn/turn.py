"""One turn, from claim to commit. A turn never sends: what it has to say is written with everything else, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from actions.action import ChangeTags, Comment, HandOver, Request, SendPayment
from agent.asking import wants_human
from agent.config.conversation import ConversationSettings
from agent.config.model import LimitSettings
from agent.config.texts import fill
from agent.faults import point
from agent.ledger import turns
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database, Work, write_with_retry
from agent.ledger.errors import LeaseLost, LedgerUnavailable
from agent.ledger.followups import Plan
from agent.ledger.history import Line
from agent.ledger.inbound import Waiting
from agent.ledger.knowledge import note_gap
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Claim, Committed, Result
from agent.turn import context, gate, handover_note
from agent.turn.answering import Answering, Draft, Question
from agent.turn.checks import Unanswered, says_dont_know
from agent.turn.context import Arrivals, Brief, ModelsFailed, Superseded, TurnStopped
from agent.turn.listen import Heard, Listener, missed
from agent.turn.reply import Reply, ReplyWriter
from agent.turn.steps import StepLog
from language.detect import detect
from messaging.types import ContactKey

log = structlog.get_logger()

T = TypeVar("T")

MOST_RESTARTS = 3
"""How often newer messages may start a turn again before it is finished as it is."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """What of agent.yaml a turn goes by. `language` is `auto` or the one language to answer in; `plans` may follow a turn up."""

    conversation: ConversationSettings
    limits: LimitSettings
    language: str
    default_language: str
    zone: ZoneInfo
    plans: tuple[Plan, ...] = ()


class Turns:
    """Runs the turns of one process; `owner` names it in the leases, `current` brings what is known of a contact up to date."""

    def __init__(
        self,
        database: Database,
        *,
        settings: TurnSettings,
        answering: Answering,
        listener: Listener,
        writer: ReplyWriter,
        owner: str,
        quiet: Callable[[Sequence[Waiting]], datetime],
        current: Callable[[ContactState], Awaitable[ContactState]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._quiet = quiet
        self._settings = settings
        self._answering = answering
        self._listener = listener
        self._writer = writer
        self._owner = owner
        self._current = current
        self._clock = clock

    def begin(self, connection: Connection, key: ContactKey) -> Brief | datetime | None:
        """Claim what waits of this contact, or say when to ask again; `None` when nothing waits."""
        lines = self._settings.conversation.history
        return context.begin(connection, key, self._owner, self._clock(), quiet=self._quiet, lines=lines)

    async def run(self, begun: Brief, then: Work[T]) -> T:
        """Answer what was claimed. `then` says in the same transaction what comes after it."""
        claim = begun.claim
        point("after-claim")
        with structlog.contextvars.bound_contextvars(turn=claim.turn, contact=str(claim.key)):
            keeping = asyncio.create_task(self._keep_lease(claim.turn))
            try:
                result = await self._result(begun)
            except LeaseLost as error:
                log.warning("turn_lost", reason=str(error))
                return await self._database.write(then)
            finally:
                keeping.cancel()
                with suppress(asyncio.CancelledError):
                    await keeping
            point("before-commit")
            task = await self._commit(claim, result, then)
            point("after-commit")
        return task

    async def _keep_lease(self, turn: str) -> None:
        while True:
            await asyncio.sleep(turns.LEASE.total_seconds() / 3)
            try:
                await self._database.write(
                    lambda connection: turns.renew(connection, turn, self._owner, self._clock() + turns.LEASE)
                )
            except LeaseLost:
                log.warning("lease_lost", turn=turn)
                return
            except LedgerUnavailable as error:  # it may be back before the lease is over
                log.warning("lease_not_renewed", turn=turn, reason=str(error))

    async def _commit(self, claim: Claim, result: Result, then: Work[T]) -> T:
        now = self._clock()

        def commit(connection: Connection) -> tuple[Committed, T]:
            return turns.commit(connection, claim, self._owner, result, now, self._settings.plans), then(connection)

        try:
            ended, task = await write_with_retry(self._database, commit)
        except LeaseLost as error:
            log.warning("turn_lost", reason=str(error))
            return await self._database.write(then)
        log.info(
            "turn_ended",
            ended=ended,
            end=result.outcome.state,
            reason=result.reason,
            messages=len(claim.messages),
            sends=len(result.contents),
            tokens=result.tokens,
            ms=round((now - claim.started_at).total_seconds() * 1000, 1),
        )
        return task

    async def _result(self, begun: Brief) -> Result:
        claim = begun.claim
        log_of_steps = StepLog(self._database, claim.turn, begun.steps, clock=self._clock, context=str(claim.key))
        written = [message.text for message in claim.messages if message.text]
        language = self._language(claim, written)
        verdict = gate.decide(
            claim.contact,
            written,
            now=self._clock(),
            zone=self._settings.zone,
            language=language,
            conversation=self._settings.conversation,
            limits=self._settings.limits,
            spent=begun.spent,
        )
        if isinstance(verdict, gate.Silent):
            lines = self._lines(claim, list(map(missed, claim.messages)))
            columns = self._back(verdict.returns)
            return Result(verdict.outcome, verdict.reason, lines=lines, contact_columns=columns)
        if isinstance(verdict, gate.Say):
            return await self._fixed(claim, verdict)
        claim = replace(claim, contact=await self._current(claim.contact))
        begun = await self._caught_up(replace(begun, claim=claim), log_of_steps)
        heard = await self._listener.hear(claim.messages, log_of_steps)
        if not written:
            language = next((each.language for each in heard if each.language), language)
        try:
            async with asyncio.timeout(self._settings.limits.seconds):
                return await self._answer(begun, heard, log_of_steps, language, verdict)
        except Superseded:
            await log_of_steps.flush()
            return Result(
                InboundOutcome.ANSWERED,
                lines=self._lines(claim, heard),
                restart_allowed=True,
                tokens=log_of_steps.tokens,
                cost=log_of_steps.cost,
            )
        except (
            LedgerUnavailable,
            LeaseLost,
        ):  # not the model's failing: the turn goes on from its steps, here or elsewhere
            raise
        except TimeoutError:
            reason = f"limits.seconds: longer than {self._settings.limits.seconds:g}"
        except Exception as error:
            reason = str(error) or type(error).__name__
            if not isinstance(error, TurnStopped):
                log.exception("turn_failed")
        await log_of_steps.flush()
        return await self._failed(claim, heard, log_of_steps, language, reason)

    async def _caught_up(self, begun: Brief, steps: StepLog) -> Brief:
        """With what the customer said in voice notes while the agent was silent."""
        history = await self._listener.catch_up(begun.claim.key, begun.history, steps)
        spoken = (after.text for before, after in zip(begun.history, history, strict=True) if after != before)
        return replace(begun, history=history, said=(*begun.said, *spoken))

    async def _answer(
        self,
        begun: Brief,
        heard: Sequence[Heard],
        log_of_steps: StepLog,
        language: str,
        verdict: gate.Answer,
    ) -> Result:
        claim = begun.claim
        may_restart = claim.restarts < MOST_RESTARTS
        unheard = [each.unheard for each in heard if each.unheard]
        if unheard and len(unheard) == len(heard):
            conversation = self._settings.conversation
            text = conversation.voice_off if unheard[0] in _DEAF else conversation.voice_unclear
            draft = Draft(fill(text.in_language(language), claim.contact.contact))
        else:
            draft = await self._answering.draft(
                Question(
                    claim=claim,
                    text="\n".join(each.text for each in heard),
                    said=(*begun.said, *(said for each in heard for said in each.said)),
                    history=begun.history,
                    results=begun.results,
                    language=language,
                    steps=log_of_steps,
                    seconds=self._settings.limits.seconds,
                    arrivals=Arrivals(self._database, claim.key) if may_restart else None,
                    open_question=begun.confirmation,
                    attachments=tuple(
                        record["kind"] for each in heard for record in each.attachments if "transcript" not in record
                    ),
                    memory=begun.memory,
                )
            )
        requests = list(draft.requests)
        if draft.unknown and "unknown_outcome" in self._settings.conversation.handover.when:
            requests.append(HandOver(f"the outcome of {', '.join(draft.unknown)} is unknown"))
        said = draft.text
        if not any(isinstance(request, HandOver) for request in requests) and self._asked_for_human(heard):
            requests.append(HandOver("the customer asked for a human"))
            said = said if draft.receipts else ""
        channel = claim.contact.channel
        reply = await self._writer.write(
            claim.contact.contact, claim.turn, said, requests, channel=channel, language=language
        )
        if verdict.note is not None:
            self._writer.say(reply, fill(verdict.note, claim.contact.contact), channel)
        if not reply.contents:
            raise ModelsFailed("the model answered with nothing")
        now = self._clock()
        pause: tuple[datetime | None, str] | None = None
        instead: tuple[Comment, ...] = ()
        if reply.handover is not None:
            pause = self._pause(now, reply.handover.reason)
            why, summary = reply.handover.reason, reply.handover.summary
            self._writer.hand_over(reply, await self._note(claim, heard, why, summary, requests))
        elif draft.effects:
            instead = (Comment(await self._note(claim, heard, "the agent was at work when a colleague took over")),)
        columns: dict[str, Any] = {"language": language, **self._back(verdict.returns)}
        if verdict.note is not None:
            columns["notice_at"] = now
        if verdict.returns and self._settings.conversation.opt_out.tag is not None:
            reply.contents.append(ChangeTags(remove=(self._settings.conversation.opt_out.tag,)))
        unknown = draft.unanswered is not None and says_dont_know(draft.text)
        return Result(
            InboundOutcome.NOT_KNOWN if unknown else InboundOutcome.ANSWERED,
            "the agent did not know" if unknown else None,
            lines=self._lines(claim, heard, reply),
            contents=tuple(reply.contents),
            instead=instead,
            files=tuple(reply.files),
            followups=tuple(reply.followups),
            confirmation=draft.confirmation if reply.handover is None else None,
            confirmation_settled=draft.settled,
            pause_until=pause,
            contact_columns=columns,
            also=(*reply.also, *_noted(draft.unanswered, now)),
            tokens=log_of_steps.tokens,
            cost=log_of_steps.cost,
            restart_allowed=may_restart and not draft.effects,
            pacing=self._settings.conversation.pacing,
        )

    async def _fixed(self, claim: Claim, verdict: gate.Say) -> Result:
        now, reply = self._clock(), Reply()
        heard = list(map(missed, claim.messages))
        self._writer.say(reply, fill(verdict.text, claim.contact.contact), claim.contact.channel)
        columns: dict[str, Any] = self._back(verdict.returns)
        pause: tuple[datetime | None, str] | None = None
        if verdict.effect is gate.Effect.OPTED_OUT:
            columns["opted_out_at"] = now
            if self._settings.conversation.opt_out.tag is not None:
                reply.contents.append(ChangeTags(add=(self._settings.conversation.opt_out.tag,)))
        elif verdict.effect is gate.Effect.NOTICE_GIVEN:
            columns["notice_at"] = now
        else:
            pause = self._pause(now, verdict.reason)
            self._writer.hand_over(reply, await self._note(claim, heard, verdict.reason))
        return Result(
            InboundOutcome.NOTICE,
            verdict.reason,
            lines=self._lines(claim, heard, reply),
            contents=tuple(reply.contents),
            contact_columns=columns,
            pause_until=pause,
        )

    async def _failed(
        self, claim: Claim, heard: Sequence[Heard], log_of_steps: StepLog, language: str, reason: str
    ) -> Result:
        """The polite text, and a human: the model's failing is not the customer's problem."""
        conversation, now, reply = self._settings.conversation, self._clock(), Reply()
        log.error("turn_gave_up", reason=reason)
        text = fill(conversation.on_failure.in_language(language), claim.contact.contact)
        self._writer.say(reply, text, claim.contact.channel)
        pause: tuple[datetime | None, str] | None = None
        if "failure" in conversation.handover.when:
            pause = self._pause(now, reason)
            self._writer.hand_over(reply, await self._note(claim, heard, f"the agent could not answer: {reason}"))
        return Result(
            InboundOutcome.FAILED,
            reason,
            lines=self._lines(claim, heard, reply),
            contents=tuple(reply.contents),
            pause_until=pause,
            tokens=log_of_steps.tokens,
            cost=log_of_steps.cost,
        )

    def _asked_for_human(self, heard: Sequence[Heard]) -> bool:
        """Whether the customer's own words ask for a person, whatever the model made of them."""
        if "asked" not in self._settings.conversation.handover.when:
            return False
        return any(wants_human(said) for each in heard for said in each.said)

    @staticmethod
    def _back(returns: bool) -> dict[str, Any]:
        return {"opted_out_at": None} if returns else {}

    async def _note(
        self,
        claim: Claim,
        heard: Sequence[Heard],
        why: str,
        summary: str | None = None,
        requests: Sequence[Request] = (),
    ) -> str:
        """What colleagues should know of this conversation, from its record and from what this reply adds to it."""
        now = self._clock()
        closed_at = claim.contact.closed_at
        since = max(now - _RECENTLY, closed_at) if closed_at is not None else now - _RECENTLY
        known = await self._database.read(lambda connection: handover_note.look(connection, claim.key, since, now))
        offered = [
            handover_note.Due(request.reference, request.amount, request.expires)
            for request in requests
            if isinstance(request, SendPayment) and not request.resend
        ]
        situation = handover_note.Situation(
            contact=claim.key.id,
            why=why,
            summary=summary,
            asked=(*known.asked, *(each.text for each in heard)),
            deeds=known.deeds,
            payments=(*known.payments, *offered),
        )
        return handover_note.note(situation, self._settings.default_language, self._settings.zone)

    def _pause(self, now: datetime, why: str) -> tuple[datetime | None, str]:
        after = self._settings.conversation.handover.resume_after
        return (None if after is None else now + after, f"handed over: {why}")

    def _language(self, claim: Claim, written: Sequence[str]) -> str:
        if self._settings.language != "auto":
            return self._settings.language
        previous = claim.contact.language or self._settings.default_language
        return detect("\n".join(written), previous) if written else previous

    def _lines(self, claim: Claim, heard: Sequence[Heard], reply: Reply | None = None) -> tuple[Line, ...]:
        lines = [
            Line("contact", each.text, at, each.attachments, claim.turn, message.message_id)
            for each, message, at in zip(heard, claim.messages, claim.received_at, strict=True)
        ]
        if reply is not None and reply.shown:
            lines.append(Line("agent", "\n\n".join(reply.shown), self._clock(), (), claim.turn))
        return tuple(lines)


_RECENTLY = timedelta(hours=24)
"""How far back a note for colleagues looks, within the same conversation."""

_DEAF = frozenset({"off", "unavailable", "model_missing", "toy_model", "model_broken"})
"""Reasons for which no voice note can be heard here, however clear it is."""


def _noted(question: Unanswered | None, now: datetime) -> tuple[Work[None], ...]:
    """The note for the owner; written with the turn, so that a turn that runs again does not count twice."""
    if question is None:
        return ()
    return (lambda connection: note_gap(connection, question.question, question.confidence, question.nearest, now),)
