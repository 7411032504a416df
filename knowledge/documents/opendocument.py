"""OpenDocument texts and spreadsheets, as LibreOffice writes them (OASIS OpenDocument 1.3, part 3).

Headings, paragraphs, lists and tables in their order, cells as the sheet shows them. Hidden sheets, rows, columns and sections,
comments and deleted text are left out, and what of it there is, is said.
"""

from collections.abc import Iterator
from typing import Any

from knowledge.documents.ooxml import opened
from knowledge.documents.passage import Composer, Loaded, meaningful
from knowledge.documents.tables import MAX_CELLS, Cell, Grid, grid, inline
from knowledge.errors import Unreadable

_NS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
OFFICE, STYLE, TABLE, TEXT, DRAW = (_NS % name for name in ("office", "style", "table", "text", "drawing"))
_FO = _NS % "xsl-fo-compatible"
_SILENT = frozenset(
    {
        f"{OFFICE}annotation",
        f"{OFFICE}annotation-end",
        f"{TEXT}tracked-changes",
        f"{TEXT}table-of-content",
        f"{TEXT}hidden-text",
        f"{TEXT}hidden-paragraph",
        f"{TEXT}note",
        f"{TABLE}table",
        f"{DRAW}text-box",
    }
)
"""What is no part of a paragraph's own text."""
_DEEPEST = 8  # tables in tables


def load_text(data: bytes) -> Loaded:
    """Load an OpenDocument text (ODT).

    Raises:
        Unreadable: it is damaged or protected by a password.
    """
    return _load(data, "ODT", "text")


def load_spreadsheet(data: bytes) -> Loaded:
    """Load every visible sheet of an OpenDocument spreadsheet (ODS); each row is a passage by itself.

    Raises:
        Unreadable: it is damaged, protected, or holds too many cells.
    """
    return _load(data, "ODS", "spreadsheet")


def _load(data: bytes, suffix: str, kind: str) -> Loaded:
    with opened(data, suffix, "file") as package:
        manifest = package.xml("META-INF/manifest.xml")
        if manifest is not None and next(manifest.iter("{*}encryption-data"), None) is not None:
            raise Unreadable(f"the file is protected by a password; save it as {suffix} without one")
        content = package.xml("content.xml")
        body = None if content is None else content.find(f"{OFFICE}body/{OFFICE}{kind}")
        if body is None:
            raise Unreadable(f"not a readable {suffix} file: it has no body")
        reader = _Reader(content)
        if kind == "text":
            reader.margins(package.xml("styles.xml"))
            reader.story(body)
        else:
            reader.sheets(body)
        meta = package.xml("meta.xml")
    left_out = dict.fromkeys(reader.left_out)
    return Loaded(
        reader.composer.text,
        reader.composer.blocks,
        title=None if meta is None else meaningful(meta.findtext(".//{http://purl.org/dc/elements/1.1/}title")),
        problem=f"left out: {'; '.join(left_out)}" if left_out else None,
    )


