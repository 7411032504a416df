"""Slides become headings with their texts and tables; what is hidden is said."""

import io
import zipfile

import pytest

from knowledge.documents.loading import load
from knowledge.documents.splitter import split
from knowledge.errors import Unreadable
from tests.knowledge.samples import package

A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def words(*lines: str) -> str:
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    return f"<p:txBody>{paragraphs}</p:txBody>"


def shape(text: str, y: int = 0, x: int = 0, kind: str = "", hidden: str = "") -> str:
    place = f'<p:spPr><a:xfrm><a:off x="{x}" y="{y}"/></a:xfrm></p:spPr>'
    return f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="" {hidden}/><p:nvPr>{kind}</p:nvPr></p:nvSpPr>{place}{text}</p:sp>'


def table(*rows: str, y: int = 900) -> str:
    inside = "".join(f"<a:tr>{row}</a:tr>" for row in rows)
    return (
        f'<p:graphicFrame><p:xfrm><a:off x="0" y="{y}"/></p:xfrm><a:graphic><a:graphicData><a:tbl>'
        f'<a:tblPr firstRow="1"/>{inside}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>'
    )


def cell(text: str, more: str = "") -> str:
    return f"<a:tc {more}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"


def pptx(*slides: str, notes: bool = False) -> bytes:
    listed = "".join(f'<p:sldId id="{n}" r:id="r{n}"/>' for n in range(len(slides)))
    related = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/slide" Target="slides/s{n}.xml"/>' for n in range(len(slides))
    )
    parts = {
        "_rels/.rels": f'<Relationships><Relationship Id="a" Type="{RELATIONS}/officeDocument" Target="ppt/p.xml"/></Relationships>',
        "ppt/p.xml": f"<p:presentation {P} {R}><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
        "ppt/_rels/p.xml.rels": f"<Relationships>{related}</Relationships>",
    }
    for n, slide in enumerate(slides):
        hidden = 'show="0"' if "RAHASIA" in slide else ""
        parts[f"ppt/slides/s{n}.xml"] = (
            f"<p:sld {P} {A} {hidden}><p:cSld><p:spTree><p:grpSpPr/>{slide}</p:spTree></p:cSld></p:sld>"
        )
        if notes:
            parts[f"ppt/slides/_rels/s{n}.xml.rels"] = (
                f'<Relationships><Relationship Id="n" Type="{RELATIONS}/notesSlide" Target="../notes.xml"/></Relationships>'
            )
    return package(parts)


def test_a_slide_is_read_from_its_title_down_with_spans_of_tables() -> None:
    below = shape(words("Balik modal 14 bulan"), y=800)
    above = shape(words("Biaya Rp75 juta"), y=300)
    title = shape(words("Kemitraan"), y=100, kind='<p:ph type="title"/>')
    number = shape(words("7"), kind='<p:ph type="sldNum"/>')
    group = f'<p:grpSp><p:grpSpPr><a:xfrm><a:off x="0" y="850"/></a:xfrm></p:grpSpPr>{shape(words("Lokasi bebas"), y=1)}</p:grpSp>'
    prices = table(
        cell("Paket", 'rowSpan="2"') + cell("Modal", 'gridSpan="2"') + cell("", 'hMerge="1"'),
        cell("", 'vMerge="1"') + cell("Tunai") + cell("Cicil"),
        cell("Kios") + cell("75 juta") + cell("80 juta"),
        cell("Gerobak") + cell("") + cell("27 juta"),
    )
    loaded = load("f.pptx", pptx(below + group + above + number + title + prices))
    assert [passage.path for passage in split("f.pptx", loaded)] == [("Kemitraan",)]
    assert [block.shown or loaded.text[block.start : block.end] for block in loaded.blocks] == [
        "Kemitraan",
        "Biaya Rp75 juta",
        "Balik modal 14 bulan",
        "Lokasi bebas",
        "Paket: Kios\nModal Tunai: 75 juta\nModal Cicil: 80 juta",
        "Paket: Gerobak\nModal Cicil: 27 juta",
    ]
    assert loaded.problem is None


def test_a_slide_that_is_listed_again_and_again_is_read_once() -> None:
    slides = '<p:sldId r:id="r0"/>' * 99
    listed = f"<p:presentation {P} {R}><p:sldIdLst>{slides}</p:sldIdLst></p:presentation>"
    with zipfile.ZipFile(io.BytesIO(pptx(shape(words("Halo"))))) as source:
        parts = {name: source.read(name).decode() for name in source.namelist()}
    assert load("a.pptx", package(parts | {"ppt/p.xml": listed})).text.count("Halo") == 1


def test_two_tables_of_a_slide_are_two() -> None:
    prices = table(*(f"{cell(a)}{cell(b)}" for a, b in (("Produk", "Harga"), ("Teh", "5.000"), ("Kopi", "8.000"))))
    hours = table(*(f"{cell(a)}{cell(b)}" for a, b in (("Senin", "9.000"), ("Sabtu", "9.500"))), y=990).replace(
        'firstRow="1"', ""
    )
    text = split("a.pptx", load("a.pptx", pptx(prices + hours)))[0].text
    assert "Produk: Kopi; Harga: 8.000" in text
    assert "Produk: Senin" not in text


def test_what_a_viewer_does_not_see_is_said_and_not_read() -> None:
    ghost = shape(words("tersembunyi"), hidden='hidden="1"')
    chart = '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="3" name=""/></p:nvGraphicFramePr></p:graphicFrame>'
    loaded = load("f.pptx", pptx(shape(words("Buka 08.00")) + ghost + chart, shape(words("RAHASIA")), notes=True))
    assert loaded.text.strip() == "Buka 08.00"
    assert loaded.problem == "left out: speaker notes; charts and diagrams; the hidden slide 2"


@pytest.mark.parametrize(
    "data", [package({"a": "b"}), b"PK\x03\x04 kaputt", pptx().replace(b"presentation", b"prisentation")]
)
def test_a_damaged_presentation_says_so(data: bytes) -> None:
    with pytest.raises(Unreadable):
        load("f.pptx", data)


def test_struck_out_words_of_a_slide_are_gone() -> None:
    runs = (
        '<a:r><a:rPr strike="sngStrike"/><a:t>Rp75 juta </a:t></a:r><a:r><a:rPr strike="dblStrike"/><a:t>Rp70 juta </a:t></a:r>'
        '<a:r><a:rPr strike="noStrike"/><a:t>Rp60 juta</a:t></a:r>'
    )
    loaded = load("biaya.pptx", pptx(shape(f"<p:txBody><a:p><a:r><a:t>Biaya </a:t></a:r>{runs}</a:p></p:txBody>")))
    assert "Biaya Rp60 juta" in loaded.text
    assert "75" not in loaded.text
    assert "70" not in loaded.text
