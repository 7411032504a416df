"""Payments in the agent: the actions that create them, the notifications that settle them, and their expiry."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import structlog
from sqlalchemy import Connection

from actions.action import Action
from actions.qris.actions import CheckPayment, SendQris
from actions.qris.errors import GatewayError
from actions.qris.gateways import Gateway, connect
from actions.qris.gateways.gateway import status_of
from actions.qris.settings import PaymentsSettings
from agent.ledger import payments
from agent.ledger.database import Database
from agent.ledger.errors import LedgerUnavailable
from agent.ledger.payments import LedgerPaymentBook, Payment, Settled, Unmatched

log = structlog.get_logger()

PATIENCE = timedelta(hours=1)
"""How long a payment stays open after its expiry because its gateway does not tell its status."""


def open_gateway(
    settings: PaymentsSettings, client: httpx.AsyncClient, clock: Callable[[], datetime], public_url: str | None = None
) -> Gateway | None:
    """Connect the gateway that agent.yaml names, if any.

    Args:
        settings: the `payments:` part.
        client: for its HTTP calls.
        clock: the time, aware UTC.
        public_url: where it reaches this agent with its notifications.
    """
    if settings.qris is None or settings.qris.gateway is None:
        return None
    return connect(settings.qris.gateway, client, clock, public_url)


def payment_actions(
    settings: PaymentsSettings, database: Database, platform: str, gateway: Gateway | None
) -> list[Action]:
    """Build `send_qris` and `check_payment`, when `payments.qris` is configured.

    Args:
        settings: the `payments:` part.
        platform: that of contacts whose context names none.
        gateway: `None` for static codes.
    """
    if settings.qris is None:
        return []
    book = LedgerPaymentBook(database, platform)
    return [SendQris(settings.qris, book, gateway), CheckPayment(book, gateway)]


async def receive(
    gateway: Gateway, database: Database, headers: Mapping[str, str], body: bytes, path: str, now: datetime
) -> tuple[Settled | Unmatched, str]:
    """Verify a notification, ask the gateway for the status of its charge, and apply that, once.

    A notification is a hint: not every signature covers the status (Midtrans, Duitku), and a token covers nothing (Xendit). What counts
    is what the gateway answers over our own connection; a payer's name is taken from the notification where the answer has none.

    Args:
        gateway: whose notification.
        headers: with lower-case names.
        body: as it arrived.
        path: that of our URL as it was called.
        now: the time, aware UTC.

    Returns:
        What it did, and the order that it names.

    Raises:
        NotificationForged: the signature is wrong (401).
        NotificationUnreadable: it is not the gateway's format (400).
        GatewayUnavailable: the status is not known now; nothing was settled, it must come again (503).
        GatewayRefused: the gateway does not tell the status of this charge; likewise (503).
        LedgerUnavailable: it must come again (503).
    """
    hint = gateway.verify(headers, body, path)
    known = await database.read(lambda connection: payments.matching(connection, hint))
    if isinstance(known, str):
        return known, hint.order
    event = await status_of(gateway, known.order, known.provider_id)
    if hint.merchant is not None and event.merchant not in (None, hint.merchant):
        log.warning("payment_of_another_merchant", gateway=gateway.name, order=hint.order, hint=hint.merchant)
        return "contradicted", hint.order
    if event.what != hint.what:
        log.warning("payment_status_differs", gateway=gateway.name, order=hint.order, hint=hint.what, status=event.what)
    elif event.payer is None:
        event = replace(event, payer=hint.payer)
    return await database.write(lambda connection: payments.settle(connection, event, now)), hint.order


class PaymentWatch:
    """Expires overdue payments, for as long as the agent runs."""

    pause = timedelta(seconds=10)

    def __init__(self, database: Database, gateway: Gateway | None, *, clock: Callable[[], datetime]) -> None:
        """Watch over payments.

        Args:
            gateway: asked before a payment expires.
            clock: the time, aware UTC.
        """
        self._database = database
        self._gateway = gateway
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.work()
            except LedgerUnavailable as error:
                log.error("ledger_unavailable", reason=str(error))
            await asyncio.sleep(self.pause.total_seconds())

    async def work(self) -> int:
        """Expire what is overdue; how many payments."""
        return await end_overdue(self._database, self._clock(), self._gateway)

    def next_due(self, connection: Connection) -> datetime | None:
        """When the next open payment expires."""
        return payments.next_expiry(connection)


async def end_overdue(database: Database, now: datetime, gateway: Gateway | None) -> int:
    """Expire the payments whose time has run out, and say how many; the ledger schedules the message to their customers.

    The gateway is asked first, because a notification may have been lost, and to cancel its charge. While it does not answer, a
    payment stays open for up to an hour longer.

    Raises:
        LedgerUnavailable: the ledger does not answer.
    """
    ended = [
        payment.id
        for payment in await database.read(lambda connection: payments.overdue(connection, now))
        if gateway is None or payment.provider != gateway.name or await _really_unpaid(gateway, database, payment, now)
    ]
    if ended:
        await database.write(lambda connection: payments.expire(connection, ended, now))
    return len(ended)


async def _really_unpaid(gateway: Gateway, database: Database, payment: Payment, now: datetime) -> bool:
    try:
        event = await status_of(gateway, payment.order, payment.provider_id)
    except GatewayError as error:
        log.warning("payment_status_unknown", payment=payment.id, reason=str(error))
        return payment.expires_at is None or now > payment.expires_at + PATIENCE
    if event.what not in ("pending", "expired"):
        await database.write(lambda connection: payments.settle(connection, event, now))
        return False
    if event.what == "pending":
        try:
            await gateway.cancel(payment.order, payment.provider_id or "")
        except GatewayError as error:
            log.info("payment_not_cancelled", payment=payment.id, reason=str(error))
    return True
