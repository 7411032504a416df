"""`/api/v1`: what the owner's tools may ask of the running agent. JSON, with `server.api_token` as bearer."""

import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.app import Agent
from knowledge.errors import SourceError

Endpoint = Callable[[Request], Awaitable[Response]]


class _Json(JSONResponse):
    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, default=str).encode()


def routes() -> list[Route]:
    """The paths below `/api/v1`."""
    return [
        Route("/knowledge/sync", _guarded(_sync), methods=["POST"]),
        Route("/knowledge/search", _guarded(_search), methods=["GET"]),
        Route("/knowledge/sources", _guarded(_sources), methods=["GET"]),
    ]


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Only for who knows the token; without a token in agent.yaml, for nobody."""

    async def check(request: Request) -> Response:
        secret = _agent(request).config.server.api_token
        token = secret.get_secret_value() if secret is not None else ""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return _Json({"error": "send server.api_token of agent.yaml as a bearer token"}, 401)
        return await endpoint(request)

    return check


def _agent(request: Request) -> Agent:
    agent: Agent = request.app.state.agent
    return agent


async def _sync(request: Request) -> Response:
    try:
        body = json.loads(await request.body() or b"{}")
        only = body.get("only")
    except (ValueError, AttributeError):
        return _Json({"error": 'the body must be a JSON object such as {"only": "docs/*.md"}'}, 400)
    try:
        report = await _agent(request).knowledge.sync(only=only)
    except SourceError as error:
        return _Json({"error": str(error)}, 400)
    return _Json(asdict(report))


async def _search(request: Request) -> Response:
    question = request.query_params.get("q", "").strip()
    if not question:
        return _Json({"error": "give the question as ?q="}, 400)
    found = await _agent(request).knowledge.search([question])
    return _Json(asdict(found))


async def _sources(request: Request) -> Response:
    return _Json([asdict(source) for source in _agent(request).knowledge.sources()])
