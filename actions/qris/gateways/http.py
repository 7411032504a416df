"""One attempt of one call to a gateway, and what its end means."""

from collections.abc import Mapping
from typing import Any

import httpx

from actions.qris.errors import GatewayRefused, GatewayUnavailable

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
