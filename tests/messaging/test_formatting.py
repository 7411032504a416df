"""Markdown as chats show it."""

import html
import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from messaging.formatting import Dialect, for_channel, numbered, on_one_line, render, takes_quick_replies
from messaging.types import Template


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("Halo kak", "Halo kak"),
        ("**tebal** dan __tebal__", "*tebal* dan *tebal*"),
        ("*miring* dan _miring_", "_miring_ dan _miring_"),
        ("***keduanya***", "*_keduanya_*"),
        ("~~lama~~ baru", "~lama~ baru"),
        ("`kode` saja", "`kode` saja"),
        ("```python\na = 1\nb = 2\n```", "```a = 1\nb = 2```"),
        ("# Judul\nisi", "*Judul*\nisi"),
        ("## Menu **Kopi**\n\nisi", "*Menu Kopi*\n\nisi"),
        ("satu\ndua\n\n\n\ntiga", "satu\ndua\n\ntiga"),
        ("- a\n- b", "- a\n- b"),
        ("* a\n* b\n  * c", "- a\n- b\n  - c"),
        ("3. tiga\n4. empat", "3. tiga\n4. empat"),
        ("1. satu\n1. dua", "1. satu\n2. dua"),
        ("> kutipan\n> dua", "> kutipan\n> dua"),
        ("[menu](https://a.example/m)", "menu (https://a.example/m)"),
        ("[https://a.example](https://a.example/)", "https://a.example/"),
        ("[a.example](https://www.a.example/)", "https://www.a.example/"),
        ("<https://a.example/x_y_z>", "https://a.example/x_y_z"),
        ("[di sini](docs/menu.md)", "di sini"),
        ("[WA](tel:+62812)", "WA (+62812)"),
        ("<ani@example.com>", "ani@example.com"),
        ("![foto](https://a.example/f.png)", "foto (https://a.example/f.png)"),
        ("baris<br>baru", "baris\nbaru"),
        ("AT&amp;T \\*bintang\\*", "AT&T *bintang*"),
        ("<b>x</b>", "<b>x</b>"),
        ("**https://a.example/b**", "https://a.example/b"),
        ("https://a.example/a_b?q=*a*&r=_x_ ya", "https://a.example/a_b?q=*a*&r=_x_ ya"),
        ("https://aaa.id/_*0 dan https://aaa.id/_*0", "https://aaa.id/_*0 dan https://aaa.id/_*0"),
        ("https://a.example/_x_/y_z dan *itu*", "https://a.example/_x_/y_z dan _itu_"),
        ("un**frigg**ing", "unfrigging"),
        ("**tebal\nsekali**", "*tebal*\n*sekali*"),
        ("** bukan **", "** bukan **"),
        ("5 * 3 * 2 = 30, kode_pesanan_kamu", "5 * 3 * 2 = 30, kode_pesanan_kamu"),
        ("Total: **Rp 25.000**.", "Total: *Rp 25.000*."),
        ("    empat spasi", "empat spasi"),
        ("Judul\n---\nisi", "Judul\n———\nisi"),
        ("#1 promo", "#1 promo"),
        ("", ""),
    ],
)
def test_markdown_becomes_what_whatsapp_shows(markdown: str, shown: str) -> None:
    assert render(markdown, "whatsapp") == shown


def test_a_table_becomes_a_line_per_row() -> None:
    table = "| Menu | Panas | Es |\n|---|---:|---:|\n| Latte | 25.000 | **28.000** |\n| Teh | | 8.000 |"
    assert render(table, "whatsapp") == "- *Latte* – Panas: 25.000, Es: *28.000*\n- *Teh* – Es: 8.000"
    assert render(table, "plain") == "• Latte – Panas: 25.000, Es: 28.000\n• Teh – Es: 8.000"


@pytest.mark.parametrize("source", ["instagram", "facebook", "telegram", "something_new"])
def test_other_channels_get_plain_text(source: str) -> None:
    assert for_channel("# Menu\n- **Kopi** `K1` ~~x~~\n- [Teh](https://a.example)", source) == (
        "Menu\n• Kopi K1 x\n• Teh (https://a.example)"
    )


@pytest.mark.parametrize(
    "source", ["whatsapp_cloud", "360dialog_whatsapp", "whatsapp", "WhatsApp_Business", "whatsapp_device", None]
)
def test_whatsapp_is_known_under_all_its_names(source: str | None) -> None:
    assert for_channel("**Kopi**", source) == "*Kopi*"


