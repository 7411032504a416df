"""What the tests of workflows and events share: a receiver of webhooks, hooks that are called, and looks into the ledger."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.web.listening import listening
from tests.acceptance.world import World, free_port

TOKEN = "token-of-this-workflow"
API = "token-of-the-api"


@dataclass
class Receiver:
    """A system that is told what happens. `statuses` are answered first, in order; then 200."""

    port: int = field(default_factory=free_port)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.calls]

    async def take(self, request: Request) -> Response:
        self.calls.append((dict(request.headers), await request.body()))
        status = self.statuses.pop(0) if self.statuses else 200
        return JSONResponse({}, status)

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Receiver"]:
        app = Starlette(routes=[Route("/told", self.take, methods=["POST"])])
        async with listening(app, "127.0.0.1", self.port):
            yield self


async def until(condition: Callable[[], Any], here: World, within: float = 90) -> Any:
    """What a condition yields once it holds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while not (found := condition()):
                await asyncio.sleep(0.05)
            return found
    raise AssertionError("it did not happen:\n" + "\n".join(here.log[-40:]))


def rows(here: World, statement: str, *values: object) -> list[Any]:
    """Look into the agent's ledger."""
    connection = sqlite3.connect(here.folder / ".balas" / "balas.db", isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def runs(here: World) -> list[tuple[str, str, str | None]]:
    """Workflow, state and reason of every run."""
    return rows(here, "SELECT workflow, state, reason FROM workflow_run ORDER BY created_at, id")


def ended(here: World, count: int = 1) -> list[tuple[str, str, str | None]]:
    found = [run for run in runs(here) if run[1] != "running"]
    return found if len(found) >= count else []


async def call(here: World, workflow: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    """Call the hook of a workflow."""
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(
            f"{here.url}/api/v1/hooks/{workflow}", json=body, headers={"Authorization": f"Bearer {TOKEN}", **headers}
        )


async def api(here: World, method: str, path: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as client:
        headers = {"Authorization": f"Bearer {API}"}
        return await client.request(method, f"{here.url}/api/v1{path}", headers=headers, **more)


def server(here: World) -> dict[str, Any]:
    return {"port": here.port, "api_token": API}


def private(*_: object) -> dict[str, Any]:
    return {"allow_private": ["127.0.0.1"]}
