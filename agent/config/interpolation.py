"""`${NAME}`, `${NAME:-default}` and `$${` in the strings of agent.yaml.

As in a shell, `:-` also stands in for a variable that is set and empty, and a default may hold further references. `$${`
is the text `${`. A `$` before anything else is an ordinary character.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_OPENING = re.compile(r"\$\$\{|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that cannot be resolved: the `occurrence`-th `${` of the string (counted from 0, `$${` included)."""

    message: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class Expansion:
    """A string with its references replaced.

    `whole` says that the string was nothing but one reference; `used` are the variables whose values are in the text;
    `unresolved` the references that are wrong, in their order: a variable that is not set and has no default, or a
    reference that is not written rightly. No message holds the value of a variable.
    """

    text: str
    whole: bool
    used: Mapping[str, str]
    unresolved: tuple[Unresolved, ...]


def has_references(text: str) -> bool:
    return _OPENING.search(text) is not None


def expand(text: str, environment: Mapping[str, str]) -> Expansion:
    """Replace every reference in `text`."""
    reader = _Reader(text, environment, {}, [])
    result = reader.read(0, len(text))
    first = _OPENING.match(text)
    whole = first is not None and first[0] == "${" and _closing(text, first.end()) == len(text)
    return Expansion(result, whole, reader.used, tuple(reader.unresolved))


@dataclass(slots=True)
class _Reader:
    text: str
    environment: Mapping[str, str]
    used: dict[str, str]
    unresolved: list[Unresolved]

    def read(self, position: int, end: int) -> str:
        """The text from `position` to `end`, its references replaced."""
        parts: list[str] = []
        while position < end:
            opening = _OPENING.search(self.text, position, end)
            if opening is None:
                parts.append(self.text[position:end])
                break
            parts.append(self.text[position : opening.start()])
            if opening[0] == "$${":
                parts.append("${")
                position = opening.end()
            else:
                value, position = self._reference(opening)
                parts.append(value)
        return "".join(parts)

    def _reference(self, opening: re.Match[str]) -> tuple[str, int]:
        """What stands for the reference that begins at `opening`, and the position behind it."""
        found = _NAME.match(self.text, opening.end())
        if found is None:
            return self._wrong(
                opening,
                "'${' must be followed by the name of an environment variable, e.g. ${API_TOKEN}; "
                "write $${ for the text ${ itself",
            )
        name, position = found[0], found.end()
        rest = self.text[position : position + 2]
        closing = _closing(self.text, position)
        if closing is None:
            return self._wrong(opening, f"the reference '${{{name}' has no closing brace; write ${{{name}}}")
        if rest.startswith("}"):
            if name in self.environment:
                self.used[name] = self.environment[name]
                return self.environment[name], closing
            return self._wrong(
                opening,
                f"the environment variable {name} is not set; set it, add it to .env beside this file, "
                f"or give a default: ${{{name}:-…}}",
            )
        if rest == ":-":
            if value := self.environment.get(name):
                self.used[name] = value
                return value, closing
            return self.read(position + 2, closing - 1), closing
        return self._wrong(
            opening,
            f"'${{{name}{rest[0]}' is not understood; write ${{{name}}} or ${{{name}:-default}}, "
            "or $${ for the text ${ itself",
        )

    def _wrong(self, opening: re.Match[str], message: str) -> tuple[str, int]:
        occurrence = len(_OPENING.findall(self.text, 0, opening.start()))
        self.unresolved.append(Unresolved(message, occurrence))
        return "${", opening.end()


def _closing(text: str, position: int) -> int | None:
    """The position behind the brace that closes the reference whose name or default holds `position`."""
    depth = 1
    while position < len(text):
        if opening := _OPENING.match(text, position):
            depth += opening[0] == "${"
            position = opening.end()
            continue
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return None
