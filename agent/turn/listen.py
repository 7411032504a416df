"""Preparing a turn: every inbound message becomes words, voice notes by way of the transcriber. Each note is a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from agent import seats
from agent.turn.steps import StepLog
from messaging.types import Attachment, InboundMessage

if TYPE_CHECKING:
    import httpx

    from voice import FetchLimits, Transcriber

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Heard:
    """One inbound message in words.

    `text` is what the model and the history read, `said` what the customer really uttered (provenance looks there).
    `unheard` names why a voice note yielded nothing: a reason of `voice.errors`, or `off`.
    """

    text: str
    said: tuple[str, ...]
    attachments: tuple[dict[str, Any], ...] = ()
    unheard: str | None = None
    language: str | None = None


def is_voice(attachment: Attachment) -> bool:
    """Audio by its kind or by its MIME type: platforms have no flag of their own for a voice note."""
    return attachment.kind == "audio" or (attachment.mime_type or "").startswith("audio/")


class Listener:
    """Turns messages into words. Without a transcriber a voice note stays unheard."""

    def __init__(
        self,
        transcriber: "Transcriber | None",
        client: "httpx.AsyncClient",
        limits: "FetchLimits",
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._transcriber = transcriber
        self._client = client
        self._limits = limits
        self._clock = clock

    async def hear(self, messages: Sequence[InboundMessage], steps: StepLog) -> list[Heard]:
        """The messages in words, in order."""
        return [await self._hear(message, steps) for message in messages]

    async def _hear(self, message: InboundMessage, steps: StepLog) -> Heard:
        parts = [message.text] if message.text else []
        said = [message.text] if message.text else []
        attachments, unheard, language = [], None, None
        for position, attachment in enumerate(message.attachments):
            record: dict[str, Any] = {"kind": attachment.kind, "url": attachment.url, "name": attachment.name}
            if is_voice(attachment):
                result = await self._transcription(f"voice/{message.message_id}/{position}", attachment, steps)
                if "error" in result:
                    unheard = result["error"]
                    parts.append("[a voice note that could not be understood]")
                else:
                    language = result["language"]
                    parts.append(f"[voice note] {result['normalised']}")
                    said += [result["text"], result["normalised"]]
                    record["transcript"] = result["text"]
            else:
                parts.append(f"[{attachment.kind}{f': {attachment.name}' if attachment.name else ''}]")
            attachments.append(record)
        if not parts:
            parts.append(f"[{message.kind}]")
        return Heard("\n".join(parts), tuple(said), tuple(attachments), unheard, language)

    async def _transcription(self, key: str, attachment: Attachment, steps: StepLog) -> dict[str, Any]:
        given = {"url": attachment.url}
        if (step := steps.finished(key, given)) is not None:
            output: dict[str, Any] = step.output
            return output
        started_at = self._clock()
        async with seats.left():
            output = await self._transcribe(attachment)
        await steps.record(key, "transcription", "voice", given, output, started_at=started_at)
        return output

    async def _transcribe(self, attachment: Attachment) -> dict[str, Any]:
        from voice import VoiceError, fetch_note

        if self._transcriber is None:
            return {"error": "off"}
        try:
            audio = await fetch_note(self._client, attachment.url, self._limits)
            transcript = await self._transcriber.transcribe(audio)
        except VoiceError as error:
            log.warning("voice_note_unheard", reason=error.reason, detail=str(error))
            return {"error": error.reason}
        return {
            "text": transcript.text,
            "normalised": transcript.normalised,
            "language": transcript.language,
            "seconds": transcript.duration.total_seconds(),
            "confidence": transcript.confidence,
        }
