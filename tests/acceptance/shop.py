"""A shop's API with one effect, which counts how often it really happened."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.web.listening import listening


@dataclass
class Shop:
    """`cancelled` counts real cancellations by order: a repeated `Idempotency-Key` is none."""

    url: str = ""
    delay: float = 0.0
    cancelled: Counter[str] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)

    async def order(self, request: Request) -> Response:
        self.calls.append(request.url.path)
        return JSONResponse({"id": request.path_params["id"], "status": "dikirim", "total": 50000})

    async def cancel(self, request: Request) -> Response:
        self.calls.append(request.url.path)
        key = request.headers.get("idempotency-key", "")
        await asyncio.sleep(self.delay)
        if not key or key not in self._keys:
            self.cancelled[request.path_params["id"]] += 1
        self._keys.add(key)
        return JSONResponse({"id": request.path_params["id"], "status": "dibatalkan"})

    def actions(self, **changes: Any) -> list[dict[str, Any]]:
        """The declarations for agent.yaml; `changes` go into `cancel_order`."""
        order_id = {"type": "string", "pattern": "^KS-[0-9]{5}$", "from": "conversation"}
        cancel = {
            "name": "cancel_order",
            "description": "Membatalkan pesanan.",
            "effect": True,
            "parameters": {"order_id": order_id},
            "request": {"method": "POST", "url": f"{self.url}/orders/{{order_id}}/cancel"},
            "claims": ["sudah (saya )?batalkan"],
        }
        get = {
            "name": "get_order",
            "description": "Status pesanan.",
            "parameters": {"order_id": order_id},
            "request": {"method": "GET", "url": f"{self.url}/orders/{{order_id}}"},
        }
        return [cancel | changes, get]


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    one = Shop()
    routes = [
        Route("/orders/{id}", one.order, methods=["GET"]),
        Route("/orders/{id}/cancel", one.cancel, methods=["POST"]),
    ]
    async with listening(Starlette(routes=routes), "127.0.0.1", 0) as address:
        one.url = address
        yield one
