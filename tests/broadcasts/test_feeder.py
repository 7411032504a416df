from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent.broadcasts.feeder import BUSY, IDLE, MOST, mended, pace
from agent.broadcasts.settings import BroadcastSettings

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)


def settings(rate: str, **more: str) -> BroadcastSettings:
    return BroadcastSettings.model_validate(
        {"name": "a", "audience": {"filter": {}}, "text": "Halo", "rate": rate, "between": "00:00-24:00", **more}
    )


@pytest.mark.parametrize("rate", ["1/s", "20/s", "6/min", "60/min", "7/s"])
def test_over_a_minute_the_rate_is_kept_whenever_the_feeder_looks(rate: str) -> None:
    wanted = settings(rate)
    now = next_at = NOW
    taken = 0
    while now < NOW + timedelta(minutes=1):
        if next_at <= now:
            count, next_at = pace(wanted, next_at, now, 0)
            taken += count
        now += BUSY if next_at - now < timedelta(seconds=1) else IDLE
    allowed = timedelta(minutes=1) / (wanted.rate.per / wanted.rate.count)
    assert allowed * 0.9 <= taken <= allowed + 1


def test_time_that_passed_unused_is_not_made_up_for_in_a_burst() -> None:
    count, next_at = pace(settings("10/s"), NOW - timedelta(hours=1), NOW, 0)
    assert count == 21  # two seconds' worth
    assert next_at == NOW + timedelta(seconds=0.1)


def test_what_is_on_its_way_leaves_less_room() -> None:
    assert pace(settings("10/s"), NOW - timedelta(hours=1), NOW, 25)[0] == 5
    count, next_at = pace(settings("10/s"), NOW, NOW, 30)
    assert count == 0
    assert next_at > NOW
    assert pace(settings("1000/s"), NOW - timedelta(hours=1), NOW, 0)[0] == MOST


HOUR = timedelta(hours=1)
NINE = "2026-12-01 12:00"  # in Jakarta, two hours after NOW


@pytest.mark.parametrize(
    ("written", "more", "expected"),
    [
        (NOW + HOUR, {}, NOW + timedelta(seconds=1)),  # the pace of a clock that was ahead
        (NOW + timedelta(seconds=1), {}, NOW + timedelta(seconds=1)),  # the pace of this one
        (NOW - HOUR, {}, NOW - HOUR),
        (NOW + 2 * HOUR, {"at": NINE}, NOW + 2 * HOUR),  # the owner's
        (NOW + 2 * HOUR, {"at": "2026-12-01T05:00+00:00"}, NOW + 2 * HOUR),
        (NOW + 3 * HOUR, {"at": NINE}, NOW + 2 * HOUR),  # had begun before the owner's time, which is still to come
        (NOW + HOUR, {"at": "2026-12-01 09:00"}, NOW + timedelta(seconds=1)),  # the owner's has passed
        (NOW + 21 * HOUR, {"between": "07:00-09:00"}, NOW + 21 * HOUR),  # tomorrow's opening
        (
            NOW + 45 * HOUR,
            {"between": "07:00-09:00"},
            NOW + timedelta(seconds=1),
        ),  # the day after that: looked up again
        (NOW + 10 * HOUR, {"rate": "1/12h"}, NOW + 10 * HOUR),  # so slow is the rate
        (NOW + 13 * HOUR, {"rate": "1/12h"}, NOW + 12 * HOUR),
    ],
)
def test_after_the_clock_was_set_back_a_broadcast_waits_for_its_rate_its_hours_and_its_owner_only(
    written: datetime, more: dict[str, str], expected: datetime
) -> None:
    wanted = settings(**{"rate": "1/s", **more})
    zone = ZoneInfo("Asia/Jakarta")
    assert mended(wanted, written, NOW, zone=zone, tolerance=timedelta(seconds=1)) == expected
