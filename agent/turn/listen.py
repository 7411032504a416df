"""Preparing a turn: every inbound message becomes words, a voice note with the help of the transcriber, as a step.

Voice notes that arrive while the agent is silent join the history unheard; `Listener.catch_up` transcribes them when the agent
answers again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from agent import slots
from agent.ledger import history, media
from agent.ledger.history import Line
from agent.ledger.media import Media
from agent.turn.files import TOLD, Reason
from agent.turn.steps import StepLog
from messaging.admission import LONGEST_QUOTE, LONGEST_TEXT
from messaging.errors import PlatformError
from messaging.types import Attachment, ContactKey, InboundMessage, read_platform_file
from settings.text import clean, mark, quoted, unmarked

if TYPE_CHECKING:
    import httpx

    from agent.turn.files import Reads
    from voice import FetchLimits, Transcriber

log = structlog.get_logger()

MOST_MISSED = 5
"""How many of the newest voice notes in the history are considered for catching up."""

CATCHING_UP = timedelta(seconds=30)
"""How long the customer's new message waits for catching up at most."""

PICTURES_KEPT = timedelta(days=3)
"""How long a model can be shown a picture again."""

_NOTE = "[audio]"
_MISSED = "missed"
_NOT_FETCHED = "not_fetched"
_CAPPED = "[the rest of this message was left out: it was too long]"


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """One inbound message in words.

    Attributes:
        text: what it says, with marks of ours for what is no text.
        said: what the customer typed, spoke or shared, where provenance is looked up; no marks of ours.
        about: a mark that quotes the earlier message to which this one refers; empty when it refers to none.
        attachments: what the history keeps of each: `kind`, `url`, `name`, and the `transcript` or why it is `unheard`.
        unheard: why a voice note yielded no words: a reason of `voice.errors`, or `off`.
        language: code of the language that was spoken.
    """

    text: str
    said: tuple[str, ...]
    attachments: tuple[dict[str, Any], ...] = ()
    unheard: str | None = None
    language: str | None = None
    about: str = ""

    @property
    def heard(self) -> bool:
        """Whether it holds a voice note that was understood."""
        return any("transcript" in record for record in self.attachments)

    @property
    def told(self) -> str:
        """What the model and the history read: also to what the message refers."""
        return f"{self.about}\n{self.text}" if self.about else self.text

    def line(self, at: datetime, turn: str, message_id: str) -> Line:
        """The message as the history keeps it."""
        said = "\n".join(dict.fromkeys(self.said))
        own = None if said == self.told else said
        return Line("contact", self.told, at, self.attachments, turn, message_id, own)


def is_voice(attachment: Attachment) -> bool:
    """Audio by its kind or by its MIME type: platforms have no flag of their own for a voice note."""
    return attachment.kind == "audio" or (attachment.mime_type or "").startswith("audio/")


def prepared_unheard(message: InboundMessage) -> PreparedMessage:
    """Put a message into words without listening: its voice notes are marked for `Listener.catch_up`.

    Args:
        message: one of a turn that may end in silence.
    """
    parts, said = _without_files(message)
    attachments = []
    for attachment in message.attachments:
        record = _record(attachment)
        if is_voice(attachment):
            record["unheard"] = _MISSED
        parts.append(_NOTE if is_voice(attachment) else _named(attachment))
        attachments.append(record)
    text = "\n".join(parts or [f"[{message.kind}]"])
    return PreparedMessage(text, tuple(said), tuple(attachments), about=_about(message))


def _without_files(message: InboundMessage) -> tuple[list[str], list[str]]:
    """What a message says beside its files: as the model reads it, and what of it the customer said."""
    parts = [unmarked(message.text)] if message.text else []
    parts += [_CAPPED] if message.left_out else []
    said = [message.text] if message.text else []
    shared = [("location", str(message.location))] if message.location is not None else []
    shared += [("contact card", str(card)) for card in message.cards]
    said += [words for _, words in shared]
    parts += [mark(kind, words) for kind, words in shared]
    return parts, said


