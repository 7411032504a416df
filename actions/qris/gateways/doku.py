"""DOKU, by Bank Indonesia's SNAP standard (services 47 generate, 51 query, 77 cancel, 52 notify), and its older notifications.

Other SNAP providers (Winpay, Finpay, Faspay …) differ in their paths, which are settings, and in who signs notifications how:
with the shared secret, or with their RSA key.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from actions.qris.errors import GatewayRefused, NotificationForged
from actions.qris.gateways.gateway import Charge, Event, call, reason_in, required
from actions.qris.gateways.settings import DokuSettings
from actions.qris.gateways.signing import (
    WIB,
    base64_text,
    hmac_sha256,
    hmac_sha512,
    moment,
    name_of,
    part_of,
    read_json,
    rupiah,
    same,
    text_of,
)
from actions.qris.states import Happening
from settings.text import from_json

NAME = "doku"
_STATUS: dict[str, Happening] = {
    "00": "paid",
    "01": "pending",
    "02": "pending",
    "03": "pending",
    "04": "refunded",
    "05": "cancelled",
    "06": "failed",
    "07": "failed",
    "08": "expired",
    "09": "failed",
}
_OLD_STATUS: dict[str, Happening] = {
    "SUCCESS": "paid",
    "PENDING": "pending",
    "EXPIRED": "expired",
    "FAILED": "failed",
    "REFUNDED": "refunded",
}
_OLDEST, _AHEAD = timedelta(hours=1), timedelta(minutes=5)
"""How old the signed time of a notification may be, and how far our clock may be behind. A retry is signed anew."""
_EARLY = timedelta(seconds=30)
"""An access token is not used in its last seconds."""


class Doku:
    """`Gateway` over one partner account. `clock` gives aware times."""

    name = NAME

    def __init__(self, settings: DokuSettings, client: httpx.AsyncClient, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._token: tuple[str, datetime] | None = None

    async def create(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        body: dict[str, Any] = {
            "partnerReferenceNo": order,
            "amount": {"value": f"{amount}.00", "currency": "IDR"},
            "merchantId": self._settings.merchant_id,
            "terminalId": self._settings.terminal_id,
            "validityPeriod": _timestamp(expires),
            "additionalInfo": {"isStatic": False, "feeType": "1"},
        }
        if self._settings.postal_code is not None:
            body["additionalInfo"]["postalCode"] = self._settings.postal_code
        answer = await self._call(self._settings.generate_path, body)
        info = part_of(answer, "additionalInfo")
        return Charge(
            order,
            str(answer.get("referenceNo") or info.get("contractId") or order),
            required(answer, "qrContent", NAME),
            amount,
            moment(info.get("expiredAt") or info.get("validityPeriod"), expires),
        )

    async def status(self, order: str, provider_id: str) -> Event:
        answer = await self._call(
            self._settings.query_path,
            {
                "originalReferenceNo": provider_id,
                "originalPartnerReferenceNo": order,
                "serviceCode": "47",
                "merchantId": self._settings.merchant_id,
            },
        )
        known = {"originalPartnerReferenceNo": order, "originalReferenceNo": provider_id}
        event = _snap_event(known | answer, self._clock())
        if event.merchant not in (None, self._settings.merchant_id):
            raise GatewayRefused(f"{NAME} answered about the merchant {event.merchant}")
        return event

    async def cancel(self, order: str, provider_id: str) -> None:
        await self._call(
            self._settings.cancel_path,
            {
                "originalReferenceNo": provider_id,
                "originalPartnerReferenceNo": order,
                "merchantId": self._settings.merchant_id,
                "reason": "cancelled by the merchant",
            },
        )

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        return verify(self._settings, headers, body, path, self._clock())

    async def _call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call once; once more with a new access token where the one that is kept does not hold any more."""
        kept = self._token
        try:
            return await self._signed(path, body)
        except GatewayRefused as error:
            if kept is None or error.args[1:] != (401,):
                raise
        self._token = None
        return await self._signed(path, body)

    async def _signed(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        token = await self._access_token()
        content = json.dumps(body, separators=(",", ":")).encode()
        timestamp = _timestamp(self._clock())
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "X-PARTNER-ID": self._settings.client_id,
            "X-EXTERNAL-ID": _external_id(path, content, timestamp),
            "X-TIMESTAMP": timestamp,
            "X-SIGNATURE": symmetric(self._settings.secret_key.get_secret_value(), path, token, content, timestamp),
            "CHANNEL-ID": "H2H",
        }
        answer = await call(
            self._client, NAME, "POST", self._settings.base_url.rstrip("/") + path, headers=headers, body=content
        )
        if not str(answer.get("responseCode", "")).startswith("200"):
            raise GatewayRefused(f"{NAME} refused ({answer.get('responseCode')}): {reason_in(answer)}")
        return answer

    async def _access_token(self) -> str:
        now = self._clock()
        if self._token is not None and now < self._token[1]:
            return self._token[0]
        timestamp = _timestamp(now)
        answer = await call(
            self._client,
            NAME,
            "POST",
            self._settings.base_url.rstrip("/") + self._settings.token_path,
            headers={
                "Content-Type": "application/json",
                "X-CLIENT-KEY": self._settings.client_id,
                "X-TIMESTAMP": timestamp,
                "X-SIGNATURE": _sign_rsa(
                    self._settings.private_key.get_secret_value(), f"{self._settings.client_id}|{timestamp}"
                ),
            },
            body=b'{"grantType":"client_credentials"}',
        )
        token = required(answer, "accessToken", NAME)
        lifetime = timedelta(seconds=min(86_400, rupiah(answer.get("expiresIn") or 900)))
        self._token = (token, now + lifetime - _EARLY)
        return token


