from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.backoff import Backoff, requested_wait, retry_after

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(first=SECOND, longest=timedelta(minutes=5))
    assert [backoff.ceiling(attempt) for attempt in (1, 2, 3, 9, 10, 10_000)] == [
        SECOND,
        2 * SECOND,
        4 * SECOND,
        256 * SECOND,
        300 * SECOND,
        300 * SECOND,
    ]


@pytest.mark.parametrize(("least", "low"), [(0.0, 0.0), (0.5, 4.0), (1.0, 8.0)])
def test_jitter_draws_between_the_least_share_and_the_ceiling(least: float, low: float) -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    assert Backoff(SECOND, timedelta(minutes=1), least).wait(4, uniform=uniform) == timedelta(seconds=8)
    assert drawn == [(low, 8.0)]


@given(attempt=st.integers(1, 500), least=st.floats(0, 1))
def test_no_wait_leaves_its_bounds(attempt: int, least: float) -> None:
    backoff = Backoff(timedelta(milliseconds=300), timedelta(seconds=8), least)
    wait = backoff.wait(attempt)
    ceiling = backoff.ceiling(attempt)
    assert ceiling * least - timedelta(microseconds=1) <= wait <= ceiling <= timedelta(seconds=8)


@pytest.mark.parametrize(("requested", "most"), [(0, 0), (2, 2.5), (40, 41)])
def test_a_requested_wait_is_kept_to_and_little_longer(requested: float, most: float) -> None:
    backoff, asked = Backoff(SECOND, SECOND), timedelta(seconds=requested)
    assert backoff.wait(9, asked, lambda low, _high: low) == asked
    assert backoff.wait(9, asked, lambda _low, high: high) == timedelta(seconds=most)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 0.5 ", 0.5),
        ("Sat, 21 Nov 2026 03:00:30 GMT", 30),
        ("Saturday, 21-Nov-26 03:00:30 GMT", 30),
        ("Sat Nov 21 03:00:30 2026", 30),
        ("Sat, 21 Nov 2026 02:00:00 GMT", 0),
        ("-3", 0),
        ("1e12", 86_400),
        ("Sat, 21 Nov 2099 03:00:00 GMT", 86_400),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_an_http_date(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "inf", "Sat, 99 Nov 2026 03:00:00 GMT", "9" * 400])
def test_an_unreadable_retry_after_asks_for_nothing(header: str | None) -> None:
    assert retry_after(header, NOW) is None


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    wait = retry_after(header, NOW)
    assert wait is None or timedelta(0) <= wait <= timedelta(days=1)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_any_http_date_is_read_back(moment: datetime) -> None:
    until = moment.replace(microsecond=0, tzinfo=UTC)
    expected = min(max(until - NOW, timedelta(0)), timedelta(days=1))
    assert retry_after(format_datetime(until, usegmt=True), NOW) == expected


def test_milliseconds_are_more_exact_than_seconds() -> None:
    assert requested_wait({"retry-after-ms": "250", "retry-after": "1"}, NOW) == timedelta(milliseconds=250)
    assert requested_wait({"retry-after-ms": "soon", "retry-after": "1"}, NOW) == SECOND
    assert requested_wait({}, NOW) is None