@pytest.mark.parametrize("text", ["{{$contact.email}}", "{{ $assignee.email }}", "{{@user.1}}"])
def test_the_platforms_variables_are_not_filled_in_from_what_a_model_wrote(text: str) -> None:
    shown = for_channel(text, "whatsapp_cloud")
    assert not re.search(r"\{\{\s*[$@]", shown)
    assert shown.replace("\N{WORD JOINER}", "") == text


@pytest.mark.parametrize(
    "text",
    [
        *("2*3*4 = 24", "10*20*30 cm", "2*10.000 dan 3*5.000", "KS*2024*01", "2**10**3", "~~5~~4", "7*8 dan 9*10*11"),
        *("+ ongkir 10.000\n+ pajak 1.000", "- 5.000\n- Rp 6.000", "* 5.000\n* IDR 6.000", "5) lima\n7) tujuh"),
        *("2. dua\n5. lima", "007. tujuh", "kode_pesanan_01_A", "+62 812-3456-7801", "*#06#", "https://a.id/a*b*c_d_"),
    ],
)
@pytest.mark.parametrize("dialect", ["whatsapp", "plain"])
def test_sums_codes_sizes_and_signs_arrive_to_the_letter(text: str, dialect: Dialect) -> None:
    assert render(text, dialect) == text


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("wa.me/62812", "di sini (wa.me/62812)"),
        ("www.kopi.id/menu?x=é", "di sini (www.kopi.id/menu?x=é)"),
        ("shop://barang/7", "di sini (shop://barang/7)"),
        ("kopi.id", "di sini (kopi.id)"),
        ("#harga", "di sini"),
        ("menu.md", "di sini"),
        ("../docs/menu.md", "di sini"),
    ],
)
def test_a_link_keeps_its_target_if_a_customer_can_open_it(target: str, shown: str) -> None:
    assert render(f"[di sini]({target})", "plain") == shown


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("a&lt;br&gt;b", "a<br>b"),
        ("`<br>`", "<br>"),
        ("\\<br>", "<br>"),
        ("**a<BR/>b**", "a\nb"),
        ("``` KS-123", "KS-123"),
        ("```KS-123\n```", "KS-123"),
        ("|a|b|\n|-|-|\n|1|2|5.000|", "• 1 – b: 2, 5.000"),
    ],
)
def test_what_is_no_formatting_is_not_lost(markdown: str, shown: str) -> None:
    assert render(markdown, "plain") == shown


_MARKUP = re.compile(r"[*_~`>#•—+-]|\s")


def _visible(text: str) -> str:
    return _MARKUP.sub("", text)


def _numbered(_: object, tokens: Sequence[Token], index: int, *__: object) -> str:
    """An item of a list with its number, which a page has only in its layout."""
    return f"<li>{tokens[index].info}{tokens[index].markup} "


