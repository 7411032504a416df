"""The actions of paying by QRIS: `SendQris` offers a code, `CheckPayment` looks up whether its money has arrived.

Both ask a `PaymentBook` for what was offered before; the agent's ledger implements it.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from actions.action import CONFIRM_EXPIRES, Context, Json, Outcome, SendPayment
from actions.provenance import found
from actions.qris.code import parse, with_amount
from actions.qris.errors import GatewayError, GatewayUnavailable, PayloadError
from actions.qris.gateways.gateway import Event, Gateway, status_of
from actions.qris.mentions import amounts_in, mentioned, says_paid, spoken_amount
from actions.qris.money import Ambiguous, Amount, format_rupiah
from actions.qris.settings import QrisSettings
from actions.qris.states import SETTLED, PaymentState
from actions.qris.texts import language_of, say
from language.consent import yes_or_no
from language.values import contains


@dataclass(frozen=True, slots=True)
class KnownPayment:
    """A payment that a contact was offered. Amounts are in rupiah, times aware UTC."""

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
        """Reserve the first of `amounts` (rupiah) that no other unexpired payment uses, for this step and until `until`.

        Returns:
            The same amount again for the same `Context.key`; `None` when all are taken.
        """

    async def report(self, event: Event, now: datetime) -> None:
        """Enter what a gateway answered about a charge. Entering it twice changes nothing."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be paid, once its amount and reference are known to be the customer's."""

    amount: int
    reference: str | None
    again: KnownPayment | None = None  # this live code fits: send it again


