"""`kill -9` at every named point on PostgreSQL: the worker that dies never comes back, another finishes what it began."""

import asyncio
import random
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.acceptance.shop import shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.talk import Talk
from tests.acceptance.test_kills import ONCE, REPEATABLE, ROAD
from tests.acceptance.world import World, world
from tests.postgres import Postgres
from tests.processes import Process

pytestmark = pytest.mark.postgres

ACCEPTING = ("serve", "--accept-only")
LOOPBACK = {"allow_private": ["127.0.0.1"]}


async def test_a_kill_anywhere_on_the_road_leaves_exactly_one_reply_of_another_worker(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with world(tmp_path, storage=postgres_server.database("road"), workers=True) as here:
        here.model.delay = 0.3
        here.write()
        doomed = await _doomed(here, ROAD[2:])
        talk = Talk(here)
        await here.start(command=ACCEPTING, environment={"BALAS_KILL_AT": "before-accept"})
        talk.ask()
        await here.died()
        await here.start(command=ACCEPTING, environment={"BALAS_KILL_AT": "accepted"})
        await here.died()  # the platform delivered it again
        await here.start(command=ACCEPTING)
        await _until_dead(doomed, talk.ask)
        for person in talk.people:
            talk.ask(person)
        await talk.all_answered_once_in_order(within=150)


async def test_effects_happen_at_most_once_whichever_worker_dies(tmp_path: Path, postgres_server: Postgres) -> None:
    async def repeatable() -> None:
        async with shop() as store, world(_made(tmp_path / "repeatable"), network=LOOPBACK, workers=True) as here:
            request = {"method": "POST", "url": f"{store.url}/orders/{{order_id}}/cancel", "idempotent": True}
            here.config |= {
                "actions": store.actions(request=request),
                "storage": postgres_server.database("repeatable"),
            }
            replies = await _cancelled_by_doomed(here, REPEATABLE)
            assert all("dibatalkan" in reply for reply in replies.values())
            assert store.cancelled == dict.fromkeys(replies, 1)

    async def once() -> None:
        async with shop() as store, world(_made(tmp_path / "once"), network=LOOPBACK, workers=True) as here:
            here.config |= {"actions": store.actions(), "storage": postgres_server.database("once")}
            replies = await _cancelled_by_doomed(here, ONCE)
            assert max(store.cancelled.values()) == 1
            unknown = {order for order, reply in replies.items() if "Belum pasti" in reply}
            assert len(unknown) >= 2, "two of the three points leave the outcome open"
            assert all("dibatalkan" in replies[order] for order in replies.keys() - unknown)
            assert store.cancelled.keys() >= replies.keys() - unknown
            comments = [comment.text for comment in here.sandbox.state.conversations.comments.values()]
            assert sum("unknown" in comment for comment in comments) == len(unknown)

    await asyncio.gather(repeatable(), once())


async def test_workers_that_die_at_random_moments_lose_nothing_and_repeat_nothing(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    dice = random.Random(20261122)
    async with world(tmp_path, storage=postgres_server.database("random"), workers=True) as here:
        here.model.delay = 1.0
        workers = await here.start_with_workers(2)
        talk = Talk(here)
        people = [talk.ask() for _ in range(8)]
        for kill in range(3):
            victim = workers.pop(dice.randrange(2))
            await _works(postgres_server, victim)
            await asyncio.sleep(dice.uniform(0.0, 0.7))
            victim.kill()
            assert await victim.wait() == -signal.SIGKILL
            assert talk.open(), "nothing was in flight at the kill"
            if kill < 2:  # the last one dies for good: its fellow does the rest alone
                workers.append(await here.spawn("worker"))
                await here.working(3 + kill)
            for person in people:
                talk.ask(person)
        await talk.all_answered_once_in_order(within=150)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def _doomed(here: World, points: list[str]) -> dict[str, Process]:
    """A worker for each point, at which it will die, and one more that lives."""
    await here.spawn("worker")
    doomed = {point: await here.spawn("worker", environment={"BALAS_KILL_AT": point}) for point in points}
    await here.working(1 + len(doomed))
    return doomed


async def _until_dead(doomed: Mapping[str, Process], ask: Callable[[], object]) -> None:
    """Ask until every doomed worker has had something to do, and died of it at its point."""
    try:
        async with asyncio.timeout(120):
            while any(worker.returncode is None for worker in doomed.values()):
                ask()
                await asyncio.sleep(0.2)
    except TimeoutError:
        alive = [point for point, worker in doomed.items() if worker.returncode is None]
        raise AssertionError(f"nobody passed {alive}") from None
    assert {worker.returncode for worker in doomed.values()} == {-signal.SIGKILL}


async def _cancelled_by_doomed(here: World, points: list[str]) -> dict[str, str]:
    """Customers cancel orders while workers die at the points; the one reply that each got, by order."""

    def cancel_then_report(asked: Asked) -> Answer:
        if not asked.results:
            return {"call": "cancel_order", "arguments": {"order_id": asked.question.split()[-1]}}
        if "may or may not have been done" in asked.results[-1]:
            return "Belum pasti apakah pesanannya batal; rekan kami akan memeriksa."
        return "Pesanan sudah dibatalkan." if "dibatalkan" in asked.results[-1] else asked.results[-1]

    here.model.answer = cancel_then_report
    here.write()
    doomed = await _doomed(here, points)
    await here.start(command=ACCEPTING)
    orders: dict[str, int] = {}

    def cancel() -> None:
        order = f"KS-{10000 + len(orders)}"
        person = here.sandbox.phone(f"+62812{len(orders):08d}")
        orders[order] = person.id
        here.sandbox.say(person, f"batalkan {order}")

    await _until_dead(doomed, cancel)
    async with asyncio.timeout(150):
        while {message.contact for message in here.sandbox.sent()} != set(orders.values()):
            await asyncio.sleep(0.2)
    await here.settled(3)
    replies = {order: [str(m.content["text"]) for m in here.sandbox.sent(person)] for order, person in orders.items()}
    assert all(len(texts) == 1 for texts in replies.values()), replies
    return {order: texts[0] for order, texts in replies.items()}


async def _works(server: Postgres, worker: Process) -> None:
    """Wait until a worker has a turn in hand."""
    owners = "SELECT lease_owner FROM turn WHERE state = 'running'"
    async with asyncio.timeout(60):
        while not any(f"-{worker.pid}-" in owner for (owner,) in server.execute(owners, database="random")):
            await asyncio.sleep(0.02)
