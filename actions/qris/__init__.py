"""QRIS: reading codes, putting an amount into the merchant's own, drawing them, and asking gateways for theirs."""

from actions.qris.code import Payload, parse, with_amount
from actions.qris.errors import EditRefused, PayloadError, QrisError
from actions.qris.money import Ambiguous, Amount, NotAnAmount, amount_in_words, find_amount, format_rupiah, parse_amount

__all__ = [
    "Ambiguous",
    "Amount",
    "EditRefused",
    "NotAnAmount",
    "Payload",
    "PayloadError",
    "QrisError",
    "amount_in_words",
    "find_amount",
    "format_rupiah",
    "parse",
    "parse_amount",
    "with_amount",
]
