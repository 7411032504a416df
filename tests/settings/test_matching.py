"""What an owner has written to be looked for, over what strangers write."""

import re
import time
from datetime import timedelta
from typing import Any

import jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import matching
from settings.matching import (
    TooCostly,
    bounded,
    finds_one,
    fullmatch,
    known_path,
    known_regex,
    matches_in,
    search,
    values_at,
)

HOSTILE = "a" * 80
"""Backtracks for years over `(a|aa)+b`."""

PATHS = [
    "$", "$.a", "$..a", "$.*", "$..*", "$.a[0]", "$.a[-1:]", "$[?@.a]", "$..[?@.a == 1]", "$..[?@.a && @.b != 'x']",
    "$..[?match(@.a, '[a-c]+')]", "$..[?search(@.a, 'B')]", "$..[?@.a =~ /b+/i]", "$.a | $.b", "$..a & $..b", "$[?!@.a]",
]  # fmt: skip
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "b", "BB", "x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES, max_size=3), st.sampled_from(PATHS))
def test_a_bounded_path_finds_what_the_library_finds(value: dict[str, Any], path: str) -> None:
    assert values_at(known_path(path), value) == jsonpath.findall(path, value)
    assert values_at(path, value, most=2) == jsonpath.findall(path, value)[:2]


@pytest.mark.parametrize(
    "path", ["$..[?match(@.a, '(a|aa)+b')]", "$..[?search(@.a, '(a|aa)+b')]", "$..[?@.a =~ /(a|aa)+b/]"]
)
def test_a_pattern_in_a_path_is_given_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PATH_TIME", matching.PATTERN_TIME)
    assert values_at(path, {"x": {"a": "aab"}}) == [{"a": "aab"}]
    with pytest.raises(TooCostly):
        values_at(path, {"x": {"a": HOSTILE}})


def test_a_path_that_goes_everywhere_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PATH_TIME", matching.PATTERN_TIME)
    value: dict[str, Any] = {}
    inner = value
    for _ in range(60):
        inner["a"] = {"w": [1] * 50}
        inner = inner["a"]
    for path in ("$..*..*..*..*.q", "$..*[?@..*..*..*..q]", "$.a[?$..*..*..*..q]", "$..*..*..*..*.q | $.a"):
        begun = time.process_time()
        with pytest.raises(TooCostly):
            values_at(path, value)
        assert time.process_time() - begun < 20 * matching.PATTERN_TIME.total_seconds()


def test_a_pattern_finds_what_re_finds() -> None:
    assert search("^promo", "PROMO hari ini", re.IGNORECASE)
    assert not search("^promo", "PROMO hari ini")
    assert fullmatch("KS-[0-9]{2}", "KS-12")
    assert not fullmatch("KS-[0-9]{2}", "KS-123")
    assert [match["v"] for match in matches_in("(?P<v>dua|tiga)", "Dua atau tiga", re.IGNORECASE)] == ["Dua", "tiga"]


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a|aa)+[^a!]", r"(?:\w+?\W*?)+?\d"])
@pytest.mark.parametrize("look", [search, fullmatch, matches_in])
def test_a_pattern_over_a_message_is_given_up(look: Any, pattern: str) -> None:
    with pytest.raises(TooCostly), bounded(timedelta(seconds=0.05)):
        look(pattern, 10 * HOSTILE + "!")


def test_all_that_is_looked_for_within_a_limit_shares_it() -> None:
    with bounded(timedelta(seconds=0.05)), pytest.raises(TooCostly):
        [matches_in("a*a*a*[bc]", HOSTILE + "!") for _ in range(100_000)]


@pytest.mark.parametrize("path", ["$.[", "$[?", "a b c", "$.a["])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a JSONPath"):
        known_path(path)


def test_what_is_no_pattern_is_refused() -> None:
    assert known_regex("^promo") == "^promo"
    with pytest.raises(ValueError, match="is not a regular expression"):
        known_regex("(")


def test_one_value_or_several_is_read_off_the_path() -> None:
    assert [finds_one(path) for path in ("$.a.b[0]", "$..a", "$.a[*]", "$.a | $.b")] == [True, False, False, False]
