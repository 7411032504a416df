"""What a search gives back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Mode = Literal["keywords", "blend"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    `source` is the file or address it stands in, `title` its heading path, `score` 0 to 1 on a scale that is the same for every question.
    `stale` means that it must not be quoted as it is: it has expired, or it is volatile and its copy is old; hand over instead.
    `question` and `answer` are set when it is an entry of a FAQ.
    """

    id: str
    source: str
    title: str
    text: str
    score: float
    verified_at: datetime
    volatile: bool = False
    stale: bool = False
    question: str | None = None
    answer: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The passages for a question, best first.

    `confidence` (0 to 1) is the score of the best one. `foreign` says that the question is plainly about something else; short
    of that, only reading the passages tells whether they hold the answer. `mode` is `blend` when an embedding model took part.
    `repaired` are the questions as they were understood.
    """

    hits: tuple[Hit, ...]
    confidence: float
    mode: Mode
    foreign: bool
    repaired: tuple[str, ...] = ()
    milliseconds: float = 0.0

    @property
    def stale(self) -> bool:
        """The best passage must not be quoted: hand over."""
        return bool(self.hits) and self.hits[0].stale
