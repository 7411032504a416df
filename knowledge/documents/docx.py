"""Word documents: the text as a reader of the printed page sees it, in its order (ECMA-376, part 1, section 17)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from knowledge.documents.ooxml import Package, opened
from knowledge.documents.passage import Composer, Loaded
from knowledge.documents.tables import Cell, Grid, grid, inline
from knowledge.errors import Unreadable

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_ALTERNATE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HEADING = re.compile(r"(?:heading|judul|tajuk|überschrift|titre|título) (\d)", re.IGNORECASE)
Said = TypeVar("Said")
Notes: TypeAlias = Mapping[tuple[str, str], str]
"""Text of the notes of a document, by kind (`footnote`) and id."""
_GONE = frozenset({f"{W}del", f"{W}moveFrom", f"{W}instrText", f"{W}delText", f"{W}rPrChange", f"{W}pPrChange"})
_STRUCK = ("strike", "dstrike")
_PAPER = ("", "auto", "FFFFFF")  # no colour of its own
_FORMULA = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_DRAWN = ("/chart", "/diagram")
_DEEPEST = 8  # tables in tables


def load(data: bytes) -> Loaded:
    """Load a Word document: insertions in, deletions out, with content controls, text boxes, notes, headers and footers.

    Raises:
        Unreadable: it is not a DOCX file, or is protected by a password.
    """
    with opened(data, "DOCX", "document") as package:
        return _Reader(package).load()


@dataclass(frozen=True, slots=True)
class _Styles:
    """By the id of a style: the level of headings, whether its text is bold, and whether the first row of its tables is.

    `gone` says of its text whether it is `hidden`, `struck` out or neither (empty).
    """

    levels: Mapping[str, int]
    bold: Mapping[str, bool]
    heads: Mapping[str, bool]
    gone: Mapping[str, str]


def _inherited(own: Mapping[str, Said], based: Mapping[str, str]) -> dict[str, Said]:
    """What every style says, or the nearest one that it is based on."""
    found = dict(own)
    for id_ in based:
        above, seen = id_, {id_}
        while above and above not in own and based.get(above) and based[above] not in seen:
            above = based[above]
            seen.add(above)
        if above in own:
            found.setdefault(id_, own[above])
    return found


class _Reader:
    """Reads one document."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._main = package.main()
        self._parts = package.relations(self._main)
        self._styles = self._read_styles()
        self._composer = Composer()
        self._left_out: list[str] = []
        self._notes = self._read_notes()

    def load(self) -> Loaded:
        root = self._package.xml(self._main)
        body = None if root is None else root.find(f"{W}body")
        if body is None:
            raise Unreadable("not a readable DOCX document: it has no body")
        if next(body.iter(f"{W}commentReference"), None) is not None:
            self._left_out.append("comments")
        if any(run.find(f"{W}t") is not None and _gone(run, self._styles) == "hidden" for run in body.iter(f"{W}r")):
            self._left_out.append("hidden text")
        if any((drawn.get("uri") or "").endswith(_DRAWN) for drawn in body.iter("{*}graphicData")):
            self._left_out.append("charts and diagrams")
        self._margins()
        self._story(body)
        return Loaded(
            self._composer.text,
            self._composer.blocks,
            title=self._package.title(),
            problem=f"left out: {'; '.join(dict.fromkeys(self._left_out))}" if self._left_out else None,
        )

    def _part(self, kind: str) -> str | None:
        return next((one.target for one in self._parts.values() if one.kind == kind), None)

    def _read_styles(self) -> "_Styles":
        """Read what styles say of their paragraphs, runs and tables, also by the style each is based on."""
        root = self._package.xml(self._part("styles") or "word/styles.xml")
        levels: dict[str, int] = {}
        bold: dict[str, bool] = {}
        heads: dict[str, bool] = {}
        gone: dict[str, str] = {}
        based: dict[str, str] = {}
        for style in () if root is None else root.iter(f"{W}style"):
            name, id_ = _value(style.find(f"{W}name")), style.get(f"{W}styleId") or ""
            outline = style.find(f"{W}pPr/{W}outlineLvl")
            if match := _HEADING.match(name):
                levels[id_] = min(max(1, int(match[1])), 6)
            elif name.lower() == "title":
                levels[id_] = 1
            elif outline is not None and _value(outline).isdigit() and int(_value(outline)) < 9:
                levels[id_] = min(int(_value(outline)) + 1, 6)
            if (mark := style.find(f"{W}rPr/{W}b")) is not None:
                bold[id_] = _is_on(mark)
            if (said := _says_gone(style.find(f"{W}rPr"))) is not None:
                gone[id_] = said
            for part in style.iter(f"{W}tblStylePr"):
                if part.get(f"{W}type") == "firstRow" and (mark := part.find(f"{W}rPr/{W}b")) is not None:
                    heads[id_] = _is_on(mark)
            based[id_] = _value(style.find(f"{W}basedOn"))
        return _Styles(
            _inherited(levels, based), _inherited(bold, based), _inherited(heads, based), _inherited(gone, based)
        )

    def _story(self, parent: Any) -> None:
        """Append the paragraphs and tables below an element, in their order."""
        for item in _items(parent):
            if item.tag == f"{W}tbl":
                self._table(item)
                continue
            text = _text(item, self._notes, self._styles)
            if text.strip():
                if level := self._level(item):
                    self._composer.heading(level, " ".join(text.split()))
                else:
                    self._composer.paragraph("\n".join(" ".join(line.split()) for line in text.strip().split("\n")))
            elif not _breaks_page(item):
                self._composer.gap()
            for box in _boxes(item):
                self._story(box)

    def _level(self, paragraph: Any) -> int | None:
        properties = paragraph.find(f"{W}pPr")
        if properties is None:
            return None
        outline = _value(properties.find(f"{W}outlineLvl"))
        if outline.isdigit():
            return min(int(outline) + 1, 6) if int(outline) < 9 else None
        return self._styles.levels.get(_value(properties.find(f"{W}pStyle")))

    def _table(self, table: Any) -> None:
        rows, hidden = _grid(table, self._notes, self._styles)
        if hidden:
            self._left_out.append("hidden rows of a table")
        self._composer.table(rows)
        for box in _boxes(table):
            self._story(box)

    def _margins(self) -> None:
        """Append the page headers and footers, each text once."""
        seen: set[str] = set()
        for relation in self._parts.values():
            if relation.kind not in ("header", "footer"):
                continue
            root = self._package.xml(relation.target)
            if root is None:
                continue
            text = " ".join(
                "".join(
                    _text(item, self._notes, self._styles) if item.tag == f"{W}p" else "" for item in _items(root)
                ).split()
            )
            has_table = any(item.tag == f"{W}tbl" for item in _items(root))
            if (text or has_table) and text not in seen and not re.fullmatch(r"(?:page|halaman)?[\W\d]*", text.lower()):
                self._story(root)
            seen.add(text)

    def _read_notes(self) -> dict[tuple[str, str], str]:
        """The text of footnotes and endnotes, those of the program itself (separators) left out, by kind and id."""
        found: dict[tuple[str, str], str] = {}
        for kind in ("footnote", "endnote"):
            part = self._part(f"{kind}s")
            notes = self._package.xml(part) if part else None
            for note in () if notes is None else notes:
                if note.get(f"{W}type") in (None, "normal"):
                    found[kind, note.get(f"{W}id") or ""] = _cell_text(note, {}, self._styles, 0)
        return found


