"""A page is read as its reader reads it: under its headings, without the menus around it."""

import json

import pytest

from knowledge.documents.html import load
from knowledge.documents.passage import Passage
from knowledge.documents.splitter import split


def passages(body: str, head: str = "") -> list[Passage]:
    return split("p", load(f"<html><head>{head}</head><body>{body}</body></html>".encode()))


def test_headings_lists_and_definitions_of_a_page_without_main_are_kept() -> None:
    found = passages(
        "<header><a href=/>Toko</a></header><nav>Menu 5</nav><h1>Toko</h1><h2>Minuman</h2><ul><li>Kopi Rp25.000<li>Teh <b>tarik</b> "
        "Rp18.000</ul>"
        "<h2>Jam</h2><dl><dt>Senin</dt><dd>08-17</dd><dt>Minggu</dt><dd>tutup</dd></dl>baris satu<br>baris dua"
    )
    assert [(one.path, one.text) for one in found] == [
        (("Toko", "Minuman"), "- Kopi Rp25.000\n\n- Teh tarik Rp18.000"),
        (("Toko", "Jam"), "Senin: 08-17\n\nMinggu: tutup\n\nbaris satu\nbaris dua"),
    ]


def test_the_faq_in_the_structured_data_is_read_once() -> None:
    faq = {
        "@context": "https://schema.org",
        "@graph": [
            {
                "@type": "FAQPage",
                "mainEntity": [
                    {
                        "@type": "Question",
                        "name": "Bisa refund?",
                        "acceptedAnswer": {"@type": "Answer", "text": "<p>Bisa, 7 hari.</p>"},
                    },
                    {
                        "@type": "Question",
                        "name": "Ada wifi?",
                        "acceptedAnswer": {"@type": "Answer", "text": "Ada, gratis."},
                    },
                ],
            }
        ],
    }
    script = f'<script type="application/ld+json">{json.dumps(faq)}</script><script type="application/ld+json">[broken</script>'
    found = passages("<h1>Toko</h1><details><summary>Ada wifi?</summary><p>Ada, gratis.</p></details>", script)
    assert sorted((one.question, one.answer) for one in found) == [
        ("Ada wifi?", "Ada, gratis."),
        ("Bisa refund?", "Bisa, 7 hari."),
    ]


def test_lists_breaks_and_tables_in_cells_stay_in_their_row() -> None:
    [passage] = passages(
        "<table><tr><th>Paket</th><th>Isi</th></tr><tr><td>A<br>B</td><td><ul><li>kopi<li>teh</ul></td></tr>"
        "<tr><td>C</td><td><table><tr><th>Barang<th>Jumlah<tr><td>Roti<td>2</table></td></tr></table>"
    )
    assert passage.text == "Paket: A B; Isi: kopi; teh\nPaket: C; Isi: Barang: Roti, Jumlah: 2"


def test_a_caption_stands_above_its_rows() -> None:
    found = passages(
        "<p>Tarif.</p><table><caption>Akhir pekan</caption><tr><th>Jam<th>Tarif<tr><td>Pagi<td>Rp150.000</table><p>Lain.</p>"
    )
    assert [(one.path, one.text) for one in found] == [
        ((), "Tarif."), (("Akhir pekan",), "Jam: Pagi; Tarif: Rp150.000"), ((), "Lain."),
    ]  # fmt: skip


def test_hidden_rows_and_taken_back_prices_are_not_quoted() -> None:
    loaded = load(
        b"<table><tr><th>Produk<th>Harga<tr><td>Kopi<td><del>Rp30.000</del> Rp25.000<tr hidden><td>Modal<td>Rp9.000</table>"
    )
    assert "30.000" not in loaded.text
    assert "9.000" not in loaded.text
    assert loaded.problem == "left out: hidden rows or cells of a table"


RULES = """<style>/* .a{} */ .note { display : none } @media print { .shown { display: none } }
@media (max-width: 600px) { .shown { display: none } } .phone { display: none } @media (max-width: 600px) { .phone { display: block } }
#x > p, .list li:nth-child(2) { display: none } .list { color: #333 } a:hover { display: none } [data-for=staff] { display: none }
.off { position: absolute; left: -9999px } .on { display: none } p.on { display: block !important }</style>"""


