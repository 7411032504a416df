"""Every kind of file becomes text, headings, rows and entries; what cannot be read says why and what would help."""

import io
import random
import stat
from datetime import date
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment
from pypdf import PdfReader, PdfWriter

from knowledge.documents.loading import kind_of, load
from knowledge.documents.passage import Passage
from knowledge.documents.splitter import split
from knowledge.errors import Unreadable
from tests.knowledge.samples import docx, grid, line, locked, pdf, xlsx


def passages(name: str, data: bytes | str, content_type: str | None = None) -> list[Passage]:
    return split(name, load(name, data.encode() if isinstance(data, str) else data, content_type))


def test_a_heading_that_asks_is_an_entry_with_its_answer() -> None:
    [entry] = passages("faq.md", "# Toko\n\n## Jam buka?\n\nSetiap hari.\n\n- Senin\n- Minggu\n")
    assert (entry.question, entry.answer) == ("Jam buka?", "Setiap hari.\n\n- Senin\n- Minggu")
    assert entry.title == "Toko > Jam buka?"


def test_questions_and_answers_written_as_such_are_entries() -> None:
    text = "Tanya: Ada wifi?\nJawab: Ada.\n\n**Q:** Open on Sunday?\n\n**A:** Yes, from ten.\n\nPenutup.\n"
    found = passages("faq.md", text)
    assert [(one.question, one.answer) for one in found[:2]] == [
        ("Ada wifi?", "Ada."),
        ("Open on Sunday?", "Yes, from ten.\n\nPenutup."),
    ]


def test_front_matter_names_title_expiry_and_further_phrasings() -> None:
    front = "title: Promo\nlanguage: id\nexpires: 2026-12-31\nvolatile: true\naliases:\n  Ada promo?: [diskon dong, lg promo ga]"
    text = f"---\n{front}\n---\n## Ada promo?\n\nAda.\n"
    loaded = load("promo.md", text.encode())
    assert (loaded.title, loaded.language, loaded.expires, loaded.volatile) == ("Promo", "id", date(2026, 12, 31), True)
    [entry] = split("promo.md", loaded)
    assert entry.aliases == ("diskon dong", "lg promo ga")
    assert loaded.text[entry.start : entry.end] == "Ada."


@pytest.mark.parametrize(
    ("front", "said"),
    [("expires: besok", "2026-12-31"), ("volatile: kadang", "true or false"), ("a: [", "not valid YAML")],
)
def test_wrong_front_matter_says_what_would_be_right(front: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load("a.md", f"---\n{front}\n---\nisi\n".encode())


def test_a_markdown_table_row_can_be_read_alone() -> None:
    [passage] = passages("a.md", "## Ongkir\n\n| kota | harga |\n|---|---|\n| Bandung | 15.000 |\n| Medan | 30.000 |\n")
    assert passage.text == "kota: Bandung; harga: 15.000\nkota: Medan; harga: 30.000"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Kopi ~~Rp30.000~~ Rp25.000", "Kopi  Rp25.000"),
        ("Teh <del>Rp20.000</del> Rp15.000", "Teh  Rp15.000"),
        ("Susu <S class=a>Rp18.000</S> Rp16.000", "Susu  Rp16.000"),
        ("Roti <!-- modal 4.000 --> Rp9.000", "Roti  Rp9.000"),
        ("Kue <span style='display: none'>modal</span> Rp8.000", "Kue  Rp8.000"),
        ("`~~kode~~` dan ~5 km, ~~ belum ~~", "`~~kode~~` dan ~5 km, ~~ belum ~~"),
        ("buka ~~satu\n\ndua~~ tutup", "buka ~~satu\n\ndua~~ tutup"),
        ("a <s>b, a < b dan <b>tebal</b>", "a <s>b, a < b dan <b>tebal</b>"),
    ],
)
def test_what_markdown_strikes_out_or_hides_is_gone(written: str, read: str) -> None:
    loaded = load("a.md", f"# Harga\n\n{written}\n".encode())
    assert loaded.text == f"# Harga\n\n{read}\n"
    assert loaded.problem == ("left out: hidden parts" if "none" in written else None)


