"""Whether a copy may still be quoted."""

from datetime import date, datetime, timedelta

from knowledge.passage import Document, SourceState
from knowledge.settings import SourceSettings


def verified_at(document: Document, state: SourceState | None) -> datetime:
    """When the copy was last known to be right: with its source, unless the document itself is failing."""
    if document.failing_since is not None or state is None or state.verified_at is None:
        return document.verified_at
    return max(document.verified_at, state.verified_at)


def is_volatile(document: Document, source: SourceSettings | None) -> bool:
    if document.volatile is not None:
        return document.volatile
    return bool(source and source.volatile)


def is_stale(document: Document, state: SourceState | None, source: SourceSettings | None, now: datetime) -> bool:
    """Expired, or volatile with an old copy.

    A copy is old when the last look failed. One from the web is also old when it was not verified for twice the time between two looks;
    a file is looked at where it lies, so time alone does not age it.
    """
    seen = verified_at(document, state)
    if _expired(document.expires, seen, now) or (source and _expired(source.expires, seen, now)):
        return True
    if not is_volatile(document, source):
        return False
    failing = document.failing_since is not None or (state is not None and state.failing_since is not None)
    web = source is not None and source.path is None
    return failing or bool(web and source and now - seen > 2 * source.refresh_after)


def _expired(limit: date | timedelta | None, seen: datetime, now: datetime) -> bool:
    if limit is None:
        return False
    if isinstance(limit, timedelta):
        return now - seen > limit
    return now.date() > limit
