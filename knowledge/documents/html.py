"""Web pages: what a reader of the page reads, without menus, cookie bars and footers, and the questions in its structured data.

Headings, lists, definitions, tables and accordions keep their order and what they belong to. Extractors of articles (trafilatura was
measured) lose the headings and lists of pages that mark no `<main>`, as those of small shops.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from lxml import etree, html

from knowledge.documents import unseen
from knowledge.documents.jsonfile import flattened
from knowledge.documents.passage import Composer, Loaded, meaningful, with_entries
from knowledge.documents.splitter import FULL, count_words
from knowledge.documents.tables import Cell, Grid, Slot, grid, inline
from knowledge.errors import Unreadable
from language.encoding import decode

_BREAK_ENDED = re.compile(r"</br\s*/?>", re.IGNORECASE)  # HTML, 13.2.6.4.7: `</br>` is a break
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_NO_TEXT = frozenset(
    "script style template noscript svg canvas iframe object video audio select textarea input del s strike head title".split()
)
_MENUS = frozenset(("nav",))
_MENU_ROLES = frozenset("navigation search dialog alertdialog menu menubar tablist".split())
_PANEL = re.compile(r"accordion|collaps|panel|tab|faq|answer|toggle|content|slide|carousel|step", re.IGNORECASE)
_CONSENT = re.compile(r"cookie|consent|gdpr|skip-?link|skip-?to|screen-reader", re.IGNORECASE)
_MENU_NAMES = re.compile(r"nav|menu|crumb|sidebar|share|social|pagination|related|tags?\b|widget", re.IGNORECASE)
_COPYRIGHT = re.compile(r"©|\(c\)|copyright|hak cipta|all rights|hak terpelihara|powered by", re.IGNORECASE)
_FACT = re.compile(r"\d")
_PICTURE = re.compile(r"\.[a-z]{3,4}$", re.IGNORECASE)  # the name of its file
_BLOCKS = frozenset(
    "address article aside blockquote body center details dd div dl dt fieldset figcaption figure footer form header hr li main ol "
    "p pre section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6 caption legend".split()
)
_CONTACT = re.compile(
    r"\s*(?:mailto:|tel:|https?://wa\.me/|https?://api\.whatsapp\.com/send/?\?phone=)([^?&#\s]+)", re.IGNORECASE
)
_PANELS = ("div", "section", "article", "ul", "ol", "dl")  # what an accordion puts under its headings
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_DEEPEST = 8  # tables in tables
_MAX_STRUCTURED = 20_000  # objects of structured data
_THING = re.compile(
    r"Product|Offer|Business|Store|Shop|Restaurant|Hotel|Clinic|Salon|Organization|Service$|MenuItem$|Event$"
)
_SCHEMA = re.compile(r"https?://schema\.org/(?=\w+$)")
_LONGEST_FIELD = 300  # characters; a longer one is a text that the page shows

_SPAN = 1_000  # HTML, 4.9.11: a cell spans at most so many columns


def load(data: bytes, content_type: str | None = None) -> Loaded:
    """Load what a page says, with its title, language and links.

    Raises:
        Unreadable: nothing is left without scripts and menus.
    """
    page = _BREAK_ENDED.sub("<br>", _DECLARATION.sub("", decode(data, content_type)).replace("\x00", " "))
    try:
        tree = html.document_fromstring(page, parser=html.HTMLParser(remove_comments=True, remove_pis=True))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        if "unknown error" in str(error):  # how libxml2 reports that it got no memory
            raise MemoryError from error
        raise Unreadable(f"the page holds no text: {error}") from error
    title, language, links = _facts(tree)
    structured = list(_structured(tree))
    reader = _Reader(tree)
    reader.read(tree)
    composer = reader.composer
    visible = " ".join(composer.text.split())
    hidden = [(question, answer) for question, answer in _questions(structured) if answer[:80] not in visible]
    described = [fields for fields in _described(structured) if any(value not in visible for _, value in fields)]
    if hidden or described or reader.footers:
        composer = reader.with_first(reader.footers, hidden, described)
    if not composer.blocks:
        raise Unreadable("the page holds no text of its own (is it built by scripts in the browser?)")
    return Loaded(
        composer.text,
        with_entries(composer.blocks, composer.text),
        title=meaningful(title) or reader.first_heading,
        language=language,
        links=links,
        problem=f"left out: {'; '.join(reader.left_out)}" if reader.left_out else None,
    )


def _facts(tree: Any) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Title, language and links of a page."""
    title = " ".join((tree.findtext(".//title") or "").split()) or None
    language = (tree.get("lang") or "").split("-")[0].lower() or None
    links = [one.get("href") for one in tree.iter("a") if "nofollow" not in (one.get("rel") or "")]
    return title, language, tuple(link for link in links if link)


