"""Excel workbooks: every visible cell as the sheet shows it (ECMA-376, part 1, section 18).

Sheets are read as a stream of their XML, cell by cell: what a sheet claims about its size costs nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite, nan
from typing import Any

from knowledge.documents.numberformat import BUILT_IN, shown, text_shown
from knowledge.documents.ooxml import Package, R, opened
from knowledge.documents.passage import Composer, Loaded
from knowledge.documents.tables import MAX_CELLS, Cell, Grid, grid, read_table
from knowledge.errors import Unreadable

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
MAX_TEXT = 64 * 2**20
"""Characters of all cells together."""
_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})")
_NAMED = 5  # places that a message lists


@dataclass(frozen=True, slots=True)
class _Style:
    code: str = "General"
    is_strong: bool = False
    is_struck: bool = False
    is_white: bool = False  # on a cell without colour


@dataclass(slots=True)
class _Sheet:
    """What was read of a sheet; rows and columns count from 0."""

    cells: dict[int, dict[int, Cell]] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[range] = field(default_factory=list)
    merged: list[tuple[range, range]] = field(default_factory=list)
    uncached: list[str] = field(default_factory=list)  # places of formulas without a value
    errors: list[str] = field(default_factory=list)  # places of values such as #REF!
    white: list[str] = field(default_factory=list)  # places of text in the colour of the sheet

    def hides(self, column: int) -> bool:
        return any(column in columns for columns in self.hidden_columns)


def load(data: bytes) -> Loaded:
    """Load every visible sheet; each row is a passage by itself. What is hidden and formulas without a value are named.

    Raises:
        Unreadable: the workbook is damaged or protected, holds too many cells, or no cell that is shown.
    """
    with opened(data, "XLSX", "workbook") as package:
        return _load(package)


def _load(package: Package) -> Loaded:
    main = package.main()
    root = package.xml(main)
    if root is None:
        raise Unreadable("not a readable XLSX workbook: it has no list of sheets")
    parts = package.relations(main)
    properties = root.find(f"{S}workbookPr")
    is_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 (a sheet knows no zone)
    styles = _styles(package, next((one.target for one in parts.values() if one.kind == "styles"), ""))
    strings = _strings(package, next((one.target for one in parts.values() if one.kind == "sharedStrings"), ""))
    composer = Composer()
    left_out: list[str] = []
    listed = [
        (each.get("name") or "", parts[each.get(f"{R}id") or ""], each.get("state") or "visible")
        for each in root.iter(f"{S}sheet")
        if (each.get(f"{R}id") or "") in parts
    ]
    worksheets = {part.target: (name, part.target, state) for name, part, state in listed if part.kind == "worksheet"}
    sheets = list(worksheets.values())
    reader = _SheetReader(package, strings, styles, epoch)
    for name, part, state in sheets:
        if state != "visible":
            left_out.append(f"the hidden sheet {name}")
            continue
        sheet = reader.read(part)
        left_out += _left_out(sheet, f"of the sheet {name}" if len(sheets) > 1 else "")
        related = package.relations(part).values()
        if any(one.kind in ("comments", "threadedComment") for one in related):
            left_out.append(f"comments on cells {f'of the sheet {name}' if len(sheets) > 1 else ''}".strip())
        if len(sheets) > 1 and sheet.cells:
            composer.heading(2, name)
        for table in _tables(_grid(sheet)):
            composer.entries(table)
        for drawing in (package.xml(one.target) for one in related if one.kind == "drawing"):
            for text in _boxes(drawing):
                composer.paragraph(text)
            if drawing is not None and next(drawing.iter("{*}graphicFrame"), None) is not None:
                left_out.append(f"charts {f'of the sheet {name}' if len(sheets) > 1 else ''}".strip())
    if all(block.kind == "heading" for block in composer.blocks):
        raise Unreadable("; ".join(["no sheet holds a value that is shown", *left_out]))
    return Loaded(composer.text, composer.blocks, title=package.title(), problem=_message(left_out))


def _message(left_out: Sequence[str]) -> str | None:
    return f"left out: {'; '.join(left_out)}" if left_out else None


def _boxes(drawing: Any) -> Iterator[str]:
    """The texts of the boxes that lie on a sheet."""
    for box in () if drawing is None else drawing.iter("{*}txBody"):
        lines = ("".join(text.text or "" for text in paragraph.iter("{*}t")) for paragraph in box.iter("{*}p"))
        if text := "\n".join(line for each in lines if (line := _line(each))):
            yield text


def _left_out(sheet: _Sheet, where: str) -> Iterator[str]:
    filled = {row for row, cells in sheet.cells.items() if cells}
    if rows := sorted(row + 1 for row in sheet.hidden_rows & filled):
        yield f"hidden rows {_listed(map(str, rows))} {where}".strip()
    used = sorted({column for cells in sheet.cells.values() for column in cells if sheet.hides(column)})
    if used:
        yield f"hidden columns {_listed(map(_letters, used))} {where}".strip()
    if sheet.uncached:
        yield (
            f"formulas without a value in {_listed(sheet.uncached)} {where}".strip()
            + " (open the file in a spreadsheet program and save it)"
        )
    if sheet.white:
        yield f"white text in {_listed(sheet.white)} {where}".strip()
    if sheet.errors:
        yield f"error values in {_listed(sheet.errors)} {where}".strip()


def _listed(places: Iterable[str]) -> str:
    every = list(places)
    return ", ".join(every[:_NAMED]) + (f" and {len(every) - _NAMED} more" if len(every) > _NAMED else "")


def _letters(column: int) -> str:
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(65 + letter) + name
    return name


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _styles(package: Package, part: str) -> list[_Style]:
    root = package.xml(part) if part else None
    if root is None:
        return [_Style()]
    codes = {
        int(each.get("numFmtId") or 0): each.get("formatCode") or "General"
        for each in root.iterfind(f"{S}numFmts/{S}numFmt")
    }
    fonts = list(root.iterfind(f"{S}fonts/{S}font"))
    filled = [each.find(f"{S}patternFill") for each in root.iterfind(f"{S}fills/{S}fill")]
    bare = [each is not None and each.get("patternType", "none") == "none" for each in filled]
    styles = []
    for each in root.iterfind(f"{S}cellXfs/{S}xf"):
        number, font = int(each.get("numFmtId") or 0), int(each.get("fontId") or 0)
        code = codes.get(number) or BUILT_IN.get(number, "General")
        look, fill = (fonts[font] if font < len(fonts) else None), int(each.get("fillId") or 0)
        if look is None:
            styles.append(_Style(code))
            continue
        white = _is_white(look.find(f"{S}color")) and fill < len(bare) and bare[fill]
        styles.append(_Style(code, _is_on(look.find(f"{S}b")), _is_on(look.find(f"{S}strike")), white))
    return styles or [_Style()]


def _is_white(colour: Any) -> bool:
    return (
        colour is not None
        and (colour.get("rgb") in ("FFFFFFFF", "00FFFFFF") or colour.get("theme") == "0")
        and not colour.get("tint")
    )


def _is_on(element: Any) -> bool:
    return element is not None and element.get("val") not in ("0", "false")


def _strings(package: Package, part: str) -> list[str]:
    found: list[str] = []
    size = 0
    for item in package.walk(part, f"{S}si") if part else ():
        found.append(_rich_text(item))
        size += len(found[-1])
        if size > MAX_TEXT:
            raise Unreadable(f"the workbook holds more than {MAX_TEXT // 2**20} million characters")
    return found


def _rich_text(item: Any) -> str:
    """The text of a string without its phonetic hints; struck-out text was taken back."""
    parts: list[str] = []
    for child in item:
        if child.tag == f"{S}t":
            parts.append(child.text or "")
        elif child.tag == f"{S}r" and not _is_on(child.find(f"{S}rPr/{S}strike")):
            parts += [text.text or "" for text in child.iterfind(f"{S}t")]
    return "".join(parts)


class _SheetReader:
    """Reads the sheets of one workbook; the bounds hold for all together."""

    def __init__(self, package: Package, strings: Sequence[str], styles: Sequence[_Style], epoch: datetime) -> None:
        self._package = package
        self._strings = strings
        self._styles = styles
        self._epoch = epoch
        self._cells = 0
        self._characters = 0

    def read(self, part: str) -> _Sheet:
        sheet = _Sheet()
        hides_rows = False
        at = -1
        tags = [f"{S}{name}" for name in ("sheetFormatPr", "col", "row", "mergeCell")]
        for element in self._package.walk(part, *tags):
            if element.tag == f"{S}row":
                at = int(element.get("r") or at + 2) - 1
                hidden = element.get("hidden")
                if hidden in ("1", "true") or (hides_rows and hidden is None):
                    sheet.hidden_rows.add(at)
                cells = dict(self._row(element, at, sheet))
                if cells:
                    sheet.cells[at] = cells
            elif element.tag == f"{S}col":
                if element.get("hidden") in ("1", "true"):
                    sheet.hidden_columns.append(range(int(element.get("min") or 1) - 1, int(element.get("max") or 1)))
            elif element.tag == f"{S}sheetFormatPr":
                hides_rows = element.get("zeroHeight") in ("1", "true")
            elif places := _PLACE.findall(element.get("ref") or ""):
                (left, top), (right, bottom) = places[0], places[-1]
                sheet.merged.append((range(int(top) - 1, int(bottom)), range(_column(left), _column(right) + 1)))
        return sheet

    def _row(self, row: Any, at: int, sheet: _Sheet) -> Iterator[tuple[int, Cell]]:
        column = -1
        for cell in row.iterfind(f"{S}c"):
            written = _PLACE.fullmatch(cell.get("r") or "")
            column = _column(written[1]) if written else column + 1
            place = f"{_letters(column)}{at + 1}"
            style = self._styles[number] if (number := int(cell.get("s") or 0)) < len(self._styles) else _Style()
            text = self._text(cell, style, place, sheet)
            if not text or style.is_struck:
                continue
            if style.is_white:
                sheet.white.append(place)
                continue
            self._cells += 1
            self._characters += len(text)
            if self._cells > MAX_CELLS or self._characters > MAX_TEXT:
                raise Unreadable(f"the workbook holds more than {MAX_CELLS:,} cells; split it")
            yield column, Cell(text, strong=style.is_strong)

    def _text(self, cell: Any, style: _Style, place: str, sheet: _Sheet) -> str:
        kind, value = cell.get("t") or "n", cell.findtext(f"{S}v")
        if kind == "inlineStr":
            inline = cell.find(f"{S}is")
            return "" if inline is None else _line(_rich_text(inline))
        if value is None or (not value.strip() and kind != "str"):
            if cell.find(f"{S}f") is not None:
                sheet.uncached.append(place)
            return ""
        if kind == "s":
            at = int(value) if value.strip().isdecimal() else len(self._strings)
            return _line(text_shown(self._strings[at], style.code)) if at < len(self._strings) else ""
        if kind == "str":
            return _line(text_shown(value, style.code))
        if kind == "b":
            return "TRUE" if value.strip() in ("1", "true") else "FALSE"
        if kind == "e":
            sheet.errors.append(place)
            return ""
        if kind == "d":
            return str(value).strip().removesuffix("T00:00:00")
        try:
            number = float(value)
        except ValueError:
            number = nan
        if not isfinite(number):
            sheet.errors.append(place)
            return ""
        return _line(shown(number, style.code, self._epoch))


def _line(text: str) -> str:
    return " ".join(text.split())


def _grid(sheet: _Sheet) -> Grid:
    """The visible cells in a grid; merged cells keep the part of their span that is visible, empty rows stay one empty row."""
    last_row = max(sheet.cells, default=0)
    last_column = max((max(cells) for cells in sheet.cells.values()), default=0)
    spans = [
        (rows.start, columns.start, range(rows.start, min(rows.stop, last_row + 1)), columns)
        for rows, columns in sheet.merged
        if columns.start in sheet.cells.get(rows.start, {})
    ]
    used = {row for row in sheet.cells if row not in sheet.hidden_rows}
    wide = {column for row in used for column in sheet.cells[row] if not sheet.hides(column)}
    used.update(row for _, _, rows, _ in spans for row in rows if row not in sheet.hidden_rows)
    for _, _, _, columns in spans:
        wide.update(one for one in range(columns.start, min(columns.stop, last_column + 1)) if not sheet.hides(one))
    visible = sorted(used)
    across = [
        one for one in range(last_column + 1) if one in wide or (not sheet.hides(one) and len(wide) * 20 > last_column)
    ]
    if len(visible) * len(across) > MAX_CELLS:
        raise Unreadable(f"a sheet spreads its cells over {len(visible):,} rows and {len(across):,} columns; split it")
    origins = {
        (row, column): (top, left)
        for top, left, rows, columns in spans
        for row in rows
        if row in used
        for column in across
        if column in columns
    }
    sizes = {
        (top, left): (sum(1 for row in rows if row in used), sum(1 for column in across if column in columns))
        for top, left, rows, columns in spans
    }
    lines: list[list[Cell | None]] = []
    begun: set[tuple[int, int]] = set()
    for row, before in zip(visible, [None, *visible], strict=False):
        if before is not None and not all(one in sheet.hidden_rows for one in range(before + 1, row)):
            lines.append([])
        cells: list[Cell | None] = []
        for column in across:
            origin = origins.get((row, column))
            if origin is None:
                cells.append(sheet.cells.get(row, {}).get(column) or Cell(""))
            elif origin not in begun:
                begun.add(origin)
                own, (height, width) = sheet.cells[origin[0]][origin[1]], sizes[origin]
                cells.append(Cell(own.text, width, height, own.strong))
        lines.append(cells)
    return grid(lines)


def _tables(rows: Grid) -> list[Grid]:
    """The tables of a sheet: those side by side with an empty column between, if each has labels of its own; else one."""
    width = len(rows[0]) if rows else 0
    filled = [any(row[column].text.strip() for row in rows) for column in range(width)]
    groups: list[list[int]] = []
    for column, has_text in enumerate(filled):
        if has_text and column and filled[column - 1] and groups:
            groups[-1].append(column)
        elif has_text:
            groups.append([column])
    parts = [[[row[column] for column in group] for row in rows] for group in groups]
    if len(parts) > 1 and all(len(group) > 1 for group in groups) and all(_has_labels(part) for part in parts):
        return list(parts)
    return [rows] if parts else []


def _has_labels(rows: Grid) -> bool:
    return all(line.labels for line in read_table(rows).lines if not line.is_note)
