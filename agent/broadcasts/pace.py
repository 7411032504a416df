"""When the next recipient of a broadcast is due: by its rate, and again by it after the clock was set back."""

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from agent.broadcasts.settings import BroadcastSettings
from agent.ledger import broadcasts

IDLE = timedelta(seconds=2)
"""How often to look for a broadcast that begins."""

BUSY = timedelta(seconds=0.5)
"""How often to feed while one runs."""

AHEAD = timedelta(seconds=3)
"""So much of a broadcast may be in the outbox: at its rate, this long."""

MOST = 40
"""So many messages of all broadcasts are on their way at most: the HTTP client has 100 connections, and answers need them."""


def pace(settings: BroadcastSettings, next_at: datetime, now: datetime, on_the_way: int) -> tuple[int, datetime]:
    """How many recipients to take now, and when the next is due; both by the rate.

    `on_the_way` are being prepared or in the outbox. Time that passed unused (the process was
    down, the platform slow) is made up for by two seconds' worth, no more.
    """
    step = settings.rate.per / settings.rate.count
    begin = max(next_at, now - IDLE)
    due = (now - begin) // step + 1
    room = min(MOST, math.ceil(AHEAD / step)) - on_the_way
    count = max(0, min(due, room))
    return count, begin + count * step if count else now + min(step, BUSY)


def mended(
    settings: BroadcastSettings, next_at: datetime, now: datetime, *, zone: ZoneInfo, tolerance: timedelta
) -> datetime:
    """When the next recipient is due where the clock may have been ahead when `next_at` was written.

    The time that the owner wrote stays, and nothing goes out before it. What we made of a clock is at most one step of the
    rate ahead, or the next opening of its hours.
    """
    begins = settings.begins(zone)
    soon = now + settings.rate.per / settings.rate.count
    if next_at <= soon + tolerance or next_at in (begins, _opening(settings, now.astimezone(zone))):
        return next_at
    return soon if begins is None else max(begins, soon)


def _opening(settings: BroadcastSettings, local: datetime) -> datetime | None:
    """When its hours begin next; `None` within them."""
    hours = settings.hours()
    return None if hours.is_open(local) else hours.next_opening(local)


def mend(connection: Connection, now: datetime, *, zone: ZoneInfo, tolerance: timedelta) -> list[str]:
    """Bring back the broadcasts whose next recipient would wait for a time that a wrong clock gave; their names."""
    moved = []
    for broadcast in broadcasts.ahead(connection, now + tolerance):
        settings = BroadcastSettings.model_validate(broadcast.settings)
        next_at = mended(settings, broadcast.next_at, now, zone=zone, tolerance=tolerance)
        if next_at != broadcast.next_at and broadcasts.redate(connection, broadcast, next_at):
            moved.append(broadcast.name)
    return moved
