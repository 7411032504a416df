"""OpenDocument files are read as LibreOffice shows them; what is hidden is said."""

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitter import split
from knowledge.errors import Unreadable
from tests.knowledge.samples import package

SPACES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for short, name in [
        ("office", "office"),
        ("style", "style"),
        ("table", "table"),
        ("text", "text"),
        ("draw", "drawing"),
        ("fo", "xsl-fo-compatible"),
    ]
)


def odf(kind: str, body: str, styles: str = "", **parts: str) -> bytes:
    return package(
        {
            "content.xml": f"<office:document-content {SPACES}><office:automatic-styles>{styles}</office:automatic-styles>"
            f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
            **parts,
        }
    )


def cell(text: str, more: str = "") -> str:
    return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


def texts(name: str, data: bytes) -> list[str]:
    return [passage.text for passage in split(name, load(name, data))]


def test_spans_of_a_sheet_give_each_price_its_own_label() -> None:
    head = row(cell("Produk", 'table:number-rows-spanned="2"'), cell("Harga", 'table:number-columns-spanned="2"'))
    head += row("<table:covered-table-cell/>", cell("Ecer"), cell("Grosir"))
    rows = row(cell("Gula"), cell("Rp28.000", 'office:value="28000"'), cell("Rp24.500")) + row(
        cell("Madu"),
        "<table:table-cell/>",
        cell("Rp90.000"),
        '<table:table-cell table:number-columns-repeated="16381"/>',
    )
    empty = row(
        '<table:table-cell table:number-columns-repeated="16384"/>', more='table:number-rows-repeated="1048570"'
    )
    data = odf("spreadsheet", f'<table:table table:name="H">{head}{rows}{empty}</table:table>')
    assert texts("h.ods", data) == [
        "Produk: Gula\nHarga Ecer: Rp28.000\nHarga Grosir: Rp24.500",
        "Produk: Madu\nHarga Grosir: Rp90.000",
    ]


def test_hidden_sheets_rows_columns_and_formulas_without_a_value_are_said_and_not_read() -> None:
    columns = '<table:table-column/><table:table-column table:visibility="collapse"/><table:table-column/>'
    rows = row(cell("Produk"), cell("Modal"), cell("Harga")) + row(cell("Teh"), cell("1.000"), cell("5.000"))
    rows += row(cell("Rahasia"), cell("2.000"), cell("9.000"), more='table:visibility="collapse"')
    rows += row(cell("Kopi"), cell("3.000"), '<table:table-cell table:formula="of:=1+1"/>')
    style = '<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>'
    hidden = f'<table:table table:name="Modal" table:style-name="ta2">{row(cell("Untung"), cell("60%"))}</table:table>'
    loaded = load(
        "a.ods", odf("spreadsheet", f'<table:table table:name="A">{columns}{rows}</table:table>{hidden}', style)
    )
    assert [block.shown for block in loaded.blocks if block.kind == "entry"] == [
        "Produk: Teh\nHarga: 5.000",
        "Produk: Kopi",
    ]
    assert not any(word in loaded.text for word in ("Rahasia", "1.000", "Untung"))
    for said in (
        "hidden sheet Modal",
        "hidden rows of the sheet A",
        "hidden columns of the sheet A",
        "formulas without",
    ):
        assert said in (loaded.problem or "")


def test_text_boxes_of_a_sheet_are_read() -> None:
    box = "<draw:frame><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    rows = row(cell("Studio"), cell("Tarif")) + row(cell("A"), cell("100rb" + box.format("Minimal 2 jam")))
    loaded = load("a.ods", sheet(f"<table:shapes>{box.format('Tutup Minggu')}</table:shapes>", rows))
    shown = "\n".join(passage.text for passage in split("a.ods", loaded))
    assert all(fact in shown for fact in ("Tarif: 100rb", "Minimal 2 jam", "Tutup Minggu"))


def test_struck_out_and_white_text_is_gone_and_what_is_hidden_is_said() -> None:
    looks = {
        "S": 'style:text-line-through-style="solid"',
        "W": 'fo:color="#FFFFFF"',
        "D": 'fo:color="#ffffff" fo:background-color="#222222"',
    }
    styles = "".join(
        f'<style:style style:name="{name}" style:family="text"><style:text-properties {look}/></style:style>'
        for name, look in looks.items()
    )
    spans = "".join(f'<text:span text:style-name="{name}"> {name}.000</text:span>' for name in looks)
    loaded = load("a.odt", odf("text", f"<text:p>Tas{spans} Rp5.000</text:p>", styles))
    assert loaded.text.split() == ["Tas", "D.000", "Rp5.000"]
    assert loaded.problem == "left out: hidden text"


def test_a_text_keeps_headings_lists_notes_boxes_tables_and_margins() -> None:
    body = (
        '<text:h text:outline-level="1">Sewa</text:h><text:p>Deposit Rp300.000<text:note><text:note-body><text:p>tunai'
        "</text:p></text:note-body></text:note><text:s/>ya.</text:p><text:tracked-changes><text:p>dihapus</text:p>"
        "</text:tracked-changes><text:list><text:list-item><text:p>KTP asli</text:p></text:list-item></text:list>"
        "<text:p><draw:frame><draw:text-box><text:p>Buka 08.00</text:p></draw:text-box></draw:frame></text:p>"
        "<draw:frame><draw:text-box><text:p>Libur Minggu</text:p></draw:text-box></draw:frame>"
        "<text:table-of-content><text:index-body><text:p>Isi 1</text:p></text:index-body></text:table-of-content>"
        "<text:p>Harga<office:annotation><text:p>cek lagi</text:p></office:annotation></text:p>"
        '<text:section text:display="none"><text:p>rahasia</text:p></text:section>'
        f"<table:table><table:table-header-rows>{row(cell('Alat'), cell('Harian'))}</table:table-header-rows>"
        f"{row(cell('Bor'), cell('60.000'))}</table:table>"
    )
    styles = f"<office:document-styles {SPACES}><style:footer><text:p>WA 0812-7000</text:p></style:footer></office:document-styles>"
    loaded = load("s.odt", odf("text", body, **{"styles.xml": styles}))
    shown = "\n".join(passage.text for passage in split("s.odt", loaded))
    for fact in (
        "Deposit Rp300.000 (tunai) ya.",
        "KTP asli",
        "Buka 08.00",
        "Libur Minggu",
        "Alat: Bor; Harian: 60.000",
        "WA 0812-7000",
    ):
        assert fact in shown
    assert not any(word in loaded.text for word in ("dihapus", "cek lagi", "rahasia", "Isi 1"))
    assert loaded.problem == "left out: comments; a hidden section"


def sheet(*rows: str) -> bytes:
    return odf("spreadsheet", f"<table:table>{''.join(rows)}</table:table>")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.odt", odf("text", "", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"}), "password"),
        ("a.ods", sheet(row(cell("x", 'table:number-columns-repeated="99999999"'))), "cells"),
        ("a.ods", sheet(row(cell("x"), cell("y"), more='table:number-rows-repeated="9999999"')), "cells"),
        ("a.ods", package({"content.xml": "<a/>"}), "no body"),
        ("a.odt", package({"content.xml": '<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;'}), "not a readable"),
        ("a.odt", b"PK\x03\x04 kaputt", "not a readable"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(name: str, data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load(name, data)
