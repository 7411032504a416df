"""Voice notes to words: a bounded decoder, Whisper in worker processes or a transcription server, a filter for invented words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voice.errors import Unavailable, Unintelligible, VoiceError
from voice.fetch import FetchLimits, fetch_file, fetch_note
from voice.settings import NONE, Endpoint, SpeechSettings, VoiceSettings
from voice.speech import Speaker
from voice.transcriber import Segment, Stats, Transcriber, Transcript

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Endpoint", "FetchLimits", "Segment", "Speaker", "SpeechSettings", "Stats", "Transcriber", "Transcript", "Unavailable",
    "Unintelligible", "VoiceError", "VoiceSettings", "fetch_file", "fetch_note", "open_speaker", "open_transcriber",
]  # fmt: skip


def open_transcriber(
    settings: VoiceSettings, *, client: "httpx.AsyncClient", languages: Sequence[str], base: Path
) -> Transcriber | None:
    """Make the transcriber that `settings` ask for. No process is started and no model is looked for before the first note.

    Args:
        settings: the `voice:` part of agent.yaml.
        client: reaches a transcription server (`voice.model: {url: …}`); not used, and never closed, otherwise.
        languages: ISO 639-1 codes of the languages the agent speaks; a note is transcribed in one of them.
        base: the folder that relative paths in `settings` start from.

    Returns:
        The transcriber, to be closed with `aclose`; `None` for `model: none`.
    """
    if settings.model == NONE:
        return None
    if isinstance(settings.model, Endpoint):
        from voice.limits import open_workers
        from voice.remote import RemoteTranscriber

        return RemoteTranscriber(settings, settings.model, client, languages, open_workers(settings, None))
    from voice.local import LocalTranscriber

    return LocalTranscriber(settings, languages, base)


def open_speaker(settings: VoiceSettings, client: "httpx.AsyncClient") -> Speaker | None:
    """Make what speaks answers, as `voice.reply` asks for; `None` where it asks for nothing.

    Args:
        settings: the `voice:` part of agent.yaml.
        client: reaches the server.
    """
    if settings.reply is None:
        return None
    from voice.speech import RemoteSpeaker

    return RemoteSpeaker(settings.reply, client)
