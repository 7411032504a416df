"""Books are read chapter by chapter, in the order of reading."""

from zlib import crc32

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitter import split
from knowledge.errors import Unreadable
from tests.knowledge.samples import package

CONTAINER = '<c><rootfiles><rootfile full-path="OPS/b.opf"/></rootfiles></c>'


def book(*order: str, **more: str) -> bytes:
    items = "".join(f'<item id="{name}" href="{name}%20x.xhtml" media-type="application/xhtml+xml"/>' for name in "abc")
    spine = "".join(f'<itemref idref="{name}"/>' for name in order)
    return package(
        {
            "META-INF/container.xml": CONTAINER,
            "OPS/b.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Panduan</dc:title></metadata>'
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
            "OPS/a x.xhtml": "<html><body><h1>Suku cadang</h1><table><tr><th>Bagian</th><th>Harga</th></tr>"
            "<tr><td>Filter</td><td>85.000</td></tr><tr><td>Selang</td><td>40.000</td></tr></table></body></html>",
            "OPS/b x.xhtml": "<html><body><h1>Perawatan</h1><p>Ganti filter tiap 6 bulan.</p></body></html>",
            "OPS/c x.xhtml": "<html><body><img src='x.jpg'/></body></html>",
            **{name.replace("__", "/"): text for name, text in more.items()},
        }
    )


def test_chapters_stand_in_the_order_of_reading_with_their_headings() -> None:
    loaded = load("p.epub", book("b", "a", "c", "b", "b"))
    assert loaded.title == "Panduan"
    assert [(passage.path[-1], passage.text) for passage in split("p.epub", loaded)] == [
        ("Perawatan", "Ganti filter tiap 6 bulan."),
        ("Suku cadang", "Bagian: Filter; Harga: 85.000\nBagian: Selang; Harga: 40.000"),
    ]
    assert loaded.problem == "left out: chapters without text (c%20x.xhtml)"


def test_a_chapter_that_is_listed_again_and_again_is_read_once() -> None:
    again = "".join(f'<item id="{n}" href="b%20x.xhtml" media-type="application/xhtml+xml"/>' for n in range(99))
    order = "".join(f'<itemref idref="{n}"/>' for n in range(99))
    opf = f"<package><manifest>{again}</manifest><spine>{order}</spine></package>"
    assert load("p.epub", book("b", **{"OPS__b.opf": opf})).text.count("Ganti filter") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            book(
                "a",
                **{
                    "META-INF__encryption.xml": '<e xmlns:k="http://www.w3.org/2001/04/xmlenc#"><k:EncryptionMethod Algorithm="adobe"/></e>'
                },
            ),
            "protected",
        ),
        (package({"META-INF/container.xml": "<c/>"}), "names no book"),
        (package({"META-INF/container.xml": CONTAINER.replace("OPS/", "../../etc/")}), "names no book"),
        (book("c"), "no text"),
        (book("a").replace(crc32(CONTAINER.encode()).to_bytes(4, "little"), b"lost"), "CRC"),
    ],
)
def test_a_book_that_cannot_be_read_says_why(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load("p.epub", data)
