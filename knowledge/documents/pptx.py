"""PowerPoint presentations: what the slides show, in the order of the slides and from top to bottom (ECMA-376, part 1, section 19).

Hidden slides, speaker notes, charts and diagrams are left out, and what of it there is, is said.
"""

from collections.abc import Iterator
from typing import Any

from knowledge.documents.ooxml import Package, R, opened
from knowledge.documents.passage import Composer, Loaded
from knowledge.documents.tables import Cell, Grid, grid
from knowledge.errors import Unreadable

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TITLES = ("title", "ctrTitle")
_FRAME = ("sldNum", "dt")  # placeholders that say nothing of the business
_DEEPEST = 16  # groups in groups


def load(data: bytes) -> Loaded:
    """Load a presentation: each visible slide is a heading with its texts and tables.

    Raises:
        Unreadable: it is damaged or protected by a password.
    """
    with opened(data, "PPTX", "presentation") as package:
        return _load(package)


def _load(package: Package) -> Loaded:
    main = package.main()
    root = package.xml(main)
    if root is None:
        raise Unreadable("not a readable PPTX presentation: it has no list of slides")
    parts = package.relations(main)
    composer = Composer()
    left_out: dict[str, None] = {}
    read: set[str] = set()
    for number, listed in enumerate(root.iter(f"{P}sldId"), start=1):
        relation = parts.get(listed.get(f"{R}id") or "")
        if relation is None or relation.target in read:
            continue
        read.add(relation.target)
        slide = package.xml(relation.target)
        if slide is None:
            continue
        if slide.get("show") in ("0", "false"):
            left_out[f"the hidden slide {number}"] = None
            continue
        if any(one.kind == "notesSlide" for one in package.relations(relation.target).values()):
            left_out["speaker notes"] = None
        _slide(slide, composer, left_out)
    problem = f"left out: {'; '.join(left_out)}" if left_out else None
    return Loaded(composer.text, composer.blocks, title=package.title(), problem=problem)


def _slide(slide: Any, composer: Composer, left_out: dict[str, None]) -> None:
    shapes = list(_shapes(slide.find(f"{P}cSld/{P}spTree"), (0, 0)))
    shapes.sort(key=lambda each: (_placeholder(each[1]) not in _TITLES, each[0]))
    for _, shape in shapes:
        kind = _placeholder(shape)
        if kind in _FRAME:
            continue
        table = next(shape.iter(f"{A}tbl"), None)
        if table is not None:
            composer.part()
            composer.table(_grid(table))
            continue
        if shape.tag == f"{P}graphicFrame":
            left_out["charts and diagrams"] = None
        texts = [text for paragraph in shape.iter(f"{A}p") if (text := _text(paragraph))]
        if kind in _TITLES and texts:
            composer.heading(2, " ".join(texts))
        else:
            for text in texts:
                composer.paragraph(text)


def _shapes(tree: Any, above: tuple[int, int], depth: int = 0) -> Iterator[tuple[tuple[int, int], Any]]:
    """Yield shapes with their places from the top left; those of a group stand where the group does."""
    for shape in () if tree is None else tree:
        if next((each for each in shape.iter(f"{P}cNvPr") if each.get("hidden") in ("1", "true")), None) is not None:
            continue
        place = _place(shape) or above
        if shape.tag == f"{P}grpSp" and depth < _DEEPEST:
            yield from _shapes(shape, place, depth + 1)
        elif shape.tag in (f"{P}sp", f"{P}graphicFrame", f"{P}cxnSp"):
            yield (above if depth else place), shape


def _place(shape: Any) -> tuple[int, int] | None:
    offset = next(shape.iter(f"{A}off"), None)
    return None if offset is None else (int(offset.get("y") or 0), int(offset.get("x") or 0))


def _placeholder(shape: Any) -> str:
    found = next(shape.iter(f"{P}ph"), None)
    return "" if found is None else (found.get("type") or "body")


def _text(element: Any) -> str:
    """The text of a paragraph; what is struck out was taken back."""
    parts = [part for part in element.iter(f"{A}t", f"{A}br", f"{A}tab") if not _is_struck(part.getparent())]
    return " ".join("".join((part.text or "") if part.tag == f"{A}t" else " " for part in parts).split())


def _is_struck(run: Any) -> bool:
    properties = run.find(f"{A}rPr")
    return properties is not None and properties.get("strike", "noStrike") != "noStrike"


def _grid(table: Any) -> Grid:
    """The cells of a table with their spans."""
    properties = table.find(f"{A}tblPr")
    has_head = properties is not None and properties.get("firstRow") in ("1", "true")
    rows: list[list[Cell | None]] = []
    for at, row in enumerate(table.iterchildren(f"{A}tr")):
        cells: list[Cell | None] = []
        for cell in row.iterchildren(f"{A}tc"):
            if cell.get("hMerge") in ("1", "true") or cell.get("vMerge") in ("1", "true"):
                continue
            text = " ".join(filter(None, map(_text, cell.iter(f"{A}p"))))
            cells.append(Cell(text, _span(cell, "gridSpan"), _span(cell, "rowSpan"), has_head and at == 0))
        rows.append(cells)
    return grid(rows)


def _span(cell: Any, name: str) -> int:
    value = cell.get(name) or ""
    return min(max(1, int(value)), 1_000) if value.isdecimal() and len(value) < 9 else 1
