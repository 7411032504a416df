"""What the agent may quote, from documents on disk to the customer's phone, with `balas knowledge` beside the running agent."""

import asyncio
import json
import os
import re
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.world import World, world
from tests.knowledge.site import Site
from tests.postgres import Postgres
from tests.processes import forked

PRICES = "produk,harga\nKopi Susu Senja,Rp25.000\nAmericano,Rp22.000\n"
HANDED_OVER = "Sebentar ya, saya sambungkan ke tim kami."
UNKNOWN = "Maaf, saya belum tahu soal itu. Mau saya sambungkan ke tim kami?"


async def balas(here: World, *words: str) -> tuple[int, str]:
    """Run a command beside the agent; its exit code and everything it said."""
    process = await forked((*words, "-c", str(here.folder / "agent.yaml")), os.environ)
    assert process.stdout is not None
    said = (await process.stdout.read()).decode()
    return await process.wait(), said


async def listed(here: World) -> list[dict[str, Any]]:
    """The sources as `balas knowledge list` tells them."""
    _, said = await balas(here, "knowledge", "list", "--json")
    sources: list[dict[str, Any]] = json.loads(said[said.index("[") :])
    return sources


def from_passages(asked: Any) -> str:
    """A model that tells prices and hours as it reads them."""
    for fact in ("Rp25.000", "08.00"):
        if fact in asked.context:
            return f"Jawabannya {fact}."
    return UNKNOWN


async def test_a_price_list_whose_copy_is_old_leads_to_a_human_and_current_facts_to_an_answer(tmp_path: Path) -> None:
    (tmp_path / "harga.csv").write_text(PRICES)
    (tmp_path / "jam.md").write_text("# Jam buka\n\n## Jam buka?\n\nSetiap hari mulai pukul 08.00.\n")
    sources = [{"path": "harga.csv", "volatile": True, "refresh": "1s"}, "jam.md"]
    handover = {"text": HANDED_OVER}
    async with world(tmp_path, knowledge={"sources": sources}, conversation={"handover": handover}) as here:
        here.model.answer = from_passages
        await here.start()
        first, second, third = (here.sandbox.phone(f"+62812345678{n:02d}") for n in (1, 2, 3))
        here.sandbox.say(first, "harga kopi susu senja berapa?")
        assert await here.texts(first) == ["Jawabannya Rp25.000."]

        (tmp_path / "harga.csv").unlink()
        while not (await listed(here))[0]["error"]:
            await asyncio.sleep(0.2)

        here.sandbox.say(second, "harga kopi susu senja berapa?")
        assert await here.texts(second) == [HANDED_OVER]
        assert all("Rp25.000" not in asked.context for asked in here.model.asked[1:]), "the model must not see it"
        here.sandbox.say(second, "halo?")
        here.sandbox.say(third, "buka jam berapa ya?")
        assert await here.texts(third) == ["Jawabannya 08.00."]
        await here.settled()
        assert len(here.sandbox.sent(second)) == 1, "a human has the conversation now"


async def test_unanswered_questions_become_an_entry_when_the_owner_says_so(tmp_path: Path) -> None:
    (tmp_path / "jam.md").write_text("# Kopi Senja\n\n## Jam buka?\n\nSetiap hari mulai pukul 08.00.\n")
    async with world(
        tmp_path, knowledge={"sources": ["jam.md"]}, server={"api_token": "rahasia-api", "port": 0}
    ) as here:
        here.config["server"]["port"] = here.port
        here.model.answer = lambda asked: "Boleh, Kak!" if "hewan peliharaan" in asked.context else from_passages(asked)
        await here.start()
        for n, text in enumerate(("boleh bawa kucing ga kak?", "bawa kucing boleh?", "buka jam brp ya kak"), start=1):
            person = here.sandbox.phone(f"+62812345678{n:02d}")
            here.sandbox.say(person, text)
            await here.texts(person)

        code, said = await balas(here, "knowledge", "gaps", "--json")
        [cluster] = json.loads(said[said.index("[") :])
        assert (code, cluster["times"], {cluster["question"], *cluster["others"]}) == (
            0,
            2,
            {"boleh bawa kucing ga kak?", "bawa kucing boleh?"},
        )

        answer = "Boleh, hewan peliharaan boleh masuk ke teras."
        code, said = await balas(here, "knowledge", "gaps", "accept", str(cluster["id"]), "--answer", answer)
        assert code == 0
        assert answer in (tmp_path / "knowledge/learned.md").read_text()
        code, said = await balas(here, "knowledge", "sync")
        assert code == 0, said
        assert "Asking the running agent" in said
        assert re.search(r"knowledge/learned\.md: (1 added|0 added, 0 changed, 1 unchanged)", said), said

        person = here.sandbox.phone("+6281234567809")
        here.sandbox.say(person, "kak kucingku boleh ikut ga")
        assert await here.texts(person) == ["Boleh, Kak!"]
        code, said = await balas(here, "knowledge", "gaps")
        assert "No open questions." in said


