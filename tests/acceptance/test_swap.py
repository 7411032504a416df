"""Another agent.yaml while messages flow: none is lost, none is answered twice, and what it adds is served at once."""

import asyncio
import json
from pathlib import Path

from ruamel.yaml import YAML

from messaging.sandbox import RunningSandbox, SandboxOptions
from tests.acceptance.test_api import PHONE, api
from tests.acceptance.test_api_contract import ask
from tests.acceptance.world import SECRET


async def test_many_messages_while_agent_yaml_changes_again_and_again_get_one_reply_each(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        here.model.delay = 0.2
        people = [here.sandbox.phone(f"+62812345{n:05}") for n in range(24)]
        text = (await ask(client, "GET", "/agent/config"))["yaml"]

        async def write() -> None:
            for person in people:
                here.sandbox.say(person, f"nomor {person.id}?")
                await asyncio.sleep(0.05)

        writing = asyncio.create_task(write())
        for n in range(5):
            await ask(client, "PUT", "/agent/config", json={"yaml": text.replace("asisten Kopi Senja", f"asisten {n}")})
            await asyncio.sleep(0.1)
        await writing
        for person in people:
            assert await here.texts(person) == [f"Jawaban untuk: nomor {person.id}?"]
        await here.settled()
        assert [len(here.sandbox.sent(person)) for person in people] == [1] * len(people)


async def test_a_platform_that_is_added_while_the_agent_runs_is_served_at_once(tmp_path: Path) -> None:
    async with api(tmp_path) as (here, client):
        options = SandboxOptions(port=0, webhook_url=f"{here.url}/webhooks/support", webhook_secret=SECRET)
        async with RunningSandbox(options) as other:
            assert (await client.post(f"{here.url}/webhooks/support", content=b"{}")).status_code == 404
            config = YAML(typ="safe").load((tmp_path / "agent.yaml").read_text())
            first = config["messaging"]
            config["messaging"] = [first, {**first, "name": "support", "base_url": other.api_url, "token": other.token}]
            changed = await ask(client, "PUT", "/agent/config", json={"yaml": json.dumps(config)})
            assert [each["name"] for each in changed["config"]["messaging"]] == [None, "support"]
            sari, budi = other.phone(PHONE), here.sandbox.phone(PHONE)
            asked = other.say(sari, "dari sana?")
            (reply,) = await other.replies(sari, after=asked, count=1, within=60)
            assert reply.content["text"] == "Jawaban untuk: dari sana?"
            here.sandbox.say(budi, "dari sini?")
            assert await here.texts(budi) == ["Jawaban untuk: dari sini?"]
