"""Files that are made to hurt who reads them: small ones that unpack to hundreds of megabytes, have no end, or lie about their size."""

import zlib

from tests.knowledge.samples import package

ROOM = 200_000_000  # bytes
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
ODF = "urn:oasis:names:tc:opendocument:xmlns:"


def related(kind: str, target: str) -> str:
    relation = f'<Relationship Id="r" Type="x/{kind}" Target="{target}"/>'
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relation}</Relationships>'


def laughs() -> str:
    """Entities that stand for twenty others, twelve levels deep."""
    entities = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 20}">' for n in range(12))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">{entities}]><a>&m;</a>'


def pdf() -> bytes:
    """A page whose content unpacks to `ROOM`."""
    stream = zlib.compress(b"BT (x) Tj ET\n" * (ROOM // 13))
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>endobj "
        b"4 0 obj<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj trailer<</Root 1 0 R>>"
        % (len(stream), stream)
    )


def workbook() -> bytes:
    """A sheet of 900,000 cells in some kilobytes."""
    cells = '<row><c t="inlineStr"><is><t>x</t></is></c></row>' * 900_000
    book = f'<workbook xmlns="{SHEET}" xmlns:r="{OFFICE}"><sheets><sheet name="a" r:id="r"/></sheets></workbook>'
    return package(
        {
            "_rels/.rels": related("officeDocument", "d.xml"),
            "d.xml": book,
            "_rels/d.xml.rels": related("worksheet", "s.xml"),
            "s.xml": f'<worksheet xmlns="{SHEET}"><sheetData>{cells}',
        }
    )


def spreadsheet() -> bytes:
    """A cell that is repeated over 1,048,576 rows and 16,384 columns."""
    names = " ".join(f'xmlns:{name}="{ODF}{name}:1.0"' for name in ("office", "table", "text"))
    cell = '<table:table-cell table:number-columns-repeated="16384"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1048576">{cell}</table:table-row>'
    body = f"<office:spreadsheet><table:table>{row}</table:table></office:spreadsheet>"
    return package(
        {"content.xml": f"<office:document-content {names}><office:body>{body}</office:body></office:document-content>"}
    )


def wave() -> bytes:
    """A note that says to hold 4 GB of 255 channels."""
    shape = b"fmt \x10\0\0\0\1\0\xff\0\x80\xbb\0\0\0\0\0\0\2\0\x10\0"
    return b"RIFF\xff\xff\xff\xffWAVE" + shape + b"data\xff\xff\xff\xff" + bytes(9_000)


def document(content: str) -> bytes:
    return package({"_rels/.rels": related("officeDocument", "d.xml"), "d.xml": content})


def bombs() -> dict[str, bytes]:
    """A file of every kind, by its name."""
    start = f'<w:document xmlns:w="{WORD}"><w:body>'
    return {
        "deep.docx": document(start + "<w:p>" * 500_000),
        "wide.docx": document(start + "<w:p/>" * (ROOM // 6) + "</w:body></w:document>"),
        "laughs.docx": document(laughs()),
        "claims.xlsx": document("\0" * 600_000_000),
        "cells.xlsx": workbook(),
        "repeated.ods": spreadsheet(),
        "book.epub": package({"META-INF/container.xml": laughs()}),
        "slides.pptx": document(start + "<w:p>" * 500_000),
        "stream.pdf": pdf(),
        "levels.json": b"[" * 400_000,
        "levels.html": b"<div>" * 150_000,
        "laughs.xhtml": laughs().encode(),
        "front.md": b"---\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n" + b"d: [" * 3_000 + b"\n---\n",
        "line.csv": b'"' + b",;|" * 250_000,
        "marks.txt": ("a" + "\u0301" * 300_000).encode(),
        "note.wav": wave(),
        "note.ogg": b"OggS" + bytes(range(256)) * 2_000,
        "note.amr": b"#!AMR\n" + b"\x7c" * 300_000,
    }
