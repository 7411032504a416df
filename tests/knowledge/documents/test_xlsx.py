"""Workbooks are read as their sheets show them; what is hidden or has no value is named, not quoted."""

import io
import zipfile

import pytest
from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill

from knowledge.documents.splitter import split
from knowledge.documents.xlsx import load
from knowledge.errors import Unreadable
from tests.knowledge.samples import package


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def prices() -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.title = "Harga"
    for row in (
        ["DAFTAR HARGA"],
        [],
        ["Kode", "Produk", "Modal", "Harga", "Diskon"],
        [7110, "Kopi", 9000, 25000, 0.075],
        [7111, "Teh", 5000, 18000, 0.1],
        [7112, "Roti", 4000, "=D5*2", 0],
    ):
        sheet.append(row)
    for row in (4, 5, 6):
        sheet.cell(row, 1).number_format = "00000"
        sheet.cell(row, 4).number_format = '"Rp"#,##0'
        sheet.cell(row, 5).number_format = "0.0%"
    return book


def test_values_are_as_the_sheet_shows_them() -> None:
    rows = split("a.xlsx", load(saved(prices())))
    assert rows[0].path == ("DAFTAR HARGA",)
    assert rows[0].text == "Kode: 07110\nProduk: Kopi\nModal: 9000\nHarga: Rp25.000\nDiskon: 7.5%"


def test_hidden_sheets_rows_and_columns_are_left_out_and_said() -> None:
    book = prices()
    book.active.column_dimensions["C"].hidden = True
    book.active.row_dimensions[5].hidden = True
    secret = book.create_sheet("Rahasia")
    secret.append(["Nama", "Gaji"])
    secret.append(["Sari", 1])
    secret.sheet_state = "veryHidden"
    loaded = load(saved(book))
    assert not any(word in loaded.text for word in ("9000", "Teh", "Sari", "Modal"))
    assert loaded.problem is not None
    for part in ("hidden rows 5", "hidden columns C", "the hidden sheet Rahasia", "formulas without a value in D6"):
        assert part in loaded.problem


def test_a_stray_cell_far_out_costs_nothing() -> None:
    book = Workbook()
    sheet = book.active
    for row in (["nama", "harga"], ["kopi", 18000]):
        sheet.append(row)
    sheet["XFD1048576"] = "x"
    assert "nama: kopi" in split("a.xlsx", load(saved(book)))[0].text


def test_a_claimed_size_is_not_believed() -> None:
    """A file of 1.4 KB claimed 16 million cells and took 3 GB."""
    data = _with_part(
        saved(prices()), "xl/worksheets/sheet1.xml", b'<dimension ref="A1:E6"', b'<dimension ref="A1:XFD1048576"'
    )
    assert "Kopi" in load(data).text


def test_a_merged_range_over_the_whole_sheet_is_clipped() -> None:
    book = prices()
    book.active.merge_cells("A1:E1")
    data = _with_part(saved(book), "xl/worksheets/sheet1.xml", b'ref="A1:E1"', b'ref="A1:XFD1"')
    assert split("a.xlsx", load(data))[0].path == ("DAFTAR HARGA",)


def test_a_package_that_expands_beyond_bounds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.documents.ooxml.MAX_EXPANDED", 10_000)
    with pytest.raises(Unreadable, match="expands to more than"):
        load(saved(prices()))


def test_tables_side_by_side_are_two_tables() -> None:
    book = Workbook()
    for row in (
        ["Kota", "Ongkir", None, "Produk", "Harga"],
        ["Bandung", 15000, None, "Kopi", 25000],
        ["Medan", 30000, None, "Teh", 18000],
    ):
        book.active.append(row)
    assert [one.text for one in split("a.xlsx", load(saved(book)))] == [
        "Kota: Bandung\nOngkir: 15000", "Kota: Medan\nOngkir: 30000", "Produk: Kopi\nHarga: 25000", "Produk: Teh\nHarga: 18000",
    ]  # fmt: skip


def test_a_sheet_with_one_row_is_read() -> None:
    book = Workbook()
    book.active.append(["Kami tutup tanggal 1 sampai 5 Januari"])
    assert split("a.xlsx", load(saved(book)))[0].text == "Kami tutup tanggal 1 sampai 5 Januari"


def _with_part(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The same package with a text of one part replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == part:
                assert old in content
                content = content.replace(old, new)
            target.writestr(name, content)
    return out.getvalue()


def test_text_boxes_of_a_sheet_are_read_and_charts_named() -> None:
    drawing = (
        '<d xmlns:a="x"><sp><a:txBody><a:p><a:r><a:t>Gratis ongkir </a:t></a:r><a:r><a:t>di atas 5 juta</a:t></a:r></a:p><a:p/>'
        "</a:txBody></sp><graphicFrame/></d>"
    )
    relations = '<R><Relationship Id="a" Type="x/drawing" Target="/d.xml"/></R>'
    with zipfile.ZipFile(io.BytesIO(saved(prices()))) as source:
        parts = {name: source.read(name).decode() for name in source.namelist()}
    loaded = load(package(parts | {"d.xml": drawing, "xl/worksheets/_rels/sheet1.xml.rels": relations}))
    assert "\nGratis ongkir di atas 5 juta\n" in loaded.text
    assert "charts" in (loaded.problem or "")


def test_struck_out_and_white_cells_are_gone_and_white_ones_are_said() -> None:
    book = Workbook()
    for row in (["Menu", "Harga"], ["Soto", "Rp22.000", "modal 9"], ["Rawon", "Rp32.000"]):
        book.active.append(row)
    sheet = book.active
    sheet["A1"].font = sheet["C2"].font = Font(color="FFFFFFFF")
    sheet["A1"].fill = PatternFill("solid", fgColor="FF0000AA")
    sheet["B3"].font = Font(strike=True)
    loaded = load(saved(book))
    assert [block.shown for block in loaded.blocks] == ["Menu: Soto\nHarga: Rp22.000", "Menu: Rawon"]
    assert loaded.problem == "left out: white text in C2"
