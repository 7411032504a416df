from datetime import UTC, datetime, timedelta

import pytest

from agent.broadcasts.feeder import BUSY, IDLE, MOST, pace
from agent.broadcasts.settings import BroadcastSettings

NOW = datetime(2026, 12, 1, 3, tzinfo=UTC)


def settings(rate: str) -> BroadcastSettings:
    return BroadcastSettings.model_validate({"name": "a", "audience": {"filter": {}}, "text": "Halo", "rate": rate})


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
