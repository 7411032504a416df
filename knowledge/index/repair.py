"""Repairs a question: what a word that the documents do not have was probably meant to be."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from language.lexicon import KNOWN, RELATED, SLANG, STOPWORDS, hints
from language.tokens import is_spaceless, words

RELATED_WEIGHT = 0.3
TRANSLATED_WEIGHT = 0.6  # of a related word, when no document has the word itself
_NO_VOWELS = str.maketrans("", "", "aeiou")
_REPEATED = re.compile(r"(\w)\1{2,}")


@dataclass(frozen=True, slots=True)
class Term:
    """A word to look for, and how much it counts; `stands_for` is the word of the question it belongs to."""

    word: str
    weight: float
    stands_for: int


class Repair:
    """Knows the words of the documents. Immutable once built."""

    def __init__(self, frequencies: Mapping[str, int]) -> None:
        """`frequencies`: in how many passages each word stands."""
        self._frequencies = frequencies
        self._by_shape: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._by_skeleton: dict[str, list[str]] = defaultdict(list)
        for word in frequencies:
            if len(word) > 2 and word.isascii() and word.isalpha():
                self._by_shape[word[0], len(word)].append(word)
                if len(skeleton := _skeleton(word)) > 1:
                    self._by_skeleton[skeleton].append(word)

    def __call__(self, question: str) -> list[Term]:
        """The words of the question with their repairs, in order."""
        asked = words(question)
        terms = [] if any(word not in STOPWORDS for word in asked) else self._hinted(question)
        for at, word in enumerate(asked):
            readings = self._readings(word)
            terms += (Term(reading, weight, at) for reading, weight in readings)
            known = {reading for reading, _ in readings}
            is_read = any(reading in self._frequencies for reading in known)
            weight = RELATED_WEIGHT if is_read else TRANSLATED_WEIGHT
            related = {other for reading, _ in readings for other in RELATED.get(reading, ())}
            terms += (Term(other, weight, at) for other in sorted(related - known) if other in self._frequencies)
        return terms

    def _hinted(self, question: str) -> list[Term]:
        """What a question asks for that says so by its question word alone: `where are you?`."""
        named = {other for notion in hints(question) for other in (notion, *RELATED.get(notion, ()))}
        return [Term(word, TRANSLATED_WEIGHT, 0) for word in sorted(named) if word in self._frequencies]

    def text(self, question: str) -> str:
        """The question with every unknown word replaced by its best repair: what an embedding model should see."""
        return " ".join(self._readings(word)[-1][0] for word in words(question))

    def _readings(self, word: str) -> list[tuple[str, float]]:
        """The word itself, then its repairs, best last."""
        if is_spaceless(word) or word.isdigit():
            return [(word, 1.0)]
        meanings = SLANG.get(word, ())
        readings = {} if meanings and word not in self._frequencies else {word: 1.0}
        readings.update((meant, 1.0) for meant in meanings)
        if word not in self._frequencies and word not in KNOWN and not meanings:
            readings.update(self._guesses(word))
        return list(readings.items())

    def _guesses(self, word: str) -> Iterable[tuple[str, float]]:
        if len(word) < 3 or not word.isascii() or not word.isalpha():
            return ()
        squeezed = _REPEATED.sub(r"\1", word)
        if squeezed in self._frequencies:
            return ((squeezed, 1.0),)
        scored: dict[str, float] = {}
        for candidate in self._by_skeleton.get(_skeleton(word), ()):
            if len(candidate) >= len(word):
                scored[candidate] = 1.0 - 0.05 * (len(candidate) - len(word))
        most = 1 if len(word) < 5 else 2
        pool = [
            candidate
            for length in range(len(word) - most, len(word) + most + 1)
            for candidate in self._by_shape.get((word[0], length), ())
        ]
        for candidate, distance, _ in process.extract(word, pool, scorer=OSA.distance, score_cutoff=most, limit=8):
            scored[candidate] = max(scored.get(candidate, 0.0), 1.0 - 0.2 * distance)
        best = sorted(scored.items(), key=lambda item: (-item[1], -self._frequencies[item[0]], item[0]))[:3]
        return tuple((candidate, score) for candidate, score in reversed(best))


def _skeleton(word: str) -> str:
    """The first letter and the consonants: `berapa` → `brp`."""
    return word[0] + word[1:].translate(_NO_VOWELS)