class SendQris:
    """Offer one payment code: the merchant's static one with the amount in it, or a gateway's own.

    Args:
        settings: `payments.qris` of agent.yaml.
        book: the payments of each contact.
        gateway: what `actions.qris.gateways.connect` made of `settings.gateway`. Where that is set and this is not, the
            action can be listed and checked, but sends nothing.
    """

    name = "send_qris"
    builtin: str | None = "send_qris"
    description = (
        "Send the customer a QRIS payment code as a picture with its caption. Use it when the customer wants to pay, asks for QRIS, or "
        "asks for the code again. `amount` is in whole rupiah and must be one that the customer named or that an earlier action "
        "returned (an order's total); leave it out to use what the customer just wrote, or to send the code that is still open again. "
        "The picture and its caption are sent by themselves: do not repeat them, and never say that a payment has arrived."
    )
    parameters: Mapping[str, Json] = {
        "type": "object",
        "properties": {
            "amount": {"type": "integer", "minimum": 1, "description": "whole rupiah: 50rb is 50000"},
            "reference": {
                "type": "string",
                "maxLength": 25,
                "description": "the order or invoice number that is paid for, when the conversation has one",
            },
        },
        "additionalProperties": False,
    }
    examples: Sequence[str] = (
        "bayar 50rb",
        "mau bayar",
        "minta qris",
        "kirim ulang qris",
        "pay 50k",
        "can I pay by QRIS",
        "send the QR again",
    )
    claims: Sequence[str] = ()
    reads = False
    idempotent = True
    identity: Sequence[str] = ("amount", "reference")
    per_turn: int | None = None
    hints: Sequence[str] = ()
    confirm: str | None = None
    confirm_expires = CONFIRM_EXPIRES

    def __init__(self, settings: QrisSettings, book: PaymentBook, gateway: Gateway | None = None) -> None:
        self._settings = settings
        self._book = book
        self._gateway = gateway
        self.effect = gateway is not None  # a static code changes nothing anywhere

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        """The refusal or the question, or `None` when a code may be sent."""
        wanted = self._decide(arguments, context, await self._book.payments(context))
        return wanted if isinstance(wanted, Outcome) else None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        wanted = self._decide(arguments, context, await self._book.payments(context))
        if isinstance(wanted, Outcome):
            return wanted
        if wanted.again is not None:
            return _offer(_resent(wanted.again), context)
        try:
            return await self._new(wanted, context)
        except GatewayUnavailable as error:
            return Outcome("failed", f"{error}. No code was sent; tell the customer to try again in a few minutes.")
        except (GatewayError, PayloadError) as error:
            return Outcome("failed", f"No code was sent: {error}. Say that a colleague will help with the payment.")

    def _decide(
        self, arguments: Mapping[str, Json], context: Context, known: Sequence[KnownPayment]
    ) -> "_Wanted | Outcome":
        reference = arguments.get("reference")
        if reference is not None and (refusal := _check_reference(reference, context)):
            return refusal
        wanted_reference = str(reference) if reference is not None else None
        amount = arguments.get("amount")
        if amount is None:
            settled = self._amount_of_last_message(context, known, wanted_reference)
        elif isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
            return Outcome("refused", f"amount is {amount!r}; it must be a whole number of rupiah, e.g. 50000.")
        else:
            settled = self._traced(amount, context, known, wanted_reference)
        if isinstance(settled, _Wanted) and settled.amount > self._settings.limit:
            limit = format_rupiah(self._settings.limit)
            return _refuse(context, "limit", amount=format_rupiah(settled.amount), limit=limit)
        return settled

    def _amount_of_last_message(
        self, context: Context, known: Sequence[KnownPayment], reference: str | None
    ) -> "_Wanted | Outcome":
        """Settle a call without an amount: the customer's last message names one, or the latest code is meant."""
        last = context.said[-1] if context.said else ""
        named = spoken_amount(last)
        if named is None and yes_or_no(last) == "yes" and len(context.said) > 1:
            named = spoken_amount(context.said[-2])
        if isinstance(named, Ambiguous):
            agreed = _agrees(last, named.readings[0]) and len(named.readings) == 1
            return _Wanted(named.readings[0], reference) if agreed else _ask_which(context, named)
        if isinstance(named, Amount):
            return self._traced(int(named), context, known, reference)
        if says_paid(last):
            return replace(payment_outcome(known[0] if known else None, context), status="refused")
        if known and known[0].state in ("open", "expired") and reference in (None, known[0].reference):
            latest = known[0]
            again = latest if latest.live(context.now) else None
            return _Wanted(latest.amount, latest.reference, again)
        return _refuse(context, "how_much")

    def _traced(
        self, amount: int, context: Context, known: Sequence[KnownPayment], reference: str | None
    ) -> "_Wanted | Outcome":
        """Settle a call with an amount: the customer or an earlier result must have named it, and without doubt."""
        live = next(
            (
                one
                for one in known
                if one.live(context.now) and one.amount == amount and reference in (None, one.reference)
            ),
            None,
        )
        if live is not None:
            return _Wanted(amount, live.reference, live)
        if amount in amounts_in(context.results, without=self.name) or any(one.amount == amount for one in known):
            return _Wanted(amount, reference)
        mention = mentioned(amount, context.said)
        if mention is None:
            return _refuse(context, "unknown", amount=format_rupiah(amount))
        if isinstance(mention, Ambiguous):
            agreed = _agrees(context.said[-1], amount) and len(mention.readings) == 1
            return _Wanted(amount, reference) if agreed else _ask_which(context, mention)
        if (mention.confirm or amount < self._settings.minimum) and not _agrees(context.said[-1], amount):
            question = "small" if amount < self._settings.minimum else "sure"
            text = say(
                question, language_of(context.language), amount=format_rupiah(amount), more=format_rupiah(amount * 1000)
            )
            return Outcome("confirm", text, data={"asked": amount})
        return _Wanted(amount, reference)

    async def _new(self, wanted: _Wanted, context: Context) -> Outcome:
        expires = context.now + self._settings.expires
        reference = wanted.reference or _reference(context.key)
        if self._gateway is not None:
            return await self._charge(self._gateway, wanted.amount, reference, expires, context)
        if self._settings.payload is None:
            return Outcome("failed", f"No code was sent: {self._settings.describe()} are not connected here.")
        amount = await self._unique(wanted.amount, expires, context)
        if amount is None:
            return Outcome(
                "failed", "All unique amounts are taken now; ask the customer to try again in a few minutes."
            )
        code = with_amount(self._settings.payload, amount, reference if self._settings.label else None)
        payment = SendPayment(
            payload=code.text,
            amount=amount,
            reference=reference,
            merchant=self._settings.merchant or code.merchant.name or "",
            nmid=code.merchant.nmid,
            expires=expires,
            provider="static",
            asked=wanted.amount,
        )
        return _offer(payment, context)

    async def _unique(self, amount: int, expires: datetime, context: Context) -> int | None:
        """Find the amount to ask for: with `unique_suffix` 1 to 999 rupiah more or less, so that it tells the order apart."""
        if self._settings.unique_suffix is None:
            return amount
        sign = 1 if self._settings.unique_suffix == "add" else -1
        start = int.from_bytes(hashlib.sha256(context.key.encode()).digest()[:4]) % 999
        suffixes = [(start + step) % 999 + 1 for step in range(999)]
        candidates = [amount + sign * suffix for suffix in suffixes]
        allowed = [one for one in candidates if 1 <= one <= self._settings.limit]
        return await self._book.reserve(context, allowed, expires + self._settings.grace)

    async def _charge(
        self, gateway: Gateway, amount: int, reference: str, expires: datetime, context: Context
    ) -> Outcome:
        order = f"{reference}-{_short(context.key)}" if reference != _reference(context.key) else reference
        charge = await gateway.create(order, amount, expires, f"Pembayaran {reference}")
        code = parse(charge.payload)
        if not code.crc_ok or code.amount != amount:
            raise PayloadError(f"{gateway.name} gave a code over {code.amount}, not over {amount} rupiah")
        payment = SendPayment(
            payload=code.text,
            amount=amount,
            reference=reference,
            merchant=self._settings.merchant or code.merchant.name or "",
            nmid=code.merchant.nmid,
            expires=charge.expires or expires,
            provider=gateway.name,
            provider_id=charge.provider_id,
            order=order,
        )
        return _offer(payment, context)


