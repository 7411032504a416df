"""Product feeds in JSON: every object is a passage under the names of its members, however the list is wrapped."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knowledge.documents.loading import READABLE, kind_of, load
from knowledge.errors import Unreadable

ROWS = [
    {"name": "Kopi Gayo", "price": {"amount": 85000, "currency": "IDR"}, "tags": ["arabika", "200 g"], "sold": False},
    {"name": "Kopi Toraja", "price": {"amount": 92000, "currency": "IDR"}, "stock": None},
]


@pytest.mark.parametrize(
    "wrapped", [ROWS, {"data": ROWS}, {"meta": {"page": 1}, "data": {"products": ROWS, "links": []}}]
)
def test_a_row_is_a_passage_under_its_names(wrapped: Any) -> None:
    loaded = load("https://shop.example/feed", json.dumps(wrapped).encode(), "application/json; charset=utf-8")
    gayo, toraja = (block.shown for block in loaded.blocks)
    for part in (
        "name: Kopi Gayo",
        "price amount: 85000",
        "price currency: IDR",
        "tags: arabika, 200 g",
        "sold: false",
    ):
        assert part in str(gayo)
    assert "92000" in str(toraja)
    assert "None" not in str(toraja)


@pytest.mark.parametrize("data", [b"", b"nothing", b"3", b"[]", b'{"a": 1}', b'["a"]', b"[" * 5000])
def test_what_is_no_feed_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        load("feed.json", data)


def test_a_glob_passes_json_over_and_a_name_does_not() -> None:
    assert ".json" not in READABLE
    assert kind_of("feed.json") == "json"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(_VALUES)
@example([{"a,b": 'x"y\nz'}])
@example([{"\ud800": "\x00"}])
@example([{"": "x"}])
def test_whatever_json_holds_is_read_or_refused(value: Any) -> None:
    with suppress(Unreadable):
        load("feed.json", json.dumps(value).encode("utf-8", "surrogatepass"))
