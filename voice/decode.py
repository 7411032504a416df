"""The bounded decoder: encoded bytes to samples, believing nothing that a header says.

A file of 0.95 MiB can hold an hour of sound and cost gigabytes to transcribe, so what counts is what comes out: decoding
stops at the first sample over the limit. The demuxer is the one that the first bytes name, never FFmpeg's own guess (its
SDP demuxer opens network connections), and only the codecs that such a file may hold are opened.
"""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from voice.errors import TooLong, Unreadable
from voice.sniff import sniff

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000  # Hz; what Whisper hears
_RATES = range(4_000, 192_001)  # Hz; outside, resampling would multiply a small file
_MAX_RAW = 256 * 2**20  # bytes of decoded sound before resampling: a forged rate hides the length from the clock


def decode(audio: bytes, longest: timedelta) -> "Samples":
    """Mono samples at 16 kHz between -1 and 1.

    Raises:
        TooLong: more sound than `longest`; nothing beyond it was decoded.
        Unreadable: not a known format, or no sound can be got out of it.
    """
    import av
    import numpy as np
    from av.audio.resampler import AudioResampler

    container = sniff(audio)
    limit = int(longest.total_seconds() * SAMPLE_RATE)
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    parts: list[Any] = []
    total = 0
    try:
        with av.open(io.BytesIO(audio), mode="r", format=container.demuxer, metadata_errors="ignore") as source:
            for frame in _frames(source, container.codecs):
                for part in resampler.resample(frame):
                    total += part.samples
                    if total > limit:
                        raise TooLong(_too_long(longest))
                    parts.append(part.to_ndarray()[0])
    except (av.error.FFmpegError, ValueError, IndexError, OverflowError) as error:
        raise Unreadable(f"the voice note ({container.name}) cannot be decoded: {error}") from error
    if not total:
        raise Unreadable(f"the voice note ({container.name}) holds no sound")
    samples: Samples = np.concatenate(parts).astype(np.float32) / 32768.0
    return samples


def _frames(source: Any, codecs: frozenset[str]) -> Iterator[Any]:
    """Every decodable frame of the first audio stream, then `None`, which flushes the resampler."""
    import av

    if not source.streams.audio:
        raise Unreadable("the file holds no sound")
    stream = source.streams.audio[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    if codec not in codecs:
        raise Unreadable(f"the voice note is coded as {codec}; expected {', '.join(sorted(codecs))}")
    raw = 0
    for packet in source.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # a damaged packet is a gap, not the end of the note
        for frame in frames:
            if frame.sample_rate not in _RATES:
                raise Unreadable(f"the voice note claims {frame.sample_rate} samples a second")
            raw += frame.samples * frame.format.bytes * len(frame.layout.channels)
            if raw > _MAX_RAW:
                raise TooLong(f"the voice note decodes to more than {_MAX_RAW // 2**20} MiB of sound")
            frame.pts = None  # broken time stamps would make the resampler invent or drop sound
            yield frame
    yield None


def _too_long(longest: timedelta) -> str:
    return f"the voice note is longer than {longest.total_seconds():g} s (voice.longest)"
