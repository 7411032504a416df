"""Simulator of the Midtrans Core API."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.qris.simulator.charges import WIB, Charge, Charges, Keys, Notification, Payment

_STATUS = {"paid": "settlement", "expired": "expire", "cancelled": "cancel", "failed": "deny", "pending": "pending"}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def routes(charges: Charges, keys: Keys, notify: str) -> list[Route]:
    """List Midtrans' endpoints. Notifications go to the address in the header of a charge, else to `notify`."""

    async def charge(request: Request) -> Response:
        if not _authorized(request, keys):
            return _refusal("401", "Unknown Merchant server_key/id")
        body = await request.json()
        details, expiry = body["transaction_details"], body.get("custom_expiry") or {}
        order = details["order_id"]
        known = charges.by_order("midtrans", order)
        if known is not None and request.headers.get("idempotency-key") != order:
            return _refusal("406", "The request could not be completed due to a conflict with the current state")
        seconds = expiry.get("expiry_duration", 15) * _UNITS[expiry.get("unit", "minute")]
        made = charges.add(
            Charge(
                "midtrans",
                order,
                details["gross_amount"],
                datetime.now(UTC) + timedelta(seconds=seconds),
                request.headers.get("x-override-notification", notify),
            )
        )
        return JSONResponse(
            {
                "status_code": "201",
                "status_message": "QRIS transaction is created",
                **_facts(made),
                "acquirer": body["qris"]["acquirer"],
                "qr_string": made.payload,
                "expiry_time": made.expires.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S"),
            }
        )

    async def status(request: Request) -> Response:
        found = charges.by_order("midtrans", request.path_params["order"])
        if found is None:
            return _refusal("404", "Transaction doesn't exist.")
        return JSONResponse({"status_code": "200", "status_message": "Success", **_facts(found)})

    async def cancel(request: Request) -> Response:
        found = charges.by_order("midtrans", request.path_params["order"])
        if found is None or found.status != "pending":
            return _refusal("412", "Transaction status cannot be updated.")
        found.status = "cancelled"
        return JSONResponse({"status_code": "200", "status_message": "Success", **_facts(found)})

    return [
        Route("/v2/charge", charge, methods=["POST"]),
        Route("/v2/{order}/status", status),
        Route("/v2/{order}/cancel", cancel, methods=["POST"]),
    ]


def notification(charge: Charge, payment: Payment, keys: Keys) -> Notification:
    """The notification, with `signature_key` = SHA-512 of order, status, amount and server key."""
    values = {"transaction_type": "off-us", "status_code": "200", "issuer": payment.payer, **_facts(charge)}
    values["transaction_status"] = _STATUS[payment.status]
    values["gross_amount"] = f"{payment.amount}.00"
    values["settlement_time"] = payment.at.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S")
    signed = f"{values['order_id']}{values['status_code']}{values['gross_amount']}{keys.midtrans}"
    values["signature_key"] = hashlib.sha512(signed.encode()).hexdigest()
    return Notification({"Content-Type": "application/json"}, json.dumps(values).encode())


def _facts(charge: Charge) -> dict[str, Any]:
    return {
        "transaction_id": charge.id,
        "order_id": charge.order,
        "merchant_id": "G000000000",
        "gross_amount": f"{charge.arrived}.00",
        "currency": "IDR",
        "payment_type": "qris",
        "transaction_time": charge.created.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S"),
        "transaction_status": _STATUS[charge.status],
        "fraud_status": "accept",
    }


def _authorized(request: Request, keys: Keys) -> bool:
    right = "Basic " + base64.b64encode(f"{keys.midtrans}:".encode()).decode()
    return request.headers.get("authorization") == right


def _refusal(code: str, message: str) -> Response:
    return JSONResponse({"status_code": code, "status_message": message}, 401 if code == "401" else 200)
