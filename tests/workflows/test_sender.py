"""Telling other systems: each by itself, whatever another one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agent.config.workflows import WebhookSettings
from agent.ledger import webhooks
from agent.ledger.database import Database
from agent.web.listening import listening
from agent.workflows.sender import EventSender, targets_of
from messaging.types import ContactKey
from tests.workflows.stage import Stage

PEOPLE = [ContactKey("aelyst", str(number)) for number in range(60)]
"""More than are told of at once."""


class Receivers:
    """One that answers, and one that takes requests and never does, until it is released."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.held = 0
        self.released = asyncio.Event()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[str]:
        routes = [Route("/well", self._well, methods=["POST"]), Route("/hangs", self._hangs, methods=["POST"])]
        async with listening(Starlette(routes=routes), "127.0.0.1", 0) as address:
            try:
                yield address
            finally:
                self.released.set()

    async def _well(self, request: Request) -> Response:
        self.answered.append(request.headers["x-balas-event-id"])
        return Response()

    async def _hangs(self, request: Request) -> Response:
        self.held += 1
        await self.released.wait()
        return Response()


async def test_a_receiver_that_hangs_holds_up_no_other(database: Database) -> None:
    receivers = Receivers()
    async with receivers.up() as address, httpx.AsyncClient(timeout=None) as client:
        told = tuple(WebhookSettings(url=f"{address}/{name}", events=("handover",)) for name in ("hangs", "well"))
        stage = Stage(database, [], told=told)
        for key in PEOPLE:
            await stage.happens("handover", f"handover/{key}", key, reason="x")
        sender = EventSender(database, client, targets_of(told, ()), clock=lambda: stage.now)
        running = asyncio.create_task(sender.run())
        try:
            async with asyncio.timeout(90):
                while len(receivers.answered) < len(PEOPLE):
                    await asyncio.sleep(0.02)
            assert receivers.held, "the other one has them still"
            assert not receivers.released.is_set()
        finally:
            receivers.released.set()
            async with asyncio.timeout(90):
                while (await database.read(webhooks.counts)) != {"sent": 2 * len(PEOPLE)}:
                    await asyncio.sleep(0.05)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert sorted(receivers.answered) == sorted(f"handover/{key}" for key in PEOPLE)
