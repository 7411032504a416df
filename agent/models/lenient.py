"""JSON as language models write it: a parser that forgives what has only one reading, and nothing else.

Forgiven: doubled braces (`{{"a": 1}}`, from prompt templates), Python's quotes and constants, a trailing comma, line breaks in
strings, escaped quotes around everything (`{\\"a\\": 1}`), no closing brace of the outermost object. Not forgiven, since it may
mean something else than it says: a string or number that ends with the text, a key that comes twice, a missing comma or colon.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

_DEEPEST = 40
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z]+")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}
_PYTHON_ESCAPES = {"x": re.compile(r"[0-9a-fA-F]{2}"), "U": re.compile(r"[0-9a-fA-F]{8}")}


class Unreadable(ValueError):
    """The text has no value here, or more than one reading."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """`end` is the position behind the value; `whole` says that no closing brace was missing."""

    value: Any
    end: int
    whole: bool = True


def parse(text: str, at: int = 0) -> Parsed:
    """Read the value that begins at a position; what follows it does not matter.

    Args:
        text: holds the value and possibly more.
        at: where the value begins; white space is skipped.

    Raises:
        Unreadable: there is no value with only one reading.
    """
    reader = _Reader(text)
    try:
        value = reader.value(reader.skip(at), 0)
    except Unreadable:
        if not re.match(r"\s*[{\[]\s*\\[\"']", text[at:]):
            raise
        unescaped = _Reader(text[at:].replace('\\"', '"').replace("\\'", "'"))
        value = unescaped.value(unescaped.skip(0), 0)
        return Parsed(value, _original_end(text, at, unescaped.end), unescaped.whole)
    return Parsed(value, reader.end, reader.whole)


def parse_all(text: str) -> Any:
    """Read a text that is one value and nothing else, with all its braces.

    Raises:
        Unreadable: as in `parse`; also when text follows.
    """
    found = parse(text)
    if text[found.end :].strip() or not found.whole:
        raise Unreadable("more than one value, or a half one")
    return found.value


def _original_end(text: str, at: int, end: int) -> int:
    """Where in the text the end of its unescaped copy is."""
    seen, position = 0, at
    while seen < end and position < len(text):
        position += 2 if text[position : position + 2] in ('\\"', "\\'") else 1
        seen += 1
    return position


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.end = 0
        self.whole = True

    def skip(self, at: int) -> int:
        while at < len(self._text) and self._text[at].isspace():
            at += 1
        return at

    def value(self, at: int, depth: int) -> Any:
        if at >= len(self._text) or depth > _DEEPEST:
            raise Unreadable("a value is missing, or they are nested too deeply")
        match self._text[at]:
            case "{":
                return self._object(at, depth)
            case "[":
                return self._array(at, depth)
            case '"' | "'":
                return self._string(at)
        if number := _NUMBER.match(self._text, at):
            self.end = number.end()
            if self.end == len(self._text) and depth:
                raise Unreadable("the text ends with a number, which may go on")
            return json.loads(number[0])
        word = _WORD.match(self._text, at)
        if word is None or word[0] not in _WORDS:
            raise Unreadable(f"no value: {self._text[at : at + 10]!r}")
        self.end = word.end()
        return _WORDS[word[0]]

    def _object(self, at: int, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        inside = self.skip(at + 1)
        braces = 1
        if self._text[inside : inside + 1] == "{":  # never JSON, so it is one brace written twice
            braces, inside = 2, self.skip(inside + 1)
        while True:
            if self._text[inside : inside + 1] == "}":
                return self._closed(found, inside, braces)
            if self._text[inside : inside + 1] not in ('"', "'"):
                raise Unreadable("a key has no quotes")
            key = self._string(inside)
            colon = self.skip(self.end)
            if key in found or self._text[colon : colon + 1] != ":":
                raise Unreadable(f"the key {key!r} comes twice, or has no value")
            found[key] = self.value(self.skip(colon + 1), depth + 1)
            inside = self.skip(self.end)
            if self._text[inside : inside + 1] == ",":
                inside = self.skip(inside + 1)
            elif inside >= len(self._text) and not depth:
                self.end, self.whole = inside, False
                return found
            elif self._text[inside : inside + 1] != "}":
                raise Unreadable("a comma or a closing brace is missing")

    def _closed(self, found: dict[str, Any], at: int, braces: int) -> dict[str, Any]:
        self.end = at + 1
        if braces == 2 and self._text[(second := self.skip(at + 1)) : second + 1] == "}":
            self.end = second + 1
        return found

    def _array(self, at: int, depth: int) -> list[Any]:
        found: list[Any] = []
        inside = self.skip(at + 1)
        while self._text[inside : inside + 1] != "]":
            found.append(self.value(inside, depth + 1))
            inside = self.skip(self.end)
            if self._text[inside : inside + 1] == ",":
                inside = self.skip(inside + 1)
            elif self._text[inside : inside + 1] != "]":
                raise Unreadable("a comma or a closing bracket is missing")
        self.end = inside + 1
        return found

    def _string(self, at: int) -> str:
        quote = self._text[at]
        parts: list[str] = []
        at += 1
        while at < len(self._text):
            char = self._text[at]
            if char == quote:
                self.end = at + 1
                return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            if char != "\\":
                parts.append(char)
                at += 1
                continue
            escaped = self._text[at + 1 : at + 2]
            if escaped == "u":
                digits = self._text[at + 2 : at + 6]
                if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
                    raise Unreadable("half an escape")
                parts.append(chr(int(digits, 16)))
                at += 6
            elif escaped in _PYTHON_ESCAPES and (code := _PYTHON_ESCAPES[escaped].match(self._text, at + 2)):
                parts.append(chr(min(int(code[0], 16), 0x10FFFF)))
                at = code.end()
            elif escaped in "\"'\\/\n" or escaped in _ESCAPES:
                parts.append(_ESCAPES.get(escaped, escaped))
                at += 2
            else:
                raise Unreadable(f"no escape: \\{escaped}")
        raise Unreadable("a string does not end")
