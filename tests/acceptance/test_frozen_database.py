"""The database, or the way to it, freezes for eight seconds: connections stay and nothing comes back."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.acceptance.talk import Talk
from tests.acceptance.test_main_road import post, webhook
from tests.acceptance.world import World, world
from tests.postgres import Postgres
from tests.processes import Process
from tests.road import Road, road_to

pytestmark = pytest.mark.postgres

FROZEN = 8.0
"""Seconds."""

FEW = 7.0
"""Seconds after which the platform must have an answer, however many ask: one answer, or a ping and a new connection, is waited for."""


@pytest.mark.parametrize("workers", [0, 2])
async def test_a_frozen_database_costs_time_and_nothing_else(
    tmp_path: Path, postgres_server: Postgres, workers: int
) -> None:
    name = f"frozen_{workers}"
    postgres_server.database(name)
    async with (
        road_to(postgres_server.url) as road,
        world(tmp_path, storage=road.url(name), workers=bool(workers)) as here,
    ):
        processes: list[Process] = []
        if workers:
            processes += await here.start_with_workers(workers)
        else:
            await here.start()
        assert here.agent is not None
        await _outlives(here, [here.agent, *processes], road)


async def _outlives(here: World, processes: list[Process], road: Road) -> None:
    talk = Talk(here)
    async with here.model.held():
        people = [talk.ask() for _ in range(12)]
        await here.model.working(3)
        road.freeze()
    loop = asyncio.get_running_loop()
    end = loop.time() + FROZEN
    await _refused(here, talk)
    await asyncio.sleep(end - loop.time())
    road.thaw()
    for person in people:
        talk.ask(person)
    await talk.all_answered_once_in_order(within=60)
    assert [process.returncode for process in processes] == [None] * len(processes)


async def _refused(here: World, talk: Talk) -> None:
    """What arrives meanwhile is sent back, to be delivered again; that the process lives can be seen at any time."""
    talk.ask()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with httpx.AsyncClient(base_url=here.url, timeout=FROZEN) as client:
        asked = [asyncio.create_task(post(client, here, webhook(here, f"halo {n}?"))) for n in range(20)]
        alive = await client.get("/healthz")
        assert loop.time() - begun < 1
        answers = await asyncio.gather(*asked)
    assert loop.time() - begun < FEW
    assert alive.status_code == 200
    assert [answer.status_code for answer in answers] == [503] * 20
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
