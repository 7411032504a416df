"""What every payment gateway can do, and the values that it speaks in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from actions.qris.states import Happening


@dataclass(frozen=True, slots=True)
class Charge:
    """A code that a gateway issued for one payment."""

    order: str  # our id of it, unique at the gateway
    provider_id: str  # the gateway's id of it
    payload: str  # the text of the QRIS code
    amount: int  # rupiah
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a verified notification, or an answer about a status, says about one charge."""

    gateway: str
    order: str
    provider_id: str | None
    what: Happening
    amount: int | None  # rupiah
    currency: str  # ISO 4217
    at: datetime
    receipt: str | None  # the gateway's id of the money's movement; the same in a redelivery
    payer: str | None = None  # the payer's bank or wallet


class Gateway(Protocol):
    """A payment gateway. Each call makes one attempt; base URLs are the operator's own and used as written."""

    @property
    def name(self) -> str: ...

    async def create(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        """Issue a code over `amount` rupiah. The same `order` again gives the same charge, never a second one.

        Raises `GatewayUnavailable` (the outcome is unknown, asking again with the same `order` is right) or `GatewayRefused`.
        """

    async def status(self, order: str, provider_id: str) -> Event:
        """What the gateway knows of a charge now. Raises like `create`."""

    async def cancel(self, order: str, provider_id: str) -> None:
        """Call an unpaid charge off, where the gateway can; the code may still be payable for a while. Raises like `create`."""

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        """The event of a notification. `headers` has lower-case names; `path` is that of our own URL, as it was called.

        Raises `NotificationForged` or `NotificationUnreadable`. Secrets are compared in constant time.
        """
