"""A table is understood by its shape, whatever wrote it: a value stands under its own label, or under none."""

import io
from dataclasses import dataclass

import pytest
from docx import Document
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from knowledge.documents.cells import classify
from knowledge.documents.loading import load
from knowledge.documents.splitter import split
from knowledge.documents.tables import MAX_CELLS, Cell, grid, inline, labelled, plain, read_table
from knowledge.errors import Unreadable
from tests.knowledge.samples import grid as ruled
from tests.knowledge.samples import pdf


def rows_of(*rows: list[str]) -> list[str]:
    return [labelled(line.labels, line.cells).replace("\n", "; ") for line in read_table(plain(rows)).lines]


@dataclass(frozen=True)
class Merged:
    """A rectangle of a generated table that is one cell."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Drawn:
    """A generated table: a header, and a body of distinct values with merged rectangles in it."""

    width: int
    height: int
    merged: tuple[Merged, ...]
    group: int  # how many columns a second header line groups from the second column on; 0: one line

    def value(self, row: int, column: int) -> str:
        for one in self.merged:
            if one.row <= row < one.row + one.rows and one.column <= column < one.column + one.columns:
                return f"Rp{one.row * 100 + one.column + 11}.000"
        return f"Rp{row * 100 + column + 11}.000"

    def origin(self, row: int, column: int) -> Merged | None:
        for one in self.merged:
            if one.row <= row < one.row + one.rows and one.column <= column < one.column + one.columns:
                return one
        return Merged(row, column, 1, 1)

    def label(self, column: int) -> str:
        name = f"Paket {'ABCDEFGH'[column]}" if column else "Kota"
        return f"Ongkir {name}" if 0 < column <= self.group else name

    def lines(self) -> list[list[Cell]]:
        """The cells of every line, header first, as HTML writes them."""
        names = [f"Paket {'ABCDEFGH'[column]}" if column else "Kota" for column in range(self.width)]
        if self.group:
            rest = range(1 + self.group, self.width)
            head = [
                [Cell("Kota", rows=2), Cell("Ongkir", columns=self.group), *(Cell(names[at], rows=2) for at in rest)],
                [Cell(names[at]) for at in range(1, 1 + self.group)],
            ]
        else:
            head = [[Cell(name) for name in names]]
        body = []
        for row in range(self.height):
            cells = [Cell(f"Kota {'klmnopqrst'[row]}")]
            for column in range(1, self.width):
                one = self.origin(row, column)
                if one and (one.row, one.column) == (row, column):
                    cells.append(Cell(self.value(row, column), one.columns, one.rows))
            body.append(cells)
        return [*head, *body]


@st.composite
def tables(draw: st.DrawFn) -> Drawn:
    width, height = draw(st.integers(3, 6)), draw(st.integers(3, 7))
    taken: set[tuple[int, int]] = set()
    merged = []
    for _ in range(draw(st.integers(0, 4))):
        row, column = draw(st.integers(0, height - 1)), draw(st.integers(1, width - 1))
        one = Merged(row, column, draw(st.integers(1, height - row)), draw(st.integers(1, width - column)))
        places = {(row + down, column + right) for down in range(one.rows) for right in range(one.columns)}
        if not places & taken:
            taken |= places
            merged.append(one)
    group = draw(st.sampled_from([0, 2]))
    return Drawn(width, height, tuple(merged), group)


def html(table: Drawn) -> bytes:
    lines = "".join(
        "<tr>" + "".join(f"<td rowspan={c.rows} colspan={c.columns}>{c.text}</td>" for c in cells) + "</tr>"
        for cells in table.lines()
    )
    return f"<html><body><p>Ongkos kirim kami.</p><table>{lines}</table></body></html>".encode()


def placed(table: Drawn) -> list[tuple[int, int, Cell]]:
    """Where each cell begins, for formats that name places."""
    slots = grid(table.lines())
    return [
        (row, column, Cell(slot.text, slot.width, slot.height))
        for row, line in enumerate(slots)
        for column, slot in enumerate(line)
        if (slot.row, slot.column) == (row, column)
    ]


def xlsx(table: Drawn) -> bytes:
    book = Workbook()
    sheet = book.active
    for row, column, cell in placed(table):
        sheet.cell(row + 1, column + 1, cell.text)
        if cell.rows > 1 or cell.columns > 1:
            sheet.merge_cells(None, row + 1, column + 1, row + cell.rows, column + cell.columns)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def docx(table: Drawn) -> bytes:
    document = Document()
    slots = grid(table.lines())
    made = document.add_table(len(slots), table.width)
    for row, column, cell in placed(table):
        first = made.cell(row, column)
        first.text = cell.text
        if cell.rows > 1 or cell.columns > 1:
            first.merge(made.cell(row + cell.rows - 1, column + cell.columns - 1))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@settings(max_examples=40, deadline=None)
@given(tables())
@pytest.mark.parametrize(("name", "write"), [("a.html", html), ("a.xlsx", xlsx), ("a.docx", docx)])
def test_every_value_of_a_table_with_spans_keeps_its_label(name: str, write: object, table: Drawn) -> None:
    loaded = load(name, write(table))  # type: ignore[operator]
    shown = [block.shown or "" for block in loaded.blocks if block.kind in ("row", "entry")]
    assert len(shown) == table.height
    for row, text in enumerate(shown):
        expected = {f"Kota: Kota {'klmnopqrst'[row]}"}
        expected |= {f"{table.label(column)}: {table.value(row, column)}" for column in range(1, table.width)}
        assert set(text.split("\n")) == expected


@settings(max_examples=100, deadline=None)
@given(tables(), st.data())
def test_a_table_that_goes_on_without_a_header_never_gets_wrong_labels(table: Drawn, data: st.DataObject) -> None:
    lines = table.lines()
    header = 2 if table.group else 1
    first = read_table(grid(lines[: header + 1]))
    body = grid(lines[header + 1 :])
    for before in (first, None):
        for line in read_table(body, before).lines:
            assert line.labels in ((), first.labels)


def test_a_title_and_empty_rows_stand_over_the_header() -> None:
    rows = [
        ["DAFTAR HARGA", "", ""],
        ["", "", ""],
        ["Produk", "Harga", "Stok"],
        ["Kopi", "25000", "3"],
        ["Teh", "18000", "2"],
    ]
    table = read_table(plain(rows))
    assert [line.path for line in table.lines] == [("DAFTAR HARGA",)] * 2
    assert rows_of(*rows) == ["Produk: Kopi; Harga: 25000; Stok: 3", "Produk: Teh; Harga: 18000; Stok: 2"]


def test_sections_stand_above_their_rows_and_no_others() -> None:
    rows = [
        [Cell("Menu"), Cell("Harga")],
        [Cell("Minuman", columns=2)],
        [Cell("Kopi"), Cell("25000")],
        [Cell("Makanan", columns=2)],
        [Cell("Roti"), Cell("12000")],
        [Cell("Harga belum termasuk pajak.", columns=2)],
    ]
    lines = read_table(grid(rows)).lines
    assert [(line.path, line.cells[0]) for line in lines if not line.is_note] == [
        (("Minuman",), "Kopi"),
        (("Makanan",), "Roti"),
    ]
    assert [line.cells for line in lines if line.is_note] == [("Harga belum termasuk pajak.",)]


@pytest.mark.parametrize(
    "rows",
    [
        [["Bandung", "15000"], ["Medan", "30000"], ["Aceh", "Gratis"]],
        [["Senin", "Tutup"], ["Selasa", "08.00-17.00"], ["Rabu", "08.00-17.00"]],
        [["Alamat", "Jl. Melati 5"], ["Telepon", "0812345678"], ["Jam buka", "08.00-17.00"]],
        [["Gula", "1 kg"], ["Garam", "500 g"], ["Kopi", "250 g"]],
        [["Kopi"], ["Teh"], ["Roti"]],
    ],
)
def test_a_table_without_a_header_has_no_labels(rows: list[list[str]]) -> None:
    lines = read_table(plain(rows)).lines
    assert [list(line.cells) for line in lines] == rows
    assert not any(line.labels for line in lines)


def test_of_two_cells_without_labels_the_first_names_the_second() -> None:
    assert rows_of(["Alamat", "Jl. Melati 5"], ["Telepon:", "0812345678"], ["Jam buka", "08.00-17.00"]) == [
        "Alamat: Jl. Melati 5",
        "Telepon: 0812345678",
        "Jam buka: 08.00-17.00",
    ]


def test_a_form_over_a_table_is_a_form() -> None:
    rows = [
        ["Nama Toko", "Berkah", "", ""],
        ["WhatsApp", "0812-9988", "", ""],
        ["Email", "cs@berkah.example", "", ""],
        [""] * 4,
    ]
    rows += [
        ["Cabang", "Alamat", "Buka", "Tutup"],
        ["Depok", "Jl. Margonda 12", "09.00", "21.00"],
        ["Bogor", "Jl. Raya 8", "10.00", "22.00"],
    ]
    assert rows_of(*rows) == [
        "Nama Toko: Berkah",
        "WhatsApp: 0812-9988",
        "Email: cs@berkah.example",
        "Cabang: Depok; Alamat: Jl. Margonda 12; Buka: 09.00; Tutup: 21.00",
        "Cabang: Bogor; Alamat: Jl. Raya 8; Buka: 10.00; Tutup: 22.00",
    ]


def test_a_section_with_a_header_of_its_own_has_its_own_labels_and_title() -> None:
    rows = [
        ["KILOAN", "", ""],
        ["Layanan", "Harga/kg", "Selesai"],
        ["Cuci", "6000", "2 hari"],
        ["Setrika", "5000", "1 hari"],
        [""] * 3,
    ]
    rows += [["SATUAN", "", ""], ["Barang", "Cuci", "Dry Clean"], ["Jas", "25000", "45000"], ["Gaun", "30000", "60000"]]
    lines = read_table(plain(rows)).lines
    assert [(line.path, labelled(line.labels, line.cells).replace("\n", "; ")) for line in lines][2:] == [
        (("SATUAN",), "Barang: Jas; Cuci: 25000; Dry Clean: 45000"),
        (("SATUAN",), "Barang: Gaun; Cuci: 30000; Dry Clean: 60000"),
    ]


def test_a_part_with_other_values_has_not_the_labels_of_the_part_before() -> None:
    rows = [["Layanan", "Harga"], ["Scaling", "120.000"], ["Cabut", "80.000"], ["", ""], ["Jam buka", ""]]
    rows += [["Senin-Jumat", "09.00-18.00"], ["Minggu", "Tutup"], ["", ""], ["Anak", ""], ["Fluoride", "150.000"]]
    assert rows_of(*rows) == [
        "Layanan: Scaling; Harga: 120.000",
        "Layanan: Cabut; Harga: 80.000",
        "Senin-Jumat; 09.00-18.00",
        "Minggu; Tutup",
        "Fluoride: 150.000",
    ]


def test_labels_that_come_again_begin_another_row() -> None:
    assert rows_of(
        ["Menu", "Harga", "Menu", "Harga"], ["Soto", "15000", "Es Teh", "4000"], ["Rawon", "22000", "", ""]
    ) == [
        "Menu: Soto; Harga: 15000",
        "Menu: Es Teh; Harga: 4000",
        "Menu: Rawon; Harga: 22000",
    ]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (["Kota", "2024", "2025"], ["Bandung", "15000", "16000"]),
        (["Paket", "2 jam", "4 jam"], ["A", "50000", "90000"]),
        (["Mobil", "12 Jam", "24 Jam", "DP"], ["Avanza", "250000", "350000", "30%"]),
        (["Model", "Harga", "36", "37", "38"], ["Runner", "450000", "3", "0", "5"]),
        (["Kota", "REG", "YES"], ["Solo", "15.000", "26.000"]),
        (["Hari", "Buka", "Tutup"], ["Senin", "08.00", "17.00"]),
        (["Menu", "Senin", "Selasa"], ["Pagi", "Soto", "Rawon"]),
        (["Kota", "Kurir"], ["Bandung", "JNE"]),
        (["Kertas", "1-99", "100-499", "500+"], ["HVS", "450", "375", "290"]),
        (["Jarak", "< 3 km", "3-7 km", "> 7 km"], ["Motor", "5.000", "9.000", "15.000"]),
    ],
)
def test_a_header_of_years_measures_days_and_words_is_one(header: list[str], row: list[str]) -> None:
    [shown] = rows_of(header, row)
    assert shown == "; ".join(f"{name}: {value}" for name, value in zip(header, row, strict=True))


def test_a_group_header_that_lost_its_spans_is_joined() -> None:
    rows = [
        ["", "Hari kerja", "", "Akhir pekan", ""],
        ["Paket", "2 jam", "4 jam", "2 jam", "4 jam"],
        ["A", "50", "80", "70", "100"],
        ["B", "60", "90", "80", "120"],
    ]
    assert rows_of(*rows)[0] == (
        "Paket: A; Hari kerja 2 jam: 50; Hari kerja 4 jam: 80; Akhir pekan 2 jam: 70; Akhir pekan 4 jam: 100"
    )


def test_a_new_table_right_after_another_has_its_own_header_or_none() -> None:
    before = read_table(plain([["Kota", "Ongkir"], ["Bandung", "15000"]]))
    own = read_table(plain([["Produk", "Harga"], ["Kopi", "25000"]]), before)
    assert own.labels == ("Produk", "Harga")
    unsure = read_table(plain([["Cikini", "Menteng"], ["Kopi", "25000"]]), before)
    assert all(line.labels == () for line in unsure.lines)
    other_width = read_table(plain([["1", "2", "3"], ["4", "5", "6"]]), before)
    assert all(line.labels == () for line in other_width.lines)


@pytest.mark.parametrize(
    "head",
    [["Minuman", "Panas", "Dingin"], ["Minuman", "Harga", ""], ["Kurir", "Tarif", ""]],
    ids=["a column more", "a name again", "words of headers"],
)
def test_a_header_among_the_rows_begins_another_table(head: list[str]) -> None:
    rows = [["Makanan", "Harga", ""], ["Rawon", "32.500", ""], ["Soto", "tanya admin", ""], ["Sate", "27.000", ""]]
    below = [["A", "6.500", "8.250" if head[2] else ""], ["B", "9.500", "11.750" if head[2] else ""]]
    shown = rows_of(*rows, head, *below)
    assert shown[:3] == [
        "Makanan: Rawon; Harga: 32.500",
        "Makanan: Soto; Harga: tanya admin",
        "Makanan: Sate; Harga: 27.000",
    ]
    assert shown[3:] == [
        "; ".join(f"{name}: {value}" for name, value in zip(head, row, strict=True) if value) for row in below
    ]


def test_a_few_values_under_an_empty_row_have_not_the_labels_of_the_table_above() -> None:
    rows = [["Kelas", "Senin", "Rabu", "Harga"], ["Hatha", "07.00", "18.30", "88000"], ["Yin", "20.00", "-", "78000"]]
    assert rows_of(*rows, [""] * 4, ["Parkir motor", "2500", "", ""])[-1] == "Parkir motor: 2500"
    one = [["Kelas", "Senin"], ["Hatha", "07.00"], ["", ""], ["Diskon", "15%"]]
    assert rows_of(*one)[-1] == "Diskon: 15%"


def test_a_measure_beside_a_word_over_values_is_a_label() -> None:
    assert rows_of(["Barang", "1 jam", "Seharian"], ["Ban", "11.000", "33.500"], ["Gazebo", "61.000", "163.000"])[
        0
    ] == ("Barang: Ban; 1 jam: 11.000; Seharian: 33.500")


@pytest.mark.parametrize("sign", ["|", "│"])
def test_a_table_that_is_drawn_with_signs_is_one(sign: str) -> None:
    rule = "+-----+-----+\n" if sign == "|" else "├─────┼─────┤\n"
    rows = [["Kertas", "Warna"], ["A4", "1.150"], ["F4", "1.350"]]
    text = rule.join(["", *(f"{sign} {one:6} {sign} {other:6} {sign}\n" for one, other in rows), ""])
    [passage] = split("a.txt", load("a.txt", text.encode()))
    assert passage.text.split("\n")[1:] == ["Kertas: A4; Warna: 1.150", "Kertas: F4; Warna: 1.350"]


def test_ranges_over_ranges_are_a_row() -> None:
    rows = [["Kebaya", "10-15", "20-25"], ["Jas", "12-15", "22-25"], ["Gaun", "12-14", "21-25"]]
    assert rows_of(*rows)[0] == "Kebaya; 10-15; 20-25"


def test_a_repeated_header_is_no_row() -> None:
    rows = [["Kota", "Ongkir"], ["Bandung", "15000"], ["Kota", "Ongkir"], ["Medan", "30000"]]
    assert rows_of(*rows) == ["Kota: Bandung; Ongkir: 15000", "Kota: Medan; Ongkir: 30000"]


def test_a_pdf_table_goes_on_after_the_page_with_running_titles_between() -> None:
    first = ruled([["Kota", "Ongkir"], ["Bandung", "15000"], ["Medan", "30000"]])
    second = ruled([["Aceh", "Gratis"], ["Padang", "35000"]], top=700)
    pages = []
    for number, content in enumerate((first, second), start=1):
        pages.append(
            content + b"BT /F1 9 Tf 50 780 Td (Toko Senja) Tj ET\nBT /F1 9 Tf 300 20 Td (Halaman %d) Tj ET\n" % number
        )
    rows = [block.shown for block in load("a.pdf", pdf(*pages)).blocks if block.kind == "row"]
    assert rows[2:] == ["Kota: Aceh\nOngkir: Gratis", "Kota: Padang\nOngkir: 35000"]


def test_a_table_beyond_bounds_is_refused_before_it_is_built() -> None:
    with pytest.raises(Unreadable, match="more than"):
        grid([[Cell("x", columns=1_000, rows=1_000)] * 2] * 1_000)
    with pytest.raises(Unreadable, match=f"{MAX_CELLS:,}"):
        grid([[Cell("x", columns=1_000)] for _ in range(1_000)])


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([["Termasuk", "Tidak termasuk"], ["Tenda, jeep", "Porter"]], "Termasuk: Tenda, jeep, Tidak termasuk: Porter"),
        ([["Ada", "Tidak ada"], ["Wifi", "Dapur"]], "Ada: Wifi, Tidak ada: Dapur"),
        ([["Luas", "Kasur"], ["42 m2", "King"]], "Luas: 42 m2, Kasur: King"),
        ([["Dewasa", "50.000", "Anak", "30.000"]], "Dewasa: 50.000, Anak: 30.000"),
        ([["Warna", "Hitam"], ["Bahan", "Katun"]], "Warna: Hitam; Bahan: Katun"),
        ([["Nama", "Klinik", "Telepon", "022-1"], ["Alamat", "Riau", "Jam", "9"]], "Nama: Klinik, Telepon: 022-1; Alamat: Riau, Jam: 9"),
        ([["Lilin", "Cokelat", "Kartu"]], "Lilin, Cokelat, Kartu"),
        ([["Paket A", "Paket B"], ["Rina", "Tono"]], "Paket A: Rina, Paket B: Tono"),
    ],
)  # fmt: skip
def test_a_table_in_a_cell_has_its_labels(rows: list[list[str]], line: str) -> None:
    assert inline(plain(rows)) == line


_NAMES = st.lists(
    st.sampled_from("Tenda Kompor Matras Lampu Jaket Carrier".split()), min_size=3, max_size=6, unique=True
)
_HEADS = st.lists(st.sampled_from("Harian Mingguan Bulanan Anggota Umum".split()), min_size=1, max_size=4, unique=True)


@given(names=_NAMES, heads=_HEADS, gap=st.integers(2, 6), right=st.booleans(), tabs=st.booleans())
@example(names=["Tenda", "Kompor", "Matras"], heads=["Umum"], gap=2, right=False, tabs=False)
def test_columns_set_apart_by_blanks_keep_their_labels(
    names: list[str], heads: list[str], gap: int, right: bool, tabs: bool
) -> None:
    prices = [[f"{10 * (row + 1) + column}.500" for column in range(len(heads))] for row in range(len(names))]
    rows = [["Barang", *heads], *([name, *line] for name, line in zip(names, prices, strict=True))]
    widths = [max(len(row[column]) for row in rows) + gap for column in range(len(heads) + 1)]
    lines = [
        "\t".join(row)
        if tabs
        else "".join(
            cell.rjust(width) if right and at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    loaded = load("a.txt", ("SEWA ALAT\n\n" + "\n".join(lines) + "\n\nBuka tiap hari.\n").encode())
    shown = [block.shown for block in loaded.blocks if block.kind == "row"]
    assert shown == [
        "\n".join([f"Barang: {name}", *(f"{head}: {price}" for head, price in zip(heads, line, strict=True))])
        for name, line in zip(names, prices, strict=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Kami buka  tiap hari.\nSilakan datang  ke toko.\nTerima kasih  ya.",
        "- satu\n- dua\n- tiga",
        "Jl. Melati 5\nBandung 40115\nTelp. 022-123",
    ],
)
def test_prose_is_no_table(text: str) -> None:
    assert [block.kind for block in load("a.txt", text.encode()).blocks] == ["paragraph"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Rp 25.000,-", "number"), ("25rb", "number"), ("+62 812-3456-7801", "number"), ("7,5%", "percent"), ("08.00-17.00", "time"),
        ("1 Des 2026", "date"), ("2026-12-01", "date"), ("2025", "year"), ("15 menit", "measure"), ("Senin - Jumat", "weekday"),
        ("Desember", "month"), ("Gratis", "status"), ("Jl. Melati 5", "text"), ("SKU-01", "text"), ("", ""),
    ],
)  # fmt: skip
def test_what_kind_of_value_a_cell_holds(text: str, kind: str) -> None:
    assert classify(text) == kind
