"""What a customer's words amount to: the same fact, however it was written or said.

"KS-10345", "ks 10345", "k s satu nol tiga empat lima" are one order number; "75rb", "75.000" and "tujuh puluh lima ribu" one
amount. Plain functions over text, for Indonesian, Malay and English.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

_WORD = re.compile(r"[^\W\d_]+|\d+")
_NUMERAL_OR_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")


def _counted(words: str, first: int = 0, step: int = 1) -> dict[str, int]:
    return {word: first + step * n for n, word in enumerate(words.split())}


DIGITS = (
    _counted("nol satu dua tiga empat lima enam tujuh delapan sembilan")
    | _counted("zero one two three four five six seven eight nine")
    | {"kosong": 0, "sifar": 0, "oh": 0, "lapan": 8}
)
# One of something, and so many people together.
_COUNTED_THINGS = dict.fromkeys(
    "sebuah secangkir segelas sebotol sekilo seliter seporsi sebungkus sekotak sepotong selembar sebiji seekor seorang".split(),
    1,
) | {f"ber{word}": number for word, number in DIGITS.items() if number > 1}
_TEENS = _counted(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", first=10
) | _counted("sepuluh sebelas", first=10)
_TENS = _counted("twenty thirty forty fifty sixty seventy eighty ninety", first=20, step=10)
_SCALES = (
    dict.fromkeys("ribu ribuan rbu rb rban k thousand".split(), 10**3)
    | dict.fromkeys("juta jutaan jt million mio".split(), 10**6)
    | dict.fromkeys("miliar milyar billion".split(), 10**9)
    | dict.fromkeys("lusin dozen".split(), 12)
)
# "seribu", "sejuta" … are one of the scale; "seratus" is one hundred.
_ONE_OF = {"seribu": 10**3, "sejuta": 10**6, "semiliar": 10**9, "selusin": 12}
_REPEATS = {"dobel": 2, "double": 2, "tripel": 3, "triple": 3}
# Said between the parts of a number or an address, meaning the sign that was written there.
_SIGNS = frozenset(
    "strip dash min minus hyphen garis miring slash titik dot underscore at et koma comma space spasi".split()
)


def tokens(text: str) -> list[str]:
    """Runs of letters and runs of digits, in lower case: `"KS-10345"` → `["ks", "10345"]`."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def squash(text: str) -> str:
    """Only the letters and digits: `"KS-10 345"` → `"ks10345"`."""
    return "".join(tokens(text))


def as_digits(words: Sequence[str]) -> list[str]:
    """Tokens with spoken digits as digits: `["ks", "satu", "dobel", "lima"]` → `["ks", "1", "55"]`."""
    found: list[str] = []
    repeat = 1
    for word in words:
        if word in _REPEATS:
            repeat = _REPEATS[word]
            continue
        digit = str(DIGITS[word]) if word in DIGITS else word
        found.append(digit * repeat if len(digit) == 1 and digit.isdigit() else digit)
        repeat = 1
    return found


def contains(text: str, value: str) -> bool:
    """Whether `value` occurs in `text` as whole words, apart from case, spaces, punctuation and spoken digits."""
    target = squash(value)
    if not target:
        return False
    words = tokens(text)
    spoken = as_digits(words)
    return any(
        _has_run(variant, target) for variant in (words, spoken, [word for word in spoken if word not in _SIGNS])
    )


def _has_run(words: Sequence[str], target: str) -> bool:
    """Whether neighbouring words written together are the target."""
    for start, word in enumerate(words):
        if not target.startswith(word):
            continue
        rest = target[len(word) :]
        for following in words[start + 1 :]:
            if not rest or not rest.startswith(following):
                break
            rest = rest[len(following) :]
        if not rest:
            return True
    return False


def numbers(text: str) -> set[Decimal]:
    """Every number that a text can mean: `"1.500"` is 1500 and 1.5; `"75rb"` is 75000 and not 75."""
    items = _NUMERAL_OR_WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    found: set[Decimal] = set()
    for thousands, decimal in ((".", ","), (",", ".")):
        found |= _Adder.read(items, thousands, decimal)
    return found | _digit_by_digit(items)


