"""JSON Schema of others (MCP tools, type hints) as the part of it that describes arguments.

`flattened` brings the members of an object together, wherever `allOf`, `anyOf`, `oneOf` or `$ref` hide them: what is bound must not stay
visible in a branch. `readable` reduces a schema to what `actions.parameters.Schema` knows.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from settings.matching import known_regex

_KEPT = frozenset(
    "type title description enum const default examples pattern format minLength maxLength minimum maximum exclusiveMinimum "
    "exclusiveMaximum multipleOf minItems maxItems uniqueItems".split()
)
_BRANCHES = ("allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas", "if", "not", "dependentRequired")
DEEPEST = 12
"""Levels that are read; deeper ones, and schemas that contain themselves, describe any value."""
MOST_PARTS = 2000
"""Parts of one schema that are read: references multiply."""


def flattened(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Write the schema of an object as one list of members.

    Members of `anyOf` and `oneOf` become optional ones: the server still refuses what does not go together.

    Returns:
        An object schema with `properties` and `required`, and without branches.
    """
    properties: dict[str, Any] = {}
    required: dict[str, None] = {}
    closed = _collect(schema, schema, properties, required, 0, set(), certain=True)
    kept = {key: value for key, value in schema.items() if key in ("$defs", "definitions", "description", "title")}
    if closed:
        kept["additionalProperties"] = False
    return {**kept, "type": "object", "properties": properties, "required": list(required)}


def _collect(
    schema: Any,
    root: Mapping[str, Any],
    properties: dict[str, Any],
    required: dict[str, None],
    depth: int,
    seen: set[tuple[str, bool]],
    *,
    certain: bool,
) -> bool:
    if isinstance(schema, Mapping) and isinstance(reference := schema.get("$ref"), str):
        if (reference, certain) in seen:
            return False
        seen.add((reference, certain))
    schema = resolved(schema, root)
    if depth > DEEPEST or not isinstance(schema, Mapping):
        return False
    for name, member in (schema.get("properties") or {}).items():
        properties.setdefault(name, member)
    if certain:
        required.update(dict.fromkeys(schema.get("required") or ()))
    closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    for key in _BRANCHES:
        branch = schema.get(key)
        branches = (
            branch
            if isinstance(branch, list)
            else branch.values()
            if key == "dependentSchemas" and branch
            else [branch]
        )
        for one in branches:
            _collect(one, root, properties, required, depth + 1, seen, certain=certain and key == "allOf")
    return closed


def resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """Follow `$ref` within the document `root`; what stands beside it is added."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            return schema
        found: Any = root
        for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**found, **beside} if isinstance(found, Mapping) else beside
    return schema


def readable(schema: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce a schema to the keys that `actions.parameters.Schema` has, with every `$ref` in its place."""
    return _readable(schema, root, 0, iter(range(MOST_PARTS)))


def _readable(schema: Any, root: Mapping[str, Any], depth: int, budget: Iterator[int]) -> dict[str, Any]:
    schema = resolved(schema, root)
    if not isinstance(schema, Mapping) or depth > DEEPEST or next(budget, None) is None:
        return {}
    kept = {key: value for key, value in schema.items() if key in _KEPT and value is not None}
    if "pattern" in kept and not _compiles(kept["pattern"]):
        del kept["pattern"]
    if isinstance(kept.get("enum"), list) and any(not isinstance(item, str) for item in kept["enum"]):
        kept.setdefault("type", sorted({_type_of(item) for item in kept["enum"]}))
    if schema.get("properties") or schema.get("allOf"):
        flat = flattened({**schema, **{key: root[key] for key in ("$defs", "definitions") if key in root}})
        if flat["properties"]:
            members = {name: _readable(member, root, depth + 1, budget) for name, member in flat["properties"].items()}
            kept |= {"type": "object", "properties": members}
            kept["required"] = [name for name in flat["required"] if name in members]
    if isinstance(items := schema.get("items"), Mapping):
        kept["items"] = _readable(items, root, depth + 1, budget)
    if isinstance(more := schema.get("additionalProperties"), bool | Mapping):
        kept["additionalProperties"] = more if isinstance(more, bool) else _readable(more, root, depth + 1, budget)
    for key in ("anyOf", "oneOf"):
        if branches := schema.get(key):
            kept[key] = [_readable(branch, root, depth + 1, budget) for branch in branches]
    if not kept.keys() & {"type", "enum", "const", "anyOf", "oneOf"}:
        kept["type"] = ["string", "integer", "number", "boolean", "array", "object", "null"]
    return kept


def _type_of(value: Any) -> str:
    return {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}.get(
        type(value), "object"
    )


def _compiles(pattern: Any) -> bool:
    try:
        return isinstance(pattern, str) and known_regex(pattern) is not None
    except ValueError:
        return False
