"""Feeds in JSON, as shops export them: each object of a list is a row under the names of its members."""

import json
from typing import Any

from knowledge.documents.passage import Loaded, entry
from knowledge.documents.tables import Line
from knowledge.errors import Unreadable
from language.encoding import decode
from settings.text import cleaned

_DEEPEST = 3
"""Levels of objects around the list, and inside a row: `{"data": {"products": [{"price": {"amount": …}}]}}`."""


def load(data: bytes, content_type: str | None = None) -> Loaded:
    """Load a feed.

    Raises:
        Unreadable: it is not JSON, or holds no list of objects.
    """
    try:
        value = cleaned(json.loads(decode(data, content_type)))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None
    rows = [row for each in _rows(value, _DEEPEST) if (row := _flat(each))]
    if not rows:
        raise Unreadable('it holds no list of objects; a feed is e.g. [{"name": "Kopi", "price": 18000}, …]')
    text, blocks = "", []
    for number, row in enumerate(rows):
        start, text = len(text), text + "\n".join(f"{name}: {value}" for name, value in row.items())
        blocks.append(entry(Line(number, tuple(row.values()), tuple(row)), start, len(text)))
        text += "\n\n"
    return Loaded(text, blocks)


def _rows(value: Any, levels: int) -> list[dict[str, Any]]:
    """The longest list of objects, however it is wrapped."""
    if isinstance(value, list):
        return [each for each in value if isinstance(each, dict)]
    if not isinstance(value, dict) or levels == 0:
        return []
    return max((_rows(each, levels - 1) for each in value.values()), key=len, default=[])


def _flat(row: dict[str, Any], levels: int = _DEEPEST) -> dict[str, str]:
    """A row's members as text: those of objects inside it as `price amount`, lists with commas, what is empty left out."""
    found: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            inner = _flat(value, levels - 1) if levels else {}
            found |= {f"{name} {key}".strip(): each for key, each in inner.items()}
        elif isinstance(value, list):
            plain = [_word(each) for each in value if not isinstance(each, dict | list)]
            found[name] = ", ".join(filter(None, plain))
        else:
            found[name] = _word(value)
    return {name: value for name, value in found.items() if value}


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else " ".join(str(value).split())
