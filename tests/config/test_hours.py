from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.hours import Hours, OpenRange, parse_days, parse_ranges

JAKARTA = ZoneInfo("Asia/Jakarta")


def hours(**keys: object) -> Hours:
    return Hours.model_validate({key.replace("_", "-"): value for key, value in keys.items()})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=JAKARTA)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon", (0,)),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("fri-mon", (4, 5, 6, 0)),
        ("Sat", (5,)),
        ("monday - wednesday", (0, 1, 2)),
        ("mon, wed", (0, 2)),
        ("sun", (6,)),
    ],
)
def test_days_are_read_as_people_write_them(text: str, days: tuple[int, ...]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "monkey", "mon-", "mon-fry", "mon/fri", "1", "mon,,tue"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day"):
        parse_days(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("08:00-21:00", ["08:00-21:00"]),
        ("8.00 - 21.00", ["08:00-21:00"]),
        ("13:00-17:00, 08:00-12:00", ["08:00-12:00", "13:00-17:00"]),
        (["08:00-12:00", "13:00–17:00"], ["08:00-12:00", "13:00-17:00"]),
        ("18:00-02:00", ["18:00-02:00"]),
        ("00:00-24:00", ["00:00-24:00"]),
        ("Closed", []),
    ],
)
def test_ranges_are_read_as_people_write_them(value: object, shown: list[str]) -> None:
    assert [str(each) for each in parse_ranges(value)] == shown


@pytest.mark.parametrize(
    "value", ["", "8-21", "08:00", "08:60-09:00", "25:00-26:00", "08:00-08:00", "24:00-02:00", [], [1], 8, None, {}]
)
def test_what_is_no_range_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"range|does not exist"):
        parse_ranges(value)


def test_ranges_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="08:00-12:00 and 11:00-13:00 overlap"):
        parse_ranges("08:00-12:00, 11:00-13:00")


def test_open_is_from_the_first_minute_until_before_the_last() -> None:
    shop = hours(mon_fri="08:00-12:00, 13:00-17:00")

    assert shop.is_open(at("2026-11-23T08:00"))
    assert shop.is_open(at("2026-11-23T11:59:59"))
    assert not shop.is_open(at("2026-11-23T12:00"))
    assert not shop.is_open(at("2026-11-23T07:59:59"))
    assert not shop.is_open(at("2026-11-22T09:00")), "Sunday is not named"


def test_hours_reach_over_midnight_into_the_next_day() -> None:
    bar = hours(fri="18:00-02:00")

    assert bar.is_open(at("2026-11-27T23:00"))
    assert bar.is_open(at("2026-11-28T01:59"))
    assert not bar.is_open(at("2026-11-28T02:00"))


def test_an_exception_replaces_the_hours_of_its_date() -> None:
    shop = hours(mon_sun="08:00-17:00", exceptions={"2026-12-25": "closed", "2026-12-31": "08:00-12:00"})

    assert not shop.is_open(at("2026-12-25T10:00"))
    assert not shop.is_open(at("2026-12-31T13:00"))
    assert shop.is_open(at("2026-12-30T13:00"))
    assert shop.on(date(2026, 12, 25)) == ()


def test_the_next_opening_is_found_over_closed_days() -> None:
    shop = hours(mon_fri="08:00-17:00", exceptions={"2026-11-23": "closed"})

    assert shop.next_opening(at("2026-11-20T18:00")) == at("2026-11-24T08:00")
    assert shop.next_opening(at("2026-11-24T07:00")) == at("2026-11-24T08:00")
    assert shop.next_opening(at("2026-11-24T08:00")) == at("2026-11-25T08:00")


def test_a_business_that_never_opens_has_no_next_opening() -> None:
    assert hours(mon="closed").next_opening(at("2026-11-23T08:00")) is None


def test_opening_is_by_the_clock_on_the_wall_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    shop = hours(sun="08:00-17:00")

    opening = shop.next_opening(datetime(2026, 10, 25, 0, 30, tzinfo=berlin))

    assert opening == datetime(2026, 10, 25, 8, 0, tzinfo=berlin)
    assert shop.is_open(datetime(2026, 10, 25, 8, 0, tzinfo=berlin))
    assert not shop.is_open(datetime(2026, 10, 25, 7, 59, tzinfo=berlin))


def test_hours_that_are_written_out_are_read_back_the_same() -> None:
    shop = hours(mon_fri="08:00-12:00, 13:00-17:00", sat="18:00-02:00", exceptions={"2026-12-25": "closed"})

    assert Hours.model_validate(shop.model_dump(mode="json")) == shop


@given(st.integers(0, 1439), st.integers(1, 1439))
def test_every_range_is_read_back_from_how_it_is_shown(start: int, length: int) -> None:
    each = OpenRange(timedelta(minutes=start), timedelta(minutes=start + length))

    assert parse_ranges(str(each)) == (each,)
