"""The number words of Indonesian, Malay and English, as people say them to a shop."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Lexicon:
    """A language's number words. All keys are lower case; values are the numbers they stand for."""

    digits: Mapping[str, int]  # 0 to 9
    soft_zeros: frozenset[str]  # zero only among other digits: "kosong" is also "empty", "oh" also "oh!"
    repeats: Mapping[str, int]  # "double seven" is 77
    teens: Mapping[str, int]  # one word for 10 to 19
    teen: frozenset[str]  # after a digit: "dua belas" is 12
    tens: Mapping[str, int]  # one word for 20, 30 … 90
    ten: frozenset[str]  # after a digit: "dua puluh" is 20
    hundreds: Mapping[str, int]  # one word for a hundred: "seratus"
    hundred: frozenset[str]
    scales: Mapping[str, int]  # thousand, million …
    wholes: Mapping[str, int]  # one word for an amount: "seribu", "goceng"
    glued: Mapping[str, int]  # scales only when written against digits: "50k"
    point: frozenset[str]  # the decimal comma, spoken
    half: frozenset[str]
    joiners: frozenset[str]  # "and" in "a hundred and five"
    articles: frozenset[str]  # "a" in "a hundred"
    groups: str  # what separates thousands in digits
    decimal: str  # what separates decimals in digits
    single: frozenset[str]  # digits that are also other words: left alone unless other numbers stand beside them
    not_after: frozenset[str]  # a single one after these is no number: "salah satu"
    not_before: frozenset[str]  # nor before these: "satu sama lain"


_NO_WORDS: Mapping[str, int] = MappingProxyType({})

INDONESIAN = Lexicon(
    digits={
        "nol": 0, "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8,
        "sembilan": 9,
    },
    soft_zeros=frozenset({"kosong", "o"}),
    repeats={"dobel": 2, "double": 2, "tripel": 3, "triple": 3},
    teens={"sepuluh": 10, "sebelas": 11},
    teen=frozenset({"belas"}),
    tens=_NO_WORDS,
    ten=frozenset({"puluh"}),
    hundreds={"seratus": 100},
    hundred=frozenset({"ratus"}),
    scales={"ribu": 10**3, "rb": 10**3, "juta": 10**6, "jt": 10**6, "miliar": 10**9, "milyar": 10**9, "triliun": 10**12},
    wholes={
        "seribu": 10**3, "sejuta": 10**6, "semiliar": 10**9,
        # Jakarta's market words, from Hokkien
        "cepek": 100, "gopek": 500, "seceng": 1_000, "noceng": 2_000, "goceng": 5_000, "ceban": 10_000, "noban": 20_000,
        "goban": 50_000,
    },
    glued={"k": 10**3},
    point=frozenset({"koma"}),
    half=frozenset({"setengah"}),
    joiners=frozenset(),
    articles=frozenset(),
    groups=".",
    decimal=",",
    single=frozenset({"nol"}),
    not_after=frozenset({"salah"}),
    not_before=frozenset({"sama", "persatu", "satunya"}),
)  # fmt: skip

MALAY = replace(
    INDONESIAN,
    digits=dict(INDONESIAN.digits) | {"sifar": 0, "kosong": 0, "lapan": 8},
    soft_zeros=frozenset({"o"}),
    single=frozenset({"nol", "sifar", "kosong"}),
    wholes={"seribu": 10**3, "sejuta": 10**6},
)

ENGLISH = Lexicon(
    digits={
        "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    },
    soft_zeros=frozenset({"oh", "o"}),
    repeats={"double": 2, "triple": 3},
    teens={
        "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
        "seventeen": 17, "eighteen": 18, "nineteen": 19,
    },
    teen=frozenset(),
    tens={
        "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
        "ninety": 90,
    },
    ten=frozenset(),
    hundreds=_NO_WORDS,
    hundred=frozenset({"hundred"}),
    scales={"thousand": 10**3, "million": 10**6, "billion": 10**9},
    wholes=_NO_WORDS,
    glued={"k": 10**3},
    point=frozenset({"point"}),
    half=frozenset({"half"}),
    joiners=frozenset({"and"}),
    articles=frozenset({"a", "an"}),
    groups=",",
    decimal=".",
    single=frozenset({"zero", "one"}),
    not_after=frozenset(),
    not_before=frozenset(),
)  # fmt: skip

LEXICONS: Mapping[str, Lexicon] = {"id": INDONESIAN, "ms": MALAY, "en": ENGLISH}
