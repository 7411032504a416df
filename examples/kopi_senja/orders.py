"""The shop's own orders API, as small as it can be: what the sample agent's actions call.

    python -m examples.kopi_senja.orders --port 8791

Every request needs `Authorization: Bearer <token>` (`SHOP_TOKEN`, else `kopi-senja-demo`). An order is shown to, and
changed for, the phone number that placed it; to any other it does not exist. A POST that repeats an `Idempotency-Key`
gets the first answer again and changes nothing. Orders live in memory and start afresh with the process; each phone of the demo
has its own copy of the same ones, so that whatever is tried works from every phone.
"""

import argparse
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DEMO_TOKEN = "kopi-senja-demo"  # noqa: S105 -- the sample's public token; a real shop sets SHOP_TOKEN
DEMO_PHONE = "+6281234567801"  # Sari, the first phone of the demo and the customer of `balas chat`
DEMO_PHONES = (DEMO_PHONE, "+6281234567802", "+447700900123")  # those that the phone page begins with

PRICES = {  # rupiah
    "Kopi Susu Senja": 25_000,
    "Kopi Susu Pandan": 28_000,
    "Americano": 22_000,
    "Biji Gayo 200 g": 85_000,
    "Biji Kintamani 200 g": 90_000,
    "Biji Toraja 200 g": 92_000,
    "Biji Senja Blend 500 g": 165_000,
    "Dripper V60": 120_000,
}


@dataclass(frozen=True, slots=True)
class Order:
    """`status` goes `diproses → dikirim → selesai`, or from `diproses` to `dibatalkan`. Prices are rupiah."""

    id: str
    phone: str
    items: tuple[tuple[str, int], ...]  # (product, quantity)
    status: str = "diproses"
    courier: str | None = None
    tracking: str | None = None

    @property
    def total(self) -> int:
        return sum(PRICES[name] * count for name, count in self.items)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "status": self.status,
            "summary": ", ".join(f"{count} × {name}" for name, count in self.items),
            "items": [{"product": name, "quantity": count} for name, count in self.items],
            "total": self.total,
            "shipment": {"courier": self.courier, "tracking": self.tracking} if self.tracking else None,
        }


def demo_orders() -> list[Order]:
    return [
        order
        for phone in DEMO_PHONES
        for order in (
            Order("KS-10234", phone, (("Biji Gayo 200 g", 2),), "dikirim", "JNE", "JP1234567890"),
            Order("KS-10235", phone, (("Biji Senja Blend 500 g", 1), ("Dripper V60", 1))),
            Order("KS-10198", phone, (("Kopi Susu Senja", 3),), "selesai", "Kurir Senja", "SENJA-0198"),
        )
    ]


@dataclass(slots=True)
class Shop:
    orders: dict[tuple[str, str | None], Order] = field(default_factory=dict)  # by id and phone
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)  # by Idempotency-Key

    def find(self, order_id: str, phone: str | None) -> Order:
        order = self.orders.get((order_id, phone))
        if order is None:
            raise HTTPException(404, f"pesanan {order_id} tidak ditemukan")
        return order

    def cancel(self, order_id: str, phone: str | None) -> tuple[int, dict[str, Any]]:
        order = self.find(order_id, phone)
        if order.status != "diproses":
            raise HTTPException(409, f"pesanan {order_id} {order.status}, jadi tidak dapat dibatalkan")
        self.orders[order_id, phone] = replace(order, status="dibatalkan")
        return 200, {
            "id": order_id,
            "status": "dibatalkan",
            "refund": f"Rp{order.total:,} dalam 3 hari kerja".replace(",", "."),
        }

    def create(self, phone: str, items: tuple[tuple[str, int], ...]) -> tuple[int, dict[str, Any]]:
        newest = max((int(order_id.removeprefix("KS-")) for order_id, _ in self.orders), default=10_000)
        order = Order(f"KS-{newest + 1}", phone, items)
        self.orders[order.id, phone] = order
        return 201, order.to_json()


def create_app(token: str = DEMO_TOKEN, orders: list[Order] | None = None) -> Starlette:
    """The API over `orders` (the demo's by default), for `uvicorn` or a test."""
    shop = Shop({(order.id, order.phone): order for order in (demo_orders() if orders is None else orders)})

    async def get(request: Request) -> Response:
        _authorize(request, token)
        return JSONResponse(shop.find(request.path_params["id"], request.query_params.get("phone")).to_json())

    async def cancel(request: Request) -> Response:
        _authorize(request, token)
        body = await _body(request)
        return _once(shop, request, lambda: shop.cancel(request.path_params["id"], body.get("phone")))

    async def create(request: Request) -> Response:
        _authorize(request, token)
        body = await _body(request)
        phone, items = body.get("phone"), _items(body.get("items"))
        if not isinstance(phone, str) or not phone:
            raise HTTPException(422, "phone is missing")
        return _once(shop, request, lambda: shop.create(phone, items))

    async def refuse(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return JSONResponse({"error": error.detail}, error.status_code)

    return Starlette(
        routes=[
            Route("/orders", create, methods=["POST"]),
            Route("/orders/{id}", get),
            Route("/orders/{id}/cancel", cancel, methods=["POST"]),
        ],
        exception_handlers={HTTPException: refuse},
    )


def _authorize(request: Request, token: str) -> None:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(given.encode(), token.encode()):
        raise HTTPException(401, "missing or wrong bearer token")


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return body


def _items(value: Any) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, list) or not value:
        raise HTTPException(422, "items is missing")
    items = []
    for item in value:
        product = item.get("product") if isinstance(item, dict) else None
        quantity = item.get("quantity", 1) if isinstance(item, dict) else 0
        if product not in PRICES:
            raise HTTPException(422, f"{product!r} is not on the menu")
        if not isinstance(quantity, int) or not 1 <= quantity <= 100:
            raise HTTPException(422, f"{quantity!r} is not a quantity from 1 to 100")
        items.append((product, quantity))
    return tuple(items)


def _once(shop: Shop, request: Request, act: Callable[[], tuple[int, dict[str, Any]]]) -> Response:
    key = request.headers.get("idempotency-key")
    stored = f"{request.url.path} {key}"
    if key is None or stored not in shop.answers:
        answer = act()
        if key is None:
            return JSONResponse(answer[1], answer[0])
        shop.answers[stored] = answer
    status, body = shop.answers[stored]
    return JSONResponse(body, status)


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser(description="The orders API of Kopi Senja, for the sample agent.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8791)
    arguments = parser.parse_args()
    app = create_app(os.environ.get("SHOP_TOKEN") or DEMO_TOKEN)
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
