"""A platform on loopback that answers as it is told and remembers what it was asked."""

import asyncio
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from messaging.types import ContactKey

SARI = ContactKey("aelyst", "123")
CONTACT: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "data" / "messaging" / "webhooks" / "message-received-text.json").read_bytes()
)["contact"]


@dataclass(frozen=True)
class Call:
    """One request; `path` as it stood on the wire, still escaped."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    raw: bytes


@dataclass(frozen=True)
class Answer:
    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Stub:
    """`answers` are given in order, then `{"messageId": 1}` for ever; `decide` overrules both."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    decide: Callable[[Call], Answer] | None = None

    def forget(self) -> None:
        self.calls.clear()
        self.answers.clear()
        self.decide = None

    def will(self, *answers: object) -> None:
        self.answers.extend(answer if isinstance(answer, Answer) else Answer(answer) for answer in answers)

    @property
    def last(self) -> Call:
        return self.calls[-1]

    async def handle(self, request: Request) -> Response:
        raw = await request.body()
        call = Call(
            request.method,
            request.scope["raw_path"].decode(),
            dict(request.query_params),
            dict(request.headers),
            json.loads(raw) if raw else None,
            raw,
        )
        self.calls.append(call)
        answer = (
            self.decide(call) if self.decide else self.answers.popleft() if self.answers else Answer({"messageId": 1})
        )
        await asyncio.sleep(answer.seconds)
        content = answer.body if isinstance(answer.body, str | bytes) else json.dumps(answer.body)
        return Response(content, answer.status, {"content-type": "application/json"} | answer.headers)


@contextmanager
def running_stub() -> Iterator[Stub]:
    """A stub in a thread of its own, so that one serves many tests, each with its own event loop."""
    stub = Stub()
    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", stub.handle, methods=methods)])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    listening = socket.create_server(("127.0.0.1", 0))
    stub.url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield stub
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@asynccontextmanager
async def raw_server(behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[str]:
    """A server that does to its connections what HTTP forbids."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


def page(items: Sequence[object], next_url: str | None = None) -> dict[str, object]:
    return {"items": list(items), "pagination": {"next": next_url, "previous": None}}
