"""How much a sentence asks for a tool: by the words it shares with the tool's examples, description and name.

A tool that changes something must be asked for by its own verb, or in the words of an example: a word that it shares with
others is not enough.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from actions.spoken import tokens
from agent.models import _arguments, _words
from agent.models._dialogue import Tool

_LOOKS = frozenset(
    "get list find search check track show read look fetch cek lihat cari lacak query status info".split()
)
"""First or last words of the names of tools that change nothing."""

_LOOKING = _LOOKS | {"where", "mana", "dimana", "sampai", "kabar", "gimana", "bagaimana", "belum"}
"""Words with which one asks how something stands."""

_PLAIN = 0.62
_ARGUMENT = 0.25
"""What it adds to a sentence's likeness when it brings the very value that the tool requires."""

_SAME = 0.95
"""Likeness from which a sentence is as good as one of the examples."""

_TWO_VERBS = re.compile(r"\w+ / \w+")
"""How a description begins that names the verb in two languages: `Remind / ingatkan the customer …`."""

_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 -- only whether a date is named counts here, not which

_HOW = re.compile(
    r"\b(?:bagaimana|gimana|gmn|cara|caranya|how (?:do|can|to)|apakah|kenapa|mengapa|why|syarat|boleh(?:kah)?|bisakah)\b"
    r"|\b(?:bisa (?:ga|gak|nggak|tidak|tak|di)|apa bisa|can (?:i|we|you)|could i|may i|is it possible|what if|kalau)\b"
    r"|\b(?:berapa lama|how long|kapan)\b"
    r"|^(?:(?:apa|kak|min|hai|halo) )*(?:bisa|boleh|terima|menerima)\b.*\?"
)
DONT = re.compile(
    r"\b(?:jangan|tidak (?:usah|mau|jadi|ingin|perlu)|gak? (?:usah|mau|jadi|perlu|pengen)|nggak (?:usah|mau|jadi))\b"
    r"|\b(?:tak (?:nak|payah|jadi)|don'?t|do not|not going to|never|bukan mau)\b"
)


@dataclass(frozen=True, slots=True)
class Card:
    """A tool with the words that tell it from others. `verbs` are the forms of its own verb, empty for one that only looks."""

    tool: Tool
    examples: tuple[tuple[frozenset[str], frozenset[str]], ...]  # each its words, and all their forms
    description: frozenset[str]  # the forms of its words
    verbs: frozenset[str]


def cards_of(tools: Sequence[Tool]) -> list[Card]:
    return [
        Card(
            tool,
            tuple(
                (frozenset(words), all_forms(words)) for example in tool.examples if (words := subject(example, tool))
            ),
            all_forms(subject(" ".join([tool.name.replace("_", " "), tool.description, *_values(tool)]), tool)),
            _verbs(tool),
        )
        for tool in tools
    ]


def _values(tool: Tool) -> list[str]:
    """What the parameters are about: their names, descriptions and choices."""
    return [
        str(part).replace("_", " ")
        for name, schema in tool.properties.items()
        for part in (name, schema.get("description", ""), *schema.get("enum", ()))
    ]


def _verbs(tool: Tool) -> frozenset[str]:
    named = _words.words(tool.name.replace("_", " "))
    if not named or named[0] in _LOOKS or named[-1] in _LOOKS:
        return frozenset()
    described = _words.words(tool.description)[: 2 if _TWO_VERBS.match(tool.description) else 1]
    return all_forms((named[0], *described))


def subject(text: str, tool: Tool) -> tuple[str, ...]:
    """The words of a text that say what is wanted: no numbers, no values of the tool's parameters."""
    patterns = tuple(str(schema["pattern"]) for schema in tool.properties.values() if schema.get("pattern"))
    return _subject_without(text, patterns)


