"""One table model for every format: cells with spans become a grid, its header is found by shape, every row carries its labels.

    rows = [[Cell("Kota", rows=2), Cell("Ongkir", columns=2)], [Cell("Biasa"), Cell("Kilat")], [Cell("Medan"), Cell("9"), Cell("20")]]
    read_table(grid(rows))  # labels ("Kota", "Ongkir Biasa", "Ongkir Kilat"), one row

A label that cannot be told is left out: a value without a label can be asked about, a value under another's label is wrong.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeAlias

from knowledge.documents.cells import (
    LONGEST_LABEL,
    VALUES,
    WORDS,
    Class,
    classify,
    grows,
    is_field,
    is_header_word,
    is_measured,
    is_named,
    is_tier,
    lowest,
    usual_kind,
)
from knowledge.errors import Unreadable

MAX_CELLS = 400_000
"""Cells of one table, spans expanded; a larger one is a mistake or an attack."""
MAX_HEADER_ROWS = 3
_NEAR = 30  # rows looked at above a row that may begin another table
LONGEST_SECTION = 80  # characters; a longer line over or under a table is prose

_SENTENCE = re.compile(r"[.!?;:]\s|[.!;]$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as a file writes it: `columns` and `rows` are its spans; `strong` when it is marked as a heading (`<th>`, bold)."""

    text: str
    columns: int = 1
    rows: int = 1
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """A place of the grid. The slots of a merged cell are equal: all hold its text, its first place and its size."""

    text: str = ""
    strong: bool = False
    row: int = -1
    column: int = -1
    height: int = 1
    width: int = 1


Grid: TypeAlias = Sequence[Sequence[Slot]]
EMPTY = Slot()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: its cells (one a column), or the text of a note. `at` is its row in the grid, `path` what stands above it."""

    at: int
    cells: tuple[str, ...]
    labels: tuple[str, ...] = ()  # empty: not known
    path: tuple[str, ...] = ()
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was understood. `labels` are those of its last part, for a table that continues it; `width` counts columns."""

    lines: tuple[Line, ...]
    labels: tuple[str, ...]
    width: int
    path: tuple[str, ...] = ()


def grid(rows: Iterable[Sequence[Cell | None]]) -> list[list[Slot]]:
    """Place cells in a grid, each in every slot that it spans. Later cells move on past slots that are taken from above.

    Args:
        rows: the cells of each row in order; `None` is a slot without a cell.

    Raises:
        Unreadable: more than `MAX_CELLS` slots.
    """
    placed: list[dict[int, Slot]] = []
    listed = list(rows)
    size = 0
    for at, cells in enumerate(listed):
        while len(placed) <= at:
            placed.append({})
        column = 0
        for cell in cells:
            while column in placed[at]:
                column += 1
            if cell is None:
                column += 1
                continue
            width, height = max(1, cell.columns), max(1, min(cell.rows, len(listed) - at))
            size += width * height
            _check_size(size)
            slot = Slot(cell.text, cell.strong, at, column, height, width)
            for down in range(height):
                while len(placed) <= at + down:
                    placed.append({})
                for right in range(width):
                    placed[at + down].setdefault(column + right, slot)
            column += width
    width = max((max(row) + 1 for row in placed if row), default=0)
    _check_size(width * len(placed))
    return [[row.get(column, EMPTY) for column in range(width)] for row in placed]


def _check_size(cells: int) -> None:
    if cells > MAX_CELLS:
        raise Unreadable(f"a table has more than {MAX_CELLS:,} cells; split it")


def plain(rows: Iterable[Sequence[str]]) -> list[list[Slot]]:
    """Place texts without spans."""
    return grid([[Cell(text) for text in row] for row in rows])


