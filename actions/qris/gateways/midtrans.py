"""Midtrans Core API: QRIS charges and their notifications."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import httpx

from actions.qris.errors import GatewayRefused
from actions.qris.gateways.gateway import Charge, Event, call, reason_in, required
from actions.qris.gateways.settings import MidtransSettings
from actions.qris.gateways.signing import WIB, moment, name_of, read_json, rupiah, same, sha512, text_of
from actions.qris.states import Happening

NAME = "midtrans"
_HAPPENING: dict[str, Happening] = {
    "settlement": "paid",
    "capture": "paid",
    "expire": "expired",
    "cancel": "cancelled",
    "deny": "failed",
    "failure": "failed",
    "refund": "refunded",
    "chargeback": "refunded",
    "partial_refund": "paid",
    "partial_chargeback": "paid",
}


class Midtrans:
    """`Gateway` over one account. `clock` gives aware times."""

    name = NAME

    def __init__(
        self, settings: MidtransSettings, client: httpx.AsyncClient, clock: Callable[[], datetime], notify: str | None
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._notify = notify

    async def create(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        now = self._clock()
        body = {
            "payment_type": "qris",
            "transaction_details": {"order_id": order, "gross_amount": amount},
            "item_details": [{"id": order[:50], "name": description[:50], "price": amount, "quantity": 1}],
            "qris": {"acquirer": self._settings.acquirer},
            "custom_expiry": {
                "order_time": now.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S %z"),
                "expiry_duration": max(1, round((expires - now).total_seconds())),
                "unit": "second",
            },
        }
        headers = {"Idempotency-Key": order}
        if self._notify is not None:
            headers["X-Override-Notification"] = self._notify
        answer = await self._call("POST", "/v2/charge", body, headers)
        if str(answer.get("status_code")) != "201":
            raise GatewayRefused(f"{NAME} refused (status {answer.get('status_code')}): {reason_in(answer)}")
        return Charge(
            order=order,
            provider_id=required(answer, "transaction_id", NAME),
            payload=required(answer, "qr_string", NAME),
            amount=amount,
            expires=moment(answer["expiry_time"], expires) if "expiry_time" in answer else expires,
        )

    async def status(self, order: str, provider_id: str) -> Event:
        answer = await self._call("GET", f"/v2/{order}/status")
        if "transaction_status" not in answer:  # the code of one that has expired is 407
            raise GatewayRefused(f"{NAME} refused (status {answer.get('status_code')}): {reason_in(answer)}")
        return _event(answer, self._clock())

    async def cancel(self, order: str, provider_id: str) -> None:
        answer = await self._call("POST", f"/v2/{order}/cancel")
        if str(answer.get("status_code")) != "200":
            raise GatewayRefused(f"{NAME} did not cancel {order}: {reason_in(answer)}")

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        return verify(self._settings, body, self._clock())

    async def _call(
        self, method: str, path: str, body: object | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        key = base64.b64encode(f"{self._settings.server_key.get_secret_value()}:".encode()).decode()
        fixed = {"Authorization": f"Basic {key}", "Accept": "application/json", "Content-Type": "application/json"}
        return await call(
            self._client,
            NAME,
            method,
            self._settings.base_url.rstrip("/") + path,
            headers=fixed | dict(headers or {}),
            body=None if body is None else json.dumps(body).encode(),
        )


def signature(server_key: str, order: str, status_code: str, gross_amount: str) -> str:
    """SHA-512 over the strings exactly as they are sent: `"5539.00"`, not 5539."""
    return sha512(order + status_code + gross_amount + server_key)


def verify(settings: MidtransSettings, body: bytes, now: datetime) -> Event:
    """The event of a notification; see `Gateway.verify`."""
    values = read_json(body)
    right = signature(
        settings.server_key.get_secret_value(),
        text_of(values, "order_id"),
        text_of(values, "status_code"),
        text_of(values, "gross_amount"),
    )
    same(right, values.get("signature_key"), "signature_key")
    return _event(values, now)


def _event(values: Mapping[str, Any], now: datetime) -> Event:
    status = text_of(values, "transaction_status")
    what = _HAPPENING.get(status, "pending")
    if status == "capture" and values.get("fraud_status", "accept") != "accept":
        what = "pending"
    return Event(
        gateway=NAME,
        order=text_of(values, "order_id"),
        provider_id=text_of(values, "transaction_id"),
        what=what,
        amount=rupiah(text_of(values, "gross_amount")),
        currency=str(values.get("currency", "IDR")),
        at=moment(values.get("settlement_time") or values.get("transaction_time"), now),
        receipt=text_of(values, "transaction_id"),
        payer=name_of(values.get("issuer")),
        merchant=name_of(values.get("merchant_id")),
    )
