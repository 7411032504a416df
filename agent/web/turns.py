"""`/api/v1/turns`: one turn with everything that it heard, found, called and said."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from agent.ledger import inbound, outbound, overview, steps
from agent.ledger.outbound import Delivery
from agent.ledger.overview import TurnSummary
from agent.ledger.steps import Step
from agent.web.answers import Json, NotFound, agent_of
from agent.web.operations import Operation


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn: the ids of the messages it answers, its steps in order, and what it has sent or will send."""

    turn: TurnSummary
    answers: list[str]
    steps: list[Step]
    deliveries: list[Delivery]


async def _one(request: Request) -> Response:
    name = request.path_params["id"]

    def look(connection: Connection) -> Turn | None:
        turn = overview.turn_of(connection, name)
        if turn is None:
            return None
        return Turn(
            turn, inbound.of_turn(connection, name), steps.of_turn(connection, name), outbound.of_turn(connection, name)
        )

    found = await agent_of(request).database.read(look)
    if found is None:
        raise NotFound(f"there is no turn {name!r}")
    return Json(asdict(found))


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/turns/{id}", _one, "A turn with its steps and deliveries.", answers=Turn),
)
