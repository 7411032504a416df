"""A worker is bounded in memory, time and answer; what kills it costs one task, and the next ones go on."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from workers.pool import Pool, PoolClosed, TaskFailed, WorkerCrashed, WorkerSpec, WorkerTimeout

LONG = timedelta(seconds=120)


@asynccontextmanager
async def pool(deadline: timedelta = LONG, recycle: int = 100, **options: Any) -> AsyncIterator[Pool]:
    spec = WorkerSpec(
        name="test worker",
        task="do a task",
        target="tests.workers.tasks:open_handler",
        options=options,
        memory=1_000 * 2**20,
        largest_answer=1_000_000,
        attempts=1,
    )
    made = Pool(spec, 1, deadline, recycle)
    try:
        yield made
    finally:
        await made.aclose()


async def said(made: Pool) -> str:
    answer = await made.run({"do": "echo"}, b"halo")
    assert answer["umask"] == 0o077
    return str(answer["said"])


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        pytest.param("grow", "MemoryError", marks=pytest.mark.skipif(sys.platform != "linux", reason="address space")),
        ("die", "exit status 3"),
        ("much", "it answered"),
    ],
)
async def test_what_kills_a_worker_costs_one_task(deed: str, message: str) -> None:
    async with pool() as made:
        with pytest.raises(WorkerCrashed, match=message):
            await made.run({"do": deed}, b"")
        assert await said(made) == "halo"
        assert made.load.crashes == 1


async def test_a_task_that_takes_too_long_is_ended_and_the_next_goes_on() -> None:
    async with pool() as made:
        assert await said(made) == "halo"
        with pytest.raises(WorkerTimeout, match=r"longer than 0\.5 s to do a task"):
            await made.run({"do": "sleep"}, b"", timedelta(seconds=0.5))
        assert await said(made) == "halo"


async def test_a_refusal_is_told_and_costs_no_worker() -> None:
    async with pool() as made:
        await made.warm()
        pids = made.pids()
        with pytest.raises(TaskFailed, match="not this one") as refused:
            await made.run({"do": "refuse"}, b"")
        assert refused.value.reason == "refused"
        await made.run({"do": "print"}, b"")
        assert made.pids() == pids


async def test_a_worker_that_cannot_start_says_why() -> None:
    async with pool(fails=True) as made:
        with pytest.raises(TaskFailed, match="does not start"):
            await made.run({"do": "echo"}, b"")


async def test_a_closed_pool_takes_nothing() -> None:
    async with pool() as made:
        pass
    with pytest.raises(PoolClosed):
        await made.run({"do": "echo"}, b"")


async def test_a_worker_is_replaced_after_so_many_tasks() -> None:
    async with pool(recycle=1) as made:
        await said(made)
        assert made.pids() == []
        assert await said(made) == "halo"
