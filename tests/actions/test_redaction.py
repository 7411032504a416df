"""Secrets of the agent in texts and structures, and what is never kept of what customers write."""

import base64
import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.redaction import MASK, Redactor, learn, secret_in, secrets_in_address, secrets_of, secrets_of_address
from messaging.settings import MessagingSettings


def test_a_secret_is_masked_wherever_it_stands() -> None:
    redactor = Redactor(["tok-123456", "a b/c&d"])
    value = {"tok-123456": ["x tok-123456 y", ("a%20b%2Fc%26d", 5, None)], "n": True}
    assert redactor(value) == {"•••": ["x ••• y", ("•••", 5, None)], "n": True}


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://crm.example.com/told", set()),
        ("https://crm.example.com/v2/webhooks/order-created-2026?source=balas&page=2", set()),
        ("https://crm.example.com/getOrderStatus/OrderStatusUpdateHook", set()),
        ("https://crm.example.com/in?api_key=k-1&sig=abcd&x={event.token}", {"k-1", "abcd"}),
        ("https://crm.example.com/in/path-secret-Qx9/orders", {"path-secret-Qx9"}),
        ("https://crm.example.com/a8Bf39xQz71LkPm20/{event.id}", {"a8Bf39xQz71LkPm20"}),
        ("https://crm.example.com/in?ref=9f86d081884c7d659a2feaa0", {"9f86d081884c7d659a2feaa0"}),
        ("https://hooks.slack.com/services/T024BE7LD/B024BE7LE/x4", {"T024BE7LD", "B024BE7LE"}),
        ("https://hooks.zapier.com/hooks/catch/123456/bk3x7q2/", {"bk3x7q2"}),
        ("https://user:p%40ss-word@crm.example.com/told", {"p@ss-word"}),
        ("https://[not-an-address/secret-of-nobody", set()),
    ],
)
def test_what_of_an_address_is_a_secret_is_known(url: str, secrets: set[str]) -> None:
    assert secrets_of_address(url) == secrets


def test_a_value_of_the_environment_behind_a_host_is_a_secret() -> None:
    values = ["crm.example.com", "k9", "production", "abc-4711-def", "pass-secret"]
    url = "https://crm.example.com/production/k9/abc-4711-def?x=pass-secret"
    assert secrets_in_address(url, values) == {"abc-4711-def", "pass-secret"}
    assert secrets_in_address("sqlite:////data/2026/balas.db", ["data/2026"]) == set()


def test_the_longer_of_two_secrets_is_masked_whole_and_short_ones_are_left() -> None:
    assert Redactor(["tok-1", "tok-123"]).text("tok-123 tok-1 abc") == "••• ••• abc"
    assert Redactor(["abc", ""]).text("abc") == "abc"


def test_a_redactor_learns_further_secrets() -> None:
    known = Redactor(["first-one"])
    assert known.also(["second-one"]).text("first-one second-one") == "••• •••"
    assert known.text("second-one") == "second-one"


@given(st.lists(st.text(min_size=4, max_size=12), min_size=1, max_size=4), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives(secrets: list[str], before: str, after: str) -> None:
    masked = Redactor(secrets).text(before + secrets[0] + after)
    assert secrets[0] not in masked or secrets[0] in "•••"


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


def test_a_secret_is_found_in_json_base64_and_forms() -> None:
    secret = 'rahasia "kopi"+1\\2'
    redact = Redactor([secret]).text
    for spelt in (
        json.dumps({"a": secret}),
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode().rstrip("="),
    ):
        assert MASK in redact(spelt)
        assert "kopi" not in redact(spelt)


def test_a_secret_that_comes_up_at_run_time_is_masked_by_redactors_made_before() -> None:
    redactor = Redactor(["another"])
    assert redactor.text("Bearer run-time-token-81") == "Bearer run-time-token-81"
    learn("run-time-token-81")
    assert redactor.text("Bearer run-time-token-81") == f"Bearer {MASK}"


@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"key": "k-12345", "base_url": "https://stall.example"}, {"k-12345"}),
        ({"api_token": "t-12345", "clientSecret": "s-12345", "retries": 3, "verified": True}, {"t-12345", "s-12345"}),
        ({"accounts": [{"password": "p-12345", "user": "budi"}]}, {"p-12345"}),
        ({"keyword": "promo", "monkey": "kong", "tokenizer": "bpe", "key": ""}, set()),
    ],
)
def test_secrets_in_the_options_of_an_extension_are_known_by_their_names(
    options: dict[str, Any], secrets: set[str]
) -> None:
    assert secrets_of([MessagingSettings(platform="sandbox", options=options)]) == secrets | {""}


def test_a_secret_is_found_with_its_letters_escaped() -> None:
    """An entity of each letter passed to the model, and reached the customer as the letters themselves."""
    for secret in ('Br"kr\\9f8e7d/+=x&<y', "p@ss:w0rd%41", "kunci-é-rahasia"):
        redact = Redactor([secret]).text
        once = quote_plus(secret)
        written = [
            once.lower(),
            quote_plus(once),
            quote_plus(quote_plus(once)),
            secret.encode().hex().upper(),
            secret.upper(),
        ]
        written += [
            "".join(form.format(ord(letter)) for letter in secret) for form in ("&#{};", "&#x{:X};", "\\u{:04x}")
        ]
        assert MASK in redact(json.dumps(json.dumps(json.dumps(secret))))
        assert {redact(f"a {each} z") for each in written} == {f"a {MASK} z"}
