"""Number formats of spreadsheets: what a cell shows for a number (ECMA-376, part 1, 18.8.30 and 18.8.31).

shown(0.075, "0.0%")  # "7.5%"
shown(46357, "d mmm yyyy")  # "1 Des 2026" in the format's language, by default English
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
"""Formats by their fixed id. 14 and 22 show the date in the reader's own order; here in the one that nobody reads wrongly."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\[\]]*)\]|'
    r"(?P<ampm>AM/PM|A/P)|(?P<general>General)|(?P<date>y+|m+|d+|h+|s+|e(?![+-]))|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_LARGEST = 1e15  # a spreadsheet keeps 15 digits
_EXACT = Context(prec=200)
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "ms": "Januari Februari Mac April Mei Jun Julai Ogos September Oktober November Disember".split(),
}
_DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "id": "Senin Selasa Rabu Kamis Jumat Sabtu Minggu".split(),
    "ms": "Isnin Selasa Rabu Khamis Jumaat Sabtu Ahad".split(),
}
_LOCALES = {0x421: "id", 0x43E: "ms", 0x83E: "ms"}  # LCID, MS-LCID section 2.2
_LONGEST = 255
"""Characters of a format code, as Excel takes them."""

# In these locales a comma stands before the decimals.
_COMMA = frozenset({0x421, 0x407, 0x413, 0x40C, 0x410, 0xC0A, 0x416})
_ALIASES = {"id-id": 0x421, "ms-my": 0x43E, "en-us": 0x409, "de-de": 0x407}


@dataclass(frozen=True, slots=True)
class _Section:
    """One of the parts of a format between semicolons; `tokens` are (kind, text)."""

    tokens: tuple[tuple[str, str], ...]
    condition: tuple[str, float] | None
    locale: int

    @property
    def is_date(self) -> bool:
        return any(kind in ("date", "elapsed", "ampm") for kind, _ in self.tokens)


def shown(value: float, code: str, epoch: datetime = datetime(1899, 12, 30)) -> str:  # noqa: DTZ001 (a sheet knows no zone)
    """Write a number as a cell with this format shows it.

    Args:
        value: the number; of dates and times the days since `epoch`.
        code: the format code, e.g. `#,##0.00;[Red]-#,##0.00`.
        epoch: day 0 of the workbook: 30 December 1899, or 1 January 1904.
    """
    section, is_negative_part = _chosen(value, _sections(code if len(code) <= _LONGEST else "General"))
    if section is None or abs(value) >= _LARGEST:
        return _general(value)
    if section.is_date:
        return _date(value, section, epoch)
    if any(kind == "general" for kind, _ in section.tokens):
        text = _general(abs(value) if is_negative_part else value)
        return "".join(text if kind == "general" else literal for kind, literal in section.tokens).strip()
    return _number(abs(value) if is_negative_part else value, section)


def text_shown(text: str, code: str) -> str:
    """Write a text as a cell with this format shows it: the fourth part of the format, if it has one."""
    parts = _split(code[:_LONGEST])
    if len(parts) < 4 and "@" not in code:
        return text
    part = parts[3] if len(parts) > 3 else parts[-1]
    return "".join(text if literal == "@" else literal for _, literal in _section(part).tokens).strip()


def _general(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.10g}"


def _split(code: str) -> list[str]:
    parts, part, quoted, escaped = [], "", False, False
    for letter in code:
        if letter == ";" and not quoted and not escaped:
            parts.append(part)
            part = ""
            continue
        quoted ^= letter == '"' and not escaped
        escaped = letter == "\\" and not escaped
        part += letter
    return [*parts, part]


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Section, ...]:
    return tuple(_section(part) for part in _split(code)[:3])


def _section(part: str) -> _Section:
    tokens: list[tuple[str, str]] = []
    condition: tuple[str, float] | None = None
    locale = 0
    for match in _TOKEN.finditer(part):
        kind, text = match.lastgroup or "other", match[match.lastgroup or "other"]
        if kind == "bracket":
            if compared := re.fullmatch(r"(<=|>=|<>|<|>|=)\s*(-?[\d.]+)", text):
                condition = (compared[1], float(compared[2]))
            elif text.startswith("$"):
                symbol, _, code = text[1:].partition("-")
                locale = _ALIASES.get(code.lower()) or (int(code, 16) & 0xFFFF if _is_hex(code) else 0)
                tokens.append(("literal", symbol))
            elif re.fullmatch("h+|m+|s+", text, re.IGNORECASE):
                tokens.append(("elapsed", text.lower()))
        elif kind in ("quoted", "escaped"):
            tokens.append(("literal", text))
        elif kind in {"space", "fill"}:
            tokens.append(("literal", " "))
        elif kind in ("ampm", "general"):
            tokens.append((kind, text))
        elif kind == "date":
            tokens.append(("date", text.lower()))
        else:
            tokens.append(("digit" if text in "0#?.,%E/" else "literal", text))
    return _Section(tuple(tokens), condition, locale)


