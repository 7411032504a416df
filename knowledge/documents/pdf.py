"""PDF: text and tables in the order of the page. Scanned pages are named, not guessed at.

PDFium reads the text, with the place of every character; pdfplumber finds the tables of pages that have lines drawn on them, which takes
a hundred times as long. A page is released before the next one is read.
"""

import itertools
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from knowledge.documents.cells import classify, is_header_word
from knowledge.documents.ink import Ink
from knowledge.documents.passage import Composer, Loaded, meaningful
from knowledge.documents.ruled import SAME, Box, TableFinder, is_within, placed
from knowledge.documents.tables import Cell, Grid, grid
from knowledge.errors import Unreadable

MAX_PAGES = 2_000
MAX_DRAWN = 4_000
"""Lines and areas of a page beyond which it is a map or a drawing: no tables are looked for."""
MAX_CHARACTERS = 20_000_000

_END = re.compile(r"[.!?:。！？]$")
_HYPHEN = re.compile(r"(?<=\w)[-\u00ad]\n(?=[a-z])")
_OVERFLOW = re.compile(r"#{3,}")
_DIGITS = re.compile(r"\d+")
_BULLET = re.compile(r"^(?:[•◦▪■●○–—*-]|\(?[0-9a-zA-Z]{1,2}[.)])\s")
_PAGE_NUMBER = re.compile(r"(?:page|halaman|hal\.?)?[\W#]*(?:(?:of|dari|/)[\W#]*)?")
_MARGIN = 0.09  # of the height of a page, above and below, where running titles stand


@dataclass(frozen=True, slots=True)
class _TextLine:
    text: str
    box: Box
    is_wide: bool = False  # holds gaps as between the columns of a table
    parts: tuple["_TextLine", ...] = ()  # what stands between such gaps
    words: tuple["_TextLine", ...] = ()  # what stands between any gap that is wider than a blank


@dataclass(slots=True)
class _Page:
    """What was read of a page."""

    height: float
    lines: list[_TextLine] = field(default_factory=list)
    tables: list[tuple[Box, Grid]] = field(default_factory=list)
    is_drawn: bool = False  # too many lines to look for tables among them
    is_filled_in: bool = False  # fields of a form, or notes, lie over it
    hides: bool = False  # letters that no reader sees

    @property
    def holds_overflow(self) -> bool:
        """Whether a cell shows nothing but `###`, as spreadsheets print a number that finds no room."""
        cells = (slot.text for _, rows in self.tables for row in rows for slot in row)
        return any(
            _OVERFLOW.fullmatch(text) for text in (*cells, *(part.text for line in self.lines for part in line.parts))
        )


