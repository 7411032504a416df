"""Which language a customer writes, told by the small words that only one of them uses.

Nothing is learned and nothing is loaded: chat messages are too short for statistics, but "nggak", "the" and "macam mana" decide
on their own. A text that does not decide keeps the language of the conversation. The section `[detect]` of a language holds

    words, weight               words that only this language uses, and how much each counts
    phrases, phrase_weight      several words that decide together
    loans, loan_weight          its words that others have borrowed
    sibling                     a language whose `shared` words are its own too
    shared, shared_weight       words that do not tell siblings apart
    particles                   words that only its own speakers use, however many borrowed words stand around them
    asked_for                   words of a message that may ask for another language than it is written in
    courtesies                  patterns of what speakers of every language say: they change no language
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from language.tables import languages, section, sections
from language.tokens import fold, spelled

DEFAULT = "id"
"""The language of a conversation in which nothing decides."""

NAMES: Mapping[str, str] = {language: section(language, "language")["name"] for language in languages()}
"""How each language is called in English, as the prompt names it."""


def _sibling(language: str) -> str:
    return str(section(language, "detect").get("sibling", language))


LANGUAGES: Sequence[str] = sorted(languages(), key=lambda language: (_sibling(language) != DEFAULT, language))
"""Every language, the default one first, then its siblings: of two that are as likely the first is meant."""


@dataclass(frozen=True, slots=True)
class _Signs:
    """What speaks for a language. `family` are the language and its siblings."""

    weights: Mapping[str, float]
    phrases: Sequence[str]
    phrase_weight: float
    particles: frozenset[str]
    family: frozenset[str]


@cache
def _signs() -> Mapping[str, _Signs]:
    return {language: _signs_of(language) for language in LANGUAGES}


def _signs_of(language: str) -> _Signs:
    own = section(language, "detect")
    family = frozenset(other for other in LANGUAGES if _sibling(other) == _sibling(language))
    kin: Mapping[str, Any] = section(_sibling(language), "detect")
    ambiguous = {
        word for other in family - {language} for word in section(other, "detect").get("words", "").split()
    }  # between siblings
    weights = dict.fromkeys(kin.get("shared", "").split(), kin.get("shared_weight", 0.0))
    for word in own.get("words", "").split():
        if word not in ambiguous:
            weights[word] = weights.get(word, 0.0) + own["weight"]
    weights |= dict.fromkeys(own.get("loans", "").split(), own.get("loan_weight", 0.0))
    return _Signs(
        weights,
        own.get("phrases", ()),
        own.get("phrase_weight", 0.0),
        frozenset(kin.get("particles", "").split()),
        family,
    )


@cache
def _courtesies() -> re.Pattern[str]:
    patterns = [pattern for each in sections("detect") for pattern in each.get("courtesies", ())]
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")


def detect(text: str, previous: str | None = None, default: str = DEFAULT) -> str:
    """Tell which language a text is written in.

    Args:
        text: what a customer writes, one message or several.
        previous: the language of the conversation so far, if it has one. A text that does not decide (a number, a name, "ok")
            keeps it; changing the language needs more than one loan word.
        default: the language of a text that does not decide where there is no previous one.

    Returns:
        The code of a language that there is a data file for: `"id"`, `"en"`, `"ms"`.
    """
    folded = fold(text)
    words = spelled(folded if previous is None else _courtesies().sub(" ", folded))
    scores = _scores(words)
    best = max(scores.values())
    if best == 0:
        return previous or default
    if previous is not None and best - scores.get(previous, 0) < _needed(words, previous, scores):
        return previous
    return next(language for language in (default, *LANGUAGES) if scores.get(language) == best)


_CLEAR_FROM = 3.0
_CLEAR_SHARE = 0.25
_CLEAR_WORDS = 4


def clearly_in(text: str) -> str | None:
    """Tell which language a text is in beyond doubt, of siblings the default or the first; `None` when it may be another.

    Args:
        text: any text; one of a few words, of names or of two languages mixed decides nothing.
    """
    words = spelled(fold(text))
    if len(words) < _CLEAR_WORDS:
        return None
    scores = _scores(words)
    best = next(language for language in LANGUAGES if scores[language] == max(scores.values()))
    others = max((score for language, score in scores.items() if not related(language, best)), default=0.0)
    return best if scores[best] >= _CLEAR_FROM and others <= _CLEAR_SHARE * scores[best] else None


def related(one: str, other: str) -> bool:
    """Tell whether two languages are one or siblings, which chat messages do not tell apart."""
    return _sibling(one) == _sibling(other)


def hints_at(text: str, language: str) -> bool:
    """Tell whether any word of a text is of a language or its siblings; a name, a number and an "ok" are of none."""
    scores = _scores(spelled(_courtesies().sub(" ", fold(text))))
    return any(score for other, score in scores.items() if related(other, language))


def is_known(text: str) -> bool:
    """Tell whether a text may be read as one of our languages; a few letters that say nothing in any of them may be, too."""
    words = spelled(fold(text))
    if any(ord(letter) > _LATIN and letter.isalpha() for letter in text):
        return False
    return len(words) < _CLEAR_WORDS or any(_scores(words).values())


_LATIN = 0x24F


def names_a_language(text: str) -> bool:
    """Tell whether a text speaks of languages, so that its writer may want to read another one: `please answer in English`."""
    return not _language_words().isdisjoint(spelled(fold(text)))


@cache
def _language_words() -> frozenset[str]:
    return frozenset(word for each in sections("detect") for word in each.get("asked_for", "").split())


def _scores(words: Sequence[str]) -> Mapping[str, float]:
    line = " ".join(words)
    return {
        language: sum(signs.weights.get(word, 0.0) for word in words)
        + signs.phrase_weight * sum(phrase in line for phrase in signs.phrases)
        for language, signs in _signs().items()
    }


def _needed(words: Sequence[str], previous: str, scores: Mapping[str, float]) -> float:
    """How far another language must lead before a conversation changes over: less for a text long enough to be sure of."""
    signs = _signs()[previous]
    best = max(scores.values())
    if all(scores[other] < best for other in scores if other not in signs.family):
        return 3.0 if len(words) < 6 else 2.0
    return (3.0 if signs.particles.intersection(words) else 0.0) + (2.0 if len(words) < 4 else 1.0)
