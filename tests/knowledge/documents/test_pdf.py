"""Tables of a PDF are read by where their cells stand, with lines around them or without."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knowledge.documents.pdf import load
from knowledge.documents.splitter import split
from tests.knowledge.samples import grid, line, pdf

PRICES = [["Menu", "Panas", "Dingin"], ["Kopi susu", "18.000", "20.000"], ["Teh tarik", "15.000", "17.000"]]


def drawn(rows: list[list[str]], columns: list[int], by_column: bool) -> bytes:
    """The cells of a table without lines, written row by row or column by column."""
    places = [(r, c) for r, row in enumerate(rows) for c, text in enumerate(row) if text]
    if by_column:
        places.sort(key=lambda place: (place[1], place[0]))
    return b"".join(line(rows[r][c], columns[c], 700 - 18 * r) for r, c in places)


def texts(*pages: bytes) -> list[str]:
    return [text for one in split("a.pdf", load(pdf(*pages))) for text in one.text.split("\n")]


@pytest.mark.parametrize("by_column", [False, True])
def test_a_table_without_lines_has_labels(by_column: bool) -> None:
    head = line("Harga berlaku sampai 31 Desember", y=760)
    assert texts(head + drawn(PRICES, [50, 250, 400], by_column)) == [
        "Harga berlaku sampai 31 Desember",
        "Menu: Kopi susu; Panas: 18.000; Dingin: 20.000",
        "Menu: Teh tarik; Panas: 15.000; Dingin: 17.000",
    ]


def test_tables_without_lines_under_each_other_keep_their_own_columns() -> None:
    food = drawn([["Makanan", "Harga"], ["Rawon", "32.500"], ["Soto", "27.500"]], [90, 330], False)
    drinks = [["Minuman", "Panas", "Dingin"], ["Teh", "6.500", "8.250"], ["Jahe", "9.500", "11.750"]]
    below = b"".join(
        line(text, x, 620 - 18 * r) for r, row in enumerate(drinks) for x, text in zip((50, 250, 330), row, strict=True)
    )
    assert texts(food + below) == [
        "Makanan: Rawon; Harga: 32.500",
        "Makanan: Soto; Harga: 27.500",
        "Minuman: Teh; Panas: 6.500; Dingin: 8.250",
        "Minuman: Jahe; Panas: 9.500; Dingin: 11.750",
    ]


def test_a_form_under_a_remark_does_not_take_the_labels_of_the_table_before() -> None:
    form = line("Harga belum termasuk pajak.", y=628) + b"".join(
        line(name, 50, 610 - 18 * r) + line(value, 250, 610 - 18 * r)
        for r, (name, value) in enumerate(
            [("Rekening", "PT Bahari"), ("Bank", "777123"), ("NPWP", "09.111"), ("Kontak", "Bu Tini")]
        )
    )
    assert texts(drawn(PRICES, [50, 250, 400], False) + form)[:2] == [
        "Menu: Kopi susu; Panas: 18.000; Dingin: 20.000",
        "Menu: Teh tarik; Panas: 15.000; Dingin: 17.000",
    ]


def test_cells_close_to_each_other_are_parted_where_other_rows_show_columns() -> None:
    rows = [["Durasi", "Weekday", "Weekend"], ["1 jam", "41000", "51000"], ["3 jam", "101000", "131000"]]
    written = b"".join(
        line(text, x, 700 - 18 * r) for r, row in enumerate(rows) for x, text in zip((50, 150, 210), row, strict=True)
    )
    assert texts(written) == [
        "Durasi: 1 jam; Weekday: 41000; Weekend: 51000",
        "Durasi: 3 jam; Weekday: 101000; Weekend: 131000",
    ]


def test_a_head_of_known_words_over_one_row_is_a_table() -> None:
    assert texts(drawn([["Menu", "Porsi", "Harga"], ["Gudeg", "1", "24.750"]], [50, 235, 380], False)) == [
        "Menu: Gudeg; Porsi: 1; Harga: 24.750"
    ]


def test_a_cell_that_goes_on_in_the_next_line_stays_one_cell() -> None:
    rows = [
        [("Paket", 50, 700), ("Harga", 300, 700)],
        [("Hemat untuk", 50, 670), ("dua orang atau", 50, 658), ("tiga", 50, 646), ("50.000", 300, 670)],
        [("Keluarga", 50, 630), ("besar", 50, 618), ("90.000", 300, 630)],
        [("Sendiri", 50, 600), ("30.000", 300, 600)],
    ]
    written = [cell for row in rows for cell in row]
    assert texts(b"".join(line(*each) for each in written)) == [
        "Paket: Hemat untuk dua orang atau tiga; Harga: 50.000",
        "Paket: Keluarga besar; Harga: 90.000",
        "Paket: Sendiri; Harga: 30.000",
    ]


def test_numbers_that_found_no_room_are_named() -> None:
    loaded = load(pdf(grid([["Layanan", "Harga"], ["Smoothing", "###"]])))
    assert loaded.problem == "values that show as #### in too narrow columns (widen them and export again): pages 1"


UNSEEN = "left out: letters that a reader does not see (invisible, white or without size): pages 1"
MODAL = b"BT %s 50 660 Td (Modal 9) Tj ET 0 g\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (MODAL % b"3 Tr /F1 11 Tf", UNSEEN),
        (MODAL % b"1 1 1 rg /F1 11 Tf", UNSEEN),
        (MODAL % b"0 g /F1 0.3 Tf", UNSEEN),
        (MODAL % b"1 1 0.4 rg /F1 11 Tf", None),  # a colour that can be read, if badly
        (b"0 0 0.5 rg 40 650 300 30 re f " + MODAL % b"1 1 1 rg /F1 11 Tf", None),
        (b"1 1 1 rg 40 650 300 30 re f " + MODAL % b"1 1 1 rg /F1 11 Tf", UNSEEN),
        (b"q 300 0 0 30 40 650 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x80 EI Q " + MODAL % b"3 Tr /F1 11 Tf", None),  # OCR
    ],
)
def test_letters_that_no_reader_sees_are_left_out_and_said(written: bytes, said: str | None) -> None:
    loaded = load(pdf(line("Soto 22") + written))
    assert ("Modal 9" in loaded.text) == (said is None)
    assert "Soto 22" in loaded.text
    assert loaded.problem == said


def test_letters_that_no_reader_sees_are_in_no_cell() -> None:
    table = grid([["Menu", "Harga"], ["Soto", "22"], ["Rawon", "32"]])
    assert texts(table + b"1 1 1 rg BT /F1 8 Tf 130 566 Td (modal 9) Tj ET\n") == [
        "Menu: Soto; Harga: 22",
        "Menu: Rawon; Harga: 32",
    ]


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (
            b"/Subtype/Widget/FT/Tx/V(B 1234 XY)",
            "left out: what was written into forms and notes (print it to a PDF): pages 1",
        ),
        (
            b"/Subtype/FreeText/Contents(Tutup)",
            "left out: what was written into forms and notes (print it to a PDF): pages 1",
        ),
        (b"/Subtype/Widget/FT/Tx", None),
        (b"/Subtype/Link", None),
    ],
)
def test_what_was_written_over_a_page_is_named(annotation: bytes, said: str | None) -> None:
    over = b"/Annots[<</Type/Annot/Rect[0 0 99 99]%s>>]/Contents" % annotation
    assert load(pdf(line("Formulir parkir")).replace(b"/Contents", over)).problem == said


def test_lists_beside_each_other_are_no_table() -> None:
    rows = [["Kopi", "Roti"], ["Teh", "Donat"], ["Susu", "Kue"]]
    assert not any(":" in text for text in texts(drawn(rows, [50, 300], False)))


def test_a_turned_head_is_read_along_its_own_direction() -> None:
    heads = b"".join(
        b"BT /F1 9 Tf 0 1 -1 0 %d 610 Tm (%s) Tj ET\n" % (x, name)
        for x, name in ((270, b"Kilat"), (420, b"Kargo murah"))
    )
    ruled = b"".join(b"50 %d m 500 %d l S\n" % (y, y) for y in (680, 600, 580, 560))
    ruled += b"".join(b"%d 560 m %d 680 l S\n" % (x, x) for x in (50, 200, 350, 500))
    cells = line("Kota", 55, 610) + b"".join(
        line(text, x, y)
        for y, row in ((586, ("Bali", "40.000", "8.000")), (566, ("Solo", "20.000", "5.000")))
        for x, text in zip((55, 205, 355), row, strict=True)
    )
    assert texts(ruled + heads + cells) == [
        "Kota: Bali; Kilat: 40.000; Kargo murah: 8.000",
        "Kota: Solo; Kilat: 20.000; Kargo murah: 5.000",
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 4),
    st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=7),
    st.lists(st.integers(0, 40), min_size=4, max_size=4),
    st.booleans(),
)
@example(3, [[True, True, False, True], [True, True, True, True], [True, False, True, True]], [0, 30, 0, 0], True)
@example(3, [[False, False, True], [False, True, True], [False, True, True]], [0, 0, 0, 0], False)
def test_no_value_stands_under_the_label_of_another_column(
    width: int, filled: list[list[bool]], shifts: list[int], by_column: bool
) -> None:
    rows = [["Barang", "Eceran", "Grosir", "Agen"][:width]]
    for r, cells in enumerate(filled):
        rows.append([f"Jenis {'ABCDEFG'[r]}", *(f"{r + 1}{c}.500" if cells[c] else "" for c in range(1, width))])
    columns = [50 + 140 * c + (shifts[c] if c else 0) for c in range(width)]
    for text in texts(drawn(rows, columns, by_column)):
        for part in text.split("; "):
            label, found, value = part.partition(": ")
            if found and value.endswith(".500"):
                assert label == rows[0][int(value[1])] or label.startswith("Jenis")
