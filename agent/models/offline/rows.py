"""Rows of tables, as passages hold them, and their wording: `Kopi susu: Rp18.000, ukuran 350 ml`.

A passage holds a row as lines of `column: value` (a sheet), several rows as lines of `column: value; column: value`, or a table
of Markdown.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from actions.qris import format_rupiah
from agent.models.values import Passage
from language import lexicon
from language.tables import words

Cells = tuple[tuple[str, str], ...]
"""A row: each value with the name of its column."""

_SHEETS = (".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".ods")
_CELL = re.compile(r"^(?P<name>[^:|\n]{1,40}): (?P<value>\S.*)$")
_INLINE = re.compile(r"^(?:[-*•] )?(?P<row>[^:;|]{1,40}: [^;]+(?:; [^:;|]{1,40}: [^;]+)+)$")
_RULER = re.compile(r"^\|?[\s:|-]+\|?$")
_WHOLE_NUMBER = re.compile(r"(?:rp\.?\s*|idr\s*)?(?P<number>\d{1,3}(?:[.,]\d{3})+|\d{3,9})(?:,-|\.00)?", re.IGNORECASE)
_FOREIGN = re.compile(
    r"[$€£¥]|\b(?:usd|eur|gbp|sgd|myr|aud|jpy|cny|thb|php|ringgit|dollars?|euros?|rm)\b|\brm\s?\d", re.IGNORECASE
)
_SCALED = re.compile(r"\b(?:ribu|ribuan|rb|juta|jt|thousand|million|k)\b", re.IGNORECASE)
_LEAST_PRICE = 500
"""Rupiah: a smaller bare number in a column of prices may be thousands, or no price."""

_CODES = frozenset("no nr id kode code sku nomor number".split())


@dataclass(frozen=True, slots=True)
class Unit:
    """What is quoted as one thing: a row of a table, or a passage without one. `cells` are those of a row."""

    passage: Passage
    cells: Cells = ()

    @property
    def name_label(self) -> str:
        """What the column of `name` is called."""
        return self.cells[_named(self.cells)][0] if self.cells else ""

    @property
    def name(self) -> str:
        """What the row is about; empty for prose."""
        return self.cells[_named(self.cells)][1] if self.cells else ""


def units_of(passages: Sequence[Passage]) -> list[Unit]:
    """Split passages into rows and prose, in order."""
    lines = [_lines(passage.text) for passage in passages]
    shared = Counter(tuple(name for name, _ in cells) for cells in lines if cells)
    units: list[Unit] = []
    for passage, cells in zip(passages, lines, strict=True):
        if cells and (_is_sheet(passage.source) or shared[tuple(name for name, _ in cells)] > 1):
            units.append(Unit(passage, cells))
        else:
            units += _split(passage)
    return units


def _is_sheet(source: str) -> bool:
    return source.partition("#")[0].lower().endswith(_SHEETS)


def _lines(text: str) -> Cells:
    """The cells of a passage in which every line is `column: value`; `()` for any other."""
    matches = [_CELL.match(line.strip()) for line in text.strip().splitlines() if line.strip()]
    if (
        len(matches) < 2
        or not all(matches)
        or any("; " in match["value"] and ": " in match["value"] for match in matches if match)
    ):
        return ()
    return tuple((match["name"].strip(), match["value"].strip()) for match in matches if match)


def _split(passage: Passage) -> list[Unit]:
    """The rows inside a passage, and before them what is left of it, if anything is."""
    rows: list[Cells] = []
    rest: list[str] = []
    columns: list[str] = []
    for line in map(str.strip, passage.text.splitlines()):
        inline = _INLINE.match(line)
        if inline:
            parts = [part.partition(": ") for part in inline["row"].split("; ")]
            rows.append(tuple((name.strip(), value.strip()) for name, _, value in parts if value.strip()))
        elif line.startswith("|"):
            values = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = values
            elif not _RULER.match(line):
                rows.append(tuple((name, value) for name, value in zip(columns, values, strict=False) if value))
        else:
            columns = []
            rest.append(line)
    if not rows:
        return [Unit(passage)]
    prose = "\n".join(rest).strip()
    first = [Unit(replace(passage, text=prose))] if any(not line.startswith("#") for line in rest if line) else []
    return [*first, *(Unit(passage, cells) for cells in rows if cells)]


def _named(cells: Cells) -> int:
    """The place of the cell that says what the row is about: the first that is no number and no code."""
    for at, (name, value) in enumerate(cells):
        if any(char.isalpha() for char in value) and _CODES.isdisjoint(lexicon.words(name)):
            return at
    return 0


def sentence(unit: Unit, passages: Sequence[Passage]) -> str:
    """Word a row: what it is about, then its price, then the rest.

    Args:
        unit: with cells.
        passages: all that were found; where one of them names a foreign currency, a bare number stays one.
    """
    bare = any(_FOREIGN.search(passage.text) for passage in passages)
    at = _named(unit.cells)
    prices, rest, measure = [], [], ""
    for n, (name, value) in enumerate(unit.cells):
        if n == at:
            continue
        priced = None if bare else rupiah(name, value)
        if priced is not None:
            prices.append((name, priced))
        elif not measure and is_measure(name) and not any(char.isdigit() for char in value):
            measure = value
        else:
            rest.append(f"{_label(name)} {value}")
    if measure:
        rest += [] if prices else [measure]
    shown = [
        f"{price if len(prices) == 1 and is_bare_price(name) else f'{_label(name)} {price}'}{f'/{measure}' if measure else ''}"
        for name, price in prices
    ]
    told = ", ".join([*shown, *rest])
    return f"{unit.name}: {told}" if told else unit.name


def _label(name: str) -> str:
    """A column's name inside a sentence."""
    plain = name.replace("_", " ").strip()
    return plain if plain[1:2].isupper() else f"{plain[:1].lower()}{plain[1:]}"


def _money_words() -> frozenset[str]:
    return words("answers", "prices")


def is_bare_price(name: str) -> bool:
    """Tell whether a column is called nothing but a price: `harga`, `price (Rp)`."""
    return all(word in _money_words() for word in lexicon.words(name))


def is_measure(name: str) -> bool:
    """Tell whether a column names the unit that the price is for: `satuan`, `per`."""
    said = lexicon.words(name)
    return len(said) == 1 and said[0] in words("answers", "measures")


def rupiah(name: str, value: str) -> str | None:
    """Word a whole number in a column of prices as rupiah.

    Args:
        name: of the column, or of a field.
        value: as it is written: `18000`, `18.000`, `Rp 18.000`.

    Returns:
        `Rp18.000`; `None` for what is no price, stands in another currency or in thousands.
    """
    number = _WHOLE_NUMBER.fullmatch(value.strip())
    said = lexicon.words(name)
    if number is None or not any(word in _money_words() for word in said):
        return None
    if _FOREIGN.search(name) or _SCALED.search(name):
        return None
    amount = int(re.sub(r"\D", "", number["number"]))
    return format_rupiah(amount) if amount >= _LEAST_PRICE else None
