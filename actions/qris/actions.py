"""What the action must know of payments, whoever keeps them."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from actions.action import CONFIRM_EXPIRES, Context, Json, Outcome, SendPayment
from actions.provenance import found
from actions.qris.code import parse, with_amount
from actions.qris.errors import GatewayError, GatewayUnavailable, PayloadError
from actions.qris.gateways.gateway import Event, Gateway
from actions.qris.money import (
    Ambiguous,
    Amount,
    amount_in_words,
    find_amount,
    find_amounts,
    format_rupiah,
    parse_amount,
)
from actions.qris.settings import QrisSettings
from actions.qris.states import SETTLED, PaymentState
from actions.qris.texts import language_of, say
from language.values import contains


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


_YES = re.compile(
    r"\W*(?:y|ya+h?|iya+|yoi|yup|yes|yeah|yep|ok(?:e|ay|ey)?|betul|benar|bener|setuju|lanjut|sip|boleh|sure|correct|right|exactly)\b"
    r"(?!.*\b(?:tapi|bukan|but|not|no)\b)",
    re.IGNORECASE,
)


def is_yes(text: str) -> bool:
    """Whether a message is a plain yes: "iya betul", "ok", "yes please"."""
    return _YES.match(text) is not None and len(text) <= 60


def spoken_amount(text: str) -> Amount | Ambiguous | None:
    """The one amount of a message, in digits or else in words."""
    found = find_amount(text)
    return amount_in_words(text) if found is None else found


def mentioned(amount: int, said: Sequence[str]) -> Amount | Ambiguous | None:
    """How the customer spoke of `amount`: surely (an `Amount` without `confirm`), or less than that; `None`: never.

    The surest mention counts.
    """
    best: Amount | Ambiguous | None = None
    for text in said:
        found: list[Amount | Ambiguous] = find_amounts(text)
        if (words := amount_in_words(text)) is not None:
            found.append(words)
        if isinstance(whole := parse_amount(text), Amount | Ambiguous):
            found.append(whole)
        for one in found:
            if isinstance(one, Amount) and one == amount:
                if not one.confirm:
                    return one
                best = one
            elif isinstance(one, Ambiguous) and amount in one.readings and best is None:
                best = one
    return best


def amounts_in(results: Mapping[str, Sequence[Json]], *, without: str) -> set[int]:
    """Every number in the results of earlier actions, except those of `without`."""
    return {
        amount
        for name, outputs in results.items()
        if name != without
        for output in outputs
        for amount in _amounts(output)
    }


def _amounts(output: Json) -> Iterator[int]:
    for leaf in _leaves(output):
        if isinstance(leaf, bool):
            continue
        if isinstance(leaf, int):
            yield leaf
        elif isinstance(leaf, float) and leaf.is_integer():
            yield int(leaf)
        elif isinstance(leaf, str) and isinstance(amount := parse_amount(leaf), Amount):
            yield int(amount)


def _leaves(value: Json) -> Iterator[str | int | float]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif value is not None:
        yield value


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
        self.builtin: str | None = NAME
        self.description = DESCRIPTION
        self.parameters: Mapping[str, Json] = PARAMETERS
        self.examples: Sequence[str] = EXAMPLES
        self.effect = gateway is not None  # a static code changes nothing anywhere
        self.reads = False
        self.idempotent = True
        self.confirm: str | None = None
        self.confirm_expires = CONFIRM_EXPIRES
        self.claims: Sequence[str] = ()

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


CHECK_NAME = "check_payment"
CHECK_DESCRIPTION = (
    "Look up whether the customer's money has arrived: the latest payment's, or the one's with `reference`. Use it when the customer "
    "claims to have paid, or asks whether it came in. Only a done outcome of this action means that it arrived; a screenshot or the "
    "customer's word means nothing."
)
CHECK_EXAMPLES = (
    "pembayaran saya sudah masuk belum?",
    "uangnya sudah masuk?",
    "sudah ditransfer",
    "has my money arrived?",
)
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

    name = CHECK_NAME
    builtin: str | None = CHECK_NAME
    description = CHECK_DESCRIPTION
    examples: Sequence[str] = CHECK_EXAMPLES
    claims: Sequence[str] = CLAIMS
    effect = False
    reads = True
    idempotent = True
    confirm: str | None = None
    confirm_expires = CONFIRM_EXPIRES

    def __init__(self, book: PaymentBook, gateway: Gateway | None = None) -> None:
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

    def visible(self, arguments: Mapping[str, Json], context: Context) -> Mapping[str, Json]:
        return arguments

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
