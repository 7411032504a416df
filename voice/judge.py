"""Decide whether a raw transcript may be trusted: what Whisper invents over silence and noise must not reach the agent."""

import re
from datetime import timedelta

from voice.errors import LowConfidence, Silent
from voice.transcriber import RawSegment, RawTranscript, Segment, Transcript

# Whisper's own thresholds (OpenAI's reference implementation, faster-whisper defaults).
NO_SPEECH = 0.6
LOG_PROBABILITY = -1.0
COMPRESSION_RATIO = 2.4

# Over noise Whisper repeats the ends of the videos it was trained on; a transcript that is only such words is silence.
_CREDITS = re.compile(
    r"terima ?kasih (telah|sudah|karena telah) (menonton|menyaksikan)( video ini)?"
    r"|sampai jumpa di video (selanjutnya|berikutnya)"
    r"|(jangan lupa )?(like,? (dan )?)?subscribe( channel ini)?"
    r"|thank(s| you)( so much| very much)? for watching( this video)?"
    r"|(please )?(like and )?subscribe( to (my|our|the) channel)?"
    r"|(subtitles|subtitle|teks|terjemahan|takarir) (by|oleh) .{1,60}"
    r"|.{0,60}amara\.org.{0,20}",
    re.IGNORECASE,
)


def judge(raw: RawTranscript, least: float) -> Transcript:
    """Turn a raw transcript into one that may be used.

    Args:
        raw: what the model reported.
        least: the confidence that is needed, 0 to 1 (`voice.confidence`).

    Raises:
        Silent: there is no speech in it.
        LowConfidence: its confidence is below `least`, or it is one phrase in a loop.
    """
    is_words = is_speech if raw.voiced else is_certain_speech
    segments = [segment for segment in raw.segments if is_words(segment)]
    kept = [segment for segment in segments if not is_loop(segment)]
    text = " ".join(segment.text.strip() for segment in kept)
    if segments and not kept:
        raise LowConfidence("the voice note came out as one phrase repeated over and over")
    if not text or is_credits(text):
        raise Silent(f"no speech was heard in {raw.duration.total_seconds():.1f} s of sound")
    confidence = _confidence(kept)
    if confidence < least:
        raise LowConfidence(
            f"the words heard are a guess: confidence {confidence:.2f}, needed {least:g} (voice.confidence)"
        )
    return Transcript(
        text=text,
        language=raw.language,
        duration=raw.duration,
        segments=tuple(
            Segment(
                timedelta(seconds=segment.start),
                timedelta(seconds=segment.end),
                segment.text.strip(),
                segment.confidence,
            )
            for segment in kept
        ),
        confidence=confidence,
    )


def is_speech(segment: RawSegment) -> bool:
    """Tell whether a segment holds words, and does not stand over a stretch that is probably no speech."""
    silent = segment.no_speech > NO_SPEECH and segment.log_probability < LOG_PROBABILITY
    return bool(segment.text.strip()) and not silent


def is_certain_speech(segment: RawSegment) -> bool:
    """Apply the stricter rule for sound in which the voice detector found no speech: either doubt is enough to refuse."""
    certain = segment.no_speech <= NO_SPEECH and segment.log_probability >= LOG_PROBABILITY / 2
    return bool(segment.text.strip()) and certain


def is_loop(segment: RawSegment) -> bool:
    """Tell whether a segment repeats itself: such text compresses well."""
    return segment.compression_ratio > COMPRESSION_RATIO


def is_credits(text: str) -> bool:
    """Tell whether a whole transcript is a video's closing words, invented over noise."""
    return _CREDITS.fullmatch(text.strip(" .!…")) is not None


def _confidence(segments: list[RawSegment]) -> float:
    """0 to 1: the mean confidence of the segments, each weighted by the length of its text."""
    weights = [len(segment.text) for segment in segments]
    weighted = sum(segment.confidence * weight for segment, weight in zip(segments, weights, strict=True))
    return weighted / max(1, sum(weights))
