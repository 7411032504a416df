"""`/api/v1/payments`: who was asked to pay what, and what became of it."""

from dataclasses import asdict, dataclass
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from actions.qris.states import PaymentState
from agent.ledger import payments
from agent.ledger.payments import Payment
from agent.web.answers import Json, agent_of, states_asked
from agent.web.operations import Operation, number_of

_STATES: tuple[PaymentState, ...] = get_args(PaymentState)


@dataclass(frozen=True, slots=True)
class Listed:
    payments: list[Payment]


async def _list(request: Request) -> Response:
    limit = number_of(request, "limit", 100, 1000)
    states = states_asked(request, _STATES)
    found = await agent_of(request).database.read(
        lambda connection: payments.newest(connection, states=states, limit=limit)
    )
    return Json(asdict(Listed(found)))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/payments",
        _list,
        "Payments, the newest first; amounts in rupiah.",
        {
            "state": f"Only these, separated by commas: {', '.join(_STATES)}.",
            "limit": "How many, at most 1000; 100 when left out.",
        },
        answers=Listed,
    ),
)
