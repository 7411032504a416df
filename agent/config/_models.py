"""Which settings models and fields stand at a path of agent.yaml, read off the annotations."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from agent.config.document import Path


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
