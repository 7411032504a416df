"""Simulator of the Duitku merchant API v2."""

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.qris.simulator.charges import Charge, Charges, Keys, Notification, Payment

_STATUS = {"paid": "00", "pending": "01"}
_RESULT = {"paid": "00", "failed": "01"}


def routes(charges: Charges, keys: Keys, notify: str) -> list[Route]:
    """List Duitku's endpoints. Notifications go to the `callbackUrl` of a charge, else to `notify`."""

    async def inquiry(request: Request) -> Response:
        body = await request.json()
        order, amount = body["merchantOrderId"], body["paymentAmount"]
        if body["signature"] != _md5(keys.duitku_merchant, order, str(amount), keys.duitku):
            return JSONResponse({"Message": "Wrong signature"}, 400)
        expires = datetime.now(UTC) + timedelta(minutes=body["expiryPeriod"])
        made = charges.add(Charge("duitku", order, amount, expires, body["callbackUrl"] or notify))
        return JSONResponse(
            {
                "merchantCode": keys.duitku_merchant,
                "reference": made.id,
                "paymentUrl": "",
                "vaNumber": "",
                "qrString": made.payload,
                "amount": str(made.amount),
                "statusCode": "00",
                "statusMessage": "SUCCESS",
            }
        )

    async def status(request: Request) -> Response:
        body = await request.json()
        order = body["merchantOrderId"]
        found = charges.by_order("duitku", order)
        if found is None or body["signature"] != _md5(keys.duitku_merchant, order, keys.duitku):
            return JSONResponse({"Message": "Transaction not found"}, 404)
        return JSONResponse(
            {
                "merchantOrderId": order,
                "reference": found.id,
                "amount": str(found.arrived),
                "statusCode": _STATUS.get(found.status, "02"),
                "statusMessage": found.status.upper(),
            }
        )

    return [
        Route("/webapi/api/merchant/v2/inquiry", inquiry, methods=["POST"]),
        Route("/webapi/api/merchant/transactionStatus", status, methods=["POST"]),
    ]


def notification(charge: Charge, payment: Payment, keys: Keys) -> Notification:
    """The callback form; its signature puts the amount before the order, a request's after it."""
    amount = str(payment.amount)
    values = {
        "merchantCode": keys.duitku_merchant,
        "amount": amount,
        "merchantOrderId": charge.order,
        "productDetail": "Pembayaran",
        "additionalParam": "",
        "paymentCode": "SP",
        "resultCode": _RESULT.get(payment.status, "02"),
        "merchantUserId": "",
        "reference": charge.id,
        "signature": _md5(keys.duitku_merchant, amount, charge.order, keys.duitku),
        "publisherOrderId": payment.receipt,
        "issuerCode": payment.payer,
    }
    return Notification({"Content-Type": "application/x-www-form-urlencoded"}, urlencode(values).encode())


def _md5(*parts: str) -> str:
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()
