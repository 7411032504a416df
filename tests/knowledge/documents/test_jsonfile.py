"""Feeds in JSON: each object of a list is a passage with its fields by name."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knowledge.documents import jsonfile
from knowledge.documents.loading import READABLE, kind_of, load
from knowledge.documents.splitter import split
from knowledge.errors import Unreadable

FEED = {
    "shop": {"name": "Toko Rina", "city": "Solo"},
    "open": True,
    "products": [
        {
            "name": "Tas kulit",
            "price": {"amount": 450000, "currency": "IDR"},
            "variants": [{"color": "hitam", "stock": 3}, {"color": "cokelat", "stock": 0}],
            "tags": ["baru", "kulit"],
            "note": None,
        },
        {"name": "Dompet", "price": {"amount": 150000, "currency": "IDR"}},
    ],
    "data": {"branches": [{"city": "Kudus", "hours": "08.00-17.00"}]},
}


def texts(value: Any) -> list[tuple[tuple[str, ...], str]]:
    found = split("f.json", load("f.json", json.dumps(value).encode()))
    return [(passage.path, passage.text) for passage in found]


def test_every_object_of_a_list_keeps_its_own_fields() -> None:
    assert texts(FEED) == [
        ((), "shop name: Toko Rina\nshop city: Solo\nopen: true"),
        (
            ("products",),
            "name: Tas kulit\nprice amount: 450000\nprice currency: IDR\n"
            "variants: color: hitam, stock: 3; color: cokelat, stock: 0\ntags: baru, kulit",
        ),
        (("products",), "name: Dompet\nprice amount: 150000\nprice currency: IDR"),
        (("data", "branches"), "city: Kudus\nhours: 08.00-17.00"),
    ]


def test_questions_in_a_feed_are_entries_and_one_value_a_line_is_read() -> None:
    asked = {"question": "Bisa COD?", "answer": "Bisa, khusus Solo."}
    [passage] = split("q.jsonl", load("q.jsonl", json.dumps(asked).encode() + b"\n"))
    assert (passage.question, passage.answer) == ("Bisa COD?", "Bisa, khusus Solo.")
    two = b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n'
    assert [each.text for each in split("q.jsonl", load("q.jsonl", two))] == ["a: 1\nb: 2", "a: 3\nb: 4"]


SCALARS = st.integers(0, 10**9) | st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcdefg"), inner, max_size=4),
    max_leaves=12,
)


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [leaf for each in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(each)]
    return [str(value)]


@given(st.dictionaries(st.sampled_from("abcdefg"), VALUES, min_size=1, max_size=4))
@example({"a": [["x"], {"b": [1, [2, {"c": 3}]]}]})
@example({"a": {"b": [{"c": "x"}], "d": "y"}, "e": "z"})
def test_no_value_of_a_feed_is_lost(value: Any) -> None:
    leaves = [leaf for leaf in _leaves(value) if leaf.strip()]
    if not leaves:
        return
    text = " ".join(shown for _, shown in texts(value))
    assert all(leaf in text for leaf in leaves)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": ', "not a JSON file"),
        (b"[" * 100_000 + b"]" * 100_000, "levels"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "levels"),
        (b"[]", "no text"),
        (b'{"a": 1e400, "b": NaN}', "no text"),
    ],
)
def test_a_feed_that_cannot_be_read_says_why(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load("f.json", data)


def test_a_feed_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonfile, "MAX_VALUES", 1000)
    assert load("f.json", b"[" + b'{"a":1},' * 999 + b'{"a":1}]').blocks
    with pytest.raises(Unreadable, match="1,000 values"):
        load("f.json", b"[" + b'{"a":1},' * 1000 + b'{"a":1}]')


ROWS = [
    {"name": "Kopi Gayo", "price": {"amount": 85000, "currency": "IDR"}, "tags": ["arabika", "200 g"], "sold": False},
    {"name": "Kopi Toraja", "price": {"amount": 92000, "currency": "IDR"}, "stock": None},
]


@pytest.mark.parametrize(
    "wrapped", [ROWS, {"data": ROWS}, {"meta": {"page": 1}, "data": {"products": ROWS, "links": []}}]
)
def test_a_row_is_a_passage_however_the_list_is_wrapped(wrapped: Any) -> None:
    loaded = load("https://shop.example/feed", json.dumps(wrapped).encode(), "application/json; charset=utf-8")
    gayo, toraja = (block.shown for block in loaded.blocks if "name:" in str(block.shown))
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


@pytest.mark.parametrize("data", [b"", b"nothing", b"[]", b"{}", b"[" * 5000])
def test_what_holds_nothing_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        load("feed.json", data)


def test_a_glob_passes_json_over_and_a_name_does_not() -> None:
    assert ".json" not in READABLE
    assert kind_of("feed.json") == "json"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


@given(ANYTHING)
@example([{"a,b": 'x"y\nz'}])
@example([{"\ud800": "\x00"}])
@example([{"": "x"}])
def test_whatever_json_holds_is_read_or_refused(value: Any) -> None:
    with suppress(Unreadable):
        load("feed.json", json.dumps(value).encode("utf-8", "surrogatepass"))
