"""Recordings to words, through a real worker process and the real faster-whisper."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import numpy as np
import pytest

from tests.voice.conftest import DATA, MODEL, NOISE, SPOKEN, VOICES, Note
from tests.voice.recordings import RATE, encode, samples, silence
from voice import Transcriber, Transcript, VoiceSettings, open_transcriber
from voice.errors import Silent, TooLarge, TooLong, ToyModel, Unreadable

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("note", SPOKEN + VOICES, ids=lambda note: note.path.stem)
async def test_a_note_becomes_its_exact_words_in_its_language(transcriber: Transcriber, note: Note) -> None:
    transcript = await transcriber.transcribe(note.audio)

    assert transcript.text == note.text
    assert transcript.language == note.language
    assert transcript.confidence > 0.6


@pytest.mark.parametrize("note", [note for note in SPOKEN if len(note.segments) > 1], ids=lambda note: note.path.stem)
async def test_two_phrases_keep_their_times(transcriber: Transcriber, note: Note) -> None:
    transcript = await transcriber.transcribe(note.audio)

    assert [segment.text for segment in transcript.segments] == [part["text"] for part in note.segments]
    for segment, part in zip(transcript.segments, note.segments, strict=True):
        assert segment.start.total_seconds() == pytest.approx(part["start"], abs=0.3)
        assert segment.end.total_seconds() == pytest.approx(part["end"], abs=0.3)


async def test_amounts_and_order_numbers_are_also_given_in_digits(transcriber: Transcriber) -> None:
    amount = await transcriber.transcribe(SPOKEN[2].audio)
    order = await transcriber.transcribe(SPOKEN[3].audio)

    assert amount.text == "saya mau bayar lima puluh ribu"
    assert amount.normalised == "saya mau bayar 50000"
    assert order.normalised == "nomor pesanan saya 7209"


@pytest.mark.parametrize(
    "sound",
    [
        *(pytest.param(lambda note=note: samples(note.audio), id=note.path.stem) for note in NOISE),
        pytest.param(lambda: silence(3), id="silence"),
        pytest.param(lambda: silence(0.05), id="a blink"),
        pytest.param(lambda: np.sin(np.arange(32_000) * 0.17).astype(np.float32) * 0.3, id="a tone"),
        pytest.param(lambda: np.random.default_rng(0).normal(0, 0.2, 60_000).clip(-1, 1).astype(np.float32), id="hiss"),
    ],
)
async def test_what_holds_no_speech_never_becomes_a_sentence(
    transcriber: Transcriber, sound: Callable[[], "np.ndarray[tuple[int], np.dtype[np.float32]]"]
) -> None:
    with pytest.raises(Silent):
        await transcriber.transcribe(encode(sound(), "wav", "pcm_s16le"))


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [("mp3", "libmp3lame", 44_100), ("ipod", "aac", 44_100), ("adts", "aac", 44_100), ("webm", "libopus", 48_000)],
)
async def test_the_same_words_are_heard_in_other_formats(
    transcriber: Transcriber, container: str, codec: str, rate: int
) -> None:
    recording = encode(samples(SPOKEN[0].audio), container, codec, rate)

    assert (await transcriber.transcribe(recording)).text == SPOKEN[0].text


async def test_a_fixed_language_is_taken_as_given(transcriber: Transcriber) -> None:
    transcript = await transcriber.transcribe(SPOKEN[0].audio, ["id"])

    assert (transcript.text, transcript.language) == (SPOKEN[0].text, "id")


async def test_notes_at_once_keep_their_words(transcriber: Transcriber) -> None:
    transcripts = await asyncio.gather(*(transcriber.transcribe(note.audio) for note in SPOKEN[:4]))

    assert [transcript.text for transcript in transcripts] == [note.text for note in SPOKEN[:4]]


async def test_every_window_of_a_long_note_is_heard(transcriber: Transcriber) -> None:
    sound = np.concatenate([samples(note.audio) for note in [*SPOKEN, *SPOKEN[:6]]])
    windows = len(sound) // (30 * RATE)
    assert windows >= 2

    transcript = await transcriber.transcribe(encode(sound, "wav", "pcm_s16le"))

    # what is said in it is beyond the tiny model; that all of it is listened to is not
    assert {int(segment.end.total_seconds() // 30) for segment in transcript.segments} >= set(range(windows))


async def test_an_unusable_note_is_refused_before_a_worker_sees_it() -> None:
    settings = VoiceSettings(model=str(MODEL), allow_toy=True, largest=4_500)
    async with httpx.AsyncClient() as client:
        transcriber = open_transcriber(settings, client=client, languages=["id"], base=DATA)
        assert transcriber is not None
        with pytest.raises(TooLarge, match=r"voice\.largest"):
            await transcriber.transcribe(SPOKEN[1].audio)
        with pytest.raises(Unreadable):
            await transcriber.transcribe(b"v=0\r\n")
        assert transcriber.stats.refused == 2
        await transcriber.aclose()


async def test_a_note_over_the_limit_is_too_long() -> None:
    settings = VoiceSettings(model=str(MODEL), allow_toy=True, longest="1s")
    async with httpx.AsyncClient() as client:
        transcriber = open_transcriber(settings, client=client, languages=["id"], base=DATA)
        assert transcriber is not None
        try:
            with pytest.raises(TooLong, match=r"longer than 1 s"):
                await transcriber.transcribe(SPOKEN[0].audio)
            assert transcriber.stats == replace(transcriber.stats, done=0, refused=1, failed=0)
        finally:
            await transcriber.aclose()


async def test_the_toy_model_refuses_customers() -> None:
    async with httpx.AsyncClient() as client:
        transcriber = open_transcriber(VoiceSettings(model=str(MODEL)), client=client, languages=["id"], base=DATA)
        assert transcriber is not None
        with pytest.raises(ToyModel):
            await transcriber.transcribe(SPOKEN[0].audio)
        assert transcriber.stats.failed == 1


async def test_voice_notes_may_be_switched_off() -> None:
    async with httpx.AsyncClient() as client:
        assert open_transcriber(VoiceSettings(model="none"), client=client, languages=["id"], base=DATA) is None


async def test_what_was_done_is_counted_for_metrics(transcriber: Transcriber) -> None:
    before = transcriber.stats
    transcript = await transcriber.transcribe(SPOKEN[0].audio)
    after = transcriber.stats

    assert after.done == before.done + 1
    assert after.heard - before.heard == transcript.duration
    assert after.worked > before.worked
    assert (after.waiting, after.running) == (0, 0)
    assert after.real_time_factor == after.worked / after.heard


async def test_a_transcript_survives_being_recorded_as_json(transcriber: Transcriber) -> None:
    transcript = await transcriber.transcribe(SPOKEN[2].audio)

    assert Transcript.from_json(transcript.as_json()) == transcript
