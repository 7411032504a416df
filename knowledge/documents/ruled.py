"""Tables of a PDF that have lines drawn around their cells, as pdfplumber finds them."""

import io
import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

from knowledge.documents.tables import Cell, Grid, grid

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the top left of the page."""

SAME = 3.0
"""Points within which two edges are one."""


def is_within(inner: Box, outer: Box) -> bool:
    """Tell whether the middle of a box lies in another."""
    across, down = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] - 1 <= across <= outer[2] + 1 and outer[1] - 1 <= down <= outer[3] + 1


class TableFinder:
    """Finds the ruled tables of single pages; what pdfplumber cannot read has none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._document: Any = None

    def __enter__(self) -> "TableFinder":
        return self

    def __exit__(self, *error: object) -> None:
        if self._document is not None:
            self._document.close()

    def tables(self, number: int, unseen: Sequence[Box] = ()) -> list[tuple[Box, Grid]]:
        """Find the tables of a page.

        Args:
            number: of the page, from 0.
            unseen: where letters lie that no reader sees; they are in no cell.
        """
        import pdfplumber
        from pdfminer.pdfexceptions import PDFException
        from pdfplumber.utils.exceptions import PdfminerException

        try:
            if self._document is None:
                self._document = pdfplumber.open(io.BytesIO(self._data))
            page = self._document.pages[number]
            try:
                found = [(tuple(table.bbox), _grid(table, page, unseen)) for table in page.find_tables()]
            finally:
                page.close()
        except (PDFException, PdfminerException, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return []  # PDFium could read the page and pdfminer cannot: its text without tables is better than nothing
        return [(box, rows) for box, rows in found if len(rows) > 1 and len(rows[0]) > 1]


def _grid(table: Any, page: Any, unseen: Sequence[Box]) -> Grid:
    """The cells of a table in a grid; a cell that reaches over several edges is merged."""
    boxes: list[Box] = sorted({tuple(cell) for cell in table.cells}, key=lambda box: (box[1], box[0]))
    across, down = (
        _edges([x for box in boxes for x in (box[0], box[2])]),
        _edges([y for box in boxes for y in (box[1], box[3])]),
    )
    letters: dict[int, list[Any]] = {}
    unseen = [box for box in unseen if is_within(box, tuple(table.bbox))]
    for char in page.chars:
        middle = ((char["x0"] + char["x1"]) / 2, (char["top"] + char["bottom"]) / 2)
        point = (*middle, *middle)
        if not is_within(point, tuple(table.bbox)) or any(is_within(point, box) for box in unseen):
            continue
        for at, box in enumerate(boxes):
            if box[0] <= middle[0] < box[2] and box[1] <= middle[1] < box[3]:
                letters.setdefault(at, []).append(char)
                break
    rows: list[dict[int, Cell]] = [{} for _ in range(len(down) - 1)]
    for at, box in enumerate(boxes):
        left, right = _place(across, box[0]), _place(across, box[2])
        top, bottom = _place(down, box[1]), _place(down, box[3])
        chars = letters.get(at, [])
        text = _cell_text(chars)
        visible = [char for char in chars if char["text"].strip()]
        strong = bool(visible) and all(
            "bold" in char["fontname"].lower() or "black" in char["fontname"].lower() for char in visible
        )
        if right > left and bottom > top:
            rows[top][left] = Cell(text, right - left, bottom - top, strong)
    return _kept(grid(placed(rows, len(across) - 1)))


def _cell_text(chars: Sequence[Any]) -> str:
    """The text of a cell; what stands upright in it is read along its own direction."""
    from pdfplumber.utils.text import extract_text

    if not chars or any(char["upright"] for char in chars):
        return " ".join((extract_text(list(chars)) or "").split()) if chars else ""
    rises = chars[0]["matrix"][1] > 0
    lines: dict[int, list[Any]] = {}
    for char in sorted(chars, key=lambda char: char["x0"] if rises else -char["x0"]):
        place = next((at for at in lines if abs(at - char["x0"]) < char["width"] / 2), round(char["x0"]))
        lines.setdefault(place, []).append(char)
    words: list[str] = []
    for line in lines.values():
        line.sort(key=lambda char: -char["bottom"] if rises else char["top"])
        words.append(line[0]["text"])
        for before, char in itertools.pairwise(line):
            gap = before["top"] - char["bottom"] if rises else char["top"] - before["bottom"]
            words.append((" " if gap > 0.15 * char["size"] else "") + char["text"])
        words.append(" ")
    return " ".join("".join(words).split())


def placed(rows: Sequence[dict[int, Cell]], width: int) -> list[list[Cell | None]]:
    """List cells at their columns, with gaps where there is none.

    Args:
        rows: the cells of each row by their column.
        width: columns of the table.
    """
    taken: set[tuple[int, int]] = set()
    out: list[list[Cell | None]] = []
    for at, row in enumerate(rows):
        cells: list[Cell | None] = []
        for column in range(width):
            if (cell := row.get(column)) is not None:
                cells.append(cell)
                taken.update((at + down, column + right) for down in range(cell.rows) for right in range(cell.columns))
            elif (at, column) not in taken:
                cells.append(None)
        out.append(cells)
    return out


def _kept(rows: Grid) -> Grid:
    """A table without the rows and columns that hold nothing at all: double lines make such."""
    columns = [column for column in range(len(rows[0]) if rows else 0) if any(row[column].text for row in rows)]
    return [[row[column] for column in columns] for row in rows if any(slot.text for slot in row)]


def _edges(places: Sequence[float]) -> list[float]:
    """The distinct edges, in order; those that lie within `SAME` of each other are one."""
    edges: list[float] = []
    for place in sorted(places):
        if not edges or place - edges[-1] > SAME:
            edges.append(place)
    return edges


def _place(edges: Sequence[float], place: float) -> int:
    return min(range(len(edges)), key=lambda at: abs(edges[at] - place))
