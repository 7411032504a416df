"""`PUT /agent/config`: the new text is in place and in the file whole, or the old one stays in both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from agent.assembly import open_agent
from agent.config import AgentConfig, load
from agent.web.server import Swaps, create_app

TOKEN, SECRET = "token-of-the-owner", "secret-of-the-platform"
TEXT = f"""# the shop's agent
name: Melati  # as customers see it
instructions: Jawab singkat.
model: {{name: offline}}
voice: {{model: none}}
messaging:
  platform: aelyst
  base_url: "http://127.0.0.1:9"
  token: {SECRET}   # from the platform's page
  webhook_secret: {SECRET}-2
# who may look
server: {{api_token: {TOKEN}}}
"""


@asynccontextmanager
async def opened(folder: Path, wrong: list[str] | None = None) -> AsyncIterator[httpx.AsyncClient]:
    async def probe(_config: AgentConfig) -> list[str]:
        await asyncio.sleep(0)
        return wrong or []

    (folder / "agent.yaml").write_text(TEXT)
    async with open_agent(load(folder / "agent.yaml")) as agent:
        transport = httpx.ASGITransport(create_app(agent, Swaps(lambda config: config, probe)).state.api)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://agent", headers=headers) as client:
            yield client


async def _shown(client: httpx.AsyncClient) -> str:
    return str((await client.get("/agent/config")).json()["yaml"])


async def test_what_is_saved_is_the_text_with_its_comments_and_the_secrets_behind_their_masks(tmp_path: Path) -> None:
    async with opened(tmp_path) as client:
        shown = await _shown(client)
        assert SECRET not in shown
        assert TOKEN not in shown
        put = await client.put("/agent/config?save=true", json={"yaml": shown.replace("singkat", "ramah")})
        assert put.status_code == 200, put.text
        assert put.json()["saved"]
        assert put.json()["note"] is None
        assert SECRET not in put.text
    assert (tmp_path / "agent.yaml").read_text() == TEXT.replace("singkat", "ramah")
    assert (tmp_path / "agent.yaml.bak").read_text() == TEXT
    assert sorted(file.name for file in tmp_path.iterdir() if "agent.yaml" in file.name) == [
        "agent.yaml",
        "agent.yaml.bak",
    ]


async def test_a_server_that_does_not_answer_leaves_the_old_one_and_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path, ["aelyst: no connection to http://127.0.0.1:9"]) as client:
        put = await client.put("/agent/config?save=true", json={"yaml": TEXT.replace("singkat", "ramah")})
        assert put.status_code == 502
        assert "no connection" in put.json()["error"]["message"]
        assert "singkat" in await _shown(client)
    assert (tmp_path / "agent.yaml").read_text() == TEXT


async def test_of_many_at_once_the_last_is_in_place_and_in_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as client:
        texts = [TEXT.replace("singkat", f"nomor {n}") for n in range(8)]
        puts = await asyncio.gather(*(client.put("/agent/config?save=true", json={"yaml": text}) for text in texts))
        assert [put.status_code for put in puts] == [200] * 8
        shown = (await client.get("/agent/config")).json()["config"]["instructions"]
    saved = (tmp_path / "agent.yaml").read_text()
    assert saved in texts
    assert f"instructions: {shown}\n" in saved


async def test_a_mask_where_there_is_no_secret_is_named_by_its_line(tmp_path: Path) -> None:
    async with opened(tmp_path) as client:
        shown = await _shown(client)
        put = await client.put("/agent/config", json={"yaml": shown.replace("Jawab singkat.", "•••")})
        assert put.status_code == 422
        assert put.json()["error"]["problems"][0]["line"] == 3