@pytest.mark.parametrize(
    ("between", "read"),
    [(tag, " ") for tag in ("<br>", "<BR/>", "</p><p>", "<hr>", "<ul><li>", "<h3>", "</td><td>", "<img src=x>")]
    + [(tag, "") for tag in ("<b>", "</span>", "<sup>", "<wbr>", "<!-- x -->")],
)
def test_a_tag_in_a_markdown_cell_parts_words_unless_it_stands_within_them(between: str, read: str) -> None:
    [passage] = passages("a.md", f"| Menu | Jam |\n|---|---|\n| Kopi{between}Susu | 08.00 |\n")
    assert passage.text == f"Menu: Kopi{read}Susu; Jam: 08.00"


def test_a_table_of_html_in_markdown_is_a_table() -> None:
    markup = "<table><tr><th>Hari</th><th>Buka</th></tr><tr><td>Senin</td><td>08.00</td></tr></table>"
    text = f"## Jam\n\n{markup}\n\nSelesai.\n"
    [passage] = passages("a.md", text)
    assert passage.text == "Hari: Senin; Buka: 08.00\nSelesai."
    assert text[passage.start : passage.end] == f"{markup}\n\nSelesai."


def test_every_csv_row_is_a_passage_that_names_its_columns() -> None:
    text = 'produk;harga;alias\r\n"Kopi ""susu""\nsenja";25000;kosu|es kopi\r\n\r\nTeh;18000;\r\n'
    first, second = passages("menu.csv", text)
    assert first.text == 'produk: Kopi "susu"\nsenja\nharga: 25000'
    assert first.aliases == ("kosu", "es kopi")
    assert text[first.start : first.end] == '"Kopi ""susu""\nsenja";25000;kosu|es kopi'
    assert (second.text, text[second.start : second.end]) == ("produk: Teh\nharga: 18000", "Teh;18000;")


def test_question_and_answer_columns_make_entries() -> None:
    [entry] = passages("faq.csv", "Pertanyaan,Jawaban,bagian\nBisa COD?,Bisa.,bayar\n")
    assert (entry.question, entry.answer, entry.text) == ("Bisa COD?", "Bisa.", "Bisa COD?\nBisa.\nbagian: bayar")


def test_an_old_spreadsheet_export_is_read_in_its_own_encoding() -> None:
    [row] = passages("menu.csv", "nama,harga\nCafé,5000\n".encode("cp1252"))
    assert "Café" in row.text


def test_every_row_of_every_sheet_is_a_passage_under_its_sheet() -> None:
    data = xlsx(Minuman=[["nama", "harga"], ["Kopi", 25000.0]], Kosong=[], Makanan=[["nama"], ["Roti"], [None]])
    found = passages("menu.xlsx", data)
    assert [(one.title, one.text) for one in found] == [
        ("Minuman", "nama: Kopi\nharga: 25000"),
        ("Makanan", "nama: Roti"),
    ]


def test_a_word_document_keeps_headings_and_tables_in_order() -> None:
    data = docx(
        ("Title", "Panduan"),
        ("Heading 1", "Pengiriman"),
        ("Normal", "Kami kirim tiap hari."),
        [["Kota", "Ongkir"], ["Bandung", "Rp15.000"]],
        ("Heading 1", "Retur"),
        ("Normal", "Dalam 7 hari."),
    )
    first, second = passages("panduan.docx", data)
    assert (first.title, first.text) == (
        "Panduan > Pengiriman",
        "Kami kirim tiap hari.\nKota: Bandung; Ongkir: Rp15.000",
    )
    assert (second.title, second.text) == ("Panduan > Retur", "Dalam 7 hari.")


def test_a_web_page_loses_its_menu_and_keeps_accordion_and_table() -> None:
    page = """<html lang="id-ID"><head><title>Tanya jawab</title></head><body><nav><a href="/belanja">Belanja sekarang</a></nav>
    <main><h1>Tanya jawab</h1><details><summary>Bisa bayar di tempat?</summary><p>Bisa, untuk wilayah Jakarta dan sekitarnya.</p></details>
    <h2>Ongkos kirim</h2><table><tr><th>Kota</th><th>Ongkir</th></tr><tr><td>Bandung</td><td>15000</td></tr></table></main>
    <footer>Hak cipta kami</footer></body></html>"""
    loaded = load("https://toko.example/faq", page.encode(), "text/html; charset=utf-8")
    found = split("faq", loaded)
    assert (loaded.title, loaded.language, loaded.links) == ("Tanya jawab", "id", ("/belanja",))
    assert found[0].question == "Bisa bayar di tempat?"
    assert found[1].text == "Kota: Bandung; Ongkir: 15000"
    assert not any("Belanja sekarang" in one.text or "Hak cipta" in one.text for one in found)