def _commonmark(markdown: str) -> str:
    """The text of a page that a reader of CommonMark sees."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.disable(["code", "lheading", "html_block", "html_inline", "reference"])
    parser.add_render_rule("list_item_open", _numbered)
    page = re.sub(r"</?(?:em|strong|s|code|a)\b[^>]*>", "", parser.render(markdown))  # inside a word they are no space
    return html.unescape(re.sub(r"<[^>]*>", " ", page))


_FACTS = st.one_of(
    st.builds("Rp {:,}".format, st.integers(0, 10**9)),
    st.builds("{}*{}*{} cm".format, *[st.integers(1, 300)] * 3),
    st.builds("{} x *{}.000* = {}".format, *[st.integers(1, 99)] * 3),
    st.builds("{}*{}.000 + {}*{}.500".format, *[st.integers(1, 99)] * 4),
    st.from_regex(r"[A-Z]{2}[-_*][0-9]{3,6}[_*][A-Z0-9]{1,4}", fullmatch=True),
    st.from_regex(r"\+62 8[0-9]{2}-[0-9]{4}-[0-9]{3,4}", fullmatch=True),
    st.from_regex(r"https://[a-z]{3,8}\.id/[a-z0-9_*]{1,12}[a-z0-9]", fullmatch=True),
    st.sampled_from(
        ["kopi", "**tebal**", "*miring*", "__x__", "~~lama~~", "`k*1*`", "_ya_", "5*", "*syarat", "a_b", "&"]
    ),
)


@given(
    st.lists(_FACTS, min_size=1, max_size=8).map(" ".join)
    | st.lists(st.lists(_FACTS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=5).map("\n".join)
    | st.text(st.sampled_from("ab12*_~`\\ .,\n"), max_size=40)
)
@example("1\\.")
@example("1.*1*")
@example("1`.`")
@settings(max_examples=500)
def test_the_visible_text_is_what_commonmark_shows(markdown: str) -> None:
    assume(not re.search(r"```|~~~", markdown))
    assume(
        not re.search(r"(?m)^[ >]*[0-9]+[.)] *\\?$", markdown)
    )  # the number of an empty item is kept as it was written
    for dialect in ("whatsapp", "plain"):
        assert _visible(render(markdown, dialect)) == _visible(_commonmark(markdown))


@given(st.lists(_FACTS.filter(lambda fact: not re.search(r"^[*_~`]|[*_~`]$| \*", fact)), min_size=1, max_size=8))
def test_facts_without_formatting_arrive_to_the_letter(facts: list[str]) -> None:
    text = " ".join(facts)
    assert render(text, "whatsapp") == render(text, "plain") == text


_PIECES = st.sampled_from(
    [
        *(
            "kopi",
            " ",
            "\n",
            "\n\n",
            "**",
            "*",
            "_",
            "~~",
            "`",
            "```",
            "- ",
            "1. ",
            "> ",
            "# ",
            "|",
            "|---|",
            "[",
            "](",
            ")",
        ),
        *("https://a.b/c_d", "é", "😀", "<br>", "\\"),
    ]
)


@given(st.lists(_PIECES, max_size=30).map("".join) | st.text(max_size=60))
@settings(max_examples=300)
def test_no_text_breaks_it_and_no_word_is_lost(markdown: str) -> None:
    for dialect in ("whatsapp", "plain"):
        shown = render(markdown, dialect)
        if not any(mark in markdown for mark in ("|", "```", "~~~", "[")):  # cells, languages of code, addresses may go
            assert shown.count("kopi") == markdown.count("kopi")
        assert not shown.startswith((" ", "\n"))


@given(
    st.lists(st.sampled_from(["Kopi susu", "Rp 20.000", "-5%", "buka 08:00–21:00", "jl. Braga no. 1"]), min_size=1).map(
        "\n".join
    )
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert render(text, "whatsapp") == text


@pytest.mark.parametrize(
    ("source", "takes"),
    [
        ("whatsapp_cloud", True),
        ("twilio_whatsapp", True),
        ("instagram", True),
        ("facebook", True),
        ("telegram", True),
        (None, True),
        ("gmail", False),
        ("other_email", False),
        ("twilio_sms", False),
        ("sms", False),
    ],
)
def test_channels_of_mere_text_get_numbered_lines(source: str | None, takes: bool) -> None:
    assert takes_quick_replies(source) is takes


def test_answers_are_numbered() -> None:
    assert numbered("Ukuran?", ("Kecil", "Besar")) == "Ukuran?\n1. Kecil\n2. Besar"


def test_the_texts_of_a_template_are_one_line_each() -> None:
    body = {"type": "body", "text": "Halo {{1}}\nSalam", "parameters": [{"type": "text", "text": "Budi \n\t  Santoso"}]}
    flat = on_one_line(Template("hi", "id", (body,), ("a\n\nb", "c\t\td    e")))
    assert flat.values == ("a b", "c d e")
    assert flat.texts == ("a b", "c d e")
    assert on_one_line(Template("hi", "id", (body,))).texts == ("Budi Santoso",)
    assert flat.components[0]["text"] == "Halo {{1}}\nSalam"
    bare = {"type": "body", "text": "a\nb", "parameters": ["a\nb", {"x": ["c \t d"]}]}
    assert on_one_line(Template("hi", "id", (bare,))).components[0] == bare | {"parameters": ["a b", {"x": ["c d"]}]}


@given(st.from_regex(r"[a-zé][a-z0-9é ,.?!'\"()%/;:\n-]{0,60}", fullmatch=True), st.sampled_from(["whatsapp", "plain"]))
def test_what_holds_no_mark_is_shown_as_if_it_were_read_as_markdown(text: str, dialect: Dialect) -> None:
    read = render(f"{text}\n\n*x*", dialect)  # the mark has it read
    assert render(text, dialect) == read.rpartition("\n\n")[0]
