"""What customers write and nobody should keep: card numbers, passwords, one-time codes."""

import re

_NUMBER = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)")
_SECRET = re.compile(
    r"\b(?:pass(?:word|code|phrase)|kata ?(?:sandi|laluan)|sandi|m?-?pin|otp|cvv2?|cvc|kode (?:verifikasi|otp|rahasia))(?:nya|ku)?\b"
    r"\W*(?:(?:is|adalah|ialah|saya|ku|ini|my)\W+){0,2}(?=\S*\d)",
    re.IGNORECASE,
)


def secret_in(text: str) -> str | None:
    """What of that a text holds, in words: `a card number`; `None` for none of it."""
    if any(_is_card(re.sub(r"\D", "", match[0])) for match in _NUMBER.finditer(text)):
        return "a card number"
    return "a password or code" if _SECRET.search(text) else None


def _is_card(digits: str) -> bool:
    """13 to 19 digits whose last is right by Luhn's rule (ISO/IEC 7812-1, annex B). A phone number with its plus is none."""
    doubled = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
