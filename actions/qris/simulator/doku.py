"""Simulator of DOKU: Bank Indonesia's SNAP interface, and both forms of DOKU's notifications."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.qris.simulator.charges import WIB, Charge, Charges, Keys, Notification, Payment

_STATUS = {"paid": "00", "pending": "03", "cancelled": "05", "failed": "06", "expired": "08"}
_PREFIX = "/snap-adapter/b2b/v1.0/qr/qr-mpm-"


def routes(charges: Charges, keys: Keys, notify: str) -> list[Route]:
    """List DOKU's endpoints. Notifications go to `notify`."""
    tokens: set[str] = set()

    async def token(request: Request) -> Response:
        text = f"{request.headers.get('x-client-key')}|{request.headers.get('x-timestamp')}"
        if request.headers.get("x-client-key") != keys.doku_client or not _signed(keys, text, request):
            return JSONResponse({"responseCode": "4017300", "responseMessage": "Unauthorized. Signature"}, 401)
        tokens.add(made := secrets.token_urlsafe(24))
        return JSONResponse(
            {"responseCode": "2007300", "responseMessage": "Successful", "accessToken": made, "expiresIn": 900}
        )

    async def checked(request: Request) -> dict[str, Any] | Response:
        body = await request.body()
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        timestamp = request.headers.get("x-timestamp", "")
        text = f"POST:{path}:{given}:{hashlib.sha256(body).hexdigest()}:{timestamp}"
        right = base64.b64encode(hmac.digest(keys.doku.encode(), text.encode(), "sha512")).decode()
        if given not in tokens or not hmac.compare_digest(right, request.headers.get("x-signature", "")):
            return JSONResponse({"responseCode": "4014700", "responseMessage": "Unauthorized. Signature"}, 401)
        values: dict[str, Any] = json.loads(body)
        return values

    async def generate(request: Request) -> Response:
        body = await checked(request)
        if isinstance(body, Response):
            return body
        amount = int(float(body["amount"]["value"]))
        expires = datetime.fromisoformat(body["validityPeriod"])
        made = charges.add(Charge("doku", body["partnerReferenceNo"], amount, expires, notify, "snap"))
        return JSONResponse(
            {
                "responseCode": "2004700",
                "responseMessage": "Successful",
                "referenceNo": made.id,
                "partnerReferenceNo": made.order,
                "qrContent": made.payload,
                "terminalId": body["terminalId"],
                "additionalInfo": {"validityPeriod": body["validityPeriod"]},
            }
        )

    async def query(request: Request) -> Response:
        body = await checked(request)
        if isinstance(body, Response):
            return body
        found = charges.by_order("doku", body["originalPartnerReferenceNo"])
        if found is None:
            return JSONResponse({"responseCode": "4045101", "responseMessage": "Transaction Not Found"}, 404)
        return JSONResponse({"responseCode": "2005100", "responseMessage": "Successful", **_facts(found, found.status)})

    async def cancel(request: Request) -> Response:
        body = await checked(request)
        if isinstance(body, Response):
            return body
        found = charges.by_order("doku", body["originalPartnerReferenceNo"])
        if found is None or found.status != "pending":
            return JSONResponse({"responseCode": "4037700", "responseMessage": "Cannot be cancelled"}, 403)
        found.status = "cancelled"
        return JSONResponse(
            {"responseCode": "2007700", "responseMessage": "Successful", "cancelTime": _time(found.created)}
        )

    return [
        Route("/authorization/v1/access-token/b2b", token, methods=["POST"]),
        Route(f"{_PREFIX}generate", generate, methods=["POST"]),
        Route(f"{_PREFIX}query", query, methods=["POST"]),
        Route(f"{_PREFIX}cancel", cancel, methods=["POST"]),
    ]


def notification(charge: Charge, payment: Payment, keys: Keys) -> Notification:
    """SNAP's notification, signed with the shared secret."""
    path = urlsplit(charge.notify).path
    body = json.dumps(
        {
            **_facts(charge, payment.status),
            "amount": {"value": f"{payment.amount}.00", "currency": "IDR"},
            "paidTime": _time(payment.at),
            "additionalInfo": {"rrn": payment.receipt, "issuer": payment.payer, "nmid": "ID1099000000017"},
        },
        separators=(",", ":"),
    ).encode()
    token, timestamp = secrets.token_urlsafe(16), _time(payment.at)
    text = f"POST:{path}:{token}:{hashlib.sha256(body).hexdigest()}:{timestamp}"
    signature = base64.b64encode(hmac.digest(keys.doku.encode(), text.encode(), "sha512")).decode()
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {token}",
        "X-PARTNER-ID": keys.doku_client,
        "X-TIMESTAMP": timestamp,
        "X-SIGNATURE": signature,
    }
    return Notification(headers, body)


def old_notification(charge: Charge, payment: Payment, keys: Keys) -> Notification:
    """The notification outside SNAP: the header `Signature`, over the request's head and the digest of its body."""
    body = json.dumps(
        {
            "order": {"invoice_number": charge.order, "amount": payment.amount},
            "transaction": {
                "status": "SUCCESS" if payment.status == "paid" else payment.status.upper(),
                "date": _time(payment.at),
                "original_request_id": payment.receipt,
            },
            "channel": {"id": "QRIS_DOKU"},
        }
    ).encode()
    headers = {"Client-Id": keys.doku_client, "Request-Id": payment.receipt, "Request-Timestamp": _time(payment.at)}
    lines = [f"{name}:{value}" for name, value in headers.items()]
    lines.append(f"Request-Target:{urlsplit(charge.notify).path}")
    lines.append("Digest:" + base64.b64encode(hashlib.sha256(body).digest()).decode())
    signed = base64.b64encode(hmac.digest(keys.doku.encode(), "\n".join(lines).encode(), "sha256")).decode()
    return Notification({**headers, "Content-Type": "application/json", "Signature": f"HMACSHA256={signed}"}, body)


def _facts(charge: Charge, status: str) -> dict[str, Any]:
    return {
        "originalReferenceNo": charge.id,
        "originalPartnerReferenceNo": charge.order,
        "latestTransactionStatus": _STATUS[status],
        "transactionStatusDesc": status,
        "amount": {"value": f"{charge.arrived}.00", "currency": "IDR"},
    }


def _time(at: datetime) -> str:
    return at.astimezone(WIB).isoformat(timespec="seconds")


def _signed(keys: Keys, text: str, request: Request) -> bool:
    """Whether the token request was signed with the partner's RSA key."""
    if keys.doku_public_key is None:
        return True
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(keys.doku_public_key.encode())
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(base64.b64decode(request.headers.get("x-signature", "")), text.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
