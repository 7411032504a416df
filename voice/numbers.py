"""Spoken numbers in digits, for actions and payments: "tujuh puluh lima ribu" → 75000, "seven two oh nine" → 7209.

A transcript keeps the words as they were said beside this reading of them.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from voice.number_words import LEXICONS, Lexicon

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
# An order number is often spelt with its dash: "K S strip 7 2 0 9 1"
_SPELT = re.compile(
    r"\b((?:[a-z]\s+){1,3}[a-z]|[a-z]{2,4})\s*,?\s*(?:strip|setrip|dash|hyphen)\s*,?\s*(\d+)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Token:
    word: str  # lower case
    start: int
    end: int
    gap: str  # what stands between it and the token before, without blanks


@dataclass(frozen=True, slots=True)
class _Number:
    value: Decimal
    scale: int  # of its last part: 1,000 in "75 ribu"
    end: int  # index of the token after it


def normalise(text: str, language: str) -> str:
    """`text` with its spoken numbers in digits; the rest, and a language we have no words for, as it was.

    Digits said one by one become one number with its zeros (order and phone numbers); amounts become plain integers
    (`"75 ribu"` and `"Rp 75.000"` too). Words that are rarely numbers when alone ("one", "nol") stay.
    """
    lexicon = LEXICONS.get(language)
    if lexicon is None:
        return text
    reader = _Reader(_tokens(text), lexicon)
    parts: list[str] = []
    at = index = 0
    while index < len(reader.tokens):
        found = reader.digits(index) or reader.amount(index)
        if found is None:
            index += 1
            continue
        written, index, start = found[0], found[1], reader.tokens[index].start
        parts += [text[at:start], written]
        at = reader.tokens[index - 1].end
    return _SPELT.sub(_join_spelt, "".join(parts) + text[at:])


def _tokens(text: str) -> list[_Token]:
    tokens = []
    end = 0
    for match in _TOKEN.finditer(text):
        tokens.append(_Token(match.group().lower(), match.start(), match.end(), text[end : match.start()].strip()))
        end = match.end()
    return tokens


def _join_spelt(match: re.Match[str]) -> str:
    return f"{''.join(match[1].split()).upper()}-{match[2]}"


class _Reader:
    """Reads numbers off tokens. A method that takes an index answers `None` when there is no such number at it."""

    def __init__(self, tokens: list[_Token], lexicon: Lexicon) -> None:
        self.tokens = tokens
        self._words = lexicon
        self._groups = re.compile(rf"\d{{1,3}}([{lexicon.groups}]\d{{3}})+([{lexicon.decimal}]\d{{1,2}})?")
        self._multipliers = {*lexicon.teen, *lexicon.ten, *lexicon.hundred, *lexicon.scales}

    def digits(self, start: int) -> tuple[str, int] | None:
        """Digits said one by one, and the index after them."""
        words = self._words
        written, index, certain = "", start, True
        while word := self._word(index, start, {"", "-", ","}):
            if word in words.digits:
                written += str(words.digits[word])
            elif word in words.soft_zeros:
                written += "0"
                certain = False
            elif len(word) == 1 and word.isdecimal():
                written += word
                certain = False
            elif word in words.repeats and (repeated := self._digit(index + 1, start)) is not None:
                written += repeated * words.repeats[word]
                index += 1
            else:
                break
            index += 1
        if written and self._word(index, start, {""}) in self._multipliers:
            written, index = written[:-1], index - 1  # the last one begins an amount: "dua tiga ribu"
        return (written, index) if len(written) >= (2 if certain else 3) else None

    def amount(self, start: int) -> tuple[str, int] | None:
        """A number in words, in digits, or in both ("75 ribu"), written plainly, and the index after it."""
        number = self._part(start)
        if number is None:
            return None
        while number.scale > 1:
            index = number.end
            if self._word(index, start, {""}) in self._words.joiners:
                index += 1
            if not self._word(index, start, {"", "-"}) or self.digits(index) is not None:
                break
            rest = self._part(index)
            if rest is None or rest.value >= number.scale:
                break
            number = _Number(number.value + rest.value, rest.scale, rest.end)
        if number.end == start + 1 and not self._stands_alone(start):
            return None
        return self._write(number.value), number.end

    def _digit(self, index: int, first: int) -> str | None:
        word = self._word(index, first, {""})
        return "0" if word in self._words.soft_zeros else str(self._words.digits.get(word, "")) or None

    def _word(self, index: int, first: int, gaps: set[str]) -> str:
        """The word at `index`, or `""` when something other than `gaps` separates it from the number that begins at `first`."""
        if index >= len(self.tokens) or (index > first and self.tokens[index].gap not in gaps):
            return ""
        return self.tokens[index].word

    def _part(self, start: int) -> _Number | None:
        """A number up to its scale: "tujuh puluh lima ribu", "1,5 juta", "half a million", "goceng"."""
        words, word = self._words, self.tokens[start].word
        if (whole := words.wholes.get(word)) is not None:
            return _Number(Decimal(whole), whole, start + 1)
        if word in words.half:
            index = start + 1
            if self._word(index, start, {""}) in words.articles:
                index += 1
            scale = words.scales.get(self._word(index, start, {""}))
            return None if scale is None else _Number(Decimal(scale) / 2, scale, index + 1)
        if word in words.articles:
            scale = words.scales.get(self._word(start + 1, start, {""}))
            if scale is not None:
                return _Number(Decimal(scale), scale, start + 2)
        found = self._numeral(start) or self._below_thousand(start)
        if found is None:
            return None
        value, index = self._fraction(*found, start)
        scale = self._scale(index, start)
        return _Number(value, 1, index) if scale is None else _Number(value * scale, scale, index + 1)

    def _scale(self, index: int, start: int) -> int | None:
        word = self._word(index, start, {"", "-"})
        if word in self._words.glued and self.tokens[index].start == self.tokens[index - 1].end:
            return self._words.glued[word]
        return self._words.scales.get(word)

    def _numeral(self, start: int) -> tuple[Decimal, int] | None:
        """A number written in digits: "75", "75.000", "1,5"."""
        word, words = self.tokens[start].word, self._words
        if not word[0].isdecimal():
            return None
        if self._groups.fullmatch(word):
            return Decimal(word.replace(words.groups, "").replace(words.decimal, ".")), start + 1
        if re.fullmatch(r"\d+([.,]\d{1,2})?", word):
            return Decimal(word.replace(",", ".")), start + 1
        return None

    def _below_thousand(self, start: int) -> tuple[Decimal, int] | None:
        """ "seratus dua puluh tiga", "a hundred and five", "twelve hundred", "dua belas", "lima"."""
        words, word = self._words, self.tokens[start].word
        tens = self._below_hundred(start)
        if word in words.hundreds:
            hundreds, index = words.hundreds[word], start + 1
        elif word in words.articles and self._word(start + 1, start, {""}) in words.hundred:
            hundreds, index = 100, start + 2
        elif tens and tens[0] and self._word(tens[1], start, {"", "-"}) in words.hundred:
            hundreds, index = tens[0] * 100, tens[1] + 1
        else:
            return None if tens is None else (Decimal(tens[0]), tens[1])
        after = index + 1 if self._word(index, start, {""}) in words.joiners else index
        if not self._word(after, start, {"", "-"}) or self.digits(after) is not None:
            return Decimal(hundreds), index
        rest = self._below_hundred(after)
        return (Decimal(hundreds + rest[0]), rest[1]) if rest and rest[0] else (Decimal(hundreds), index)

    def _below_hundred(self, start: int) -> tuple[int, int] | None:
        words, word = self._words, self.tokens[start].word
        if word in words.teens:
            return words.teens[word], start + 1
        tens, index = words.tens.get(word), start + 1
        if tens is None:
            if word not in words.digits:
                return None
            digit, after = words.digits[word], self._word(start + 1, start, {"", "-"})
            if after in words.teen:
                return 10 + digit, start + 2
            if after not in words.ten:
                return digit, start + 1
            tens, index = digit * 10, start + 2
        unit = words.digits.get(self._word(index, start, {"", "-"}), 0)
        if unit and self._word(index + 1, start, {""}) in {*words.teen, *words.ten, *words.hundred}:
            unit = 0  # it begins the next number: "dua puluh tiga ratus"
        return (tens + unit, index + 1) if unit else (tens, index)

    def _fraction(self, value: Decimal, index: int, start: int) -> tuple[Decimal, int]:
        """`value` with the "koma lima", "setengah" or "and a half" after it; a half counts only before a scale."""
        words, word = self._words, self._word(index, start, {""})
        if word in words.point:
            digits, after = "", index + 1
            while (digit := words.digits.get(self._word(after, start, {"", "-"}))) is not None:
                digits, after = digits + str(digit), after + 1
            return (value + Decimal(f"0.{digits}"), after) if digits else (value, index)
        after = index
        for optional in (words.joiners, words.articles):
            if self._word(after, start, {""}) in optional:
                after += 1
        if self._word(after, start, {""}) in words.half and self._word(after + 1, start, {""}) in words.scales:
            return value + Decimal("0.5"), after + 1
        return value, index

    def _stands_alone(self, index: int) -> bool:
        """Whether one token by itself is to be written as a number."""
        words, word = self._words, self.tokens[index].word
        if word[0].isdecimal():
            return self._groups.fullmatch(word) is not None  # "75.000", but not "12.30"
        if word in words.single:
            return False
        if words.digits.get(word) != 1:
            return True
        before = self.tokens[index - 1].word if index else ""
        after = self._word(index + 1, index, {"", "-"})
        return before not in words.not_after and after not in words.not_before

    def _write(self, value: Decimal) -> str:
        whole = value.to_integral_value()
        return str(int(whole)) if whole == value else str(value).replace(".", self._words.decimal)
