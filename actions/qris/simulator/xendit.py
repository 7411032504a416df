"""Simulator of Xendit: QR codes (API of 2022-07-31) and payment requests (API of 2024-11-11)."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.qris.simulator.charges import Charge, Charges, Keys, Notification, Payment

_CODE = {"pending": "ACTIVE", "paid": "INACTIVE", "expired": "INACTIVE", "cancelled": "INACTIVE", "failed": "INACTIVE"}
_REQUEST = {
    "pending": "REQUIRES_ACTION",
    "paid": "SUCCEEDED",
    "expired": "EXPIRED",
    "cancelled": "CANCELED",
    "failed": "FAILED",
}
_EVENTS = {"paid": "payment.capture", "failed": "payment.failure", "expired": "payment_request.expiry"}


def routes(charges: Charges, keys: Keys, notify: str) -> list[Route]:
    """List Xendit's endpoints. Notifications go to `notify`."""

    async def create_code(request: Request) -> Response:
        if (refusal := _unauthorized(request, keys)) is not None:
            return refusal
        if request.headers.get("api-version") != "2022-07-31":
            return _error(400, "API_VALIDATION_ERROR", "api-version is missing")
        body = await request.json()
        order = body["reference_id"]
        if charges.by_order("xendit", order) and request.headers.get("idempotency-key") != order:
            return _error(409, "DUPLICATE_ERROR", "reference_id has been used before")
        expires = datetime.fromisoformat(body["expires_at"])
        return JSONResponse(_code(charges.add(Charge("xendit", order, body["amount"], expires, notify, "code"))), 201)

    async def read_code(request: Request) -> Response:
        found = charges.by_id(request.path_params["id"])
        return JSONResponse(_code(found)) if found else _error(404, "DATA_NOT_FOUND", "QR code not found")

    async def read_payments(request: Request) -> Response:
        found = charges.by_id(request.path_params["id"])
        if found is None:
            return _error(404, "DATA_NOT_FOUND", "QR code not found")
        return JSONResponse({"data": [_code_payment(found, one) for one in found.payments], "has_more": False})

    async def create_request(request: Request) -> Response:
        if (refusal := _unauthorized(request, keys)) is not None:
            return refusal
        body = await request.json()
        if "expires_at" in body.get("channel_properties", {}):
            return _error(400, "API_VALIDATION_ERROR", "expires_at is not supported by channel 'QRIS'")
        charge = Charge(
            "xendit",
            body["reference_id"],
            body["request_amount"],
            datetime.now(UTC) + timedelta(hours=48),
            notify,
            "v3",
        )
        made = charges.add(charge)
        action = {"type": "PRESENT_TO_CUSTOMER", "descriptor": "QR_STRING", "value": made.payload}
        return JSONResponse({**_request(made), "actions": [action]}, 201)

    async def read_request(request: Request) -> Response:
        found = charges.by_id(request.path_params["id"])
        return JSONResponse(_request(found)) if found else _error(404, "DATA_NOT_FOUND", "payment request not found")

    async def cancel_request(request: Request) -> Response:
        found = charges.by_id(request.path_params["id"])
        if found is None or found.status != "pending":
            return _error(409, "PAYMENT_REQUEST_ALREADY_COMPLETED", "the payment request cannot be cancelled")
        found.status = "cancelled"
        return JSONResponse(_request(found))

    return [
        Route("/qr_codes", create_code, methods=["POST"]),
        Route("/qr_codes/{id}", read_code),
        Route("/qr_codes/{id}/payments", read_payments),
        Route("/v3/payment_requests", create_request, methods=["POST"]),
        Route("/v3/payment_requests/{id}", read_request),
        Route("/v3/payment_requests/{id}/cancel", cancel_request, methods=["POST"]),
    ]


def notification(charge: Charge, payment: Payment, keys: Keys) -> Notification:
    """The callback of the API that made the charge; its only proof is the token."""
    headers = {"Content-Type": "application/json", "x-callback-token": keys.xendit_token}
    created = payment.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if charge.form == "code":
        values: dict[str, Any] = {
            "event": "qr.payment",
            "api_version": "2022-07-31",
            "data": _code_payment(charge, payment),
        }
    else:
        values = {
            "event": _EVENTS.get(payment.status, "payment_request.update"),
            "data": {
                **_request(charge),
                "payment_id": f"py-{payment.receipt}",
                "status": _REQUEST[payment.status],
                "request_amount": payment.amount,
                "type": "SINGLE_PAYMENT",
                "payment_details": {"issuer_name": payment.payer},
                "created": created,
            },
        }
    body = {"business_id": "simulator", "created": created, **values}
    return Notification(headers, json.dumps(body).encode())


def _code(charge: Charge) -> dict[str, Any]:
    return {
        "id": charge.id,
        "business_id": "simulator",
        "reference_id": charge.order,
        "type": "DYNAMIC",
        "currency": "IDR",
        "channel_code": "ID_DANA",
        "amount": charge.amount,
        "expires_at": charge.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "qr_string": charge.payload,
        "status": _CODE[charge.status],
    }


def _code_payment(charge: Charge, payment: Payment) -> dict[str, Any]:
    return {
        "id": f"qrpy_{payment.receipt}",
        "business_id": "simulator",
        "qr_id": charge.id,
        "qr_string": charge.payload,
        "reference_id": charge.order,
        "type": "DYNAMIC",
        "currency": "IDR",
        "amount": payment.amount,
        "status": {"paid": "SUCCEEDED"}.get(payment.status, payment.status.upper()),
        "channel_code": "ID_DANA",
        "created": payment.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "payment_detail": {"receipt_id": payment.receipt, "source": payment.payer},
    }


def _request(charge: Charge) -> dict[str, Any]:
    return {
        "payment_request_id": charge.id,
        "business_id": "simulator",
        "reference_id": charge.order,
        "country": "ID",
        "currency": "IDR",
        "request_amount": charge.arrived,
        "channel_code": "QRIS",
        "status": _REQUEST[charge.status],
        "created": charge.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _unauthorized(request: Request, keys: Keys) -> Response | None:
    right = "Basic " + base64.b64encode(f"{keys.xendit}:".encode()).decode()
    if request.headers.get("authorization") == right:
        return None
    return _error(401, "INVALID_API_KEY", "API key is invalid")


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status)
