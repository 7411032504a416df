"""As much of WooCommerce's REST API as the example calls, with signed webhooks.

    python -m examples.woocommerce.shop --port 8792

Orders are shown with the key `ck_demo`/`cs_demo` only, and to the e-mail address that placed them.
"""

import argparse
import base64
import hashlib
import hmac
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KEY = base64.b64encode(b"ck_demo:cs_demo").decode()

ORDERS: list[dict[str, Any]] = [
    {
        "id": 7001, "number": "7001", "status": "processing", "total": "170000",
        "billing": {"first_name": "Sari", "email": "sari@example.com", "phone": "+6281234567801"},
    }
]  # fmt: skip
PRODUCTS: list[dict[str, Any]] = [
    {"id": 1, "name": "Kopi Gayo 200 g", "price": "85000", "stock_quantity": 12},
    {"id": 2, "name": "Kopi Toraja 200 g", "price": "92000", "stock_quantity": 0},
]


def create_app() -> Starlette:
    """The shop."""
    return Starlette(
        routes=[
            Route("/wp-json/wc/v3/orders", _orders),
            Route("/wp-json/wc/v3/products", _products),
            Route("/feed/products.csv", _feed),
        ]
    )


def webhook(order: dict[str, Any], secret: str, delivery: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the webhook that tells of an order, signed as WooCommerce signs."""
    body = json.dumps(order).encode()
    signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return body, {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": "order.updated",
        "X-WC-Webhook-Delivery-ID": delivery,
        "X-WC-Webhook-Signature": signature,
    }


def _may(request: Request) -> bool:
    return request.headers.get("authorization") == f"Basic {KEY}"


async def _orders(request: Request) -> Response:
    if not _may(request):
        return JSONResponse({"code": "woocommerce_rest_cannot_view"}, 401)
    email, number = request.query_params.get("search"), request.query_params.get("include")
    return JSONResponse([o for o in ORDERS if o["billing"]["email"] == email and o["number"] == number])


async def _products(request: Request) -> Response:
    if not _may(request):
        return JSONResponse({"code": "woocommerce_rest_cannot_view"}, 401)
    word = request.query_params.get("search", "").lower()
    return JSONResponse([product for product in PRODUCTS if word in product["name"].lower()])


async def _feed(_request: Request) -> Response:
    lines = ["name,price,stock", *(f"{p['name']},{p['price']},{p['stock_quantity']}" for p in PRODUCTS)]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/csv")


if __name__ == "__main__":
    import uvicorn

    parser = argparse.ArgumentParser(description="A small WooCommerce")
    parser.add_argument("--port", type=int, default=8792)
    uvicorn.run(create_app(), port=parser.parse_args().port)
