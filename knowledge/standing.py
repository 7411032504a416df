"""How the configured sources stand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from knowledge.library import Library
from knowledge.passage import SourceState
from knowledge.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A configured source and how it stands. `problems` are single documents that could not be read."""

    id: str
    documents: int
    passages: int
    volatile: bool
    verified_at: datetime | None
    error: str | None
    failing_since: datetime | None
    problems: tuple[str, ...] = ()


def standing(library: Library, sources: Sequence[SourceSettings], now: datetime) -> list[SourceStatus]:
    """Every configured source as it stands; one that nobody has looked at yet was never verified."""
    documents = Counter(document.source for document in library.documents.values())
    passages = Counter(library.documents[passage.document].source for passage in library.passages)
    states = [library.states.get(source.id) or SourceState(source.id, now) for source in sources]
    return [
        SourceStatus(
            id=source.id,
            documents=documents[source.id],
            passages=passages[source.id],
            volatile=source.volatile,
            verified_at=state.verified_at,
            error=state.error,
            failing_since=state.failing_since,
            problems=state.problems,
        )
        for source, state in zip(sources, states, strict=True)
    ]
