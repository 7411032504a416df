"""A declared action against a real server."""

from datetime import timedelta

import httpx
import pytest

from tests.actions.conftest import NOW, Reply, Shop, context
from tests.actions.http.declared import get_order, look, opened, pay


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


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_read_is_repeated_until_it_succeeds(client: httpx.AsyncClient, shop: Shop, status: int) -> None:
    shop.on("/look", Reply(status), Reply(status), Reply(body={"ok": 1}))
    assert (await look(client, shop)).data == {"ok": 1}
    assert len(shop.requests) == 3


async def test_a_read_that_keeps_failing_ends_after_its_retries(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(503))
    outcome = await look(client, shop, request={"retries": 1})
    assert (outcome.status, len(shop.requests)) == ("failed", 2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_a_refusal_by_the_server_is_told_and_not_repeated(
    client: httpx.AsyncClient, shop: Shop, status: int
) -> None:
    shop.on("/look", Reply(status, {"reason": "terlambat"}))
    outcome = await look(client, shop)
    assert (outcome.status, len(shop.requests)) == ("failed", 1)
    assert str(status) in outcome.content
    assert "terlambat" in outcome.content
    assert outcome.data is None, "an error is no result to take arguments from"


async def test_an_effect_is_sent_once_and_a_failure_on_the_way_is_unknown(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    shop.on("/pay", Reply(502))
    assert (await pay(client, shop)).status == "unknown"
    assert len(shop.requests) == 1
    shop.on("/pay", Reply(hang_up=True))
    assert (await pay(client, shop)).status == "unknown"
    assert len(shop.requests) == 2
    shop.on("/pay", Reply(delay=30))
    assert (await pay(client, shop, timeout="100ms")).status == "unknown"
    assert len(shop.requests) == 3


async def test_an_effect_that_never_left_is_a_failure_and_one_that_is_not_reached_is_tried_again(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    outcome = await opened(
        client, name="pay", request={"method": "POST", "url": "http://127.0.0.1:1/pay", "retries": 1, "timeout": "2s"}
    ).run({}, context())
    assert outcome.status == "failed"


async def test_an_effect_turned_away_for_the_moment_is_sent_again(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(429, headers={"Retry-After": "0"}), Reply(201, {"id": 1}))
    assert (await pay(client, shop)).status == "done"
    assert len(shop.requests) == 2


async def test_an_idempotent_effect_is_repeated_with_the_same_key(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/pay", Reply(hang_up=True), Reply(500), Reply(200, {"id": 1}))
    assert (await pay(client, shop, idempotent=True)).status == "done"
    assert {request.headers["idempotency-key"] for request in shop.requests} == {"turn-1:step-1"}
    assert len(shop.requests) == 3


async def test_retry_after_is_kept_to_and_too_long_a_wait_is_not_waited(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(503, headers={"Retry-After": "3600"}))
    outcome = await look(client, shop)
    assert (outcome.status, len(shop.requests)) == ("failed", 1)


async def test_a_safe_answer_is_used_again_until_its_time_is_over(client: httpx.AsyncClient, shop: Shop) -> None:
    at = [NOW]
    shop.on("/look", Reply(500), Reply(body=1), Reply(body=2))
    action = opened(
        client, clock=lambda: at[0], request={"url": shop.url("/look"), "retries": 0}, response={"cache": "60s"}
    )
    seen = [(await action.run({}, context())).data for _ in range(3)]
    at[0] += timedelta(seconds=61)
    seen.append((await action.run({}, context())).data)
    assert seen == [None, 1, 1, 2], "a failure is not kept"


async def test_redirects_stay_on_the_declared_host_and_keep_its_auth(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(307, headers={"Location": "/there"}))
    shop.on("/there", Reply(body="ok"))
    assert (await look(client, shop, request={"auth": {"api_key": {"name": "X-Key", "value": "abcdef"}}})).data == "ok"
    assert shop.requests[1].headers["x-key"] == "abcdef"
    shop.on("/look", Reply(302, headers={"Location": f"http://localhost:{shop.port}/there"}))
    outcome = await look(client, shop, request={"auth": {"bearer": "t0ken"}})
    assert (outcome.status, len(shop.requests)) == ("failed", 3)
