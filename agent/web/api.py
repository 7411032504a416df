"""`/api/v1`: what the owner's tools may ask of the running agent. JSON, with `server.api_token` as bearer."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.web import broadcasts, conversations, dead, followups, knowledge, payments, turns
from agent.web.answers import Json, guarded
from agent.web.operations import Operation, document, routes_of

OPERATIONS: tuple[Operation, ...] = (
    *conversations.OPERATIONS,
    *turns.OPERATIONS,
    *dead.OPERATIONS,
    *payments.OPERATIONS,
    *followups.OPERATIONS,
    *knowledge.OPERATIONS,
    *broadcasts.OPERATIONS,
)


def routes() -> list[Route]:
    """The paths below `/api/v1`."""
    return [Route("/openapi.json", guarded(_openapi), methods=["GET"]), *routes_of(OPERATIONS)]


async def _openapi(request: Request) -> Response:
    return Json(document(OPERATIONS, str(request.url.replace(query="")).removesuffix("/openapi.json")))
