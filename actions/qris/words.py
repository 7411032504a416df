"""Amounts in spoken words, for voice notes: "lima puluh ribu", "satu setengah juta", "fifty thousand".

Speech is misheard, so every amount found here asks to be confirmed.
"""

import re
from fractions import Fraction

from actions.qris.amounts import LARGEST, Ambiguous, Amount

_UNITS = {
    "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8, "sembilan": 9,
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
_WHOLE = {
    "sepuluh": 10, "sebelas": 11, "seratus": 100,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {
    "ribu": 1_000, "rebu": 1_000, "juta": 1_000_000, "miliar": 1_000_000_000, "milyar": 1_000_000_000,
    "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000,
}  # fmt: skip
_ONE_OF = {"seribu": 1_000, "serebu": 1_000, "sejuta": 1_000_000, "semiliar": 1_000_000_000, "semilyar": 1_000_000_000}
_SLANG = {
    "gopek": 500, "seceng": 1_000, "ceceng": 1_000, "noceng": 2_000, "goceng": 5_000, "ceban": 10_000, "noban": 20_000,
    "goban": 50_000, "cepekceng": 100_000,
}  # fmt: skip
_LONGEST = 20
"""Words of the longest amount: "sembilan ratus sembilan puluh sembilan juta …"."""
_JOINING = {"and", "a", "an", "rupiah"}
_WORDS = {
    *_UNITS, *_WHOLE, *_SCALES, *_ONE_OF, *_JOINING, "belas", "puluh", "ratus", "hundred", "koma", "setengah",
    "half", "nol", "point", "zero",
}  # fmt: skip


def amount_in_words(sentence: str) -> Amount | Ambiguous | None:
    """The amount that a sentence names in words, in thousands or with "rupiah" after it; `None` when there is none.

    An `Amount` found here always has `confirm` set. Two different amounts are `Ambiguous`.
    """
    found = []
    tokens = re.findall(r"[a-z]+|[^a-z\s-]+", sentence.lower())
    run: list[str] = []
    for token in [*tokens, ""]:
        if token in _WORDS:
            run.append(token)
            continue
        found.append(_value(run))
        run = []
        found.append(_SLANG.get(token))
    values = sorted({value for value in found if value is not None and 0 < value <= LARGEST})
    if not values:
        return None
    return Amount(values[0], "spoken") if len(values) == 1 else Ambiguous(sentence, tuple(values))


def _value(run: list[str]) -> int | None:
    """The amount of a run of number words, or `None` when they are no money ("dua puluh", "satu")."""
    words = [word for word in run if word not in _JOINING or word == "rupiah"]
    if len(words) > _LONGEST or not any(word in _SCALES or word in _ONE_OF or word == "rupiah" for word in words):
        return None
    total, last_scale = Fraction(0), None
    group: list[str] = []
    for word in words:
        if word == "rupiah":
            break
        if word in _ONE_OF:
            scale = _ONE_OF[word]
            if group or (last_scale is not None and scale >= last_scale):
                return None
            total, last_scale = total + scale, scale
        elif word in _SCALES:
            scale, size = _SCALES[word], _group(group)
            if size is None or (last_scale is not None and scale >= last_scale):
                return None
            total, last_scale, group = total + size * scale, scale, []
        else:
            group.append(word)
    rest = _tail(group, last_scale)
    if rest is None or (total + rest).denominator != 1:
        return None
    return int(total + rest)


def _tail(group: list[str], last_scale: int | None) -> Fraction | None:
    """What follows the last scale: "… ribu lima ratus", or "sejuta setengah" (half of that scale)."""
    if not group:
        return Fraction(0)
    if group in (["setengah"], ["half"]) and last_scale:
        return Fraction(last_scale, 2)
    size = _group(group)
    return size if size is not None and (last_scale is None or size < last_scale) else None


def _group(words: list[str]) -> Fraction | None:
    """A number below a thousand: "seratus lima puluh", "satu setengah", "dua koma lima"; `None` for other words."""
    for mark in ("koma", "point"):
        if mark in words:
            at = words.index(mark)
            whole, digits = _group(words[:at]), [_digit(word) for word in words[at + 1 :]]
            if whole is None or not digits or None in digits:
                return None
            return whole + Fraction(int("".join(map(str, digits))), 10 ** len(digits))
    if words and words[-1] in ("setengah", "half"):
        whole = _group(words[:-1]) if words[:-1] else Fraction(0)
        return None if whole is None else whole + Fraction(1, 2)
    total, digit = 0, None
    for word in words:
        if word in _UNITS:
            if digit is not None:
                return None
            digit = _UNITS[word]
        elif word in _WHOLE:
            if digit is not None:
                return None
            total += _WHOLE[word]
        elif word == "hundred" and digit is None and total == 0:
            total = 100
        elif word in ("belas", "puluh", "ratus", "hundred") and digit is not None:
            total += {"belas": digit + 10, "puluh": digit * 10}.get(word, digit * 100)
            digit = None
        else:
            return None
    return Fraction(total + (digit or 0)) if words else None


def _digit(word: str) -> int | None:
    return 0 if word in ("nol", "zero") else _UNITS.get(word)
