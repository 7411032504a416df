"""What single cells of tables hold: the kind of their value, and whether they read as labels.

    classify("Rp25.000")  # "number"
    classify("24 jam")  # "status": instead of a figure
    is_header_word("Harga")  # True

The words are those of the section `[cells]` of the data files.
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Literal

from language.calendar import months, weekdays
from language.tables import phrases, words

LONGEST_LABEL = 60
"""Characters; a longer cell is a sentence, not a label."""

Class = Literal["", "status", "number", "percent", "date", "time", "year", "measure", "weekday", "month", "text"]

WORDS: frozenset[Class] = frozenset({"text", "weekday", "month"})
VALUES: frozenset[Class] = frozenset({"number", "percent", "date", "time", "year", "measure"})
_MEASURED: frozenset[Class] = frozenset(
    {"year", "measure", "date", "time", "percent"}
)  # kinds of value that label columns, too
_CURRENCY = r"(?:rp|idr|rm|myr|usd|sgd|eur|aud|s\$|us\$|[$€£¥₩₹])"
_SHAPES: Sequence[tuple[Class, re.Pattern[str]]] = (
    ("year", re.compile(r"(?:19|20)\d\d")),
    ("percent", re.compile(r"[+\-−±]?[\d.,]++\s*+%")),
    ("time", re.compile(r"\d{1,2}[.:]\d{2}(?:[.:]\d{2})?(?:\s*(?:am|pm|wib|wita|wit))?(?:\s*+[-–—][^\d\n]*+\d.*+)?")),
    ("date", re.compile(r"\d{4}-\d{1,2}-\d{1,2}.*|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{1,2}\s+[^\W\d]{3,9}\.?\s+\d{4}")),
    (
        "number",
        re.compile(
            rf"[(+\-−±~<>≥≤]*+\s*+{_CURRENCY}?\s*+\.?\s*+\d[\d.,\s()/+-]*+"
            rf"(?:{_CURRENCY}|,-|rb|ribu|jt|juta|k)?[\d.,)\-–—\s]*+(?:{_CURRENCY}\s*+[\d.,]++)?"
        ),
    ),
    ("measure", re.compile(r"[±~<>≥≤]*+\s*+\d[\d.,]*+(?:\s*+[-–x×]\s*+\d[\d.,]*+)*+\s*+[^\W\d]++.{0,12}")),
)
_STATUS = frozenset("- – — . / x ✓ ✔ ✗".split()) | phrases("cells", "states")
_HEADER_WORDS = words("cells", "labels")
_KEYS = words("cells", "fields")
_BOUND = r"\d{1,4}(?:[.,]\d{1,2})?"
_DIGITS = re.compile(_BOUND)
_TIER = re.compile(
    rf"(?:[<>≤≥]=?\s*{_BOUND}|{_BOUND}\s*(?:\+|(?:[-–—]|s/?d|sampai|to)\s*{_BOUND}))\s*[^\W\d]{{0,8}}\.?", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@cache
def _day_names() -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(weekdays()), frozenset(months())


def classify(text: str) -> Class:
    """Tell what kind of value a cell holds."""
    plain = " ".join(text.split()).lower()
    if not plain:
        return ""
    if plain in _STATUS:
        return "status"
    if len(plain) > LONGEST_LABEL:
        return "text"
    for kind, shape in _SHAPES:
        if shape.fullmatch(plain):
            return kind
    days, names = _day_names()
    parts = [part.strip() for part in re.split(r"[-–—,&/]|\bs/?d\b|\bsampai\b|\bto\b", plain)]
    if all(part in days for part in parts):
        return "weekday"
    if all(part in names for part in parts):
        return "month"
    return "text"


def usual_kind(texts: Sequence[str]) -> Class | None:
    """Tell the kind of most cells of a column; `None` when they are mixed or say only `gratis`, `-` and the like."""
    kinds = [kind for text in texts if (kind := classify(text)) not in ("", "status")]
    if "number" in kinds:  # 2000 among prices is a price
        kinds = ["number" if kind == "year" else kind for kind in kinds]
    if not kinds:
        return None
    kind, times = Counter(kinds).most_common(1)[0]
    return kind if times >= 0.6 * len(kinds) else None


def is_measured(head: str) -> bool:
    """Tell whether a cell may be a label that is a measure: `24 jam` over prices, besides being how long a shop is open."""
    plain = " ".join(head.split()).lower()
    return any(kind in _MEASURED and shape.fullmatch(plain) for kind, shape in _SHAPES)


def is_tier(text: str) -> bool:
    """Tell whether a cell is a range of small numbers: `1-99`, `500+`, `< 3 km`; prices with thousands are none."""
    return bool(_TIER.fullmatch(text)) and classify(text) not in ("time", "date")


def lowest(tier: str) -> float:
    """Read the first bound of a tier."""
    return float(_DIGITS.findall(tier)[0].replace(",", "."))


def grows(texts: Sequence[str]) -> bool:
    """Tell whether all cells are whole numbers, each larger than the one before."""
    numbers = [int(text) for text in texts if text.isdecimal()]
    return len(numbers) == len(texts) and all(one < other for one, other in itertools.pairwise(numbers))


def is_named(head: str, below: Sequence[str]) -> bool:
    """Tell whether a cell holds a word that headers use, and the cells below do not: `Kota` is one, over `Kota Bandung` it is not."""
    used = _HEADER_WORDS & set(_WORD.findall(head.lower()))
    return bool(used) and not used & set(_WORD.findall(" ".join(below).lower()))


def is_header_word(text: str) -> bool:
    """Tell whether headers and forms use each word of a cell: `Warna`, but not `Warna Hitam`."""
    used = _WORD.findall(text.lower())
    return bool(used) and all(word in _HEADER_WORDS or word in _KEYS for word in used)


def is_field(text: str) -> bool:
    """Tell whether a cell holds a word that forms have beside a value: `No. HP`."""
    return bool(_KEYS & set(_WORD.findall(text.lower())))
