"""What a file is, by its first bytes. A name or a content type is a claim; only these bytes choose the demuxer."""

from dataclasses import dataclass

from voice.errors import Unreadable


@dataclass(frozen=True, slots=True)
class Container:
    """An audio container we open: `demuxer` is FFmpeg's name for it, `codecs` what may be inside."""

    name: str
    demuxer: str
    codecs: frozenset[str]
    mime_type: str


OGG = Container("ogg", "ogg", frozenset({"opus", "vorbis"}), "audio/ogg")
MP3 = Container("mp3", "mp3", frozenset({"mp3", "mp3float"}), "audio/mpeg")
M4A = Container("m4a", "mov", frozenset({"aac", "mp3", "mp3float", "amrnb", "amrwb", "amr_nb", "amr_wb"}), "audio/mp4")
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
    """The container of an audio file.

    Raises:
        Unreadable: empty, or none of the formats that messaging platforms and browsers record.
    """
    head = data[:4096]
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
    return head[4:8] == b"ftyp" and head[8:11] in {b"M4A", b"M4B", b"mp4", b"iso", b"3gp", b"3g2", b"das", b"qt "}


def _is_webm(head: bytes) -> bool:
    return head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head[:64]


def _is_adts(head: bytes) -> bool:
    # ISO 14496-3 1.A.2: 12 bits of ones, layer 00, and a valid sampling frequency index
    return len(head) >= 7 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and (head[2] >> 2) & 0xF < 13


def _is_mp3(head: bytes) -> bool:
    if head.startswith(b"ID3"):
        return True
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
