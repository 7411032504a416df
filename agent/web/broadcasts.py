"""`/api/v1/broadcasts`: how far broadcasts are, and stopping them. They are recorded by `balas broadcast` only, where files are."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from agent.ledger import broadcasts, reports
from agent.web.answers import Json, agent_of
from agent.web.operations import Operation

_STEPS = {"pause": "Send no more for now.", "resume": "Go on.", "cancel": "Send no more at all."}


async def _list(request: Request) -> Response:
    def look(connection: Connection) -> list[dict[str, Any]]:
        return [_record(connection, each) for each in broadcasts.every(connection)]

    return Json(await agent_of(request).database.read(look))


async def _one(request: Request) -> Response:
    return await _answer(request, lambda _connection: True)


async def _step(request: Request) -> Response:
    name, step = request.path_params["name"], request.url.path.rpartition("/")[2]
    now = agent_of(request).clock()
    work: dict[str, Callable[[Connection], bool]] = {
        "pause": lambda connection: broadcasts.pause(connection, name),
        "resume": lambda connection: broadcasts.resume(connection, name, now),
        "cancel": lambda connection: broadcasts.cancel(connection, name, now),
    }
    return await _answer(request, work[step])


async def _answer(request: Request, work: Callable[[Connection], bool]) -> Response:
    """The broadcast after `work`; 409 when that did not fit its state."""
    name = request.path_params["name"]

    def run(connection: Connection) -> tuple[bool, dict[str, Any] | None]:
        changed = work(connection)
        found = broadcasts.load(connection, name)
        return changed, None if found is None else _record(connection, found)

    changed, record = await agent_of(request).database.write(run)
    if record is None:
        return Json({"error": f"there is no broadcast {name!r}"}, 404)
    return Json(record if changed else {"error": f"{name} is {record['state']}"}, 200 if changed else 409)


def _record(connection: Connection, broadcast: broadcasts.Broadcast) -> dict[str, Any]:
    counts = reports.counts(connection, broadcast.name)
    return reports.record(broadcast, counts, reports.reasons(connection, broadcast.name))


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/broadcasts", _list, "All broadcasts and how far they are."),
    Operation("GET", "/broadcasts/{name}", _one, "How far a broadcast is."),
    *(Operation("POST", f"/broadcasts/{{name}}/{step}", _step, summary) for step, summary in _STEPS.items()),
)
