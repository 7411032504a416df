"""Where an amount of money may come from: what the customer wrote or said, or what an earlier action answered. Nowhere else."""

import re
from collections.abc import Iterator, Mapping, Sequence

from actions.action import Json
from actions.qris.amounts import Ambiguous, Amount, parse_amount
from actions.qris.sentences import find_amount, find_amounts
from actions.qris.words import amount_in_words

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