def _value(element: Any) -> str:
    return "" if element is None else (element.get(f"{W}val") or "")


def _items(parent: Any) -> Iterator[Any]:
    """Yield the paragraphs and tables of a story; content controls, insertions and custom XML are looked into."""
    for child in parent:
        if child.tag in (f"{W}p", f"{W}tbl"):
            yield child
        elif child.tag == f"{W}sdt":
            content = child.find(f"{W}sdtContent")
            if content is not None:
                yield from _items(content)
        elif child.tag in (f"{W}ins", f"{W}moveTo", f"{W}customXml", f"{W}smartTag"):
            yield from _items(child)
        elif child.tag == f"{_ALTERNATE}AlternateContent":
            yield from _items(_choice(child))


def _choice(alternate: Any) -> Any:
    """The first form of alternate content; the others say the same for older programs."""
    chosen = alternate.find(f"{_ALTERNATE}Choice")
    return alternate.find(f"{_ALTERNATE}Fallback") if chosen is None else chosen if len(chosen) else alternate


def _breaks_page(paragraph: Any) -> bool:
    """Whether a page ends in a paragraph, by its author or where the program last put it."""
    return any(each.get(f"{W}type") == "page" for each in paragraph.iter(f"{W}br")) or any(
        True for _ in paragraph.iter(f"{W}lastRenderedPageBreak")
    )


