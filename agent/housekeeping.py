"""Housekeeping of a running agent: times that a clock set back has left wrong, and rows that are older than they are kept."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from agent.config.config import RetentionSettings
from agent.ledger import clock_repair, retention, tallies
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
        zone: Callable[[], ZoneInfo],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a clock.

        Args:
            database: the ledger whose times are repaired.
            clock: the system clock, aware UTC.
            lease: how long a turn's lease is.
            zone: tells the time zone of the business, in which broadcasts have their hours.
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
            return concerned, feeder.mend(connection, now, zone=self._zone(), tolerance=tolerance)

        mended, moved = await self._database.write(work)
        if mended or moved:
            log.warning("times_mended", contacts=len(mended), broadcasts=moved)


async def bring_up_to_date(database: Database, now: datetime) -> None:
    """Tally what is over, or has changed since it was tallied, in steps so small that no message waits for one.

    Raises:
        LedgerUnavailable: the ledger cannot be written; the next time goes on.
    """
    await database.write(lambda connection: tallies.close(connection, now))
    while (found := await database.read(lambda connection: tallies.count(connection, now))) is not None:
        await database.write(partial(tallies.store, tallied=found))
        await asyncio.sleep(BETWEEN)


BETWEEN = 0.05
"""Seconds between two transactions of housekeeping: the writer belongs to messages."""


class Retention:
    """Removes what is older than agent.yaml keeps it, in transactions so small that no message waits for one."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._steps_gone_before = datetime.min.replace(tzinfo=UTC)

    async def trim(self, settings: RetentionSettings) -> None:
        """Remove all that is too old by now.

        Args:
            settings: the section `retention` of agent.yaml.

        Raises:
            LedgerUnavailable: the ledger cannot be written; what was removed stays removed.
        """
        now = self._clock()
        removed = dict.fromkeys(("messages", "steps", "media"), 0)
        if (kept := settings.messages) is not None:
            removed["messages"] = await self._repeat(lambda connection: retention.drop_messages(connection, now - kept))
        if (kept_steps := settings.steps) is not None:
            removed["steps"] = await self._repeat(lambda connection: self._drop_steps(connection, now - kept_steps))
        if (kept_media := settings.media) is not None:
            removed["media"] = await self._repeat(lambda connection: retention.drop_files(connection, now - kept_media))
        if any(removed.values()):
            log.info("ledger_trimmed", **removed)

    def _drop_steps(self, connection: Connection, before: datetime) -> int:
        count, self._steps_gone_before = retention.drop_steps(connection, before, self._steps_gone_before)
        return count

    async def _repeat(self, work: Callable[[Connection], int]) -> int:
        total = 0
        while count := await self._database.write(work):
            total += count
            await asyncio.sleep(BETWEEN)
        return total
