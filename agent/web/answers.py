"""What all of `/api/v1` has in common: JSON out, and the token at the door."""

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.app import Agent

Endpoint = Callable[[Request], Awaitable[Response]]


class Json(JSONResponse):
    """JSON in UTF-8; times and the like as text."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, default=str).encode()


def agent_of(request: Request) -> Agent:
    """The agent that this server runs."""
    agent: Agent = request.app.state.agent
    return agent


def guarded(endpoint: Endpoint) -> Endpoint:
    """Only for who knows the token; without a token in agent.yaml, for nobody."""

    async def check(request: Request) -> Response:
        secret = agent_of(request).config.server.api_token
        token = secret.get_secret_value() if secret is not None else ""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return Json({"error": "send server.api_token of agent.yaml as a bearer token"}, 401)
        return await endpoint(request)

    return check
