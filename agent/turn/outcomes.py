"""How the outcome of an action is kept in a step, and read back when the turn is resumed."""

from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from actions.action import Outcome, Request

_REQUESTS: dict[str, type] = {kind.__name__: kind for kind in get_args(Request)}


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def pack(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON; every request with the name of its type."""
    requests = []
    for request in outcome.requests:
        kind: Any = type(request)
        requests.append({"type": kind.__name__, **_adapter(kind).dump_python(request, mode="json")})
    return {"status": outcome.status, "content": outcome.content, "data": outcome.data, "requests": requests}


def unpack(record: dict[str, Any]) -> Outcome:
    """The inverse of `pack`."""
    requests = tuple(
        _adapter(_REQUESTS[request["type"]]).validate_python(
            {name: value for name, value in request.items() if name != "type"}
        )
        for request in record["requests"]
    )
    return Outcome(record["status"], record["content"], record["data"], requests)
