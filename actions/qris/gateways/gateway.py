"""The interface of payment gateways, its values, and the HTTP call that all of them make."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from actions.qris.errors import GatewayRefused, GatewayUnavailable
from actions.qris.states import Happening
from settings.text import from_json


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

        Args:
            order: our id of the charge, unique at the gateway.
            expires: aware; until when the code may be paid, where the gateway lets it be set.
            description: what the payer reads.

        Raises:
            GatewayUnavailable: the outcome is unknown; ask again with the same `order`.
            GatewayRefused: the gateway said no; the same again fails too.
        """

    async def status(self, order: str, provider_id: str) -> Event:
        """Ask for the state of a charge. Raises like `create`."""

    async def cancel(self, order: str, provider_id: str) -> None:
        """Cancel an unpaid charge, where the gateway can; the code may stay payable for a while. Raises like `create`."""

    def verify(self, headers: Mapping[str, str], body: bytes, path: str) -> Event:
        """Verify a notification and read its event. Secrets are compared in constant time.

        Args:
            headers: with lower-case names.
            path: of our own URL, as it was called; SNAP signs it.

        Raises:
            NotificationForged: the signature or token is missing or wrong (answer 401).
            NotificationUnreadable: it is not what the gateway documents (answer 400).
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
    """Call a gateway once and read the JSON object that it answers.

    Raises:
        GatewayUnavailable: no answer within `LONGEST`, or HTTP 408, 425, 429 or 5xx; the outcome is unknown.
        GatewayRefused: it said no; `args` hold the HTTP status and the answer.
    """
    try:
        response = await client.request(method, url, headers=dict(headers), content=body, timeout=LONGEST)
    except httpx.HTTPError as error:
        raise GatewayUnavailable(f"{gateway} does not answer ({type(error).__name__})") from error
    if response.status_code in _AGAIN:
        raise GatewayUnavailable(f"{gateway} cannot answer now (HTTP {response.status_code})")
    try:
        answer = from_json(response.content)
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
    """Find the reason of a refusal in an answer, under any of the names that the gateways use."""
    for name in ("status_message", "message", "responseMessage", "Message", "statusMessage", "error_code", "errors"):
        if answer.get(name):
            return str(answer[name])[:300]
    return "no reason given"


def required(answer: Mapping[str, Any], name: str, gateway: str) -> str:
    """Read a field that the answer must have.

    Raises:
        GatewayRefused: it is missing or empty.
    """
    value = answer.get(name)
    if not isinstance(value, str | int) or value == "":
        raise GatewayRefused(f"{gateway} answered without {name}: {reason_in(answer)}")
    return str(value)
