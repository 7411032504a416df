"""Conversations of every kind become scenarios, by each way of saving them, and pass in a fresh copy of the agent's folder."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from messaging.sandbox.records import Contact
from tests.acceptance.campaign import Campaign
from tests.acceptance.desk import write
from tests.acceptance.shop import shop
from tests.acceptance.stub_model import Asked
from tests.acceptance.test_missed_voice_notes import HEARING, OPENING
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC
from tests.processes import ROOT, program

TOKEN = "acceptance-api-token"
MENU = "produk,ukuran,harga\nKopi Susu Senja,350 ml,25000\nAmericano,250 ml,22000\n"
HOURS = "# Jam buka\n\n## Jam berapa toko buka?\n\nToko buka setiap hari jam 07.00 sampai 21.00.\n"


def knowing(asked: Asked) -> Any:
    """A model that calls what it is asked for, and says the rest in its own words."""
    last = (asked.question.splitlines() or [""])[-1].casefold()
    if "<runtime>" in asked.question:
        return "Baik, Kak."
    if asked.results:
        return "Baik Kak, sudah saya periksa."
    calls = {
        "bayar": ("send_qris", {"amount": 50000}),
        "batalkan": ("cancel_order", {"order_id": "KS-10234"}),
        "manusia": ("hand_over", {"reason": "diminta"}),
    }
    for word, (name, arguments) in calls.items():
        if word in last:
            return {"call": name, "arguments": arguments}
    return f"Baik Kak Ratna, soal {last[:30]} kami catat."


@asynccontextmanager
async def shop_agent(folder: Path, model: str) -> AsyncIterator[World]:
    folder.mkdir()
    (folder / "menu.csv").write_text(MENU)
    (folder / "jam.md").write_text(HOURS)
    async with shop() as orders:
        settings: dict[str, Any] = {
            **HEARING,
            "knowledge": {"sources": [{"path": "menu.csv"}, {"path": "jam.md"}]},
            "actions": [
                *orders.actions(confirm="Batalkan pesanan {order_id}?", examples=["batalkan pesanan KS-10234"]),
                {"builtin": "hand_over"},
                {"builtin": "send_qris"},
            ],
            "payments": {"qris": {"payload": STATIC}},
            "conversation": {"quiet_window": {"finished": "0.2s", "unfinished": "0.2s", "longest": "1s"}},
            "followups": {
                "rules": [
                    {"name": "tanya", "after": "3s", "when": {"no_reply": True}, "text": "Ada lagi yang bisa dibantu?"}
                ],
            },
        }
        if model == "offline":
            settings["model"] = {"name": "offline"}
        async with world(folder, **settings) as here:
            here.model.answer = knowing
            here.config["server"]["api_token"] = TOKEN
            await here.start()
            yield here


async def _ask(here: World, who: Contact, text: str, count: int = 1) -> None:
    asked = here.sandbox.say(who, text)
    await here.texts(who, after=asked, count=count)


async def knowledge(here: World, who: Contact) -> None:
    await _ask(here, who, "jam berapa toko buka?")
    await _ask(here, who, "harga kopi susu senja berapa?")


async def confirmed(here: World, who: Contact) -> None:
    await _ask(here, who, "batalkan pesanan KS-10234")
    await _ask(here, who, "ya")


async def human(here: World, who: Contact) -> None:
    await _ask(here, who, "saya mau bicara dengan manusia")
    await write(here, who, "Saya bantu ya Kak Ratna.")
    here.sandbox.say(who, "tadi sudah saya transfer")
    await here.settled()
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        await client.post(f"{here.url}/api/v1/conversations/{who.phone}/resume")
    await here.settled()
    await _ask(here, who, "jam berapa toko buka?")


async def media(here: World, who: Contact) -> None:
    asked = here.sandbox.attach(who, OPENING.read_bytes(), "note.ogg")
    await here.texts(who, after=asked)
    drawn = BytesIO()
    Image.new("RGB", (40, 40), "red").save(drawn, "PNG")
    asked = here.sandbox.attach(who, drawn.getvalue(), "foto.png", "ini Ratna, pesanan saya rusak")
    await here.texts(who, after=asked)
    asked = here.sandbox.attach(who, drawn.getvalue(), "foto.png")
    await here.texts(who, after=asked)


async def outreach(here: World, who: Contact) -> None:
    await _ask(here, who, "bayar 50rb", count=2)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, base_url=here.url) as client:
        made = (await client.get("/api/v1/payments")).json()["payments"][0]
        answer = await client.post(f"/api/v1/payments/{made['id']}/paid")
        assert answer.status_code == 200, answer.text
    await here.settled(5)
    await _ask(here, who, "sudah masuk ya?")
    campaign = Campaign(here)
    campaign.write([who.phone], template={"name": "sapaan", "language": "id", "parameters": ["Kak"]})
    await campaign.send()
    await campaign.finished()
    await _ask(here, who, "harga americano berapa?")


KINDS: dict[str, Callable[[World, Contact], Awaitable[None]]] = {
    "knowledge": knowledge, "confirmed": confirmed, "human": human, "media": media, "outreach": outreach,
}  # fmt: skip


async def _saved_by_api(here: World, path: str) -> tuple[str, str | None]:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=120) as client:
        answer = await client.get(f"{here.url}/api/v1{path}")
    assert answer.status_code == 200, answer.text
    saved = answer.json()
    return saved["scenario"], saved["cassette"]


async def passes(folder: Path, texts: dict[str, tuple[str, str | None]], into: Path) -> None:
    """Run scenarios in a copy of the folder that has nothing but what an owner keeps in version control."""
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns(".balas", "*.db*"))
    tests = into / "tests"
    tests.mkdir(exist_ok=True)
    for name, (scenario, cassette) in texts.items():
        (tests / f"{name}.yaml").write_text(scenario)
        if cassette is not None:
            (tests / f"{name}.cassette.yaml").write_text(cassette)
        for private in ("Ratna", "8131111"):
            assert private not in scenario, scenario
            assert private not in (cassette or ""), cassette
    command = [*program(), "test", "-c", str(into / "agent.yaml"), "--json"]
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    results = json.loads(ended.stdout)["scenarios"]
    assert [each["name"] for each in results if not each["passed"]] == [], ended.stdout
    assert len(results) == len(texts)
    assert ended.returncode == 0


@pytest.mark.parametrize("model", ["offline", "language model"])
async def test_conversations_of_every_kind_are_saved_and_pass_elsewhere(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "here"
    texts = {}
    async with shop_agent(folder, model) as here:
        people = {kind: here.sandbox.phone(f"+62813111122{at:02}", "Ratna") for at, kind in enumerate(KINDS)}
        await asyncio.gather(*(happen(here, people[kind]) for kind, happen in KINDS.items()))
        await here.settled()
        for kind, who in people.items():
            texts[f"api_{kind}"] = await _saved_by_api(here, f"/conversations/aelyst:{who.id}/scenario")
            path = folder / "saved" / f"cli_{kind}.yaml"
            await here.command("replay", who.phone, "--save", str(path))
            cassette = path.with_name(f"cli_{kind}.cassette.yaml")
            texts[f"cli_{kind}"] = path.read_text(), cassette.read_text() if cassette.is_file() else None
        printed = await here.command("replay", "--last", str(len(KINDS)))
        assert printed.splitlines()[-1].endswith("no difference"), printed
        shutil.rmtree(folder / "saved")
    await passes(folder, texts, tmp_path / "elsewhere")
