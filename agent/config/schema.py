"""The JSON Schema of agent.yaml, for editors: `# yaml-language-server: $schema=…` in the file's first line."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ByteSize, SecretStr
from pydantic.json_schema import GenerateJsonSchema

from agent.config.config import AgentConfig
from agent.config.hours import OpenRange
from settings import Rate, format_duration

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
        if "$ref" in part or part.get("type") == "array":  # a part whose keys are all commented out is empty
            about = {key: part.pop(key) for key in ("description", "default", "examples") if key in part}
            described["properties"][name] = {"anyOf": [part, {"type": "null"}], **about}
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
