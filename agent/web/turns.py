"""`/api/v1/turns` and `/api/v1/dead`: a turn with its steps and deliveries; what was given up, and another try for it."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from agent.ledger import contacts, inbound, outbound, overview, steps
from agent.ledger.outbound import Delivery
from agent.ledger.overview import TurnSummary
from agent.ledger.steps import Step
from agent.web.answers import Json, NotFound, agent_of
from agent.web.operations import Operation
from messaging.types import ContactKey


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn: the ids of the messages it answers, its steps in order, and what it has sent or will send."""

    turn: TurnSummary
    answers: list[str]
    steps: list[Step]
    deliveries: list[Delivery]


async def _turn(request: Request) -> Response:
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


@dataclass(frozen=True, slots=True)
class Dead:
    """Deliveries that failed for good, and turns whose customer got the text for failures; the newest first."""

    deliveries: list[Delivery]
    turns: list[TurnSummary]


@dataclass(frozen=True, slots=True)
class Retried:
    """It is tried again for this contact."""

    id: str
    contact: ContactKey


async def _dead(request: Request) -> Response:
    return Json(asdict(Dead(*await agent_of(request).database.read(overview.dead))))


async def _retry(request: Request) -> Response:
    agent, name = agent_of(request), request.path_params["id"]
    now = agent.clock()

    def work(connection: Connection) -> ContactKey | None:
        key = outbound.retry(connection, name, now) or overview.retry_turn(connection, name, now)
        if key is not None:
            contacts.set_columns(connection, key, wake_at=now)
        return key

    key = await agent.database.write(work)
    if key is None:
        raise NotFound(f"nothing that was given up has the id {name!r}")
    await agent.engine.wake(key, now)
    return Json(asdict(Retried(name, key)))


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/turns/{id}", _turn, "A turn with its steps and deliveries.", answers=Turn),
    Operation("GET", "/dead", _dead, "What was given up.", answers=Dead),
    Operation("POST", "/dead/{id:path}/retry", _retry, "Try it again.", answers=Retried),
)
