"""`python -m bench.stub PORT`: model, shop and platform in one process that is not counted. `/sent` tells what arrived when."""

import asyncio
import json
import re
import sys
import time
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_ORDER = re.compile(r"KS-[0-9]{5}")
_sent: list[tuple[str, float]] = []
_settings = {"delay": 0.0}


async def complete(request: Request) -> Response:
    body = await request.json()
    await asyncio.sleep(_settings["delay"])
    called = body["messages"][-1]["role"] == "tool"
    order = _ORDER.findall(str(body["messages"]))[-1]
    # no JSON: an answer that shows the customer data is sent back to the model, which is two more calls
    message: dict[str, Any] = {"role": "assistant", "content": f"Pesanan {order} sedang dikirim."}
    if not called:
        function = {
            "name": "get_order",
            "arguments": json.dumps({"order_id": order}),
        }
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
    choice = {"index": 0, "message": message, "finish_reason": "stop" if called else "tool_calls"}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return JSONResponse(
        {"id": "x", "object": "chat.completion", "created": 0, "model": "stub", "choices": [choice], "usage": usage}
    )


async def order(request: Request) -> Response:
    return JSONResponse({"id": request.path_params["id"], "status": "dikirim"})


async def send(request: Request) -> Response:
    _sent.append((request.path_params["contact"].removeprefix("id:"), time.time()))
    return JSONResponse({"messageId": len(_sent)})


async def sent(request: Request) -> Response:
    first = int(request.query_params.get("after", 0))
    return JSONResponse(_sent[first:])


async def settings(request: Request) -> Response:
    _settings.update(await request.json())
    _sent.clear()
    return JSONResponse(_settings)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/orders/{id}", order),
        Route("/v1/contact/{contact}/message", send, methods=["POST"]),
        Route("/sent", sent),
        Route("/settings", settings, methods=["PUT"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False, timeout_keep_alive=75)
