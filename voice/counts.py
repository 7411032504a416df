"""What a transcriber has done so far, counted for its `Stats`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from voice.errors import Unavailable, Unintelligible
from voice.pool import Workers
from voice.transcript import Stats


class Counts:
    """The counters behind `Stats`. A note that is cancelled counts as nothing."""

    def __init__(self) -> None:
        self.done = 0
        self.refused = 0
        self.failed = 0
        self.heard = timedelta()

    @contextmanager
    def note(self) -> Iterator[None]:
        """Count how the note handled inside ends."""
        try:
            yield
        except Unintelligible:
            self.refused += 1
            raise
        except Unavailable:
            self.failed += 1
            raise
        self.done += 1

    def stats(self, workers: Workers | None) -> Stats:
        totals = Stats(done=self.done, refused=self.refused, failed=self.failed, heard=self.heard)
        if workers is None:
            return totals
        return replace(
            totals, waiting=workers.waiting, running=workers.running, crashes=workers.crashes, worked=workers.worked
        )
