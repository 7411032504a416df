"""Numbers in what people write and say: "tujuh puluh lima ribu" is 75000, "seven two oh nine" 7209, "1,5 juta" 1500000.

`normalise` writes the numbers of a transcript in digits, `numbers` gives every number that a text can mean, `figures` writes number
words in digits for other readers, and `runs` tells number words one by one. The words are those of the section `[numbers]` of the
data files; what reads one language takes its words alone, what reads any takes all of them together.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from language.tables import languages, section, sections

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_LONGEST = 40
"""Characters of a numeral; what is longer is no number that anybody means."""
_SEPARATORS = ((".", ","), (",", "."))
"""What separates thousands and decimals: as Indonesian and as English writes them."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The number words of one language, or of several together. All words are lower case."""

    digits: Mapping[str, int]
    """0 to 9."""
    soft_zeros: frozenset[str]
    """Zero only among other digits."""
    repeats: Mapping[str, int]
    """How often the digit after the word is meant: `double` 2."""
    teens: Mapping[str, int]
    teen: frozenset[str]
    """Words that add ten to the digit before them."""
    tens: Mapping[str, int]
    ten: frozenset[str]
    """Words that multiply the digit before them by ten."""
    hundreds: Mapping[str, int]
    """One word for a number of hundreds."""
    hundred: frozenset[str]
    scales: Mapping[str, int]
    wholes: Mapping[str, int]
    """One of a scale, in one word: `seribu`."""
    fixed: Mapping[str, int]
    """One word for a number that nothing is added to: `goceng`, `berdua`."""
    glued: Mapping[str, int]
    """Scales only when written against digits: `50k`."""
    point: frozenset[str]
    half: frozenset[str]
    joiners: frozenset[str]
    articles: frozenset[str]
    groups: str
    decimal: str
    single: frozenset[str]
    """Digits that are also other words: no number unless other numbers stand beside them."""
    not_after: frozenset[str]
    not_before: frozenset[str]
    multipliers: frozenset[str] = field(init=False)
    """The words that make more of the number before them."""
    numerals: frozenset[str] = field(init=False)
    """The words that are a number or part of one, apart from joiners, articles and the decimal sign."""
    beginnings: frozenset[str] = field(init=False)
    """The words that a number can begin with."""
    grouped: re.Pattern[str] = field(init=False)
    """A numeral with separators between its thousands."""

    def __post_init__(self) -> None:
        words = (self.digits, self.teens, self.tens, self.hundreds, self.wholes, self.fixed, self.half)
        multipliers = self.teen | self.ten | self.hundred | self.scales.keys()
        groups, decimal = re.escape(self.groups), re.escape(self.decimal)
        for name, value in (
            ("multipliers", multipliers),
            ("numerals", multipliers.union(self.soft_zeros, *words)),
            ("beginnings", self.articles.union(*words)),
            ("grouped", re.compile(rf"\d{{1,3}}([{groups}]\d{{3}})+([{decimal}]\d{{1,2}})?")),
        ):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring number words. `value` is the number that they are together, None where they are no single number."""

    words: tuple[str, ...]
    value: Decimal | None
    following: str
    """The word after them, lower case; empty at the end of the text."""


@cache
def vocabulary(language: str) -> Vocabulary:
    """Read the number words of one language; what counts things and people ("selusin", "berdua") is not among them.

    Raises:
        LookupError: there is no data file for this language.
    """
    return _vocabulary(section(language, "numbers"))


@cache
def every_vocabulary() -> Vocabulary:
    """Read the number words of every language together, those that count things and people included."""
    each = [_vocabulary(data) for data in sections("numbers") if data]
    counted = {word: 1 for data in sections("numbers") for word in data.get("one_of", "").split()}
    return Vocabulary(
        digits=_together([one.digits for one in each]),
        soft_zeros=frozenset().union(*(one.soft_zeros for one in each)),
        repeats=_together([one.repeats for one in each]),
        teens=_together([one.teens for one in each]),
        teen=frozenset().union(*(one.teen for one in each)),
        tens=_together([one.tens for one in each]),
        ten=frozenset().union(*(one.ten for one in each)),
        hundreds=_together([one.hundreds for one in each]),
        hundred=frozenset().union(*(one.hundred for one in each)),
        scales=_together([one.scales for one in each] + [data.get("dozens", {}) for data in sections("numbers")]),
        wholes=_together([one.wholes for one in each] + [data.get("one_dozen", {}) for data in sections("numbers")]),
        fixed=_together(
            [one.fixed for one in each] + [data.get("people", {}) for data in sections("numbers")] + [counted]
        ),
        glued=_together([one.glued for one in each]),
        point=frozenset().union(*(one.point for one in each)),
        half=frozenset().union(*(one.half for one in each)),
        joiners=frozenset().union(*(one.joiners for one in each)),
        articles=frozenset().union(*(one.articles for one in each)),
        groups=".",
        decimal=",",
        single=frozenset().union(*(one.single for one in each)),
        not_after=frozenset().union(*(one.not_after for one in each)),
        not_before=frozenset().union(*(one.not_before for one in each)),
    )


@cache
def _spellings() -> Sequence[Vocabulary]:
    """The words of every language together, with numerals as each of them writes them."""
    return [replace(every_vocabulary(), groups=groups, decimal=decimal) for groups, decimal in _SEPARATORS]


def _vocabulary(data: Mapping[str, Any]) -> Vocabulary:
    def words(key: str) -> frozenset[str]:
        return frozenset(data.get(key, "").split())

    return Vocabulary(
        digits=data.get("digits", {}),
        soft_zeros=words("soft_zeros"),
        repeats=data.get("repeats", {}),
        teens=data.get("teens", {}),
        teen=words("teen"),
        tens=data.get("tens", {}),
        ten=words("ten"),
        hundreds=data.get("hundreds", {}),
        hundred=words("hundred"),
        scales=data.get("scales", {}),
        wholes=data.get("wholes", {}),
        fixed=data.get("fixed", {}),
        glued=data.get("glued", {}),
        point=words("point"),
        half=words("half"),
        joiners=words("joiners"),
        articles=words("articles"),
        groups=data.get("groups", "."),
        decimal=data.get("decimal", ","),
        single=words("single"),
        not_after=words("not_after"),
        not_before=words("not_before"),
    )


def _together(maps: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    return {word: number for each in maps for word, number in each.items()}


@cache
def digits() -> Mapping[str, int]:
    """Read the words for 0 to 9 of every language, `kosong` and `oh` included; single letters are not."""
    words = every_vocabulary()
    return {word: 0 for word in words.soft_zeros if len(word) > 1} | dict(words.digits)


@cache
def dashes() -> frozenset[str]:
    """Read the words for the dash in a spelt order number: `strip`, `dash`."""
    return frozenset(word for data in sections("numbers") for word in data.get("signs", {}).get("dash", "").split())


@cache
def signs() -> frozenset[str]:
    """Read the words that mean a sign which was written there: `strip`, `titik`, `at`, `dot`."""
    return frozenset(word for data in sections("numbers") for word in data.get("signs", {}).get("words", "").split())


def as_digits(words: Sequence[str]) -> list[str]:
    """Write spoken digits among words as digits, each by itself.

    Args:
        words: lower case, letters and digits apart.

    Returns:
        `["ks", "satu", "dobel", "lima"]` → `["ks", "1", "55"]`.
    """
    repeats, known = every_vocabulary().repeats, digits()
    found: list[str] = []
    repeat = 1
    for word in words:
        if word in repeats:
            repeat = repeats[word]
            continue
        digit = str(known[word]) if word in known else word
        found.append(digit * repeat if len(digit) == 1 and digit.isdigit() else digit)
        repeat = 1
    return found


def numbers(text: str) -> set[Decimal]:
    """Every number that a text can mean, in any of the languages.

    Returns:
        `"1.500"` → 1500 and 1.5; `"75rb"` → 75000 and not 75; `"tujuh dua"` → 7, 2 and 72.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    tokens = _tokens(plain)
    found: set[Decimal] = set()
    separated = any(not (token.word.isdecimal() or token.word.isalpha()) for token in tokens)
    for words in _spellings()[: None if separated else 1]:
        reader, index = _Reader(tokens, words), 0
        while index < len(tokens):
            number = reader.number(index)
            after = index + 1 if number is None else number.end
            halved = tokens[after].word in words.half if number and after < len(tokens) else False
            if number is not None:
                found.add(number.value + Decimal("0.5") if halved else number.value)
            elif tokens[index].word in words.half:
                found.add(Decimal("0.5"))
            index = after + 1 if halved else after
    return found | _digit_strings(tokens)


