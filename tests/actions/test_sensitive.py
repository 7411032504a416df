"""What is never kept of what customers write."""

import pytest

from actions.redaction import secret_in


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4111 1111 1111 1111", "a card number"),
        ("kartu saya 5500-0000-0000-0004 ya", "a card number"),
        ("378282246310005", "a card number"),
        ("PIN saya 123456", "a password or code"),
        ("kata sandinya adalah rahasia123", "a password or code"),
        ("otp: 992211", "a password or code"),
        ("4111 1111 1111 1112", None),
        ("+6281234567890123", None),
        ("Jl. Pinang 12, Bandung", None),
        ("suka kopi tanpa gula", None),
        ("Budi", None),
    ],
)
def test_cards_passwords_and_codes_are_told_from_everything_else(text: str, kind: str | None) -> None:
    assert secret_in(text) == kind
