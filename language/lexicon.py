"""What the words of customer service mean: short forms of chat, words that say little, and notions that join three languages.

Everything here is read from the section `[lexicon]` of the data files. Two words are compared by their forms: `membatalkan`,
`dibatalkan` and `cancelled` share the form `batal`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cache, lru_cache
from typing import Any

from rapidfuzz.distance import OSA

from language import tokens
from language.detect import LANGUAGES
from language.stems import stems
from language.tables import section
from language.tables import words as listed

FUNCTION = 0.6  # they do matter where entries are questions themselves ("how" against "when")
COURTESY = 0.1  # greetings and forms of address
_FREQUENT = 0.35
_NUMBER = 0.4
_BUSINESS = 0.6
"""Weights of words beside a word of content, which weighs 1."""

_NEARLY_FROM = 5
"""Letters from which on a word may be misspelled; twice, from three more."""

_STARTS = re.compile(r"(?:^|[.!?\n])\W*$")
_WORD = re.compile(r"[^\W_]+")


def _tables(name: str) -> Iterator[Mapping[str, Any]]:
    return (section(language, "lexicon").get(name, {}) for language in LANGUAGES)


def _inverted(name: str) -> Mapping[str, tuple[str, ...]]:
    """Read a table of `key = "words"` of every language as a mapping from each word to its keys."""
    keys: dict[str, list[str]] = {}
    for table in _tables(name):
        for key, words_ in table.items():
            for word in words_.split():
                keys.setdefault(word, []).append(key)
    return {word: tuple(dict.fromkeys(several)) for word, several in keys.items()}


def _related() -> Mapping[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    for table in _tables("notions"):
        for notion, words_ in table.items():
            members.setdefault(notion, []).extend(words_.split())
    related: dict[str, list[str]] = {}
    for several in members.values():
        for word in several:
            related.setdefault(word, []).extend(other for other in several if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in related.items()}


SLANG = _inverted("slang")
"""From a short form to the words it may stand for, Indonesian ones first."""

NOTIONS = _inverted("notions")
"""From a word to the notions it names."""

RELATED = _related()
"""From a word to those that mean nearly the same, in every language."""

STOPWORDS: Mapping[str, float] = dict.fromkeys(listed("lexicon", "function"), FUNCTION) | dict.fromkeys(
    listed("lexicon", "courtesies"), COURTESY
)
"""Words that say little about what a question is about, and how much they count; every other word counts 1."""

_EMPTY = (frozenset(STOPWORDS) - listed("lexicon", "ambiguous")) | listed("lexicon", "requests")
_FREQUENT_WORDS = listed("lexicon", "frequent")
_BUSINESS_WORDS = listed("lexicon", "business")
_HINTS = _inverted("hints")
KNOWN: Set[str] = frozenset(STOPWORDS) | frozenset(RELATED) | {word for several in SLANG.values() for word in several}
"""Words of the languages: they are what they are, no misspelling of another."""


@cache
def _compounds() -> tuple[re.Pattern[str], Mapping[str, str]]:
    joined = {parts: whole for table in _tables("compounds") for whole, parts in table.items()}
    pattern = "|".join(re.escape(parts).replace(r"\ ", "[ -]") for parts in joined)
    return re.compile(rf"\b(?:{pattern})\b"), joined


def words(text: str) -> list[str]:
    """Split a text into its words, folded, short forms of chat written out, compounds joined.

    A short form that is a word itself (`no`, `lagi`) stays as it is.
    """
    pattern, joined = _compounds()
    folded = pattern.sub(lambda match: joined[match[0].replace("-", " ")], tokens.normal(text))
    return [written_out(word) for word in tokens.tokens(folded.replace("_", " "))]


def written_out(word: str) -> str:
    """Write out a short form of chat: `brp` as `berapa`."""
    is_short = word in SLANG and word not in KNOWN and len(word) > 1 and not word.isdigit()
    return SLANG[word][0] if is_short else word


@lru_cache(maxsize=20_000)
def forms(word: str) -> frozenset[str]:
    """List what a folded word may stand for: itself, its stems, and the notions these name.

    A word that says nothing of the subject names no notion: `sampai` is "arrived", but mostly "until".
    """
    found = stems(word)
    if word in _EMPTY:
        return found
    return found.union(*(NOTIONS.get(stem, ()) for stem in found))


def forms_of(several: Iterable[str]) -> frozenset[str]:
    """Join the forms of several words."""
    return frozenset[str]().union(*(forms(word) for word in several))


def content(text: str) -> list[str]:
    """List the words that say what a text is about, in order, each once. Question words are left to `hints`."""
    kept = [word for word in words(text) if word not in _EMPTY and (len(word) > 1 or word.isdigit())]
    return list(dict.fromkeys(kept))


def names(text: str) -> set[str]:
    """Find the folded words that are written with a capital inside a sentence: `Cape`, `Town`. None in a text that shouts."""
    if text.isupper():
        return set()
    inside = [match[0] for match in _WORD.finditer(text) if not _STARTS.search(text[: match.start()])]
    return {word for part in inside if part[0].isupper() for word in words(part)}


def hints(text: str) -> set[str]:
    """Find what the question words of a text ask for: `where` → `alamat`."""
    return {notion for word in words(text) for notion in _HINTS.get(word, ())}


def weight(word: str) -> float:
    """Weigh how much a word of a question tells about its subject, from 0.35 to 1."""
    if word.isdigit():
        return _NUMBER
    if not forms(word).isdisjoint(_FREQUENT_WORDS):
        return _FREQUENT
    return 1.0 if forms(word).isdisjoint(_BUSINESS_WORDS) else _BUSINESS


class Vocabulary:
    """The words of a text, to look others up in, spelling mistakes forgiven."""

    def __init__(self, text: str) -> None:
        self._words = set(words(text))
        self.forms: Set[str] = forms_of(self._words)

    def has(self, word: str) -> bool:
        """Tell whether the text has a word, in any of its forms or nearly spelled like it."""
        return not forms(word).isdisjoint(self.forms) or self._nearly(word)

    def _nearly(self, word: str) -> bool:
        if len(word) < _NEARLY_FROM or not word.isalpha():
            return False
        allowed = 2 if len(word) >= _NEARLY_FROM + 3 else 1
        return any(
            other[0] == word[0]
            and abs(len(other) - len(word)) <= allowed
            and len(other) >= _NEARLY_FROM - 1
            and OSA.distance(word, other, score_cutoff=allowed) <= allowed
            for other in self._words
        )


@lru_cache(maxsize=4_000)
def vocabulary(text: str) -> Vocabulary:
    """Keep the vocabulary of a text; passages come again and again."""
    return Vocabulary(text)