class _Reader:
    """Reads one document into a `Composer`."""

    def __init__(self, content: Any) -> None:
        self.composer = Composer()
        self.left_out: list[str] = []
        self._invisible: set[str | None] = set()
        self._struck: set[str | None] = set()
        for style in content.iter(f"{STYLE}style"):
            words = list(style.iter(f"{STYLE}text-properties"))
            if any(part.get(f"{TABLE}display") == "false" for part in style.iter(f"{STYLE}table-properties")) or any(
                part.get(f"{TEXT}display") == "none" or _is_white(style, part) for part in words
            ):
                self._invisible.add(style.get(f"{STYLE}name"))
            if any(part.get(f"{STYLE}text-line-through-style", "none") != "none" for part in words):
                self._struck.add(style.get(f"{STYLE}name"))
        self._strong = {
            style.get(f"{STYLE}name")
            for style in content.iter(f"{STYLE}style")
            if any((part.get(f"{_FO}font-weight") or "") == "bold" for part in style)
        }

    def margins(self, styles: Any) -> None:
        """Append page headers and footers, each text once."""
        seen: set[str] = set()
        for part in () if styles is None else styles.iter(f"{STYLE}header", f"{STYLE}footer"):
            for paragraph in part.iter(f"{TEXT}p"):
                text = self._words(paragraph)
                if text not in seen and any(letter.isalnum() for letter in text):
                    self.composer.paragraph(text)
                seen.add(text)

    def story(self, parent: Any) -> None:
        """Append headings, paragraphs, list items and tables below an element."""
        for item in parent:
            if item.tag == f"{TEXT}h":
                level = item.get(f"{TEXT}outline-level") or "1"
                self._write(item, min(max(int(level), 1), 6) if level.isdigit() else 1)
            elif item.tag == f"{TEXT}p":
                self._write(item, 0)
            elif item.tag == f"{TEXT}section" and item.get(f"{TEXT}display") not in (None, "true"):
                self.left_out.append("a hidden section")
            elif item.tag == f"{TABLE}table":
                self.composer.table(self._grid(item, ""))
            elif item.tag not in _SILENT or item.tag == f"{DRAW}text-box":  # lists, sections, frames of the page
                self.story(item)

    def sheets(self, body: Any) -> None:
        """Append the visible sheets."""
        tables = list(body.iterchildren(f"{TABLE}table"))
        for table in tables:
            name = table.get(f"{TABLE}name") or ""
            if table.get(f"{TABLE}style-name") in self._invisible:
                self.left_out.append(f"the hidden sheet {name}")
                continue
            rows = self._grid(table, f"of the sheet {name}" if len(tables) > 1 else "")
            if len(tables) > 1 and rows:
                self.composer.heading(2, name)
            self.composer.entries(rows)
            for box in table.iter(f"{DRAW}text-box"):
                self.story(box)

    def _write(self, paragraph: Any, level: int) -> None:
        text = self._words(paragraph)
        if text and level:
            self.composer.heading(level, text)
        elif text:
            self.composer.paragraph(text)
        else:
            self.composer.gap()
        for box in paragraph.iter(f"{DRAW}text-box"):
            self.story(box)

    def _words(self, paragraph: Any) -> str:
        """The text of a paragraph, footnotes in brackets."""
        if next(paragraph.iter(f"{OFFICE}annotation"), None) is not None:
            self.left_out.append("comments")
        parts: list[str] = []
        self._gather(paragraph, parts)
        return " ".join("".join(parts).split())

    def _gather(self, element: Any, parts: list[str]) -> None:
        """Gather the text of a paragraph or of a part of it, without what is hidden or was struck out."""
        named = element.get(f"{TEXT}style-name")
        if named in self._struck or named in self._invisible:
            if named not in self._struck and "".join(element.itertext()).strip():
                self.left_out.append("hidden text")
            return
        parts.append(element.text or "")
        for child in element:
            if child.tag == f"{TEXT}note":
                body = child.find(f"{TEXT}note-body")
                note = "" if body is None else " ".join(map(self._words, body))
                parts.append(f" ({note})" if note else "")
            elif child.tag in (f"{TEXT}s", f"{TEXT}tab", f"{TEXT}line-break"):
                parts.append(" ")
            elif child.tag not in _SILENT:
                self._gather(child, parts)
            parts.append(child.tail or "")

    def _grid(self, table: Any, where: str, depth: int = 0) -> Grid:
        """The visible cells of a table with their spans."""
        hidden_columns = self._hidden_columns(table)
        rows: list[list[Cell | None]] = []
        hidden_rows: set[int] = set()
        for row, is_head in _rows(table):
            cells = list(self._cells(row, is_head, depth))
            while cells and (cells[-1] is None or (not cells[-1].text and cells[-1].columns == cells[-1].rows == 1)):
                cells.pop()
            times = _times(row, "rows-repeated") if cells else 1
            if (len(rows) + times) * max(1, len(cells)) > MAX_CELLS:
                raise Unreadable(f"a table has more than {MAX_CELLS:,} cells; split it")
            if row.get(f"{TABLE}visibility") in ("collapse", "filter"):
                hidden_rows.update(range(len(rows), len(rows) + times))
            rows += [cells] * times
        placed = grid(rows)
        if any(slot.text for row in hidden_rows for slot in placed[row]):
            self.left_out.append(f"hidden rows {where}".strip())
        if any(slot.text for row in placed for slot in [row[at] for at in hidden_columns if at < len(row)]):
            self.left_out.append(f"hidden columns {where}".strip())
        shown = [row for at, row in enumerate(placed) if at not in hidden_rows]
        return [[slot for at, slot in enumerate(row) if at not in hidden_columns] for row in shown]

    def _cells(self, row: Any, is_head: bool, depth: int) -> Iterator[Cell | None]:
        for cell in row:
            if cell.tag == f"{TABLE}table-cell":
                text = " ".join(filter(None, self._of_cell(cell, depth))).rstrip(";")
                if not text and cell.get(f"{TABLE}formula"):
                    self.left_out.append(
                        "formulas without a value (open the file in a spreadsheet program and save it)"
                    )
                written = Cell(
                    text, _times(cell, "columns-spanned"), _times(cell, "rows-spanned"), is_head or self._is_bold(cell)
                )
                times = _times(cell, "columns-repeated")
                if times > MAX_CELLS or (text and times > 1_000):
                    raise Unreadable(f"a table has more than {MAX_CELLS:,} cells; split it")
                yield from [written] * (times if text else min(times, 20_000))

    def _of_cell(self, cell: Any, depth: int) -> Iterator[str]:
        for item in cell:
            if item.tag in (f"{TEXT}p", f"{TEXT}h"):
                yield self._words(item)
            elif item.tag == f"{TEXT}list":
                yield from (f"{self._words(paragraph)};" for paragraph in item.iter(f"{TEXT}p", f"{TEXT}h"))
            elif item.tag == f"{TABLE}table" and depth < _DEEPEST:
                yield inline(self._grid(item, "", depth + 1))
            elif item.tag == f"{OFFICE}annotation":
                self.left_out.append("comments")

    def _is_bold(self, cell: Any) -> bool:
        return cell.get(f"{TABLE}style-name") in self._strong

    def _hidden_columns(self, table: Any) -> set[int]:
        hidden: set[int] = set()
        at = 0
        for column in table.iter(f"{TABLE}table-column"):
            times = min(_times(column, "columns-repeated"), MAX_CELLS)
            if column.get(f"{TABLE}visibility") in ("collapse", "filter"):
                hidden.update(range(at, at + times))
            at += times
        return hidden


def _is_white(style: Any, words: Any) -> bool:
    """Whether a style of words writes in white on nothing, or too small to be seen."""
    if words.get(f"{_FO}font-size", "") in ("0pt", "1pt"):
        return True
    on = words.get(f"{_FO}background-color", "transparent")
    is_of_words = style.get(f"{STYLE}family") == "text"
    return (
        is_of_words and words.get(f"{_FO}color", "").lower() == "#ffffff" and on.lower() in ("transparent", "#ffffff")
    )


def _rows(table: Any) -> Iterator[tuple[Any, bool]]:
    """Yield the rows of a table, also those in groups, and whether they are marked as its header."""
    for child in table:
        if child.tag == f"{TABLE}table-row":
            yield child, False
        elif child.tag == f"{TABLE}table-header-rows":
            yield from ((row, True) for row, _ in _rows(child))
        elif child.tag in (f"{TABLE}table-row-group", f"{TABLE}table-rows"):
            yield from _rows(child)


def _times(element: Any, name: str) -> int:
    value = element.get(f"{TABLE}number-{name}") or ""
    return max(1, int(value)) if value.isdecimal() and len(value) < 9 else 1
