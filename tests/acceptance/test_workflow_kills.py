"""`kill -9` before, in and after every kind of step: the run goes on, here or on another worker, and nothing happens twice."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.sandbox.records import Contact
from tests.acceptance.flow import TOKEN, Receiver, call, private, rows
from tests.acceptance.shop import Shop, shop
from tests.acceptance.world import World, world
from tests.postgres import Postgres
from tests.processes import Process

STEPS = ["send", "tag", "note", "lifecycle", "post", "action", "agent", "wait", "send", "assign"]
POINTS = [
    *(f"{point}:{number}" for number in range(1, len(STEPS) + 1, 2) for point in ("workflow-step", "workflow-stepped")),
    "before-send", "sent", "before-post", "posted", "after-claim", "effect-started", "effect-done", "action-recorded",
    "model-call", "model-answered", "before-commit", "after-commit",
]  # fmt: skip


def _configure(here: World, store: Shop, receiver: Receiver) -> None:
    stage = here.sandbox.state.workspace.lifecycles[0]
    colleague = here.sandbox.state.workspace.users[0].email
    steps: list[dict[str, Any]] = [
        {"send": "satu {event.order}"},
        {"tag": "pembeli"},
        {"note": "catatan {event.order}"},
        {"lifecycle": stage},
        {"post": {"url": receiver.url, "secret": "secret-of-the-post"}},
        {"action": {"cancel_order": {"order_id": "{event.order}"}}},
        {"agent": "Ceritakan soal {event.order}."},
        {"wait": "1s"},
        {"send": "dua {event.order}"},
        {"assign": colleague},
    ]
    assert [next(iter(step)) for step in steps] == STEPS
    request = {"method": "POST", "url": f"{store.url}/orders/{{order_id}}/cancel", "idempotent": True}
    here.config |= {
        "workflows": [{"name": "order", "on": "webhook", "token": TOKEN, "do": steps}],
        "actions": store.actions(request=request, claims=["tidak pernah dikatakan"]),
        "conversation": {"quiet_window": {"finished": "0s", "unfinished": "0s", "longest": "0s"}},
    }
    here.model.answer = lambda asked: f"cerita {asked.last.partition('soal ')[2][:8]}"


async def _begin(here: World, orders: dict[str, Contact]) -> None:
    """A customer who has written gets an order; the system that tells of it tells twice."""
    order = f"KS-{10000 + len(orders)}"
    person = here.sandbox.phone(f"+62812{len(orders):08d}", "Budi")
    orders[order] = person
    for _ in range(2):
        for _ in range(200):
            with suppress(httpx.HTTPError):  # the process was killed with the request in hand
                told = {"event_id": order, "contact": str(person.id), "order": order}
                if (await call(here, "order", told)).status_code == 200:
                    break
            if here.agent is not None and here.agent.returncode is not None:
                return
            await asyncio.sleep(0.1)


async def _all_once(
    here: World, orders: dict[str, Contact], look: Callable[[str], list[Any]], store: Shop, receiver: Receiver
) -> None:
    states = "SELECT state FROM workflow_run"
    async with asyncio.timeout(240):
        while [state for (state,) in look(states)] != ["done"] * len(orders):
            assert "failed" not in {state for (state,) in look(states)}, "\n".join(here.log[-40:])
            await asyncio.sleep(0.3)
        while any(f"dua {order}" not in _texts(here, person) for order, person in orders.items()):
            await asyncio.sleep(0.3)
        while len({body for _, body in receiver.calls}) < len(orders):
            await asyncio.sleep(0.3)
        while any(here.sandbox.phone(str(person.phone)).assignee is None for person in orders.values()):
            await asyncio.sleep(0.3)
        while look("SELECT 1 FROM outbound WHERE state IN ('pending', 'sending', 'uncertain')"):
            await asyncio.sleep(0.3)
    await here.settled(2)
    for order, person in orders.items():
        assert _texts(here, person) == [f"satu {order}", f"cerita {order}", f"dua {order}"]
    assert store.cancelled == Counter(orders.keys())
    notes = Counter(comment.text for comment in here.sandbox.state.conversations.comments.values())
    # no platform says whether it has a note: one whose process died is not left again, and stands among the dead
    held = {json.loads(told)["text"] if isinstance(told, str) else told["text"] for (told,) in look(HELD)}
    assert all(notes[f"catatan {order}"] == (f"catatan {order}" not in held) for order in orders)
    assert len(held) <= len(POINTS)
    told = {headers["x-balas-event-id"]: json.loads(body)["data"]["order"] for headers, body in receiver.calls}
    assert sorted(told.values()) == sorted(orders)  # one id for each, however often it was told


HELD = "SELECT payload FROM outbound WHERE lane = 'desk' AND state = 'failed' AND may_have_been_sent"


def _texts(here: World, person: Contact) -> list[str]:
    """What a customer got about an order."""
    texts = (str(message.content.get("text")) for message in here.sandbox.sent(person))
    return [text for text in texts if "KS-" in text]


async def test_every_step_is_taken_once_however_often_the_process_is_killed(tmp_path: Path) -> None:
    receiver, orders = Receiver(), dict[str, Contact]()
    async with receiver.up(), shop() as store, world(tmp_path, network=private()) as here:
        _configure(here, store, receiver)
        await here.start()
        await _write_first(here, len(POINTS))
        await here.stop()
        for point in POINTS:
            await here.start(environment={"BALAS_KILL_AT": point})
            await _begin(here, orders)
            await here.died(within=90)
        await here.start()
        for order, person in orders.items():  # who got no answer from a process that died asks again
            told = {"event_id": order, "contact": str(person.id), "order": order}
            assert (await call(here, "order", told)).status_code == 200
        await _all_once(here, orders, partial(rows, here), store, receiver)


@pytest.mark.postgres
async def test_every_step_is_taken_once_whichever_worker_dies(tmp_path: Path, postgres_server: Postgres) -> None:
    receiver, orders, name = Receiver(), dict[str, Contact](), "workflow-kills"
    async with (
        receiver.up(),
        shop() as store,
        world(tmp_path, network=private(), workers=True, storage=postgres_server.database(name)) as here,
    ):
        _configure(here, store, receiver)
        here.write()
        await here.start(command=("serve", "--accept-only"))
        survivor = await here.spawn("worker")
        await here.working(1)
        await _write_first(here, 2 * len(POINTS))
        begun = 1
        for start in range(0, len(POINTS), 6):  # a few doomed ones at a time
            doomed = {
                point: await here.spawn("worker", environment={"BALAS_KILL_AT": point})
                for point in POINTS[start : start + 6]
            }
            begun += len(doomed)
            await here.working(begun)
            await _until_dead(here, doomed, orders)
        assert survivor.returncode is None
        await _all_once(
            here,
            orders,
            lambda sql: [tuple(row) for row in postgres_server.execute(sql, database=name)],
            store,
            receiver,
        )


async def _write_first(here: World, count: int) -> None:
    """Customers write, so that they are known and the 24-hour window is open."""
    people = [here.sandbox.phone(f"+62812{number:08d}", "Budi") for number in range(count)]
    for person in people:
        here.sandbox.say(person, "halo")
    async with asyncio.timeout(120):
        while {message.contact for message in here.sandbox.sent()} != {person.id for person in people}:
            await asyncio.sleep(0.2)


async def _until_dead(here: World, doomed: dict[str, Process], orders: dict[str, Contact]) -> None:
    async with asyncio.timeout(180):
        while any(worker.returncode is None for worker in doomed.values()):
            if len(orders) < 2 * len(POINTS):
                await _begin(here, orders)
            await asyncio.sleep(0.5)
    assert {worker.returncode for worker in doomed.values()} == {-signal.SIGKILL}