def symmetric(secret: str, path: str, token: str, body: bytes, timestamp: str) -> str:
    """Make the `X-SIGNATURE` of a call with an access token: HMAC-SHA512 over method, path, token, body hash and time.

    Source: Bank Indonesia, SNAP, technical and security standard: symmetric signature of transaction services.

    Args:
        secret: the client secret.
        timestamp: as it is sent in `X-TIMESTAMP`.

    Returns:
        The signature in Base64.
    """
    text = f"POST:{path}:{token}:{hashlib.sha256(body).hexdigest()}:{timestamp}"
    return base64_text(hmac_sha512(secret, text))


def request_signature(secret: str, headers: Mapping[str, str], body: bytes, path: str) -> str:
    """Make the `Signature` of DOKU's notifications outside SNAP (DOKU: signature component from request header).

    Args:
        secret: the secret key.
        headers: of the notification, with lower-case names.
        path: of our own URL, as it was called.
    """
    digest = base64_text(hashlib.sha256(body).digest())
    lines = [
        f"Client-Id:{headers.get('client-id', '')}",
        f"Request-Id:{headers.get('request-id', '')}",
        f"Request-Timestamp:{headers.get('request-timestamp', '')}",
        f"Request-Target:{path}",
        f"Digest:{digest}",
    ]
    return "HMACSHA256=" + base64_text(hmac_sha256(secret, "\n".join(lines)))


def verify(settings: DokuSettings, headers: Mapping[str, str], body: bytes, path: str, now: datetime) -> Event:
    """The event of a notification, in SNAP's form or DOKU's older one; arguments and errors as for `Gateway.verify`."""
    if "signature" in headers:
        right = request_signature(settings.secret_key.get_secret_value(), headers, body, path)
        same(right, headers["signature"], "Signature")
        same(settings.client_id, headers.get("client-id"), "Client-Id")
        _check_time(headers.get("request-timestamp"), now, "Request-Timestamp")
        return _old_event(read_json(body), now)
    _check_snap(settings, headers, body, path)
    _check_time(headers.get("x-timestamp"), now, "X-TIMESTAMP")
    if "x-partner-id" in headers:
        same(settings.client_id, headers["x-partner-id"], "X-PARTNER-ID")
    event = _snap_event(read_json(body), now)
    if event.merchant is not None:
        same(settings.merchant_id, event.merchant, "merchantId")
    return event


