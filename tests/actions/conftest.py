"""A real HTTP server on loopback, in the process of the tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from actions.action import Context
from actions.guard import guarded_client

TLS = httpx.create_ssl_context(trust_env=False)  # reading the certificates takes longer than a test
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)  # a Saturday, ten in the morning in Jakarta


@dataclass
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"
    delay: float = 0.0
    hang_up: bool = False

    def encode(self) -> bytes:
        body = (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )
        headers = {"Content-Length": str(len(body)), **self.headers}
        if self.content_type and body:
            headers.setdefault("Content-Type", self.content_type)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Reply\r\n{head}\r\n".encode() + body


Handler = Callable[[Received], "Reply | Awaitable[Reply]"]


class Shop:
    """Records every request; answers by the handler of its path, or 404."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.handlers: dict[str, Handler] = {}
        self.port = 0

    def on(self, path: str, *replies: Reply | Handler) -> None:
        """Answers of a path, one after the other; the last one stays."""
        queue = list(replies)

        def handle(request: Received) -> Reply | Awaitable[Reply]:
            reply = queue.pop(0) if len(queue) > 1 else queue[0]
            return reply if isinstance(reply, Reply) else reply(request)

        self.handlers[path] = handle

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ", 2)
                headers = {
                    name.strip().lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Received(method, target, headers, body)
                self.requests.append(request)
                handler = self.handlers.get(request.path)
                reply = handler(request) if handler else Reply(404, {"error": "not found"})
                if not isinstance(reply, Reply):
                    reply = await reply
                await asyncio.sleep(reply.delay)
                if reply.hang_up:
                    return
                writer.write(reply.encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    found = Shop()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with guarded_client(["127.0.0.1"], ssl_context=TLS) as found:
        yield found


def context(**changes: Any) -> Context:
    """A conversation of Budi, who has written nothing yet."""
    facts = {
        "contact": {
            "id": "1",
            "phone": "+6281234567890",
            "email": "budi@example.com",
            "first_name": "Budi",
            "custom": {"member_no": "M-77"},
        },
        "said": (),
        "results": {},
        "key": "turn-1:step-1",
        "now": NOW,
    }
    return Context(**(facts | changes))
