"""Webhook signatures: HMAC-SHA256 over the raw body, as respond.io, Aelyst, AIsoule and Zernio make them.

respond.io (and so Aelyst) write the digest in base64, AIsoule and Zernio in hex, under the same header name; which one
applies is a property of the platform, never of the header.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Literal

from messaging.errors import SignatureError

Encoding = Literal["base64", "hex"]


def sign(key: bytes, body: bytes, encoding: Encoding) -> str:
    """The signature of `body`, as the header carries it."""
    digest = hmac.new(key, body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii") if encoding == "base64" else digest.hex()


def check(keys: Sequence[bytes], body: bytes, signature: str | None, encoding: Encoding) -> None:
    """Return if `signature` is that of exactly these bytes under one of the keys; compared in constant time.

    Several keys, because each webhook of a workspace has its own. A `sha256=` prefix and, for hex, upper case are accepted:
    they carry no meaning.

    Raises:
        SignatureError: the signature is missing or wrong, or there is no key (an empty one would sign for everybody).
    """
    usable = [key for key in keys if key]
    if not usable:
        raise SignatureError(
            "no webhook secret is configured, so nothing can be verified; set messaging.webhook_secret"
        )
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