def _check_reference(reference: Json, context: Context) -> Outcome | None:
    if (
        not isinstance(reference, str)
        or not 1 <= len(reference) <= 25
        or not (reference.isascii() and reference.isprintable())
    ):
        return Outcome("refused", f"reference is {reference!r}; it must be 1 to 25 plain characters.")
    results = (result for outputs in context.results.values() for result in outputs)
    if contains("\n".join(context.said), reference) or any(found(reference, result) for result in results):
        return None
    return Outcome(
        "refused", f"Nobody mentioned the reference {reference!r}. Leave it out, or ask for the order number."
    )


def _resent(payment: KnownPayment) -> SendPayment:
    return SendPayment(
        payload=payment.payload,
        amount=payment.amount,
        reference=payment.reference,
        merchant=payment.merchant,
        nmid=payment.nmid,
        expires=payment.expires,
        provider=payment.provider,
        provider_id=payment.provider_id,
        order=payment.order,
        resend=True,
    )


def _offer(payment: SendPayment, context: Context) -> Outcome:
    again = "again " if payment.resend else ""
    data: dict[str, Json] = {
        "amount": payment.amount,
        "reference": payment.reference,
        "expires": payment.expires.isoformat() if payment.expires else None,
        "paid": False,
    }
    fee = parse(payment.payload).fee
    beside = f" The payer's app adds {fee}: do not say that there is none." if fee else ""
    return Outcome(
        "done",
        f"The QRIS code over {format_rupiah(payment.amount)} (reference {payment.reference}) is sent {again}as a picture with a "
        f"caption.{beside} It has not been paid yet: whether it is paid will be reported by itself, never by the customer.",
        data=data,
        requests=(payment,),
    )


def _agrees(text: str, amount: int) -> bool:
    """Whether a message is a plain yes to an amount in rupiah, which may stand in it."""
    return yes_or_no(text, f"{format_rupiah(amount)}?") == "yes"


def _refuse(context: Context, name: str, **values: str) -> Outcome:
    return Outcome("refused", say(name, language_of(context.language), **values))


def _ask_which(context: Context, unclear: Ambiguous) -> Outcome:
    choices = [format_rupiah(reading) for reading in unclear.readings]
    language = language_of(context.language)
    if len(choices) < 2:
        return Outcome("refused", say("unclear", language, reading=choices[0]))
    joint = " atau " if language == "id" else " or "
    return Outcome("refused", say("which", language, choices=joint.join([", ".join(choices[:-1]), choices[-1]])))


def _reference(key: str) -> str:
    """A short reference of our own, the same for the same step."""
    return f"QR-{_short(key)}"