def test_a_pdf_table_becomes_rows_and_stands_there_once() -> None:
    page = line("Ongkos kirim dihitung per kilogram.") + grid(
        [["Kota", "Ongkir"], ["Bandung", "15000"], ["Medan", "30000"]]
    )
    [passage] = passages("ongkir.pdf", pdf(page))
    assert passage.text == (
        "Ongkos kirim dihitung per kilogram.\nKota: Bandung; Ongkir: 15000\nKota: Medan; Ongkir: 30000"
    )


def test_scanned_pages_are_named() -> None:
    loaded = load("a.pdf", pdf(line("Halaman ini memuat teks yang cukup panjang."), b""))
    assert loaded.problem == "pages without text (scanned?): 2"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("scan.pdf", pdf(b"", b""), "OCR"),
        ("rusak.pdf", b"%PDF-1.4 sampah", "not a readable PDF"),
        ("kunci.pdf", locked(pdf(line("Rahasia perusahaan yang panjang."))), "password"),
        ("kunci.docx", b"\xd0\xcf\x11\xe0 lama", "password"),
        ("rusak.docx", b"bukan zip", "not a readable DOCX"),
        ("rusak.xlsx", b"bukan zip", "password"),
        ("kepala.csv", b"nama,harga\n", "first row must name the columns"),
        ("kosong.txt", b" \n", "no text"),
        ("lama.doc", b"x", "save it as DOCX"),
        ("gambar.png", b"x", "readable are"),
        ("https://x.example/", b"<html><body><script>1</script></body></html>", "scripts"),
    ],
)
def test_what_cannot_be_read_says_what_would_help(name: str, data: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        load(name, data, "text/html" if name.startswith("https") else None)


def test_the_kind_comes_from_the_type_unless_the_name_knows_better() -> None:
    assert kind_of("https://x.example/a.md?v=1", "text/plain") == "markdown"
    assert kind_of("https://x.example/unduh", "application/pdf") == "pdf"
    assert kind_of("https://x.example/faq.md", "text/html; charset=utf-8") == "html"


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.xlsx"])
def test_a_damaged_file_is_unreadable_and_nothing_worse(name: str) -> None:
    whole = {
        "a.pdf": pdf(
            line("Halaman ini memuat teks yang cukup panjang.") + grid([["Kota", "Ongkir"], ["Bandung", "15000"]])
        ),
        "a.docx": docx(("Heading 1", "Judul"), ("Normal", "Isi dokumen."), [["a", "b"], ["c", "d"]]),
        "a.xlsx": xlsx(Harga=[["nama", "harga"], ["kopi", 18000]]),
    }[name]
    chance = random.Random(7)
    unreadable = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            load(name, bytes(damaged[: chance.randrange(len(damaged) // 2, len(damaged) + 1)]))
        except Unreadable:
            unreadable += 1
    assert unreadable > 10


def test_a_running_title_of_a_pdf_is_kept_once_and_page_numbers_are_not() -> None:
    pages = [
        line("Hotline 021-777-8899", y=780)
        + line(f"Isi halaman ke-{word} tentang poli.")
        + line(f"Halaman {n} dari 3", y=20)
        for n, word in enumerate(("satu", "dua", "tiga"), start=1)
    ]
    text = load("klinik.pdf", pdf(*pages)).text
    assert text.count("021-777-8899") == 1
    assert "dari 3" not in text
    assert all(f"ke-{word}" in text for word in ("satu", "dua", "tiga"))


LEFT = ("Penitipan kucing dihitung", "per malam, termasuk pakan", "kering dua kali sehari.")
RIGHT = ("Grooming anjing mulai dari", "seratus ribu untuk ras kecil", "sampai tiga ratus ribu.")


def test_columns_of_prose_are_read_one_after_the_other_and_rows_of_values_across() -> None:
    page = b"".join(
        line(left, 50, 700 - 14 * n) + line(right, 330, 700 - 14 * n)
        for n, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True))
    )
    found = load("petshop.pdf", pdf(page)).text
    assert " ".join(LEFT) in " ".join(found.split())
    assert " ".join(RIGHT) in " ".join(found.split())
    rows = [
        ("Kopi tubruk panas manis", "12.000"),
        ("Teh tarik dingin sekali", "17.000"),
        ("Wedang uwuh hangat", "14.000"),
    ]
    page = b"".join(
        line(name, 50, 700 - 14 * n) + line(price, 330, 700 - 14 * n) for n, (name, price) in enumerate(rows)
    )
    found = load("warung.pdf", pdf(page)).text
    assert all(any(name in each and price in each for each in found.split("\n")) for name, price in rows)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_turned_page_of_a_pdf_is_read(turned: int) -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(line("DP minimal 25 persen", y=500)))))
    writer.pages[0].rotate(turned)
    out = io.BytesIO()
    writer.write(out)
    assert "DP minimal 25 persen" in load("sewa.pdf", out.getvalue()).text


