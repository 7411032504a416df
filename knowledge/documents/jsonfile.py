"""JSON feeds of products, branches, questions: every object of a list is a passage with its fields by name.

    {"shop": "Rina", "products": [{"name": "Tas", "price": {"amount": 450000}, "variants": [{"color": "hitam", "stock": 3}]}]}

becomes `shop: Rina`, and under `products` the entry `name: Tas`, `price amount: 450000`, `variants: color: hitam, stock: 3`.
"""

import json
from collections.abc import Iterator
from typing import Any

from knowledge.documents.passage import Block, Loaded, entry
from knowledge.documents.tables import Line
from knowledge.errors import Unreadable
from language.encoding import decode
from settings.text import cleaned

DEEPEST = 16
"""Levels of a value that are read."""
MAX_VALUES = 400_000


def load(data: bytes, content_type: str | None = None) -> Loaded:
    """Load a JSON document, or one JSON value a line.

    Raises:
        Unreadable: it is no JSON, or has more than `MAX_VALUES` values or `DEEPEST` levels.
    """
    text = decode(data, content_type)
    try:
        value = cleaned(_parsed(text))
    except RecursionError as error:
        raise Unreadable(f"the file has more than {DEEPEST} levels") from error
    except ValueError as error:
        raise Unreadable(f"not a JSON file: {error}") from error
    parts: list[str] = []
    blocks: list[Block] = []
    length = values = 0
    for path, fields in _entries(value, (), 0):
        values += len(fields)
        if values > MAX_VALUES:
            raise Unreadable(f"the file holds more than {MAX_VALUES:,} values; split it")
        labels, cells = zip(*fields, strict=True)
        written = " | ".join(f"{label}: {cell}" if label else cell for label, cell in fields)
        blocks.append(entry(Line(len(blocks), cells, labels, path), length, length + len(written)))
        parts += (written, "\n")
        length += len(written) + 1
    return Loaded("".join(parts), blocks)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        return [json.loads(line) for line in lines]


def _entries(value: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], list[tuple[str, str]]]]:
    """Yield the fields of each object that stands by itself: an element of a list, or one that holds plain values."""
    _check(depth)
    if isinstance(value, list):
        plain = [_shown(each) for each in value if not isinstance(each, dict | list)]
        if any(plain):
            yield path, [("", "; ".join(filter(None, plain)))]
        for each in value:
            if isinstance(each, list):
                yield from _entries(each, path, depth + 1)
            elif isinstance(each, dict) and (fields := list(flattened(each, "", depth + 1))):
                yield path, fields
        return
    if not isinstance(value, dict):
        if shown := _shown(value):
            yield path, [("", shown)]
        return
    inner = {name: each for name, each in value.items() if _is_list(each) or _holds_list(each, depth + 1)}
    own = {name: each for name, each in value.items() if name not in inner}
    if fields := list(flattened(own, "", depth + 1)):
        yield path, fields
    for name, each in inner.items():
        yield from _entries(each, (*path, " ".join(name.split())), depth + 1)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict | list) for each in value)


def _holds_list(value: Any, depth: int) -> bool:
    _check(depth)
    if not isinstance(value, dict):
        return False
    return any(_is_list(each) or _holds_list(each, depth + 1) for each in value.values())


def flattened(value: dict[str, Any], before: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield the fields of an object by name; those of an object in it behind its name, a list in it in one line."""
    _check(depth)
    for name, each in value.items():
        label = f"{before} {' '.join(name.split())}".strip()
        if isinstance(each, dict):
            yield from flattened(each, label, depth + 1)
        elif isinstance(each, list):
            between = "; " if _is_list(each) else ", "
            if shown := between.join(filter(None, (_inline(one, depth + 1) for one in each))):
                yield label, shown
        elif shown := _shown(each):
            yield label, shown


def _inline(value: Any, depth: int) -> str:
    _check(depth)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {shown}" for name, shown in flattened(value, "", depth + 1))
    if isinstance(value, list):
        return ", ".join(filter(None, (_inline(each, depth + 1) for each in value)))
    return _shown(value)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(str(value).split())


def _check(depth: int) -> None:
    if depth > DEEPEST:
        raise Unreadable(f"the file has more than {DEEPEST} levels")
