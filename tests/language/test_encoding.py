"""One decoder for every text: marks, declared charsets, UTF-8, UTF-16 without a mark, Windows-1252."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.encoding import decode

TEXT = "nama;harga\nCafé “Senja”;25.000 €\n"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_table_is_read_whatever_program_wrote_it(codec: str) -> None:
    assert decode(TEXT.encode(codec)) == TEXT


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("ราคา 50".encode("cp874"), "text/plain; charset=windows-874"),
        ('<meta charset="windows-874">ราคา 50'.encode("cp874"), None),
        ('<?xml version="1.0" encoding="windows-874"?>ราคา 50'.encode("cp874"), None),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-874">ราคา 50'.encode("cp874"),
            "text/html",
        ),
    ],
)
def test_a_declared_charset_is_believed(data: bytes, content_type: str | None) -> None:
    assert "ราคา 50" in decode(data, content_type)


def test_a_charset_that_is_not_true_is_passed_over() -> None:
    assert decode("Café".encode(), "text/html; charset=us-ascii") == "Café"
    assert decode("Café".encode(), "text/html; charset=nonsense") == "Café"
    assert decode("Café".encode("cp1252"), "text/html; charset=utf-8") == "Café"
    assert decode("Café".encode("cp1252"), "text/html; charset=iso-8859-1") == "Café"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00\ufeff")))
def test_utf_8_is_never_mistaken(text: str) -> None:
    assert decode(text.encode()) == text


@given(st.binary())
def test_any_bytes_become_text(data: bytes) -> None:
    assert isinstance(decode(data), str)
