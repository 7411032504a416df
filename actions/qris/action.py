"""The built-in action `send_qris`: from "bayar 50rb", or an order's total, to one code that is ready to be sent.

The amount is an integer that somebody named; the model can pass it on but not make it up. Whether it was paid, this action never
says: that is known from a notification, or from the operator.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions.action import Context, Json, Outcome, SendPayment
from actions.provenance import found
from actions.qris.amounts import Ambiguous, Amount, format_rupiah
from actions.qris.book import KnownPayment, PaymentBook
from actions.qris.caption import language_of
from actions.qris.check import says_paid, told
from actions.qris.dynamic import with_amount
from actions.qris.errors import GatewayError, GatewayUnavailable, PayloadError
from actions.qris.gateways.gateway import Gateway
from actions.qris.payload import parse
from actions.qris.phrases import say
from actions.qris.provenance import amounts_in, is_yes, mentioned, spoken_amount
from actions.qris.settings import QrisSettings
from actions.spoken import contains

NAME = "send_qris"
DESCRIPTION = (
    "Send the customer a QRIS payment code as a picture with its caption. Use it when the customer wants to pay, asks for QRIS, or "
    "asks for the code again. `amount` is in whole rupiah and must be one that the customer named or that an earlier action "
    "returned (an order's total); leave it out to use what the customer just wrote, or to send the code that is still open again. "
    "The picture and its caption are sent by themselves: do not repeat them, and never say that a payment has arrived."
)
EXAMPLES = (
    "bayar 50rb",
    "mau bayar",
    "minta qris",
    "kirim ulang qris",
    "pay 50k",
    "can I pay by QRIS",
    "send the QR again",
)
PARAMETERS: dict[str, Json] = {
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


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be paid, once it is settled that it may be."""

    amount: int
    reference: str | None
    again: KnownPayment | None = None  # this live code fits: send it again


class SendQris:
    """`actions.action.Action`: offers one payment code, on the operator's static payload or through a gateway."""

    def __init__(
        self,
        settings: QrisSettings,
        book: PaymentBook,
        gateway: Gateway | None = None,
    ) -> None:
        """`gateway` is what `settings.gateway` describes (see `actions.qris.gateways.connect`).

        Without the gateway that `settings` asks for, the action can be looked at and checked, but sends nothing.
        """
        self._settings = settings
        self._book = book
        self._source: Gateway | str | None = gateway or settings.payload
        self._gateway = gateway
        self.name = NAME
        self.description = DESCRIPTION
        self.parameters: Mapping[str, Json] = PARAMETERS
        self.examples: Sequence[str] = EXAMPLES
        self.effect = gateway is not None  # a static code changes nothing anywhere
        self.idempotent = True
        self.confirm: str | None = None
        self.confirm_expires = timedelta(minutes=15)
        self.claims: Sequence[str] = ()

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
            settled = self._read_off(context, known, wanted_reference)
        elif isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
            return Outcome("refused", f"amount is {amount!r}; it must be a whole number of rupiah, e.g. 50000.")
        else:
            settled = self._trace(amount, context, known, wanted_reference)
        if isinstance(settled, _Wanted) and settled.amount > self._settings.limit:
            limit = format_rupiah(self._settings.limit)
            return _refuse(context, "limit", amount=format_rupiah(settled.amount), limit=limit)
        return settled

    def _read_off(self, context: Context, known: Sequence[KnownPayment], reference: str | None) -> "_Wanted | Outcome":
        """No amount was passed: the customer's last message names one, or the last code is meant."""
        last = context.said[-1] if context.said else ""
        named = spoken_amount(last)
        if named is None and is_yes(last) and len(context.said) > 1:
            named = spoken_amount(context.said[-2])
        if isinstance(named, Ambiguous):
            agreed = is_yes(last) and len(named.readings) == 1
            return _Wanted(named.readings[0], reference) if agreed else _ask_which(context, named)
        if isinstance(named, Amount):
            return self._trace(int(named), context, known, reference)
        if says_paid(last):
            return replace(told(known[0] if known else None, context), status="refused")
        if known and known[0].state in ("open", "expired") and reference in (None, known[0].reference):
            latest = known[0]
            again = latest if latest.live(context.now) else None
            return _Wanted(latest.amount, latest.reference, again)
        return _refuse(context, "how_much")

    def _trace(
        self, amount: int, context: Context, known: Sequence[KnownPayment], reference: str | None
    ) -> "_Wanted | Outcome":
        """An amount was passed: it must have been named, and surely so."""
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
            agreed = is_yes(context.said[-1]) and len(mention.readings) == 1
            return _Wanted(amount, reference) if agreed else _ask_which(context, mention)
        if (mention.confirm or amount < self._settings.minimum) and not is_yes(context.said[-1]):
            question = "small" if amount < self._settings.minimum else "sure"
            text = say(
                question, language_of(context.language), amount=format_rupiah(amount), more=format_rupiah(amount * 1000)
            )
            return Outcome("confirm", text, data={"asked": amount})
        return _Wanted(amount, reference)

    async def _new(self, wanted: _Wanted, context: Context) -> Outcome:
        expires = context.now + self._settings.expires
        reference = wanted.reference or _reference(context.key)
        if self._source is None:
            return Outcome("failed", f"No code was sent: {self._settings.describe()} are not connected here.")
        if not isinstance(self._source, str):
            return await self._charge(self._source, wanted.amount, reference, expires, context)
        amount = await self._unique(wanted.amount, expires, context)
        if amount is None:
            return Outcome(
                "failed", "All unique amounts are taken now; ask the customer to try again in a few minutes."
            )
        code = with_amount(self._source, amount, reference if self._settings.label else None)
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
        """The amount to ask for, with a suffix of its own when the operator wants one."""
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
    return Outcome(
        "done",
        f"The QRIS code over {format_rupiah(payment.amount)} (reference {payment.reference}) is sent {again}as a picture with a "
        "caption. It has not been paid yet: whether it is paid will be reported by itself, never by the customer.",
        data=data,
        requests=(payment,),
    )


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