def _is_hex(text: str) -> bool:
    return bool(re.fullmatch("[0-9A-Fa-f]{1,8}", text))


def _chosen(value: float, sections: Sequence[_Section]) -> tuple[_Section | None, bool]:
    """The part for a value, and whether that part shows the sign by itself."""
    if any(section.condition for section in sections):
        for section in sections:
            if section.condition is None or _holds(value, *section.condition):
                return section, value < 0 and section.condition is not None and section.condition[0] in ("<", "<=")
        return None, False
    if len(sections) >= 2 and value < 0:
        return sections[1], True
    if len(sections) >= 3 and value == 0:
        return sections[2], False
    return sections[0], False


def _holds(value: float, sign: str, limit: float) -> bool:
    return {
        "<": value < limit, ">": value > limit, "<=": value <= limit, ">=": value >= limit, "=": value == limit, "<>": value != limit,
    }[sign]  # fmt: skip


def _number(value: float, section: _Section) -> str:
    digits = [at for at, (kind, text) in enumerate(section.tokens) if kind == "digit" and text in "0#?"]
    if not digits:
        return ("-" if value < 0 else "") + "".join(text for _, text in section.tokens).strip()
    texts = [text if kind == "digit" else None for kind, text in section.tokens]
    if "/" in texts:
        return _fraction(value, section, texts.index("/"))
    point = next((at for at, text in enumerate(texts) if text == "."), None)
    before = [at for at in digits if point is None or at < point]
    after = [at for at in digits if point is not None and at > point and "E" not in texts[:at]]
    scale = Decimal(100) ** texts.count("%")
    trailing = max(digits)
    while trailing + 1 < len(texts) and texts[trailing + 1] == ",":
        scale /= 1000
        trailing += 1
    number = Decimal(repr(value)) * scale
    if "E" in texts:
        mantissa, _, exponent = f"{abs(number):.{len(after)}E}".partition("E")
        return f"{'-' if number < 0 else ''}{mantissa}E{exponent}"
    text = str(abs(number).quantize(Decimal(1).scaleb(-len(after)), ROUND_HALF_UP, _EXACT))
    whole, _, decimals = text.partition(".")
    zeros = sum(1 for at in before if texts[at] == "0")
    whole = whole.lstrip("0").rjust(zeros, "0")
    if any(texts[at] == "," for at in range(min(digits), max(before or digits))):
        whole = re.sub(r"(\d{3})(?=\d)", r"\1,", whole[::-1])[::-1]
    optional = 0
    for at in reversed(after):
        if texts[at] == "0":
            break
        optional += 1
    while optional and decimals.endswith("0"):
        decimals, optional = decimals[:-1], optional - 1
    figure = f"{whole}.{decimals}" if decimals else whole
    symbol = "".join(literal for kind, literal in section.tokens if kind == "literal").strip(" ()-").lower()
    if section.locale in _COMMA or (not section.locale and symbol.startswith(("rp", "idr"))):
        figure = figure.translate(str.maketrans(",.", ".,"))
    elif not section.locale and not symbol and not decimals:
        figure = figure.replace(",", "")  # the reader's own sign, which the file doesn't tell: 25.000 or 25,000
    return _placed(figure, "-" if number < 0 else "", section, texts, digits)


