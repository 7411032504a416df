"""The schemas of an MCP server's tools, judged before anything reads them: a stranger wrote them.

A schema is refused when it points outside itself, is too large or too deep, or holds a regular expression that could take for
ever. `jsonschema` would otherwise fetch a remote `$ref` by itself, past the guard and on the event loop.
"""

import json
import re
from collections.abc import Iterator, Mapping
from math import inf, prod
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
_LONGEST_TEXT = 4096
_MOST_WAYS = 100_000
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)


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
    """Whether a regular expression can match a text in few ways only: one repetition without end at most, none inside another.

    Args:
        pattern: in the syntax of `re`; one that `re` cannot read is not quick.
    """
    if len(pattern) > _LONGEST_PATTERN:
        return False
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return _ways(tree) <= _MOST_WAYS


def _ways(tree: Any) -> float:
    """In how many ways at most a pattern can match what begins at one place of a text."""
    ways = 1.0
    for op, argument in tree:
        inner = [_ways(part) for part in _inside(op, argument)]
        if op in _REPEATS:
            least, most = argument[0], min(argument[1], _LONGEST_TEXT)
            ways *= (most - least + 1) * min(inner[0], _MOST_WAYS) ** min(most, 50)
        elif op is codes.BRANCH:
            ways *= sum(inner)
        elif op is codes.GROUPREF:
            return inf
        else:
            ways *= prod(inner)
    return ways


def _inside(op: Any, argument: Any) -> list[Any]:
    if op in _REPEATS:
        return [argument[2]]
    if op is codes.SUBPATTERN:
        return [argument[3]]
    if op is codes.BRANCH:
        return list(argument[1])
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [argument[1]]
    return [argument] if op is codes.ATOMIC_GROUP else []
