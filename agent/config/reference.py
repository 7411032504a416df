"""The reference page of a file of settings, written from its JSON Schema: `balas check --reference > docs/reference/agent-yaml.md`."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from agent.config.config import AgentConfig
from agent.config.schema import REFERENCE, json_schema

_HEAD = """\
<!-- Written by `{command}`; change the descriptions in the settings models instead. -->

# {file}

Every key, its type, its default and what it does. How the file works is told in {guide}.

- **duration**: a number with a unit, `0.3s`, `15m`, `12h`, `7d`, or several: `1h30m`
- **rate**: a count and a span, `5/s`, `100/min`, `30/10s`
- **size**: bytes, or a number with a unit, `500KB`, `16MB`
- **secret**: text that is never shown; take it from the environment, `${{NAME}}`
- **texts**: a text, or one for each language: `{{id: …, en: …}}`

`[]` behind a key stands for each entry of a list, `.*` for keys that you name yourself.
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A file that has a page: its settings model, its name, the command that writes the page, and where the guide is."""

    root: type[BaseModel]
    file: str
    command: str
    guide: str


AGENT = Subject(AgentConfig, "agent.yaml", "balas check --reference", "[configuration](../configuration.md)")


def page(subject: Subject = AGENT) -> str:
    """The whole page, as Markdown."""
    schema = json_schema(subject.root, subject.file)
    names = _Page(schema, {}, subject)
    for _ in names.lines():  # the first reading finds out which parts there are, so that the second can link to them
        pass
    return "\n".join(_Page(schema, names.places, subject).lines())


class _Page:
    """`places` says under which key each part is described: where it is met first."""

    def __init__(self, schema: dict[str, Any], places: dict[str, str], subject: Subject) -> None:
        self._schema = schema
        self._parts: dict[str, Any] = schema["$defs"]
        self._known = places
        self.places: dict[str, str] = {}
        self._waiting: list[tuple[str, str]] = []
        self._subject = subject

    def lines(self) -> Iterator[str]:
        yield _HEAD.format(file=self._subject.file, command=self._subject.command, guide=self._subject.guide)
        yield "## The parts"
        yield ""
        yield from self._table(self._schema, "", self._subject.root.__name__)
        for path, part in self._parts_in_order():
            described = self._parts[part]
            yield f"{'#' * (3 if '.' in path else 2)} `{path}`{self._kind(path, part)}"
            yield ""
            if text := described.get("description"):
                yield _flat(text)
                yield ""
            if examples := described.get("examples"):
                yield from ("```yaml", *(_yaml(example) for example in examples[:1]), "```", "")
            yield from self._table(described, path, part)

    def _parts_in_order(self) -> Iterator[tuple[str, str]]:
        """Every part once, where it is met first, each before those after it."""
        while self._waiting:
            yield self._waiting.pop(0)

    def _kind(self, path: str, part: str) -> str:
        """Which of several kinds that one list may hold."""
        same = [name for name, where in self._known.items() if where == path]
        return f" ({_spaced(part)})" if len(same) > 1 else ""

    def _table(self, schema: dict[str, Any], path: str, part: str) -> Iterator[str]:
        yield "| key | type | default | what it is |"
        yield "|---|---|---|---|"
        required = set(schema.get("required", ()))
        found: list[tuple[str, str]] = []
        for key, field in schema.get("properties", {}).items():
            here = f"{path}.{key}" if path else key
            kind = self._type(field, here, found)
            default = "**required**" if key in required else _default(field, self._parts)
            text = _flat(field.get("description", "") or self._about(field))
            if kind not in _SPELT and (
                examples := [_yaml(each) for each in field.get("examples", ()) if _is_short(each)][:2]
            ):
                text += f" E.g. {', '.join(f'`{each}`' for each in examples)}."
            yield f"| `{key}` | {kind} | {default} | {_cell(text)} |"
        yield ""
        self._waiting[:0] = found

    def _type(self, field: dict[str, Any], here: str, found: list[tuple[str, str]]) -> str:
        kinds = field.get("anyOf") or field.get("oneOf")
        if kinds is None:
            return self._one(field, here, found)
        if _is_texts(kinds):
            return "texts"
        names = [self._one(kind, here, found) for kind in kinds if kind != REFERENCE]
        names = [name for name in dict.fromkeys(names) if name != "null"]
        if _SIZE in names:
            return "size"
        may_be_null = {"type": "null"} in kinds and "." in here
        return (", ".join(names) if len(names) > 4 else " or ".join(names)) + (" or null" if may_be_null else "")

    def _about(self, field: dict[str, Any]) -> str:
        """What a part says of itself, for a key that says nothing else."""
        for kind in (field, *field.get("anyOf", ())):
            if "$ref" in kind:
                return str(self._parts[kind["$ref"].rpartition("/")[2]].get("description", ""))
        return ""

    def _one(self, kind: dict[str, Any], here: str, found: list[tuple[str, str]]) -> str:
        if "anyOf" in kind or "oneOf" in kind:
            return self._type(kind, here, found)
        if "$ref" in kind:
            return self._link(kind["$ref"].rpartition("/")[2], here, found)
        if "enum" in kind or "const" in kind:
            return ", ".join(f"`{word}`" for word in kind.get("enum", [kind.get("const")]))
        pattern = kind.get("pattern", "")
        match kind.get("type"):
            case "string" if "ms|min" in pattern:
                return "rate" if "/" in pattern else "duration"
            case "string" if kind.get("format") == "password":
                return "secret"
            case "string" if pattern.startswith(r"^\s*(\d*\.?\d+)"):
                return _SIZE
            case "string":
                return {"date": "date", "uri": "web address", "path": "path"}.get(kind.get("format", ""), "text")
            case "integer":
                return "whole number"
            case "number":
                return "number"
            case "boolean":
                return "true or false"
            case "array":
                return f"list of {self._type(kind.get('items', {}), f'{here}[]', found)}"
            case "object":
                inner = next(iter(kind.get("patternProperties", {}).values()), kind.get("additionalProperties"))
                return f"mapping to {self._type(inner, f'{here}.*', found)}" if isinstance(inner, dict) else "mapping"
            case "null":
                return "null"
            case _:
                return "anything"

    def _link(self, part: str, here: str, found: list[tuple[str, str]]) -> str:
        described = self._parts[part]
        if "properties" not in described:
            return self._type(described, here, found)
        if part not in self.places:
            self.places[part] = here
            found.append((here, part))
        return f"[{_spaced(part)}](#{_anchor(f'{self.places[part]}{self._kind(self.places[part], part)}')})"


_SIZE = "a size"
_SPELT = {"duration", "rate", "texts"}  # the head of the page says how they are written


def _is_texts(kinds: list[dict[str, Any]]) -> bool:
    return any("propertyNames" in kind for kind in kinds) and any(kind.get("type") == "string" for kind in kinds)


def _default(field: dict[str, Any], parts: dict[str, Any]) -> str:
    if "default" not in field:
        return ""
    value = field["default"]
    if value is None:
        return "null"
    if value in ([], {}, ""):
        return "empty"
    text = _yaml(value)
    return f"`{_cell(text)}`" if len(text) <= 120 else "see the text"


def _is_short(example: Any) -> bool:
    return len(_yaml(example)) <= 90 and "\n" not in _yaml(example)


def _yaml(value: Any) -> str:
    """A value on one line, as the file would have it."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def _flat(text: str) -> str:
    text = " ".join(text.split())
    if text[:2].isalpha():
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".!?:" else f"{text}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _spaced(part: str) -> str:
    """`DeclaredAction` → `declared action`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", part.removesuffix("Settings")).lower()


def _anchor(heading: str) -> str:
    """The anchor that a Markdown renderer gives to a heading."""
    return "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


if __name__ == "__main__":
    sys.stdout.write(page())
