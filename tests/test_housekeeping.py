"""What the ledger says after the clock was set back by an hour."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from agent.housekeeping import ClockWatch
from agent.ledger import broadcasts
from agent.ledger.broadcasts import CLAIM, Addressed, Broadcast
from agent.ledger.database import Database
from agent.ledger.tables import recipient
from agent.ledger.turns import LEASE

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    """One that is an hour ahead, until it is set right."""

    def __init__(self) -> None:
        self.now = NOW + HOUR

    def __call__(self) -> datetime:
        return self.now


def _broadcast(name: str, at: datetime | None, next_at: datetime) -> Broadcast:
    settings = {
        "name": name,
        "audience": {"filter": {}},
        "text": "Halo",
        "rate": "1/s",
        "between": "00:00-24:00",
        "at": at.isoformat() if at is not None else None,
    }
    return Broadcast(name, settings, None, (), {}, NOW, next_at)


async def _set_back(database: Database, clock: Clock) -> None:
    ticks = iter([100.0, 110.0])
    clock_watch = ClockWatch(
        database, clock, lease=LEASE, zone=lambda: ZoneInfo("Asia/Jakarta"), monotonic=lambda: next(ticks)
    )
    await clock_watch.check()
    clock.now = NOW
    await clock_watch.check()


async def _next(database: Database, name: str) -> datetime:
    found = await database.read(lambda connection: broadcasts.load(connection, name))
    assert found is not None
    return found.next_at


async def test_a_running_broadcast_does_not_wait_for_the_time_of_the_wrong_clock(database: Database) -> None:
    clock = Clock()

    def record(connection: Connection) -> None:
        for name, at, next_at in (
            ("running", None, clock.now + timedelta(seconds=1)),
            ("paused", None, clock.now + timedelta(seconds=1)),
            ("planned", NOW + 2 * HOUR, NOW + 2 * HOUR),
            ("early", NOW + HOUR / 2, clock.now + timedelta(seconds=1)),
        ):
            broadcasts.record(connection, _broadcast(name, at, next_at), [Addressed("id:1")])
        broadcasts.pause(connection, "paused")

    await database.write(record)
    await _set_back(database, clock)
    soon = NOW + timedelta(seconds=1)
    assert [await _next(database, name) for name in ("running", "paused", "planned", "early")] == [
        soon,
        soon,
        NOW + 2 * HOUR,
        NOW + HOUR / 2,
    ]


async def test_a_recipient_does_not_stay_with_its_taker_until_the_time_of_the_wrong_clock(database: Database) -> None:
    clock = Clock()
    one = _broadcast("promo", None, clock.now)

    def take(connection: Connection) -> None:
        broadcasts.record(connection, one, [Addressed("id:1"), Addressed("id:2"), Addressed("id:3")])
        taken = broadcasts.take(connection, one, 2, clock.now, clock.now)
        broadcasts.put_off(connection, taken[1], clock.now + timedelta(minutes=5), "503")

    await database.write(take)
    await _set_back(database, clock)
    claims = select(recipient.c.claimed_until).order_by(recipient.c.n)
    claimed = await database.read(lambda connection: list(connection.execute(claims).scalars()))
    assert claimed == [NOW + CLAIM, NOW + CLAIM, None]
