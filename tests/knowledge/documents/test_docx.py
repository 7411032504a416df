"""Word documents are read as their printed page is: what stands in boxes, controls, notes and margins, after tracked changes."""

import io
from typing import Any

import pytest
from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt, RGBColor

from knowledge.documents.docx import load
from knowledge.documents.splitter import split
from tests.knowledge.samples import docx

_NS = nsdecls("w", "r", "wp", "a") + ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
_NS += ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" xmlns:v="urn:schemas-microsoft-com:vml"'


def document(*elements: str) -> Any:
    """A document whose body holds these elements."""
    made = Document()
    body = made.element.body
    for element in elements:
        body.insert(len(body) - 1, parse_xml(element.replace(" NS", f" {_NS}", 1)))
    return made


def texts(made: Any) -> str:
    out = io.BytesIO()
    made.save(out)
    return load(out.getvalue()).text


def run(text: str, tag: str = "t") -> str:
    return f'<w:r><w:{tag} xml:space="preserve">{text}</w:{tag}></w:r>'


def test_insertions_count_and_deletions_do_not() -> None:
    text = texts(
        document(
            f"<w:p NS>{run('Harga ')}<w:del w:id='1' w:author='a'>{run('50.000', 'delText')}</w:del>"
            f"<w:ins w:id='2' w:author='a'>{run('60.000')}</w:ins></w:p>",
            f"<w:p NS><w:moveFrom w:id='3' w:author='a'>{run('pindah')}</w:moveFrom>"
            f"<w:moveTo w:id='4' w:author='a'>{run('tetap')}</w:moveTo></w:p>",
        )
    )
    assert text.split() == ["Harga", "60.000", "tetap"]


def test_struck_out_text_is_gone_formulas_are_read_and_drawings_named() -> None:
    made = document(
        "<w:p NS><w:r><w:rPr><w:strike/></w:rPr><w:t>99.000 </w:t></w:r><w:r><w:rPr><w:dstrike/></w:rPr><w:t>88.000 </w:t></w:r>"
        '<w:r><w:rPr><w:strike w:val="0"/></w:rPr><w:t>77.000</w:t></w:r></w:p>',
        '<w:p NS xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><m:oMath><m:r><m:t>a=b</m:t></m:r></m:oMath></w:p>',
        '<w:p NS><w:r><w:drawing><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/diagram"/>'
        "</a:graphic></w:drawing></w:r></w:p>",
    )
    out = io.BytesIO()
    made.save(out)
    loaded = load(out.getvalue())
    assert loaded.text.split() == ["77.000", "a=b"]
    assert loaded.problem == "left out: charts and diagrams"


def test_content_controls_text_boxes_and_breaks_are_read() -> None:
    box = f"<w:txbxContent><w:p>{run('Isi kotak')}</w:p></w:txbxContent>"
    text = texts(
        document(
            f"<w:sdt NS><w:sdtContent><w:p>{run('Blok kontrol')}</w:p></w:sdtContent></w:sdt>",
            f"<w:p NS>{run('Buka')}<w:sdt><w:sdtContent>{run(' pukul 8')}</w:sdtContent></w:sdt>"
            f"<w:r><w:br/></w:r>{run('sampai 5')}</w:p>",
            "<w:p NS><w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wp:inline><a:graphic><a:graphicData>"
            f"<wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing></mc:Choice>"
            f"<mc:Fallback><w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>",
        )
    )
    assert text.split("\n\n")[:3] == ["Blok kontrol", "Buka pukul 8\nsampai 5", "Isi kotak"]
    assert text.count("Isi kotak") == 1


def test_page_headers_and_footers_are_read_once_without_page_numbers() -> None:
    made = document(f"<w:p NS>{run('Isi.')}</w:p>")
    section = made.sections[0]
    section.footer.paragraphs[0].text = "Telepon 021-555"
    section.header.paragraphs[0].text = "Halaman 1"
    text = texts(made)
    assert text.count("021-555") == 1
    assert "Halaman" not in text


