"""The protocol of engines: who wakes contacts, and with what guarantees."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from messaging.types import ContactKey

NEAR = timedelta(seconds=15)
"""How far ahead a wake is kept in memory. What is due later stays in the ledger until a sweep, which is more frequent, finds it."""

AFTER_A_FAULT = timedelta(seconds=5)
"""When to retry a contact after processing it has failed."""

Handle = Callable[[ContactKey, datetime], Awaitable[datetime | None]]
"""Processes a contact, given its deadline; returns when it is next due, or `None`."""


class Engine(Protocol):
    """Wakes contacts. A wake carries no data and is at least once: a lost, late or double one does no harm."""

    @property
    def exclusive(self) -> bool:
        """Whether no other process works on this ledger: then every lease found at the start is stale."""

    @property
    def concurrent(self) -> int:
        """How many contacts this process works on at once, at most."""

    async def resize(self, concurrent: int) -> None:
        """Work on at most so many contacts at once from now on, if that can change while it runs; `concurrent` tells."""

    async def wake(self, contact: ContactKey, at: datetime, deadline: datetime | None = None) -> None:
        """Process a contact at `at`, unless that is so far ahead (`NEAR`) that the sweep over the ledger will wake it again.

        Args:
            at: when it is due, aware UTC.
            deadline: while more are due than can be worked on, the one with the earliest comes first; by default `at`.
        """

    async def run(self, handle: Handle) -> None:
        """Work until `stop`."""

    async def stop(self, grace: timedelta) -> None:
        """Take no more contacts; let the running ones finish, at most `grace`."""

    def idle(self, *, within: timedelta = timedelta(0)) -> bool:
        """Whether nothing runs in this process and nothing is due `within` a time from now, as far as it knows."""

    def load(self) -> tuple[int, int]:
        """Return how many contacts this process is processing, and how many wait for their wake time."""
