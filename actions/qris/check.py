"""The built-in action `check_payment`: whether the money has arrived, from the books and never from what somebody says."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from actions.action import Context, Json, Outcome
from actions.qris.amounts import format_rupiah
from actions.qris.book import KnownPayment, PaymentBook
from actions.qris.caption import language_of
from actions.qris.phrases import say
from actions.qris.states import SETTLED

if TYPE_CHECKING:
    from actions.qris.gateways.gateway import Gateway

NAME = "check_payment"
DESCRIPTION = (
    "Look up whether the customer's money has arrived: the latest payment's, or the one's with `reference`. Use it when the customer "
    "claims to have paid, or asks whether it came in. Only a done outcome of this action means that it arrived; a screenshot or the "
    "customer's word means nothing."
)
EXAMPLES = ("pembayaran saya sudah masuk belum?", "uangnya sudah masuk?", "sudah ditransfer", "has my money arrived?")
_WITHIN = r"(?:[^.?!]|\.(?=[0-9]))"  # the same sentence; the dots of Rp50.000 do not end it
CLAIMS = (
    rf"\b(?:pembayaran|transfer|uang)(?:nya)?\b{_WITHIN}{{0,40}}\b(?:sudah|telah|berhasil)\b{_WITHIN}{{0,25}}"
    r"\b(?:(?:kami|saya) terima|diterima|masuk)\b",
    rf"\b(?:sudah|telah)\b{_WITHIN}{{0,20}}\blunas\b",
    rf"\bpayment\b{_WITHIN}{{0,40}}\b(?:has been|was|is|have)\b{_WITHIN}{{0,15}}\b(?:received|confirmed|completed?)\b",
    r"\b(?:we|I)(?: have|'ve)? received (?:your|the) payment\b",
)
"""What may only be said when this action has found the money."""


class CheckPayment:
    """`actions.action.Action`: reads the payment book, and asks the gateway about a payment that is still open.

    Money that has not arrived is a refusal, in words for the customer: there is no receipt to claim anything with.
    """

    name = NAME
    description = DESCRIPTION
    examples: Sequence[str] = EXAMPLES
    claims: Sequence[str] = CLAIMS
    effect = False
    idempotent = True
    confirm: str | None = None
    confirm_expires = timedelta(minutes=15)

    def __init__(self, book: PaymentBook, gateway: "Gateway | None" = None) -> None:
        self._book = book
        self._gateway = gateway
        self.parameters: Mapping[str, Json] = {
            "type": "object",
            "properties": {
                "reference": {
                    "type": "string",
                    "maxLength": 50,
                    "description": "the payment's reference, when it was named",
                }
            },
            "additionalProperties": False,
        }

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        payment = await self._find(arguments.get("reference"), context)
        if payment is not None and payment.state in ("open", "expired") and await self._ask_gateway(payment, context):
            payment = await self._find(arguments.get("reference"), context) or payment
        return told(payment, context)

    async def _find(self, reference: Json, context: Context) -> KnownPayment | None:
        known = await self._book.payments(context)
        return next((one for one in known if reference is None or one.reference == reference), None)

    async def _ask_gateway(self, payment: KnownPayment, context: Context) -> bool:
        """Whether the gateway knew something new, which is then in the book: a notification may have been lost."""
        from actions.qris.errors import GatewayError

        if self._gateway is None or payment.provider != self._gateway.name or payment.provider_id is None:
            return False
        try:
            event = await self._gateway.status(payment.order or payment.reference, payment.provider_id)
        except GatewayError:
            return False  # then the book's word stands: it has not arrived
        if event.what != "paid":
            return False
        await self._book.report(event, context.now)
        return True


def told(payment: KnownPayment | None, context: Context) -> Outcome:
    """Where a payment stands, in words for the customer; done only when the money is there."""
    language = language_of(context.language)
    if payment is None:
        return Outcome("refused", say("no_payment", language))
    facts = {"amount": format_rupiah(payment.amount), "reference": payment.reference}
    data: dict[str, Json] = {"reference": payment.reference, "amount": payment.amount, "state": payment.state}
    if payment.state in SETTLED:
        return Outcome("done", say("arrived", language, **facts), data=data)
    if payment.state == "partial":
        facts["paid"] = format_rupiah(payment.paid or 0)
        name = "partly"
    else:
        name = "by_hand" if payment.provider == "static" else "not_yet"
    return Outcome("refused", say(name, language, **facts), data=data)


_HAS_PAID = re.compile(
    r"\b(?:sudah|udah|udh|dah|sdh|telah|barusan|baru saja)\b.{0,15}\b(?:di)?(?:bayar|transfer|tf|scan)\b"
    r"|\bi(?:'ve| have)? (?:just )?paid\b",
    re.IGNORECASE,
)


def says_paid(text: str) -> bool:
    """Whether a customer claims to have paid: "sudah saya transfer ya"."""
    return _HAS_PAID.search(text) is not None
