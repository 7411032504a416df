"""Answers of safe calls that may be used again for a while."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta

from actions.action import Outcome

ENTRIES = 500  # an entry is at most what a model reads plus the picked data


class Cache:
    """Outcomes by complete request: bound values are in it, so nobody is served what was fetched for another."""

    def __init__(self, lifetime: timedelta, clock: Callable[[], datetime]) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._entries: OrderedDict[Hashable, tuple[datetime, Outcome]] = OrderedDict()

    def get(self, key: Hashable) -> Outcome | None:
        kept, outcome = self._entries.get(key, (None, None))
        if kept is None or self._clock() - kept >= self._lifetime:
            self._entries.pop(key, None)
            return None
        return outcome

    def put(self, key: Hashable, outcome: Outcome) -> None:
        self._entries[key] = (self._clock(), outcome)
        self._entries.move_to_end(key)
        if len(self._entries) > ENTRIES:
            self._entries.popitem(last=False)
