"""`/api/v1/payments`: who was asked to pay what, what became of it, and money that the owner has seen arrive."""

from dataclasses import dataclass
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy import Connection

from actions.qris.states import PaymentState
from agent.ledger import payments
from agent.ledger.payments import Payment, Settled
from agent.web.answers import Before, Body, Limit, NotFound, agent_of, by_whom, cursor, cursor_before, states_asked
from agent.web.conversations import By

router = APIRouter(tags=["payments"])

_STATES: tuple[PaymentState, ...] = get_args(PaymentState)


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of payments."""

    payments: list[Payment]
    next: str | None


class PaidBody(Body):
    """How much arrived, in rupiah; all of it when left out."""

    amount: int | None = Field(default=None, ge=1)
    by: By = None


@router.get("/payments")
async def list_payments(
    request: Request,
    state: Annotated[str | None, Query(description=f"Only these, separated by commas: {', '.join(_STATES)}.")] = None,
    limit: Limit = 100,
    before: Before = None,
) -> Listed:
    """Payments, the newest first; amounts in rupiah."""
    states, last = states_asked(state, _STATES), cursor_before(before)
    found = await agent_of(request).database.read(
        lambda connection: payments.newest(connection, states=states, limit=limit + 1, last=last)
    )
    end = found[limit - 1] if len(found) > limit else None
    return Listed(found[:limit], None if end is None else cursor(end.created_at, end.id))


@router.post("/payments/{id}/paid")
async def mark_paid(request: Request, id: str, body: PaidBody | None = None) -> Settled:  # noqa: A002 - the name in the path
    """Record that the money has arrived; the customer is told once. `changed` is false when it was recorded before."""
    agent = agent_of(request)
    given, now = body or PaidBody(), agent.clock()
    by = by_whom(request, given.by)

    def work(connection: Connection) -> Settled:
        found = payments.find(connection, id)
        if not found:
            raise NotFound(f"no payment has the id, reference or order {id!r}", "id")
        return payments.mark_paid(connection, found[0].id, by, now, given.amount)

    settled = await agent.database.write(work)
    await agent.engine.wake(settled.payment.contact, now)
    return settled
