"""Webhook signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import SignatureError
from messaging.signature import Encoding, check, sign

# Made by two independent implementations of respond.io's receivers.
VECTORS = [
    (b"secret-key", b'{"some":"payload"}', "Bq1g+eoWPzyDxcVsyqSfJaTHxwAIVJPuJ/kAf+Ef0QA="),
    (b"secret", b'{"event":"message","data":"test"}', "UtAE5LaeNjrL33PUEQfh69YKw7UhrrkOL9tQN0+xIrI="),
]


@pytest.mark.parametrize(("key", "body", "signature"), VECTORS)
def test_known_signatures_are_made_and_accepted(key: bytes, body: bytes, signature: str) -> None:
    assert sign(key, body, "base64") == signature
    check([key], body, signature, "base64")
    check([b"another", key], body, signature, "base64")


@pytest.mark.parametrize(("key", "body", "signature"), VECTORS)
def test_a_changed_byte_is_refused(key: bytes, body: bytes, signature: str) -> None:
    for changed in (body + b" ", body.replace(b":", b": "), b""):
        with pytest.raises(SignatureError, match="does not match"):
            check([key], changed, signature, "base64")


def test_the_encoding_is_not_guessed() -> None:
    key, body, signature = VECTORS[0]
    with pytest.raises(SignatureError):
        check([key], body, signature, "hex")
    check([key], body, sign(key, body, "hex").upper(), "hex")
    check([key], body, "sha256=" + sign(key, body, "hex"), "hex")
    with pytest.raises(SignatureError):
        check([key], body, sign(key, body, "hex"), "base64")


@pytest.mark.parametrize("signature", [None, "", " ", "Bearer x", "é", "\udcff", "=" * 44, "0" * 10_000])
def test_a_missing_or_malformed_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(SignatureError):
        check([b"key"], b"{}", signature, "base64")


def test_without_a_key_everything_is_refused() -> None:
    body = b"{}"
    for keys in ([], [b""], [b"", b""]):
        with pytest.raises(SignatureError, match="webhook_secret"):
            check(keys, body, sign(b"", body, "base64"), "base64")


@given(st.binary(min_size=1), st.binary(), st.sampled_from(["base64", "hex"]))
def test_what_is_signed_is_accepted_and_only_under_its_key(key: bytes, body: bytes, encoding: Encoding) -> None:
    signature = sign(key, body, encoding)
    check([key], body, signature, encoding)
    with pytest.raises(SignatureError):
        check([key + b"x"], body, signature, encoding)
