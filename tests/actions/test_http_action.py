"""A declared action against a real server."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from actions.http.action import HttpAction
from actions.redaction import Redactor
from actions.settings import DeclaredAction
from tests.actions.conftest import NOW, Reply, Shop, context

ORDER = {"type": "string", "pattern": "^KS-[0-9]{5}$", "description": "nomor pesanan", "from": "conversation"}


def declared(**entry: Any) -> DeclaredAction:
    action = {"name": "get_order", "description": "Status of an order.", **entry}
    return DeclaredAction.model_validate(action)


def opened(client: httpx.AsyncClient, *, secrets: tuple[str, ...] = (), clock: Any = None, **entry: Any) -> HttpAction:
    def now() -> datetime:
        return NOW

    return HttpAction(declared(**entry), client, Redactor(secrets), clock or now, chance=lambda: 0.0)


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


async def test_a_declared_get_becomes_one_request_and_its_picked_answer(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/orders/KS-10345", Reply(body={"status": "dikirim", "shipment": {"tracking": "JNE1"}, "internal": "x"}))
    outcome = await get_order(client, shop).run({"order_id": "KS-10345"}, context(said=["pesanan KS-10345 gimana?"]))
    assert outcome.status == "done"
    assert outcome.data == {"status": "dikirim", "resi": "JNE1"}
    (request,) = shop.requests
    assert (request.method, request.path, request.query) == ("GET", "/orders/KS-10345", {"phone": "+6281234567890"})
    assert request.headers["authorization"] == "Bearer t0ken"


async def test_a_bound_parameter_is_not_in_the_models_schema_and_cannot_be_set(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    action = get_order(client, shop)
    assert list(action.parameters["properties"]) == ["order_id"]  # type: ignore[arg-type]
    outcome = await action.run({"order_id": "KS-10345", "phone": "+62800000000"}, context(said=["KS-10345"]))
    assert outcome.status == "refused"
    assert shop.requests == []


@pytest.mark.parametrize("order_id", ["KS-99999", "KS-1034", "", "../../admin", "KS-10345\r\nX: y"])
async def test_an_invented_or_malformed_id_is_refused_without_a_call(
    client: httpx.AsyncClient, shop: Shop, order_id: str
) -> None:
    outcome = await get_order(client, shop).run({"order_id": order_id}, context(said=["mana pesanan saya KS-10345?"]))
    assert outcome.status == "refused"
    assert "sk the customer" in outcome.content
    assert shop.requests == []


async def test_a_post_sends_typed_json_and_its_idempotency_key(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/orders", Reply(201, {"id": "KS-1"}))
    action = opened(
        client,
        name="create_order",
        parameters={
            "item": {"enum": ["kopi", "teh"]},
            "count": {"type": "integer", "minimum": 1, "from": "conversation"},
            "gift": {"type": "boolean", "optional": True},
            "note": {"optional": True},
        },
        request={
            "method": "POST",
            "url": shop.url("/orders"),
            "json": {
                "lines": [{"sku": "{item}", "n": "{count}"}],
                "gift": "{gift}",
                "note": "{note}",
                "by": "Kak {item}",
            },
        },
    )
    outcome = await action.run({"item": "kopi", "count": "3", "gift": True}, context(said=["pesan tiga kopi"]))
    assert outcome.status == "done"
    assert action.effect
    assert shop.requests[0].json == {"lines": [{"sku": "kopi", "n": 3}], "gift": True, "by": "Kak kopi"}
    assert shop.requests[0].headers["idempotency-key"] == "turn-1:step-1"
