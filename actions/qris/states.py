"""What a notification or an operator makes of a payment: a pure function from state and event to state and messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from actions.qris.money import format_rupiah

PaymentState: TypeAlias = Literal[
    "open",  # a code was sent, nothing arrived
    "paid",  # the amount arrived in time
    "paid_late",  # it arrived after the end, or after a cancellation
    "partial",  # less than the amount arrived
    "overpaid",  # more than the amount arrived, in one payment
    "paid_twice",  # a second payment arrived for the same order
    "expired",  # the time ran out
    "cancelled",  # called off before anything arrived
    "failed",  # the gateway gave up
    "refunded",  # the money went back
]
SETTLED: frozenset[PaymentState] = frozenset({"paid", "paid_late", "overpaid", "paid_twice"})
"""States in which the amount has arrived."""

Happening: TypeAlias = Literal["pending", "paid", "expired", "cancelled", "failed", "refunded"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a payment before something happens."""

    state: PaymentState
    amount: int
    reference: str
    expires: datetime | None
    paid: int = 0  # rupiah
    receipts: tuple[str, ...] = ()  # the provider's ids of payments already counted


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that a gateway reported, or an operator entered. `receipt` identifies the money's movement."""

    what: Happening
    at: datetime
    amount: int | None = None  # rupiah, for `paid`
    receipt: str | None = None
    payer: str | None = None  # the payer's bank or wallet, for the message


@dataclass(frozen=True, slots=True)
class Transition:
    """What follows. `customer` and `owner` are what each must be told, by a name of `MESSAGES`; `None`: nothing."""

    state: PaymentState
    paid: int
    receipts: tuple[str, ...]
    customer: str | None = None
    owner: str | None = None

    def changes(self, standing: Standing) -> bool:
        return (self.state, self.paid, self.receipts) != (standing.state, standing.paid, standing.receipts)


def happen(standing: Standing, event: Happened) -> Transition:
    """Compute the next state. The same event again changes nothing and sends no message."""
    same = Transition(standing.state, standing.paid, standing.receipts)
    if event.what == "paid":
        return _paid(standing, event, same)
    if event.what == "refunded" and standing.state != "refunded":
        return Transition("refunded", standing.paid, standing.receipts, customer="refunded", owner="refunded")
    if standing.state != "open":
        return same  # a late "expired" or "cancelled" never undoes money that arrived
    if event.what == "expired":
        return Transition("expired", standing.paid, standing.receipts, customer="expired")
    if event.what == "cancelled":
        return Transition("cancelled", standing.paid, standing.receipts, customer="cancelled")
    if event.what == "failed":
        return Transition("failed", standing.paid, standing.receipts, customer="failed", owner="failed")
    return same


def _paid(standing: Standing, event: Happened, same: Transition) -> Transition:
    receipt = event.receipt or f"at {event.at.isoformat()}"
    amount = standing.amount if event.amount is None else event.amount
    total, receipts = standing.paid + amount, (*standing.receipts, receipt)
    if receipt in standing.receipts:
        if standing.state != "partial" or standing.receipts != (receipt,) or amount <= standing.paid:
            return same
        total, receipts = amount, standing.receipts  # the gateway counts the rest under the same charge
    if standing.state in SETTLED or standing.state == "refunded":
        return Transition("paid_twice", total, receipts, customer="paid_twice", owner="paid_twice")
    if total < standing.amount:
        return Transition("partial", total, receipts, customer="partial", owner="partial")
    if total > standing.amount:
        return Transition("overpaid", total, receipts, customer="overpaid", owner="overpaid")
    late = standing.state in ("expired", "cancelled") or (standing.expires is not None and event.at > standing.expires)
    if late:
        return Transition("paid_late", total, receipts, customer="paid_late", owner="paid_late")
    return Transition("paid", total, receipts, customer="paid")


MESSAGES: dict[str, dict[str, str]] = {
    "paid": {
        "id": "Pembayaran {paid} untuk {reference} sudah kami terima. Terima kasih!",
        "en": "We have received your payment of {paid} for {reference}. Thank you!",
    },
    "paid_late": {
        "id": "Pembayaran {paid} untuk {reference} kami terima setelah batas waktu. Tim kami sedang memeriksanya.",
        "en": "Your payment of {paid} for {reference} arrived after its time limit. Our team is looking into it.",
        "owner": "{reference}: {paid} arrived after the code had ended. Accept it or refund it.",
    },
    "paid_twice": {
        "id": "Kami menerima pembayaran lebih dari sekali untuk {reference} (total {paid}). Tim kami akan menghubungi Anda.",
        "en": "We received more than one payment for {reference} ({paid} in all). Our team will get in touch with you.",
        "owner": "{reference}: paid more than once, {paid} in all for {amount}. Refund the rest.",
    },
    "partial": {
        "id": "Kami menerima {paid} dari {amount} untuk {reference}. Tim kami sedang memeriksanya.",
        "en": "We received {paid} of {amount} for {reference}. Our team is looking into it.",
        "owner": "{reference}: {paid} of {amount} arrived.",
    },
    "overpaid": {
        "id": "Kami menerima {paid} untuk {reference}, lebih dari {amount}. Tim kami akan menghubungi Anda.",
        "en": "We received {paid} for {reference}, which is more than {amount}. Our team will get in touch with you.",
        "owner": "{reference}: {paid} arrived for {amount}. Refund the rest.",
    },
    "expired": {
        "id": "Kode QRIS {amount} untuk {reference} sudah kedaluwarsa; mohon jangan dibayar lagi. "
        'Balas "kirim ulang" untuk kode baru.',
        "en": "The QRIS code over {amount} for {reference} has expired; please do not pay it any more. "
        'Reply "send again" for a new one.',
    },
    "cancelled": {
        "id": "Kode QRIS {amount} untuk {reference} sudah dibatalkan; mohon jangan dibayar lagi.",
        "en": "The QRIS code over {amount} for {reference} has been cancelled; please do not pay it any more.",
    },
    "failed": {
        "id": 'Pembayaran {amount} untuk {reference} gagal diproses. Balas "kirim ulang" untuk kode baru.',
        "en": 'The payment of {amount} for {reference} failed. Reply "send again" for a new code.',
        "owner": "{reference}: the gateway reports a failure over {amount}.",
    },
    "refunded": {
        "id": "Pembayaran untuk {reference} sudah dikembalikan.",
        "en": "The payment for {reference} has been refunded.",
        "owner": "{reference}: refunded.",
    },
}
"""What each transition says, to the customer by language and to the owner."""


def message(name: str, to: Literal["id", "en", "owner"], *, amount: int, paid: int, reference: str) -> str:
    """Word a transition for the customer or the owner.

    Args:
        name: of the message, a key of `MESSAGES`.
        to: the customer's language, or the owner.
        amount: what was asked for, in rupiah.
        paid: what has arrived in all, in rupiah.
    """
    text = MESSAGES[name][to]
    return text.format(amount=format_rupiah(amount), paid=format_rupiah(paid), reference=reference)
