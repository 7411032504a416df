"""`python -m bench.floors.program raw|agent|agno PORT STUB_URL DATABASE`: the floor that balas is compared with."""

import asyncio
import base64
import hashlib
import hmac
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = b"bench-secret"
Think = Callable[[str], Awaitable[str]]


def raw(client: httpx.AsyncClient, stub: str) -> Think:
    """Two model calls and one action, by hand."""

    async def think(text: str) -> str:
        messages: list[dict[str, Any]] = [{"role": "user", "content": text}]
        first = await client.post(f"{stub}/v1/chat/completions", json={"model": "stub", "messages": messages})
        call = first.json()["choices"][0]["message"]
        arguments = json.loads(call["tool_calls"][0]["function"]["arguments"])
        order = await client.get(f"{stub}/orders/{arguments['order_id']}")
        messages += [call, {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": order.text}]
        second = await client.post(f"{stub}/v1/chat/completions", json={"model": "stub", "messages": messages})
        return str(second.json()["choices"][0]["message"]["content"])

    return think


def agent(client: httpx.AsyncClient, stub: str) -> Think:
    """The same with langchain's `create_agent` and `ChatOpenAI`."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    @tool
    async def get_order(order_id: str) -> str:
        """Status of an order."""
        return (await client.get(f"{stub}/orders/{order_id}")).text

    model = ChatOpenAI(model="stub", base_url=f"{stub}/v1", api_key=SecretStr("x"), use_responses_api=False)
    graph = create_agent(model, [get_order])

    async def think(text: str) -> str:
        state: Any = {"messages": [("user", text)]}
        return str((await graph.ainvoke(state))["messages"][-1].content)

    return think


def agno(client: httpx.AsyncClient, stub: str) -> Think:
    """The same with Agno, where it is installed."""
    from agno.agent import Agent
    from agno.models.openai.like import OpenAILike

    async def get_order(order_id: str) -> str:
        """Status of an order."""
        return (await client.get(f"{stub}/orders/{order_id}")).text

    model = OpenAILike(id="stub", base_url=f"{stub}/v1", api_key="x")
    one = Agent(model=model, tools=[get_order], telemetry=False)

    async def think(text: str) -> str:
        return str((await one.arun(text)).content)

    return think


FLOORS = {"raw": raw, "agent": agent, "agno": agno}


def create_app(think: Think, client: httpx.AsyncClient, stub: str, path: str) -> Starlette:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, contact TEXT, body TEXT, done INTEGER)")
    locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    tasks: set[asyncio.Task[None]] = set()

    async def answer(number: str, contact: str, text: str) -> None:
        async with locks[contact]:
            reply = await think(text)
            body = {"channelId": None, "message": {"type": "text", "text": reply}}
            for attempt in range(6):
                response = await client.post(f"{stub}/v1/contact/id:{contact}/message", json=body)
                if response.status_code == 200:
                    break
                await asyncio.sleep(2**attempt)
            database.execute("UPDATE inbox SET done = 1 WHERE id = ?", (number,))

    async def webhook(request: Request) -> Response:
        raw_body = await request.body()
        signature = base64.b64encode(hmac.new(SECRET, raw_body, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(signature, request.headers.get("x-webhook-signature", "")):
            return Response(status_code=401)
        event = json.loads(raw_body)
        number, contact = str(event["message"]["messageId"]), str(event["contact"]["id"])
        new = database.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, 0)", (number, contact, raw_body.decode()))
        if new.rowcount:
            task = asyncio.create_task(answer(number, contact, event["message"]["message"]["text"]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return JSONResponse({"accepted": True})

    async def ready(_request: Request) -> Response:
        return JSONResponse({"ready": True})

    return Starlette(routes=[Route("/webhooks/aelyst", webhook, methods=["POST"]), Route("/readyz", ready)])


def main() -> None:
    kind, port, stub, path = sys.argv[1:]
    client = httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=1000))
    think = FLOORS[kind](client, stub)
    uvicorn.run(
        create_app(think, client, stub, path),
        port=int(port),
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