class _Reader:
    """Reads one page into a `Composer`, block by block. Text between blocks is gathered until the next one."""

    def __init__(self, tree: Any) -> None:
        self.composer = Composer()
        self.footers: list[str] = []
        self._opened = _opened(tree)
        self.left_out = unseen.remove(tree, self._can_open)
        self.first_heading: str | None = None
        self._gathered: list[str] = []
        self._level = 0  # of the last heading

    def read(self, tree: Any) -> None:
        """Read the main part of a page; the whole page when that holds hardly anything."""
        body = tree.find("body")
        body = tree if body is None else body
        mains = [one for one in body.iter("main", "article") if _is_outermost(one)]
        mains = mains or [one for one in body.iter() if isinstance(one.tag, str) and one.get("role") == "main"][:1]
        whole = len(_plain(body).split())
        inner = sum(len(_plain(one).split()) for one in mains)
        if mains and inner * 5 >= whole:
            for main in mains:
                self._block(main)
        else:
            self._block(body)
        if not self.composer.blocks:  # a page that is nothing but its header or footer
            for part in body.iter("header", "footer", "aside", "form"):
                self._children(part)
                self._flush()
            return
        for footer in body.iter("footer"):
            self._footer(footer)

    def with_first(
        self, paragraphs: list[str], answers: list[tuple[str, str]], described: list[list[tuple[str, str]]]
    ) -> Composer:
        """What was read, after what stands under no heading of the page."""
        composer = Composer()
        for paragraph in paragraphs:
            composer.paragraph(paragraph)
        for question, answer in answers:
            composer.answer(question, answer)
        for fields in described:
            composer.paragraph("\n".join(f"{name}: {value}" for name, value in fields))
        for block in self.composer.blocks:
            composer.copy(block, self.composer.text[block.start : block.end])
        return composer

    def _footer(self, footer: Any) -> None:
        """Read the facts of a page's footer: lines with a number, such as an address or hours, not the copyright."""
        lines = [" ".join(line.split()) for line in _lined(footer).split("\n")]
        facts = [line for line in dict.fromkeys(lines) if _FACT.search(line) and not _COPYRIGHT.search(line)]
        facts = [line for line in facts if line not in self.composer.text]
        if facts:
            self.footers.append("\n".join(facts))

    def _flush(self, prefix: str = "") -> None:
        lines = [" ".join(line.split()) for line in "".join(self._gathered).split("\n")]
        self._gathered = []
        text = "\n".join(line for line in lines if line)
        if text:
            self.composer.paragraph(prefix + text)

    def _block(self, element: Any) -> None:
        """Read an element that is a block of its own."""
        self._flush()
        tag = element.tag
        if tag in _HEADINGS:
            self._heading(int(tag[1]), " ".join(_lined(element).split()))
        elif tag == "table":
            self._table(element)
        elif tag == "details":
            self._details(element)
        elif tag == "dl":
            self._definitions(element)
        elif tag == "li":
            self._children(element, "- ")
        else:
            self._children(element)
        self._flush("- " if tag == "li" else "")

    def _heading(self, level: int, text: str) -> None:
        if text:
            self.composer.heading(level, text)
            self.first_heading = self.first_heading or text
            self._level = level

    def _children(self, element: Any, prefix: str = "") -> None:
        self._gathered.append(element.text or "")
        for child in element:
            if isinstance(child.tag, str) and not _is_left_out(child):
                self._child(child, prefix)
            self._gathered.append(child.tail or "")

    def _child(self, child: Any, prefix: str) -> None:
        if child.tag == "br":
            self._gathered.append("\n")
        elif child.tag == "img":
            described = (child.get("alt") or "").strip()
            if _FACT.search(described) and " " in described and not _PICTURE.search(described):
                self._gathered.append(f" {described} ")
        elif child.tag == "button":
            asked = " ".join(_lined(child).split())
            if asked.endswith("?"):  # an accordion
                self._flush(prefix)
                self._heading(min(self._level + 1, 6) if not _is_asked_last(self.composer) else self._level, asked)
        elif child.tag in _BLOCKS or any(isinstance(one.tag, str) and one.tag in _BLOCKS for one in child.iter()):
            self._flush(prefix)
            self._block(child)
        else:
            self._children(child)
            self._gathered.append(_contact(child))

    def _can_open(self, element: Any) -> bool:
        """Whether a reader of the page opens what is hidden now: the panel of a tab or of an accordion."""
        if element.get("id") in self._opened:
            return True
        if element.tag == "dialog" or element.get("popover") is not None:  # those are opened by their names
            return False
        named = f"{element.get('class') or ''} {element.get('id') or ''} {element.get('role') or ''}"
        before = element.getprevious()
        asked = (
            before is not None
            and before.get("hidden") is None
            and (before.tag in ("button", "dt", "summary") or (before.tag in _HEADINGS[1:] and element.tag in _PANELS))
        )
        return asked or bool(_PANEL.search(named))

    def _details(self, details: Any) -> None:
        """An accordion: its summary asks, what it opens answers. One that holds headings or a long text is a chapter."""
        summary = details.find("summary")
        asked = "" if summary is None else " ".join(_lined(summary).split())
        if summary is not None:
            summary.clear(keep_tail=True)
        answer = self._answer(details)
        if (
            asked
            and answer
            and not any(True for _ in details.iter(*_HEADINGS, "details") if _ is not details)
            and (count_words(answer) <= 2 * FULL)
        ):
            self.composer.answer(asked, answer)
            return
        level = self._level
        self._heading(min(level + 1, 6), asked)
        self._children(details)
        self._flush()
        self._level = level

    def _answer(self, details: Any) -> str:
        lines = (" ".join(line.split()) for line in self._cell(details, 0, "\n").split("\n"))
        return "\n".join(line for line in lines if line)

    def _definitions(self, element: Any) -> None:
        """A list of terms: each definition with the terms before it."""
        terms: list[str] = []
        was_definition = False
        for item in element.iter("dt", "dd"):
            text = " ".join(_lined(item).split())
            if item.tag == "dt":
                terms = [text] if was_definition else [*terms, text]
                was_definition = False
                continue
            was_definition = True
            named = ", ".join(term.rstrip(":") for term in terms if term)
            if named.endswith("?"):
                self.composer.answer(named, text)
            elif text:
                self.composer.paragraph(f"{named}: {text}" if named else text)

    def _table(self, table: Any) -> None:
        if _is_layout(table):
            for row in [part for part in table.iter("td", "th", "caption") if _table_of(part) is table]:
                self._block(row)
        else:
            self.composer.part()  # no page break parts a table here
            self.composer.table(self._grid(table, 0))

    def _grid(self, table: Any, depth: int) -> Grid:
        rows: list[list[Cell | None]] = []
        for row in _own(table, "tr"):
            is_head = row.getparent().tag == "thead"
            cells: list[Cell | None] = []
            for cell in row:
                if cell.tag not in ("td", "th"):
                    continue
                text = " ".join(self._cell(cell, depth).split()).strip("; ")
                strong = is_head or cell.tag == "th" or _is_bold(cell)
                cells.append(Cell(text, _span(cell, "colspan", _SPAN), _span(cell, "rowspan", 65_534), strong))
            rows.append(cells)
        placed = grid(rows)
        caption = table.find("caption")
        named = "" if caption is None else " ".join(_lined(caption).split())
        if named and placed:
            below = [[_moved(slot) for slot in row] for row in placed]
            placed = [*grid([[Cell(named, len(placed[0]))], [None] * len(placed[0])]), *below]
        return placed

    def _cell(self, cell: Any, depth: int, gap: str = " ") -> str:
        """The text of a cell: breaks are spaces, list items are parted, a picture is its description, a table stands in line."""
        parts: list[str] = [cell.text or ""]
        for child in cell:
            if not isinstance(child.tag, str) or child.tag in _NO_TEXT - {"input"}:
                pass
            elif child.tag == "table":
                parts += (" ", inline(self._grid(child, depth + 1)) if depth < _DEEPEST else "", " ")
            elif child.tag == "img":
                parts += (" ", child.get("alt") or "", " ")
            elif child.tag == "input":
                parts += (" ", "" if child.get("type") == "hidden" else (child.get("value") or ""), " ")
            else:
                edge = gap if child.tag in _BLOCKS or child.tag == "br" else ""
                item = gap == " " and child.tag == "li"
                parts += (edge, self._cell(child, depth, gap), _contact(child), "; " if item else edge)
            parts.append(child.tail or "")
        return "".join(parts)