@pytest.mark.parametrize(
    "how",
    [
        "<div hidden><p>Modal Rp9.000</p></div>",
        "<div style='display: none'><p>Modal Rp9.000</p></div>",
        "<p style='visibility:hidden'>Modal Rp9.000</p>",
        "<p style='font-size: 0px'>Modal <b>Rp9.000</b></p>",
        "<p style='position:absolute; left:-9999px'>Modal Rp9.000</p>",
        "<p style='color:#fff'>Modal Rp9.000</p>",
        "<div style='background:#222'><p style='background:white;color:#fefefe'>Modal Rp9.000</p></div>",
        "<p style='color: rgba(0, 0, 0, 0)'>Modal Rp9.000</p>",
        "<p style='height:0;overflow:hidden'>Modal Rp9.000</p>",
        "<dialog>Modal Rp9.000</dialog>",
        "<p class='small note'>Modal Rp9.000</p>",
        "<div id=x><p>Modal Rp9.000</p></div>",
        "<ul class=list><li>Halo<li>Modal Rp9.000</ul>",
        "<p data-for=staff>Modal Rp9.000</p>",
        "<h2>Jam <span class=off>Modal Rp9.000</span></h2>",
        "<dl><dt>Senin<dd>08-17 <i class=note>Modal Rp9.000</i></dl>",
    ],
)
def test_what_a_page_hides_is_left_out_and_said(how: str) -> None:
    loaded = load(f"{RULES}<h1>Toko</h1><p>Harga Rp50.000</p>{how}".encode())
    assert "Harga Rp50.000" in loaded.text
    assert "9.000" not in loaded.text
    assert loaded.problem == "left out: hidden parts of the page"


@pytest.mark.parametrize(
    "how",
    [
        "<p aria-hidden=true>Rp9.000</p>",
        "<p class=shown>Rp9.000</p>",
        "<p class=phone>Rp9.000</p>",
        "<p class=on>Rp9.000</p>",
        "<ul class=list><li>Rp9.000</ul>",
        "<div style='font-size:0'><p style='font-size:14px'>Rp9.000</p></div>",
        "<div style='visibility:hidden'><p style='visibility:visible'>Rp9.000</p></div>",
        "<div style='background:#222'><p style='color:white'>Rp9.000</p></div>",
        "<div style='background:url(a.jpg)'><p style='color:white'>Rp9.000</p></div>",
        "<p style='color:transparent;background-image:linear-gradient(red,blue)'>Rp9.000</p>",
        "<div style='height:0;padding-bottom:56%;overflow:hidden'>Rp9.000</div>",
        "<dialog open>Rp9.000</dialog>",
        "<button popovertarget=p>Ongkir</button><div popover id=p>Rp9.000</div>",
        "<details><summary>Ongkir</summary>Rp9.000</details>",
        "<div hidden=until-found>Rp9.000</div>",
    ],
)
def test_what_a_reader_of_the_page_sees_is_read(how: str) -> None:
    loaded = load(f"{RULES}<h1>Toko</h1>{how}".encode())
    assert "Rp9.000" in loaded.text
    assert loaded.problem is None


def test_a_column_that_a_rule_hides_shifts_no_value_and_what_is_struck_out_leaves_its_cell() -> None:
    page = (
        "<style>td.c, th:nth-child(2) { display: none } .old { text-decoration: line-through }</style>"
        "<table><tr><th>Menu<th class=c>Modal<th>Harga<tr><td>Soto<td class=c>9.100<td><b class=old>25.000</b> 22.000"
        "<tr><td>Rawon<td class=c>9.200<td class=old>32.000</table>"
    )
    loaded = load(page.encode())
    assert [block.shown for block in loaded.blocks] == ["Menu: Soto\nHarga: 22.000", "Menu: Rawon"]
    assert loaded.problem == "left out: hidden rows or cells of a table"


@pytest.mark.parametrize(
    "markup",
    [
        "<button aria-controls=a1>Ongkir</button><p><div id=a1 hidden>Rp9.000</div>",
        '<a href="#a1">Ongkir</a><p><div id=a1 style="display:none">Rp9.000</div>',
        '<div class="accordion-body" style="display:none">Rp9.000</div>',
        "<div role=tabpanel hidden>Rp9.000</div>",
        "<h3>Ongkir</h3><div hidden>Rp9.000</div>",
    ],
)
def test_what_a_reader_of_the_page_can_open_is_read(markup: str) -> None:
    loaded = load(f"<h1>Toko</h1>{markup}".encode())
    assert "Rp9.000" in loaded.text
    assert loaded.problem is None


def test_facts_of_the_structured_data_that_the_page_does_not_show_are_read_once() -> None:
    offer = {"@type": "Offer", "price": "749000", "priceCurrency": "IDR", "availability": "https://schema.org/InStock"}
    product = {"@type": "Product", "name": "Blender", "image": "https://a.example/b.jpg", "offers": offer}
    shown = {"@type": "Product", "name": "Panci", "offers": {"@type": "Offer", "price": "50000"}}
    head = "".join(f'<script type="application/ld+json">{json.dumps(one)}</script>' for one in (product, shown))
    first, *others = passages("<h1>Dapur</h1><p>Panci 50000</p>", head)
    assert first.text == "name: Blender\noffers price: 749000\noffers priceCurrency: IDR\noffers availability: InStock"
    assert [one.text for one in others] == ["Panci 50000"]


