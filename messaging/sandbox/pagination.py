"""Cursors: `cursorId` is the key of the last item seen, negative to walk back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.datastructures import URL

from messaging.sandbox.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """What a request asks for."""

    limit: int
    cursor: int | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next: int | None
    previous: int | None

    def links(self, url: URL, limit: int) -> dict[str, str | None]:
        """`pagination` of the answer: full URLs, null at either end."""

        def link(cursor: int | None) -> str | None:
            return None if cursor is None else str(url.include_query_params(limit=limit, cursorId=cursor))

        return {"next": link(self.next), "previous": link(self.previous)}


def read_window(limit: str | None, cursor: str | None, most: int = 100) -> Window:
    """The window of a query string; 10 items from the start by default.

    Raises:
        Invalid: `limit` is not between 1 and `most`, or `cursorId` is not a whole number.
    """
    try:
        size = int(limit) if limit else 10
    except ValueError as error:
        raise Invalid(f"limit: {limit!r} is not a whole number") from error
    if not 1 <= size <= most:
        raise Invalid(f"limit: {size} is not between 1 and {most}")
    try:
        return Window(size, int(cursor) if cursor else None)
    except ValueError as error:
        raise Invalid(f"cursorId: {cursor!r} is not a whole number; take it from pagination.next") from error


def paginate(items: Sequence[T], window: Window, key: Callable[[T], int], *, newest_first: bool = False) -> Page[T]:
    """One page of `items`, which are sorted by `key` (rising, or falling with `newest_first`); keys are positive.

    A cursor stays valid when items are added or removed meanwhile: it is a key, not an offset.
    """
    sign = -1 if newest_first else 1
    cursor = window.cursor
    if cursor is None:
        start = 0
    elif cursor >= 0:
        start = sum(1 for item in items if sign * key(item) <= sign * cursor)
    else:
        before = sum(1 for item in items if sign * key(item) < sign * -cursor)
        start = max(0, before - window.limit)
        items = items[:before]
    page = items[start : start + window.limit]
    more = cursor is not None and cursor < 0 and bool(page)
    return Page(
        page,
        key(page[-1]) if page and (more or start + window.limit < len(items)) else None,
        -key(page[0]) if page and start > 0 else None,
    )
