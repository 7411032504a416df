"""What every payment gateway can do, and the values that it speaks in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from actions.qris.errors import GatewayRefused, GatewayUnavailable
from actions.qris.states import Happening


@dataclass(frozen=True, slots=True)
class Charge:
    """A code that a gateway issued for one payment."""

    order: str  # our id of it, unique at the gateway
    provider_id: str  # the gateway's id of it
    payload: str  # the text of the QRIS code
    amount: int  # rupiah
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a verified notification, or an answer about a status, says about one charge."""

    gateway: str
    order: str
    provider_id: str | None
    what: Happening
    amount: int | None  # rupiah
    currency: str  # ISO 4217
    at: datetime
    receipt: str | None  # the gateway's id of the money's movement; the same in a redelivery
    payer: str | None = None  # the payer's bank or wallet


class Gateway(Protocol):
    """A payment gateway. Each call makes one attempt; base URLs are the operator's own and used as written."""

    @property
    def name(self) -> str: ...

    async def create(self, order: str, amount: int, expires: datetime, description: str) -> Charge:
        """Issue a code over `amount` rupiah. The same `order` again gives the same charge, never a second one.

        Raises `GatewayUnavailable` (the outcome is unknown, asking again with the same `order` is right) or `GatewayRefused`.
        """

    async def status(self, order: str, provider_id: str) -> Event:
        """What the gateway knows of a charge now. Raises like `create`."""

    async def cancel(self, order: str, provider_id: str) -> None:
        """Call an unpaid charge off, where the gateway can; the code may still be payable for a while. Raises like `create`."""

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        """The event of a notification. `headers` has lower-case names; `path` is that of our own URL, as it was called.

        Raises `NotificationForged` or `NotificationUnreadable`. Secrets are compared in constant time.
        """


_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST = 30.0
"""Seconds for one call; these gateways take up to 20."""


async def call(
    client: httpx.AsyncClient,
    gateway: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> dict[str, Any]:
    """The JSON object that a gateway answers.

    Raises:
        GatewayUnavailable: no answer, or one that asks to come again; the outcome is unknown.
        GatewayRefused: it said no; `args` hold the HTTP status and the answer.
    """
    try:
        response = await client.request(method, url, headers=dict(headers), content=body, timeout=LONGEST)
    except httpx.HTTPError as error:
        raise GatewayUnavailable(f"{gateway} does not answer ({type(error).__name__})") from error
    if response.status_code in _AGAIN:
        raise GatewayUnavailable(f"{gateway} cannot answer now (HTTP {response.status_code})")
    try:
        answer = response.json()
    except ValueError as error:
        raise GatewayUnavailable(
            f"{gateway} answered something that is not JSON (HTTP {response.status_code})"
        ) from error
    if not isinstance(answer, dict):
        raise GatewayRefused(f"{gateway} answered a JSON {type(answer).__name__} (HTTP {response.status_code})")
    if response.status_code >= 400:
        raise GatewayRefused(f"{gateway} refused (HTTP {response.status_code}): {reason_in(answer)}")
    return answer


def reason_in(answer: Mapping[str, Any]) -> str:
    """Whatever an answer gives as the reason of a refusal."""
    for name in ("status_message", "message", "responseMessage", "Message", "statusMessage", "error_code", "errors"):
        if answer.get(name):
            return str(answer[name])[:300]
    return "no reason given"


def required(answer: Mapping[str, Any], name: str, gateway: str) -> str:
    """A field that the answer must have."""
    value = answer.get(name)
    if not isinstance(value, str | int) or value == "":
        raise GatewayRefused(f"{gateway} answered without {name}: {reason_in(answer)}")
    return str(value)
