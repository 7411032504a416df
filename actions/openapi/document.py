"""An OpenAPI document: reading it, and following its `$ref`s."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from actions.errors import OpenApiError


@dataclass(frozen=True, slots=True)
class Document:
    """A document of OpenAPI 3.0 or 3.1. `where` is its file or address."""

    root: Mapping[str, Any]
    where: str

    @property
    def title(self) -> str:
        return str((self.root.get("info") or {}).get("title") or "api")

    @property
    def version(self) -> tuple[int, int]:
        major, minor, *_ = str(self.root["openapi"]).split(".")
        return int(major), int(minor)

    def resolve(self, value: Any) -> Any:
        """`value`, or what its `$ref` leads to. A reference that leads nowhere, outside or in circles is an empty mapping."""
        for _ in range(20):
            reference = value.get("$ref") if isinstance(value, Mapping) else None
            if not isinstance(reference, str):
                return value
            value = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/"):
            return {}
        found: Any = self.root
        for part in reference[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                return {}
        return found


def read_document(text: str, where: str) -> Document:
    """A document in JSON or YAML.

    Raises:
        OpenApiError: it is neither, or no OpenAPI 3.0 or 3.1.
    """
    root = _parsed(text, where)
    if not isinstance(root, Mapping):
        raise OpenApiError(f"{where} is no OpenAPI document: its top is not a mapping")
    if "swagger" in root:
        raise OpenApiError(
            f"{where} is Swagger {root['swagger']}; convert it to OpenAPI 3 first (converter.swagger.io)"
        )
    version = str(root.get("openapi") or "")
    if not version.startswith(("3.0", "3.1")):
        raise OpenApiError(f"{where} has openapi: {version or 'nothing'}; 3.0 and 3.1 can be imported")
    return Document(root, where)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise OpenApiError(f"{where} is neither JSON nor YAML: {str(error).splitlines()[0]}") from None
