"""What a conversation says of amounts and payments: an amount is asked for only when the customer or a result named it."""

import re
from collections.abc import Iterator, Mapping, Sequence

from actions.action import Json
from actions.qris.money import Ambiguous, Amount, amount_in_words, find_amount, find_amounts, parse_amount


def spoken_amount(text: str) -> Amount | Ambiguous | None:
    """Find the one amount of a message, in digits or else in words."""
    found = find_amount(text)
    return amount_in_words(text) if found is None else found


def mentioned(amount: int, said: Sequence[str]) -> Amount | Ambiguous | None:
    """Find how the customer named `amount` (rupiah) in any of their messages; the clearest mention counts.

    Returns:
        An `Amount` without `confirm` where it is certain, one with `confirm` or an `Ambiguous` that includes it where it is
        not, and `None` when it was never named.
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
    """Collect the amounts in the results of earlier actions, except those of the action `without`."""
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


_HAS_PAID = re.compile(
    r"\b(?:sudah|udah|udh|dah|sdh|telah|barusan|baru saja)\b.{0,15}\b(?:di)?(?:bayar|transfer|tf|scan)\b"
    r"|\bi(?:'ve| have)? (?:just )?paid\b",
    re.IGNORECASE,
)


def says_paid(text: str) -> bool:
    """Tell whether a customer claims to have paid: "sudah saya transfer ya"."""
    return _HAS_PAID.search(text) is not None
