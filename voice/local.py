"""Transcribe on this machine: faster-whisper in worker processes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from voice.judge import judge
from voice.limits import check_bytes, open_workers, spoken
from voice.models import find
from voice.pool import Workers
from voice.settings import VoiceSettings
from voice.transcriber import Counts, RawTranscript, Stats, Transcript


class LocalTranscriber:
    """Implements `Transcriber` with a model on this machine. The model is looked for and loaded with the first note."""

    def __init__(self, settings: VoiceSettings, languages: Sequence[str], base: Path) -> None:
        self._settings = settings
        self._languages = languages
        self._base = base
        self._workers: Workers | None = None
        self._counts = Counts()

    @property
    def stats(self) -> Stats:
        return self._counts.stats(None if self._workers is None else self._workers.load)

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        with self._counts.note():
            check_bytes(audio, self._settings)
            workers = await self._ready()
            choices = spoken(self._settings, self._languages if languages is None else languages)
            answer = await workers.run(choices, audio)
            raw = RawTranscript.from_json(answer["transcript"])
            self._counts.heard += raw.duration
            return judge(raw, self._settings.confidence)

    async def warm(self) -> None:
        await (await self._ready()).warm()

    async def aclose(self) -> None:
        if self._workers is not None:
            await self._workers.aclose()

    async def _ready(self) -> Workers:
        """The pool, made as soon as the model is there: one that is pulled later is used without a restart."""
        if self._workers is None:
            folder = await asyncio.to_thread(find, self._settings, self._base)
            if self._workers is None:  # another note may have made it meanwhile
                self._workers = open_workers(self._settings, folder)
        return self._workers
