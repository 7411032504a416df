"""Several processes over one ledger: one syncs the sources, all load what it saved."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from agent.ledger.database import Database
from agent.ledger.knowledge import SqlKnowledgeStore
from knowledge.knowledge import Knowledge
from knowledge.settings import KnowledgeSettings
from tests.knowledge.conftest import Clock
from tests.knowledge.site import Site

OpenMachine: TypeAlias = Callable[..., Awaitable[Knowledge]]


@pytest.fixture
async def machine(tmp_path: Path, database: Database, clock: Clock) -> AsyncIterator[OpenMachine]:
    """`await machine(*sources)`: another machine with a folder of its own over the same ledger."""
    opened: list[Knowledge] = []
    async with httpx.AsyncClient(trust_env=False) as client:

        async def build(*sources: Any) -> Knowledge:
            settings = KnowledgeSettings.model_validate(
                {"sources": sources, "chroma": {"path": f"chroma{len(opened)}"}}
            )
            store = SqlKnowledgeStore(database)
            opened.append(await Knowledge.open(settings, tmp_path, store, client, clock))
            return opened[-1]

        yield build
        for knowledge in opened:
            await knowledge.aclose()


async def test_machines_that_start_together_fetch_each_page_once_and_all_find_it(
    site: Site, machine: OpenMachine
) -> None:
    site.delay = 0.3
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    machines = [await machine(f"{site.url}/faq") for _ in range(3)]
    await asyncio.gather(*(one.first_sync() for one in machines))
    assert site.paths() == ["/faq"]
    for one in machines:
        assert "delapan" in (await one.search(["buka pukul berapa"])).hits[0].text


async def test_what_one_machine_learns_is_loaded_by_the_others_without_a_sync_of_their_own(
    site: Site, machine: OpenMachine, clock: Clock
) -> None:
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    one, other = await machine(f"{site.url}/faq"), await machine(f"{site.url}/faq")
    await one.first_sync()
    await other.refresh()
    assert "delapan" in (await other.search(["buka pukul berapa"])).hits[0].text
    site.page("/faq", "Tanya jawab", "Kami buka pukul sembilan pagi setiap hari kecuali hari raya.")
    await one.sync()
    asked = len(site.asked)
    await other.refresh()
    assert "sembilan" in (await other.search(["buka pukul berapa"])).hits[0].text
    site.status["/faq"] = 500
    clock.advance(hours=1)
    await one.sync()
    await other.refresh()
    assert other.sources()[0].failing_since == clock.now
    assert len(site.asked) == asked + 1


async def test_when_a_source_is_due_one_of_all_machines_syncs_it(
    site: Site, machine: OpenMachine, clock: Clock
) -> None:
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    machines = [await machine({"url": f"{site.url}/faq", "refresh": "1h"}) for _ in range(3)]
    await machines[0].first_sync()
    site.delay = 0.2
    clock.advance(hours=2)
    await asyncio.gather(*(one.refresh() for one in machines))
    await asyncio.gather(*(one.refresh() for one in machines))
    assert len(site.asked) == 2


async def test_a_sync_waits_for_the_one_of_another_machine(site: Site, machine: OpenMachine) -> None:
    site.delay = 0.3
    site.page("/faq", "Tanya jawab", "Kami buka pukul delapan pagi setiap hari kecuali hari raya.")
    one, other = await machine(f"{site.url}/faq"), await machine(f"{site.url}/faq")
    reports = await asyncio.gather(one.sync(), other.sync())
    assert sorted(report.sources[0].added for report in reports) == [0, 1]
    assert sorted(report.sources[0].unchanged for report in reports) == [0, 1]
