"""Amounts of rupiah as customers write them ("50.000", "50rb", "1jt 500rb") and say them ("lima puluh ribu").

Speech is misheard, so every amount in words asks to be confirmed.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from language.numbers import Run, every_vocabulary, runs


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The text can mean several amounts: ask. `readings` are the likely ones, in rupiah, smallest first."""

    text: str
    readings: tuple[int, ...]


class Amount(int):
    """Whole rupiah. `confirm` asks for a yes before it is used; `why` is the reason: `small`, `american` or `spoken`."""

    confirm: bool
    why: str | None

    def __new__(cls, rupiah: int, why: str | None = None) -> "Amount":
        amount = super().__new__(cls, rupiah)
        amount.why = why
        amount.confirm = why is not None
        return amount


_MONEY_SCALE = 1_000
_MONEY_WORD = 100
"""From here on a scale ("ribu") or a word for an amount ("gopek") is rupiah without being called so."""


def amount_in_words(sentence: str) -> Amount | Ambiguous | None:
    """Read the amount that a sentence names in words, in thousands or with "rupiah" after it.

    Returns:
        An `Amount` with `confirm` set; `Ambiguous` for two different amounts; None when there is none ("dua puluh", "lima lima ribu").
    """
    values = sorted({value for run in runs(sentence.lower()) if (value := _rupiah(run)) is not None})
    if not values:
        return None
    return Amount(values[0], "spoken") if len(values) == 1 else Ambiguous(sentence, tuple(values))


def _rupiah(run: Run) -> int | None:
    words = every_vocabulary()
    is_money = run.following == "rupiah" or any(
        words.scales.get(word, 0) >= _MONEY_SCALE or {**words.wholes, **words.fixed}.get(word, 0) >= _MONEY_WORD
        for word in run.words
    )
    if not is_money or run.value is None or not 0 < run.value <= LARGEST or run.value % 1:
        return None
    return int(run.value)


SMALL = 1_000
"""Rupiah below which an amount is confirmed: people who write "50" mean 50.000."""
LARGEST = 9_999_999_999_999
"""Rupiah that fit into a payment code."""

SCALES = {
    "rb": 1_000, "rbu": 1_000, "ribu": 1_000, "rebu": 1_000, "k": 1_000,
    "jt": 1_000_000, "juta": 1_000_000,
    "miliar": 1_000_000_000, "milyar": 1_000_000_000,
}  # fmt: skip

NUMBER = r"[0-9]++(?:[.,][0-9]++)*+"  # possessive: a long run of digits must not be tried in every way
SCALE = "|".join(sorted(SCALES, key=len, reverse=True))
TERMS = rf"{NUMBER}\s*(?:{SCALE}|m)?(?![a-z])(?:\s*{NUMBER}\s*(?:{SCALE})(?![a-z]))?"
"""One number with its scale, or two; lower case. The looks ahead keep "5 kopi" from being 5k."""
_WHOLE = re.compile(rf"(?:rp\.?|idr)?\s*(?P<body>{TERMS})\s*(?:rupiah|perak)?(?:[.,]-{{1,2}})?")
_TERM = re.compile(rf"(?P<number>{NUMBER})\s*(?P<scale>{SCALE}|m)?")
_INDONESIAN = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,00)?")
_AMERICAN = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.00)?")
_LONGEST = 60  # characters
_ONE_COMMA = re.compile(r"[0-9]{1,3},[0-9]{3}")
_PLAIN = re.compile(r"[1-9][0-9]*")
_WITH_CENTS = re.compile(r"([1-9][0-9]{3,})[.,]00")
_SHORT_DECIMAL = re.compile(r"[0-9]{1,3}[.,][0-9]{1,2}")
_SCALED = re.compile(r"(0|[1-9][0-9]*)(?:[.,]([0-9]{1,2}))?")
_GROUPED_OR_DECIMAL = re.compile(r"([1-9][0-9]{0,2})[.,]([0-9]{3})")
_NOT_A_DIGIT = ("<super>", "<sub>", "<fraction>", "<circle>")


@dataclass(frozen=True, slots=True)
class NotAnAmount:
    """The text is no amount of rupiah that could be paid; `reason` says why."""

    text: str
    reason: str


Reading: TypeAlias = Amount | Ambiguous | NotAnAmount


