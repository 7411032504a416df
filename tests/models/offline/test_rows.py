"""Rows of tables in words, and amounts as rupiah."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.models.offline.rows import rupiah, sentence, units_of
from agent.models.values import Passage


def told(*passages: Passage) -> list[str]:
    return [sentence(unit, passages) for unit in units_of(passages) if unit.cells]


@given(st.integers(500, 999_999_999), st.sampled_from(["harga", "Price", "tarif per malam", "Rent per month", "total"]))
@example(18_000, "harga")
def test_a_price_keeps_its_number_however_it_is_written(amount: int, column: str) -> None:
    dotted = f"{amount:,}".replace(",", ".")
    assert {rupiah(column, text) for text in (str(amount), dotted, f"Rp {dotted}", f"Rp{dotted}")} == {f"Rp{dotted}"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("stok", "18000"),
        ("harga (ribu)", "18"),
        ("Price (USD)", "1500"),
        ("harga", "18rb"),
        ("harga", "12,50"),
        ("harga", "12"),
        ("harga", "10.000–15.000"),
        ("kode", "18000"),
    ],
)
def test_what_is_no_price_in_rupiah_stays_as_it_is(column: str, value: str) -> None:
    assert rupiah(column, value) is None


def test_a_row_of_a_sheet_reads_as_a_sentence() -> None:
    row = Passage("harga.csv", "harga", "layanan: Cuci kering\nsatuan: kg\nharga: 9000\nlama: 2 hari")
    assert told(row) == ["Cuci kering: Rp9.000/kg, lama 2 hari"]


def test_rows_inside_a_document_are_told_one_by_one() -> None:
    rows = "Room: Standard; Guests: 2; Price per night: Rp350.000\nRoom: Deluxe; Guests: 2; Price per night: Rp450.000"
    assert told(Passage("rooms.md", "Rooms > Rates", rows)) == [
        "Standard: price per night Rp350.000, guests 2",
        "Deluxe: price per night Rp450.000, guests 2",
    ]


def test_opening_hours_are_no_row() -> None:
    hours = Passage("jam.md", "Jam > Jam buka", "Senin sampai Sabtu: 07.00–21.00\nMinggu: 08.00–17.00\nLibur: tutup")
    assert told(hours) == []


def test_where_another_currency_stands_a_bare_number_is_no_rupiah() -> None:
    rows = [
        Passage("list.csv", "list", "Unit: Loft\nPrice: 1500"),
        Passage("faq.md", "FAQ", "All prices are in USD."),
    ]
    assert told(*rows) == ["Loft: price 1500"]