def _about(message: InboundMessage) -> str:
    if message.quote is None or not message.quote.text:
        return ""
    return mark(
        "correction of" if message.quote.corrected else "in reply to", quoted(message.quote.text, LONGEST_QUOTE)
    )


class Listener:
    """Puts messages into words, with what their files hold. Without a transcriber a voice note stays unheard."""

    def __init__(
        self,
        transcriber: "Transcriber | None",
        client: "httpx.AsyncClient",
        limits: "FetchLimits",
        *,
        from_platform: Callable[[str, int], Awaitable[bytes]],
        clock: Callable[[], datetime],
        files: "Reads | None" = None,
    ) -> None:
        """Listen with a transcriber.

        Args:
            transcriber: `None` when voice is off.
            client: fetches voice notes; it is guarded against private addresses.
            limits: how large a note may be, and how long fetching may take.
            from_platform: fetches what only its platform can give: the URL, and the most bytes.
            clock: the time, aware UTC.
            files: reads what is no voice note; without it such files are only named.
        """
        self._files = files
        self._transcriber = transcriber
        self._client = client
        self._limits = limits
        self._from_platform = from_platform
        self._clock = clock

    async def hear(self, messages: Sequence[InboundMessage], steps: StepLog) -> list[PreparedMessage]:
        """Put messages into words; each transcription is a step.

        Args:
            messages: in their order.
            steps: the step log of the turn.

        Returns:
            One for each message, in the same order.

        Raises:
            LedgerUnavailable: a step cannot be written.
        """
        return [await self._hear(message, steps) for message in messages]

    async def catch_up(self, key: ContactKey, lines: Sequence[Line], steps: StepLog) -> tuple[Line, ...]:
        """Transcribe the voice notes that came while the agent was silent, the newest first, and rewrite the history.

        Args:
            key: whose history.
            lines: the history as the model will see it.
            steps: the step log of the turn.

        Returns:
            The history with their words. A note that yields none in time keeps its mark.

        Raises:
            LedgerUnavailable: a step cannot be written.
        """
        found = list(lines)
        if self._transcriber is None:
            return tuple(found)
        spoken = [place for place, line in enumerate(found) if any(map(_is_spoken, line.attachments))]
        end = asyncio.get_running_loop().time() + CATCHING_UP.total_seconds()
        for place in reversed(spoken[-MOST_MISSED:]):
            for position, record in enumerate(found[place].attachments):
                if _is_missed(record):
                    found[place] = await self._recover(key, found[place], position, steps, end)
        return tuple(found)

    async def _recover(self, key: ContactKey, line: Line, position: int, steps: StepLog, end: float) -> Line:
        """The line with one of its voice notes in words; written with the step that found them."""
        url, started_at = line.attachments[position]["url"], self._clock()
        try:
            async with asyncio.timeout_at(end), slots.released():
                result = await self._transcribe(url)
        except TimeoutError:
            result = {"error": "no_time"}
        line = _recovered(line, position, result)
        steps.along(lambda connection: history.rewrite(connection, key, line))
        place, given = f"voice/{line.message_id}/{position}", {"url": url}
        await steps.record(place, "transcription", "voice", given, result, started_at=started_at)
        return line

    async def _hear(self, message: InboundMessage, steps: StepLog) -> PreparedMessage:
        parts, said = _without_files(message)
        attachments, unheard, language = [], None, None
        for position, attachment in enumerate(message.attachments):
            record = _record(attachment)
            if is_voice(attachment):
                result = await self._transcription(f"voice/{message.message_id}/{position}", attachment, steps)
                if "error" in result:
                    unheard = record["unheard"] = result["error"]
                    parts.append("[a voice note that could not be understood]")
                else:
                    language = result["language"]
                    parts.append(_words(result))
                    said += [result["text"], result["normalised"]]
                    record["transcript"] = result["text"]
            else:
                record |= await self._content(f"file/{message.message_id}/{position}", attachment, steps)
                parts.append(_named(attachment, record.get("unread")))
            attachments.append(record)
        if not parts:
            parts.append(f"[{message.kind}]")
        return PreparedMessage("\n".join(parts), tuple(said), tuple(attachments), unheard, language, _about(message))

    async def _content(self, key: str, attachment: Attachment, steps: StepLog) -> dict[str, Any]:
        """What the history keeps of a file: its `text`, the `picture` by its id, or why it is `unread`; as a step."""
        if self._files is None or attachment.kind == "sticker":
            return {}
        given = {"url": attachment.url}
        if (step := steps.finished(key, given)) is not None:
            output: dict[str, Any] = step.output
            return output
        started_at = self._clock()
        async with slots.released():
            content = await self._files.read(attachment)
        if content.picture is not None:
            name = media.new_id("jpg")
            picture = Media(name, content.picture, "image/jpeg", None, started_at, started_at + PICTURES_KEPT)
            steps.along(lambda connection: media.put(connection, picture))
            output = {"picture": name}
        elif content.unread is not None:
            log.info("file_unread", reason=content.unread, detail=content.detail)
            output = {"unread": content.unread}
        else:
            output = {"text": content.text}
        await steps.record(key, "file", attachment.kind, given, output, started_at=started_at)
        return output

    async def _transcription(self, key: str, attachment: Attachment, steps: StepLog) -> dict[str, Any]:
        given = {"url": attachment.url}
        if (step := steps.finished(key, given)) is not None:
            output: dict[str, Any] = step.output
            return output
        started_at = self._clock()
        async with slots.released():
            output = await self._transcribe(attachment.url)
        await steps.record(key, "transcription", "voice", given, output, started_at=started_at)
        return output

    async def _transcribe(self, url: str) -> dict[str, Any]:
        from voice import VoiceError, fetch_note

        if self._transcriber is None:
            return {"error": "off"}
        try:
            if read_platform_file(url) is None:
                audio = await fetch_note(self._client, url, self._limits)
            else:
                audio = await self._from_platform(url, self._limits.size)
            transcript = await self._transcriber.transcribe(audio)
        except VoiceError as error:
            log.warning("voice_note_unheard", reason=error.reason, detail=str(error))
            return {"error": error.reason}
        except PlatformError as error:
            log.warning("voice_note_unheard", reason=_NOT_FETCHED, detail=str(error))
            return {"error": _NOT_FETCHED}
        return {
            "text": clean(transcript.text)[:LONGEST_TEXT],
            "normalised": clean(transcript.normalised)[:LONGEST_TEXT],
            "language": transcript.language,
            "seconds": transcript.duration.total_seconds(),
            "confidence": transcript.confidence,
        }


