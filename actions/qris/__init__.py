"""QRIS: reading codes, putting an amount into the merchant's own, drawing them, and asking gateways for theirs."""

from actions.qris.amounts import Ambiguous, Amount, NotAnAmount, format_rupiah, parse_amount
from actions.qris.dynamic import with_amount
from actions.qris.errors import EditRefused, PayloadError, QrisError
from actions.qris.payload import Payload, parse
from actions.qris.sentences import find_amount
from actions.qris.words import amount_in_words

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