def parse_amount(text: str) -> Reading:
    """The amount that `text`, taken as a whole, stands for.

    An `Amount` is an `int`; one that is below Rp1.000 or written the American way (`50,000`) has `confirm` set. An
    operator's upper limit is not known here. Words ("lima puluh ribu") are no amount: see `amount_in_words`; for an amount
    inside a sentence see `find_amount`.
    """
    plain = normalise(text)
    if plain is None or not plain:
        return NotAnAmount(text, "there is nothing that could be an amount")
    match = _WHOLE.fullmatch(plain)
    if match is None:
        return NotAnAmount(text, "an amount is digits, with rb, ribu, k, jt or juta where needed, e.g. 50.000 or 50rb")
    return read_terms(text, match["body"])


def normalise(text: str) -> str | None:
    """Lower case, full-width and styled digits as ASCII, plain spaces; `None` when a digit is not one (², ½, ①)."""
    if any(unicodedata.decomposition(char).startswith(_NOT_A_DIGIT) for char in text):
        return None
    return unicodedata.normalize("NFKC", text).strip().lower()


def read_terms(text: str, body: str) -> Reading:
    """What `body`, a match of `TERMS`, stands for: one number with its scale, or two that add up (`1jt 500rb`)."""
    if len(body) > _LONGEST:
        return NotAnAmount(text, "that is more than a payment code can hold")
    terms = [(term["number"], term["scale"]) for term in _TERM.finditer(body)]
    if len(terms) == 1:
        number, scale = terms[0]
        american = scale is None and _ONE_COMMA.fullmatch(number)
        return _judge(text, _read(text, number, scale), "american" if american else None)
    total, previous = 0, LARGEST
    for number, scale in terms:
        value = _read(text, number, scale)
        size = SCALES.get(scale or "", 1)
        if not isinstance(value, int):
            return value
        if size >= previous or value >= previous:
            return NotAnAmount(text, "the parts do not add up to one amount")
        total, previous = total + value, size
    return _judge(text, total, None)


def _judge(text: str, value: "int | Ambiguous | NotAnAmount", why: str | None) -> Reading:
    if isinstance(value, (Ambiguous, NotAnAmount)):
        return value
    if value == 0:
        return NotAnAmount(text, "nobody pays nothing")
    if value > LARGEST:
        return NotAnAmount(text, "that is more than a payment code can hold")
    return Amount(value, "small" if value < SMALL else why)


def _read(text: str, number: str, scale: str | None) -> "int | Ambiguous | NotAnAmount":
    if scale == "m":
        return _million_or_billion(text, number)
    if scale is not None:
        return _read_scaled(text, number, SCALES[scale])
    if _PLAIN.fullmatch(number):
        return int(number)
    if _INDONESIAN.fullmatch(number):
        return int(number.removesuffix(",00").replace(".", ""))
    if _AMERICAN.fullmatch(number):
        return int(number.removesuffix(".00").replace(",", ""))
    if match := _WITH_CENTS.fullmatch(number):
        return int(match[1])
    if _SHORT_DECIMAL.fullmatch(number):
        return _short_decimal(text, number)
    if number.strip("0") == "":
        return 0
    if number.startswith("0"):
        return NotAnAmount(text, "an amount does not begin with 0")
    return NotAnAmount(text, "the digits are not grouped in threes, or there is a fraction of a rupiah")


