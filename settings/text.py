"""Text from outside, made safe to keep, send and show: what platforms, models, APIs, files and people hand in.

JSON and documents carry what no database, request or terminal takes: halves of surrogate pairs, NUL and other control
characters, NaN, structures without end. `clean` and `cleaned` are applied once, where a value comes in.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

DEEPEST = 64
"""Levels of a structure that are kept; what is deeper is replaced by `None`."""

_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\U000e0000-\U000e01ef]")
_ISOLATES = re.compile("[\u2066-\u2069]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_BREAK = re.compile("[\x0b\x0c\x85]")
ESCAPES = re.compile(
    r"\x1b\[[\x30-\x3f]{0,64}+[\x20-\x2f]{0,8}+[\x40-\x7e]|\x9b[\d;]{1,32}+m"
    r"|\x1b[\]P^_X][^\x07\x1b\x9c\n]{0,400}+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[\x20-\x2f]{1,8}+[\x30-\x7e]|\x1b[78=>cDEHMNOZ](?![a-z])"
)
"""Sequences that a terminal obeys (ECMA-48): a colour is `ESC [ 31 m`, of which no part is a word of the text."""
_FLAG = "\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f"  # England, Scotland, Wales
_SMUGGLED = re.compile(f"({_FLAG}|[\U000e0100-\U000e01ef])|[\u202a-\u202e\U000e0000-\U000e00ff]")
_SELECTORS = re.compile("([\U000e0100-\U000e01ef])[\U000e0100-\U000e01ef]+")
"""What a model reads and a person does not see, or not in this order: tag characters, runs of selectors, overrides of direction."""
_ESCAPED = re.compile(r"\\(?:u(?:00[01789]|[dD]|202[a-e])|[bf])|NaN|Infinity")
_INVISIBLE = re.compile("[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\uffa0]")


def clean(text: str) -> str:
    """Replace halves of surrogate pairs by U+FFFD, and drop what terminals obey and control characters other than tab and line breaks.

    Two halves that belong together become their character; vertical tab, form feed and NEL become a line break. Characters that hide
    words from a reader (tag characters outside flags, overrides of direction) are dropped.
    """
    if _UNSAFE.search(text) is None:
        return text
    joined = ESCAPES.sub("", text).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    shown = _SELECTORS.sub(r"\1", _SMUGGLED.sub(r"\1", joined))
    return _CONTROL.sub("", _BREAK.sub("\n", shown))


def harmless(text: str) -> str:
    """Write text for a terminal: `clean`, and without isolates, which change the order of what is read, and returns within a line."""
    return _ISOLATES.sub("", clean(text.replace("\r", "")))


def cleaned(value: T) -> T:
    """Clean every text in a structure of mappings, sequences and dataclasses.

    Infinite numbers and NaN, which JSON does not know, become `None`, and so does what is deeper than `DEEPEST` levels.
    """
    result: T = _cleaned(value, DEEPEST)
    return result


def _cleaned(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return clean(value) if type(value) is str else value  # an enum is ours
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, int | bytes):
        return value
    if levels == 0:
        return None
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(_cleaned(item, levels - 1) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = {name: new for name, old in found.items() if (new := _cleaned(old, levels - 1)) != old}
        return replace(value, **changed) if changed else value
    if isinstance(value, Mapping):
        return {_cleaned(key, levels - 1): _cleaned(item, levels - 1) for key, item in value.items()}
    return value


def shortened(value: Any, longest: int) -> Any:
    """Cut every text in a structure of mappings and lists, keys included.

    Args:
        value: as JSON has it; not deeper than `DEEPEST`, see `cleaned`.
        longest: characters that are kept of a text.
    """
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, Mapping):
        return {shortened(key, longest): shortened(item, longest) for key, item in value.items()}
    return [shortened(item, longest) for item in value] if isinstance(value, list) else value


def from_json(text: str | bytes | bytearray) -> Any:
    """Read JSON that came from outside.

    Raises:
        ValueError: it is no JSON, or goes deeper than can be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it goes deeper than can be read") from None


def to_json(value: Any) -> str:
    """Write JSON that every database takes, whatever the value holds.

    Raises:
        TypeError: the value is not made of what JSON knows.
    """
    try:
        text = json.dumps(value)
    except (RecursionError, ValueError):
        return json.dumps(cleaned(value))
    return json.dumps(cleaned(value)) if _ESCAPED.search(text) else text


def one_line(text: str, limit: int) -> str:
    """Write a name or label on one line of at most `limit` characters, without invisible and direction characters.

    Args:
        text: as it came from outside.
        limit: the longest result; a longer text ends with `…`.
    """
    shown = " ".join(_INVISIBLE.sub("", clean(text[: 20 * limit])).split())
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def brief(value: object, longest: int) -> str:
    """Write a value for a person who looks on: on one line, as JSON unless it is a text, cut after `longest` characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]} …"


def quoted(text: str, limit: int = 60) -> str:
    """Write a name from outside so that it can stand in a prompt: one line in double quotes, in which it cannot end them.

    Args:
        text: as it came from outside.
        limit: the longest name, without the quotes.
    """
    return '"' + one_line(text, limit).replace('"', "'").replace("“", "'").replace("”", "'") + '"'


_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SPEAKER = re.compile(
    r"\[(\s{0,9}(?:an?\s)?(?:human\s)?(?:agent|assistant|colleague|developer|human|operator|runtime|staff|system|tool|user|customer)\b"
    r"[^\[\]\n]{0,60}+)\]",
    re.IGNORECASE,
)
"""A name in square brackets, as transcripts have it before what each person said."""


def untagged(text: str) -> str:
    """Write words from outside so that they open and close no element of a prompt, and name no other speaker; `<3` and `a < b` stay.

    Args:
        text: what a customer or a colleague wrote.
    """
    return _TAG.sub("&lt;", _SPEAKER.sub(r"(\1)", text) if "[" in text else text)


def element(name: str, text: str) -> str:
    """Write an element of a prompt: what we say beside the words of others, who cannot write one.

    Args:
        name: of the element.
        text: its content, which may come from outside.
    """
    return f"<{name}>\n{untagged(text)}\n</{name}>"


MARKS = re.compile(
    r"\[\s*(?:image|video|audio|file|sticker|location|contact card|reaction|deleted message|in reply to|correction of"
    r"|a? ?voice note)\b[^\]]*+(?:\]|\Z)",
    re.IGNORECASE,
)
"""What we put in brackets beside a customer's words: none of it was said by them. One that is never closed reaches to the end."""


def unmarked(text: str) -> str:
    """Write marks that a customer typed in round brackets: in square ones they are ours.

    Args:
        text: what they typed.
    """
    return MARKS.sub(lambda found: f"({found[0][1:].removesuffix(']')})", text) if "[" in text else text


def mark(kind: str, detail: str = "") -> str:
    """Write a mark for what is no text in a message, `[image: foto.jpg]`; nothing in it can end it.

    Args:
        kind: one that `MARKS` knows.
        detail: from outside; one line.
    """
    inside = detail.replace("[", "(").replace("]", ")")
    return f"[{kind}: {inside}]" if inside else f"[{kind}]"
