"""Several processes over one ledger at the same moment: an event begins one run, a step is taken once, a time of a schedule comes once."""

import asyncio
from datetime import timedelta

from agent.ledger.database import Database
from agent.workflows.hooks import accept, read_hook
from tests.ledger.messages import BUDI
from tests.workflows.stage import Stage, flow

HOOK = flow(
    on="webhook", token="secret-of-this-hook", do=[{"note": "satu"}, {"send": "dua"}, {"tag": "x"}, {"note": "tiga"}]
)


async def test_a_hook_that_is_called_by_many_at_once_begins_one_run(database: Database) -> None:
    stage = Stage(database, [HOOK])
    await stage.knows()
    body = read_hook(HOOK, {"x-event-id": "e-1"}, b'{"contact": "aelyst:7"}')
    begun = await asyncio.gather(*(database.write(lambda c: accept(c, HOOK, body, stage.now)) for _ in range(12)))
    assert sorted(each.new for each in begun) == [False] * 11 + [True]
    assert len({each.run for each in begun}) == 1
    stranger = read_hook(HOOK, {"x-event-id": "e-2"}, b'{"phone": "+6281299999999"}')
    begun = await asyncio.gather(*(database.write(lambda c: accept(c, HOOK, stranger, stage.now)) for _ in range(12)))
    assert sum(each.new for each in begun) == 1
    assert len(await stage.runs()) == 2


async def test_workers_that_take_the_same_runs_take_each_step_once(database: Database) -> None:
    workers = [Stage(database, [HOOK]) for _ in range(4)]
    await workers[0].knows()
    for number in range(5):
        body = read_hook(HOOK, {"x-event-id": f"e-{number}"}, b'{"contact": "aelyst:7"}')
        await database.write(lambda c, body=body: accept(c, HOOK, body, workers[0].now))
    await asyncio.gather(*(worker.workflows.process(BUDI) for worker in workers))
    await workers[0].works()
    assert [state for _, state, _ in await workers[0].runs()] == ["done"] * 5
    assert [kind for kind, outcome, _ in await workers[0].steps() if outcome == "done"].count("send") == 5
    assert sorted(await workers[0].sent()) == sorted(["satu", "dua", "tiga"] * 5)


async def test_a_time_of_a_schedule_comes_once_for_all_workers(database: Database) -> None:
    nightly = flow(on={"schedule": "30 9 * * *"}, do=[{"post": {"url": "https://x.example.com"}}])
    workers = [Stage(database, [nightly]) for _ in range(4)]
    await asyncio.gather(*(worker.jobs.work() for worker in workers))
    for worker in workers:
        worker.now += timedelta(minutes=31)
    await asyncio.gather(*(worker.jobs.work() for worker in workers))
    await workers[0].works()
    assert [state for _, state, _ in await workers[0].runs()] == ["done"]
    assert len(await workers[0].posted()) == 1
