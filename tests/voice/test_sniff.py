"""What a file is, by its first bytes."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.voice.conftest import NOTES
from tests.voice.recordings import encode, samples
from voice.audio import AAC, AMR, CONTAINERS, M4A, MP3, OGG, WAV, WEBM, Container, sniff
from voice.errors import Unreadable

SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
IMPOSTORS = {"sdp": SDP, "hls": PLAYLIST, "concat": CONCAT, "png": PNG, "zip": b"PK\x03\x04", "html": b"<html>"}


@pytest.mark.parametrize(
    ("container", "codec", "rate", "expected"),
    [
        ("ogg", "libopus", 48_000, OGG),
        ("mp3", "libmp3lame", 44_100, MP3),
        ("ipod", "aac", 44_100, M4A),
        ("mp4", "aac", 44_100, M4A),
        ("3gp", "libopencore_amrnb", 8_000, M4A),
        ("adts", "aac", 44_100, AAC),
        ("amr", "libopencore_amrnb", 8_000, AMR),
        ("wav", "pcm_s16le", 16_000, WAV),
        ("webm", "libopus", 48_000, WEBM),
    ],
)
def test_every_format_that_platforms_and_browsers_record_is_known(
    container: str, codec: str, rate: int, expected: Container
) -> None:
    assert sniff(encode(samples(NOTES[0].audio), container, codec, rate)) is expected


def test_an_mp3_without_tags_is_known_by_its_frame_header() -> None:
    assert sniff(b"\xff\xfb\x90\x64" + bytes(400)) is MP3


@pytest.mark.parametrize("data", IMPOSTORS.values(), ids=IMPOSTORS)
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="no audio that we know"):
        sniff(data)


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(Unreadable, match="empty"):
        sniff(b"")


def test_ogg_without_sound_in_its_first_packet_is_refused() -> None:
    video = b"OggS\x00\x02" + bytes(20) + b"\x01\x2a" + b"\x80theora" + bytes(40)
    with pytest.raises(Unreadable):
        sniff(video)


@given(st.binary(max_size=200))
@example(b"OggS")
@example(b"OggS\x00\x02" + bytes(20) + b"\x01\xff")
@example(b"RIFF")
@example(b"\xff")
def test_any_bytes_are_a_known_container_or_refused(data: bytes) -> None:
    with suppress(Unreadable):
        assert sniff(data) in CONTAINERS


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_recording(text: str) -> None:
    data = text.encode()
    if data.startswith((b"#!AMR", b"ID3")):
        return
    with pytest.raises(Unreadable):
        sniff(data)


@given(st.binary(max_size=5000))
def test_only_the_head_decides(tail: bytes) -> None:
    assert sniff(NOTES[0].audio[:4096] + tail) is OGG
