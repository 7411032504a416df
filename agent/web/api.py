"""`/api/v1`: what the owner's tools may ask of the running agent. JSON, with `server.api_token` as bearer."""

import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.web import broadcasts
from agent.web.answers import Json, agent_of, guarded
from knowledge.errors import SourceError


def routes() -> list[Route]:
    """The paths below `/api/v1`."""
    return [
        Route("/knowledge/sync", guarded(_sync), methods=["POST"]),
        Route("/knowledge/search", guarded(_search), methods=["GET"]),
        Route("/knowledge/sources", guarded(_sources), methods=["GET"]),
        *broadcasts.routes(),
    ]


async def _sync(request: Request) -> Response:
    try:
        body = json.loads(await request.body() or b"{}")
        only = body.get("only")
    except (ValueError, AttributeError):
        return Json({"error": 'the body must be a JSON object such as {"only": "docs/*.md"}'}, 400)
    try:
        report = await agent_of(request).knowledge.sync(only=only)
    except SourceError as error:
        return Json({"error": str(error)}, 400)
    return Json(asdict(report))


async def _search(request: Request) -> Response:
    question = request.query_params.get("q", "").strip()
    if not question:
        return Json({"error": "give the question as ?q="}, 400)
    found = await agent_of(request).knowledge.search([question])
    return Json(asdict(found))


async def _sources(request: Request) -> Response:
    return Json([asdict(source) for source in agent_of(request).knowledge.sources()])
