"""The tiny model and its notes."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
import pytest_asyncio

from voice import Transcriber, VoiceSettings, open_transcriber

DATA = Path(__file__).parent.parent / "data" / "voice"
MODEL = DATA / "tiny-whisper"


@dataclass(frozen=True)
class Note:
    """A recording of the test data, and what is said in it; `language` is `None` when nothing is."""

    path: Path
    text: str
    language: str | None
    segments: list[dict[str, object]]

    @property
    def audio(self) -> bytes:
        return self.path.read_bytes()


def _notes(folder: Path) -> list[Note]:
    rows = json.loads((folder / "samples.json").read_text())
    return [Note(folder / row["file"], row["text"], row["language"], row["segments"]) for row in rows]


NOTES = _notes(DATA / "samples")
SPOKEN = [note for note in NOTES if note.language]
VOICES = _notes(DATA / "voices")  # more of them, by voices that the model never learnt from
NOISE = [note for note in NOTES if not note.language]


@pytest.fixture(scope="session", autouse=True)
def _garbage_is_left_to_the_collector() -> Iterator[None]:
    """faster-whisper collects after each recording: a third of a second among all that the tests have imported."""
    with patch("faster_whisper.audio.gc"):
        yield


@pytest.fixture
def settings() -> VoiceSettings:
    return VoiceSettings(model=str(MODEL), allow_toy=True, threads=1)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def transcriber() -> AsyncIterator[Transcriber]:
    """One worker for all tests that only want words."""
    settings = VoiceSettings(model=str(MODEL), allow_toy=True, threads=1)
    async with httpx.AsyncClient() as client:
        opened = open_transcriber(settings, client=client, languages=["id", "en"], base=DATA)
        assert opened is not None
        yield opened
        await opened.aclose()
