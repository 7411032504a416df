"""Files made to hurt end their worker, or are refused before: the error names the file, and others go on."""

import io
import os
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from knowledge.documents.loading import load
from knowledge.documents.ooxml import Package
from knowledge.documents.reader import DocumentReader
from knowledge.errors import Unreadable
from tests.knowledge.conftest import OpenKnowledge
from tests.knowledge.samples import pdf, xlsx


@pytest.fixture
async def reader() -> AsyncIterator[DocumentReader]:
    made = DocumentReader()
    yield made
    await made.aclose()


def package(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_sheet(content: bytes) -> bytes:
    """A workbook whose sheet is this XML."""
    with zipfile.ZipFile(io.BytesIO(xlsx(A=[["a", "b"], [1, 2]]))) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    return package(parts | {"xl/worksheets/sheet1.xml": content})


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%s</sheetData>%s</worksheet>'
CELL = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>x</t></is></c></row>'
LAUGHS = b"<!DOCTYPE z [<!ENTITY a 'ha'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (98 + at, (b"&%c;" % (97 + at)) * 10) for at in range(9)
)
ALIASES = b"".join(b"%c: &%c [%s]\n" % (98 + at, 98 + at, b",".join([b"*%c" % (97 + at)] * 9)) for at in range(8))
MERGED = b"".join(b'<mergeCell ref="A%d:XFD1048576"/>' % at for at in range(1, 3))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("bom.xlsx", lambda: package({"a": b"\0" * 500 * 2**20})),
        ("sel.xlsx", lambda: with_sheet(SHEET % (b"".join(CELL % (at, at) for at in range(1, 500_001)), b""))),
        (
            "gabung.xlsx",
            lambda: with_sheet(
                SHEET % (CELL % (1, 1) + CELL % (1_048_576, 1_048_576), b"<mergeCells>" + MERGED + b"</mergeCells>")
            ),
        ),
        (
            "tertawa.xlsx",
            lambda: with_sheet(LAUGHS + b"]>" + SHEET % (b"<row><c t='inlineStr'><is><t>&j;</t></is></c></row>", b"")),
        ),
        ("alias.md", lambda: b"---\na: &a [x,x,x,x,x,x,x,x,x]\n" + ALIASES + b"---\nisi\n"),
        ("besar.html", lambda: b"<table>" + b"<tr>" + b"<td colspan=1000 rowspan=60000>x" * 60 + b"<tr><td>y" * 60_000),
        ("halaman.pdf", lambda: pdf(*[b""] * 2_001)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_file_made_to_hurt_is_refused_and_the_next_one_read(
    reader: DocumentReader, name: str, made: Callable[[], bytes]
) -> None:
    with pytest.raises(Unreadable):
        await reader.read(name, made())
    assert (await reader.read("a.md", b"isi")).text == "isi"


def test_a_value_that_is_none_leaves_the_others_readable() -> None:
    odd = b"<c><v>nan</v></c><c><v>1e999</v></c><c><v>abc</v></c><c t='s'><v>x</v></c><c t='s'><v>-1</v></c>"
    loaded = load("a.xlsx", with_sheet(SHEET % (CELL % (1, 1) + b"<row><c><v>7</v></c>" + odd + b"</row>", b"")))
    assert loaded.text.split() == ["x", "7"]
    assert "error values in B2, C2, D2" in (loaded.problem or "")


def test_parts_that_refer_to_each_other_in_a_circle_are_opened_a_bounded_number_of_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("knowledge.documents.ooxml.MAX_EXPANDED", 100)
    opened = Package(package({"a.xml": b"<a/>" * 20}), "DOCX")
    for _ in range(2):
        assert opened.open("a.xml") is not None
    with pytest.raises(Unreadable, match="again and again"):
        opened.open("a.xml")


@pytest.mark.skipif(sys.platform != "linux", reason="address space")
async def test_a_file_that_needs_too_much_memory_says_so() -> None:
    small = DocumentReader(memory=300 * 2**20)
    try:
        with pytest.raises(Unreadable, match="memory"):
            await small.read("a.html", b"<p>" + b"<b>x</b>" * 3_000_000)
        assert (await small.read("a.md", b"isi")).text == "isi"
    finally:
        await small.aclose()


async def test_a_file_that_takes_too_long_says_so(reader: DocumentReader) -> None:
    await reader.read("a.md", b"isi")
    hasty = DocumentReader(deadline=timedelta(seconds=0.01))
    try:
        with pytest.raises(Unreadable, match="longer than"):
            await hasty.read("a.md", b"[" * 50_000)
    finally:
        await hasty.aclose()


async def test_one_bad_file_is_named_and_the_others_are_found(open_knowledge: OpenKnowledge, tmp_path: Path) -> None:
    (tmp_path / "bom.xlsx").write_bytes(package({"a": b"\0" * 500 * 2**20}))
    (tmp_path / "faq.md").write_text("## Jam buka?\n\nPukul 8.\n")
    knowledge = await open_knowledge("*.*")
    [report] = (await knowledge.sync()).sources
    assert report.documents == 1
    assert report.problems[0].startswith("bom.xlsx: ")
    assert (await knowledge.search(["jam buka?"])).hits[0].answer == "Pukul 8."


async def test_what_was_left_out_is_said_by_every_sync(open_knowledge: OpenKnowledge, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<table><tr><th>A<th>B<tr hidden><td>1<td>2<tr><td>3<td>4</table>")
    os.utime(tmp_path / "a.html", (1_700_000_000, 1_700_000_000))
    knowledge = await open_knowledge("a.html")
    for _ in range(3):
        [report] = (await knowledge.sync()).sources
        assert report.problems == ("a.html: left out: hidden rows or cells of a table",)


async def test_a_glob_does_not_follow_links_out_of_its_folder(open_knowledge: OpenKnowledge, tmp_path: Path) -> None:
    outside = tmp_path / "rahasia"
    outside.mkdir()
    (outside / "gaji.md").write_text("Gaji Sari.")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "faq.md").write_text("Isi.")
    (docs / "gaji.md").symlink_to(outside / "gaji.md")
    (docs / "semua").symlink_to(outside)
    knowledge = await open_knowledge("docs/**/*.md")
    await knowledge.sync()
    assert knowledge.size == 1
