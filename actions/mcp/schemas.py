"""The schemas of an MCP server's tools, judged before anything reads them: a stranger wrote them.

A schema is refused when it points outside itself, is too large or too deep, or holds a regular expression that could take for
ever. `jsonschema` would otherwise fetch a remote `$ref` by itself, past the guard and on the event loop.
"""

import json
import re
from collections.abc import Iterator, Mapping
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from actions.action import Json

LARGEST = 64 * 1024
"""Characters of a tool's schema."""

DEEPEST = 20
"""Levels of a tool's schema."""

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_LONGEST_PATTERN = 200
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)


def refusal(schema: Json) -> str | None:
    """Say why a schema is not accepted; `None` when it is.

    Args:
        schema: a tool's `inputSchema`, as the server sent it.
    """
    if not isinstance(schema, Mapping):
        return "its schema is no object"
    try:
        if len(json.dumps(schema)) > LARGEST:
            return f"its schema is larger than {LARGEST} characters"
    except (RecursionError, ValueError, TypeError):
        return f"its schema is deeper than {DEEPEST} levels"
    for part, depth in _parts(schema):
        if depth > DEEPEST:
            return f"its schema is deeper than {DEEPEST} levels"
        for name in _REFERENCES:
            if isinstance(target := part.get(name), str) and not target.startswith("#"):
                return f"its schema refers to {target[:80]!r}, which is not in it"
        patterns = part.get("patternProperties")
        for pattern in (part.get("pattern"), *(patterns if isinstance(patterns, Mapping) else ())):
            if isinstance(pattern, str) and not is_quick(pattern):
                return f"its schema holds the pattern {pattern[:80]!r}, which could take for ever"
    return None


def _parts(schema: Json) -> Iterator[tuple[Mapping[str, Json], int]]:
    """Every object in a schema with its depth; none below `DEEPEST + 1`."""
    here: list[tuple[Json, int]] = [(schema, 1)]
    while here:
        value, depth = here.pop()
        if isinstance(value, Mapping):
            yield value, depth
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        if depth <= DEEPEST:
            here += [(each, depth + 1) for each in inner if isinstance(each, Mapping | list)]


def is_quick(pattern: str) -> bool:
    """Whether a regular expression takes no more than quadratic time: one repetition without end at most, none inside another.

    Args:
        pattern: in the syntax of `re`; one that `re` cannot read is not quick.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return False
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return _endless(tree) <= 1


def _endless(tree: Any) -> int:
    """How many repetitions without end (or of more than 1,000) a pattern holds; 2 at least where choices are repeated."""
    count = 0
    for op, argument in tree:
        if op in _REPEATS and argument[1] > 10 and _chooses(argument[2]):
            count += 2
        if op in _REPEATS:
            count += int(argument[1] > 1000)
        if op is codes.GROUPREF:
            count += 2
        count += sum(_endless(part) for part in _inside(op, argument))
    return count


def _chooses(tree: Any) -> bool:
    """Whether a part can match the same text in several ways: it has alternatives, or a repetition of no fixed length."""
    return any(
        op is codes.BRANCH
        or (op in _REPEATS and argument[0] != argument[1])
        or any(map(_chooses, _inside(op, argument)))
        for op, argument in tree
    )


def _inside(op: Any, argument: Any) -> list[Any]:
    if op in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        return [argument[2]]
    if op is codes.SUBPATTERN:
        return [argument[3]]
    if op is codes.BRANCH:
        return list(argument[1])
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    return [argument] if op is codes.ATOMIC_GROUP else []
