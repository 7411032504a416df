"""What transcribers have in common: the raw transcript of a model, the transcript that may be used, counters, the protocol."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Protocol

from language.numbers import normalise
from voice.errors import Unavailable, Unintelligible


@dataclass(frozen=True, slots=True)
class RawSegment:
    """A segment as Whisper reports it; times in seconds from the beginning of the note."""

    start: float
    end: float
    text: str
    no_speech: float  # probability that it holds no speech
    log_probability: float  # mean over its tokens
    compression_ratio: float  # of its text by zlib; a loop compresses well

    @property
    def confidence(self) -> float:
        """0 to 1: the geometric mean of the probabilities of its tokens."""
        return math.exp(min(0.0, self.log_probability))


@dataclass(frozen=True, slots=True)
class RawTranscript:
    """What Whisper reports of a note, before `voice.judge` decides whether it may be used.

    `voiced` is false when the voice detector found no speech and was overruled.
    """

    language: str
    segments: tuple[RawSegment, ...]
    duration: timedelta
    voiced: bool

    def as_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it back. Durations are seconds."""
        return asdict(self) | {"duration": self.duration.total_seconds()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RawTranscript":
        return cls(
            language=str(value["language"]),
            segments=tuple(RawSegment(**segment) for segment in value["segments"]),
            duration=timedelta(seconds=value["duration"]),
            voiced=bool(value["voiced"]),
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech; `start` and `end` count from the beginning of the note."""

    start: timedelta
    end: timedelta
    text: str
    confidence: float  # 0 to 1: the mean probability of its words


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one voice note: the customer's, and as untrusted as a text message.

    `duration` is that of the decoded sound, never what a header claims. `confidence` is 0 to 1.
    """

    text: str
    language: str  # ISO 639-1
    duration: timedelta
    segments: tuple[Segment, ...]
    confidence: float

    @property
    def normalised(self) -> str:
        """`text` with spoken amounts and numbers in digits: `"bayar tujuh puluh lima ribu"` → `"bayar 75000"`."""
        return normalise(self.text, self.language)

    def as_json(self) -> dict[str, Any]:
        """A JSON object; `from_json` reads it back. Durations are seconds."""
        return {
            "text": self.text,
            "normalised": self.normalised,
            "language": self.language,
            "duration": self.duration.total_seconds(),
            "confidence": self.confidence,
            "segments": [
                {
                    "start": part.start.total_seconds(),
                    "end": part.end.total_seconds(),
                    "text": part.text,
                    "confidence": part.confidence,
                }
                for part in self.segments
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Transcript":
        return cls(
            text=str(value["text"]),
            language=str(value["language"]),
            duration=timedelta(seconds=float(value["duration"])),
            segments=tuple(
                Segment(
                    start=timedelta(seconds=float(part["start"])),
                    end=timedelta(seconds=float(part["end"])),
                    text=str(part["text"]),
                    confidence=float(part["confidence"]),
                )
                for part in value["segments"]
            ),
            confidence=float(value["confidence"]),
        )


@dataclass(frozen=True, slots=True)
class Stats:
    """How busy a transcriber is, for metrics. Counts run from its start."""

    waiting: int = 0  # notes in the queue
    running: int = 0  # notes in work
    done: int = 0  # notes that became words
    refused: int = 0  # notes without usable words
    failed: int = 0  # notes that could not be transcribed here
    crashes: int = 0  # worker processes that died at work
    heard: timedelta = timedelta()  # sound transcribed
    worked: timedelta = timedelta()  # time the workers took for it

    @property
    def real_time_factor(self) -> float:
        """Seconds of work per second of sound: below 1 is faster than speech; 0 before the first note."""
        return self.worked / self.heard if self.heard else 0.0


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """The part of `Stats` that a pool of worker processes knows."""

    waiting: int  # notes in the queue
    running: int  # notes in work
    crashes: int  # processes that died at work
    worked: timedelta  # time spent on notes


class Transcriber(Protocol):
    """Turns voice notes into words. One per process; safe for many notes at once on one event loop."""

    @property
    def stats(self) -> Stats:
        """The counters now."""

    async def transcribe(self, audio: bytes, languages: Sequence[str] | None = None) -> Transcript:
        """Transcribe an encoded note.

        Args:
            audio: ogg/opus, mp3, m4a, aac, amr, wav or webm.
            languages: the codes to choose among for this note; when left out, those the transcriber was opened with.

        Raises:
            Unintelligible: ask the customer to write.
            Unavailable: it cannot be transcribed here now; ask the customer to write, and tell the operator.
        """

    async def warm(self) -> None:
        """Load the model now rather than with the first note. Raises `Unavailable`."""

    async def aclose(self) -> None:
        """End every worker process; notes still waiting raise `Unavailable`."""


class Counts:
    """The counters behind `Stats`. A note that is cancelled counts as nothing."""

    def __init__(self) -> None:
        self.done = 0
        self.refused = 0
        self.failed = 0
        self.heard = timedelta()

    @contextmanager
    def note(self) -> Iterator[None]:
        """Count how the `with` block of a note ends: done, refused or failed."""
        try:
            yield
        except Unintelligible:
            self.refused += 1
            raise
        except Unavailable:
            self.failed += 1
            raise
        self.done += 1

    def stats(self, workers: WorkerLoad | None) -> Stats:
        """These counters together with those of the workers; `None` when there are no workers yet."""
        load = workers or WorkerLoad(0, 0, 0, timedelta())
        return Stats(
            waiting=load.waiting,
            running=load.running,
            done=self.done,
            refused=self.refused,
            failed=self.failed,
            crashes=load.crashes,
            heard=self.heard,
            worked=load.worked,
        )
