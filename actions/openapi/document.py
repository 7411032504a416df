"""An OpenAPI document: reading it, and following its `$ref`s."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from actions.errors import OpenApiError
from settings.matching import known_regex


@dataclass(frozen=True, slots=True)
class Document:
    """A document of OpenAPI 3.0 or 3.1, or of Swagger 2.0, the files that it refers to included. `where` is its file or address.

    `unresolved` gathers the references that could not be followed, with the reason.
    """

    root: Mapping[str, Any]
    where: str
    unresolved: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return str((self.root.get("info") or {}).get("title") or "api")

    def resolve(self, value: Any) -> Any:
        """`value`, or what its `$ref` leads to. A reference that leads nowhere, outside or in circles is an empty mapping."""
        for _ in range(20):
            reference = value.get("$ref") if isinstance(value, Mapping) else None
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        self.unresolved.append(f"the reference {reference} leads in circles")
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            self.unresolved.append(f"the reference {reference}, which is not followed")
            return {}
        found: Any = self.root
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                self.unresolved.append(f"the reference {reference}, which leads nowhere")
                return {}
        return found


_SHAPES: Mapping[str, type] = {"info": dict, "paths": dict, "components": dict, "servers": list}


def read_document(text: str, where: str) -> Document:
    """Read a document in JSON or YAML. Of a local file, the files beside and below it that it refers to are read too.

    Raises:
        OpenApiError: it is neither, or no OpenAPI 3.0 or 3.1 and no Swagger 2.0.
    """
    root = _parsed(text, where)
    if not isinstance(root, Mapping):
        raise OpenApiError(f"{where} is no OpenAPI document: its top is not a mapping")
    version = str(root.get("openapi") or root.get("swagger") or "")
    if not version.startswith(("3.0", "3.1") if "openapi" in root else "2.0"):
        raise OpenApiError(
            f"{where} has openapi: {version or 'nothing'}; OpenAPI 3.0 and 3.1 and Swagger 2.0 can be imported"
        )
    for part, shape in _SHAPES.items():
        if not isinstance(root.get(part) or shape(), shape):
            raise OpenApiError(f"{where} is no OpenAPI document: `{part}` has another shape")
    if where.startswith(("http://", "https://")):
        return Document(root, where)
    return Document(_Bundle(Path(where)).bundled(root), where)


MAX_FILES = 200
MAX_BYTES = 10_000_000
_BUNDLED = "x-balas-files"


class _Bundle:
    """Copies the files that a document refers to into it, and changes the references to lead there."""

    def __init__(self, main: Path) -> None:
        self._folder = main.resolve().parent
        self._numbers: dict[Path, str] = {main.resolve(): ""}
        self._files: dict[str, Any] = {}

    def bundled(self, root: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            found = self._rewritten(root, self._folder, "", {})
        except RecursionError:
            raise OpenApiError("the document is nested too deeply") from None
        return {**found, _BUNDLED: self._files} if self._files else root

    def _rewritten(self, value: Any, folder: Path, number: str, done: dict[int, Any]) -> Any:
        """A copy of a value of the file `number` with its references changed; what YAML shares stays shared."""
        if id(value) in done:
            return done[id(value)]
        if isinstance(value, Mapping):
            copy: dict[Any, Any] = {}
            done[id(value)] = copy
            for key, member in value.items():
                is_reference = key == "$ref" and isinstance(member, str)
                copy[key] = (
                    self._reference(member, folder, number)
                    if is_reference
                    else self._rewritten(member, folder, number, done)
                )
            return copy
        if isinstance(value, list):
            items: list[Any] = []
            done[id(value)] = items
            items.extend(self._rewritten(member, folder, number, done) for member in value)
            return items
        return value

    def _reference(self, reference: str, folder: Path, number: str) -> str:
        """The reference as it leads in the whole; as it is when it leads to no file that may be read."""
        place, _, pointer = reference.partition("#")
        if not place:
            return f"#/{_BUNDLED}/{number}{pointer}" if number else reference
        if "://" in place or place.startswith(("/", "file:", "~")):
            return reference
        path = (folder / unquote(place)).resolve()
        if not path.is_relative_to(self._folder) or not self._load(path):
            return reference
        other = self._numbers[path]
        return f"#/{_BUNDLED}/{other}{pointer.rstrip('/')}" if other else f"#{pointer}"

    def _load(self, path: Path) -> bool:
        if path in self._numbers:
            return True
        if not path.is_file() or path.stat().st_size > MAX_BYTES or len(self._numbers) > MAX_FILES:
            return False
        try:
            content = _parsed(path.read_text(encoding="utf-8-sig"), str(path))
        except (OpenApiError, OSError, UnicodeDecodeError):
            return False
        number = str(len(self._numbers))
        self._numbers[path] = number
        self._files[number] = self._rewritten(content, path.parent, number, {})
        return True


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise OpenApiError(f"{where} is nested too deeply") from None
    except ValueError:
        pass
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise OpenApiError(f"{where} is neither JSON nor YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise OpenApiError(f"{where} is nested too deeply") from None


DEEPEST = 5  # a model fills nothing reliably that is nested further

_MOST_MERGED = 50  # levels of allOf in allOf
_KEPT = (
    "title",
    "description",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "default",
)
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
_DROPPED = (
    "not",
    "patternProperties",
    "propertyNames",
    "if",
    "then",
    "else",
    "dependentRequired",
    "contains",
    "prefixItems",
)


class SchemaReader:
    """Reads schemas; what cannot be carried over is noted in `left_out`, with the place."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.left_out: list[str] = []

    def read(self, raw: Any, where: str, depth: int = 0) -> dict[str, Any]:
        """The schema at `where`, references followed. Beyond `DEEPEST` an object stays open."""
        source = self._merged(self._document.resolve(raw), where)
        if depth > DEEPEST:
            self.left_out.append(f"{where}: nested too deeply, left open")
            return {"type": self._typed(source).get("type", "string")}
        schema = self._typed(source)
        schema |= {key: source[key] for key in _KEPT if source.get(key) is not None}
        if isinstance(schema.get("description"), str):
            schema["description"] = shortened(schema["description"], 200)
        self._bounds(source, schema)
        self._pattern(source, schema, where)
        self._values(source, schema)
        self._members(source, schema, where, depth)
        self._choices(source, schema, where, depth)
        self.left_out += [f"{where}: {key}" for key in _DROPPED if key in source]
        if schema.get("default") == "" or isinstance(schema.get("default"), dict | list):
            schema.pop("default")
        return schema

    def _merged(self, source: Any, where: str, above: tuple[int, ...] = ()) -> dict[str, Any]:
        """Fold `allOf` into one schema; one that contains itself is left out there."""
        if not isinstance(source, Mapping):
            return {}
        if id(source) in above or len(above) > _MOST_MERGED:
            self.left_out.append(f"{where}: an allOf that contains itself")
            return {}
        found = dict(source)
        for part in found.pop("allOf", None) or ():
            other = self._merged(self._document.resolve(part), where, (*above, id(source)))
            for key, value in other.items():
                if key == "properties":
                    earlier = found.get("properties") or {}
                    found["properties"] = {
                        **earlier,
                        **{name: raw for name, raw in value.items() if name not in earlier},
                    }
                elif key == "required":
                    found["required"] = [*(found.get("required") or []), *value]
                else:
                    found.setdefault(key, value)
        return found

    @staticmethod
    def _typed(source: Mapping[str, Any]) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        kinds = source.get("type")
        named = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind in _TYPES and kind != "null"]
        if len(named) == 1:
            schema["type"] = named[0]
        elif named:
            schema["type"] = named
        elif "properties" in source:
            schema["type"] = "object"
        elif "items" in source:
            schema["type"] = "array"
        return schema

    @staticmethod
    def _bounds(source: Mapping[str, Any], schema: dict[str, Any]) -> None:
        for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            value = source.get(exclusive)
            if value is True and plain in schema:  # 3.0 says it with a boolean
                schema[exclusive] = schema.pop(plain)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                schema[exclusive] = value

    def _pattern(self, source: Mapping[str, Any], schema: dict[str, Any], where: str) -> None:
        pattern = source.get("pattern")
        if not isinstance(pattern, str):
            return
        try:
            known_regex(pattern)
        except ValueError:
            self.left_out.append(f"{where}: the pattern {pattern} is no regular expression")
        else:
            schema["pattern"] = pattern

    @staticmethod
    def _values(source: Mapping[str, Any], schema: dict[str, Any]) -> None:
        values = source.get("enum") or ([source["const"]] if "const" in source else None)
        if values:
            kept = [value for value in values if value is not None and value != ""]
            if kept:
                schema["enum"] = [str(value) for value in kept] if schema.get("type") == "string" else kept
            if kept and "type" not in schema and not isinstance(kept[0], str):
                schema["type"] = (
                    "integer" if all(type(value) is int for value in kept) else ["number", "boolean", "string"]
                )

    def _members(self, source: Mapping[str, Any], schema: dict[str, Any], where: str, depth: int) -> None:
        if schema.get("type") == "array":
            schema["items"] = self.read(source.get("items") or {}, f"{where}[]", depth + 1)
        properties = source.get("properties")
        if not isinstance(properties, Mapping):
            return
        members = {
            str(name): member
            for name, member in properties.items()
            if not (resolved := self._document.resolve(member)) or not resolved.get("readOnly")
        }
        schema["properties"] = {
            name: self.read(member, f"{where}.{name}", depth + 1) for name, member in members.items()
        }
        if required := [name for name in source.get("required") or () if name in members]:
            schema["required"] = list(dict.fromkeys(required))
            for name in schema["required"]:
                if self._takes_null(members[name]):
                    schema["properties"][name] = _with_null(schema["properties"][name])

    def _takes_null(self, raw: Any) -> bool:
        """Whether a member may be null. One that need not be there is left out instead."""
        source = self._document.resolve(raw)
        if not isinstance(source, Mapping):
            return False
        choices = [*(source.get("oneOf") or ()), *(source.get("anyOf") or ())]
        kinds = source.get("type")
        return (
            source.get("nullable") is True
            or kinds == "null"
            or (isinstance(kinds, list) and "null" in kinds)
            or {"type": "null"} in choices
        )

    def _choices(self, source: Mapping[str, Any], schema: dict[str, Any], where: str, depth: int) -> None:
        for key in ("oneOf", "anyOf"):
            choices = [
                choice for choice in map(self._document.resolve, source.get(key) or ()) if choice != {"type": "null"}
            ]
            if choices and all("const" in choice for choice in choices):  # how 3.1 gives the values of an enum names
                self._values({"enum": [choice["const"] for choice in choices]}, schema)
            elif len(choices) == 1 or (choices and depth >= 2):
                if len(choices) > 1:
                    self.left_out.append(f"{where}: {len(choices) - 1} further forms of {key}")
                schema.update({**self.read(choices[0], where, depth + 1), **schema})
            elif choices:
                # A form may overlap another where documents say oneOf: the server decides, so any of them will do.
                schema["anyOf"] = [
                    self.read(choice, f"{where}({number})", depth + 1) for number, choice in enumerate(choices, 1)
                ]


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    kinds = schema.get("type", "string")
    found = {**schema, "type": [*(kinds if isinstance(kinds, list) else [kinds]), "null"]}
    return {**found, "enum": [*schema["enum"], None]} if "enum" in schema else found


def shortened(text: str, longest: int) -> str:
    """The first paragraph of a description, without markup, on one line."""
    plain = re.sub(r"<[^<>]+>", "", text).strip().split("\n\n")[0]
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 1].rsplit(" ", 1)[0] + "…"
