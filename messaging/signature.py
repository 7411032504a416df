"""Webhooks: who sent them, and their body as JSON. Most platforms sign with HMAC-SHA256 over the raw body.

respond.io (and so Aelyst) write the digest in base64, AIsoule, Zernio and Meta in hex; which one applies is a property
of the platform, never of the header. The bytes that arrived are what is signed: JSON that was parsed and written again has
another signature. Here are only functions over bytes; which header a platform uses, its client knows.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

from messaging.errors import PayloadError, SignatureError
from messaging.values import Json, parse_json

Encoding = Literal["base64", "hex"]
"""How a platform writes the 32 bytes of the digest: 44 characters with padding, or 64 digits."""


def sign(key: bytes, body: bytes, encoding: Encoding) -> str:
    """Compute the signature of a body, as the header carries it.

    Args:
        key: the signing key of the webhook.
        body: the raw body.
        encoding: how the platform writes the digest.
    """
    digest = hmac.new(key, body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii") if encoding == "base64" else digest.hex()


def check(keys: Sequence[bytes], body: bytes, signature: str | None, encoding: Encoding) -> None:
    """Return if `signature` is that of exactly these bytes under one of the keys; compared in constant time.

    Args:
        keys: the accepted signing keys; several, because each webhook of a workspace has its own. Empty ones are ignored:
            anyone could sign with an empty key.
        body: the raw body.
        signature: the header's value, `None` when it is missing. A `sha256=` prefix and, for hex, upper case are accepted:
            they carry no meaning.
        encoding: how the platform writes the digest.

    Raises:
        SignatureError: the signature is missing or wrong, or there is no usable key.
    """
    usable = _usable(keys)
    if not signature:
        raise SignatureError("the webhook carries no signature")
    given = signature.strip().removeprefix("sha256=")
    if encoding == "hex":
        given = given.lower()
    shown = given.encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign(key, body, encoding).encode("ascii"), shown) for key in usable]
    if not any(matches):
        raise SignatureError(
            "the webhook signature does not match; is messaging.webhook_secret this webhook's signing key?"
        )


def check_token(keys: Sequence[bytes], given: str | None, header: str) -> None:
    """Return if a header carries one of the keys itself, as Unipile and Telegram do instead of signing.

    Args:
        keys: the accepted secrets; empty ones are ignored.
        given: the header's value, `None` when it is missing.
        header: its name, for the error.

    Raises:
        SignatureError: the header is missing or wrong, or there is no usable key.
    """
    usable = _usable(keys)
    if not given:
        raise SignatureError(f"the webhook carries no {header} header")
    shown = given.strip().encode("utf-8", "replace")
    matches = [hmac.compare_digest(key, shown) for key in usable]
    if not any(matches):
        raise SignatureError(f"the {header} header is not messaging.webhook_secret")


def _usable(keys: Sequence[bytes]) -> list[bytes]:
    usable = [key for key in keys if key]
    if not usable:
        raise SignatureError(
            "no webhook secret is configured, so nothing can be verified; set messaging.webhook_secret"
        )
    return usable


def read_document(body: bytes) -> Json:
    """Parse the body of a webhook.

    Raises:
        PayloadError: not JSON.
    """
    try:
        return parse_json(body)
    except ValueError as error:
        raise PayloadError(f"the webhook body is not JSON: {type(error).__name__}") from None