def read_table(rows: Grid, before: Table | None = None) -> Table:
    """Understand a grid: titles, header, sections, rows and notes.

    Args:
        before: the table directly before this one, which it may continue; its labels are taken when the columns match
            and this one has no header of its own.
    """
    width = len(rows[0]) if rows else 0
    may_go_on = before is not None and before.labels and before.width == width and _is_of_kinds(rows, before)
    continued = before if may_go_on else None
    labels = continued.labels if continued else ()
    title: tuple[str, ...] = ()
    path = continued.path if continued else ()
    lines: list[Line] = []
    parts = list(_parts(rows))
    for number, part in enumerate(parts):
        names, at = _titles(part, rows, is_first=number == 0, is_last=number == len(parts) - 1)
        short = tuple(name for name in names if len(name) <= LONGEST_SECTION and not name.startswith("*"))
        lines += [Line(part[0], (name,), path=path, is_note=True) for name in names if name not in short]
        body = part[at:]
        later = [row for other in parts[number + 1 :] for row in other if not _is_lone(rows[row])]
        is_anew = bool(number and body) and _begins_anew(part[0], parts[number - 1], rows)
        height, found = _header(body, later, rows, () if is_anew else labels)
        if not height and number and not _goes_on(body, [line.at for line in lines if line.labels], rows):
            found = ()
        if short and number == 0:
            title = path = short
        elif short:
            if height and any(line.path == title and not line.is_note for line in lines):
                title = title[:-1]  # the last line over the first part named that part, as this one names its own
            path = (*title, *(name for name in short if name not in title))
        elif height and number and any(not line.is_note for line in lines):
            path = title = ()
        if body:
            labels = found
        for row in body[height:]:
            cells = tuple(slot.text for slot in rows[row])
            if labels and _repeats(cells, labels):
                continue
            if _is_lone(rows[row]) and _is_note(row, body, rows):
                lines.append(Line(row, (_lone_text(rows[row]),), path=path, is_note=True))
                continue
            lines += [Line(row, own, under, path) for own, under in _beside(cells, labels)]
    return Table(tuple(lines), labels, width, path)


def _filled(slots: Sequence[Slot]) -> list[Slot]:
    return [slot for slot in slots if slot.text.strip()]


def _is_lone(slots: Sequence[Slot]) -> bool:
    """Whether a row holds one cell only, however far it is merged."""
    found = _filled(slots)
    return bool(found) and all((slot.row, slot.column) == (found[0].row, found[0].column) for slot in found)


def _lone_text(slots: Sequence[Slot]) -> str:
    return _filled(slots)[0].text.strip()


def _spans_all(slots: Sequence[Slot]) -> bool:
    """Whether one merged cell covers the row, or nearly: a section or a title."""
    found = _filled(slots)
    return _is_lone(slots) and found[0].height == 1 and len(found) >= 2 and len(found) >= 0.6 * len(slots)


def _parts(rows: Grid) -> Iterator[list[int]]:
    """Yield the rows of each part of a table: parts begin after an empty row and at a section's title."""
    part: list[int] = []
    usual = median(counts) if (counts := [len(_filled(row)) for row in rows if _filled(row)]) else 0
    for at, slots in enumerate(rows):
        if not _filled(slots):
            if part:
                yield part
            part = []
            continue
        is_section = usual >= 2 and _is_section(slots)
        if part and not all(_is_lone(rows[row]) for row in part) and (is_section or _begins_anew(at, part, rows)):
            yield part
            part = []
        part.append(at)
    if part:
        yield part


def _begins_anew(at: int, part: Sequence[int], rows: Grid) -> bool:
    """Whether a row is the header of another table under the rows of a part: words in columns of values, over values.

    It must be marked as a heading, name a column anew (`Harga` under prices) or one that was empty so far, or hold nothing but words of
    headers, since `tanya admin` may stand in any column.
    """
    if len(part) < 2 or at + 1 >= len(rows):
        return False
    columns = {slot.column: slot.text.strip() for slot in _filled(rows[at]) if slot.width == slot.height == 1}
    if len(columns) < 2 or len(set(columns.values())) < len(columns) or len(columns) < len(_filled(rows[at])):
        return False
    if any(classify(text) not in ("text", "weekday", "month", "measure") for text in columns.values()):
        return False
    if all(_all_strong(rows[row]) for row in (at, part[0])) and not any(
        _all_strong(rows[row]) for row in (at + 1, part[-1])
    ):
        return True
    values = {column for column in columns if classify(rows[at + 1][column].text) in VALUES}
    near = [*part[:MAX_HEADER_ROWS], *part[MAX_HEADER_ROWS:][-_NEAR:]]
    above = {column: [rows[row][column].text.strip() for row in near] for column in values}
    if any(not any(texts) for texts in above.values()):
        return True
    is_anew = any(columns[at].lower() in map(str.lower, texts[:MAX_HEADER_ROWS]) for at, texts in above.items())
    is_known = is_anew or all(map(is_header_word, columns.values()))
    return is_known and any(usual_kind(texts[1:]) in VALUES for texts in above.values())


