"""The data files: one TOML file for each language, `data/<code>.toml`, whose sections belong to the chapters of this package.

A list of words is one string with blanks between the words, which is quick to read and to compare in a diff:

    [numbers]
    digits = "nol satu dua tiga empat lima enam tujuh delapan sembilan"

Write several lines of words in literal strings (three apostrophes): the parser takes these in one step.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "data"


@cache
def languages() -> tuple[str, ...]:
    """Name the languages there is a data file for, as ISO 639-1 codes in alphabetical order: `("en", "id", "ms")`."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


@cache
def section(language: str, name: str) -> Mapping[str, Any]:
    """Read a section of a language's data file.

    Args:
        language: ISO 639-1 code.
        name: of the section, for example `numbers`.

    Returns:
        The section as tomllib reads it; empty where the file has no such section.

    Raises:
        LookupError: there is no data file for this language.
    """
    found: Mapping[str, Any] = _file(language).get(name, {})
    return found


def sections(name: str) -> Iterator[Mapping[str, Any]]:
    """Read a section of every language, in the order of `languages`."""
    return (section(language, name) for language in languages())


def words(name: str, key: str) -> frozenset[str]:
    """Read a list of words of every language together.

    Args:
        name: of the section.
        key: whose value is a string of words.
    """
    return frozenset(word for each in sections(name) for word in each.get(key, "").split())


def phrases(name: str, key: str) -> frozenset[str]:
    """Read a list of phrases of every language together.

    Args:
        name: of the section.
        key: whose value is a string of phrases with commas between them.
    """
    found = (each.get(key, "").split(",") for each in sections(name))
    return frozenset(plain for several in found for phrase in several if (plain := " ".join(phrase.split())))


def pattern(name: str, key: str) -> str:
    """Join the patterns of every language into one, to be put into brackets by who uses it.

    Args:
        name: of the section.
        key: whose value is a pattern, or a list of patterns.
    """
    found = [each[key] for each in sections(name) if each.get(key)]
    return "|".join(one for each in found for one in ([each] if isinstance(each, str) else each))


@cache
def _file(language: str) -> Mapping[str, Any]:
    if language not in languages():
        raise LookupError(f"there is no language/data/{language}.toml; there are {', '.join(languages())}")
    with (_FOLDER / f"{language}.toml").open("rb") as file:
        return tomllib.load(file)