def test_comments_of_an_author_are_not_read_and_are_said() -> None:
    book = Workbook()
    book.active.append(["Produk", "Harga"])
    book.active.append(["Teh", 5000])
    book.active["B2"].comment = Comment("modal 1.000", "pemilik")
    out = io.BytesIO()
    book.save(out)
    loaded = load("a.xlsx", out.getvalue())
    assert "modal" not in loaded.text
    assert "comments on cells" in (loaded.problem or "")


def test_variants_are_a_column_of_products_and_further_phrasings_of_questions() -> None:
    [product] = passages("a.csv", "Produk,Variasi,Harga\nKaos,merah|biru,50.000\n,,\n")
    assert product.text == "Produk: Kaos\nVariasi: merah|biru\nHarga: 50.000"
    [asked] = passages("b.csv", "pertanyaan,jawaban,variasi\nBuka?,Jam 8.,buka ga|jam brp\n,,\n")
    assert asked.aliases == ("buka ga", "jam brp")
    assert asked.text == "Buka?\nJam 8."


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def told(words: str) -> str:
    return f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>{words}</w:t></w:r></w:p></w:body></w:document>'


@pytest.mark.parametrize("mode", ["", ' TargetMode="External"'])
@pytest.mark.parametrize("way", ["link", "path", "address", "up"])
def test_a_package_reads_nothing_that_lies_outside_of_it(tmp_path: Path, way: str, mode: str) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text(told("RAHASIA"))
    target = {"link": "/d.xml", "path": str(secret), "address": secret.as_uri(), "up": "../" * 20 + str(secret)[1:]}[
        way
    ]
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relation = f'<Relationship Id="r" Type="{office}" Target="{target}"{mode}/>'
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    made = io.BytesIO()
    with ZipFile(made, "w") as package:
        package.writestr("_rels/.rels", f'<Relationships xmlns="{namespace}">{relation}</Relationships>')
        link = ZipInfo("d.xml")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        package.writestr(link, str(secret) if way == "link" else told("Halo dari dalam"))
    try:
        text = load("a.docx", made.getvalue()).text
    except Unreadable as error:
        text = str(error)
    assert "RAHASIA" not in text


@pytest.mark.parametrize(
    ("name", "text", "codec"),
    [
        ("jam.txt", "مواعيد العمل: من 9 صباحا إلى 5 مساء\nسعر القهوة 45 ريال\n", "cp1256"),
        ("menu.csv", "商品,価格\nラーメン,980円\n定休日,火曜日\n", "shift_jis"),
        ("faq.md", "# Вопросы\n\nДоставка стоит 300 рублей.\n", "cp1251"),
        ("menu.html", "<p>เปิดทุกวัน ราคา 45 บาท</p>", "cp874"),
    ],
)
def test_a_text_whose_charset_cannot_be_told_is_named_and_not_quoted_in_another(
    name: str, text: str, codec: str
) -> None:
    with pytest.raises(Unreadable, match="save it as UTF-8"):
        load(name, text.encode(codec))
    assert load(name, text.encode()).text
    accented = "Größe, Öffnung\nà la carte, crème brûlée für 4 €\n"
    assert load(name, accented.encode()).text


def test_accents_in_an_old_export_are_read() -> None:
    assert "crème brûlée à côté" in load("menu.txt", "Café: crème brûlée à côté, naïve façade".encode("cp1252")).text