def _digit_strings(tokens: "Sequence[_Token]") -> set[Decimal]:
    """`tujuh dua nol sembilan` → 7209. Whatever precedes a multiplier is no digit of its own: `75 rb` is not 75."""
    multipliers = every_vocabulary().multipliers
    found: set[Decimal] = set()
    run = ""
    for word in [*as_digits([token.word for token in tokens]), ""]:
        if word.isdecimal():
            run += word
            continue
        if len(run) > 1 and word not in multipliers:
            found.add(Decimal(run))
        run = ""
    return found


@lru_cache(64)  # several checks look at one reply
def figures(text: str) -> str:
    """Write the number words of a text in digits, whatever its language; numerals, `berdua`, `goceng` and the like stay.

    Args:
        text: in lower case.

    Returns:
        `dua jam lagi` → `2 jam lagi`, `jam dua belas` → `jam 12`. Digits said one by one stay apart: `dua tiga hari` → `2 3 hari`.
    """
    words = every_vocabulary()
    reader, index, at = _Reader(_tokens(text), words), 0, 0
    parts: list[str] = []
    while index < len(reader.tokens):
        number = reader.number(index)
        if number is None:
            index += 1
            continue
        first, last = reader.tokens[index], reader.tokens[number.end - 1]
        if not first.word[0].isdecimal() and first.word not in words.fixed:
            parts += [text[at : first.start], _plain(number.value, ",")]
            at = last.end
        index = number.end
    return "".join(parts) + text[at:]