def _text(paragraph: Any, notes: Notes, styles: _Styles) -> str:
    """The text of a paragraph: insertions in, deletions, hidden text and field codes out, notes in brackets; no text boxes."""
    parts: list[str] = []

    def visit(element: Any) -> None:
        for child in element:
            tag = child.tag
            if tag in _GONE or tag == f"{W}txbxContent" or not isinstance(tag, str):
                continue
            if tag in (f"{W}t", f"{_FORMULA}t"):
                parts.append(child.text or "")
            elif tag in (f"{W}br", f"{W}cr"):
                parts.append("\n")
            elif tag in (f"{W}tab", f"{W}ptab"):
                if element.tag != f"{W}tabs":
                    parts.append(" ")
            elif tag == f"{W}noBreakHyphen":
                parts.append("-")
            elif tag in (f"{W}footnoteReference", f"{W}endnoteReference"):
                note = notes.get((tag.removeprefix(W).removesuffix("Reference"), child.get(f"{W}id") or ""))
                parts.append(f" ({note})" if note else "")
            elif tag == f"{W}sym":
                parts.append(" ")
            elif tag == f"{W}r" and _gone(child, styles):
                continue
            elif tag == f"{_ALTERNATE}AlternateContent":
                visit(_choice(child))
            else:
                visit(child)

    if not _is_on(paragraph.find(f"{W}pPr/{W}rPr/{W}vanish")) or paragraph.find(f"{W}r") is not None:
        visit(paragraph)
    return "".join(parts)


def _says_gone(properties: Any) -> str | None:
    """Whether properties of runs say that their text is `hidden` or `struck` out, or neither (empty); `None`: they say nothing of it."""
    if properties is None:
        return None
    vanish, size = properties.find(f"{W}vanish"), _value(properties.find(f"{W}sz"))
    strikes = [mark for name in _STRUCK if (mark := properties.find(f"{W}{name}")) is not None]
    if _is_on(vanish) or size in ("0", "1", "2"):  # half points
        return "hidden"
    if any(map(_is_on, strikes)):
        return "struck"
    return "" if vanish is not None or strikes else None


def _gone(run: Any, styles: _Styles) -> str:
    """Whether the text of a run is `hidden` or `struck` out, by itself or by its style or that of its paragraph; else empty."""
    properties = run.find(f"{W}rPr")
    own = _says_gone(properties)
    if own is None and properties is not None and _is_white(run, properties):
        return "hidden"
    if own is None and properties is not None:
        own = styles.gone.get(_value(properties.find(f"{W}rStyle")))
    if own is None and styles.gone:
        paragraph = next(run.iterancestors(f"{W}p"), None)
        own = None if paragraph is None else styles.gone.get(_value(paragraph.find(f"{W}pPr/{W}pStyle")))
    return own or ""


def _is_white(run: Any, properties: Any) -> bool:
    """Whether a run is white on the page itself; what lies in tables and boxes may have their colours behind it."""
    if _value(properties.find(f"{W}color")).upper() != "FFFFFF" or properties.find(f"{W}highlight") is not None:
        return False
    above = list(run.iterancestors())
    if any(one.tag in (f"{W}tc", f"{W}txbxContent") for one in above):
        return False
    shades = [properties.find(f"{W}shd"), *(one.find(f"{W}pPr/{W}shd") for one in above if one.tag == f"{W}p")]
    root = above[-1] if above else run
    return root.find(f"{W}background") is None and all(
        shade is None or (shade.get(f"{W}fill") or "") in _PAPER for shade in shades
    )


def _is_on(element: Any) -> bool:
    return element is not None and _value(element) not in ("0", "false", "off", "none")


def _boxes(item: Any) -> Iterator[Any]:
    """Yield the text boxes anchored in a paragraph or table, each once."""
    for box in item.iter(f"{W}txbxContent"):
        above = list(box.iterancestors())
        if any(one.tag in _GONE for one in above):
            continue
        inner = next((one for one in above if one.tag == f"{W}txbxContent"), None)
        if inner is not None and item in inner.iterancestors():
            continue  # the box around it looks into it
        fallback = next((one for one in above if one.tag == f"{_ALTERNATE}Fallback"), None)
        if fallback is not None and fallback.getparent().find(f"{_ALTERNATE}Choice") is not None:
            continue
        yield box