@lru_cache(maxsize=2_000)
def _subject_without(text: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    named = [value for pattern in patterns for value in _arguments.values("", {"pattern": pattern}, text)]
    values = {token for value in named for token in tokens(str(value))} | _arguments.NUMERALS
    for value in named:
        text = text.replace(str(value), " ")
    return tuple(
        word for word in _words.content(text) if word not in values and not any(char.isdigit() for char in word)
    )


def asked(segment: str, whole: str, cards: Sequence[Card]) -> Tool | None:
    """The tool that a sentence asks for."""
    folded = _words.fold(segment)
    if DONT.search(folded):
        return None
    rated = [(_likeness(segment, card, cards), card) for card in cards]
    rated = [(score, card) for score, card in rated if score > 0]
    best = max(rated, key=lambda pair: pair[0], default=None)
    if best is None:
        return None
    score, card = best
    named = names_value(card.tool, whole)
    if score < _SAME and _HOW.search(folded) and not named:
        return None  # a question about how it works, not a request to do it
    equals = [other for other_score, other in rated if other is not card and other_score > score - 0.02]
    if any(bool(other.verbs) == bool(card.verbs) for other in equals):
        return None  # two tools fit equally well: better answer than act
    if equals and card.verbs:
        card = equals[0]  # the words they share ask for neither verb: look, don't change
    return card.tool if score >= _PLAIN else None


def _likeness(segment: str, card: Card, cards: Sequence[Card]) -> float:
    """How much a sentence asks for a tool, 0 to about 1.3."""
    said = subject(segment, card.tool)
    bonus = _ARGUMENT if names_value(card.tool, segment) else 0.0
    if not said:
        alone = bonus and not card.verbs and len(segment.split()) <= 3
        return _PLAIN if alone else 0.0
    spoken = all_forms(said)
    by_example = max((_both_ways(said, spoken, example, cards) for example in card.examples), default=0.0)
    shared = [word for word in said if not _words.forms(word).isdisjoint(card.description)]
    has_verb = not card.verbs or not card.verbs.isdisjoint(spoken)
    by_description = 0.0
    looking = bool(card.verbs) or len(shared) > 1 or not _LOOKING.isdisjoint(_words.words(segment))
    if shared and has_verb and (looking or bonus):
        share = 0.6 if card.examples else 0.8  # whoever gave examples did not write the description for us
        by_description = share * _weight(shared, cards) / _weight(said, cards) + (0.1 if card.verbs else 0.0)
    exemplary = by_example >= 0.75
    if card.verbs and not has_verb and not exemplary:
        return 0.0
    best = max(by_example, by_description)
    return best + bonus if best >= 0.3 else 0.0


def _both_ways(
    said: Sequence[str], spoken: frozenset[str], example: tuple[frozenset[str], frozenset[str]], cards: Sequence[Card]
) -> float:
    """How much of an example a sentence holds, and how much of the sentence the example explains."""
    words, forms = example
    held = [word for word in words if not _words.forms(word).isdisjoint(spoken)]
    if not held:
        return 0.0
    explained = [word for word in said if not _words.forms(word).isdisjoint(forms)]
    return 0.65 * _weight(held, cards) / _weight(words, cards) + 0.35 * _weight(explained, cards) / _weight(said, cards)


def all_forms(words: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(_words.forms(word) for word in words))


def _weight(words: Iterable[str], cards: Sequence[Card]) -> float:
    """Words that several tools share tell less about each of them."""
    total = 0.0
    for word in words:
        own = _words.forms(word)
        sharing = sum(1 for card in cards if not own.isdisjoint(card.description))
        total += _words.weight(word) / max(1, sharing)
    return total


def names_value(tool: Tool, text: str) -> bool:
    """Whether a text brings what the tool requires and others have no use for: an order number, an amount, a choice and a date."""
    typed = [
        (name, schema)
        for name, schema in tool.properties.items()
        if name in tool.required
        and (name == "when" or not (_arguments.is_plain(schema) or _arguments.is_free(name, schema)))
    ]
    named = [bool(_arguments.values(name, schema, text, _ANY_DAY)) for name, schema in typed]
    telling = [name == "when" or schema.get("pattern") or _arguments.is_money(name, schema) for name, schema in typed]
    return any(each and tells for each, tells in zip(named, telling, strict=True)) or (len(named) > 1 and all(named))