def load(data: bytes) -> Loaded:
    """Load a PDF: paragraphs and tables as they stand on the pages. Pages without text are named in `Loaded.problem`.

    Raises:
        Unreadable: the file is damaged, protected or too long, or every page is a scan.
    """
    import pypdfium2

    for name in ("pdfminer", "pdfplumber", "pypdfium2", "PIL"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # their warnings are about the PDF's author's tools
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("the PDF is protected by a password; save it without one") from error
        raise Unreadable(f"not a readable PDF: {error}") from error
    try:
        if len(document) > MAX_PAGES:
            raise Unreadable(f"the PDF has {len(document):,} pages; at most {MAX_PAGES:,} are read, split it")
        pages = list(_pages(document, data))
        title = meaningful(document.get_metadata_dict().get("Title"))
    except pypdfium2.PdfiumError as error:
        raise Unreadable(f"not a readable PDF: {error}") from error
    finally:
        document.close()
    scanned = [number for number, page in enumerate(pages, start=1) if not page.lines and not page.tables]
    if len(scanned) == len(pages):
        raise Unreadable("the PDF holds no text, only pictures of pages; run it through OCR first")
    composer = Composer()
    running = _running_titles(pages)
    said: set[str] = set()
    for page in pages:
        _compose(page, running, said, composer)
    unshown = [number for number, page in enumerate(pages, start=1) if page.holds_overflow]
    problems = [f"pages without text (scanned?): {_listed(scanned)}"] if scanned else []
    if unshown:
        problems.append(
            f"values that show as #### in too narrow columns (widen them and export again): pages {_listed(unshown)}"
        )
    if filled := [number for number, page in enumerate(pages, start=1) if page.is_filled_in]:
        problems.append(f"left out: what was written into forms and notes (print it to a PDF): pages {_listed(filled)}")
    if hiding := [number for number, page in enumerate(pages, start=1) if page.hides]:
        problems.append(
            f"left out: letters that a reader does not see (invisible, white or without size): pages {_listed(hiding)}"
        )
    if drawn := [number for number, page in enumerate(pages, start=1) if page.is_drawn]:
        problems.append(f"pages on which no tables were looked for, since they are full of drawings: {_listed(drawn)}")
    return Loaded(composer.text, composer.blocks, title=title, problem="; ".join(problems) or None)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")


def _pages(document: Any, data: bytes) -> Iterator[_Page]:
    from pypdfium2 import raw

    characters = 0
    with TableFinder(data) as finder:
        for number in range(len(document)):
            page = document[number]
            read = _Page(page.get_height())
            drawn = 0
            for each in page.get_objects(filter=(raw.FPDF_PAGEOBJ_PATH,), max_depth=4):
                drawn += each.type == raw.FPDF_PAGEOBJ_PATH
                if drawn > MAX_DRAWN:
                    break
            text = page.get_textpage()
            characters += text.count_chars()
            if characters > MAX_CHARACTERS:
                raise Unreadable(f"the PDF holds more than {MAX_CHARACTERS // 10**6} million characters; split it")
            ink = Ink(page, text)
            lines = list(_lines(text, page, ink))
            filled_in = any(_is_filled_in(page))
            text.close()
            page.close()
            read.is_drawn = drawn > MAX_DRAWN
            read.is_filled_in = filled_in
            read.hides = bool(ink.unseen)
            if lines and drawn >= 3 and not read.is_drawn:
                read.tables = finder.tables(number, ink.unseen)
            read.lines = [line for line in lines if not any(is_within(line.box, box) for box, _ in read.tables)]
            yield read


def _is_filled_in(page: Any) -> Iterator[bool]:
    """Whether each annotation of a page holds words that are no part of its text."""
    from pypdfium2 import raw

    for at in range(min(raw.FPDFPage_GetAnnotCount(page), MAX_DRAWN)):
        annotation = raw.FPDFPage_GetAnnot(page, at)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        yield kind == raw.FPDF_ANNOT_FREETEXT or (
            kind == raw.FPDF_ANNOT_WIDGET and bool(raw.FPDFAnnot_HasKey(annotation, b"V"))
        )
        raw.FPDFPage_CloseAnnot(annotation)


def _lines(text: Any, page: Any, ink: Ink) -> Iterator[_TextLine]:
    """The lines of a page in the order of its text, with their boxes; letters that no reader sees are in none."""
    from ctypes import byref, c_double

    from pypdfium2 import raw

    left, right, bottom, top = c_double(), c_double(), c_double(), c_double()
    height = page.get_height()
    letters: list[str] = []
    boxes: list[Box] = []
    places: list[int] = []  # of the letters that have a box
    pending = ""
    for at in range(text.count_chars() + 1):
        code = raw.FPDFText_GetUnicode(text, at) if at < text.count_chars() else 10
        letter = "-\n" if code == 2 else _letter(code, pending)  # 2: a hyphen at the end of a line
        pending = chr(code) if 0xD800 <= code < 0xDC00 else ""
        if letter in ("\r", "") or pending:
            continue
        if letter in ("\n", "-\n"):
            line = "".join(letters) + letter.rstrip("\n")
            if line.strip() and boxes:
                parts, words = (tuple(_parted(letters, places, boxes, gap)) for gap in (_WIDE, _NARROW))
                yield _TextLine(line, _around(boxes), len(parts) > 1, parts, words)
            letters, boxes, places = [], [], []
            continue
        box: Box | None = None
        if not letter.isspace() and raw.FPDFText_GetCharBox(
            text, at, byref(left), byref(right), byref(bottom), byref(top)
        ):
            box = (left.value, height - top.value, right.value, height - bottom.value)
            if not ink.shows(at, box):
                continue
        letters.append(letter)
        if box is not None:
            boxes.append(box)
            places.append(len(letters) - 1)


def _letter(code: int, pending: str) -> str:
    if 0xDC00 <= code < 0xE000 and pending:
        return (pending + chr(code)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "" if code in (0, 0xFFFE, 0xFFFF) or 0xD800 <= code < 0xE000 else chr(code)


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


_WIDE = 2.5
"""Heights of a line by which cells of a table without lines stand apart, whatever stands above and below."""
_NARROW = 1.1
"""Those by which they stand apart where the lines around them show columns."""


def _parted(letters: Sequence[str], places: Sequence[int], boxes: Sequence[Box], gap: float) -> Iterator[_TextLine]:
    """The parts of a line whose letters stand apart by more than some of its heights, as the cells of a table without lines do."""
    height = max(1.0, median(box[3] - box[1] for box in boxes))
    edges = [at for at in range(1, len(boxes)) if boxes[at][0] - boxes[at - 1][2] > gap * height]
    for first, last in itertools.pairwise([0, *edges, len(boxes)]):
        end = places[last] if last < len(boxes) else len(letters)
        text = "".join(letters[places[first] if first else 0 : end])
        yield _TextLine(text.strip(), _around(boxes[first:last]))


_LEAST_LINES = 3
"""Lines of two columns of prose beside each other, and of a table without lines drawn."""
_MOST_LINES = 8
"""Lines of one cell of such a table."""


def _by_column(lines: Sequence[_TextLine]) -> Iterator[_TextLine]:
    """Put columns of prose that were read across after each other; the rows of a table without lines stay as they are."""
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and len(lines[end].parts) > 1 and _is_aligned(lines[end].parts, lines[at].parts):
            end += 1
        if end - at >= _LEAST_LINES and _is_prose(lines[at:end]):
            for column in zip(*(line.parts for line in lines[at:end]), strict=True):
                yield from column
            at = end
        else:
            yield lines[at]
            at += 1


def _is_aligned(parts: Sequence[_TextLine], first: Sequence[_TextLine]) -> bool:
    return len(parts) == len(first) and all(
        abs(part.box[0] - other.box[0]) <= SAME for part, other in zip(parts, first, strict=True)
    )


def _is_prose(lines: Sequence[_TextLine]) -> bool:
    """Whether all columns hold running text: several words a line, and sentences that go on in the next."""
    for column in zip(*(line.parts for line in lines), strict=True):
        texts = [part.text for part in column]
        going_on = sum(1 for one, after in itertools.pairwise(texts) if not _END.search(one) and after[:1].islower())
        if median(len(text.split()) for text in texts) < 3 or going_on < 0.5 * (len(texts) - 1):
            return False
    return True


def _across(lines: Sequence[_TextLine]) -> list[_TextLine]:
    """Put the cells of a row beside each other that were not written as one line.

    A table may be written column by column, or a cell of several lines before the next cell: the text goes up the page again, to values
    that stand at the height of lines before, or to a column that is mostly values.
    """
    out: list[_TextLine] = []
    begin = 0
    for block in _downwards(_on_one_height(lines)):
        places = [_beside(line, out, begin) for line in block]
        values = [classify(line.text) not in ("text", "") for line in block]
        is_column = len(block) >= _LEAST_LINES and None not in places and sum(values) > 0.5 * len(block)
        joined = 0
        for at, line, is_value in zip(places, block, values, strict=True):
            if at is None or not (is_column or is_value):
                break
            out[at] = _joined((out[at], line))
            joined += 1
        if joined < len(block):
            begin = len(out)
            out += block[joined:]
    return out


def _on_one_height(lines: Sequence[_TextLine]) -> Iterator[_TextLine]:
    """Join lines that were written after each other at the same height, from left to right, as the cells of a row."""
    held: list[_TextLine] = []
    for line in lines:
        if held and _beside(line, held[-1:], 0) is None:
            yield _joined(held)
            held = []
        held.append(line)
    if held:
        yield _joined(held)


def _joined(cells: Sequence[_TextLine]) -> _TextLine:
    if len(cells) == 1:
        return cells[0]
    parts = tuple(part for cell in cells for part in cell.parts or (cell,))
    words = tuple(word for cell in cells for word in cell.words or (cell,))
    return _TextLine(" ".join(part.text for part in parts), _around([part.box for part in parts]), True, parts, words)


def _downwards(lines: Iterable[_TextLine]) -> Iterator[list[_TextLine]]:
    """Split lines where the text goes up the page again."""
    block: list[_TextLine] = []
    for line in lines:
        if block and line.box[1] < block[-1].box[1] - SAME:
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _beside(line: _TextLine, others: Sequence[_TextLine], begin: int) -> int | None:
    """Where a line to the left at the same height stands among others."""
    middle, half = (line.box[1] + line.box[3]) / 2, (line.box[3] - line.box[1]) / 2
    for at in range(begin, len(others)):
        box = others[at].box
        if abs((box[1] + box[3]) / 2 - middle) < half and box[2] < line.box[0]:
            return at
    return None


def _unruled(lines: Sequence[_TextLine]) -> tuple[list[_TextLine], list[tuple[Box, Grid]]]:
    """Find the tables without lines: rows of parts that stand in the same columns, some of them values.

    Returns:
        The lines that belong to none, and the tables with their boxes.
    """
    rest: list[_TextLine] = []
    tables: list[tuple[Box, Grid]] = []
    at = 0
    while at < len(lines):
        end = last = at
        while end < len(lines) and (len(lines[end].parts) > 1 or (end > at and _may_go_on(lines[last : end + 1]))):
            last = end if len(lines[end].parts) > 1 else last
            end += 1
        for end in _ends(lines[at : last + 1]):
            run = lines[at : at + end]
            if (rows := _in_columns(run)) is not None:
                tables.append((_around([line.box for line in run]), rows))
                at += end
                break
        else:
            rest.append(lines[at])
            at += 1
    return rest, tables


def _ends(run: Sequence[_TextLine]) -> list[int]:
    """List how many lines the first table of a run may have: all, those before a gap and rows of other parts, or before a lone line."""
    steps = [after.box[1] - line.box[1] for line, after in itertools.pairwise(run)]
    usual = median(steps) if steps else 0.0
    wide = [
        at for at, step in enumerate(steps, 1) if step > 1.4 * usual and _LEAST_LINES <= at <= len(run) - _LEAST_LINES
    ]
    other = [at for at in wide if _most(run[:at]) != _most(run[at:])]
    lone = [at for at, line in enumerate(run) if len(line.parts) <= 1 and at >= _LEAST_LINES]
    ends = [*other[:1], len(run), *lone[:1]]
    return [end for end in dict.fromkeys(ends) if end >= _least(run)]


def _least(run: Sequence[_TextLine]) -> int:
    """How many lines a table must have; a head of known words and one row are one."""
    is_head = len(run[0].parts) > 1 and all(is_header_word(part.text) for part in run[0].parts)
    return 2 if is_head else _LEAST_LINES


def _most(run: Sequence[_TextLine]) -> int:
    return max((len(line.parts) for line in run), default=0)


def _may_go_on(lines: Sequence[_TextLine]) -> bool:
    """Whether lines after a row may belong to its table: one, as a section's title, or several close to each other, as one cell's."""
    close = all(after.box[1] - line.box[3] < line.box[3] - line.box[1] for line, after in itertools.pairwise(lines))
    return len(lines) <= (_MOST_LINES if close else 2)


def _in_columns(run: Sequence[_TextLine]) -> Grid | None:
    """The grid of lines whose parts stand in columns; `None` where they do not, or where no column holds values."""
    run = _as_columned(run)
    most = _most(run)
    full = [line for line in run if len(line.parts) == most]
    several = [line for line in run if len(line.parts) > 1]
    if len(full) < _least(run) or len(full) < 0.5 * len(several):
        return None
    columns = [
        (min(part.box[0] for part in parts), max(part.box[2] for part in parts))
        for parts in zip(*(line.parts for line in full), strict=True)
    ]
    if any(one[1] > other[0] for one, other in itertools.pairwise(columns)):
        return None
    below = full[1:] if _least(run) < _LEAST_LINES else full
    if not any(
        sum(1 for part in parts if classify(part.text) != "text") > 0.5 * len(below)
        for parts in zip(*(line.parts for line in below), strict=True)
    ):
        return None
    pairs = ((line, after) for line, after in itertools.pairwise(run) if len(line.parts) > 1 < len(after.parts))
    step = min((after.box[1] - line.box[1] for line, after in pairs), default=0.0)
    rows: list[dict[int, Cell]] = []
    for line, before in zip(run, [None, *run], strict=False):
        cells: dict[int, Cell] = {}
        for part in line.parts or (line,):
            reached = [at for at, column in enumerate(columns) if part.box[0] < column[1] and column[0] < part.box[2]]
            first = reached[0] if reached else min(range(most), key=lambda at: _distance(part.box, columns[at]))
            if any(first < at + cell.columns for at, cell in cells.items()):
                return None
            cells[first] = Cell(part.text, max(1, len(reached)))
        is_rest = before is not None and len(cells) < most and line.box[1] - before.box[1] < 0.75 * step
        if is_rest and rows and all(rows[-1].get(at, Cell("")).columns == cell.columns for at, cell in cells.items()):
            for at, cell in cells.items():
                rows[-1][at] = Cell(f"{rows[-1][at].text} {cell.text}" if at in rows[-1] else cell.text, cell.columns)
        else:
            rows.append(cells)
    return grid(placed(rows, most))


def _as_columned(run: Sequence[_TextLine]) -> list[_TextLine]:
    """Part lines further whose words stand each in a column of the line with the most parts."""
    columns = [(part.box[0], part.box[2]) for part in max(run, key=lambda line: len(line.parts)).parts]
    out: list[_TextLine] = []
    for line in run:
        reached = [
            [at for at, (left, right) in enumerate(columns) if word.box[0] < right and left < word.box[2]]
            for word in line.words
        ]
        places = [each[0] for each in reached if len(each) == 1]
        is_finer = len(line.parts) < len(line.words) == len(places) == len(set(places))
        out.append(replace(line, parts=line.words) if is_finer else line)
    return out


def _distance(box: Box, column: tuple[float, float]) -> float:
    return max(box[0] - column[1], column[0] - box[2])


def _running_titles(pages: Sequence[_Page]) -> set[str]:
    """What stands in the margin of several pages, numbers aside: page numbers, running titles."""
    if len(pages) < 2:
        return set()
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_DIGITS.sub("#", line.text.strip()) for line in page.lines if _is_marginal(line, page)})
    return {text for text, times in seen.items() if times >= max(2, len(pages) // 3)}


def _is_marginal(line: _TextLine, page: _Page) -> bool:
    return line.box[3] < _MARGIN * page.height or line.box[1] > (1 - _MARGIN) * page.height


def _compose(page: _Page, running: set[str], said: set[str], composer: Composer) -> None:
    """Append a page: its lines in their order, each table before the first line that stands below it in its columns.

    Args:
        page: what was read of it.
        running: what stands in the margins of several pages.
        said: what of it is in the text already; it grows.
        composer: takes the page.
    """
    lines: list[_TextLine] = []
    for line in page.lines:
        sort = _DIGITS.sub("#", line.text.strip())
        if _is_marginal(line, page) and (sort in running or sort in said or _PAGE_NUMBER.fullmatch(sort.lower())):
            if sort not in said and not _PAGE_NUMBER.fullmatch(sort.lower()):
                composer.paragraph(" ".join(line.text.split()))
            said.add(sort)
            continue
        lines.append(line)
    lines, unruled = _unruled(list(_by_column(_across(lines))))
    places: dict[int, list[Grid]] = {}
    for box, rows in sorted([*page.tables, *unruled], key=lambda each: (each[0][1], each[0][0])):
        at = next((at for at, line in enumerate(lines) if line.box[1] >= box[1] and _overlaps(line.box, box)), None)
        if at is None:
            above = [at for at, line in enumerate(lines) if line.box[3] <= box[1] + SAME]
            at = max(above) + 1 if above else 0
        places.setdefault(at, []).append(rows)
    pending: list[_TextLine] = []
    for at in range(len(lines) + 1):
        for rows in places.get(at, ()):
            _prose(pending, composer)
            pending = []
            composer.table(rows)
        if at < len(lines):
            pending.append(lines[at])
    _prose(pending, composer)


def _overlaps(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2]


def _prose(lines: Sequence[_TextLine], composer: Composer) -> None:
    for paragraph in _paragraphs(lines):
        composer.paragraph(paragraph)


def _paragraphs(lines: Sequence[_TextLine]) -> Iterator[str]:
    """Lines belong together until a gap, a bullet, a line of columns, or one that ends a sentence and is shorter than the others."""
    if not lines:
        return
    widest = max(line.box[2] - line.box[0] for line in lines)
    steps = [after.box[1] - line.box[1] for line, after in itertools.pairwise(lines) if after.box[1] > line.box[1]]
    usual = median(steps) if steps else 0.0
    gathered: list[str] = []
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        gathered.append(line.text)
        short = line.box[2] - line.box[0] < 0.8 * widest
        ends = (
            after is None
            or line.is_wide
            or after.is_wide
            or (short and bool(_END.search(line.text.strip())))
            or bool(_BULLET.match(after.text.strip()))
            or after.box[1] - line.box[1] > 1.45 * usual
            or after.box[1] < line.box[1] - usual
        )
        if ends:
            yield " ".join(_HYPHEN.sub("", "\n".join(gathered)).split())
            gathered = []