def _grid(table: Any, notes: Notes, styles: _Styles, depth: int = 0) -> tuple[Grid, bool]:
    """The cells of a table with their spans, and whether rows of it are hidden. A vertically merged cell grows downwards."""
    rows: list[list[Cell | None]] = []
    open_cells: dict[int, tuple[int, int]] = {}  # by column: position of the cell in `rows`
    hidden = False
    heads_first = _is_styled_head(table, styles)
    for row in _rows(table):
        properties = row.find(f"{W}trPr")
        if properties is not None and (properties.find(f"{W}del") is not None):
            continue
        if properties is not None and _is_on(properties.find(f"{W}hidden")):
            hidden = True
            continue
        is_head = properties is not None and _is_on(properties.find(f"{W}tblHeader"))
        is_head = is_head or (heads_first and not rows)
        cells: list[Cell | None] = []
        column = _number(properties, "gridBefore")
        cells += [None] * column
        for cell in _cells(row):
            at = cell.find(f"{W}tcPr")
            if at is not None and at.find(f"{W}cellDel") is not None:
                continue
            width = max(1, _number(at, "gridSpan"))
            merge = None if at is None else at.find(f"{W}vMerge")
            if merge is not None and _value(merge) != "restart" and column in open_cells:
                above, place = open_cells[column]
                begun = rows[above][place]
                if begun is not None:
                    rows[above][place] = Cell(begun.text, begun.columns, len(rows) - above + 1, begun.strong)
            else:
                if merge is not None:
                    open_cells[column] = (len(rows), len(cells))
                else:
                    open_cells.pop(column, None)
                text = _cell_text(cell, notes, styles, depth)
                cells.append(Cell(text, width, 1, is_head or _is_bold(cell, styles)))
            column += width
        rows.append(cells)
    return grid(rows), hidden


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        if child.tag == f"{W}tr":
            yield child
        elif child.tag == f"{W}sdt":
            content = child.find(f"{W}sdtContent")
            if content is not None:
                yield from _rows(content)
        elif child.tag in (f"{W}ins", f"{W}customXml"):
            yield from _rows(child)


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == f"{W}tc":
            yield child
        elif child.tag == f"{W}sdt":
            content = child.find(f"{W}sdtContent")
            if content is not None:
                yield from _cells(content)
        elif child.tag in (f"{W}ins", f"{W}customXml"):
            yield from _cells(child)


def _number(properties: Any, name: str) -> int:
    value = "" if properties is None else _value(properties.find(f"{W}{name}"))
    return min(int(value), 1000) if value.isdigit() else 0


def _cell_text(cell: Any, notes: Notes, styles: _Styles, depth: int) -> str:
    """The text of a cell in one line: paragraphs and list items after each other, the rows of a table in it with their labels."""
    parts: list[str] = []
    for item in _items(cell):
        if item.tag == f"{W}tbl":
            if depth < _DEEPEST:
                parts.append(inline(_grid(item, notes, styles, depth + 1)[0]))
            continue
        text = " ".join(_text(item, notes, styles).split())
        is_item = item.find(f"{W}pPr/{W}numPr") is not None or "list" in _value(item.find(f"{W}pPr/{W}pStyle")).lower()
        if text:
            parts.append(f"{text};" if is_item else text)
    return " ".join(parts).rstrip(";")


def _is_styled_head(table: Any, styles: _Styles) -> bool:
    """Whether the style of a table sets its first row in bold, and the table uses that part of it."""
    properties = table.find(f"{W}tblPr")
    look = None if properties is None else properties.find(f"{W}tblLook")
    if look is None or not styles.heads.get(_value(properties.find(f"{W}tblStyle"))):
        return False
    named = look.get(f"{W}firstRow")
    return named in ("1", "true", "on") if named else bool(int(_value(look) or "0", 16) & 0x20)


def _is_bold(cell: Any, styles: _Styles) -> bool:
    """Whether every run with text in a cell is bold, by itself or by its style or that of its paragraph."""
    runs = [run for run in cell.iter(f"{W}r") if (run.findtext(f"{W}t") or "").strip()]
    return bool(runs) and all(_is_bold_run(run, styles) for run in runs)


def _is_bold_run(run: Any, styles: _Styles) -> bool:
    if (own := run.find(f"{W}rPr/{W}b")) is not None:
        return _is_on(own)
    named = _value(run.find(f"{W}rPr/{W}rStyle"))
    if named in styles.bold:
        return styles.bold[named]
    paragraph = next(run.iterancestors(f"{W}p"), None)
    return paragraph is not None and styles.bold.get(_value(paragraph.find(f"{W}pPr/{W}pStyle")), False)
