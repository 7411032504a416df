"""Payments in the agent: the action that offers them, the notifications that settle them, the end of those nobody paid."""

from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from actions.action import Action
from actions.qris.action import SendQris
from actions.qris.gateways import Gateway, connect
from actions.qris.settings import PaymentsSettings
from agent.ledger import payments
from agent.ledger.database import Database
from agent.ledger.payments import LedgerPaymentBook, Settled, Unmatched
from messaging.types import ContactKey


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
    """`send_qris`, when `payments.qris` is configured. `platform` is that of contacts whose context names none."""
    if settings.qris is None:
        return []
    return [SendQris(settings.qris, LedgerPaymentBook(database, platform), gateway)]


async def receive(
    gateway: Gateway, database: Database, headers: Mapping[str, str], body: bytes, path: str, now: datetime
) -> tuple[Settled | Unmatched, str]:
    """Verify a notification and apply it, once; what it did, and the order that it names.

    `headers` has lower-case names; `path` is that of our URL as it was called.
    Raises `NotificationForged` (401), `NotificationUnreadable` (400), `LedgerUnavailable` (503).
    """
    event = gateway.verify(headers, body, path)
    return await database.write(lambda connection: payments.settle(connection, event, now)), event.order


async def end_overdue(database: Database, now: datetime) -> list[ContactKey]:
    """End the payments whose time has run out; the contacts who are now to be told. Cheap when there are none."""
    first = await database.read(payments.next_expiry)
    if first is None or first > now:
        return []
    ended = await database.write(lambda connection: payments.expire(connection, now))
    return [one.payment.contact for one in ended]
