"""An OpenAI-compatible chat server whose answers a test decides, and which remembers what it was asked."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.web.listening import listening

Answer = str | dict[str, Any]


@dataclass
class Asked:
    """One request to the model."""

    messages: list[dict[str, Any]]
    tools: list[str]

    @property
    def system(self) -> str:
        return str(self.messages[0]["content"])

    @property
    def last(self) -> str:
        return str(self.messages[-1]["content"])

    @property
    def context(self) -> str:
        """What stands beside the customer's latest words: time, passages, memory."""
        return self._latest.rpartition("</context>")[0]

    @property
    def question(self) -> str:
        """The customer's latest words."""
        return self._latest.rpartition("</context>")[2].strip()

    @property
    def conversation(self) -> list[str]:
        """What was said so far and is said now, line by line, without the system message and what stands beside the words."""
        texts = (
            re.sub(r"<context>.*?</context>\s*", "", str(each["content"]), flags=re.S) for each in self.messages[1:]
        )
        parts = (part for text in texts for part in text.split("\n"))
        return [part for part in parts if part and not re.fullmatch(r"</?(?:colleague|sent)>", part)]

    @property
    def _latest(self) -> str:
        return next(str(message["content"]) for message in reversed(self.messages) if message["role"] == "user")

    @property
    def results(self) -> list[str]:
        """What actions have brought in this turn, oldest first."""
        found = []
        for message in reversed(self.messages):
            if message["role"] == "user":
                break
            if message["role"] == "tool":
                found.append(str(message["content"]))
        return found[::-1]


@dataclass
class StubModel:
    """`answer` gets what was asked and gives the text, or `{"call": name, "arguments": {…}}`."""

    answer: Callable[[Asked], Answer] = lambda asked: f"Jawaban untuk: {asked.question}"
    delay: float = 0.0
    slow: Callable[[Asked], float] = lambda _asked: 0.0  # seconds beside `delay`
    failures: list[int] = field(default_factory=list)  # HTTP statuses to give first, in order
    broken: int | None = None  # an HTTP status to give always
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    busy: int = 0
    _free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._free.set()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[asyncio.Event]:
        """Whoever asks within gets no answer before the end, or before the event is set."""
        self._free.clear()
        try:
            yield self._free
        finally:
            self._free.set()

    async def working(self, count: int = 1) -> None:
        """Wait until `count` requests are being answered at once; more than one are so for certain only while held."""
        async with asyncio.timeout(90):
            while self.busy < count:
                await asyncio.sleep(0.02)

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        asked = Asked(body["messages"], [tool["function"]["name"] for tool in body.get("tools", [])])
        self.asked.append(asked)
        self.busy += 1
        try:
            await self._free.wait()
            await asyncio.sleep(self.delay + self.slow(asked))
        finally:
            self.busy -= 1
        if self.broken is not None or self.failures:
            status = self.broken if self.broken is not None else self.failures.pop(0)
            headers = {"Retry-After": "1"} if status == 429 else {}
            return JSONResponse({"error": {"message": f"stub says {status}"}}, status, headers=headers)
        return JSONResponse(_completion(self.answer(asked), len(self.asked)))


def _completion(answer: Answer, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer if isinstance(answer, str) else None}
    if isinstance(answer, dict):
        arguments = json.dumps(answer["arguments"])
        function = {"name": answer["call"], "arguments": arguments}
        message["tool_calls"] = [{"id": f"call_{number}", "type": "function", "function": function}]
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop" if isinstance(answer, str) else "tool_calls"}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


@asynccontextmanager
async def stub_model() -> AsyncIterator[StubModel]:
    """A running stub; `url` is its base URL for a client."""
    stub = StubModel()
    app = Starlette(routes=[Route("/v1/chat/completions", stub.complete, methods=["POST"])])
    async with listening(app, "127.0.0.1", 0) as address:
        stub.url = f"{address}/v1"
        yield stub
