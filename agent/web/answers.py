"""What all endpoints of `/api/v1` share: the agent, contacts by name, pages, and errors in one form.

    ApiError
    ├── BadRequest     400 invalid
    ├── Forbidden      403 forbidden
    ├── NotFound       404 not_found
    ├── Conflict       409 conflict
    ├── WrongKind      415 unsupported_media_type
    ├── Invalid        422 invalid
    └── OutsideFailed  502 unreachable

An error is answered as `{"error": {"code", "message", "field"?}}`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Any, ClassVar, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from sqlalchemy import Connection
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope

from agent.app import Agent
from agent.ledger import contacts
from agent.ledger.contacts import ContactState
from agent.ledger.database import Cursor
from messaging.types import ContactKey
from settings.text import cleaned

T = TypeVar("T")
State = TypeVar("State", bound=str)


class ApiError(Exception):
    """A request that is refused.

    Args:
        message: says what is wrong, and what would be right.
        field: the parameter or key that is wrong.
        more: further keys of the error.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"

    def __init__(self, message: str, field: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.field = field
        self.more = more


class BadRequest(ApiError):
    """The request is wrong; the message says what in it, and what would be right."""


class Forbidden(ApiError):
    """The token may not do this."""

    status = 403
    code = "forbidden"


class NotFound(ApiError):
    """Nothing has this name or id; the message quotes it."""

    status = 404
    code = "not_found"


class Conflict(ApiError):
    """It does not fit the state that things are in."""

    status = 409
    code = "conflict"


class Invalid(ApiError):
    """What was sent is understood and wrong; `problems` says where."""

    status = 422


class WrongKind(ApiError):
    """The body is of a content type that is not read here."""

    status = 415
    code = "unsupported_media_type"


class OutsideFailed(ApiError):
    """A server that is needed for it does not answer as it should."""

    status = 502
    code = "unreachable"


def error_answer(
    status: int,
    code: str,
    message: str,
    field: str | None = None,
    *,
    more: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """The answer of an error, in the one form."""
    error: dict[str, Any] = {"code": code, "message": message}
    if field is not None:
        error["field"] = field
    return JSONResponse({"error": {**error, **(more or {})}}, status, headers)


class Body(BaseModel):
    """What a request may hold; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        return cleaned(given)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


NotBlank = AfterValidator(_not_blank)
"""For a text that somebody is to read."""


class ProblemAt(BaseModel):
    """Something in agent.yaml that is wrong or doubtful, and where; line and column count from 1."""

    line: int
    column: int
    message: str


class ErrorDetail(BaseModel):
    """Why a request was refused; `problems` are those of an agent.yaml."""

    code: str
    message: str
    field: str | None = None
    problems: list[ProblemAt] | None = None


class Error(BaseModel):
    """The one form of errors."""

    error: ErrorDetail


TOKEN = "balas.token"  # noqa: S105
"""The key of a request's scope that says whose it is: set by the gate, or by a part of this process that asks for one it knows."""

ROLE = "x-role"
"""The key of a route's `openapi_extra` that says which role it needs; without it a GET needs a viewer, all else an operator."""

VIEWER = {ROLE: "viewer"}
ADMIN = {ROLE: "admin"}

Before = Annotated[str | None, Query(description="`next` of the page before.", max_length=300)]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many.")]


def agent_of(request: Request) -> Agent:
    """The agent that this server runs."""
    agent: Agent = request.app.state.agent
    return agent


def kind_of(request: Request) -> str:
    """The content type of a request, without parameters; empty when it names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_kind(request: Request, *kinds: str) -> None:
    """Refuse a body of another content type. Raises: `WrongKind`."""
    if (found := kind_of(request)) not in kinds:
        raise WrongKind(f"send the body as {' or '.join(kinds)}, not as {found or 'nothing in particular'}")


def by_whom(request: Request, given: str | None) -> str:
    """Who does it, for the record: as the request says, or else the name of its token."""
    name: str = given or request.scope[TOKEN].name
    return name


def contact_named(connection: Connection, name: str, field: str | None = "contact") -> ContactState:
    """The contact that an owner means by an id, `platform:id`, a phone number or an e-mail. Raises: `NotFound`, `BadRequest`."""
    found = contacts.find(connection, name)
    if not found:
        raise NotFound(f"no contact {name!r}; give an id, platform:id, a phone number or an e-mail", field)
    if len(found) > 1:
        raise BadRequest(f"{name!r} is {', '.join(str(state.key) for state in found)}; give platform:id", field)
    return found[0]


def states_asked(given: str | None, known: Sequence[State], default: str = "") -> list[State]:
    """The states that `?state=one,other` names, in the order of `known`. Raises: `BadRequest`."""
    wanted = [name for name in (default if given is None else given).split(",") if name]
    states = [state for state in known if state in wanted]
    if len(states) != len(set(wanted)):
        raise BadRequest(f"state: must be of {', '.join(map(str, known))}, found {given!r}", "state")
    return states


_YEARS = 1970, 9000
"""Beyond these, a day more or another time zone may be no time at all."""


def moment(text: str | None, field: str, zone: tzinfo | None = None) -> datetime | None:
    """A time of the query; one without a zone is of `zone`. Raises: `BadRequest`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{field}: must be a time such as 2026-11-21T09:00:00Z, found {text!r}", field) from None
    if found.tzinfo is None and zone is not None:
        found = found.replace(tzinfo=zone)
    if found.tzinfo is None:
        raise BadRequest(f"{field}: {text!r} has no time zone; write e.g. 2026-11-21T09:00:00Z", field)
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise BadRequest(f"{field}: must lie between the years {_YEARS[0]} and {_YEARS[1]}, found {text!r}", field)
    return found


def number_before(text: str | None) -> int | None:
    """A `?before=` that is a number. Raises: `BadRequest`."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequest(f"before: must be `next` of the page before, found {text!r}", "before")
    return int(text)


def cursor(at: datetime, identity: str) -> str:
    """The `next` of a page whose last row is this one."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}~{identity}"


def cursor_before(text: str | None) -> Cursor | None:
    """A `?before=` that `cursor` made. Raises: `BadRequest`."""
    if text is None:
        return None
    time, mark, identity = text.partition("~")
    if not mark or not identity:
        raise BadRequest(f"before: must be `next` of the page before, found {text!r}", "before")
    at = moment(time, "before")
    assert at is not None  # noqa: S101 - a time was given
    return at, identity


def key_before(text: str | None) -> ContactKey | None:
    """A `?before=` that is `platform:id`. Raises: `BadRequest`."""
    if text is None:
        return None
    platform, _, identity = text.partition(":")
    if not identity or platform[:1].isdigit():  # a time: the cursor of another list
        raise BadRequest(f"before: must be `next` of the page before, found {text!r}", "before")
    return ContactKey(platform, identity)


def page(
    found: Sequence[T], name_of: Callable[[T], str], limit: int, before: str | None = None
) -> tuple[list[T], str | None]:
    """A page of a list that is at hand as a whole, and the `next` of the one after it.

    Raises:
        BadRequest: `before` names nothing of the list.
    """
    start = 0
    if before is not None:
        place = next((at for at, each in enumerate(found) if name_of(each) == before), None)
        if place is None:
            raise BadRequest(f"before: must be `next` of the page before, found {before!r}", "before")
        start = place + 1
    shown = list(found[start : start + limit])
    return shown, name_of(shown[-1]) if start + limit < len(found) else None


async def apart(request: Request, work: Callable[..., T], *given: Any) -> T:
    """Do what takes long without the event loop, one at a time: many requests take no more than one thread.

    Args:
        request: for which it is done.
        work: a function that neither waits nor knows the loop.
        given: its arguments.
    """
    async with request.app.state.apart:
        return await asyncio.to_thread(work, *given)


BODY_SECONDS = 10.0
"""How long a client may take to send a body; a slow one is answered with 408 and let go."""


def bounded(scope: Scope, receive: Receive, largest: int, seconds: float = BODY_SECONDS) -> Receive:
    """Receive a body no longer than `largest` bytes and no slower than `seconds`; what comes after it is waited for without end.

    Raises:
        HTTPException: at once or where it is read, 413: it is longer; where it is read, 408: it took longer.
    """
    too_large = HTTPException(413, f"larger than {largest} bytes")
    told = Headers(scope=scope).get("content-length", "0")
    if not (told.isascii() and told.isdigit()) or len(told) > 20 or int(told) > largest:
        raise too_large
    end = time.monotonic() + seconds
    size, more = 0, True

    async def receive_bounded() -> Message:
        nonlocal size, more
        if not more:
            return await receive()
        try:
            async with asyncio.timeout(max(0.0, end - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, f"the body took longer than {seconds:g} s") from None
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
        if size > largest:
            raise too_large
        return message

    return receive_bounded


async def read_body(request: Request, largest: int) -> bytes:
    """The raw body of a request whose body was not read yet, see `bounded`."""
    return await Request(request.scope, bounded(request.scope, request.receive, largest)).body()