def _contact(link: Any) -> str:
    """The number or address behind a link, where its words do not say it."""
    found = _CONTACT.match(link.get("href") or "") if link.tag == "a" else None
    if found is None:
        return ""
    address, words = unquote(found[1])[:_LONGEST_FIELD], _plain(link)
    digits = "".join(filter(str.isdigit, address))[-8:]
    said = address in words or ("@" not in address and digits in "".join(filter(str.isdigit, words)))
    return "" if said else f" ({address})"


def _moved(slot: Slot) -> Slot:
    """A slot two rows further down, under the caption."""
    return replace(slot, row=slot.row + 2) if slot.row >= 0 else slot


def _own(table: Any, *tags: str) -> Iterator[Any]:
    """Yield the elements of a table that are not those of a table in it."""
    for element in table.iter(*tags):
        above = element.getparent()
        while above is not None and above is not table and above.tag != "table":
            above = above.getparent()
        if above is table:
            yield element


def _is_outermost(element: Any) -> bool:
    return not any(above.tag in ("main", "article", "nav", "footer") for above in element.iterancestors())


def _table_of(element: Any) -> Any:
    return next((above for above in element.iterancestors() if above.tag == "table"), None)


def _is_left_out(element: Any) -> bool:
    """Whether an element is a menu, a cookie bar or the frame of the page, rather than what the page says."""
    role = "" if element.tag == "dialog" else (element.get("role") or "").lower()
    if element.tag in _NO_TEXT or element.tag in _MENUS or role in _MENU_ROLES:
        return True
    if element.tag in ("footer", "header", "aside"):
        inside = any(above.tag in ("main", "article", "section") for above in element.iterancestors())
        return not inside and (element.tag != "header" or element.find(".//h1") is None)
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    if _CONSENT.search(named) and element.tag not in ("body", "main", "article"):
        return count_words(_plain(element)) < FULL
    return bool(_MENU_NAMES.search(named)) and _is_of_links(element)


