"""Xendit: QR codes (API of 2022-07-31) and payment requests (v3, API of 2024-11-11), and the notifications of both."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from actions.qris.errors import GatewayRefused, NotificationUnreadable
from actions.qris.gateways.gateway import Charge, Event, call, reason_in, required
from actions.qris.gateways.settings import XenditSettings
from actions.qris.gateways.signing import moment, name_of, part_of, read_json, rupiah, same, text_of
from actions.qris.states import Happening

NAME = "xendit"
_HAPPENING: dict[str, Happening] = {
    "SUCCEEDED": "paid",
    "COMPLETED": "paid",
    "EXPIRED": "expired",
    "INACTIVE": "expired",
    "CANCELED": "cancelled",
    "VOIDED": "cancelled",
    "FAILED": "failed",
    "REFUNDED": "refunded",
}


class Xendit:
    """`Gateway` over one account. `clock` gives aware times."""

    name = NAME

    def __init__(self, settings: XenditSettings, client: httpx.AsyncClient, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._v3 = settings.version == "2024-11-11"

    async def create(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        if self._v3:
            return await self._request_payment(order, amount, expires, description)
        body = {
            "reference_id": order,
            "type": "DYNAMIC",
            "currency": "IDR",
            "amount": amount,
            "expires_at": expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        answer = await self._call("POST", "/qr_codes", body, order)
        return Charge(
            order,
            required(answer, "id", NAME),
            required(answer, "qr_string", NAME),
            amount,
            moment(answer.get("expires_at"), expires),
        )

    async def _request_payment(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        """The channel QRIS takes no `expires_at`: the code stays payable for up to 48 h after our own time has run out."""
        body = {
            "reference_id": order,
            "type": "PAY",
            "country": "ID",
            "currency": "IDR",
            "request_amount": amount,
            "capture_method": "AUTOMATIC",
            "channel_code": "QRIS",
            "channel_properties": {},
            "description": description,
        }
        answer = await self._call("POST", "/v3/payment_requests", body, order)
        return Charge(order, required(answer, "payment_request_id", NAME), _qr_text(answer), amount, expires)

    async def status(self, order: str, provider_id: str) -> Event:
        if self._v3:
            return _request_event(await self._call("GET", f"/v3/payment_requests/{provider_id}"), self._clock())
        code = await self._call("GET", f"/qr_codes/{provider_id}")
        listed = (await self._call("GET", f"/qr_codes/{provider_id}/payments")).get("data")
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise GatewayRefused(f"{NAME} does not list the payments of {order}")
        known = {"qr_id": provider_id, "reference_id": order}
        payments = sorted((_code_event(known | one, self._clock()) for one in listed), key=lambda one: one.at)
        moved = [one for one in payments if one.what in ("paid", "refunded")]
        if moved:
            return replace(moved[-1], earlier=tuple(moved[:-1]))
        return Event(
            NAME,
            text_of(code, "reference_id"),
            text_of(code, "id"),
            _HAPPENING.get(text_of(code, "status"), "pending"),
            None,
            text_of(code, "currency"),
            self._clock(),
            receipt=None,
            merchant=name_of(code.get("business_id")),
        )

    async def cancel(self, order: str, provider_id: str) -> None:
        if not self._v3:
            raise GatewayRefused(
                f"{NAME} cannot cancel QR codes of the API of {self._settings.version}; it expires by itself"
            )
        await self._call("POST", f"/v3/payment_requests/{provider_id}/cancel", {})

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        return verify(self._settings, headers, body, self._clock())

    async def _call(
        self, method: str, path: str, body: object | None = None, order: str | None = None
    ) -> dict[str, Any]:
        key = base64.b64encode(f"{self._settings.secret_key.get_secret_value()}:".encode()).decode()
        headers = {"Authorization": f"Basic {key}", "api-version": self._settings.version}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if order is not None:
            headers["Idempotency-Key"] = order
        return await call(
            self._client,
            NAME,
            method,
            self._settings.base_url.rstrip("/") + path,
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
        )


def _qr_text(answer: Mapping[str, Any]) -> str:
    for action in answer.get("actions") or ():
        if not isinstance(action, dict):
            continue
        if action.get("descriptor") == "QR_STRING" or str(action.get("value", "")).startswith("0002"):
            return str(action["value"])
    raise GatewayRefused(f"{NAME} answered without a QR code: {reason_in(answer)}")


def verify(settings: XenditSettings, headers: Mapping[str, str], body: bytes, now: datetime) -> Event:
    """The event of a notification; arguments and errors as for `Gateway.verify`.

    Its token is a shared secret, which proves no content.
    """
    same(settings.callback_token.get_secret_value(), headers.get("x-callback-token"), "x-callback-token")
    values = read_json(body)
    data = part_of(values, "data")
    if not data:
        raise NotificationUnreadable(f"the event {values.get('event')!r} has no data; the API of 2020 is not supported")
    data = {"business_id": values.get("business_id"), **data}
    if str(values.get("event", "")).startswith("qr."):
        return _code_event(data, now)
    return _request_event(data, now)


def _code_event(data: Mapping[str, Any], now: datetime) -> Event:
    detail = part_of(data, "payment_detail") or part_of(data, "payment_details")
    return Event(
        gateway=NAME,
        order=text_of(data, "reference_id"),
        provider_id=text_of(data, "qr_id"),
        what=_HAPPENING.get(text_of(data, "status"), "pending"),
        amount=rupiah(text_of(data, "amount")),
        currency=text_of(data, "currency"),
        at=moment(data.get("created"), now),
        receipt=text_of(data, "id"),
        payer=name_of(detail.get("source")),
        merchant=name_of(data.get("business_id")),
    )


def _request_event(data: Mapping[str, Any], now: datetime) -> Event:
    what = _HAPPENING.get(text_of(data, "status"), "pending")
    return Event(
        gateway=NAME,
        order=text_of(data, "reference_id"),
        provider_id=text_of(data, "payment_request_id"),
        what=what,
        amount=rupiah(text_of(data, "request_amount")),
        currency=text_of(data, "currency"),
        at=moment(data.get("captured") or data.get("created") or data.get("updated"), now),
        receipt=text_of(data, "payment_request_id"),  # it is for one payment
        payer=name_of(part_of(data, "payment_details").get("issuer_name")),
        merchant=name_of(data.get("business_id")),
    )
