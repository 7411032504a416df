"""What the demo's phone page is told about an agent."""

import asyncio
from pathlib import Path

import httpx
import pytest

from agent.cli.stage import Stage, stage
from examples.kopi_senja.orders import DEMO_PHONES
from tests.examples.test_kopi_senja import KEYS

ROOT = Path(__file__).parents[2]
AGENT = """\
name: Dewi
instructions: Jawab singkat.
knowledge: {sources: [docs.md]}
"""
DOCS = """\
# Tanya jawab

## Berapa lama garansi servis?

Garansi servis 30 hari.

## Do you repair tablets?

Yes, we repair tablets.
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (*KEYS, "BALAS_STORAGE"):
        monkeypatch.setenv(key, "")
        monkeypatch.delenv(key)


async def ready(running: Stage) -> None:
    async with asyncio.timeout(60):
        while not running.agent.ready:
            await asyncio.sleep(0.02)


async def test_the_headline_prompt_works_from_every_phone_and_the_answer_tells_why(tmp_path: Path) -> None:
    async with stage(ROOT / "agent.yaml", port=0, samples=None, data=tmp_path) as running:
        await ready(running)
        assert "pesanan KS-10234 sudah sampai mana?" in [prompt.text for prompt in running.insight.prompts()]
        for number, phone in enumerate(DEMO_PHONES, 1):
            contact = running.sandbox.phone(phone)
            assert contact.id == number  # seeded, not made here
            said = running.sandbox.say(contact, "pesanan KS-10234 sudah sampai mana?")
            (reply,) = await running.sandbox.replies(contact, after=said, within=60)
            assert "JP1234567890" in (reply.text or "")
        async with httpx.AsyncClient(base_url=running.url) as page:
            async with asyncio.timeout(90):  # the reply is here before the agent has noted that it is sent
                while (await page.get(f"/sandbox/messages/{reply.id}/why")).status_code != 200:
                    await asyncio.sleep(0.05)
            told = [(await page.get(f"/sandbox/messages/{each.id}/why")).json() for each in (said, reply)]
        assert told[0] == told[1]
        assert [step["kind"] for step in told[0]["steps"]] == ["retrieval", "model", "action", "model"]
        assert (told[0]["heard"], told[0]["toy"]) == (None, True)


async def test_an_agent_of_ones_own_gets_a_phone_page_with_its_questions(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT, encoding="utf-8")
    (tmp_path / "docs.md").write_text(DOCS, encoding="utf-8")
    async with stage(tmp_path / "agent.yaml", port=0, samples=None, data=tmp_path) as running:
        await ready(running)
        async with httpx.AsyncClient(base_url=running.url) as page:
            state = (await page.get("/sandbox/state")).json()
            assert (await page.get("/sandbox/messages/9/why")).status_code == 404
        assert state["business"] == "Dewi"
        assert {"text": "Berapa lama garansi servis?", "language": "id"} in state["prompts"]
        assert {"text": "Do you repair tablets?", "language": "en"} in state["prompts"]