def _is_of_links(element: Any) -> bool:
    """Whether nearly all text of an element is links, and none of it a number: a menu, not a list of prices."""
    text = _plain(element)
    linked = sum(len(_plain(link)) for link in element.iter("a"))
    return bool(text) and linked >= 0.7 * len(text) and not _FACT.search(text)


def _is_asked_last(composer: Composer) -> bool:
    """Whether the last heading was a question: the next one of an accordion stands beside it."""
    last = next((block for block in reversed(composer.blocks) if block.kind == "heading"), None)
    return last is not None and (last.shown or "").endswith("?")


def _plain(element: Any) -> str:
    return " ".join(_lined(element).split())


def _lined(element: Any) -> str:
    """The text of an element, with a line break where a block begins or ends."""
    parts: list[str] = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _NO_TEXT:
            gap = "\n" if child.tag in _BLOCKS or child.tag == "br" else ""
            parts += (gap, _lined(child), gap)
        parts.append(child.tail or "")
    return "".join(parts)


def _is_layout(table: Any) -> bool:
    if table.get("role") in ("presentation", "none"):
        return True
    own_heads = any(True for _ in _own(table, "th", "thead"))
    rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in _own(table, "tr")]
    has_blocks = any(True for _ in table.iter("table", *_HEADINGS, "form", "main", "article") if _ is not table)
    if max((len(row) for row in rows), default=0) <= 1:
        return has_blocks or not own_heads
    lone = sum(1 for row in rows if len(row) == 1)
    return not own_heads and has_blocks and (lone > 0 or len(rows) == 1)