def _short(key: str) -> str:
    return base64.b32encode(hashlib.sha256(key.encode()).digest()[:5]).decode()


_WITHIN = r"(?:[^.?!]|\.(?=[0-9]))"  # the same sentence; the dots of Rp50.000 do not end it


class CheckPayment:
    """Look a payment up in the book, and ask the gateway about one that is still open.

    Money that has not arrived is a refusal, in words for the customer: without a receipt nothing may be claimed.
    """

    name = "check_payment"
    builtin: str | None = "check_payment"
    parameters: Mapping[str, Json] = {
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
    description = (
        "Look up whether the customer's money has arrived: the latest payment's, or the one's with `reference`. Use it when the customer "
        "claims to have paid, or asks whether it came in. Only a done outcome of this action means that it arrived; a screenshot or the "
        "customer's word means nothing."
    )
    examples: Sequence[str] = (
        "pembayaran saya sudah masuk belum?",
        "uangnya sudah masuk?",
        "sudah ditransfer",
        "has my money arrived?",
    )
    claims: Sequence[str] = (
        rf"\b(?:pembayaran|transfer|uang)(?:nya)?\b{_WITHIN}{{0,40}}\b(?:sudah|telah|berhasil)\b{_WITHIN}{{0,25}}"
        r"\b(?:(?:kami|saya) terima|diterima|masuk)\b",
        rf"\b(?:sudah|telah)\b{_WITHIN}{{0,20}}\blunas\b",
        rf"\bpayment\b{_WITHIN}{{0,40}}\b(?:has been|was|is|have)\b{_WITHIN}{{0,15}}\b(?:received|confirmed|completed?)\b",
        r"\b(?:we|I)(?: have|'ve)? received (?:your|the) payment\b",
    )
    effect = False
    reads = True
    idempotent = True
    identity: Sequence[str] = ()
    per_turn: int | None = None
    hints: Sequence[str] = ()
    confirm: str | None = None
    confirm_expires = CONFIRM_EXPIRES

    def __init__(self, book: PaymentBook, gateway: Gateway | None = None) -> None:
        self._book = book
        self._gateway = gateway

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

    async def check(self, arguments: Mapping[str, Json], context: Context) -> Outcome | None:
        return None

    async def run(self, arguments: Mapping[str, Json], context: Context) -> Outcome:
        payment = await self._find(arguments.get("reference"), context)
        if payment is not None and payment.state in ("open", "expired") and await self._ask_gateway(payment, context):
            payment = await self._find(arguments.get("reference"), context) or payment
        return payment_outcome(payment, context)

    async def _find(self, reference: Json, context: Context) -> KnownPayment | None:
        known = await self._book.payments(context)
        return next((one for one in known if reference is None or one.reference == reference), None)

    async def _ask_gateway(self, payment: KnownPayment, context: Context) -> bool:
        """Enter what the gateway knows, where a notification was lost; whether the payment turned out to be paid."""
        if self._gateway is None or payment.provider != self._gateway.name or payment.provider_id is None:
            return False
        try:
            event = await status_of(self._gateway, payment.order or payment.reference, payment.provider_id)
        except GatewayError:
            return False  # the book stays right: no payment has arrived
        if event.what != "paid":
            return False
        await self._book.report(event, context.now)
        return True


def told_as_arrived(text: str, results: Sequence[Json]) -> str | None:
    """Name the payment of which an answer tells that it has arrived.

    Args:
        text: the answer.
        results: what `check_payment` returned when it was done, oldest first.

    Returns:
        Its reference; `None` where the answer does not speak of it.
    """
    last = results[-1] if results else None
    if not isinstance(last, dict) or not isinstance(reference := last.get("reference"), str):
        return None
    plain = " ".join(text.split())
    named = reference in plain or (isinstance(amount := last.get("amount"), int) and format_rupiah(amount) in plain)
    return reference if named or _CLAIMED.search(plain) else None


_CLAIMED = re.compile("|".join(f"(?:{claim})" for claim in CheckPayment.claims), re.IGNORECASE)


def payment_outcome(payment: KnownPayment | None, context: Context) -> Outcome:
    """Tell the customer the state of a payment; the outcome is `done` only when its money has arrived."""
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