def test_a_table_in_a_cell_and_a_list_in_a_cell_stay_in_their_row() -> None:
    made = Document()
    outer = made.add_table(3, 2)
    for row, cells in enumerate([["Paket", "Isi"], ["A", ""], ["B", ""]]):
        for column, text in enumerate(cells):
            outer.cell(row, column).text = text
    inner = outer.cell(1, 1).add_table(2, 2)
    for row, cells in enumerate([["Barang", "Jumlah"], ["Kopi", "2"]]):
        for column, text in enumerate(cells):
            inner.cell(row, column).text = text
    outer.cell(2, 1).paragraphs[0].text = "Teh"
    outer.cell(2, 1).paragraphs[0].style = "List Bullet"
    outer.cell(2, 1).add_paragraph("Gula", style="List Bullet")
    out = io.BytesIO()
    made.save(out)
    [passage] = split("a.docx", load(out.getvalue()))
    assert passage.text == "Paket: A; Isi: Barang: Kopi, Jumlah: 2\nPaket: B; Isi: Teh; Gula"


@pytest.mark.parametrize("by", ["paragraph", "run", "table"])
def test_a_head_that_is_bold_by_a_style_is_the_head(by: str) -> None:
    made = Document()
    style = made.styles.add_style("Kepala", 2 if by == "run" else 1)
    style.font.bold = True
    made.styles.add_style("Kepala Lagi", 2 if by == "run" else 1).base_style = style
    table = made.add_table(3, 3, style="Medium Shading 1 Accent 1" if by == "table" else None)
    for row, cells in enumerate([["Gramatur", "100", "200"], ["HVS", "450", "375"], ["Ivory", "3.350", "2.725"]]):
        for column, text in enumerate(cells):
            paragraph = table.cell(row, column).paragraphs[0]
            written = paragraph.add_run(text, style="Kepala Lagi" if by == "run" and not row else None)
            assert written.bold is None
            if by == "paragraph" and not row:
                paragraph.style = "Kepala Lagi"
    out = io.BytesIO()
    made.save(out)
    [passage] = split("a.docx", load(out.getvalue()))
    assert passage.text.split("\n")[0] == "Gramatur: HVS; 100: 450; 200: 375"


def test_a_heading_is_known_by_the_style_it_is_based_on() -> None:
    made = Document()
    style = made.styles.add_style("Bab", 1)
    style.base_style = made.styles["Heading 2"]
    made.add_paragraph("Pengiriman", style="Bab")
    made.add_paragraph("Tiap hari.")
    out = io.BytesIO()
    made.save(out)
    [passage] = split("a.docx", load(out.getvalue()))
    assert (passage.path, passage.text) == (("Pengiriman",), "Tiap hari.")


def test_hidden_text_is_left_out_and_said() -> None:
    made = Document()
    struck, unseen = (made.styles.add_style(name, WD_STYLE_TYPE.CHARACTER) for name in ("Lama", "Gaib"))
    struck.font.strike = unseen.font.hidden = True
    made.add_paragraph("Harga Rp9.000").add_run(" Rp8.000", style="Lama")
    fonts = [made.add_paragraph().add_run(f"Modal Rp{number}.000").font for number in (5, 6, 7)]
    fonts[0].hidden, fonts[1].size, fonts[2].color.rgb = True, Pt(1), RGBColor(255, 255, 255)
    made.add_paragraph().add_run("Modal Rp4.000", style="Gaib")
    cell = made.add_table(1, 1).cell(0, 0).paragraphs[0].add_run("Promo Rp3.000")
    cell.font.color.rgb = RGBColor(255, 255, 255)  # a table may be coloured
    out = io.BytesIO()
    made.save(out)
    loaded = load(out.getvalue())
    assert loaded.text.split("\n\n") == ["Harga Rp9.000", "Promo Rp3.000", ""]
    assert loaded.problem == "left out: hidden text"


def test_a_table_goes_on_where_its_values_or_a_page_break_show_it() -> None:
    people, more = [["Nama", "Jabatan"], ["Rina", "Manajer"]], [["Ukuran S", "Merah"], ["Ukuran M", "Biru"]]
    prices, places = [["Menu", "Harga"], ["Kopi", "18.000"]], [["Bandung", "2 hari"], ["Medan", "4 hari"]]
    apart = split("a.docx", load(docx(people, ("Normal", ""), more, ("Normal", "x"), prices, ("Normal", ""), places)))
    text = "\n".join(passage.text for passage in apart)
    assert "Bandung: 2 hari" in text.split("\n")
    assert "Jabatan: Merah" not in text
    made, out = Document(io.BytesIO(docx(people, ("Normal", ""), more))), io.BytesIO()
    made.paragraphs[0].add_run().add_break(WD_BREAK.PAGE)
    made.save(out)
    [passage] = split("a.docx", load(out.getvalue()))
    assert "Nama: Ukuran S; Jabatan: Merah" in passage.text
