"""`/api/v1/turns` and `/api/v1/dead`: a turn with its steps and deliveries; what was given up, and another try for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection

from agent.ledger import contacts, inbound, outbound, overview, steps, workflows
from agent.ledger.outbound import Delivery
from agent.ledger.overview import TurnSummary
from agent.ledger.steps import Step
from agent.ledger.webhooks import Delivery as Told
from agent.ledger.workflows import Run
from agent.web.answers import Before, NotFound, agent_of, cursor, cursor_before
from messaging.types import ContactKey

router = APIRouter(tags=["turns"])


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn: the ids of the messages it answers, its steps in order, and what it has sent or will send."""

    turn: TurnSummary
    answers: list[str]
    steps: list[Step]
    deliveries: list[Delivery]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """One thing that was given up; `kind` is `delivery`, `turn`, `run` (of a workflow) or `webhook`, and `id` is for trying it again."""

    id: str
    kind: str
    contact: ContactKey | None
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Dead:
    """What was given up, the newest first: deliveries that failed for good, turns whose customer got the text for failures, runs of
    workflows, and what other systems were to be told.

    The other lists tell more of the same.
    """

    dead: list[GivenUp]
    deliveries: list[Delivery]
    turns: list[TurnSummary]
    runs: list[Run]
    webhooks: list[Told]
    next: str | None


@dataclass(frozen=True, slots=True)
class Retried:
    """It is tried again, for this contact where it is about one."""

    id: str
    contact: ContactKey | None


@router.get("/turns/{id}")
async def read_turn(request: Request, id: str) -> Turn:  # noqa: A002 - the name in the path
    """A turn with its steps and deliveries."""

    def look(connection: Connection) -> Turn | None:
        turn = overview.turn_of(connection, id)
        if turn is None:
            return None
        return Turn(
            turn, inbound.of_turn(connection, id), steps.of_turn(connection, id), outbound.of_turn(connection, id)
        )

    found = await agent_of(request).database.read(look)
    if found is None:
        raise NotFound(f"there is no turn {id!r}", "id")
    return found


@router.get("/dead")
async def list_dead(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 200, before: Before = None) -> Dead:
    """What was given up."""
    last = cursor_before(before)
    found = await agent_of(request).database.read(lambda connection: overview.dead(connection, limit + 1, last))
    given_up: list[tuple[datetime, Delivery | TurnSummary | Run | Told]] = [
        *((each.created_at, each) for each in found.deliveries),
        *((each.started_at, each) for each in found.turns),
        *((each.created_at, each) for each in found.runs),
        *((each.created_at, each) for each in found.webhooks),
    ]
    shown = sorted(given_up, key=lambda entry: (entry[0], entry[1].id), reverse=True)[:limit]
    more = len(given_up) > len(shown)
    return Dead(
        [GivenUp(each.id, _KINDS[type(each)], each.contact, each.reason, at) for at, each in shown],
        [each for _, each in shown if isinstance(each, Delivery)],
        [each for _, each in shown if isinstance(each, TurnSummary)],
        [each for _, each in shown if isinstance(each, Run)],
        [each for _, each in shown if isinstance(each, Told)],
        cursor(shown[-1][0], shown[-1][1].id) if more else None,
    )


_KINDS: dict[type, str] = {Delivery: "delivery", TurnSummary: "turn", Run: "run", Told: "webhook"}


@router.post("/dead/{id:path}/retry")
async def retry_dead(request: Request, id: str) -> Retried:  # noqa: A002 - the name in the path
    """Try it again."""
    agent = agent_of(request)
    now = agent.clock()

    def work(connection: Connection) -> ContactKey | Literal[True] | None:
        if overview.retry_other(connection, id, now):
            run = workflows.load(connection, id)
            return True if run is None or run.contact is None else run.contact
        key = outbound.retry(connection, id, now) or overview.retry_turn(connection, id, now)
        if key is not None:
            contacts.set_columns(connection, key, wake_at=now)
        return key

    key = await agent.database.write(work)
    if key is None:
        raise NotFound(f"nothing that was given up has the id {id!r}", "id")
    if key is True:
        return Retried(id, None)
    await agent.engine.wake(key, now)
    return Retried(id, key)
