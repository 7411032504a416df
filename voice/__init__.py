"""Voice notes to words, on this machine: a bounded decoder, Whisper in worker processes, a gate against invented words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voice.errors import Unavailable, Unintelligible, VoiceError
from voice.fetch import FetchLimits, fetch_note
from voice.settings import NONE, Endpoint, VoiceSettings
from voice.transcriber import Segment, Stats, Transcriber, Transcript

if TYPE_CHECKING:
    import httpx

__all__ = [
    "Endpoint", "FetchLimits", "Segment", "Stats", "Transcriber", "Transcript", "Unavailable", "Unintelligible",
    "VoiceError", "VoiceSettings", "fetch_note", "open_transcriber",
]  # fmt: skip


def open_transcriber(
    settings: VoiceSettings, *, client: "httpx.AsyncClient", languages: Sequence[str], base: Path
) -> Transcriber | None:
    """The transcriber of `settings`, or `None` for `model: none`. Starts nothing yet; close it with `aclose`.

    `client` is the operator's own (it reaches a transcription server), `languages` those the agent speaks, `base` the
    folder that relative paths in `settings` start from. A model that is missing raises with the first note.
    """
    if settings.model == NONE:
        return None
    if isinstance(settings.model, Endpoint):
        from voice.limits import open_workers
        from voice.remote import RemoteTranscriber

        return RemoteTranscriber(settings, settings.model, client, languages, open_workers(settings, None))
    from voice.local import LocalTranscriber

    return LocalTranscriber(settings, languages, base)
