"""What all endpoints of `/api/v1` share: JSON answers, the bearer token, and no secret in any answer."""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from actions.redaction import Redactor
from agent.app import Agent
from agent.config import AgentConfig
from agent.config.environment import secret_values
from agent.ledger import contacts
from agent.ledger.contacts import ContactState

State = TypeVar("State", bound=str)

Endpoint = Callable[[Request], Awaitable[Response]]


class BadRequest(Exception):
    """The request is wrong; the message says what in it, and what would be right."""


class NotFound(Exception):
    """Nothing has this name or id; the message quotes it. Answered with 404."""


BODY_SECONDS = 10.0
"""How long a client may take to send a body; a slow one is answered with 408 and let go."""


class TooLarge(Exception):
    """A body over the limit."""


class TooSlow(Exception):
    """A body that did not arrive in time."""


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body, read no further than `limit` bytes.

    Args:
        request: its body was not read yet.
        limit: bytes.

    Raises:
        TooLarge: there is more.
        TooSlow: it did not arrive within `BODY_SECONDS`.
        ValueError: the Content-Length is not a number.
    """
    if int(request.headers.get("content-length") or 0) > limit:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge
    except TimeoutError:
        raise TooSlow from None
    return bytes(body)


class Json(JSONResponse):
    """JSON in UTF-8; times and the like as text."""

    def __init__(self, content: Any, status_code: int = 200) -> None:
        self.content = content
        super().__init__(content, status_code)

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, default=str).encode()


def agent_of(request: Request) -> Agent:
    """The agent that this server runs."""
    agent: Agent = request.app.state.agent
    return agent


def contact_named(connection: Connection, name: str) -> ContactState:
    """The contact that an owner means by an id, `platform:id`, a phone number or an e-mail. Raises: `NotFound`, `BadRequest`."""
    found = contacts.find(connection, name)
    if not found:
        raise NotFound(f"no contact {name!r}; give an id, platform:id, a phone number or an e-mail")
    if len(found) > 1:
        raise BadRequest(f"{name!r} is {', '.join(str(state.key) for state in found)}; give platform:id")
    return found[0]


def states_asked(request: Request, known: Sequence[State], default: str = "") -> list[State]:
    """The states that `?state=one,other` names, in the order of `known`. Raises: `BadRequest`."""
    wanted = [name for name in request.query_params.get("state", default).split(",") if name]
    states = [state for state in known if state in wanted]
    if len(states) != len(set(wanted)):
        raise BadRequest(f"state: must be of {', '.join(known)}, found {request.query_params['state']!r}")
    return states


def bears_token(request: Request, config: AgentConfig) -> bool:
    """Whether the request bears `server.api_token`; without one in agent.yaml none does."""
    secret = config.server.api_token
    token = secret.get_secret_value() if secret is not None else ""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    known = scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
    return bool(token) and known


def guarded(endpoint: Endpoint) -> Endpoint:
    """Require `server.api_token` as bearer; without one in agent.yaml every request is refused with 401."""

    async def check(request: Request) -> Response:
        config = agent_of(request).config
        if not bears_token(request, config):
            return Json({"error": "send server.api_token of agent.yaml as a bearer token"}, 401)
        try:
            response = await endpoint(request)
        except BadRequest as error:
            response = Json({"error": str(error)}, 400)
        except NotFound as error:
            response = Json({"error": str(error)}, 404)
        if isinstance(response, Json):
            return Json(Redactor(secret_values(config))(response.content), response.status_code)
        return response

    return check
