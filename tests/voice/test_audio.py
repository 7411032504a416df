"""Recognising a file by its first bytes, and the bounded decoder."""

import io
import struct
from contextlib import suppress
from datetime import timedelta
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.voice.conftest import NOTES, Note
from tests.voice.recordings import RATE, bomb, encode, samples, silence
from voice.audio import AAC, AMR, CONTAINERS, M4A, MP3, OGG, WAV, WEBM, Container, decode, sniff
from voice.errors import TooLong, Unintelligible, Unreadable

MINUTE = timedelta(minutes=1)
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


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.path.stem)
def test_a_note_decodes_to_the_samples_that_faster_whisper_would_hear(note: Note) -> None:
    assert np.array_equal(decode(note.audio, MINUTE), samples(note.audio))


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("mp3", "libmp3lame", 44_100),
        ("ipod", "aac", 44_100),
        ("3gp", "libopencore_amrnb", 8_000),
        ("adts", "aac", 44_100),
        ("amr", "libopencore_amrnb", 8_000),
        ("wav", "pcm_s16le", 16_000),
        ("webm", "libopus", 48_000),
    ],
)
def test_other_containers_decode_to_the_same_length(container: str, codec: str, rate: int) -> None:
    sound = samples(NOTES[1].audio)

    assert abs(len(decode(encode(sound, container, codec, rate), MINUTE)) - len(sound)) < RATE * 0.1


def test_an_hour_in_less_than_a_megabyte_is_refused() -> None:
    recording = bomb(3600)
    assert len(recording) < 0.95 * 2**20

    with pytest.raises(TooLong, match=r"longer than 300 s .*voice\.longest"):
        decode(recording, timedelta(minutes=5))


def test_the_limit_is_counted_in_samples_to_the_one() -> None:
    exactly = encode(silence(2), "wav", "pcm_s16le")
    more = encode(np.append(silence(2), np.float32(0)), "wav", "pcm_s16le")

    assert len(decode(exactly, timedelta(seconds=2))) == 2 * RATE
    with pytest.raises(TooLong):
        decode(more, timedelta(seconds=2))


def test_a_header_that_hides_its_length_is_not_asked() -> None:
    wav = bytearray(encode(silence(3), "wav", "pcm_s16le"))
    at = wav.index(b"data") + 4
    wav[at : at + 4] = b"\xff\xff\xff\xff"  # as a stream writes it that does not know its end

    with pytest.raises(TooLong):
        decode(bytes(wav), timedelta(seconds=2))


@pytest.mark.parametrize("rate", [1, 100, 3_999, 192_001, 4_000_000_000])
def test_a_forged_sample_rate_is_refused_before_it_multiplies_anything(rate: int) -> None:
    wav = bytearray(encode(silence(1), "wav", "pcm_s16le"))
    wav[24:28] = struct.pack("<I", rate)

    with pytest.raises(Unintelligible):
        decode(bytes(wav), MINUTE)


@pytest.mark.parametrize("name", IMPOSTORS)
def test_what_only_begins_like_ogg_is_unreadable(name: str) -> None:
    page = NOTES[0].audio[:47]  # a true first page, naming Opus
    with pytest.raises(Unreadable):
        decode(page + IMPOSTORS[name] * 50, MINUTE)


def test_a_picture_in_an_audio_container_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        decode(b"ID3\x04\x00\x00\x00\x00\x00\x00" + IMPOSTORS["png"] * 20, MINUTE)


def test_a_codec_that_no_voice_note_uses_is_refused() -> None:
    with pytest.raises(Unreadable, match="coded as adpcm_ima_wav"):
        decode(encode(silence(1), "wav", "adpcm_ima_wav"), MINUTE)


def test_a_note_cut_off_at_every_tenth_byte_is_shorter_or_unreadable() -> None:
    note = min((note.audio for note in NOTES), key=len)
    whole = len(decode(note, MINUTE))

    for end in range(0, len(note), 10):
        with suppress(Unreadable):
            assert 0 < len(decode(note[:end], MINUTE)) <= whole


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_note_never_raises_anything_else(data: st.DataObject) -> None:
    note = bytearray(NOTES[data.draw(st.integers(0, len(NOTES) - 1))].audio)
    for _ in range(data.draw(st.integers(1, 20))):
        note[data.draw(st.integers(0, len(note) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Unintelligible):
        assert 0 < len(decode(bytes(note), MINUTE)) <= 60 * RATE


def _stereo(left: Any, right: Any, container: str, codec: str, streams: int = 1) -> bytes:
    """A file with two channels, in as many audio streams; the first ones are of a codec that is not decoded here."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        codecs = ["ac3"] * (streams - 1) + [codec]
        made: list[Any] = [output.add_stream(each, rate=48_000, layout="stereo") for each in codecs]
        sound = (np.stack([left, right]) * 32767).astype(np.int16)
        for stream in made:
            frame = av.AudioFrame.from_ndarray(sound, format="s16p", layout="stereo")
            frame.sample_rate = RATE
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                output.mux(packet)
    return file.getvalue()


def test_channels_that_cancel_each_other_are_heard() -> None:
    sound = samples(NOTES[0].audio)
    heard = decode(_stereo(sound, -sound, "wav", "pcm_s16le"), timedelta(minutes=5))
    assert np.sqrt(np.mean(heard**2)) > 0.5 * np.sqrt(np.mean(sound**2))


def test_opus_in_mp4_is_heard_whatever_brand_the_file_claims() -> None:
    sound = samples(NOTES[0].audio)
    note = _stereo(sound, sound, "mp4", "libopus")
    for brand in (b"isom", b"M4V ", b"MSNV", b"dash", b"xxxx"):
        branded = note[:8] + brand + note[12:]
        assert sniff(branded) is M4A
        assert len(decode(branded, timedelta(minutes=5))) == pytest.approx(len(sound), rel=0.1)


def test_the_first_stream_that_can_be_decoded_is_heard() -> None:
    sound = samples(NOTES[0].audio)
    note = _stereo(sound, sound, "mp4", "aac", streams=2)
    assert len(decode(note, timedelta(minutes=5))) == pytest.approx(len(sound), rel=0.1)


def test_a_tag_before_aac_or_mp3_hides_neither() -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 40, 0]) + bytes(40 << 7)
    sound = samples(NOTES[0].audio)
    for container, codec, expected in (("adts", "aac", AAC), ("mp3", "libmp3lame", MP3)):
        note = tag + encode(sound, container, codec, 44_100)
        assert sniff(note) is expected
        assert len(decode(note, timedelta(minutes=5))) == pytest.approx(len(sound), rel=0.1)
