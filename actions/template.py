"""Texts with `{parameters}` in them, as agent.yaml writes them. `{{` and `}}` are literal braces."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from actions.action import Action, Context, Json

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAPPINGS = (dict, Mapping)  # what JSON gives first: the abstract class takes ten times as long


def placeholders(text: str) -> list[str]:
    """List the parameters that a template names, in order; one that is named twice comes twice.

    Raises:
        ValueError: braces hold something that is no name.
    """
    names = [match[1] for match in _BRACES.finditer(text) if match[1] is not None]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{{{name}}} is not the name of a parameter; write literal braces as {{{{ and }}}}")
    return names


def whole(text: str) -> str | None:
    """The parameter's name when the template is one placeholder and nothing else: such a value keeps its type."""
    match = _BRACES.fullmatch(text)
    return match[1] if match else None


def fill(text: str, render: Callable[[str], str]) -> str:
    """The template with each placeholder replaced by `render(name)`."""
    return _BRACES.sub(lambda match: match[0][0] if match[1] is None else render(match[1]), text)


def texts_in(value: object) -> Iterator[str]:
    """Every text in a structure of mappings and sequences, in order, without the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, _MAPPINGS):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from texts_in(item)


def words_in(value: object) -> Iterator[str]:
    """Every text and number in a structure of mappings and sequences, in order, without the keys and what is empty."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from words_in(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from words_in(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        yield plain(value)


def plain(value: Json) -> str:
    """A value inside a text: `true` and `3` as JSON writes them, whole floats without `.0`, lists of values with commas."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ",".join(map(plain, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def question(action: Action, arguments: Mapping[str, Json], context: Context) -> str:
    """Fill the question of an action with the values that it would run with."""
    values = action.visible(arguments, context)
    return fill(action.confirm or "", lambda name: plain(values.get(name)))
