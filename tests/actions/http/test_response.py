"""What the model is told of an answer, and how long a repetition waits."""

from typing import Any

import httpx
import pytest

from actions.http.response import BACKOFF
from settings.backoff import requested_wait
from tests.actions.conftest import NOW, Reply, Shop, context
from tests.actions.http.declared import get_order, look, pay


def test_how_long_to_wait() -> None:
    def wait(attempt: int, header: str | None = None, share: float = 0.0) -> float:
        headers = {} if header is None else {"retry-after": header}
        drawn = BACKOFF.wait(attempt, requested_wait(headers, NOW), lambda low, high: low + share * (high - low))
        return drawn.total_seconds()

    assert wait(1, "7") == 7
    assert wait(1, "Sat, 21 Nov 2026 03:00:09 GMT") == 9
    assert wait(1, "soon", share=0.5) == pytest.approx(0.3)
    assert [wait(attempt, share=1.0) for attempt in (1, 2, 3, 8)] == [0.6, 1.2, 2.4, 8.0]
    assert wait(4) == 0


async def test_what_the_model_is_told_for_a_status(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/orders/KS-10345", Reply(404))
    errors = {404: "Pesanan {order_id} tidak ada.", "5xx": "Toko sedang tutup."}
    action = get_order(client, shop, response={"errors": errors})
    told = context(said=["KS-10345"])
    assert (await action.run({"order_id": "KS-10345"}, told)).content == "Pesanan KS-10345 tidak ada."
    shop.on("/orders/KS-10345", Reply(500))
    assert (await action.run({"order_id": "KS-10345"}, told)).content == "Toko sedang tutup."


@pytest.mark.parametrize(
    ("pick", "body", "data"),
    [
        (None, {"a": 1}, {"a": 1}),
        ("$.items[*].name", {"items": [{"name": "kopi"}]}, ["kopi"]),
        ("$.a.b", {"a": {"b": 2}}, 2),
        ({"x": "$.nope", "n": "$.list[0]"}, {"list": [5]}, {"x": None, "n": 5}),
        ({"open": "$.orders[?@.state == 'open'].id"}, {"orders": [{"id": 1, "state": "open"}]}, {"open": [1]}),
    ],
)
async def test_the_picked_parts_of_an_answer(
    client: httpx.AsyncClient, shop: Shop, pick: Any, body: Any, data: Any
) -> None:
    shop.on("/look", Reply(body=body))
    assert (await look(client, shop, response={"pick": pick})).data == data


async def test_answers_that_are_not_json_or_empty_or_too_large(client: httpx.AsyncClient, shop: Shop) -> None:
    shop.on("/look", Reply(body=b"halo kak", content_type="text/plain"))
    assert (await look(client, shop)).content == "halo kak"
    shop.on("/look", Reply(204))
    assert (await look(client, shop)).content == "Done; the answer is empty."
    shop.on("/look", Reply(body=b"\x89PNG", content_type="image/png"))
    assert (await look(client, shop)).status == "failed"
    shop.on("/look", Reply(body="x" * 3000))
    assert (await look(client, shop, response={"limit": "2kB"})).status == "failed"
    shop.on("/look", Reply(body="x" * 9000))
    assert "(cut; 9,000 characters in all)" in (await look(client, shop)).content
    shop.on("/pay", Reply(body=b"\x89PNG", content_type="image/png"))
    assert (await pay(client, shop)).status == "unknown", "it was sent, whatever came back"


async def test_json_nested_beyond_reason_is_taken_as_text(client: httpx.AsyncClient, shop: Shop) -> None:
    for depth in (900, 100_000):
        shop.on("/look", Reply(body=b'{"a":' * depth + b"1" + b"}" * depth))
        outcome = await look(client, shop, response={"pick": "$..b"})
        assert (outcome.status, outcome.data) == ("done", None)
