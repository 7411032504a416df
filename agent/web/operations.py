"""Operations of `/api/v1`: routes and the OpenAPI document are both made from the same list, so they agree."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.web.answers import BadRequest, Endpoint, Json, TooLarge, TooSlow, guarded, read_body
from settings.text import cleaned

_PARAMETER = re.compile(r"{(\w+)(:\w+)?}")
_REF = "#/components/schemas/{model}"

LARGEST_BODY = 1024 * 1024
"""Bytes of a JSON body."""

BodyT = TypeVar("BodyT", bound="Body")


class Body(BaseModel):
    """What a request may hold; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Operation:
    """One request that is understood. `query` are its parameters with what they mean; `answers` the type of a good answer."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    endpoint: Endpoint
    summary: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: type[Body] | None = None
    answers: Any = None


async def body_of(request: Request, kind: type[BodyT]) -> BodyT:
    """The request's body; an empty one counts as `{}`.

    Raises:
        BadRequest: it is no JSON object of this kind; the message names the key.
    """
    try:
        raw = await read_body(request, LARGEST_BODY)
    except TooLarge:
        raise BadRequest(f"the body is larger than {LARGEST_BODY} bytes") from None
    except TooSlow:
        raise BadRequest("the body took too long") from None
    try:
        given = cleaned(json.loads(raw or b"{}"))
    except (ValueError, RecursionError):
        raise BadRequest("the body: is not JSON") from None
    try:
        return kind.model_validate_json(json.dumps(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise BadRequest(f"{where}: {first['msg']}") from None


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query between 1 and `most`. Raises: `BadRequest`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise BadRequest(f"{name}: must be a whole number from 1 to {most}, found {text!r}")
    return int(text)


def routes_of(operations: Sequence[Operation]) -> list[Route]:
    """Return the operations as Starlette takes them, and `/openapi.json`, which describes them."""

    async def openapi(request: Request) -> Response:
        return Json(document(operations, str(request.url.replace(query="")).removesuffix("/openapi.json")))

    return [
        Route("/openapi.json", guarded(openapi), methods=["GET"]),
        *(Route(each.path, guarded(each.endpoint), methods=[each.method]) for each in operations),
    ]


def document(operations: Iterable[Operation], server: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document. `server` is the address below which the paths stand."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": _schema(_Error, {})}
    for each in operations:
        path = _PARAMETER.sub(r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, schemas)
    bearer = {"type": "http", "scheme": "bearer", "description": "`server.api_token` of agent.yaml"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "balas", "version": version("balas")},
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {"securitySchemes": {"token": bearer}, "schemas": schemas},
    }


class _Error(BaseModel):
    error: str


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": match[1], "in": "path", "required": True, "schema": {"type": "string"}}
        for match in _PARAMETER.finditer(operation.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in operation.query.items()
    ]
    good: dict[str, Any] = {"description": "As asked."}
    if operation.answers is not None:
        good["content"] = {"application/json": {"schema": _schema(operation.answers, schemas)}}
    failed = {
        "description": "Why not.",
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="Error")}}},
    }
    record: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method.lower()}{_PARAMETER.sub('', operation.path).title().replace('/', '')}",
        "parameters": parameters,
        "responses": {"200": good, "401": failed, "4XX": failed},
    }
    if operation.body is not None:
        record["requestBody"] = {"content": {"application/json": {"schema": _schema(operation.body, schemas)}}}
    return record


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a type; what it refers to goes into `schemas`."""
    schema = TypeAdapter(kind).json_schema(ref_template=_REF, mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    return schema