@pytest.mark.postgres
async def test_many_processes_fetch_a_page_once_and_answer_from_its_newest_text(
    tmp_path: Path, postgres_server: Postgres
) -> None:
    site = Site()
    site.page("/harga", "Harga", "Harga kopi susu senja Rp20.000 per gelas, sudah dengan gula aren.")
    source = {"url": f"{site.url}/harga", "refresh": "1h"}
    async with world(
        tmp_path,
        storage=postgres_server.database("knows"),
        workers=True,
        knowledge={"sources": [source]},
        network={"allow_private": ["127.0.0.1"]},
        server={"api_token": "rahasia-api"},
    ) as here:
        here.config["server"]["port"] = here.port
        here.model.answer = from_passages
        await here.start_with_workers(2)
        assert site.paths() == ["/harga"]
        site.page("/harga", "Harga", "Harga kopi susu senja Rp25.000 per gelas, sudah dengan gula aren.")
        async with httpx.AsyncClient(timeout=60) as client:
            token = {"Authorization": "Bearer rahasia-api"}
            answer = await client.post(f"{here.url}/api/v1/knowledge/sync", headers=token)
        assert (answer.status_code, answer.json()["sources"][0]["changed"]) == (200, 1)
        numbers = count()

        async def answers() -> set[str]:
            people = [here.sandbox.phone(f"+6281200000{next(numbers):03d}") for _ in range(6)]
            for person in people:
                here.sandbox.say(person, "harga kopi susu senja berapa?")
            return {text for person in people for text in await here.texts(person)}

        async with asyncio.timeout(90):  # each worker looks for news every 5 seconds
            while await answers() != {"Jawabannya Rp25.000."}:
                pass
        assert await answers() == {"Jawabannya Rp25.000."}
        assert site.paths() == ["/harga", "/harga"]
    site.close()


async def test_the_running_agent_syncs_when_asked_and_answers_from_what_it_had_meanwhile(tmp_path: Path) -> None:
    site = Site()
    for n in range(12):
        site.page(f"/p{n}", f"Bab {n}", f"Isi lama dari bab {n}, yang cukup panjang untuk dibaca.", f"/p{n + 1}")
    source = {"crawl": {"url": f"{site.url}/p0", "depth": 10}, "refresh": "1h"}
    network, server = {"allow_private": ["127.0.0.1"]}, {"api_token": "rahasia-api"}
    async with world(tmp_path, knowledge={"sources": [source]}, network=network, server=server) as here:
        here.config["server"]["port"] = here.port
        await here.start()
        for n in range(12):
            site.page(f"/p{n}", f"Bab {n}", f"Isi baru dari bab {n}, yang cukup panjang untuk dibaca.", f"/p{n + 1}")
        site.delay = 0.3
        syncing = asyncio.create_task(balas(here, "knowledge", "sync"))
        seen = []
        async with httpx.AsyncClient(headers={"Authorization": "Bearer rahasia-api"}) as client:
            while not syncing.done():
                found = await client.get(f"{here.url}/api/v1/knowledge/search", params={"q": "isi bab 0"}, timeout=60)
                seen.append("lama" in found.json()["hits"][0]["text"])
                await asyncio.sleep(0.1)
            last = (await client.get(f"{here.url}/api/v1/knowledge/search", params={"q": "isi bab 0"})).json()
        code, said = await syncing
        assert code == 0, said
        assert "11 changed" in said
        assert seen.count(True) >= 3, "the old text answers while the new one is read"
        assert "baru" in last["hits"][0]["text"]
    site.close()
