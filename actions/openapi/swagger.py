"""Swagger 2.0 in the words of OpenAPI 3.0: parameters with schemas, bodies, servers, security schemes.

References stay as they are, for a document is searched from its root: `#/definitions/Order` leads where it led.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from actions.openapi.document import Document
from actions.openapi.operations import JSON, METHODS

_BESIDE_THE_SCHEMA = ("name", "in", "required", "description", "collectionFormat", "allowEmptyValue")
_STYLES = {"csv": "form", "multi": "form", "pipes": "pipeDelimited", "ssv": "spaceDelimited", "tsv": "tabDelimited"}


def converted(document: Document) -> Document:
    """Convert a document of Swagger 2.0 to one of OpenAPI 3.0.

    Args:
        document: with the top of Swagger 2.0.
    """
    root = document.root
    scheme = "http" if root.get("schemes") == ["http"] else "https"
    base = str(root.get("basePath") or "/")
    servers = [{"url": f"{scheme}://{root['host']}{base}" if root.get("host") else base}]
    security = {name: _scheme(raw) for name, raw in (root.get("securityDefinitions") or {}).items()}
    paths = {path: dict(_item(document, raw)) for path, raw in (root.get("paths") or {}).items()}
    top = {"openapi": "3.0.3", "servers": servers, "components": {"securitySchemes": security}, "paths": paths}
    return replace(document, root={**root, **top})


def _item(document: Document, raw: Any) -> Iterator[tuple[str, Any]]:
    item = document.resolve(raw)
    for method, operation in item.items() if isinstance(item, Mapping) else ():
        if method in METHODS and isinstance(operation, Mapping):
            yield method, _operation(document, [*(item.get("parameters") or ())], operation)


def _operation(document: Document, shared: Sequence[Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    found = [document.resolve(raw) for raw in (*shared, *(operation.get("parameters") or ()))]
    parameters = {(raw.get("in"), raw.get("name")): raw for raw in found if isinstance(raw, Mapping)}.values()
    kinds = operation.get("consumes") or document.root.get("consumes") or [JSON]
    form = [raw for raw in parameters if raw.get("in") == "formData"]
    body = next((raw for raw in parameters if raw.get("in") == "body"), None)
    rest = [_parameter(raw) for raw in parameters if raw.get("in") not in ("body", "formData")]
    new: dict[str, Any] = {**operation, "parameters": rest}
    if body is not None:
        content = {kind: {"schema": body.get("schema") or {}} for kind in kinds}
        new["requestBody"] = {"required": bool(body.get("required")), "content": content}
    elif form:
        fitting = [kind for kind in kinds if "form" in kind] or ["application/x-www-form-urlencoded"]
        content = {kind: {"schema": _fields(form), "encoding": dict(_encodings(form))} for kind in fitting}
        new["requestBody"] = {"required": any(raw.get("required") for raw in form), "content": content}
    return new


def _parameter(raw: Mapping[str, Any]) -> dict[str, Any]:
    new: dict[str, Any] = {key: raw[key] for key in ("name", "in", "required", "description") if key in raw}
    if raw.get("type") == "array" and raw.get("in") == "query":
        listed = str(raw.get("collectionFormat") or "csv")
        new |= {"style": _STYLES.get(listed, listed), "explode": listed == "multi"}
    return {**new, "schema": _schema(raw)}


def _schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    schema = {key: value for key, value in raw.items() if key not in _BESIDE_THE_SCHEMA}
    return {**schema, "type": "string", "format": "binary"} if schema.get("type") == "file" else schema


def _fields(form: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    members = {str(raw["name"]): {**_schema(raw), "description": raw.get("description")} for raw in form}
    return {"type": "object", "properties": members, "required": [raw["name"] for raw in form if raw.get("required")]}


def _encodings(form: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for raw in form:
        if raw.get("type") == "array":
            listed = str(raw.get("collectionFormat") or "csv")
            yield str(raw["name"]), {"style": _STYLES.get(listed, listed), "explode": listed == "multi"}


def _scheme(raw: Any) -> dict[str, Any]:
    scheme = raw if isinstance(raw, Mapping) else {}
    if scheme.get("type") == "basic":
        return {"type": "http", "scheme": "basic"}
    if scheme.get("type") == "oauth2":
        flows = {"clientCredentials": scheme} if scheme.get("flow") == "application" else {}
        return {"type": "oauth2", "flows": flows}
    return dict(scheme)
