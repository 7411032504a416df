"""`/api/v1/knowledge`: what the agent may quote, how it is found, and syncing the sources."""

from dataclasses import asdict

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from agent.web.answers import BadRequest, Json, agent_of
from agent.web.operations import Body, Operation, body_of
from knowledge.errors import NoSuchSource


class SyncBody(Body):
    """Which source alone is to be read; all when left out."""

    only: str | None = Field(default=None, examples=["docs/*.md"])


async def _sync(request: Request) -> Response:
    body = await body_of(request, SyncBody)
    try:
        report = await agent_of(request).knowledge.sync(only=body.only)
    except NoSuchSource as error:
        raise BadRequest(str(error)) from None
    return Json(asdict(report))


async def _search(request: Request) -> Response:
    question = request.query_params.get("q", "").strip()
    if not question:
        raise BadRequest("give the question as ?q=")
    return Json(asdict(await agent_of(request).knowledge.search([question])))


async def _sources(request: Request) -> Response:
    return Json([asdict(source) for source in agent_of(request).knowledge.sources()])


OPERATIONS: tuple[Operation, ...] = (
    Operation("POST", "/knowledge/sync", _sync, "Read the sources again.", body=SyncBody),
    Operation("GET", "/knowledge/search", _search, "What is found for a question.", {"q": "The question."}),
    Operation("GET", "/knowledge/sources", _sources, "The sources and when each was last read."),
)