def _record(attachment: Attachment) -> dict[str, Any]:
    return {"kind": attachment.kind, "url": attachment.url, "name": attachment.name}


def _named(attachment: Attachment, unread: Reason | None = None) -> str:
    name = " ".join((attachment.name or "").split())
    return mark(attachment.kind, ", which ".join(part for part in (name, TOLD[unread] if unread else "") if part))


def _words(result: Mapping[str, Any]) -> str:
    return f"[voice note] {result['normalised']}"


def _is_spoken(record: Mapping[str, Any]) -> bool:
    return "transcript" in record or "unheard" in record


def _is_missed(record: Mapping[str, Any]) -> bool:
    return record.get("unheard") == _MISSED


def _recovered(line: Line, position: int, result: Mapping[str, Any]) -> Line:
    """The line with what was found out about one of its voice notes. Its last lines are those of its attachments."""
    record = {name: value for name, value in line.attachments[position].items() if name != "unheard"}
    texts, attachments, said = line.text.split("\n"), list(line.attachments), line.said
    if "error" in result:
        record["unheard"] = result["error"]
    else:
        record["transcript"] = result["text"]
        texts[position - len(attachments)] = _words(result)
        said = "\n".join(filter(None, (said, result["text"], result["normalised"])))
    attachments[position] = record
    return replace(line, text="\n".join(texts), attachments=tuple(attachments), said=said)
