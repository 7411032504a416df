"""`/api/v1`: everything that the owner's tools and the console may ask of the running agent, described by its own OpenAPI document."""

import asyncio
import copy
from functools import partial
from typing import Any

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import compile_path

from agent.ledger.errors import LedgerUnavailable
from agent.web import (
    actions,
    agents,
    broadcasts,
    contacts,
    conversations,
    followups,
    knowledge,
    payments,
    scenarios,
    stats,
    turns,
    workflows,
)
from agent.web.answers import ROLE, TOKEN, ApiError, Error, Forbidden, WrongKind, error_answer, kind_of
from agent.web.auth import Gate

log = structlog.get_logger()

_TITLE = "balas"
_REFUSAL = {
    "description": "Why not.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
"""What the document says of each refusal. As a `model` FastAPI would build it anew for each status of each operation."""

_CODES = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "too_large"}


def create_api(state: State, version: str) -> Gate:
    """The API of one agent, behind its gate; `state` is shared with the server that mounts it."""
    app = FastAPI(
        title=_TITLE,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_authorise)],
        responses=dict.fromkeys((400, 401, 403, 404, 408, 409, 413, 415, 429, 503), _REFUSAL),
        generate_unique_id_function=lambda route: route.name,
    )
    app.state = state
    state.apart = asyncio.Semaphore(1)
    for chapter in (
        conversations, scenarios, contacts, turns, agents, knowledge, actions, broadcasts, workflows, followups, payments, stats,
    ):  # fmt: skip
        app.include_router(chapter.router)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return JSONResponse(document(app, str(request.url.replace(query="")).removesuffix("/openapi.json")))

    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LedgerUnavailable, _unavailable)
    return Gate(app, lambda: state.agent, partial(document, app))


def document(app: FastAPI, server: str) -> dict[str, Any]:
    """The OpenAPI document. `server` is the address below which the paths stand."""
    whole = copy.deepcopy(app.openapi())
    whole["servers"] = [{"url": server}]
    schemes = {"token": {"type": "http", "scheme": "bearer", "description": "A token of agent.yaml"}}
    components = whole.get("components", {})
    error = Error.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = {**error.pop("$defs"), "Error": error, **components.get("schemas", {})}
    whole["components"] = {**components, "schemas": schemas, "securitySchemes": schemes}
    whole["security"] = [{"token": []}]
    for path in whole["paths"].values():  # what FastAPI would answer with 422 is a 400 here, in the one form
        for operation in path.values():
            if operation["responses"].get("422", {}).get("description") == "Validation Error":
                del operation["responses"]["422"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schemas.update(content["schema"].pop("$defs", {}))
    return whole


async def _authorise(request: Request) -> None:
    """Refuse what the token's role does not allow."""
    route = request.scope.get("route")
    extra: dict[str, Any] = getattr(route, "openapi_extra", None) or {}
    needed = extra.get(ROLE) or ("viewer" if request.method in ("GET", "HEAD") else "operator")
    token = request.scope[TOKEN]
    if not token.may(needed):
        raise Forbidden(f"this needs the role {needed}; the token {token.name!r} is a {token.role}'s")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - the handler of this kind
    return error_answer(error.status, error.code, str(error), error.field, more=error.more)


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong, by the name of its parameter or key."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler of this kind
    first = error.errors()[0]
    where = [str(part) for part in first["loc"][1:]]  # the first says whether it is of the path, the query or the body
    if first["type"] == "json_invalid":
        return error_answer(400, "invalid", "the body is not JSON")
    kind = kind_of(request)
    if first["loc"] == ("body",) and isinstance(first.get("input"), bytes) and not kind.endswith("json"):
        if not kind:
            return error_answer(400, "invalid", "send the body as JSON, with Content-Type: application/json")
        return error_answer(WrongKind.status, WrongKind.code, f"send the body as application/json, not as {kind}")
    field = ".".join(where) or None
    given = first.get("input")
    found = f", found {given!r}" if isinstance(given, str | int | float) else ""
    return error_answer(
        400, "invalid", f"{field or 'the body'}: {first['msg'].removeprefix('Value error, ')}{found}", field
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler of this kind
    message = f"there is no {request.method} {request.url.path}" if error.status_code in (404, 405) else error.detail
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else None
    return error_answer(error.status_code, _CODES.get(error.status_code, "invalid"), message, headers=headers)


def _allowed(request: Request) -> str:
    """The methods of a path, which may have a route for each."""
    path, app = request.scope["path"].removeprefix(request.scope.get("root_path", "")), request.app
    methods = [methods for template, methods in app.openapi()["paths"].items() if compile_path(template)[0].match(path)]
    return ", ".join(sorted({method.upper() for each in methods for method in each}))


async def _unavailable(_request: Request, error: Exception) -> Response:
    log.error("ledger_unavailable", reason=str(error))
    return error_answer(503, "unavailable", "the ledger cannot be used now", headers={"Retry-After": "5"})
