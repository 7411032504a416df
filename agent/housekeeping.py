"""Whether the clock was set back, and what must be done about it."""

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
"""A clock that is this much behind where it should be was set back; a smaller difference is waited for."""

LONGEST = timedelta(minutes=15)
"""Longer than anything is put off (a delivery: five minutes): what lies further ahead was written with another clock."""


class Timekeeper:
    """Compares the clock with one that is never set. Both are looked at every few seconds. `zone` is the business's."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        *,
        lease: timedelta,
        zone: ZoneInfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._zone = zone
        self._monotonic = monotonic
        self._last: tuple[datetime, float] | None = None

    async def look(self) -> None:
        """Mend the ledger's times if the clock was set back since the last look, or, at the first, before.

        Raises `LedgerUnavailable`; then the next look does it.
        """
        now, ticks = self._clock(), self._monotonic()
        if self._last is None:
            await self._mend(now, LONGEST)
        else:
            expected = self._last[0] + timedelta(seconds=ticks - self._last[1])
            if expected - now > NOTICED:
                log.warning("clock_set_back", seconds=round((expected - now).total_seconds(), 1))
                await self._mend(now, timedelta(seconds=1))
        self._last = now, ticks

    async def _mend(self, now: datetime, tolerance: timedelta) -> None:
        from agent.broadcasts import feeder

        def work(connection: Connection) -> tuple[set[ContactKey], list[str]]:
            concerned = clock_repair.mend(connection, now, lease=self._lease, tolerance=tolerance)
            return concerned, feeder.mend(connection, now, zone=self._zone, tolerance=tolerance)

        mended, moved = await self._database.write(work)
        if mended or moved:
            log.warning("times_mended", contacts=len(mended), broadcasts=moved)