@pytest.mark.parametrize("tag", ["header", "footer", "aside", "div"])
def test_a_page_that_is_nothing_but_its_frame_is_read(tag: str) -> None:
    found = passages(f"<{tag}><h1>Tutup</h1><p>Kami tutup sampai 5 Januari.</p></{tag}>")
    assert [(one.title, one.text) for one in found] == [("Tutup", "Kami tutup sampai 5 Januari.")]


def test_the_facts_of_a_footer_stay_under_no_heading() -> None:
    found = passages(
        "<h1>Toko</h1><h2>Retur</h2><p>7 hari.</p><footer><p>Jl. Melati 5</p><p>(c) 2026 Toko</p><p>Ikuti kami</p></footer>"
    )
    assert [(one.title, one.text) for one in found] == [("Toko", "Jl. Melati 5"), ("Toko > Retur", "7 hari.")]


def test_the_facts_that_a_picture_is_described_with_are_read() -> None:
    pictures = '<img alt="Kebaya Encim Rp385.000"><img alt="IMG 2034.jpg"><img alt="logo2"><img alt="Suasana toko">'
    assert passages(f"<p>Baru:</p><figure>{pictures}</figure>")[0].text.split() == [
        "Baru:",
        "Kebaya",
        "Encim",
        "Rp385.000",
    ]


def test_a_row_of_headings_among_the_rows_begins_another_table() -> None:
    first = "<tr><th>Jam<th>Biasa<th>Libur<tr><td>08-16<td>95.000<td>125.000<tr><td>16-22<td>145.000<td>175.000"
    found = passages(f"<table>{first}<tr><th>Sewa<th>Member<th>Umum<tr><td>Rompi<td>gratis<td>3.750</table>")
    assert found[0].text.split("\n")[-1] == "Sewa: Rompi; Member: gratis; Umum: 3.750"


def test_a_layout_table_is_no_table() -> None:
    found = passages("<table><tr><td><h2>Harga</h2><table><tr><th>A<th>B<tr><td>1<td>2</table></td></tr></table>")
    assert [(one.path, one.text) for one in found] == [(("Harga",), "A: 1; B: 2")]


@pytest.mark.parametrize(
    "title", ["Untitled", "Untitled Document 2", "Dokumen tanpa judul", "New Page 1", "Halaman baru"]
)
def test_untitled_is_no_title(title: str) -> None:
    assert load(f"<title>{title}</title><p>Isi halaman ini.".encode()).title is None


@pytest.mark.parametrize("written", ["<br>", "</br>", "<BR/>", "</ BR>".replace(" ", "")])
def test_a_break_parts_words_however_it_is_written(written: str) -> None:
    row = f"<table><tr><th>Menu</th><th>Jam</th></tr><tr><td>Kopi{written}Susu</td><td>08.00{written}20.00</td></tr></table>"
    text = split("a.html", load(row.encode()))[0].text
    assert text == "Menu: Kopi Susu; Jam: 08.00 20.00"


def test_deep_nesting_is_read_or_refused_and_nothing_worse() -> None:
    deep = "<div>" * 5_000 + "isi" + "</div>" * 5_000
    found = passages(f"<p>Awal.</p>{deep}")
    assert found[0].text.startswith("Awal.")


def test_a_table_continues_none_that_stands_before_it() -> None:
    prices = "<table><tr><th>Produk<th>Harga<tr><td>Sabun<td>15.000<tr><td>Sikat<td>7.500</table>"
    hours = "<table><tr><th>Senin<td>8.000<tr><th>Sabtu<td>9.000</table>"
    (found,) = passages(prices + hours)
    assert "Produk: Sikat; Harga: 7.500" in found.text
    assert "Produk: Senin" not in found.text


@pytest.mark.parametrize(
    ("link", "read"),
    [
        ('<a href="mailto:cs@toko.example?subject=x">Kirim surel</a>', "Kirim surel (cs@toko.example)"),
        ('<a href="tel:+62215550199">telepon</a>', "telepon (+62215550199)"),
        ('<a href="https://wa.me/6281234567890?text=halo">Chat kami</a>', "Chat kami (6281234567890)"),
        ('<a href="tel:+62215550199">(021) 555-0199</a>', "(021) 555-0199"),
        ('<a href="mailto:cs@toko.example">cs@toko.example</a>', "cs@toko.example"),
        ('<a href="https://toko.example/5550199">toko</a>', "toko"),
    ],
)
def test_the_number_or_address_behind_a_link_is_read_where_its_words_do_not_say_it(link: str, read: str) -> None:
    assert passages(f"<p>{link}</p>")[0].text == read
    assert passages(f"<table><tr><th>A<th>B<tr><td>x<td>{link}<tr><td>y<td>z</table>")[0].text.startswith(
        f"A: x; B: {read}"
    )
