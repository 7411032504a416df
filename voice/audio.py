"""Recognise and decode voice notes: the container is chosen by the first bytes, and no more sound is decoded than allowed.

A file name or a content type is a claim by the sender; only the bytes choose the demuxer.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from voice.errors import TooLong, Unreadable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Container:
    """An audio container we open: `demuxer` is FFmpeg's name for it, `codecs` what may be inside."""

    name: str
    demuxer: str
    codecs: frozenset[str]
    mime_type: str


OGG = Container("ogg", "ogg", frozenset({"opus", "vorbis"}), "audio/ogg")
MP3 = Container("mp3", "mp3", frozenset({"mp3", "mp3float"}), "audio/mpeg")
M4A = Container(
    "m4a",
    "mov",
    frozenset({"aac", "opus", "alac", "flac", "mp3", "mp3float", "amrnb", "amrwb", "amr_nb", "amr_wb"}),
    "audio/mp4",
)
AAC = Container("aac", "aac", frozenset({"aac"}), "audio/aac")
AMR = Container("amr", "amr", frozenset({"amrnb", "amrwb", "amr_nb", "amr_wb"}), "audio/amr")
WAV = Container(
    "wav",
    "wav",
    frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"}),
    "audio/wav",
)
WEBM = Container("webm", "matroska", frozenset({"opus", "vorbis"}), "audio/webm")

CONTAINERS = (OGG, MP3, M4A, AAC, AMR, WAV, WEBM)


def sniff(data: bytes) -> Container:
    """Recognise the container of an audio file by its first 4 KiB.

    Args:
        data: the file, or at least its beginning.

    Raises:
        Unreadable: empty, or none of the formats that messaging platforms and browsers record.
    """
    head = data[(tag := _tag_size(data)) : tag + 4096]
    for matches, container in (
        (_is_ogg, OGG),
        (_is_wav, WAV),
        (_is_amr, AMR),
        (_is_m4a, M4A),
        (_is_webm, WEBM),
        (_is_adts, AAC),
        (_is_mp3, MP3),
    ):
        if matches(head):
            return container
    if not data:
        raise Unreadable("the voice note is empty: 0 bytes")
    known = ", ".join(container.name for container in CONTAINERS)
    raise Unreadable(f"the voice note is no audio that we know: it begins with {data[:8]!r}; known are {known}")


def _is_ogg(head: bytes) -> bool:
    # RFC 3533 page: 27 bytes, a table of segment lengths, then the first packet, which names the codec (RFC 7845 5.1)
    if len(head) < 28 or not head.startswith(b"OggS\x00"):
        return False
    packet = head[27 + head[26] :]
    return packet.startswith((b"OpusHead", b"\x01vorbis"))


def _is_wav(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def _is_amr(head: bytes) -> bool:
    return head.startswith((b"#!AMR\n", b"#!AMR-WB\n"))  # RFC 4867 5.1


def _is_m4a(head: bytes) -> bool:
    # ISO 14496-12 4.3: whatever brand it claims; QuickTime files may begin with another box
    return head[4:8] in {b"ftyp", b"styp", b"moov", b"wide", b"mdat"}


def _is_webm(head: bytes) -> bool:
    return head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head[:64]


def _is_adts(head: bytes) -> bool:
    # ISO 14496-3 1.A.2: 12 bits of ones, layer 00, and a valid sampling frequency index
    return len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and (head[2] >> 2) & 0xF < 13


def _is_mp3(head: bytes) -> bool:
    # ISO 11172-3 2.4.2.3: 11 bits of ones; version, layer, bit rate and sample rate must not be the reserved values
    return (
        len(head) >= 4
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] & 0x18 != 0x08
        and head[1] & 0x06 == 0x02
        and head[2] & 0xF0 not in {0x00, 0xF0}
        and head[2] & 0x0C != 0x0C
    )


def _tag_size(data: bytes) -> int:
    """Measure the ID3v2 tags before the sound (id3.org 2.4.0, 3.1): MP3 and AAC files may have them."""
    at = 0
    while data[at : at + 3] == b"ID3" and len(data) >= at + 10:
        size = data[at + 6 : at + 10]
        footer = 10 if data[at + 5] & 0x10 else 0
        at += 10 + footer + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return at


_CANCELLED = 0.1  # of the louder channel's energy: a mixture that is quieter has lost its sound
SAMPLE_RATE = 16_000  # Hz; the input of Whisper
_RATES = range(4_000, 192_001)  # Hz; outside, resampling would multiply a small file
_MAX_RAW = 256 * 2**20  # bytes of decoded sound before resampling: a forged rate hides the length from the clock


def decode(audio: bytes, longest: timedelta) -> "Samples":
    """Decode an encoded note.

    Args:
        audio: the file, in one of `CONTAINERS`.
        longest: the most sound to decode.

    Returns:
        Mono samples at 16 kHz (`SAMPLE_RATE`), float32 between -1 and 1, shape `(samples,)`.

    Raises:
        TooLong: more sound than `longest`; nothing beyond it was decoded.
        Unreadable: not a known format, or no sound can be decoded from it.
    """
    import av
    import numpy as np
    from av.audio.resampler import AudioResampler

    container = sniff(audio)
    limit = int(longest.total_seconds() * SAMPLE_RATE)
    resampler: AudioResampler | None = None
    parts: list[Any] = []
    total = 0
    try:
        with av.open(
            io.BytesIO(audio[_tag_size(audio) :]), mode="r", format=container.demuxer, metadata_errors="ignore"
        ) as source:
            for frame in _frames(source, container.codecs):
                if resampler is None:
                    layout = "mono" if frame is None or len(frame.layout.channels) == 1 else "stereo"
                    resampler = AudioResampler(format="s16p", layout=layout, rate=SAMPLE_RATE)
                for part in resampler.resample(frame):
                    total += part.samples
                    if total > limit:
                        raise TooLong(_too_long(longest))
                    parts.append(part.to_ndarray())
    except (av.error.FFmpegError, ValueError, IndexError, OverflowError) as error:
        raise Unreadable(f"the voice note ({container.name}) cannot be decoded: {error}") from error
    if not total:
        raise Unreadable(f"the voice note ({container.name}) holds no sound")
    return _mixed(np.concatenate(parts, axis=1).astype(np.float32) / 32768.0)


def _mixed(channels: "Samples") -> "Samples":
    """Mix the channels, shape `(channels, samples)`, into one; the louder one alone when they cancel each other."""
    import numpy as np

    mixture: Samples = channels.mean(axis=0, dtype=np.float32)
    energies = np.square(channels).mean(axis=1)
    if np.square(mixture).mean() < _CANCELLED * energies.max() / len(channels):
        return np.ascontiguousarray(channels[int(energies.argmax())])
    return mixture


def _frames(source: Any, codecs: frozenset[str]) -> Iterator[Any]:
    """Every decodable frame of the first audio stream that can be decoded, then `None`, which flushes the resampler."""
    import av

    if not source.streams.audio:
        raise Unreadable("the file holds no sound")
    named = [(each.codec_context.name if each.codec_context else "unknown", each) for each in source.streams.audio]
    stream = next((each for codec, each in named if codec in codecs), None)
    if stream is None:
        found = ", ".join(codec for codec, _ in named)
        raise Unreadable(f"the voice note is coded as {found}; expected {', '.join(sorted(codecs))}")
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
