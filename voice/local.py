"""Transcribing on this machine: faster-whisper in worker processes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from voice.judge import judge
from voice.limits import check_bytes, open_workers, spoken
from voice.models import find
from voice.pool import Workers
from voice.settings import VoiceSettings
from voice.transcriber import Counts, Hearing, Stats, Transcript


class LocalTranscriber:
    """The `Transcriber` of a model on this machine. Nothing is looked for or started before the first note."""

    def __init__(self, settings: VoiceSettings, languages: Sequence[str], base: Path) -> None:
        self._settings = settings
        self._languages = languages
        self._base = base
        self._workers: Workers | None = None
        self._counts = Counts()

    @property
    def stats(self) -> Stats:
        return self._counts.stats(self._workers)

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        with self._counts.note():
            check_bytes(audio, self._settings)
            workers = await self._ready()
            choices = spoken(self._settings, self._languages if languages is None else languages)
            answer = await workers.run(choices, audio)
            hearing = Hearing.from_json(answer["hearing"])
            self._counts.heard += hearing.duration
            return judge(hearing, self._settings.confidence)

    async def warm(self) -> None:
        await (await self._ready()).warm()

    async def aclose(self) -> None:
        if self._workers is not None:
            await self._workers.aclose()

    async def _ready(self) -> Workers:
        """The workers, made when the model is found: a model pulled later is taken up without a restart."""
        if self._workers is None:
            folder = await asyncio.to_thread(find, self._settings, self._base)
            if self._workers is None:  # another note may have been quicker
                self._workers = open_workers(self._settings, folder)
        return self._workers