def _read_scaled(text: str, number: str, scale: int) -> "int | Ambiguous | NotAnAmount":
    if match := _GROUPED_OR_DECIMAL.fullmatch(number):
        thousandths = int(match[1] + match[2])
        return Ambiguous(text, (thousandths * scale // 1000, thousandths * scale))
    if match := _SCALED.fullmatch(number):
        return int(Decimal(f"{match[1]}.{match[2] or 0}") * scale)
    return NotAnAmount(text, f"{number} cannot be multiplied by {scale}: write it in full")


def _million_or_billion(text: str, number: str) -> Ambiguous | NotAnAmount:
    millions = _read_scaled(text, number, 1_000_000)
    if isinstance(millions, NotAnAmount):
        return millions
    readings = millions.readings if isinstance(millions, Ambiguous) else (millions,)
    return Ambiguous(text, tuple(sorted({*readings, *(value * 1000 for value in readings)})))


def _short_decimal(text: str, number: str) -> Ambiguous | NotAnAmount:
    """`50.00`, `5,5`: fifty rupiah, or a slip for fifty thousand?"""
    whole, fraction = re.split("[.,]", number)
    likely = {int(f"{whole}{fraction.ljust(3, '0')}")}
    if not int(fraction):
        likely.add(int(whole))
    readings = tuple(sorted(likely - {0}))
    return Ambiguous(text, readings) if readings else NotAnAmount(text, "nobody pays nothing")


def format_rupiah(rupiah: int) -> str:
    """`1500000` → `"Rp1.500.000"`."""
    return f"Rp{rupiah:,}".replace(",", ".")


_CURRENCY = r"(?P<currency>\b(?:rp\.?|idr)\s*)?"
_CANDIDATE = re.compile(
    rf"(?<![a-z0-9.,:/#@_-]){_CURRENCY}(?P<body>{TERMS})(?P<rupiah>\s*(?:rupiah|perak)\b)?(?:[.,]-{{1,2}})?"
    r"(?![0-9%:/°#_]|-[a-z0-9]|[.,][0-9])"
)
_PAYING = re.compile(
    r"\b(?:bayar(?:nya|in|kan)?|byr|transfer|tf|nominal(?:nya)?|total(?:nya)?|sebesar|senilai|sejumlah|jumlah(?:nya)?|"
    r"seharga|qris(?:nya)?|dp|pelunasan|pay(?:ing|ment)?|amount|send|of)\s*(?:dulu|saja|aja|ya|of|for|is|by|via|pakai|pake|:|=)?\s*$"
)
_COUNTED = re.compile(
    r"\s*(?:x\b|pcs|buah|bungkus|gelas|cup|porsi|kopi|botol|kg|gram|gr\b|g\b|ml|liter|pax|orang|jam|menit|hari|minggu|bulan|"
    r"tahun|th\b|items?|minutes?|hours?|days?|people|meter|km\b|am\b|pm\b|wib|wita|wit\b)"
)
_NUMBERED = re.compile(
    r"(?:\b(?:no|nomor|nmr|order|pesanan|invoice|inv|resi|jam|pukul|pkl|tgl|tanggal|hp|wa|telp|telepon|kode|meja|table|blok|rt|rw|at)\b\.?\s*[:#]?\s*)$"
)
_NEAR = 40
"""Characters around a number that say what it counts; looking at all of them would be quadratic."""
_ENDS_WITH_SCALE = re.compile(rf"(?:{'|'.join(SCALES)})$")


def find_amount(sentence: str) -> Amount | Ambiguous | None:
    """The one amount of rupiah that a sentence speaks of, or `None`.

    Several different amounts, or one that can be read in several ways, are `Ambiguous`. A bare number counts only when it
    is written like money (`50.000`, `50000`) or follows a word of paying ("bayar 50": an `Amount` to be confirmed).
    """
    found = find_amounts(sentence)
    clear = {int(one): one for one in found if isinstance(one, Amount)}
    unclear = {value for one in found if isinstance(one, Ambiguous) for value in one.readings}
    if len(clear) == 1 and not unclear:
        return next(iter(clear.values()))
    return Ambiguous(sentence, tuple(sorted({*clear, *unclear}))) if found else None


def find_amounts(sentence: str) -> list[Amount | Ambiguous]:
    """Every amount in a sentence, in its order."""
    plain = normalise(sentence)
    if plain is None:
        return []
    readings = [
        read_terms(match[0].strip(), match["body"].strip())
        for match in _CANDIDATE.finditer(plain)
        if _is_money(plain, match)
    ]
    return [reading for reading in readings if not isinstance(reading, NotAnAmount)]


def _is_money(text: str, match: "re.Match[str]") -> bool:
    body = match["body"].strip()
    if match["currency"] or match["rupiah"]:
        return True
    before = text[max(0, match.start() - _NEAR) : match.start()]
    after = text[match.end() : match.end() + _NEAR]
    if _ENDS_WITH_SCALE.search(body):
        return True
    if body.endswith("m"):  # 5 m: metres as likely as millions
        return _PAYING.search(before) is not None
    if _NUMBERED.search(before) or _COUNTED.match(after):
        return False
    if _PAYING.search(before):
        return True
    digits = re.sub("[^0-9]", "", body)
    grouped = re.fullmatch(r"[1-9][0-9]{0,2}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*", body) is not None
    return grouped or (
        body.isdigit() and digits.endswith("00") and 4 <= len(digits) <= 8 and not digits.startswith("0")
    )
