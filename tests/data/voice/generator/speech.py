"""A voice note by espeak-ng: a voice, pauses, a room, noise, and the codec of a messenger."""

import io
import subprocess
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from faster_whisper.audio import decode_audio

Sound = npt.NDArray[np.float32]

RATE = 16_000
VOICES = {"id": ["id"], "en": ["en-us", "en-us", "en-gb", "en-gb-x-rp", "en-029"]}
TRAINING_VARIANTS = (
    " m1 m2 m3 m5 m6 m7 m8 f1 f2 f3 f4 Alex Andrea Andy Denis Diogo Gene Hugo Jacky Lee Marco Mario Mike adam anika belinda "
    "boris caleb david ed john max miguel pablo paul quincy rob sandro shelby steph travis zac klatt2 croak aunty antonio"
).split(" ")
TEST_VARIANTS = "m4 f5 Annie Michael linda victor robert edward".split()  # never trained on


@dataclass(frozen=True, slots=True)
class Span:
    """Where a phrase stands in a note, in seconds."""

    start: float
    end: float
    text: str


def note(dice: np.random.Generator, texts: list[str], language: str, variants: list[str]) -> tuple[bytes, list[Span]]:
    """An ogg/opus recording in which `texts` are said one after the other; without texts, noise."""
    voice, variant = (
        VOICES[language][int(dice.integers(len(VOICES[language])))],
        variants[int(dice.integers(len(variants)))],
    )
    manner = (int(dice.integers(125, 200)), int(dice.integers(25, 80)), int(dice.integers(0, 4)))
    parts, spans = [_silence(dice.uniform(0.0, 0.8))], []
    for position, text in enumerate(texts):
        if position:
            parts.append(_silence(dice.uniform(0.3, 0.9)))
        start = sum(map(len, parts)) / RATE
        parts.append(_say(text, f"{voice}+{variant}" if variant else voice, *manner))
        spans.append(Span(start, sum(map(len, parts)) / RATE, text))
    parts.append(_silence(dice.uniform(0.05, 0.8)))
    if not texts:
        parts.append(_silence(dice.uniform(0.5, 4.0)))
    sound = np.concatenate(parts)
    level = float(np.sqrt(np.mean(sound**2))) if texts else 0.05
    if dice.random() < 0.3 and texts:
        sound = _in_a_room(dice, sound)
    if dice.random() < 0.8:
        sound = sound + _noise(dice, len(sound)) * level * 10 ** (-dice.uniform(8, 40) / 20)
    sound = sound / (np.abs(sound).max() + 1e-6) * 10 ** (-dice.uniform(0.5, 22) / 20)
    return _opus(sound.astype(np.float32), int(dice.choice([16_000, 20_000, 24_000]))), spans


def _say(text: str, voice: str, speed: int, pitch: int, gap: int) -> Sound:
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-g", str(gap), "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    sound: Sound = decode_audio(io.BytesIO(wav), RATE)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[max(0, loud[0] - 160) : loud[-1] + 320] if len(loud) else sound


def _silence(seconds: float) -> Sound:
    return np.zeros(int(seconds * RATE), np.float32)


def _noise(dice: np.random.Generator, length: int) -> Sound:
    """White, pink or brown, at full level."""
    colour = int(dice.integers(3))
    noise = dice.standard_normal(length).astype(np.float32)
    if colour:
        spectrum = np.fft.rfft(noise)
        falling = np.arange(1, len(spectrum) + 1, dtype=np.float32) ** (0.5 * colour)
        noise = np.fft.irfft(spectrum / falling, length).astype(np.float32)
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-9)


def _in_a_room(dice: np.random.Generator, sound: Sound) -> Sound:
    length = int(0.12 * RATE)
    echo = dice.standard_normal(length) * np.exp(-np.arange(length) / (RATE * dice.uniform(0.01, 0.04)))
    echo[0] = 4.0
    heard: Sound = np.convolve(sound, echo / np.sqrt(np.sum(echo**2)))[: len(sound)].astype(np.float32)
    return heard


def _opus(sound: Sound, bit_rate: int) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options={"fflags": "+bitexact"}) as output:  # the same bytes every time
        stream = output.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = bit_rate
        stream.options = {"application": "voip"}
        samples = (np.clip(sound, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return file.getvalue()
