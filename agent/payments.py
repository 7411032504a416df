"""Payments in the agent: the action that offers them, the notifications that settle them, the end of those nobody paid."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import httpx
import structlog

from actions.action import Action
from actions.qris.actions import CheckPayment, SendQris
from actions.qris.errors import GatewayError, GatewayRefused, GatewayUnavailable
from actions.qris.gateways import Gateway, connect
from actions.qris.settings import PaymentsSettings
from agent.ledger import payments
from agent.ledger.database import Database
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.payments import LedgerPaymentBook, Payment, Settled, Unmatched

log = structlog.get_logger()

PATIENCE = timedelta(hours=1)
"""How long a payment stays open after its time because its gateway does not answer."""


def open_gateway(
    settings: PaymentsSettings, client: httpx.AsyncClient, clock: Callable[[], datetime], public_url: str | None = None
) -> Gateway | None:
    """The gateway that agent.yaml names, if any. `public_url` is where it reaches this agent with its notifications."""
    if settings.qris is None or settings.qris.gateway is None:
        return None
    return connect(settings.qris.gateway, client, clock, public_url)


def payment_actions(
    settings: PaymentsSettings, database: Database, platform: str, gateway: Gateway | None
) -> list[Action]:
    """`send_qris` and `check_payment`, when `payments.qris` is configured.

    `platform` is that of contacts whose context names none.
    """
    if settings.qris is None:
        return []
    book = LedgerPaymentBook(database, platform)
    return [SendQris(settings.qris, book, gateway), CheckPayment(book, gateway)]


async def receive(
    gateway: Gateway, database: Database, headers: Mapping[str, str], body: bytes, path: str, now: datetime
) -> tuple[Settled | Unmatched, str]:
    """Verify a notification and apply it, once; what it did, and the order that it names.

    `headers` has lower-case names; `path` is that of our URL as it was called.
    Raises `NotificationForged` (401), `NotificationUnreadable` (400), `LedgerUnavailable` (503).
    """
    event = gateway.verify(headers, body, path)
    return await database.write(lambda connection: payments.settle(connection, event, now)), event.order


async def watch(
    database: Database, clock: Callable[[], datetime], gateway: Gateway | None, pause: timedelta = timedelta(seconds=10)
) -> None:
    """End what is overdue, for as long as the agent runs."""
    while True:
        try:
            await end_overdue(database, clock(), gateway)
        except LedgerUnavailable as error:
            log.error("ledger_unavailable", reason=str(error))
        await asyncio.sleep(pause.total_seconds())


async def end_overdue(database: Database, now: datetime, gateway: Gateway | None) -> None:
    """End the payments whose time has run out, and see to it that their customers are told.

    The gateway is asked first, because a notification may have been lost, and to call its charge off. While it does not answer, a
    payment stays open for up to an hour longer. Raises `LedgerUnavailable`.
    """
    ended = [
        payment.id
        for payment in await database.read(lambda connection: payments.overdue(connection, now))
        if gateway is None or payment.provider != gateway.name or await _really_unpaid(gateway, database, payment, now)
    ]
    if ended:
        await database.write(lambda connection: payments.expire(connection, ended, now))


async def _really_unpaid(gateway: Gateway, database: Database, payment: Payment, now: datetime) -> bool:
    try:
        event = await gateway.status(payment.order, payment.provider_id or "")
    except GatewayUnavailable as error:
        log.warning("payment_status_unknown", payment=payment.id, reason=str(error))
        return payment.expires_at is None or now > payment.expires_at + PATIENCE
    except GatewayRefused as error:
        log.warning("payment_status_refused", payment=payment.id, reason=str(error))
        return True
    if event.what == "paid":
        await database.write(lambda connection: payments.settle(connection, event, now))
        return False
    if event.what == "pending":
        try:
            await gateway.cancel(payment.order, payment.provider_id or "")
        except GatewayError as error:
            log.info("payment_not_cancelled", payment=payment.id, reason=str(error))
    return True
