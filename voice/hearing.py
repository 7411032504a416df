"""What a Whisper made of a note, before anybody has judged it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment as a Whisper reports it; times in seconds from the beginning of the note."""

    start: float
    end: float
    text: str
    no_speech: float  # probability that it holds no speech
    log_probability: float  # mean over its tokens
    compression_ratio: float  # of its text by zlib; a loop compresses well

    @property
    def confidence(self) -> float:
        return math.exp(min(0.0, self.log_probability))


@dataclass(frozen=True, slots=True)
class Hearing:
    """What Whisper made of a note. `voiced` is false when the voice detector found no speech and was overruled."""

    language: str
    parts: tuple[Heard, ...]
    duration: timedelta
    voiced: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"duration": self.duration.total_seconds()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Hearing":
        return cls(
            language=str(value["language"]),
            parts=tuple(Heard(**part) for part in value["parts"]),
            duration=timedelta(seconds=value["duration"]),
            voiced=bool(value["voiced"]),
        )
