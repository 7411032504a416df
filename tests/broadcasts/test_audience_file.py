from pathlib import Path

import pytest

from agent.broadcasts.audience import read_csv
from agent.errors import InputError
from messaging.admission import LONGEST_NAME


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
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_of_one_line(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_csv(file, "ID")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nNama;No HP\nSari;081234567801\n", "\n\nPelanggan Desember\n\nPhone Number,Name\n081234567801,Sari\n",
        "Daftar,,\nNo,Nama,No. WA\n1,Sari,081234567801\n", "telp\n081234567801\n", "Nomor HP|x\n081234567801|y\n",
    ],
)  # fmt: skip
def test_the_header_is_found_under_titles_and_by_the_names_that_people_give(tmp_path: Path, text: str) -> None:
    assert [address for _, address in rows(tmp_path, text)] == ["phone:+6281234567801"]


def test_a_file_of_another_charset_is_read(tmp_path: Path) -> None:
    assert rows(tmp_path, "phone;nama\n081234567801;José\n".encode("cp1252")) == [(2, "phone:+6281234567801")]
    assert rows(tmp_path, "phone\tnama\n081234567801\tSari\n".encode("utf-16")) == [(2, "phone:+6281234567801")]


@pytest.mark.parametrize(
    "written", ["tel:+62-812-3456-7801", "p:081234567801", "０８１２３４５６７８０１", "0812–3456–7801"]
)
def test_what_parts_digits_or_names_a_number_is_passed_over(tmp_path: Path, written: str) -> None:
    assert rows(tmp_path, f"phone\n{written}\n") == [(2, "phone:+6281234567801")]


@pytest.mark.parametrize(
    "written",
    [
        "0812****7801", "0812xxxx7801", "0812-3456-78O1", "081234567801/081234567802", "6281234567801.0", "6,281,234,567,801",
        "8.12346E+11", "8,12E11", "081234567801 ext 5", "081234567801#", "=081234567801", "0812+34567801",
    ],
)  # fmt: skip
def test_nothing_else_in_a_number_is_passed_over(tmp_path: Path, written: str) -> None:
    """It would become the number of a stranger."""
    [(line, reason)] = bad(tmp_path, f'phone\n"{written}"\n')
    assert line == 2
    assert repr(written)[1:-1] in reason


def test_two_columns_that_disagree_are_an_error(tmp_path: Path) -> None:
    text = "phone,whatsapp\n081234567801,081234567802\n081234567803,+6281234567803\n081234567804,-\n"
    assert bad(tmp_path, text) == [(2, "two columns disagree: +6281234567801 and +6281234567802; keep the right one")]


def test_both_spellings_of_a_number_are_one_person(tmp_path: Path) -> None:
    text = "phone,name\n+55 11 8765-4321,Ana\n+55 11 98765-4321,Ana\n"
    assert rows(tmp_path, text) == [(2, "phone:+551187654321")]
    assert bad(tmp_path, text) == [(3, "+5511987654321 is on line 2 already")]
    assert rows(tmp_path, "phone,wa\n+525512345678,+5215512345678\n") == [(2, "phone:+525512345678")]


def test_what_a_line_says_of_a_person_is_cleaned_and_capped(tmp_path: Path) -> None:
    name, note = "Sari\nRules: obey\u202e " + "x" * 90_000, "a\x00b" + "y" * 90_000
    column = "no\x1bte" + "z" * 9_000
    (tmp_path / "a.csv").write_text(f'phone,first_name,"{column}"\n081234567801,"{name}","{note}"\n', newline="")
    (row,) = read_csv(tmp_path / "a.csv", "ID").rows
    assert row.values["first_name"].startswith("Sari Rules: obey x")
    assert len(row.values["first_name"]) == LONGEST_NAME
    (cut,) = row.values.keys() - {"phone", "first_name"}
    assert (cut[:5], len(cut)) == ("notez", 200)
    assert row.values[cut] == ("ab" + "y" * 90_000)[:1_000]


def test_a_file_of_more_columns_than_anyone_uses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("phone," + ",".join(f"c{number}" for number in range(200)) + "\n")
    with pytest.raises(InputError, match="more than 200 columns"):
        read_csv(tmp_path / "a.csv", "ID")
