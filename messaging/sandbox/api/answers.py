"""How the endpoints read requests and write answers."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse

from messaging.sandbox import wire
from messaging.sandbox.errors import Invalid
from messaging.sandbox.pagination import paginate, read_window
from messaging.sandbox.records import Contact
from messaging.sandbox.state import Sandbox

T = TypeVar("T")


def sandbox_of(request: Request) -> Sandbox:
    sandbox: Sandbox = request.app.state.sandbox
    return sandbox


def contact_of(request: Request) -> Contact:
    """The contact that the path names. Raises: `NotFound`, `Invalid`."""
    return sandbox_of(request).contacts.find(request.path_params["identifier"])


async def body_of(request: Request) -> bytes:
    """The raw body. Raises: `Invalid` when it is no JSON."""
    raw = await request.body()
    try:
        json.loads(raw or b"null")
    except ValueError as error:
        raise Invalid(f"Validation error: the body is not JSON: {error}") from error
    return raw


def page(
    request: Request,
    items: Sequence[T],
    spell: Callable[[T], wire.Json],
    key: Callable[[T], int],
    *,
    most: int = 100,
    newest_first: bool = False,
) -> JSONResponse:
    """One page of a list, as `limit` and `cursorId` of the query ask for it."""
    window = read_window(request.query_params.get("limit"), request.query_params.get("cursorId"), most)
    found = paginate(items, window, key, newest_first=newest_first)
    answer: dict[str, Any] = {
        "items": [spell(item) for item in found.items],
        "pagination": found.links(request.url, window.limit),
    }
    return JSONResponse(answer)


def contact_id(contact: Contact) -> JSONResponse:
    return JSONResponse({"contactId": contact.id})
