"""The interface of payment gateways, its values, and the HTTP call that all of them make."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx

from actions.qris.errors import GatewayRefused, GatewayUnavailable, NotificationUnreadable
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
    receipt: str | None  # the gateway's id of the money's movement; the same in a redelivery and in each status
    payer: str | None = None  # the payer's bank or wallet
    merchant: str | None = None  # whose charge it is, where the gateway says so
    earlier: "tuple[Event, ...]" = ()  # payments before this one, where a code can be paid more than once


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


STATUS_TIMEOUT = timedelta(seconds=10)
"""How long a status may take in all: gateways give up on our answer to their notification after about 15 seconds."""


async def status_of(gateway: Gateway, order: str, provider_id: str | None) -> Event:
    """Ask a gateway for the state of one charge, and take no answer that is about anything else.

    Args:
        gateway: it is asked once.
        order: our id of the charge.
        provider_id: the gateway's id of it, where it gave one.

    Raises:
        GatewayUnavailable: no answer within `STATUS_TIMEOUT`, or none that tells the state.
        GatewayRefused: it does not tell the state, or that of another order, charge or currency.
    """
    try:
        async with asyncio.timeout(STATUS_TIMEOUT.total_seconds()):
            event = await gateway.status(order, provider_id or "")
    except TimeoutError as error:
        raise GatewayUnavailable(f"{gateway.name} does not tell the status of {order} in time") from error
    except NotificationUnreadable as error:
        raise GatewayRefused(f"{gateway.name} tells a status of {order} that cannot be read: {error}") from error
    for one in (event, *event.earlier):
        if one.order != order:
            raise GatewayRefused(f"{gateway.name} was asked for the order {order} and answered about {one.order}")
        if provider_id and one.provider_id and one.provider_id != provider_id:
            raise GatewayRefused(
                f"{gateway.name} was asked for the charge {provider_id} of {order} and answered about {one.provider_id}"
            )
        if one.currency != "IDR":
            raise GatewayRefused(f"{gateway.name} tells the status of {order} in {one.currency}, not in rupiah")
    return event


_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST = 30.0
"""Seconds for one call, to its last byte; these gateways take up to 20."""
LARGEST = 1024 * 1024
"""Bytes of an answer; these gateways send a few thousand."""


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

    Args:
        gateway: its name, for messages.
        headers: with the credentials; they are in no message.

    Raises:
        GatewayUnavailable: no answer within `LONGEST` and `LARGEST`, or HTTP 408, 425, 429 or 5xx; the outcome is unknown.
        GatewayRefused: it said no, or sent us elsewhere; `args` hold the HTTP status and the answer.
    """
    content = bytearray()
    try:
        async with (
            asyncio.timeout(LONGEST),
            client.stream(method, url, headers=dict(headers), content=body, timeout=LONGEST) as response,
        ):
            if response.status_code in _AGAIN:
                raise GatewayUnavailable(f"{gateway} cannot answer now (HTTP {response.status_code})")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > LARGEST:
                    raise GatewayUnavailable(f"{gateway} answered more than {LARGEST:,} bytes")
    except (httpx.HTTPError, TimeoutError) as error:
        raise GatewayUnavailable(f"{gateway} does not answer ({type(error).__name__})") from error
    try:
        answer = from_json(bytes(content))
    except ValueError as error:
        raise GatewayUnavailable(
            f"{gateway} answered something that is not JSON (HTTP {response.status_code})"
        ) from error
    if not isinstance(answer, dict):
        raise GatewayRefused(f"{gateway} answered a JSON {type(answer).__name__} (HTTP {response.status_code})")
    if not response.is_success:
        raise GatewayRefused(
            f"{gateway} refused (HTTP {response.status_code}): {reason_in(answer)}", response.status_code
        )
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
