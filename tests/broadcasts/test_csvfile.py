from pathlib import Path

import pytest

from agent.broadcasts.audience import read_csv
from agent.errors import InputError


def rows(tmp_path: Path, text: str | bytes) -> list[tuple[int, str]]:
    file = tmp_path / "a.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(row.line, row.address) for row in read_csv(file, "ID").rows]


def bad(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    file = tmp_path / "a.csv"
    file.write_text(text)
    return [(each.line, each.reason) for each in read_csv(file, "ID").bad]


@pytest.mark.parametrize(
    "written",
    [
        "+6281234567801",
        "0812-3456-7801",
        "0812 3456 7801",
        "81234567801",
        "6281234567801",
        "'081234567801",
        "+62 (812) 3456.7801",
    ],
)
def test_a_number_is_understood_as_people_and_spreadsheets_write_it(tmp_path: Path, written: str) -> None:
    assert rows(tmp_path, f"phone\n{written}\n") == [(2, "phone:+6281234567801")]


@pytest.mark.parametrize(("delimiter"), [",", ";", "\t"])
def test_any_usual_delimiter_will_do(tmp_path: Path, delimiter: str) -> None:
    text = f'Nama{delimiter}No_HP\n"Sari, Ibu"{delimiter}081234567801\n'
    assert rows(tmp_path, text) == [(2, "phone:+6281234567801")]


def test_byte_order_mark_blank_lines_and_cells_over_several_lines_keep_the_count(tmp_path: Path) -> None:
    text = '\ufeffphone,note\r\n081234567801,"dua\u2028\r\nbaris"\r\n\r\n081234567802,x\r\n'
    assert rows(tmp_path, text) == [(2, "phone:+6281234567801"), (5, "phone:+6281234567802")]


def test_an_id_counts_before_a_phone_and_a_phone_before_an_email(tmp_path: Path) -> None:
    text = "email,phone,id\na@b.co,081234567801,17\nA@B.co,081234567801,\nA@b.co,,\n"
    assert rows(tmp_path, text) == [(2, "id:17"), (3, "phone:+6281234567801"), (4, "email:a@b.co")]


def test_lines_that_name_nobody_new_are_told_with_their_number(tmp_path: Path) -> None:
    text = "phone,email\n0812,\n081234567801,\nhalo,\n,bukan surel\n,\n+6281234567801,x@y.zz\n8.1E+11,\n+6299912345678901,\n"
    assert bad(tmp_path, text) == [
        (2, "'0812' is no phone number of ID: it is too short"),
        (4, "'halo' is no phone number"),
        (5, "'bukan surel' is not an e-mail address"),
        (7, "+6281234567801 is on line 3 already"),
        (8, "'8.1E+11' was rounded by a spreadsheet; make the column text there and write it again"),
        (9, "'+6299912345678901' is no phone number of ID: it is in no assigned range"),
    ]


def test_a_line_that_is_not_empty_and_names_nobody_is_bad(tmp_path: Path) -> None:
    assert bad(tmp_path, "phone,name\n,Sari\n") == [(2, "no phone number, e-mail address or id")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "a.csv is empty"),
        (b"nama,kota\nSari,Bandung\n", "a.csv:1: no column phone, email or id; the header has nama, kota"),
        (b"phone,phone\n1,2\n", "a.csv:1: the column 'phone' is there twice"),
        (b'phone\n"0812\n', "a.csv:2: unexpected end of data"),
        ("phone\né".encode("latin-1"), "a.csv is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_of_one_line(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_csv(file, "ID")
    assert message in str(caught.value)
