"""Which settings models and fields stand at a path of agent.yaml, read off the annotations."""

import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ByteSize, SecretStr
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from agent.config.config import AgentConfig
from agent.config.document import Path
from agent.config.hours import OpenRange
from settings import Rate, format_duration


def alternatives(annotation: Any) -> Iterator[Any]:
    """The types that an annotation is made of, with `Annotated` and unions taken apart."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for each in get_args(annotation):
            yield from alternatives(each)
    else:
        yield annotation


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by their key in agent.yaml."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def below(annotation: Any, key: str | int) -> Iterator[Any]:
    """The annotations that `key` may have inside a value of type `annotation`."""
    for each in alternatives(annotation):
        if is_model(each):
            field = keys_of(each).get(str(key))
            if field is not None:
                yield field.annotation
            continue
        origin, arguments = get_origin(each), get_args(each)
        if not isinstance(origin, type) or not arguments:
            continue
        if issubclass(origin, Mapping):
            yield arguments[-1]
        elif issubclass(origin, Sequence | set | frozenset) and isinstance(key, int):
            yield arguments[0]


def at(root: type[BaseModel], path: Path) -> list[Any]:
    """The annotations that may stand at `path`."""
    found: list[Any] = [root]
    for key in path:
        found = [each for annotation in found for each in below(annotation, key)]
    return [each for annotation in found for each in alternatives(annotation)]


def models_at(root: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    return [each for each in at(root, path) if is_model(each)]


def model_for(root: type[BaseModel], path: Path, value: Any) -> type[BaseModel] | None:
    """The model at `path` that fits best to the keys that `value` has."""
    models = models_at(root, path)
    given = set(value) if isinstance(value, dict) else set()
    return max(models, key=lambda model: len(given & keys_of(model).keys()), default=None)


def field_at(root: type[BaseModel], path: Path) -> FieldInfo | None:
    """The field at `path`, where its parent is a settings model."""
    for model in models_at(root, path[:-1]):
        if path and (field := keys_of(model).get(str(path[-1]))):
            return field
    return None


def is_secret(root: type[BaseModel], path: Path) -> bool:
    """Whether a secret may stand at `path`."""
    return SecretStr in at(root, path)


REFERENCE = {"type": "string", "pattern": r"\$\{"}
"""What stands beside every number, choice and form: `${NAME}`."""

_SHORTHANDS = {"Confirm", "SourceSettings", "TemplateSettings"}
"""Parts that may also be written as a single text."""


_INTERNAL = {"UnknownBuiltin"}
"""Models that only serve a better error message."""


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """Defaults as people write them. One of a secret stands in the source, so it is none."""
        match dft:
            case timedelta():
                return format_duration(dft)
            case Rate():
                return str(dft)
            case SecretStr():
                return dft.get_secret_value()
            case (OpenRange(), *_):
                return ", ".join(map(str, dft))
            case ByteSize():
                return dft.human_readable(decimal=dft % 1000 == 0).replace(".0", "")
        return super().encode_default(dft)


def json_schema(root: type[BaseModel] = AgentConfig, title: str = "agent.yaml") -> dict[str, Any]:
    """The schema of a whole file. Where a number, a choice or a form is wanted, `${NAME}` is right too."""
    schema = root.model_json_schema(mode="validation", schema_generator=_Generator)
    described: dict[str, Any] = _opened(schema)
    for part in _INTERNAL:
        described["$defs"].pop(part, None)
    for name, part in described["properties"].items():
        if (
            "oneOf" in part or "$ref" in part or part.get("type") == "array"
        ):  # a part whose keys are all commented out is empty
            about = {key: part.pop(key) for key in ("description", "default", "examples") if key in part}
            described["properties"][name] = {"anyOf": [*part.get("oneOf", [part]), {"type": "null"}], **about}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title} | described


def _opened(schema: Any) -> Any:
    """The schema with references and shorthands allowed, and without generated titles."""
    if isinstance(schema, list):
        return [_opened(each) for each in schema if not _is_internal(each)]
    if not isinstance(schema, dict):
        return schema
    opened = {key: _keyword(key, value) for key, value in schema.items() if key != "title"}
    if "anyOf" in opened:
        kinds = [inner for each in opened["anyOf"] for inner in (each["anyOf"] if set(each) == {"anyOf"} else [each])]
        opened["anyOf"] = [each for number, each in enumerate(kinds) if each not in kinds[:number]]
        return opened
    if _part(opened) in _SHORTHANDS:
        other: dict[str, Any] = {"type": "string"}
    elif _is_narrow_scalar(opened):
        other = REFERENCE
    else:
        return opened
    about = {key: opened.pop(key) for key in ("description", "default", "examples", "writeOnly") if key in opened}
    return {"anyOf": [opened, dict(other)], **about}


def _is_internal(schema: Any) -> bool:
    return isinstance(schema, dict) and _part(schema) in _INTERNAL


def _part(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _keyword(key: str, value: Any) -> Any:
    if key in {"properties", "$defs", "patternProperties"}:
        return {name: _opened(each) for name, each in value.items()}
    if key in {"default", "examples", "enum", "const", "required", "propertyNames", "type"}:
        return value
    return _opened(value)


def _is_narrow_scalar(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind in ("integer", "number", "boolean"):
        return True
    return kind == "string" and bool(schema.keys() & {"enum", "const", "pattern", "format"})
