"""The end of a turn: from what the model said and the actions asked for to the result that is committed.

`ReplyWriter` knows every way in which a turn ends: an answer, a fixed text, the text for failures, silence. Each yields the one
`Result`: history, messages, files, tasks for colleagues, and what changes for the contact.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

import structlog

from actions.action import (
    CancelFollowUp,
    ChangeTags,
    CloseConversation,
    Comment,
    CreateContact,
    HandOver,
    Remember,
    Request,
    ScheduleFollowUp,
    SendFile,
    SendPayment,
    SendQuickReplies,
    SetLifecycle,
    UpdateContact,
)
from actions.claims import says_handover
from actions.qris.actions import told_as_arrived
from agent import slots
from agent.config.conversation import ConversationSettings
from agent.config.texts import fill
from agent.ledger import media, memory, payments
from agent.ledger.codec import Assign, OpenConversation
from agent.ledger.database import Database, Work
from agent.ledger.followups import FollowUp, cancel
from agent.ledger.history import Line
from agent.ledger.knowledge import note_gap
from agent.ledger.media import Media, new_id
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import Result
from agent.turn import gate, handover_note
from agent.turn.context import ModelsFailed, TurnContext, Unanswered
from language.detect import clearly_in, names_a_language, related
from language.intents import says_dont_know, wants_human
from messaging.types import File, Outbound, QuickReplies, Text

if TYPE_CHECKING:
    from voice import Speaker

log = structlog.get_logger()

MEDIA_KEPT = timedelta(days=7)
"""How long the platform can fetch a file that was sent; long after it has made a copy of its own."""

_UNAVAILABLE = frozenset({"off", "unavailable", "model_missing", "toy_model", "model_broken"})
"""Reasons for which no voice note can be transcribed here, however clear it is."""


class ReplyWriter:
    """Writes the results of turns for one agent."""

    def __init__(
        self,
        database: Database,
        conversation: ConversationSettings,
        *,
        zone: ZoneInfo,
        default_language: str,
        media_url: Callable[[str], str],
        read_file: Callable[[str], tuple[bytes, str, str]],
        clock: Callable[[], datetime],
        speaker: "Speaker | None" = None,
    ) -> None:
        """Write for one agent.

        Args:
            database: the ledger, from which notes for colleagues are made.
            conversation: the fixed texts, and when a human takes over.
            zone: time zone of the business.
            default_language: code of the language in which colleagues read notes.
            media_url: gives the public address of a file's id.
            read_file: reads a file to send; its content, MIME type and name.
            clock: the time, aware UTC.
            speaker: speaks answers; `None` where all are written.
        """
        self._speaker = speaker
        self._database = database
        self._conversation = conversation
        self._zone = zone
        self._default_language = default_language
        self._media_url = media_url
        self._read_file = read_file
        self._clock = clock

    def silent(self, turn: TurnContext, verdict: gate.Silent) -> Result:
        """Say nothing; the messages join the history."""
        result = self._result(turn, verdict.outcome, verdict.reason)
        _reopen(result, returns=verdict.returns)
        return result

    def ping_pong(self, turn: TurnContext, times: int) -> Result:
        """Say nothing to another machine; colleagues get a note when it begins.

        Args:
            times: how often much the same was written within an hour.
        """
        reason = f"much the same message came {times} times within an hour: another machine seems to answer"
        result = Result(InboundOutcome.LIMIT, reason, lines=_lines(turn))
        if times == gate.SAME_MOST + 1:
            result.contents.append(Comment(f"The agent stays silent: {reason}."))
        return result

    async def fixed(self, turn: TurnContext, verdict: gate.Say) -> Result:
        """Say one fixed text instead of an answer, and what it implies for the contact.

        Args:
            turn: the turn; its messages were not listened to.
            verdict: the text and its effect.

        Raises:
            LedgerUnavailable: the note for colleagues cannot be made.
        """
        now = self._clock()
        result = self._result(turn, InboundOutcome.NOTICE, verdict.reason)
        _reopen(result, returns=verdict.returns)
        self._say(turn, result, fill(verdict.text, turn.contact.contact))
        tag = self._conversation.opt_out.tag
        match verdict.effect:
            case gate.Effect.OPTED_OUT:
                result.contact_columns["opted_out_at"] = now
                if tag is not None:
                    result.contents.append(ChangeTags(add=(tag,)))
            case gate.Effect.NOTICE_GIVEN:
                result.contact_columns["notice_at"] = now
            case gate.Effect.HANDED_OVER:
                self._hand_over(result, verdict.reason, await self._note(turn, verdict.reason), now)
        return result

    async def failed(self, turn: TurnContext, reason: str) -> Result:
        """Send the text for failures with what was done before, and hand over to a human.

        Args:
            turn: the turn; what its actions asked for is not carried out.
            reason: why there is no answer.

        Raises:
            LedgerUnavailable: the note for colleagues cannot be made.
        """
        now = self._clock()
        result = self._result(turn, InboundOutcome.FAILED, reason)
        if turn.task is not None:  # no customer waits for an answer: the workflow's run has failed
            return result
        text = fill(self._conversation.on_failure.in_language(turn.language), turn.contact.contact)
        if turn.changes:
            done = self._conversation.on_failure_done.in_language(turn.language)
            text = f"{text}\n\n{done} {'; '.join(turn.changes)}."
        self._say(turn, result, text)
        if "failure" in self._conversation.handover.when:
            note = await self._note(turn, f"the agent could not answer: {reason}")
            self._hand_over(result, reason, note, now)
        return result

    def superseded(self, turn: TurnContext) -> Result:
        """Say nothing, so that the turn can start again with the newer message."""
        result = self._result(turn, InboundOutcome.ANSWERED)
        result.restart_allowed = True
        return result

    def without_words(self, turn: TurnContext) -> str | None:
        """The fixed text for voice notes that yielded no words; `None` when something can be answered."""
        reasons = [message.unheard for message in turn.messages if message.unheard]
        if not reasons or len(reasons) < len(turn.messages):
            return None
        conversation = self._conversation
        text = conversation.voice_off if reasons[0] in _UNAVAILABLE else conversation.voice_unclear
        return fill(text.in_language(turn.language), turn.contact.contact)

    async def answer(self, turn: TurnContext, text: str, verdict: gate.Answer) -> Result:
        """Say what the model answered, carry out what the actions asked for, and hand over where that is needed.

        Args:
            turn: what was done.
            text: what the model said; empty when none of it may be sent.
            verdict: the note to add outside opening hours, and whether an opted-out contact is back.

        Raises:
            ModelsFailed: there is nothing to say.
            LedgerUnavailable: the note for colleagues cannot be made.
        """
        contact, handover = turn.contact.contact, self._conversation.handover
        unknown = turn.gap is not None and says_dont_know(text)
        result = self._result(turn, InboundOutcome.NOT_KNOWN if unknown else InboundOutcome.ANSWERED)
        result.reason = "the agent did not know" if unknown else None
        if turn.unknown and "unknown_outcome" in handover.when:
            turn.requests.append(HandOver(f"the outcome of {', '.join(turn.unknown)} is unknown"))
        if not turn.handed_over and self._asked_for_human(turn):
            turn.requests.append(HandOver("the customer asked for a human"))
            text = text if turn.receipts else ""
        handing = next((request for request in turn.requests if isinstance(request, HandOver)), None)
        if handing is not None and _foreign(text, turn):
            text = ""  # the announcement of the colleague says it in the customer's language
        if handing is not None and not text and turn.changes:
            text = f"{self._conversation.on_failure_done.in_language(turn.language)} {'; '.join(turn.changes)}."
        if handing is not None and not says_handover(text):
            text = f"{text}\n\n{fill(handover.text.in_language(turn.language), contact)}".strip()
        await self._speak(turn, result, text)
        self._say(turn, result, text)
        for position, request in enumerate(turn.requests):
            await self._add(turn, result, request, f"{turn.id}-{position}")
        if verdict.note is not None:
            self._say(turn, result, fill(verdict.note, contact))
        if not result.contents:
            raise ModelsFailed("the model answered with nothing")
        now = self._clock()
        result.contact_columns["language"] = turn.language
        _reopen(result, returns=verdict.returns)
        if verdict.note is not None:
            result.contact_columns["notice_at"] = now
        if handing is not None:
            note = await self._note(turn, handing.reason, handing.summary, requests=turn.requests)
            self._hand_over(result, handing.reason, note, now)
        else:
            result.confirmation = turn.question
            if turn.effects:
                note = await self._note(turn, "the agent was at work when a colleague took over")
                result.instead.append(Comment(note))
        if verdict.returns and self._conversation.opt_out.tag is not None:
            result.contents.append(ChangeTags(remove=(self._conversation.opt_out.tag,)))
        if turn.gap is not None:
            result.also.append(_noted(turn.gap, now))
        if "check_payment" in turn.receipts and (
            arrived := told_as_arrived(text, turn.results.get("check_payment", ()))
        ):
            result.also.append(partial(payments.leave_to_answer, key=turn.key, reference=arrived))
        result.restart_allowed = turn.arrivals is not None and not turn.effects
        result.pacing = self._conversation.pacing
        return result

    async def acted(self, turn: TurnContext, *, speaks: bool) -> Result:
        """Carry out what the action of a workflow asked for, and put its question.

        Args:
            turn: in which it was performed.
            speaks: whether the customer may be written to now; else the rest is done.
        """
        result = self._result(turn, InboundOutcome.ANSWERED)
        result.confirmation_settled = turn.confirmation is not None and turn.question is not None
        if turn.question is not None and speaks:
            self._say(turn, result, turn.question.question)
            result.confirmation = turn.question
        for position, request in enumerate(turn.requests):
            if isinstance(request, HandOver):
                note = await self._note(turn, request.reason, request.summary, requests=turn.requests)
                self._hand_over(result, request.reason, note, self._clock())
            else:
                await self._add(turn, result, request, f"{turn.id}-{position}")
        if not speaks:
            result.contents = [each for each in result.contents if not isinstance(each, get_args(Outbound))]
            result.said = []
        return result

    def _result(self, turn: TurnContext, outcome: InboundOutcome, reason: str | None = None) -> Result:
        """The result of a turn: whatever it says, the question that was open is open no longer."""
        result = Result(outcome, reason, lines=_lines(turn), tokens=turn.steps.tokens, cost=turn.steps.cost)
        result.confirmation_settled = turn.confirmation is not None
        return result

    def _asked_for_human(self, turn: TurnContext) -> bool:
        """Whether the customer's own words ask for a person, whatever the model made of them."""
        if "asked" not in self._conversation.handover.when:
            return False
        return any(wants_human(said) for message in turn.messages for said in message.said)

    async def _note(
        self, turn: TurnContext, why: str, summary: str | None = None, *, requests: Sequence[Request] = ()
    ) -> str:
        return await handover_note.of_turn(
            self._database,
            turn,
            why,
            summary,
            requests=requests,
            language=self._default_language,
            zone=self._zone,
            now=self._clock(),
        )

    def _hand_over(self, result: Result, why: str, note: str, now: datetime) -> None:
        """Pause the agent, and give colleagues the conversation on the platform with a note of what they should know."""
        handover = self._conversation.handover
        after = handover.resume_after
        result.pause_until = (None if after is None else now + after, f"handed over: {why}")
        result.contents.append(OpenConversation())
        if handover.assign_to is not None:
            result.contents.append(Assign(handover.assign_to))
        result.contents.append(Comment(note))

    async def _speak(self, turn: TurnContext, result: Result, text: str) -> None:
        """Add the answer as a voice note, where it is wanted and can be spoken; the text goes out in any case."""
        from messaging.types import ChannelKind, kind_of
        from voice import VoiceError
        from voice.speech import MP3, NOTE, spoken

        speaker = self._speaker
        if speaker is None or not (speaker.settings.when == "always" or any(each.heard for each in turn.messages)):
            return
        said = spoken(text, speaker.settings.longest)
        if said is None:
            return
        notes = (
            ChannelKind.WHATSAPP,
            ChannelKind.WHATSAPP_DEVICE,
            ChannelKind.TELEGRAM,
            ChannelKind.CUSTOM,
            ChannelKind.UNKNOWN,
        )
        form = NOTE if kind_of(_source(turn)) in notes else MP3
        given, now = {"text": said, "format": form.name}, self._clock()
        if (step := turn.steps.finished("speech", given)) is not None:
            if "media" in step.output:
                result.contents.append(File("audio", self._media_url(step.output["media"])))
            return
        try:
            async with slots.released(), asyncio.timeout(speaker.settings.timeout.total_seconds()):
                sound = await speaker.speak(said, form)
        except (VoiceError, TimeoutError) as error:
            log.warning("answer_not_spoken", turn=turn.id, detail=str(error) or "it took too long")
            return
        note = Media(new_id(form.ending), sound, form.type, None, now, now + MEDIA_KEPT)
        turn.steps.along(lambda connection: media.put(connection, note))
        await turn.steps.record("speech", "speech", speaker.settings.model, given, {"media": note.id}, started_at=now)
        result.contents.append(File("audio", self._media_url(note.id)))

    def _say(self, turn: TurnContext, result: Result, text: str) -> None:
        """Add a text: in the channel's formatting, and in as many messages as its length takes."""
        from messaging.splitting import messages_of

        if not text:
            return
        result.said.append(text)
        result.contents.extend(Text(part) for part in messages_of(text, _source(turn)))

    async def _add(self, turn: TurnContext, result: Result, request: Request, name: str) -> None:
        """Carry out one request of an action. `name` is unique to it, and the same when the turn is resumed."""
        match request:
            case SendPayment():
                await self._payment(turn, result, request, name)
            case SendFile(path, caption):
                content, kind, filename = await asyncio.to_thread(self._read_file, path)
                url = self._keep(result, content, kind, filename)
                result.contents.append(File("image" if kind.startswith("image/") else "file", url))
                self._mark(result, f"[{filename}]")
                self._say(turn, result, caption or "")
            case SendQuickReplies(title, replies):
                self._offer(turn, result, title, replies)
            case ScheduleFollowUp(due, text):
                result.followups.append(FollowUp(f"{name}-followup", turn.key, due, text, None, {}, self._clock()))
            case Remember(told):
                result.also.append(lambda connection: memory.learn(connection, turn.key, told, turn.id, self._clock()))
            case CancelFollowUp(followup_id):
                result.also.append(
                    lambda connection: cancel(connection, followup_id, "the customer called it off", self._clock())
                )
            case UpdateContact() | CreateContact() | ChangeTags() | SetLifecycle() | Comment() | CloseConversation():
                result.contents.append(request)
            case HandOver():
                pass  # `answer` does it, with a note on everything

    def _offer(self, turn: TurnContext, result: Result, title: str, replies: tuple[str, ...]) -> None:
        """Answers to choose from; the history shows them as the customer sees them, so that "2" can be understood."""
        from messaging.formatting import for_channel, numbered, takes_quick_replies

        source = _source(turn)
        if not takes_quick_replies(source):
            self._say(turn, result, numbered(title, replies))
            return
        result.contents.append(QuickReplies(for_channel(title, source), replies))
        result.said.append(numbered(title, replies))

    async def _payment(self, turn: TurnContext, result: Result, payment: SendPayment, name: str) -> None:
        from actions.qris.texts import caption, picture

        image = await asyncio.to_thread(picture, payment, self._zone, turn.language)
        result.contents.append(File("image", self._keep(result, image, "image/png", "qris.png")))
        self._mark(result, f"[QRIS {payment.amount} {payment.reference}]")
        self._say(turn, result, caption(payment, self._zone, turn.language))
        if not payment.resend:
            result.also.append(
                lambda connection: payments.open_payment(connection, turn.key, name, payment, self._clock())
            )

    def _mark(self, result: Result, shown: str) -> None:
        """Show people what was sent that is no text; the model does not read it among its own words."""
        result.said.append(shown)
        result.marks.append(shown)

    def _keep(self, result: Result, content: bytes, kind: str, filename: str) -> str:
        now = self._clock()
        media = Media(new_id(filename.rpartition(".")[2]), content, kind, filename, now, now + MEDIA_KEPT)
        result.files.append(media)
        return self._media_url(media.id)


def _source(turn: TurnContext) -> str | None:
    """What kind of channel the contact writes on."""
    return turn.contact.channel.source if turn.contact.channel is not None else None


def _lines(turn: TurnContext) -> list[Line]:
    """The messages of the turn, as the history keeps them."""
    return [
        prepared.line(at, turn.id, message.message_id)
        for prepared, message, at in zip(turn.messages, turn.claim.messages, turn.claim.received_at, strict=True)
    ]


def _foreign(text: str, turn: TurnContext) -> bool:
    """Whether a reply is beyond doubt in a language that the customer neither writes nor asked for."""
    written = clearly_in(text)
    return written is not None and not related(written, turn.language) and not names_a_language(turn.text)


def _reopen(result: Result, *, returns: bool) -> None:
    """An opted-out contact that came back may be written to again."""
    if returns:
        result.contact_columns["opted_out_at"] = None


def _noted(gap: Unanswered, now: datetime) -> Work[None]:
    """The note for the owner; written with the turn, so that a turn that runs again does not count twice."""
    return lambda connection: note_gap(connection, gap.question, gap.confidence, gap.nearest, now)
