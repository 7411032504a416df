"""What `bind` sets in the arguments of one tool, at every place where its schema has the name: `phone`, `customer.phone`, `people[].phone`.

A bound member is left out of the schema that the model sees, and set in each object that has it. Where a name may come without being
listed (`patternProperties`, objects with other members), nothing can be set; there the model may not use it either.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import cached_property
from typing import Any, Final

from actions.action import Context, Json
from actions.json_schema import DEEPEST, MOST_PARTS, flattened, readable, resolved
from actions.parameters import Parameter, Schema, Source
from actions.provenance import Leaf, bound_values, without_source
from actions.scope import fact_key
from settings.matching import search

_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "contains")
_JUDGED_BY_THE_SERVER: Final = frozenset(
    "not if then else dependentSchemas dependentRequired propertyNames minProperties maxProperties $defs definitions".split()
)
"""Keywords that may ask for what is bound: where something is, the server alone holds the arguments against them."""


class Binding:
    """The places of one tool's schema that `bind` names, and what stands there.

    Args:
        bind: where parameters come from, by name in any spelling.
        schema: of the tool's arguments, judged by `actions.mcp.schemas`.
    """

    def __init__(self, bind: Mapping[str, Sequence[Source]], schema: Mapping[str, Any]) -> None:
        self._written = {fact_key(name): name for name in bind}
        self._sources = {fact_key(name): tuple(sources) for name, sources in bind.items()}
        self._schema = flattened(schema)
        self._budget = iter(range(MOST_PARTS))
        self.places: dict[str, str] = {}
        """The places by path, and the name in `bind`."""
        self.unbindable: list[str] = []
        """Places where a bound name may come by a pattern, so that nothing can be set there."""
        if bind:
            self._find(self._schema, "", 0, frozenset())

    @property
    def names(self) -> frozenset[str]:
        """The names of `bind` that this tool has."""
        return frozenset(self.places.values())

    @property
    def parameters(self) -> Sequence[str]:
        """The names of the tool's parameters, bound ones too."""
        return tuple(self._schema["properties"])

    @cached_property
    def visible(self) -> dict[str, Json]:
        """The schema of what the model may set."""
        properties: Mapping[str, Any] = self._schema["properties"]
        deep = any("." in place for place in self.places)
        return {
            **self._schema,
            "properties": {
                name: self._shown(member, 1) if deep else member
                for name, member in properties.items()
                if not self._set_by_us(name, member)
            },
            "required": [name for name in self._schema["required"] if not self._set_by_us(name, properties.get(name))],
        }

    def forbidden(self, arguments: Mapping[str, Json]) -> list[str]:
        """Name what the model may not set: bound members, and unlisted ones beside them, which the server could read as those."""
        if not self._sources:
            return []
        listed = self._schema["properties"]
        found = [name for name in arguments if name not in listed or self._set_by_us(name, listed[name])]
        for name, value in arguments.items():
            if name not in found:
                found += self._forbidden_in(value, listed[name], name, 1)
        return found

    def filled(self, arguments: Mapping[str, Json], context: Context) -> tuple[dict[str, Json], list[str]]:
        """Set what is bound.

        Returns:
            The arguments of the call, and the names of needed ones for which the contact holds nothing.
        """
        bound = {key: sources for key, sources in self._sources.items() if sources[0].bound}
        wanted = {
            key: Parameter.model_validate({"from": list(sources), "optional": True}) for key, sources in bound.items()
        }
        values, _ = bound_values(wanted, context)
        missing: dict[str, None] = {}
        return self._filled_object(arguments, self._schema, values, missing, 0), list(missing)

    def unfounded(self, arguments: Mapping[str, Json], context: Context, timezone: tzinfo) -> tuple[str, Leaf] | None:
        """Find the first value that `bind` wants from elsewhere than the model, and that has no source; with its place."""
        named = {key: sources for key, sources in self._sources.items() if not sources[0].bound}
        for path, value, schema, key in self._sourced(dict(arguments), self._schema, "", named, 0):
            try:
                read = Schema.model_validate(readable(schema, self._schema))
            except ValueError:
                read = Schema()
            if (lacking := without_source(value, read, named[key], context, timezone)) is not None:
                return path, lacking
        return None

    def _bound(self, name: str) -> bool:
        sources = self._sources.get(fact_key(name))
        return sources is not None and sources[0].bound

    def _set_by_us(self, name: str, member: Any, depth: int = 0) -> bool:
        """Whether a member is bound, or an object all of whose members are."""
        if self._bound(name):
            return True
        schema = resolved(member, self._schema) if depth < DEEPEST else None
        if not isinstance(schema, Mapping) or any(schema.get(key) for key in (*_LISTS, "patternProperties")):
            return False
        members = schema.get("properties")
        return (
            isinstance(members, Mapping)
            and bool(members)
            and all(self._set_by_us(one, inner, depth + 1) for one, inner in members.items())
        )

    def _listed(self, schema: Any, depth: int) -> tuple[Mapping[str, Any], Sequence[str]]:
        """An object's members wherever its schema hides them, and the names of those that must be there."""
        found = resolved(schema, self._schema)
        if not isinstance(found, Mapping) or depth > DEEPEST:
            return {}, ()
        flat = flattened(
            {**found, **{key: self._schema[key] for key in ("$defs", "definitions") if key in self._schema}}
        )
        return flat["properties"], flat["required"]

    def _belongs(self, name: str, value: Mapping[str, Json], schema: Any, depth: int) -> bool:
        """Whether an object can have a member: where its schema is a choice, the object must be of the one that lists it."""
        found = resolved(schema, self._schema)
        if not isinstance(found, Mapping) or not (choices := [*found.get("anyOf", ()), *found.get("oneOf", ())]):
            return True
        certain, _ = self._listed({key: part for key, part in found.items() if key not in ("anyOf", "oneOf")}, depth)
        listed = [set(self._listed(choice, depth)[0]) for choice in choices]
        return name in certain or any(name in one and value.keys() <= one | certain.keys() for one in listed)

    def _find(self, schema: Any, path: str, depth: int, above: frozenset[str]) -> None:
        if isinstance(schema, Mapping) and isinstance(reference := schema.get("$ref"), str):
            if reference in above:
                return
            above |= {reference}
        schema = resolved(schema, self._schema)
        if not isinstance(schema, Mapping) or depth > DEEPEST or next(self._budget, None) is None:
            return
        for name, member in (schema.get("properties") or {}).items():
            where = f"{path}.{name}" if path else name
            if (key := fact_key(name)) in self._written:
                self.places[where] = self._written[key]
            self._find(member, where, depth + 1, above)
        for pattern, member in (schema.get("patternProperties") or {}).items():
            for written in self._written.values():
                if search(pattern, written):
                    self.unbindable.append(f"{path or 'the arguments'} ({pattern})")
            self._find(member, f"{path}.*", depth + 1, above)
        for key in _LISTS:
            for part in schema.get(key) or ():
                self._find(part, f"{path}[]" if key == "prefixItems" else path, depth + 1, above)
        for key in ("then", "else", *_SINGLE):
            ending = "[]" if key in ("items", "contains", "unevaluatedItems") else ".*" if "Properties" in key else ""
            self._find(schema.get(key), path + ending, depth + 1, above)
        for part in (schema.get("dependentSchemas") or {}).values():
            self._find(part, path, depth + 1, above)

    def _shown(self, schema: Any, depth: int) -> Any:
        schema = resolved(schema, self._schema)
        if not isinstance(schema, Mapping):
            return schema
        if depth > DEEPEST or next(self._budget, None) is None:
            return {}
        shown: dict[str, Any] = {}
        members = schema.get("properties") or {}
        for key, part in schema.items():
            if key in ("properties", "patternProperties"):
                shown[key] = {
                    name: self._shown(member, depth + 1)
                    for name, member in part.items()
                    if key == "patternProperties" or not self._set_by_us(name, member)
                }
            elif key == "required":
                shown[key] = [name for name in part if not self._set_by_us(name, members.get(name))]
            elif key in _LISTS:
                # what told the choices of `oneOf` apart may be bound
                shown["anyOf" if key == "oneOf" else key] = [self._shown(one, depth + 1) for one in part]
            elif key in _SINGLE:
                shown[key] = self._shown(part, depth + 1)
            elif key not in _JUDGED_BY_THE_SERVER:
                shown[key] = part
        return shown

    def _forbidden_in(self, value: Json, schema: Any, path: str, depth: int) -> Iterator[str]:
        if isinstance(value, list):
            for item in value:
                yield from self._forbidden_in(item, self._item(schema), f"{path}[]", depth + 1)
        elif isinstance(value, dict):
            members, _ = self._listed(schema, depth)
            beside = any(map(self._bound, members))
            for name, item in value.items():
                if self._set_by_us(name, members.get(name)) or (beside and name not in members):
                    yield f"{path}.{name}"
                else:
                    member = self._member(schema, members, name)
                    yield from self._forbidden_in(item, member, f"{path}.{name}", depth + 1)

    def _filled(
        self, value: Json, schema: Any, values: Mapping[str, Json], missing: dict[str, None], depth: int
    ) -> Json:
        if isinstance(value, list):
            return [self._filled(item, self._item(schema), values, missing, depth + 1) for item in value]
        return self._filled_object(value, schema, values, missing, depth) if isinstance(value, dict) else value

    def _filled_object(
        self,
        value: Mapping[str, Json],
        schema: Any,
        values: Mapping[str, Json],
        missing: dict[str, None],
        depth: int,
    ) -> dict[str, Json]:
        members, required = self._listed(schema, depth)
        filled = {
            name: self._filled(item, self._member(schema, members, name), values, missing, depth + 1)
            for name, item in value.items()
        }
        for name, member in members.items():
            if name in value or not self._set_by_us(name, member) or not self._belongs(name, value, schema, depth):
                continue
            lacking: dict[str, None] = {}
            if not self._bound(name):
                found: Json = self._filled_object({}, member, values, lacking, depth + 1)
            elif (found := values.get(fact_key(name))) is None:
                lacking = {name: None}
            if not lacking:
                filled[name] = found
            elif name in required:
                missing |= lacking
        return filled

    def _sourced(
        self, value: Json, schema: Any, path: str, named: Mapping[str, Any], depth: int
    ) -> Iterator[tuple[str, Json, Any, str]]:
        if isinstance(value, list):
            for item in value:
                yield from self._sourced(item, self._item(schema), path, named, depth + 1)
        elif isinstance(value, Mapping):
            members, _ = self._listed(schema, depth)
            for name, item in value.items():
                where, member = f"{path}.{name}" if path else name, self._member(schema, members, name)
                if (key := fact_key(name)) in named:
                    yield where, item, member, key
                else:
                    yield from self._sourced(item, member, where, named, depth + 1)

    def _member(self, schema: Any, members: Mapping[str, Any], name: str) -> Any:
        if name in members:
            return members[name]
        found = resolved(schema, self._schema)
        patterns = found.get("patternProperties") if isinstance(found, Mapping) else None
        for pattern, member in (patterns or {}).items():
            if search(pattern, name):
                return member
        return found.get("additionalProperties") if isinstance(found, Mapping) else None

    def _item(self, schema: Any) -> Any:
        """The schema of an array's items; of a choice the first that has one."""
        found = resolved(schema, self._schema)
        if not isinstance(found, Mapping):
            return None
        parts = [found, *(resolved(part, self._schema) for key in _LISTS for part in (found.get(key) or ()))]
        return next((part["items"] for part in parts if isinstance(part, Mapping) and "items" in part), None)
