"""Whether words may be trusted: what Whisper invents over silence and noise must never become a customer's sentence."""

import re
from datetime import timedelta

from voice.errors import LowConfidence, Silent
from voice.transcriber import Heard, Hearing, Segment, Transcript

# Whisper's own thresholds (OpenAI's reference implementation, faster-whisper defaults).
NO_SPEECH = 0.6
LOG_PROBABILITY = -1.0
COMPRESSION_RATIO = 2.4

# Over noise Whisper repeats the ends of the videos it learnt from; a note that says nothing else says nothing.
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


def judge(hearing: Hearing, least: float) -> Transcript:
    """The transcript of what was heard, if it may be trusted.

    Raises:
        Silent: no speech in it.
        LowConfidence: the words are less certain than `least` (0 to 1), or a loop.
    """
    is_words = is_speech if hearing.voiced else is_certain_speech
    parts = [part for part in hearing.parts if is_words(part)]
    sane = [part for part in parts if not is_loop(part)]
    text = " ".join(part.text.strip() for part in sane)
    if parts and not sane:
        raise LowConfidence("the voice note came out as one phrase repeated over and over")
    if not text or is_credits(text):
        raise Silent(f"no speech was heard in {hearing.duration.total_seconds():.1f} s of sound")
    certainty = _confidence(sane)
    if certainty < least:
        raise LowConfidence(
            f"the words heard are a guess: confidence {certainty:.2f}, needed {least:g} (voice.confidence)"
        )
    return Transcript(
        text=text,
        language=hearing.language,
        duration=hearing.duration,
        segments=tuple(
            Segment(timedelta(seconds=part.start), timedelta(seconds=part.end), part.text.strip(), part.confidence)
            for part in sane
        ),
        confidence=certainty,
    )


def is_speech(part: Heard) -> bool:
    """False for a segment without words, and for one over a stretch that is probably no speech."""
    return bool(part.text.strip()) and not (part.no_speech > NO_SPEECH and part.log_probability < LOG_PROBABILITY)


def is_certain_speech(part: Heard) -> bool:
    """A stricter rule, for sound in which no voice was detected: either sign of doubt is enough."""
    return bool(part.text.strip()) and part.no_speech <= NO_SPEECH and part.log_probability >= LOG_PROBABILITY / 2


def is_loop(part: Heard) -> bool:
    return part.compression_ratio > COMPRESSION_RATIO


def is_credits(text: str) -> bool:
    """Whether a whole transcript is a video's closing words, invented over noise."""
    return _CREDITS.fullmatch(text.strip(" .!…")) is not None


def _confidence(parts: list[Heard]) -> float:
    """0 to 1: the mean confidence of the segments, each weighted by the length of its text."""
    weights = [len(part.text) for part in parts]
    return sum(part.confidence * weight for part, weight in zip(parts, weights, strict=True)) / max(1, sum(weights))
