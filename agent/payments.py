"""Payments in the agent: the action that offers them, the notifications that settle them, the watch that ends them."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from actions.action import Action
from actions.qris.errors import GatewayError, NotificationForged, NotificationUnreadable
from agent.config import AgentConfig
from agent.ledger import payments
from agent.ledger.database import Database
from agent.ledger.payments import LedgerPaymentBook, Settled
from messaging.types import ContactKey

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from actions.builtin.settings import SendQrisAction
    from agent.app import Agent

log = structlog.get_logger()


async def payment_actions(config: AgentConfig, database: Database, stack: AsyncExitStack) -> list[Action]:
    """`send_qris`, when `payments.qris` is configured; `{builtin: send_qris}` among the actions sets its texts."""
    settings = config.payments.qris
    if settings is None:
        return []
    from actions.qris.action import SendQris
    from agent.app import now

    gateway = None
    if settings.gateway is not None:
        import httpx

        from actions.qris.gateways import connect

        client = await stack.enter_async_context(httpx.AsyncClient())
        gateway = connect(settings.gateway, client, now, public_url(config))
    book = LedgerPaymentBook(database, config.messaging.effective_platform)
    texts = _texts(config)
    if texts is None:
        return [SendQris(settings, book, gateway)]
    return [
        SendQris(
            settings,
            book,
            gateway,
            name=texts.name,
            description=texts.description,
            examples=texts.examples,
            confirm=texts.confirm.text if texts.confirm else None,
            claims=texts.claims,
        )
    ]


def _texts(config: AgentConfig) -> "SendQrisAction | None":
    from actions.builtin.settings import SendQrisAction

    return next((entry for entry in config.actions if isinstance(entry, SendQrisAction)), None)


def public_url(config: AgentConfig) -> str:
    """Where gateways reach this agent."""
    return config.server.public_url or f"http://{config.server.host}:{config.server.port}"


async def receive_notification(agent: "Agent", gateway: str, request: "Request", body: bytes) -> "Response":
    """Answer `POST /payments/{gateway}`: 200 when it is recorded (also when it was before), 401 when it is forged.

    A payment that is not in the ledger (yet) is answered with 404, so that the gateway tries again.
    Raises `LedgerUnavailable`.
    """
    from starlette.responses import JSONResponse

    from actions.qris.gateways import receive

    qris = agent.config.payments.qris
    settings = qris.gateway if qris is not None else None
    if settings is None or settings.name != gateway:
        return JSONResponse({"error": f"the gateway {gateway} is not configured"}, 404)
    try:
        event = receive(settings, request.headers, body, request.url.path, agent.clock())
    except NotificationForged as error:
        log.warning("notification_refused", gateway=gateway, reason=str(error))
        return JSONResponse({"error": str(error)}, 401)
    except NotificationUnreadable as error:
        log.warning("notification_unreadable", gateway=gateway, reason=str(error))
        return JSONResponse({"error": str(error)}, 400)
    result = await agent.database.write(lambda connection: payments.settle(connection, event, agent.clock()))
    if isinstance(result, Settled):
        if result.changed:
            await agent.engine.wake(result.payment.contact, agent.clock())
        log.info("payment_notified", payment=result.payment.id, state=result.payment.state, changed=result.changed)
        return JSONResponse({"accepted": True} if result.changed else {"accepted": True, "duplicate": True})
    log.error("payment_unmatched", gateway=gateway, order=event.order, what=event.what, why=result)
    return JSONResponse({"error": "no such payment" if result == "unknown" else "another payment has these ids"}, 404)


async def end_overdue(
    database: Database, clock: Callable[[], datetime], wake: "Callable[[ContactKey, datetime], asyncio.Future[None]]"
) -> None:
    """Tell the customers whose codes have run out. To be called every few seconds; raises `LedgerUnavailable`."""
    at = clock()
    if (first := await database.read(payments.next_expiry)) is None or first > at:
        return
    for ended in await database.write(lambda connection: payments.expire(connection, at)):
        await wake(ended.payment.contact, at)