def _all_strong(slots: Sequence[Slot]) -> bool:
    return all(slot.strong for slot in _filled(slots))


def _is_section(slots: Sequence[Slot]) -> bool:
    if not _is_lone(slots):
        return False
    strong = _filled(slots)[0].strong
    return (_spans_all(slots) or strong) and len(_lone_text(slots)) <= LONGEST_SECTION


def _titles(part: Sequence[int], rows: Grid, *, is_first: bool, is_last: bool) -> tuple[list[str], int]:
    """Find the lines over a part of a table, and where its own rows begin."""
    if all(_is_lone(rows[row]) for row in part):
        names = [_lone_text(rows[row]) for row in part]
        alone = not is_last and all(_names(rows[row]) for row in part) and len(part) <= 3
        return (names, len(part)) if alone else ([], 0)
    fullness = [len({(slot.row, slot.column) for slot in _filled(rows[row])}) for row in part]
    at = 0
    while at < len(part) - 1:
        slots, usual = rows[part[at]], median(fullness[at + 1 :])
        lone = fullness[at] == 1 and usual >= 2 and _names(slots)
        sparse = is_first and len(_filled(slots)) < 0.5 * usual and not _needs_fill(slots, rows[part[at + 1]])
        if not lone and not sparse:
            break
        at += 1
    return [" ".join(dict.fromkeys(slot.text.strip() for slot in _filled(rows[row]))) for row in part[:at]], at


def _names(slots: Sequence[Slot]) -> bool:
    """Whether a row's one cell can name what follows: not a value, no cell of a column that goes on, no group in a header."""
    slot = _filled(slots)[0]
    is_group = slot.column > 0 and slot.width > 1
    return slot.height == 1 and not is_group and classify(slot.text) in ("text", "weekday", "month")


def _is_note(row: int, body: Sequence[int], rows: Grid) -> bool:
    """Whether a row with one cell is a remark about the table: merged over it, or a sentence at its end."""
    text = _lone_text(rows[row])
    if _spans_all(rows[row]):
        return True
    is_last = all(_is_lone(rows[other]) for other in body[body.index(row) :]) if row != body[0] else len(body) == 1
    return is_last and (text.startswith(("*", "†", "#")) or len(text) > LONGEST_LABEL or bool(_SENTENCE.search(text)))


def _goes_on(body: Sequence[int], before: Sequence[int], rows: Grid) -> bool:
    """Whether a part goes on with the rows before: it fills as many columns, and its values are of the kinds of their columns."""
    if not before:
        return True
    usual = median(len(_filled(rows[row])) for row in before)
    if body and max(len(_filled(rows[row])) for row in body) < 0.6 * usual:
        return False
    return all(
        _holds_kind([rows[row][column].text for row in before], [rows[row][column].text for row in body])
        for column in range(len(rows[0]))
    )


def _is_of_kinds(rows: Grid, before: Table) -> bool:
    """Whether the values of a table are of the kinds of the columns of the one before."""
    lines = [line.cells for line in before.lines if not line.is_note and len(line.cells) == before.width]
    return all(
        _holds_kind([cells[column] for cells in lines], [row[column].text for row in rows])
        for column in range(before.width)
    )


def has_values(table: Table) -> bool:
    """Whether a column of a table holds values of one kind: only these show that another table goes on with it."""
    lines = [line.cells for line in table.lines if not line.is_note]
    return any(usual_kind(column) in VALUES for column in zip(*lines, strict=False))