def _check_snap(settings: DokuSettings, headers: Mapping[str, str], body: bytes, path: str) -> None:
    given = headers.get("x-signature")
    timestamp = headers.get("x-timestamp", "")
    if settings.public_key is not None:
        digests = {hashlib.sha256(form).hexdigest() for form in (body, _minified(body))}
        if not given or not any(
            _rsa_holds(settings.public_key, f"POST:{path}:{digest}:{timestamp}", given) for digest in digests
        ):
            raise NotificationForged(f"X-SIGNATURE is {'wrong' if given else 'missing'}")
        return
    token = headers.get("authorization", "").removeprefix("Bearer ").strip()
    secret = settings.secret_key.get_secret_value()
    right = symmetric(secret, path, token, body, timestamp)
    if _minified(body) != body and given is not None:
        minified = symmetric(secret, path, token, _minified(body), timestamp)
        right = minified if _equal(minified, given) else right
    same(right, given, "X-SIGNATURE")


def _check_time(given: str | None, now: datetime, what: str) -> None:
    """Refuse a notification whose signed time is outside the window: what was once signed must not be played again.

    Raises:
        NotificationForged: it is too old, too far ahead, or no time.
    """
    try:
        at = datetime.fromisoformat((given or "").strip())
    except ValueError:
        raise NotificationForged(f"{what} {given!r} is not a time") from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=WIB)
    if not now - _OLDEST <= at <= now + _AHEAD:
        raise NotificationForged(f"{what} {given} is not within {_OLDEST} of now")


def _equal(one: str, other: str) -> bool:
    import hmac

    return hmac.compare_digest(one.encode(), other.encode())


def _minified(body: bytes) -> bytes:
    """The body as its sender hashed it: JSON without white space."""
    try:
        return json.dumps(from_json(body), separators=(",", ":"), ensure_ascii=False).encode()
    except ValueError:
        return body


def _snap_event(values: Mapping[str, Any], now: datetime) -> Event:
    money, info = part_of(values, "amount"), part_of(values, "additionalInfo")
    order = values.get("originalPartnerReferenceNo") or values.get("originalPartnerReferanceNo")
    reference = values.get("originalReferenceNo")
    return Event(
        gateway=NAME,
        order=text_of({"originalPartnerReferenceNo": order}, "originalPartnerReferenceNo"),
        provider_id=str(reference) if reference else None,
        what=_STATUS.get(text_of(values, "latestTransactionStatus"), "pending"),
        amount=rupiah(text_of(money, "value")),
        currency=text_of(money, "currency"),
        at=moment(values.get("paidTime") or values.get("transactionDate") or info.get("paidTime"), now),
        receipt=str(reference or order),  # a code is for one payment
        payer=name_of(info.get("issuer")),
        merchant=name_of(values.get("merchantId")),
    )


def _old_event(values: Mapping[str, Any], now: datetime) -> Event:
    order, transaction = part_of(values, "order"), part_of(values, "transaction")
    return Event(
        gateway=NAME,
        order=text_of(order, "invoice_number"),
        provider_id=None,  # this form knows the request, not the charge
        what=_OLD_STATUS.get(text_of(transaction, "status"), "pending"),
        amount=rupiah(text_of(order, "amount")),
        currency=str(order.get("currency", "IDR")),
        at=moment(transaction.get("date"), now),
        receipt=text_of(order, "invoice_number"),
        payer=name_of(part_of(values, "acquirer").get("name")),
    )


def _timestamp(at: datetime) -> str:
    return at.astimezone(WIB).isoformat(timespec="seconds")


def _external_id(path: str, body: bytes, timestamp: str) -> str:
    """Digits that are unique within a day, and the same for the very same call."""
    digest = hashlib.sha256(b"\n".join([path.encode(), body, timestamp.encode()])).digest()
    return str(int.from_bytes(digest[:12])).zfill(29)[:32]


def _sign_rsa(private_key: str, text: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise GatewayRefused(f"{NAME}: private_key is not an RSA key in PEM form") from error
    if not isinstance(key, RSAPrivateKey):
        raise GatewayRefused(f"{NAME}: private_key is not an RSA key")
    return base64_text(key.sign(text.encode(), PKCS1v15(), SHA256()))


def _rsa_holds(public_key: str, text: str, signature: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key.encode())
        if not isinstance(key, RSAPublicKey):
            raise NotificationForged("public_key is not an RSA key, so nothing can be verified")
        key.verify(base64.b64decode(signature), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
