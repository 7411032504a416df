"""Housekeeping of a running agent: noticing that the system clock was set back, and repairing the ledger's times after it."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from agent.ledger import clock_repair
from agent.ledger.database import Database
from messaging.types import ContactKey

log = structlog.get_logger()

NOTICED = timedelta(seconds=2)
"""A clock that is this far behind its expected time was set back; a smaller difference is waited for."""

LONGEST = timedelta(minutes=15)
"""Longer than any retry is delayed (a delivery: five minutes): a time further ahead was written with a wrong clock."""


class ClockWatch:
    """Compares the system clock with the monotonic one, every few seconds."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        lease: timedelta,
        zone: ZoneInfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a clock.

        Args:
            database: the ledger whose times are repaired.
            clock: the system clock, aware UTC.
            lease: how long a turn's lease is.
            zone: time zone of the business, in which broadcasts have their hours.
            monotonic: seconds of a clock that is never set.
        """
        self._database = database
        self._clock = clock
        self._lease = lease
        self._zone = zone
        self._monotonic = monotonic
        self._last: tuple[datetime, float] | None = None

    async def check(self) -> None:
        """Repair the ledger's times if the clock was set back since the last check or, at the first one, before it.

        Raises:
            LedgerUnavailable: the ledger cannot be written; the next check tries again.
        """
        now, ticks = self._clock(), self._monotonic()
        if self._last is None:
            await self._repair(now, LONGEST)
        else:
            expected = self._last[0] + timedelta(seconds=ticks - self._last[1])
            if expected - now > NOTICED:
                log.warning("clock_set_back", seconds=round((expected - now).total_seconds(), 1))
                await self._repair(now, timedelta(seconds=1))
        self._last = now, ticks

    async def _repair(self, now: datetime, tolerance: timedelta) -> None:
        from agent.broadcasts import feeder

        def work(connection: Connection) -> tuple[set[ContactKey], list[str]]:
            concerned = clock_repair.repair(connection, now, lease=self._lease, tolerance=tolerance)
            return concerned, feeder.mend(connection, now, zone=self._zone, tolerance=tolerance)

        mended, moved = await self._database.write(work)
        if mended or moved:
            log.warning("times_mended", contacts=len(mended), broadcasts=moved)