def _holds_kind(before: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether texts go on with a column: where it holds values of one kind, so do some of them, unless they are none."""
    kind = usual_kind([text.strip() for text in before])
    kinds = [classify(text) for text in texts]
    found = ["number" if one == "year" else one for one in kinds if one not in ("", "status")]
    return kind not in VALUES or not found or kind in found


def _beside(cells: tuple[str, ...], labels: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Part a row in which the labels come again (`Menu Harga Menu Harga`): it holds several rows beside each other."""
    for size in range(2, len(labels) // 2 + 1):
        if len(labels) % size == 0 and all(labels[:size]) and labels == labels[:size] * (len(labels) // size):
            parts = [cells[at : at + size] for at in range(0, len(cells), size)]
            yield from ((part, labels[:size]) for part in parts if any(part))
            return
    yield cells, labels


def _repeats(cells: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether a row is the header again, as long tables repeat it."""
    filled = [(cell.strip(), label) for cell, label in zip(cells, labels, strict=False) if cell.strip()]
    return len(filled) > 1 and all(label == cell or label.endswith(f" {cell}") for cell, label in filled)


def _header(
    body: Sequence[int], later: Sequence[int], rows: Grid, before: tuple[str, ...]
) -> tuple[int, tuple[str, ...]]:
    """Find how many rows the header of a part has, and the labels that hold under it; no labels when they cannot be told.

    Args:
        later: rows of the parts that follow, which a header alone in its part is compared with.
        before: the labels that held so far.
    """
    if not body:
        return 0, before
    fits = bool(before) and all(before[column] for column, slot in enumerate(rows[body[0]]) if slot.text.strip())
    for height in _heights(body, rows) if len(body) >= 2 else [1]:
        heads, under = [rows[row] for row in body[:height]], [rows[row] for row in body[height:] or later]
        verdict = _verdict(heads, under, fits) if under else "row"
        if verdict == "header":
            return height, _labels(heads)
        if verdict == "unsure":
            return 0, ()
    return 0, before if fits else ()


def _heights(body: Sequence[int], rows: Grid) -> list[int]:
    """List how high the header may be, likeliest first."""
    first = rows[body[0]]
    found: list[int] = []
    tall = max((slot.height for slot in _filled(first)), default=1)
    if 1 < tall <= MAX_HEADER_ROWS and tall < len(body):
        found.append(tall)
    if any(slot.width > 1 for slot in _filled(first)):
        second = rows[body[1]]
        deeper = 3 if any(1 < slot.width < len(second) and slot.height == 1 for slot in _filled(second)) else 2
        found += [deeper, 2]
    elif _needs_fill(first, rows[body[1]]):
        found.append(2)
    strong = 0
    for row in body[: MAX_HEADER_ROWS + 1]:
        if not _all_strong(rows[row]):
            break
        strong += 1
    if 1 < strong <= MAX_HEADER_ROWS and strong < len(body):
        found.append(strong)
    return [*dict.fromkeys(found), 1]


def _needs_fill(first: Sequence[Slot], second: Sequence[Slot]) -> bool:
    """Whether a group header lost its spans, as in CSV: gaps beside its names, and names that repeat under it."""
    under = [slot.text.strip().lower() for slot in second if slot.text.strip()]
    return (
        len(_filled(first)) >= 2
        and any(not slot.text.strip() for slot in first[1:])
        and len(under) > len(set(under))
        and all(classify(slot.text) in ("text", "measure", "weekday", "month") for slot in _filled(second))
    )


Verdict = Literal["header", "row", "unsure"]


def _verdict(heads: Grid, under: Grid, continues: bool) -> Verdict:
    """Judge whether rows are the header of those below: about as full, and unlike them.

    Args:
        continues: labels from before would fit these columns, so a first row may be one more of their rows.
    """
    width = len(heads[0])
    last = [_deepest(heads, column) for column in range(width)]
    filled = [text for text in last if text]
    under = [row for row in under if [slot.text for slot in row] != [slot.text for slot in heads[0]]] or under
    usual = median([len(_filled(row)) for row in under])
    if not filled or len(filled) < 0.6 * usual or any(len(text) > LONGEST_LABEL for text in filled):
        return "row"
    if all(map(_all_strong, heads)) and not all(map(_all_strong, under)):
        return "header"
    unlike, like = _contrast(last, under)
    words = sum(1 for column, text in enumerate(last) if is_named(text, [row[column].text for row in under]))
    if like or any(_sentence_like(text) for text in filled):
        return "row"
    if words >= 0.5 * len(filled) and (unlike or len(set(filled)) == len(filled)) and not _is_form(heads, under):
        return "header"
    if continues and not (unlike >= 2 and len(set(filled)) == len(filled) == usual):
        return "unsure" if unlike else "row"
    if unlike:
        return "row" if _is_form(heads, under) else "header"
    return "header" if _is_nominal(filled, under, heads) else "row"


def _deepest(heads: Grid, column: int) -> str:
    return next((row[column].text.strip() for row in reversed(heads) if row[column].text.strip()), "")


def _contrast(heads: Sequence[str], under: Grid) -> tuple[int, int]:
    """Count the columns whose first cell is unlike the cells below in kind, and those where it is one of them."""
    columns = [[row[column].text.strip() for row in under] for column in range(len(heads))]
    kinds = [classify(head) for head in heads]
    over_values = any(kind in WORDS and usual_kind(below) in VALUES for kind, below in zip(kinds, columns, strict=True))
    measured = len({head for head in heads if is_measured(head)}) >= (1 if over_values else 2)
    states = len({head.lower() for head, kind in zip(heads, kinds, strict=True) if kind == "status"}) >= 2
    named = any(is_named(head, below) for head, below in zip(heads, columns, strict=True))
    counted = _counted(heads, kinds, under)
    tiers = _tiers(heads, columns)
    unlike = like = 0
    for column, (head, kind, below) in enumerate(zip(heads, kinds, columns, strict=True)):
        usual = usual_kind(below)
        if not kind or column in counted:
            continue
        if column in tiers:
            unlike += usual in VALUES
            continue
        if kind in WORDS:
            unlike += usual in VALUES or (kind != "text" and usual == "text")
            like += kind == usual != "text" or (kind == "text" and head in below)
        elif kind == "status" and not (measured and is_measured(head)):
            is_name = (states or named) and (usual in VALUES or (states and usual in WORDS))
            unlike += is_name
            like += not is_name
        else:
            is_name = measured and is_measured(head) and usual not in (kind, None) and head not in below
            unlike += is_name and usual in VALUES
            like += not is_name
    return unlike, like


def _counted(heads: Sequence[str], kinds: Sequence[Class], under: Grid) -> frozenset[int]:
    """The columns that are named by growing whole numbers, as sizes of shoes are (`36 37 38`), beside one named by a word."""
    columns = [at for at, head in enumerate(heads) if head.isdecimal() and len(head) <= 4]
    if (
        len(columns) < 3
        or not grows([heads[at] for at in columns])
        or any(kind == "number" for at, kind in enumerate(kinds) if at not in columns)
    ):
        return frozenset()
    named = any(is_named(head, [row[at].text for row in under]) for at, head in enumerate(heads) if at not in columns)
    grow_too = sum(1 for row in under if grows([row[at].text.strip() for at in columns]))
    return frozenset(columns) if named and grow_too < 0.5 * len(under) else frozenset()


def _tiers(heads: Sequence[str], columns: Sequence[Sequence[str]]) -> frozenset[int]:
    """The columns that are named by growing ranges, as tiers of quantity are (`1-99 | 100-499 | 500+`), over what are none."""
    found = [at for at, head in enumerate(heads) if is_tier(head)]
    bounds = [lowest(heads[at]) for at in found]
    is_under = any(is_tier(text) for at in found for text in columns[at])
    grow = len(set(bounds)) > 1 and bounds == sorted(bounds)
    return frozenset(found) if grow and not is_under else frozenset()


def _sentence_like(text: str) -> bool:
    return bool(_SENTENCE.search(text)) and len(text.split()) > 4


def _is_form(heads: Grid, under: Grid) -> bool:
    """Whether two columns are names and their values (`Alamat | Jl. Melati 5`), so that the first row is one of them."""
    every = [*heads, *under]
    columns = [column for column in range(len(every[0])) if any(row[column].text.strip() for row in every)]
    if len(columns) != 2 or len(heads) > 1:
        return False
    rows = [[row[column] for column in columns] for row in every]
    names = [row[0].text.strip() for row in rows if row[0].text.strip()]
    if sum(1 for name in names if name.endswith(":")) >= 0.6 * len(names):
        return True
    if len(names) < len(rows) or len(set(names)) < len(names):
        return False
    spoken = sum(1 for name in names if is_header_word(name))
    if spoken >= 2 and spoken >= 0.6 * len(names) and not is_header_word(rows[0][1].text):
        return True
    named = sum(1 for name in names if is_field(name))
    return named >= 2 and named >= 0.4 * len(names) and usual_kind([row[1].text for row in rows]) in (None, "text")


def _is_nominal(filled: Sequence[str], under: Grid, heads: Grid) -> bool:
    """Whether words over words read as labels: short, each its own, none of them a value below, and more than one row below."""
    below = {slot.text.strip().lower() for row in under for slot in row}
    return (
        len(filled) >= 2
        and all(classify(text) == "text" and len(text.split()) <= 5 and not re.search(r"\d", text) for text in filled)
        and len({text.lower() for text in filled}) == len(filled)
        and not below & {text.lower() for text in filled}
        and not _is_form(heads, under)
    )


def _labels(heads: Grid) -> tuple[str, ...]:
    """Join the rows of a header: `Ongkir` over `Kilat` is `Ongkir Kilat`. Gaps of a group header are filled from the left."""
    columns: list[list[str]] = [[] for _ in heads[0]]
    for number, row in enumerate(heads):
        fill = number < len(heads) - 1 and _needs_fill(row, heads[number + 1])
        last = ""
        for column, slot in enumerate(row):
            text = slot.text.strip() or (last if fill else "")
            last = text
            if text and text not in columns[column]:
                columns[column].append(text)
    return tuple(" ".join(" ".join(parts).split()) for parts in columns)


def labelled(labels: Sequence[str], cells: Sequence[str]) -> str:
    """Format a row as `column: value` lines, without empty cells.

    A merged cell's value is written once, for all labels that it stands under, only where these say no more than each other. Of two cells
    without labels the first names the second, and so in pairs (`Dewasa | 50.000 | Anak | 30.000`).
    """
    lines: dict[str, None] = {}
    filled = list(dict.fromkeys(cell.strip() for cell in cells if cell.strip()))
    if not any(labels) and _is_paired(filled):
        return "\n".join(f"{name.rstrip(':')}: {value}" for name, value in zip(filled[::2], filled[1::2], strict=True))
    for at, cell in enumerate(cells):
        value = cell.strip()
        if not value:
            continue
        name = labels[at].strip().rstrip(":") if at < len(labels) else ""
        lines[f"{name}: {value}" if name else value] = None
    return "\n".join(lines)


def _is_paired(cells: Sequence[str]) -> bool:
    """Whether a row without labels is names and their values by turns."""
    names, values = cells[::2], cells[1::2]
    if len(names) != len(values) or not all(classify(name) == "text" for name in names):
        return False
    return len(names) == 1 or (
        bool(names)
        and (all(classify(value) in VALUES for value in values) or all(is_header_word(name) for name in names))
    )


def inline(rows: Grid) -> str:
    """Write a table in one line, for a table inside a cell: `Isi: Kopi, Harga: 10; Isi: Teh, Harga: 8`."""
    lines = read_table(rows).lines
    return "; ".join(
        line.cells[0] if line.is_note else labelled(line.labels, line.cells).replace("\n", ", ") for line in lines
    )
