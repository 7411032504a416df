"""The words of consent: what agrees, refuses, undoes and leaves open, in every spelling of chat.

The words are those of the section `[consent]` of the data files. `fold` writes a message in one way, `spelled` finds the word of yes or
no that was meant, and `kinds_of` tells what a verb does, so that "ship it" answers "Kirim pesanan?".
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from language.lexicon import SLANG, STOPWORDS
from language.stems import stems
from language.tables import sections

_SIGNS: Final = {
    **dict.fromkeys("👍👌✅🙆🆗💯🫡🤝✔☑👏", "yes"),
    **dict.fromkeys("👎❌🙅🚫⛔✖❎", "no"),
}
_ORNAMENT: Final = re.compile(
    "[\u200b-\u200f\u2060\ufe0f\U0001f3fb-\U0001f3ff\U0001f900-\U0001f9ff\U0001f300-\U0001f64f\u2600-\u27bf]"
)
WORD: Final = re.compile(r"(?<!['-])['-]*+\w++(?:['-]++\w++)*+")
_LETTERS: Final = re.compile(r"([^\W\d_])\1+")
_REPLIED: Final = re.compile(r"^[ \t]*+>.*$", re.MULTILINE)
_QUOTED: Final = re.compile(r"\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”|«[^»\n]{1,300}»")
_HELD: Final = re.compile(r"([^\W\d_])\1{2,}")
_SHORTENED: Final = re.compile(r"\b(drg?|jln?|no|rp|mrs?|ms|bpk|sdr|hj?)\.")
_TWICE: Final = re.compile(r"\b([^\W\d_]{3,})2\b(?!@)")
"""`lama2` is `lama-lama`."""
_VOWEL: Final = re.compile(r"e(?=[^\Waeiou\d_]+(?:in|nya)?$)")
"""As Jakarta says the last syllable: `tuker`, `anterin`."""
_NEVER: Final = "(?!)"

_PARTED = range(4, 41)
"""Letters of a word that may be two: a longer one is none that people say."""

_ROOT_FROM = 3
"""Letters of the shortest root of a verb."""

_FUZZY_FROM = 6
"""Letters from which on a word of yes or no may be misspelled by one letter; shorter ones by two letters that changed places."""


@dataclass(frozen=True, slots=True)
class _Words:
    yes: frozenset[str]
    leading: frozenset[str]
    go: frozenset[str]
    weak: frozenset[str]
    bare: frozenset[str]
    no: frozenset[str]
    neutral: frozenset[str]
    undo: frozenset[str]
    undecided: frozenset[str]
    stay: frozenset[str]
    keep: frozenset[str]
    past: frozenset[str]
    objects: frozenset[str]
    endings: frozenset[str]
    tags: frozenset[str]
    particles: frozenset[str]
    tails: frozenset[str]
    deeds: frozenset[str]
    only: frozenset[str]
    proposes: frozenset[str]
    copulas: frozenset[str]
    pronouns: frozenset[str]
    ends: frozenset[str]
    persons: frozenset[str]
    first: frozenset[str]
    times: frozenset[str]
    greetings: frozenset[str]
    locative: frozenset[str]
    exists: frozenset[str]
    complaints: frozenset[str]
    verbal: frozenset[str]
    denied: frozenset[str]
    demonstratives: frozenset[str]
    states: frozenset[str]
    qualities: frozenset[str]
    addressed: frozenset[str]
    places: frozenset[str]
    ones: frozenset[str]
    conditions: frozenset[str]
    limits: frozenset[str]
    changes: frozenset[str]
    other: frozenset[str]
    questions: frozenset[str]
    says: frozenset[str]
    wants: frozenset[str]
    dissents: frozenset[str]
    wills: frozenset[str]

    @property
    def agreeing(self) -> frozenset[str]:
        return self.yes | self.leading | self.go | self.weak | self.bare

    @property
    def function(self) -> frozenset[str]:
        """Words that say nothing of their own."""
        return self.agreeing | self.no | self.neutral | self.addressed | self.states | self.says


@dataclass(frozen=True, slots=True)
class _Phrases:
    asks: re.Pattern[str]
    reasons: re.Pattern[str]
    aside: re.Pattern[str]
    hedges: re.Pattern[str]
    resigned: re.Pattern[str]
    not_now: re.Pattern[str]
    delays: re.Pattern[str]
    calls_off: re.Pattern[str]
    no_longer: re.Pattern[str]
    settled: re.Pattern[str]
    resumed: re.Pattern[str]
    plans: re.Pattern[str]
    exclaims: re.Pattern[str]
    reported: re.Pattern[str]
    no_problem: re.Pattern[str]
    unchanged: re.Pattern[str]
    affirms: re.Pattern[str]
    not_going_on: re.Pattern[str]
    go_ahead: re.Pattern[str]
    retractions: re.Pattern[str]
    soft_conditions: re.Pattern[str]


@cache
def vocabulary() -> _Words:
    """The words of consent in all languages, by what they do; read once."""

    def listed(key: str) -> frozenset[str]:
        if key == "deeds":
            return frozenset(_kinds())
        return frozenset(shortened(word) for data in sections("consent") for word in data.get(key, "").split())

    return _Words(**{name: listed(name) for name in _Words.__slots__})


@cache
def idioms() -> _Phrases:
    """The phrases of consent in all languages, each kind as one pattern; read once."""

    def any_of(key: str) -> re.Pattern[str]:
        patterns = (pattern for data in sections("consent") for pattern in data.get(key, ()))
        return re.compile(rf"(?<![\w'])(?:{'|'.join(dict.fromkeys(patterns)) or _NEVER})(?![\w'])")

    return _Phrases(**{name: any_of(name) for name in _Phrases.__slots__})


@cache
def _kinds() -> Mapping[str, frozenset[str]]:
    """From each verb to the kinds of deed that it may name, which are the same in every language."""
    kinds: dict[str, frozenset[str]] = {}
    for data in sections("consent"):
        for kind, verbs in data.get("deeds", {}).items():
            for verb in map(shortened, verbs.split()):
                kinds[verb] = kinds.get(verb, frozenset()) | {kind}
    return kinds


@cache
def dayparts() -> Mapping[str, tuple[int, int]]:
    """From a part of the day to its hours."""
    return {word: tuple(hours) for data in sections("consent") for word, hours in data.get("dayparts", {}).items()}


@cache
def known_words() -> frozenset[str]:
    """Words that are not taken for a misspelled yes or no."""
    words = vocabulary()
    return words.function | words.undo | words.deeds | words.conditions | words.limits | words.changes | words.questions


@lru_cache(maxsize=5_000)
def kinds_of(word: str) -> frozenset[str]:
    """The kinds of deed that a verb names, also in the affixes of chat: `dikirimin`, `ganteun`."""
    words, kinds = vocabulary(), _kinds()
    for written in (word, _VOWEL.sub("a", word)):
        for begin in ("", *words.verbal):
            if written.startswith(begin):
                for end in ("", *words.endings):
                    if written.endswith(end):
                        kind = kinds.get(written[len(begin) : len(written) - len(end)])
                        if kind is not None:
                            return kind
    return frozenset()


def shortened(text: str) -> str:
    """`iyaaa` and `iya`, `nggak` and `ngak` are one word: people hold letters down."""
    return _LETTERS.sub(r"\1", text)


def fold(text: str) -> str:
    """Prepare a reply for reading: lower case, signs spelled out, quotations and ornaments left out, run-together words parted."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("‘", "'")
    folded = _TWICE.sub(r"\1 \1", _SHORTENED.sub(r"\1 ", folded))
    for sign, meaning in _SIGNS.items():
        folded = folded.replace(sign, f", {meaning} ,")
    folded = _HELD.sub(r"\1", _ORNAMENT.sub(" ", folded))
    folded = _REPLIED.sub(" ", folded)
    own = _QUOTED.sub(" ", folded)
    return WORD.sub(lambda match: _parted(match[0]), own if WORD.search(own) else folded)


