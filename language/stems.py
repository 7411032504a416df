"""Stems: what is left of a word without its affixes, by the rules of every language in `data/`.

A word has all the stems that a rule allows, right or wrong: two words are related when they share one, and `membatalkan`,
`dibatalkan` and `batalin` share `batal`. The section `[stems]` of a language holds

    whole       words that lose their meaning when they are cut
    clitics     endings that stand for a word of their own (`-nya`), cut first
    suffixes    endings of derived words, cut next
    prefixes    cut last
    restored    the letter that a prefix took the place of before a vowel: `meny` + `apu` is `sapu`
    endings     inflections; what may stand in their place (`ies` → `y`), and the shortest stem that they leave
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from language.tables import sections

_CLITIC_LEAVES = 3
_SUFFIX_LEAVES = 4
_PREFIX_LEAVES = 4
_RESTORED_LEAVES = 3
"""Letters that must be left of a word when an affix of this kind is cut; the restored one is not counted."""


@dataclass(frozen=True, slots=True)
class _Ending:
    text: str
    replacements: tuple[str, ...]
    leaves: int
    unless: str  # an ending that looks like this one and is none: `ss`


@dataclass(frozen=True, slots=True)
class _Rules:
    whole: frozenset[str]
    clitics: tuple[str, ...]
    suffixes: tuple[str, ...]
    prefixes: tuple[str, ...]
    restored: Mapping[str, str]
    endings: tuple[_Ending, ...]


@lru_cache(maxsize=20_000)
def stems(word: str) -> frozenset[str]:
    """List what a folded word may be without its affixes, in every language; the word itself is always among them."""
    found = {word}
    if not word.isdigit() and all(word not in rules.whole for rules in _rules()):
        for rules in _rules():
            found |= _cut(word, rules)
            found.update(_uninflected(word, rules))
    return frozenset(found)


def _cut(word: str, rules: _Rules) -> set[str]:
    found = {word}
    for clitic in rules.clitics:
        if word.endswith(clitic) and len(word) - len(clitic) >= _CLITIC_LEAVES:
            found.add(word[: -len(clitic)])
    for stem in found - rules.whole:
        for suffix in rules.suffixes:
            if stem.endswith(suffix) and len(stem) - len(suffix) >= _SUFFIX_LEAVES:
                found.add(stem[: -len(suffix)])
    for stem in found - rules.whole:
        for prefix in rules.prefixes:
            rest = stem.removeprefix(prefix)
            if rest == stem or len(rest) < _RESTORED_LEAVES:
                continue
            if len(rest) >= _PREFIX_LEAVES:
                found.add(rest)
            if prefix in rules.restored and rest[0] in "aeiou":
                found.add(rules.restored[prefix] + rest)
    return found


def _uninflected(word: str, rules: _Rules) -> Iterator[str]:
    for ending in rules.endings:
        rest = word.removesuffix(ending.text)
        if rest == word or len(rest) < ending.leaves or (ending.unless and word.endswith(ending.unless)):
            continue
        yield from (rest + replacement for replacement in ending.replacements)


@cache
def _rules() -> tuple[_Rules, ...]:
    return tuple(
        _Rules(
            whole=frozenset(section.get("whole", "").split()),
            clitics=tuple(section.get("clitics", "").split()),
            suffixes=tuple(section.get("suffixes", "").split()),
            prefixes=tuple(section.get("prefixes", "").split()),
            restored=section.get("restored", {}),
            endings=tuple(
                _Ending(text, tuple(rule.get("replacements", [""])), rule["leaves"], rule.get("unless", ""))
                for text, rule in section.get("endings", {}).items()
            ),
        )
        for section in sections("stems")
    )
