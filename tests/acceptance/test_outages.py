"""The database goes away for ten seconds and comes back: nothing is lost, nothing said twice, no process dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.talk import Talk
from tests.acceptance.test_main_road import post, webhook
from tests.acceptance.world import World, world
from tests.postgres import Postgres
from tests.processes import Process

pytestmark = pytest.mark.postgres

GONE = 10.0
"""Seconds."""


async def test_one_process_outlives_ten_seconds_without_its_database(tmp_path: Path, postgres_server: Postgres) -> None:
    async with world(tmp_path, storage=postgres_server.database("gone_one")) as here:
        await here.start()
        assert here.agent is not None
        await _outlives(here, [here.agent], postgres_server)


async def test_many_processes_outlive_ten_seconds_without_their_database(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with world(tmp_path, storage=postgres_server.database("gone_many"), workers=True) as here:
        workers = await here.start_with_workers(2)
        assert here.agent is not None
        await _outlives(here, [here.agent, *workers], postgres_server)


async def _outlives(here: World, processes: list[Process], server: Postgres) -> None:
    talk = Talk(here)
    async with here.model.held() as answering:
        people = [talk.ask() for _ in range(6)]
        await here.model.working(3)
        async with _gone(server):
            answering.set()
            await _refused(here, talk)
    await talk.all_answered_once_in_order(within=90)
    assert len(here.model.asked) == len(talk.people), "an answer that was there before the end is not paid for again"
    assert [process.returncode for process in processes] == [None] * len(processes)
    for person in people:
        talk.ask(person)
    await talk.all_answered_once_in_order(within=60)


@asynccontextmanager
async def _gone(server: Postgres) -> AsyncIterator[None]:
    """Stop the server for ten seconds."""
    until = asyncio.get_running_loop().time() + GONE
    await asyncio.to_thread(server.stop)
    try:
        yield
        await asyncio.sleep(until - asyncio.get_running_loop().time())
    finally:
        await asyncio.to_thread(server.start)


async def _refused(here: World, talk: Talk) -> None:
    """What arrives meanwhile is sent back, to be delivered again; that the process lives can be seen."""
    for _ in range(3):
        talk.ask()
    async with httpx.AsyncClient(base_url=here.url, timeout=60) as client:
        answers = [await post(client, here, webhook(here, "halo?")) for _ in range(3)]
        ready, alive = await client.get("/readyz"), await client.get("/healthz")
    assert [answer.status_code for answer in answers] == [503] * 3
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert (ready.status_code, alive.status_code) == (503, 200)
