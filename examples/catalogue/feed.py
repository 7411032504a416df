"""A product feed on this machine.

python -m examples.catalogue.feed --port 8793
"""

import argparse

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

PRODUCTS = [
    ("SKU-1", "Cangkir Senja biru", 45_000, "Cangkir keramik 250 ml, warna biru"),
    ("SKU-2", "Dripper V60", 120_000, "Dripper keramik untuk seduh manual"),
]


def create_app() -> Starlette:
    """The feed, as CSV and as JSON."""
    return Starlette(routes=[Route("/products.csv", _feed), Route("/products.json", _json)])


async def _feed(_request: Request) -> Response:
    rows = ["id,title,price,description", *(f'{i},{title},{price},"{text}"' for i, title, price, text in PRODUCTS)]
    return PlainTextResponse("\n".join(rows) + "\n", media_type="text/csv")


async def _json(_request: Request) -> Response:
    products = [
        {"id": number, "title": title, "price": {"amount": price, "currency": "IDR"}, "description": text}
        for number, title, price, text in PRODUCTS
    ]
    return JSONResponse({"data": products, "paging": {"next": None}})


if __name__ == "__main__":
    import uvicorn

    parser = argparse.ArgumentParser(description="A small product feed")
    parser.add_argument("--port", type=int, default=8793)
    uvicorn.run(create_app(), port=parser.parse_args().port)
