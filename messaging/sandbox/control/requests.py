"""How the control API reads requests."""

from typing import Annotated

from pydantic import Field
from starlette.requests import Request

from messaging.sandbox.api.answers import sandbox_of
from messaging.sandbox.content import Body
from messaging.sandbox.errors import Invalid, TooLarge
from messaging.sandbox.media import LARGEST
from messaging.sandbox.records import Contact

UserRef = Annotated[int | str | None, Field(description="a colleague's id or e-mail; the first agent when left out")]


class AsColleague(Body):
    user: UserRef = None


def named_contact(request: Request, name: str | None = None) -> Contact:
    """The contact of the path (or `name`): an id, or an identifier as in the REST API. Raises: `NotFound`, `Invalid`."""
    text = name or request.path_params["contact"]
    return sandbox_of(request).contacts.find(f"id:{text}" if text.isdigit() else text)


async def upload_of(request: Request) -> bytes:
    """The raw body as a file. Raises: `TooLarge`, `Invalid`."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST:
            raise TooLarge(f"file: it is larger than {LARGEST} bytes")
    return bytes(data)


def number_of(request: Request, name: str, default: float) -> float:
    """A number of the query string. Raises: `Invalid`."""
    text = request.query_params.get(name)
    try:
        return float(text) if text else default
    except ValueError as error:
        raise Invalid(f"{name}: {text!r} is not a number") from error
