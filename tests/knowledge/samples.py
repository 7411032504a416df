"""Small documents of every kind, made here so that each test shows what it reads."""

import io
from collections.abc import Mapping, Sequence
from zipfile import ZIP_DEFLATED, ZipFile

from docx import Document
from openpyxl import Workbook
from pypdf import PdfReader, PdfWriter


def docx(*items: tuple[str, str] | Sequence[Sequence[str]]) -> bytes:
    """`("Heading 1", text)`, `("Normal", text)`, or the rows of a table."""
    document = Document()
    for item in items:
        if isinstance(item, tuple):
            document.add_paragraph(item[1], style=item[0])
            continue
        table = document.add_table(len(item), len(item[0]))
        for row, cells in zip(table.rows, item, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def xlsx(**sheets: Sequence[Sequence[object]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def pdf(*pages: bytes) -> bytes:
    """A PDF of pages given as content streams; the font is called F1."""
    count = len(pages)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for n, content in enumerate(pages):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            % (5 + 2 * n)
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def line(text: str, x: int = 50, y: int = 700) -> bytes:
    return b"BT /F1 11 Tf %d %d Td (%s) Tj ET\n" % (x, y, text.encode())


def grid(rows: Sequence[Sequence[str]], top: int = 600, left: int = 50, height: int = 20, width: int = 150) -> bytes:
    """A ruled table."""
    bottom, right = top - height * len(rows), left + width * len(rows[0])
    lines = b"".join(b"%d %d m %d %d l S\n" % (left, y, right, y) for y in range(bottom, top + 1, height))
    lines += b"".join(b"%d %d m %d %d l S\n" % (x, bottom, x, top) for x in range(left, right + 1, width))
    for r, cells in enumerate(rows):
        for c, text in enumerate(cells):
            lines += line(text, left + c * width + 5, top - (r + 1) * height + 6)
    return lines


def locked(data: bytes) -> bytes:
    """The same PDF behind a password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt("rahasia", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def package(parts: Mapping[str, str]) -> bytes:
    """A ZIP file of XML parts."""
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()
