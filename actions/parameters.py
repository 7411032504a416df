"""The parameters of an action: JSON Schema with a source for each value."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from actions.action import Json
from actions.scope import action_scope, fact_key, list_scope, suggest
from settings import Settings
from settings.matching import known_regex

CONTACT_FACTS = ("id", "phone", "email", "first_name", "last_name", "language", "country")
SourceKind = Literal["model", "conversation", "contact", "secret", "const", "action"]
JSON_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value may come from. `name` is the contact fact (`phone`, `custom.member_no`) or the action."""

    kind: SourceKind
    name: str = ""

    @property
    def bound(self) -> bool:
        """Whether the runtime sets the value, out of the model's sight."""
        return self.kind in ("contact", "secret", "const")

    def __str__(self) -> str:
        return {"contact": f"contact.{self.name}", "action": self.name}.get(self.kind, self.kind)


def parse_source(text: str) -> Source:
    """`contact.phone`, `contact.custom.member_no`, `conversation`, `model`, `secret`, `const`, or an action's name.

    Raises:
        ValueError: it is none of these.
    """
    if text in ("model", "conversation", "secret", "const"):
        return Source(text)  # type: ignore[arg-type]
    if text.startswith("contact."):
        fact = text.removeprefix("contact.")
        if fact in CONTACT_FACTS or re.fullmatch(r"custom\..+", fact):
            return Source("contact", fact)
        raise ValueError(f"a contact has no {fact!r}{suggest(fact, [*CONTACT_FACTS, 'custom.<name>'])}")
    scope = list_scope()
    if scope is not None and text not in scope.names and not scope.has_mcp:
        known = ["model", "conversation", "contact.phone", "secret", "const", *scope.names]
        raise ValueError(f"{text!r} is neither a source nor the name of an action{suggest(text, known)}")
    return Source("action", text)


def parse_sources(value: object) -> tuple[Source, ...]:
    """Read `from:` of a parameter: one source or a list of them.

    Raises:
        ValueError: it is neither, or its sources cannot stand together; the message is for the author of agent.yaml.
    """
    items: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    if not items or not all(isinstance(item, str | Source) for item in items):
        raise ValueError("write one source or a list of them, e.g. conversation or [conversation, get_order]")
    sources = tuple(item if isinstance(item, Source) else parse_source(item) for item in items)
    kinds = {source.kind for source in sources}
    if len(sources) > 1 and kinds & {"secret", "const", "model"}:
        raise ValueError(
            f"{' and '.join(sorted(kinds & {'secret', 'const', 'model'}))} cannot be one source of several"
        )
    if len({source.bound for source in sources}) > 1:
        raise ValueError("a value is either bound by the runtime (contact.…) or set by the model, not both")
    return sources


def _json_type(value: object) -> object:
    for kind in value if isinstance(value, list) and value else [value]:
        if kind not in JSON_TYPES:
            raise ValueError(f"{kind!r} is not a type of JSON{suggest(str(kind), JSON_TYPES)}")
    return value


JsonType = Annotated[
    Any,
    AfterValidator(_json_type),
    WithJsonSchema({"anyOf": [{"enum": list(JSON_TYPES)}, {"type": "array", "items": {"enum": list(JSON_TYPES)}}]}),
]

Pattern = Annotated[str, AfterValidator(known_regex)]
"""A regular expression of Python's; what stands in it is looked for within a limit of time, see `settings.matching`."""

Sources = Annotated[
    tuple[Source, ...],
    BeforeValidator(parse_sources),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]

Count = Annotated[int, Field(ge=0)]


