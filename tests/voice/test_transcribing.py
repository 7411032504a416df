"""Recordings to words, through a real worker process and the real faster-whisper."""

import pytest

from tests.voice.conftest import NOISE, SPOKEN, Note
from voice import Transcriber
from voice.errors import Silent

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("note", SPOKEN, ids=lambda note: note.path.stem)
async def test_a_note_becomes_its_exact_words_in_its_language(transcriber: Transcriber, note: Note) -> None:
    transcript = await transcriber.transcribe(note.audio)

    assert transcript.text == note.text
    assert transcript.language == note.language


@pytest.mark.parametrize("note", NOISE, ids=lambda note: note.path.stem)
async def test_noise_is_silence_and_never_a_sentence(transcriber: Transcriber, note: Note) -> None:
    with pytest.raises(Silent):
        await transcriber.transcribe(note.audio)
