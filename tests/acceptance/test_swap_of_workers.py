"""Another agent.yaml for many processes over one PostgreSQL: all take it, one that cannot says why, none loses a message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from agent.ledger import open_database, tables
from agent.ledger.rollout import STALE
from tests.acceptance.test_api import TOKEN
from tests.acceptance.test_api_contract import ask
from tests.acceptance.world import World, world
from tests.postgres import Postgres

pytestmark = pytest.mark.postgres

OLD, NEW = "asisten Kopi Senja", "penjaga Warung Bulan"


@asynccontextmanager
async def many(folder: Path, storage: str) -> AsyncIterator[tuple[World, httpx.AsyncClient]]:
    async with world(folder, storage=storage, workers=True) as here:
        here.config["server"]["api_token"] = TOKEN
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"{here.url}/api/v1", headers=headers, timeout=90) as client:
            yield here, client


async def _put(client: httpx.AsyncClient, text: str, query: str = "") -> Any:
    return await ask(client, "PUT", f"/agent/config{query}", json={"yaml": text})


def _states(answer: Any) -> list[tuple[str, str]]:
    return [(each["kind"], each["state"]) for each in answer["processes"]]


def _rows(storage: str) -> list[datetime]:
    """When each process was last seen."""
    engine = open_database(storage, base=Path()).engine
    with engine.connect() as connection:
        found = list(connection.execute(select(tables.process.c.seen_at)).scalars())
    engine.dispose()
    return found


async def test_all_processes_take_it_and_a_turn_in_progress_ends_with_its_own(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with many(tmp_path, postgres_server.database("swap")) as (here, client):
        await here.start_with_workers(2)
        early = [here.sandbox.phone(f"+62812000000{n:02d}") for n in range(6)]
        async with here.model.held():
            for person in early:
                here.sandbox.say(person, f"sebelum {person.id} berapa?")
            await here.model.working(6)
            begun = len(here.model.asked)
            text = (await ask(client, "GET", "/agent/config"))["yaml"]
            put = await _put(client, text.replace(OLD, NEW))
        assert _states(put) == [("serve", "current"), ("worker", "current"), ("worker", "current")]
        assert put["note"] is None
        late = [here.sandbox.phone(f"+62812000001{n:02d}") for n in range(12)]
        for person in late:
            here.sandbox.say(person, f"sesudah {person.id} berapa?")
        for person in (*early, *late):
            (reply,) = await here.texts(person)
            assert str(person.id) in reply
        await here.settled()
        assert [len(here.sandbox.sent(person)) for person in (*early, *late)] == [1] * 18
        assert all(OLD in asked.system for asked in here.model.asked[:begun])
        assert all(NEW in asked.system for asked in here.model.asked if "sesudah" in asked.question)
        assert all(OLD in asked.system for asked in here.model.asked if "sebelum" in asked.question)


async def test_a_wrong_one_is_taken_by_none_and_one_that_a_worker_cannot_take_is_named(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with many(tmp_path, postgres_server.database("refused")) as (here, client):
        await here.start(command=("serve", "--accept-only"), environment={"SHOP": NEW})
        await here.spawn("worker", environment={"SHOP": NEW})
        await here.spawn("worker")
        await here.working(2)
        text = (await ask(client, "GET", "/agent/config"))["yaml"]
        refused = await ask(client, "PUT", "/agent/config", 422, json={"yaml": text.replace("voice:", "voize:")})
        assert refused["error"]["problems"][0]["line"] > 1
        assert set(_states(await ask(client, "GET", "/agent/config"))) == {("serve", "current"), ("worker", "current")}
        put = await _put(client, text.replace(OLD, "${SHOP}"))
        assert sorted(_states(put)) == [("serve", "current"), ("worker", "current"), ("worker", "refused")]
        assert put["note"].startswith("2 of 3 processes go by it")
        assert "SHOP" in put["note"]
        people = [here.sandbox.phone(f"+62812000002{n:02d}") for n in range(8)]
        for person in people:
            here.sandbox.say(person, f"halo {person.id} buka?")
        for person in people:
            assert len(await here.texts(person)) == 1
        again = await _put(client, text.replace(OLD, NEW))  # what all can take brings them together again
        assert set(_states(again)) == {("serve", "current"), ("worker", "current")}
        assert again["note"] is None


async def test_a_worker_that_starts_joins_the_others_and_a_restart_of_all_goes_back_to_the_file(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    storage = postgres_server.database("joins")
    async with many(tmp_path, storage) as (here, client):
        (first,) = await here.start_with_workers(1)
        text = (await ask(client, "GET", "/agent/config"))["yaml"]
        await _put(client, text.replace(OLD, NEW))
        first.kill()
        await first.wait()
        second = await here.spawn("worker")
        await here.working(2)
        budi = here.sandbox.phone("+6281200000301")
        here.sandbox.say(budi, "buka jam berapa?")
        await here.texts(budi)
        assert NEW in here.model.asked[-1].system
        second.terminate()
        await second.wait()
        await here.stop()
        async with asyncio.timeout(90):  # until the one that was killed does not count as running any more
            while [each for each in _rows(storage) if each > datetime.now(UTC) - STALE]:
                await asyncio.sleep(0.5)
        await here.start(command=("serve", "--accept-only"))
        await here.spawn("worker")
        await here.working(3)
        said = here.sandbox.say(budi, "masih buka?")
        await here.texts(budi, after=said)
        assert OLD in here.model.asked[-1].system


async def test_what_was_saved_holds_where_only_the_file_of_another_machine_is_there(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    async with many(tmp_path, postgres_server.database("saved")) as (here, client):
        await here.start_with_workers(1)
        file = tmp_path / "agent.yaml"
        of_the_worker = file.read_text()
        text = (await ask(client, "GET", "/agent/config"))["yaml"]
        put = await _put(client, text.replace(OLD, NEW), "?save=true")
        assert put["saved"]
        assert NEW in file.read_text()
        await here.close()
        file.write_text(of_the_worker)  # as it stands on the worker's machine
        await here.spawn("worker")
        await here.spawn("serve", "--accept-only")
        await here.working(2)
        async with asyncio.timeout(90):
            while sum('"serving"' in line for line in here.log) < 2:
                await asyncio.sleep(0.1)
        budi = here.sandbox.phone("+6281200000302")
        here.sandbox.say(budi, "buka jam berapa?")
        await here.texts(budi)
        assert NEW in here.model.asked[-1].system