def _digit_by_digit(items: Iterable[str]) -> set[Decimal]:
    """`tujuh dua nol sembilan` → 7209. Whatever precedes a scale word is no digit: `75 rb` is not 75."""
    found: set[Decimal] = set()
    run = ""
    for item in [*as_digits(list(items)), ""]:
        if item.isdigit():
            run += item
            continue
        if len(run) > 1 and item not in _SCALES and item not in ("puluh", "belas", "ratus", "hundred"):
            found.add(Decimal(run))
        run = ""
    return found


class _Adder:
    """Reads number words left to right, with one reading of dots and commas."""

    def __init__(self) -> None:
        self.found: set[Decimal] = set()
        self.total: Decimal | None = None  # what the scales so far have fixed
        self.group: Decimal | None = None  # below the next scale
        self.level = Decimal(10) ** 12  # the next part of the group must be smaller than this
        self.last = Decimal(0)

    @classmethod
    def read(cls, items: Iterable[str], thousands: str, decimal: str) -> set[Decimal]:
        adder = cls()
        for item in items:
            adder._next(item, thousands, decimal)
        adder._end()
        return adder.found

    def _next(self, item: str, thousands: str, decimal: str) -> None:
        if item[0].isdigit():
            number = _numeral(item, thousands, decimal)
            if number is None:
                self._end()
            else:
                self._part(number, Decimal(1))
        elif item in DIGITS:
            self._part(Decimal(DIGITS[item]), Decimal(1))
        elif item in _COUNTED_THINGS:
            self._end()
            self.found.add(Decimal(_COUNTED_THINGS[item]))
        elif item in _TEENS:
            self._part(Decimal(_TEENS[item]), Decimal(1))
        elif item in _TENS:
            self._part(Decimal(_TENS[item]), Decimal(10))
        elif item == "belas" and self.group is not None:
            self._grow(self.last + 10, Decimal(1))
        elif item == "puluh" and self.group is not None:
            self._grow(self.last * 10, Decimal(10))
        elif item in ("ratus", "hundred") and self.group is not None:
            self._grow(self.last * 100, Decimal(100))
        elif item == "seratus":
            self._part(Decimal(100), Decimal(100))
        elif item in ("setengah", "half"):
            self._part(Decimal("0.5"), Decimal("0.1"))
        elif item in _ONE_OF:
            self._part(Decimal(1), Decimal(1))
            self._scale(_ONE_OF[item])
        elif item in _SCALES and self.group is not None:
            self._scale(_SCALES[item])
        elif item != "and" or self.group is None:
            self._end()

    def _part(self, number: Decimal, level: Decimal) -> None:
        if number >= self.level:
            self._end()
        self.group = (self.group or Decimal(0)) + number
        self.last, self.level = number, level

    def _grow(self, number: Decimal, level: Decimal) -> None:
        self.group = (self.group or Decimal(0)) - self.last + number
        self.last, self.level = number, level

    def _scale(self, scale: int) -> None:
        self.total = (self.total or Decimal(0)) + (self.group or Decimal(0)) * scale
        self.group, self.last, self.level = None, Decimal(0), Decimal(scale)

    def _end(self) -> None:
        if self.total is not None or self.group is not None:
            self.found.add((self.total or Decimal(0)) + (self.group or Decimal(0)))
        self.total = self.group = None
        self.level, self.last = Decimal(10) ** 12, Decimal(0)


def _numeral(text: str, thousands: str, decimal: str) -> Decimal | None:
    """A numeral in one way of writing; None where it cannot be read that way."""
    whole, sign, fraction = text.partition(decimal)
    if (sign and not fraction.isdigit()) or not re.fullmatch(
        rf"\d+|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+", whole
    ):
        return None
    return Decimal(whole.replace(thousands, "") + (f".{fraction}" if fraction else ""))


def as_phone(text: str, region: str) -> str | None:
    """A telephone number as E.164, where a text is nothing but one: `0812-3456-7890` → `+6281234567890` in Indonesia."""
    if not re.fullmatch(r"\s*\+?[\d\s().-]{7,20}", text):
        return None
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def phones(text: str, region: str) -> set[str]:
    """The telephone numbers in a text, as E.164; spoken digits count."""
    plain = unicodedata.normalize("NFKC", text)
    spoken = " ".join(as_digits(re.findall(r"\+|[^\W\d_]+|\d+", plain.casefold())))
    runs = [run for variant in (plain, spoken) for run in re.findall(r"\+?\d[\d\s().-]{5,24}\d", variant)]
    return {number for run in runs if (number := as_phone(re.sub(r"\s+", "", run), region)) is not None}