def _fraction(value: float, section: _Section, slash: int) -> str:
    """Write a number with a common fraction, `1 3/4`: with the denominator of the format, or the best of as many digits."""
    over, under = section.tokens[:slash], []
    for _, text in section.tokens[slash + 1 :]:
        if text not in tuple("0#?123456789"):
            break
        under.append(text)
    digits = [at for at, (kind, _) in enumerate(over) if kind == "digit"]
    if not digits or not under:
        return _general(value)
    number, fixed = Fraction(Decimal(repr(abs(value)))), "".join(under)
    if fixed.isdigit() and int(fixed):
        parts, whole = int(fixed), 0
        count = round(number * parts)
    else:
        nearest = number.limit_denominator(10 ** len(under) - 1)
        count, parts, whole = nearest.numerator, nearest.denominator, 0
    if any(kind == "literal" for kind, _ in over[digits[0] : digits[-1]]):
        whole, count = divmod(count, parts)
    figure = " ".join(([str(whole)] if whole or not count else []) + ([f"{count}/{parts}"] if count else []))
    before = "".join(text for _, text in over[: digits[0]])
    after = "".join(text for kind, text in section.tokens[slash + 1 + len(under) :] if kind == "literal")
    return ("-" if value < 0 and figure != "0" else "") + (before + figure + after).strip()


def _placed(figure: str, sign: str, section: _Section, texts: Sequence[str | None], digits: Sequence[int]) -> str:
    """Put the figure where its first digit stands, with the literals around and between."""
    first, last = min(digits), max(digits)
    inner = [text for at, (kind, text) in enumerate(section.tokens) if first < at < last and kind == "literal"]
    if inner and "," not in texts and "." not in texts:  # a telephone number, an article code: 0000-0000
        plain, parts = figure, []
        for at in range(last, first - 1, -1):
            kind, text = section.tokens[at]
            if kind == "literal":
                parts.append(text)
            elif plain:
                parts.append(plain[-1] if at != first else plain[::-1][0])
                rest, plain = plain[:-1], plain[:-1]
                if at == first and rest:
                    parts.append(rest[::-1])
        figure = "".join(reversed(parts))
    out = "".join(text if kind == "literal" or text == "%" else "" for kind, text in section.tokens[:first])
    tail = "".join(text if kind == "literal" or text == "%" else "" for kind, text in section.tokens[last + 1 :])
    return sign + (out + figure + tail).strip()


def _date(value: float, section: _Section, epoch: datetime) -> str:
    tokens = list(section.tokens)
    fraction = any(kind == "digit" and text == "0" for kind, text in tokens)
    try:
        # Excel counts the 29th of February 1900, which never was.
        days = value + 1 if epoch.year == 1899 and 0 < value < 60 and value >= 1 else value
        moment = epoch + timedelta(days=days)
    except OverflowError:
        return _general(value)
    if not fraction:
        moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0)
    seconds = round(value * 86_400)
    language = _LOCALES.get(section.locale, "en")
    half = any(kind == "ampm" for kind, _ in tokens)
    out: list[str] = []
    for at, (kind, text) in enumerate(tokens):
        if kind == "literal":
            out.append(text)
        elif kind == "elapsed":
            out.append(str(seconds // {"h": 3600, "m": 60, "s": 1}[text[0]]).rjust(len(text), "0"))
        elif kind == "ampm":
            out.append("AM" if moment.hour < 12 else "PM")
        elif kind == "date":
            out.append(_part(text, moment, language, _is_minutes(tokens, at), half))
        elif kind == "digit" and text not in "0#?":
            out.append(text)
    return " ".join("".join(out).split())


def _is_minutes(tokens: Sequence[tuple[str, str]], at: int) -> bool:
    """Whether `m` stands for minutes: after hours or before seconds."""
    times = [text[0] for kind, text in tokens[:at] if kind in ("date", "elapsed")]
    following = [text[0] for kind, text in tokens[at + 1 :] if kind in ("date", "elapsed")]
    return (bool(times) and times[-1] == "h") or (bool(following) and following[0] == "s")


def _part(text: str, moment: datetime, language: str, is_minutes: bool, half: bool) -> str:
    letter, size = text[0], len(text)
    if letter in "ye":
        return f"{moment.year:04}" if size > 2 or letter == "e" else f"{moment.year % 100:02}"
    if letter == "m" and is_minutes:
        return str(moment.minute).rjust(min(size, 2), "0")
    if letter == "m":
        name = _MONTHS[language][moment.month - 1]
        return str(moment.month).rjust(size, "0") if size < 3 else {3: name[:3], 5: name[0]}.get(size, name)
    if letter == "d":
        name = _DAYS[language][moment.weekday()]
        return str(moment.day).rjust(size, "0") if size < 3 else name[:3] if size == 3 else name
    if letter == "h":
        hour = (moment.hour % 12 or 12) if half else moment.hour
        return str(hour).rjust(min(size, 2), "0")
    return str(moment.second).rjust(min(size, 2), "0")
