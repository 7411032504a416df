"""Which words may be trusted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from voice.errors import LowConfidence, Silent
from voice.judge import judge
from voice.transcriber import RawSegment, RawTranscript

SURE = RawSegment(0.4, 2.0, " halo selamat pagi", no_speech=0.1, log_probability=-0.1, compression_ratio=0.8)


def hearing(*parts: RawSegment, voiced: bool = True) -> RawTranscript:
    return RawTranscript("id", parts, timedelta(seconds=4), voiced)


def test_words_that_are_certain_become_a_transcript_with_its_times() -> None:
    transcript = judge(hearing(SURE, replace(SURE, start=2.5, end=3.5, text=" mau pesan dua kopi")), 0.3)

    assert transcript.text == "halo selamat pagi mau pesan dua kopi"
    assert transcript.normalised == "halo selamat pagi mau pesan 2 kopi"
    assert transcript.language == "id"
    assert transcript.duration == timedelta(seconds=4)
    assert [(part.start.total_seconds(), part.end.total_seconds()) for part in transcript.segments] == [
        (0.4, 2.0),
        (2.5, 3.5),
    ]
    assert transcript.confidence == pytest.approx(0.905, abs=0.001)


def test_a_segment_over_probable_silence_is_left_out() -> None:
    invented = replace(SURE, text=" terima kasih", no_speech=0.9, log_probability=-1.4)

    assert judge(hearing(SURE, invented), 0.3).text == "halo selamat pagi"
    with pytest.raises(Silent):
        judge(hearing(invented), 0.3)


def test_a_loop_is_left_out_and_alone_it_is_a_guess() -> None:
    loop = replace(SURE, text=" ya ya ya ya ya ya ya ya ya ya ya ya", compression_ratio=4.0)

    assert judge(hearing(SURE, loop), 0.3).text == "halo selamat pagi"
    with pytest.raises(LowConfidence, match="over and over"):
        judge(hearing(loop), 0.3)


def test_words_less_certain_than_asked_for_are_a_guess() -> None:
    doubtful = hearing(replace(SURE, log_probability=-1.3))

    with pytest.raises(LowConfidence, match=r"0\.27.*voice\.confidence"):
        judge(doubtful, 0.3)
    assert judge(doubtful, 0.2).text == "halo selamat pagi"


def test_no_words_are_silence() -> None:
    with pytest.raises(Silent, match=r"4\.0 s"):
        judge(hearing(), 0.3)
    with pytest.raises(Silent):
        judge(hearing(replace(SURE, text="  ")), 0.3)


@pytest.mark.parametrize("changes", [{"no_speech": 0.7}, {"log_probability": -0.6}])
def test_words_heard_where_no_voice_was_detected_need_more_certainty(changes: dict[str, float]) -> None:
    part = replace(SURE, text=" ya", **changes)

    assert judge(hearing(part), 0.3).text == "ya"
    with pytest.raises(Silent):
        judge(hearing(part, voiced=False), 0.3)


@pytest.mark.parametrize(
    "text",
    [
        "Terima kasih telah menonton!",
        "Thanks for watching.",
        "Thank you so much for watching this video.",
        "Sampai jumpa di video selanjutnya.",
        "Subtitles by the Amara.org community",
        "Like dan subscribe",
    ],
)
def test_the_closing_words_of_a_video_are_silence(text: str) -> None:
    with pytest.raises(Silent):
        judge(hearing(replace(SURE, text=f" {text}")), 0.3)


@pytest.mark.parametrize("text", ["terima kasih", "thank you", "like this one please", "mau subscribe kopi bulanan"])
def test_what_customers_say_is_not_taken_for_a_video(text: str) -> None:
    assert judge(hearing(replace(SURE, text=f" {text}")), 0.3).text == text