def runs(text: str) -> Iterator[Run]:
    """Find the number words of a text, neighbours together, in any of the languages; numerals are no words.

    Args:
        text: in lower case.

    Yields:
        For `bayar lima puluh ribu ya` the run `lima puluh ribu` with the value 50000; for `lima lima ribu` one without a value.
        Joiners and articles at its ends are left out.
    """
    words = every_vocabulary()
    tokens = _tokens(text)
    reader = _Reader(tokens, words)
    inner = words.joiners | words.articles
    part = (words.numerals | words.point | inner) - words.fixed.keys()
    start = 0
    while start < len(tokens):
        end = start
        while end < len(tokens) and tokens[end].word in part and (end == start or tokens[end].gap in ("", "-")):
            end += 1
        if tokens[start].word in words.fixed:
            end = start + 1
        first, last = start, end
        while first < last and tokens[first].word in inner and reader.number(first) is None:
            first += 1
        while last > first and tokens[last - 1].word in inner:
            last -= 1
        if first < last:
            said = tuple(token.word for token in tokens[first:last])
            yield Run(said, _whole(_Reader(tokens[first:last], words)), tokens[end].word if end < len(tokens) else "")
        start = max(end, start + 1)


def _whole(reader: "_Reader") -> Decimal | None:
    """The number that all tokens are together; "sejuta setengah" is one and a half million."""
    number = reader.number(0)
    if number is None:
        return None
    rest = [token.word for token in reader.tokens[number.end :]]
    if not rest:
        return number.value
    halved = number.scale > 1 and len(rest) == 1 and rest[0] in every_vocabulary().half
    return number.value + Decimal(number.scale) / 2 if halved else None


def normalise(text: str, language: str) -> str:
    """Write the spoken numbers of a transcript in digits.

    Digits said one by one become one number with its zeros (order and phone numbers); amounts become plain integers (`"75 ribu"` and
    `"Rp 75.000"` too). Words that are rarely numbers when alone ("one", "nol") stay.

    Args:
        text: as it was said.
        language: ISO 639-1 code; a text in a language without a data file stays as it was.

    Returns:
        `"bayar tujuh puluh lima ribu"` → `"bayar 75000"`, `"K S strip 7 2 0 9 1"` → `"KS-72091"`.
    """
    if language not in languages():
        return text
    reader = _Reader(_tokens(text), vocabulary(language))
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
    return _spelt().sub(_join_spelt, "".join(parts) + text[at:])


