"""Writing what must not be lost: an answer that was paid for, an effect that has happened, the end of a turn."""

import asyncio
from datetime import timedelta
from typing import TypeVar

import structlog

from agent.ledger.database import Database, Work
from agent.ledger.errors import LedgerUnavailable

T = TypeVar("T")

log = structlog.get_logger()

PATIENCE = timedelta(seconds=20)
"""How long to wait for a ledger that is away: less than a turn's lease, so that nobody else has begun meanwhile."""

_PAUSE = timedelta(seconds=1)


async def write(database: Database, work: Work[T], patience: timedelta = PATIENCE) -> T:
    """Run `work` as `Database.write` does; while the ledger is away, again and again.

    Raises `LedgerUnavailable` when it stays away longer than `patience`.
    """
    now = asyncio.get_running_loop().time
    last = now() + patience.total_seconds()
    while True:
        try:
            return await database.write(work)
        except LedgerUnavailable as error:
            if now() + _PAUSE.total_seconds() > last:
                raise
            log.warning("ledger_away", reason=str(error))
        await asyncio.sleep(_PAUSE.total_seconds())