@lru_cache(maxsize=5_000)
def _parted(word: str) -> str:
    """Two words that were written as one: `iyakak`, `okelah`, `gausah`."""
    words = vocabulary()
    if len(word) not in _PARTED or shortened(word) in known_words() or word in STOPWORDS:
        return word
    for at in range(2, len(word) - 1):
        begin, end = shortened(word[:at]), shortened(word[at:])
        agrees = begin in words.yes | words.weak | words.bare and end in words.addressed | words.yes | words.weak
        if agrees or (begin in words.no and end in words.denied):
            return f"{word[:at]} {word[at:]}"
    return word


def tokenized(text: str) -> list[str]:
    return [shortened(word) for word in WORD.findall(text)]


@lru_cache(maxsize=5_000)
def spelled(word: str) -> str:
    """The word of yes or no that a misspelled one was meant to be; else the word itself."""
    words = vocabulary()
    if word not in known_words() and (shape := _shape(word)):
        return shape
    if word not in known_words() and (meant_by := (words.agreeing | words.no).intersection(SLANG.get(word, ()))):
        return min(meant_by)  # `bsa`
    if word.endswith("e") and word not in known_words() and word[:-1] + "a" in known_words():
        return word[:-1] + "a"  # as Jakarta says it: `aje`, `iye`
    if len(word) < 5 or word in STOPWORDS or word in known_words():
        return word
    known = words.go | words.yes | words.no | words.undo
    for meant in sorted(known):
        if len(meant) < 5 or meant[0] != word[0] or OSA.distance(word, meant, score_cutoff=1) > 1:
            continue
        if (len(meant) >= _FUZZY_FROM and len(word) >= _FUZZY_FROM - 1) or sorted(word) == sorted(meant):
            return meant
    return word


def _shape(word: str) -> str | None:
    """The word of yes whose shape another has: `oks`, `yesh`."""
    return next((meant for meant, shape in _shapes().items() if shape.fullmatch(word)), None)


@cache
def _shapes() -> Mapping[str, re.Pattern[str]]:
    return {meant: re.compile(shape) for data in sections("consent") for meant, shape in data.get("shapes", {}).items()}


@lru_cache(maxsize=5_000)
def word_forms(word: str) -> frozenset[str]:
    """What a word may be without its affixes; not what a search takes for the same, such as OVO and GoPay, Saturday and Sunday."""
    found = stems(word) | stems(shortened(word)) | stems(_VOWEL.sub("a", word))
    return found.union(*(stems(word.removesuffix(end)) for end in vocabulary().endings if word.endswith(end)))


@lru_cache(maxsize=5_000)
def roots(verb: str) -> frozenset[str]:
    """The forms of a verb, and what the affixes of chat leave of a short one: `ajuin`, `diajukan`."""
    words = vocabulary()
    cut = (verb.removeprefix(begin).removesuffix(end) for begin in ("", *words.verbal) for end in ("", *words.endings))
    return word_forms(verb) | {root for root in cut if len(root) >= _ROOT_FROM}


def undoes(word: str) -> bool:
    """Tell whether a word is about undoing something: `batalin`, `cancel`."""
    return word in vocabulary().undo or not word_forms(word).isdisjoint({"batal", "cancel", "hapus"})
