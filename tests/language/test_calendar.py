"""Names of days in texts."""

import pytest

from language.calendar import days_named


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("sabtu buka jam berapa?", {5}),
        ("Senin–Jumat 09.00–20.00", {0, 1, 2, 3, 4}),
        ("Fridays and Sunday", {4, 6}),
        ("Sabtu s/d Senin", {5, 6, 0}),
        ("jum'at libur", {4}),
        ("hari minggu buka?", {6}),
        ("garansi 2 minggu, dibayar per minggu, mulai minggu depan", set()),
        ("halo min, sat set ya, harga 5 sen", set()),
        ("setiap hari", set(range(7))),
    ],
)
def test_the_days_that_a_text_means_are_told(text: str, days: set[int]) -> None:
    assert days_named(text) == days