@cache
def _spelt() -> re.Pattern[str]:
    """An order number is often spelt with its dash: "K S strip 7 2 0 9 1"."""
    dash = "|".join(sorted(map(re.escape, dashes())))
    return re.compile(
        rf"\b((?:[a-z]\s{{1,4}}){{1,3}}[a-z]|[a-z]{{2,4}})\s{{0,4}},?\s{{0,4}}(?:{dash})\s{{0,4}},?\s{{0,4}}(\d+)\b",
        re.IGNORECASE,
    )


def _join_spelt(match: re.Match[str]) -> str:
    return f"{''.join(match[1].split()).upper()}-{match[2]}"


class _Token(NamedTuple):
    word: str  # lower case
    start: int
    end: int
    gap: str  # what stands between it and the token before, without blanks


class _Number(NamedTuple):
    value: Decimal
    scale: int  # of its last part: 1,000 in "75 ribu"
    end: int  # index of the token after it


def _tokens(text: str) -> list[_Token]:
    tokens = []
    end = 0
    for match in _TOKEN.finditer(text):
        tokens.append(_Token(match.group().lower(), match.start(), match.end(), text[end : match.start()].strip()))
        end = match.end()
    return tokens


def _plain(value: Decimal, decimal: str) -> str:
    whole = value.to_integral_value()
    return str(int(whole)) if whole == value else str(value).replace(".", decimal)


class _Reader:
    """Reads numbers off tokens. A method that takes an index answers `None` when there is no such number at it."""

    def __init__(self, tokens: list[_Token], words: Vocabulary) -> None:
        self.tokens = tokens
        self._words = words

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
        if written and self._word(index, start, {""}) in self._words.multipliers:
            written, index = written[:-1], index - 1  # the last one begins an amount: "dua tiga ribu"
        return (written, index) if len(written) >= (2 if certain else 3) else None

    def amount(self, start: int) -> tuple[str, int] | None:
        """A number in words, in digits, or in both ("75 ribu"), written plainly, and the index after it."""
        number = self.number(start)
        if number is None or (number.end == start + 1 and not self._stands_alone(start)):
            return None
        return _plain(number.value, self._words.decimal), number.end

    def number(self, start: int) -> _Number | None:
        """The longest number that begins at a token: in words, in digits, or in both."""
        word = self.tokens[start].word
        if word not in self._words.beginnings and not word[0].isdecimal():
            return None
        number = self._part(start)
        while number is not None and number.scale > 1:
            index = number.end
            if self._word(index, start, {""}) in self._words.joiners:
                index += 1
            if not self._word(index, start, {"", "-"}) or self.digits(index) is not None:
                break
            rest = self._part(index)
            if rest is None or rest.value >= number.scale or self.tokens[index].word in self._words.fixed:
                break
            number = _Number(number.value + rest.value, rest.scale, rest.end)
        return number

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
        if (fixed := words.fixed.get(word)) is not None:
            return _Number(Decimal(fixed), 1, start + 1)
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
        if not word[0].isdecimal() or len(word) > _LONGEST:
            return None
        if word.isdecimal():
            return Decimal(word), start + 1
        if words.grouped.fullmatch(word):
            return Decimal(word.replace(words.groups, "").replace(words.decimal, ".")), start + 1
        if re.fullmatch(rf"\d+([.,]\d{{1,2}}|{re.escape(words.decimal)}\d+)?", word):
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
            return self._words.grouped.fullmatch(word) is not None  # "75.000", but not "12.30"
        if word in words.single:
            return False
        if words.digits.get(word) != 1:
            return True
        before = self.tokens[index - 1].word if index else ""
        after = self._word(index + 1, index, {"", "-"})
        return before not in words.not_after and after not in words.not_before
