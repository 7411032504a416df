"""What the action must know of payments, whoever keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from actions.action import Context
from actions.qris.gateways.gateway import Event
from actions.qris.states import PaymentState


@dataclass(frozen=True, slots=True)
class KnownPayment:
    """A payment that a contact was offered."""

    state: PaymentState
    payload: str
    amount: int
    reference: str
    merchant: str
    nmid: str | None
    provider: str
    provider_id: str | None
    created: datetime
    expires: datetime | None
    order: str | None = None  # our id of it at the gateway
    paid: int | None = None  # rupiah that arrived

    def live(self, now: datetime) -> bool:
        """Whether its code may still be paid."""
        return self.state == "open" and (self.expires is None or now < self.expires)


class PaymentBook(Protocol):
    """The payments of the contact that a `Context` belongs to."""

    async def payments(self, context: Context) -> Sequence[KnownPayment]:
        """The contact's payments, newest first, the last 20."""

    async def reserve(self, context: Context, amounts: Sequence[int], until: datetime) -> int | None:
        """The first of `amounts` that no other unexpired payment uses, kept for this step until `until`.

        The same again for the same `Context.key`; `None` when all are taken.
        """

    async def report(self, event: Event, now: datetime) -> None:
        """Enter what a gateway answered about a charge; the same again changes nothing."""