class Schema(Settings):
    """A JSON Schema, the part of it that describes arguments."""

    model_config = ConfigDict(serialize_by_alias=True)

    type: JsonType = Field(
        "string", description="string (when nothing else is said), integer, number, boolean, array or object"
    )
    title: str | None = Field(None, description="a short name")
    description: str | None = Field(None, description="what the model must put here, in words")
    enum: list[Any] | None = Field(None, min_length=1, description="the only values")
    const: Any = Field(None, description="the only value")
    default: Any = Field(None, description="the value when the model gives none")
    examples: list[Any] | None = Field(None, description="values that would be right")
    pattern: Pattern | None = Field(None, description="a regular expression that the text must match")
    format: str | None = Field(None, description="date, date-time, email, uri, uuid …")
    min_length: Count | None = Field(None, alias="minLength", description="the shortest text, in characters")
    max_length: Count | None = Field(None, alias="maxLength", description="the longest text, in characters")
    minimum: float | None = Field(None, description="the smallest number")
    maximum: float | None = Field(None, description="the largest number")
    exclusive_minimum: float | None = Field(None, alias="exclusiveMinimum", description="a number must be larger")
    exclusive_maximum: float | None = Field(None, alias="exclusiveMaximum", description="a number must be smaller")
    multiple_of: float | None = Field(None, alias="multipleOf", gt=0, description="a number must be a multiple of it")
    items: "Schema | None" = Field(None, description="the schema of each element of an array")
    min_items: Count | None = Field(None, alias="minItems", description="the fewest elements")
    max_items: Count | None = Field(None, alias="maxItems", description="the most elements")
    unique_items: bool | None = Field(None, alias="uniqueItems", description="no element twice")
    properties: "dict[str, Schema] | None" = Field(None, description="the members of an object")
    required: list[str] | None = Field(None, description="the members of an object that must be there")
    additional_properties: "bool | Schema | None" = Field(
        None, alias="additionalProperties", description="whether an object may have other members, or their schema"
    )
    source: Sources | None = Field(
        None,
        alias="from",
        exclude=True,
        description="where this member or item may come from, when not from where the whole does: model, conversation or an action",
    )
    any_of: "list[Schema] | None" = Field(None, alias="anyOf", min_length=1, description="at least one must hold")
    one_of: "list[Schema] | None" = Field(None, alias="oneOf", min_length=1, description="exactly one must hold")

    @field_validator("source")
    @classmethod
    def _source_is_not_bound(cls, value: Any, info: ValidationInfo) -> Any:
        if cls is Schema and value and (value[0].bound or value[0].kind in ("secret", "const")):
            raise ValueError(
                f"a member comes from model, conversation or an action; {value[0]} binds whole parameters only"
            )
        return value

    @field_validator("required")
    @classmethod
    def _required_is_declared(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        properties = info.data.get("properties")
        if value and properties is not None:
            for name in value:
                if name not in properties:
                    raise ValueError(f"{name!r} is not one of the properties{suggest(name, properties)}")
        return value

    @field_validator("enum")
    @classmethod
    def _enum_has_the_type(cls, value: list[Any] | None, info: ValidationInfo) -> list[Any] | None:
        if value and info.data.get("type") == "string":
            other = [item for item in value if not isinstance(item, str)]
            if other:
                raise ValueError(f"{other[0]!r} is not a string; put it in quotes, or set type")
        return value

    def json_schema(self) -> dict[str, Json]:
        """This schema as JSON Schema 2020-12. Without a type of its own it describes a text."""
        schema: dict[str, Json] = self.model_dump(
            by_alias=True, exclude_unset=True, exclude={"source", "value", "optional", "note"}
        )
        if not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "properties", "items"}:
            schema = {"type": "string", **schema}
        return schema


class NamedRaw(dict[str, Any]):
    """A parameter as written, with its name: pydantic does not tell a value its key."""

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        super().__init__(raw)
        self.name = name


