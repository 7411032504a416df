"""Search results, and the rules for when a passage is volatile or stale."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from knowledge.documents.passage import Document, SourceState
from knowledge.settings import SourceSettings

Mode = Literal["keywords", "blend"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found by a search.

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
class SearchResult:
    """The passages for a question, best first.

    `confidence` (0 to 1) is the score of the best one. `off_topic` is set when it is so low that the question is about something
    else; otherwise only reading the passages tells whether they hold the answer. `mode` is `blend` when an embedding model took
    part. `repaired` are the phrasings after spelling and slang were repaired.
    """

    hits: tuple[Hit, ...]
    confidence: float
    mode: Mode
    off_topic: bool
    repaired: tuple[str, ...] = ()
    milliseconds: float = 0.0

    @property
    def stale(self) -> bool:
        """Whether the best passage must not be quoted, so that a human has to answer."""
        return bool(self.hits) and self.hits[0].stale


def verified_at(document: Document, state: SourceState | None) -> datetime:
    """When the copy was last known to be current: with its source, unless the document itself is failing."""
    if document.failing_since is not None or state is None or state.verified_at is None:
        return document.verified_at
    return max(document.verified_at, state.verified_at)


def is_volatile(document: Document, source: SourceSettings | None) -> bool:
    """Whether facts in the document go out of date: its front matter wins over its source."""
    if document.volatile is not None:
        return document.volatile
    return bool(source and source.volatile)


def is_stale(
    document: Document,
    state: SourceState | None,
    source: SourceSettings | None,
    now: datetime,
    today: date | None = None,
) -> bool:
    """Whether a document has expired, or is volatile and its copy is old.

    A copy is old when the last check failed. A web copy is also old when it was not verified for twice its refresh interval; a file is
    read where it lies, so time alone does not make it old.

    Args:
        document: the document.
        state: of its source.
        source: as it is configured.
        now: by which its age is measured, aware UTC.
        today: by which its last day is measured; None: that of `now`.
    """
    today = today or now.date()
    seen = verified_at(document, state)
    if _expired(document.expires, now - seen, today) or (source and _expired(source.expires, now - seen, today)):
        return True
    if not is_volatile(document, source):
        return False
    failing = document.failing_since is not None or (state is not None and state.failing_since is not None)
    web = source is not None and source.path is None
    return failing or bool(web and source and now - seen > 2 * source.refresh_after)


def _expired(limit: date | timedelta | None, age: timedelta, today: date) -> bool:
    if limit is None:
        return False
    if isinstance(limit, timedelta):
        return age > limit
    return today > limit
