"""Tables whose rows are passages by themselves: CSV and XLSX."""

import csv
import io
import re
from collections.abc import Iterator, Sequence

from knowledge.documents.passage import Block, Composer, Loaded, labelled
from knowledge.documents.text import decode
from knowledge.errors import Unreadable

_QUESTIONS = frozenset({"question", "questions", "pertanyaan", "tanya", "soalan", "q", "faq"})
_ANSWERS = frozenset({"answer", "answers", "jawaban", "jawab", "jawapan", "a", "response", "balasan"})
_ALIASES = frozenset({"alias", "aliases", "variants", "variasi", "phrasings", "pertanyaan lain", "sinonim"})
_BETWEEN = re.compile(r"\s*[|;\n]\s*")


def load_csv(data: bytes) -> Loaded:
    """Load a CSV or TSV table whose first row names the columns; every further row is an entry.

    Raises:
        Unreadable: there is no row under the head, or the quoting is broken.
    """
    text = decode(data)
    rows = list(_rows(text))
    if len(rows) < 2:
        raise Unreadable("the table has no rows under its head; the first row must name the columns")
    head = rows[0][2]
    blocks = [entry(head, cells, start, end) for start, end, cells in rows[1:]]
    return Loaded(text, blocks)


def _rows(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Every row that is not empty, with its span in the text (a quoted cell may hold line breaks)."""
    consumed = 0

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in io.StringIO(text, newline=""):
            consumed += len(line)
            yield line

    start = 0
    try:
        for cells in csv.reader(lines(), _dialect(text)):
            end = consumed
            if any(cell.strip() for cell in cells):
                yield start, start + len(text[start:end].rstrip("\r\n")), cells
            start = end
    except csv.Error as error:
        raise Unreadable(f"not a CSV table: {error}") from error


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.split("\n", 1)[0]

    class Dialect(csv.excel):
        delimiter = max(",;\t|", key=first.count)

    return Dialect


def load_xlsx(data: bytes) -> Loaded:
    """Load every sheet that has a head and rows; formulas count as the values they last had.

    Raises:
        Unreadable: the workbook is damaged or protected, or no sheet has rows under a head.
    """
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise Unreadable(f"not a readable XLSX workbook (is it protected by a password?): {error}") from error
    composer = Composer()
    try:
        for sheet in book.worksheets:
            rows = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
            rows = [row for row in rows if any(row)]
            if len(rows) < 2:
                continue
            if len(book.worksheets) > 1:
                composer.heading(2, sheet.title)
            for cells in rows[1:]:
                composer.entry(" | ".join(cells), entry(rows[0], cells, 0, 0))
    finally:
        book.close()
    if not composer.blocks:
        raise Unreadable("no sheet has rows under a head; the first row must name the columns")
    return Loaded(composer.text, composer.blocks)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def entry(head: Sequence[str], cells: Sequence[str], start: int, end: int) -> Block:
    """Build the entry of one row; question, answer and alias columns are recognised by their name.

    Args:
        head: names of the columns.
        cells: the row, as long as `head` or not.
        start: offset of the row in the loaded text, in characters.
        end: offset of its end.
    """
    named = {name.strip().lower(): cell.strip() for name, cell in zip(head, cells, strict=False)}
    question = next((cell for name, cell in named.items() if name in _QUESTIONS and cell), None)
    answer = next((cell for name, cell in named.items() if name in _ANSWERS and cell), None)
    others = next((cell for name, cell in named.items() if name in _ALIASES and cell), "")
    aliases = tuple(one for one in _BETWEEN.split(others) if one)
    columns = [(name, cell) for name, cell in zip(head, cells, strict=False) if name.strip().lower() not in _ALIASES]
    shown = labelled([name for name, _ in columns], [cell for _, cell in columns])
    if question and answer:
        extra = [
            (name, cell) for name, cell in columns if name.strip().lower() not in _QUESTIONS | _ANSWERS and cell.strip()
        ]
        more = labelled([name for name, _ in extra], [cell for _, cell in extra])
        shown = "\n".join(filter(None, (question, answer, more)))
        return Block("entry", start, end, shown=shown, question=question, answer=answer, aliases=aliases)
    return Block("entry", start, end, shown=shown, aliases=aliases)
