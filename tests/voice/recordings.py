"""Recordings that the test data lacks, made on the spot: other containers, long ones, bombs."""

import io
from functools import cache
from typing import Any

import av
import numpy as np

RATE = 16_000


def samples(audio: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The sound of a recording at 16 kHz, by faster-whisper's own decoder."""
    from faster_whisper.audio import decode_audio

    decoded: np.ndarray[Any, np.dtype[np.float32]] = decode_audio(io.BytesIO(audio), RATE)
    return decoded


def encode(sound: np.ndarray[Any, np.dtype[np.float32]], container: str, codec: str, rate: int = RATE) -> bytes:
    """A file with `sound` (16 kHz) in it, resampled to `rate`."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in stream.encode(frame):
            output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return file.getvalue()


def silence(seconds: float) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.zeros(int(seconds * RATE), np.float32)


@cache
def bomb(seconds: float) -> bytes:
    """Ogg/Opus silence in the fewest bytes: about a megabyte an hour."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as output:
        stream: Any = output.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = 500
        stream.options = {"frame_duration": "60", "dtx": "1", "application": "voip", "compression_level": "0"}
        block = av.AudioFrame.from_ndarray(np.zeros((1, 48_000 * 60), np.int16), format="s16", layout="mono")
        block.sample_rate = 48_000
        for minute in range(int(seconds / 60)):
            block.pts = minute * 48_000 * 60
            for packet in stream.encode(block):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return file.getvalue()