def _is_bold(cell: Any) -> bool:
    """Whether all text of a cell stands in one `<b>` or `<strong>`."""
    marked = [child for child in cell if child.tag in ("b", "strong")]
    return len(marked) == 1 and _lined(marked[0]).strip() == _lined(cell).strip() != ""


def _span(cell: Any, name: str, largest: int) -> int:
    value = (cell.get(name) or "").strip()
    number = int(value) if value.isdecimal() and len(value) < 9 else 1
    if number == 0 and name == "rowspan":
        return largest  # to the end of the table
    return max(1, min(number, largest))


def _opened(tree: Any) -> frozenset[str]:
    """The ids of what links and buttons of a page open."""
    targets = (
        element.get(name)
        for element in tree.iter("a", "button", "div", "h2", "h3", "h4", "label", "li", "span")
        for name in ("aria-controls", "data-target", "data-bs-target", "href", "for", "popovertarget", "commandfor")
    )
    return frozenset(target.removeprefix("#") for target in targets if target)


def _structured(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a page's structured data (JSON-LD), outer ones first."""
    count = 0
    for script in tree.iter("script"):
        if "ld+json" not in (script.get("type") or ""):
            continue
        try:
            pending = [json.loads(script.text or "")]
        except (ValueError, RecursionError):
            continue
        while pending and count < _MAX_STRUCTURED:
            value = pending.pop()
            if isinstance(value, list):
                pending += reversed(value)
            elif isinstance(value, dict):
                count += 1
                yield value
                pending += [one for one in value.values() if isinstance(one, dict | list)]


def _questions(structured: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the questions and answers of a FAQ (schema.org/FAQPage)."""
    for value in structured:
        answer = value.get("acceptedAnswer") or value.get("suggestedAnswer")
        answers = [
            one.get("text") for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, dict)
        ]
        question = value.get("name") or value.get("text")
        if (
            value.get("@type") == "Question"
            and isinstance(question, str)
            and isinstance(first := next(iter(answers), None), str)
        ):
            yield _bare(question), _bare(first)


def _described(structured: list[dict[str, Any]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the fields of products, offers and businesses that hold a figure, without addresses of pages and pictures."""
    said: set[str] = set()
    for value in structured:
        kinds = value.get("@type")
        if not _THING.search(" ".join(str(kind) for kind in (kinds if isinstance(kinds, list) else [kinds]))):
            continue
        try:
            found = [(name, _SCHEMA.sub("", _bare(text))) for name, text in flattened(value, "", 0)]
        except Unreadable:  # more levels than are read
            continue
        fields = [
            (name, text)
            for name, text in found
            if "@" not in name and "://" not in text and len(text) <= _LONGEST_FIELD
        ]
        if any(_FACT.search(text) and text not in said for _, text in fields):  # not the content of an outer one
            yield fields
        said.update(text for _, text in fields)


def _bare(markup: str) -> str:
    """The text of a value that may hold HTML."""
    if "<" not in markup and "&" not in markup:
        return " ".join(markup.split())
    try:
        return " ".join(_lined(html.fromstring(f"<div>{markup}</div>")).split())
    except (etree.ParserError, ValueError):
        return " ".join(markup.split())
