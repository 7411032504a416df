"""Declared actions of an imaginary shop, for tests that call them."""

from datetime import datetime
from typing import Any

import httpx

from actions.action import Outcome
from actions.http.action import HttpAction
from actions.redaction import Redactor
from actions.settings import DeclaredAction
from tests.actions.conftest import NOW, Shop, context

ORDER = {"type": "string", "pattern": "^KS-[0-9]{5}$", "description": "nomor pesanan", "from": "conversation"}


def declared(**entry: Any) -> DeclaredAction:
    action = {"name": "get_order", "description": "Status of an order.", **entry}
    return DeclaredAction.model_validate(action)


def opened(client: httpx.AsyncClient, *, secrets: tuple[str, ...] = (), clock: Any = None, **entry: Any) -> HttpAction:
    def now() -> datetime:
        return NOW

    return HttpAction(declared(**entry), client, Redactor(secrets), clock or now, uniform=lambda low, high: low)


def get_order(client: httpx.AsyncClient, shop: Shop, **entry: Any) -> HttpAction:
    return opened(
        client,
        **{
            "parameters": {"order_id": ORDER, "phone": {"from": "contact.phone"}},
            "request": {
                "url": shop.url("/orders/{order_id}"),
                "query": {"phone": "{phone}"},
                "auth": {"bearer": "t0ken"},
            },
            "response": {"pick": {"status": "$.status", "resi": "$.shipment.tracking"}},
            **entry,
        },
    )


async def pay(client: httpx.AsyncClient, shop: Shop, **request: Any) -> Outcome:
    """Run an effect without parameters."""
    action = opened(client, name="pay", request={"method": "POST", "url": shop.url("/pay"), "timeout": "5s", **request})
    return await action.run({}, context())


async def look(client: httpx.AsyncClient, shop: Shop, **entry: Any) -> Outcome:
    """Run a read without parameters."""
    request = {"url": shop.url("/look"), "timeout": "5s", **entry.pop("request", {})}
    return await opened(client, request=request, **entry).run({}, context())
