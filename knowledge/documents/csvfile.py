"""CSV tables: the delimiter, the header and what stands around the table are found, every row is a passage by itself."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from knowledge.documents.passage import Loaded, entry
from knowledge.documents.tables import plain, read_table
from knowledge.errors import Unreadable
from language.encoding import decode

_SEPARATOR = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # what Excel writes and reads as the first line
_SAMPLE = 40  # lines looked at for the delimiter


def load(data: bytes, content_type: str | None = None) -> Loaded:
    """Load a CSV or TSV table. Rows are entries under the labels of its header; without a header they have no labels.

    Raises:
        Unreadable: there is no row, or the quoting is broken.
    """
    text = decode(data, content_type)
    rows = list(_rows(text))
    filled = [cells for _, _, cells in rows if any(cell.strip() for cell in cells)]
    if not filled or (len(filled) == 1 and len(filled[0]) > 1):
        raise Unreadable("the table has no rows under its head; the first row must name the columns")
    table = read_table(plain(cells for _, _, cells in rows))
    return Loaded(text, [entry(line, rows[line.at][0], rows[line.at][1]) for line in table.lines])


def _rows(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Every row with its span in the text (a quoted cell may hold line breaks); empty ones too, which separate parts."""
    named = _SEPARATOR.match(text)
    start = named.end() if named else 0
    consumed = start

    def lines() -> Iterator[str]:
        nonlocal consumed
        for line in io.StringIO(text[start:], newline=""):
            consumed += len(line)
            yield line

    at = start
    try:
        for cells in csv.reader(lines(), delimiter=named[1] if named else delimiter(text)):
            end = consumed
            yield at, at + len(text[at:end].rstrip("\r\n")), cells
            at = end
    except csv.Error as error:
        raise Unreadable(f"not a CSV table: {error}") from error


def delimiter(text: str) -> str:
    """Tell the delimiter: the sign that most lines have equally often, the more often the better; a comma if there is none."""
    lines = [line for line in text.split("\n", _SAMPLE + 1)[:_SAMPLE] if line.strip()]
    best, score = ",", 0.0
    for sign in ",;\t|":
        counts = Counter(line.count(sign) for line in lines if sign in line)
        if counts:
            times, agreeing = max(counts.items(), key=lambda item: (item[1], item[0]))
            fit = agreeing + min(times, 50) / 100
            if fit > score:
                best, score = sign, fit
    return best
