"""Duitku merchant API v2: QRIS transactions and their callbacks, which are forms."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx

from actions.qris.errors import GatewayRefused, NotificationUnreadable
from actions.qris.gateways.gateway import Charge, Event, call, reason_in, required
from actions.qris.gateways.settings import DuitkuSettings
from actions.qris.gateways.signing import hmac_sha256, md5, name_of, read_json, rupiah, same, text_of
from actions.qris.states import Happening

NAME = "duitku"
_STATUS: dict[str, Happening] = {"00": "paid", "01": "pending", "02": "expired"}
_RESULT: dict[str, Happening] = {"00": "paid", "01": "failed", "02": "cancelled"}


class Duitku:
    """`Gateway` over one project. `clock` gives aware times; `notify` is where callbacks shall go."""

    name = NAME

    def __init__(
        self, settings: DuitkuSettings, client: httpx.AsyncClient, clock: Callable[[], datetime], notify: str | None
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._notify = notify

    async def create(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        minutes = max(1, -(-int((expires - self._clock()).total_seconds()) // 60))
        answer = await self._call(
            "/webapi/api/merchant/v2/inquiry",
            {
                "merchantCode": self._settings.merchant_code,
                "paymentAmount": amount,
                "merchantOrderId": order,
                "productDetails": description,
                "email": self._settings.email,
                "customerVaName": description[:20],
                "paymentMethod": self._settings.method,
                "callbackUrl": self._notify or "",
                "returnUrl": self._notify or "",
                "expiryPeriod": minutes,
                "signature": sign(self._settings, self._settings.merchant_code, order, str(amount)),
            },
        )
        if answer.get("statusCode") != "00":
            raise GatewayRefused(f"{NAME} refused (status {answer.get('statusCode')}): {reason_in(answer)}")
        return Charge(order, required(answer, "reference", NAME), required(answer, "qrString", NAME), amount, expires)

    async def status(self, order: str, provider_id: str) -> Event:
        answer = await self._call(
            "/webapi/api/merchant/transactionStatus",
            {
                "merchantCode": self._settings.merchant_code,
                "merchantOrderId": order,
                "signature": sign(self._settings, self._settings.merchant_code, order),
            },
        )
        what = _STATUS.get(str(answer.get("statusCode")))
        if what is None:
            raise GatewayRefused(f"{NAME} refused (status {answer.get('statusCode')}): {reason_in(answer)}")
        if answer.get("merchantCode", self._settings.merchant_code) != self._settings.merchant_code:
            raise GatewayRefused(f"{NAME} answered about the merchant {answer['merchantCode']}")
        reference = required(answer, "reference", NAME)
        return Event(
            NAME,
            required(answer, "merchantOrderId", NAME),
            reference,
            what,
            rupiah(text_of(answer, "amount")),
            str(answer.get("currency", "IDR")),
            self._clock(),
            receipt=reference,
        )

    async def cancel(self, order: str, provider_id: str) -> None:
        raise GatewayRefused(f"{NAME} cannot cancel a transaction; {order} expires by itself")

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        return verify(self._settings, headers, body, self._clock())

    async def _call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await call(
            self._client,
            NAME,
            "POST",
            self._settings.base_url.rstrip("/") + path,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            body=json.dumps(body).encode(),
        )


def sign(settings: DuitkuSettings, *parts: str) -> str:
    """The project's signature over `parts` in the order of the call at hand; they differ between request and callback."""
    key, text = settings.api_key.get_secret_value(), "".join(parts)
    return hmac_sha256(key, text).hex() if settings.signature == "hmac-sha256" else md5(text + key)


def verify(settings: DuitkuSettings, headers: Mapping[str, str], body: bytes, now: datetime) -> Event:
    """The event of a callback; arguments and errors as for `Gateway.verify`."""
    values = _form(headers, body)
    amount, order = text_of(values, "amount"), text_of(values, "merchantOrderId")
    merchant = text_of(values, "merchantCode")
    right = sign(settings, settings.merchant_code, amount, order)
    same(right, values.get("signature"), "signature")
    same(settings.merchant_code, merchant, "merchantCode")
    reference = text_of(values, "reference")
    return Event(
        gateway=NAME,
        order=order,
        provider_id=reference,
        what=_RESULT.get(text_of(values, "resultCode"), "pending"),
        amount=rupiah(amount),
        currency="IDR",
        at=now,  # the callback carries no time of payment
        receipt=reference,
        payer=name_of(values.get("issuerCode")),
    )


def _form(headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
    if headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        return {name: str(value) for name, value in read_json(body).items()}
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)))
    except ValueError as error:
        raise NotificationUnreadable(f"the body is not a form: {error}") from error
