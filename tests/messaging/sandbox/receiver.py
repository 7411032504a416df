"""A small web server that takes webhooks and misbehaves as told."""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass
class Receiver:
    """Answers with `answers` in turn, then with 200. A negative answer closes the connection without a word."""

    answers: list[int] = field(default_factory=list)
    delay: float = 0
    answered: int = 0
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.taken]

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        return [body for body in self.bodies if body["event_type"] == event_type]

    async def wait_for(self, event_type: str, count: int = 1) -> list[dict[str, Any]]:
        async with asyncio.timeout(60):
            while len(found := self.of_type(event_type)) < count:
                self._bell.clear()
                await self._bell.wait()
        return found

    async def wait_until(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.taken) < count:
                self._bell.clear()
                await self._bell.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, path, _ = line.decode().split()
                headers = {}
                while (line := await reader.readline()).strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if method == "GET":
                    kind, data = self.files.get(path, ("", b""))
                    status = 200 if path in self.files else 404
                else:
                    self.taken.append((headers, body))
                    self._bell.set()
                    await asyncio.sleep(self.delay)
                    kind, data, status = "application/json", b"{}", self.answers.pop(0) if self.answers else 200
                if status < 0:
                    break
                head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
                writer.write(head.encode() + data)
                await writer.drain()
                self.answered += method != "GET"
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