class Parameter(Schema):
    """One parameter of a declared action."""

    model_config = ConfigDict(serialize_by_alias=True, arbitrary_types_allowed=True)

    source: Sources = Field(
        (Source("model"),),
        alias="from",
        description="model, conversation, the name of an action, contact.<fact>, contact.custom.<field>, secret or "
        "const; or a list of them",
    )
    value: Any = Field(None, description="the value of a secret or const")
    optional: bool = Field(False, description="whether the action also works without it")

    note: bool | None = Field(
        None,
        description="whether it is only a note: two calls that differ in it are the same effect; by default an optional text "
        "without enum, pattern or format is one",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _is_used(cls, raw: Any, handler: ModelWrapValidatorHandler["Parameter"]) -> "Parameter":
        parameter = handler(raw)
        scope = action_scope()
        if isinstance(raw, NamedRaw) and scope is not None and raw.name not in scope.used:
            raise ValueError(
                f"{raw.name} is never used in the request; write {{{raw.name}}} where it belongs, or remove it"
            )
        return parameter

    @field_validator("value")
    @classmethod
    def _value_belongs(cls, value: Any, info: ValidationInfo) -> Any:
        sources: tuple[Source, ...] = info.data.get("source", ())
        kind = sources[0].kind if sources else None
        if kind in ("secret", "const"):
            if value is None or value == "":
                raise ValueError(f"a parameter from {kind} needs its value")
            return SecretStr(str(value)) if kind == "secret" else value
        if kind is not None and value is not None:
            raise ValueError(f"a value is only for secret and const, not for {kind}")
        return value

    @property
    def bound(self) -> bool:
        """Whether the runtime sets it: then the model neither sees nor sets it."""
        return self.source[0].bound

    @property
    def needed(self) -> bool:
        """Whether the action cannot be called without it."""
        return not self.optional and "default" not in self.model_fields_set


def _name_the_parameters(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        name: NamedRaw(str(name), raw) if isinstance(raw, Mapping) else NamedRaw(str(name), {}) if raw is None else raw
        for name, raw in value.items()
    }


ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Parameters: TypeAlias = Annotated[dict[ParameterName, Parameter], BeforeValidator(_name_the_parameters)]


def left_to_the_model(parameters: Mapping[str, Parameter]) -> list[str]:
    """Name the members of objects and lists that are called as a parameter that is bound, as `customer.phone`: the model sets them."""
    bound = {
        fact_key(name)
        for parameter_name, parameter in parameters.items()
        if parameter.bound
        for name in (parameter_name, *(source.name for source in parameter.source if source.kind == "contact"))
    }
    return [
        path
        for name, parameter in parameters.items()
        if not parameter.bound
        for path, member in _members(parameter, name)
        if fact_key(member) in bound
    ]


def _members(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    for name, member in (schema.properties or {}).items():
        yield f"{path}.{name}", name
        yield from _members(member, f"{path}.{name}")
    if schema.items is not None:
        yield from _members(schema.items, f"{path}[]")
    if isinstance(schema.additional_properties, Schema):
        yield from _members(schema.additional_properties, f"{path}.*")
    for one in (*(schema.any_of or ()), *(schema.one_of or ())):
        yield from _members(one, path)


def model_schema(parameters: Mapping[str, Parameter]) -> dict[str, Json]:
    """The JSON Schema of what the model may set: bound parameters do not appear."""
    free = {name: parameter for name, parameter in parameters.items() if not parameter.bound}
    return {
        "type": "object",
        "properties": {name: _described(parameter) for name, parameter in free.items()},
        "required": [name for name, parameter in free.items() if parameter.needed],
        "additionalProperties": False,
    }


def _described(parameter: Parameter) -> dict[str, Json]:
    """The schema of a parameter, with where its value, and that of each member, may come from in the descriptions."""
    return _with_origins(parameter, parameter.json_schema())


def _with_origins(schema: Schema, written: dict[str, Any]) -> dict[str, Any]:
    found = dict(written)
    for name, member in (schema.properties or {}).items():
        found["properties"] = {**found["properties"], name: _with_origins(member, found["properties"][name])}
    for key, one in (("items", schema.items), ("additionalProperties", schema.additional_properties)):
        if isinstance(one, Schema):
            found[key] = _with_origins(one, found[key])
    for key, several in (("anyOf", schema.any_of), ("oneOf", schema.one_of)):
        if several:
            found[key] = [_with_origins(one, each) for one, each in zip(several, found[key], strict=True)]
    kinds = schema.source or ()
    said = ["what the customer wrote"] if any(source.kind == "conversation" for source in kinds) else []
    looked_up = [f"the result of {source.name}" for source in kinds if source.kind == "action"]
    if not (said or looked_up):
        return found
    origin = f"[from {' or '.join(said + looked_up)}]"
    return found | {"description": f"{found.get('description') or ''} {origin}".strip()}


ORIGIN = re.compile(r" ?\[from [^\[\]]*\]$")
"""What a description says of where a value may come from."""
