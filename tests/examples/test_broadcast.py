import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from agent.broadcasts.plan import Prepared, prepare
from agent.broadcasts.report import planned
from agent.broadcasts.settings import BroadcastFile
from agent.broadcasts.settings import load as load_broadcast
from agent.config import loads
from agent.errors import InputError
from agent.ledger import migrate
from agent.ledger.sqlite import SqliteDatabase
from messaging import open_platform
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import MessagingSettings

SAMPLE = Path(__file__).parents[2] / "examples" / "kopi_senja" / "broadcast.yaml"


CONFIG = loads("name: Melati\ninstructions: Kamu Melati.\n", environment={})


async def ready(file: BroadcastFile, folder: Path) -> Prepared:
    database = SqliteDatabase(folder / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    async with RunningSandbox(SandboxOptions(port=0)) as sandbox, httpx.AsyncClient() as http:
        platform = open_platform(MessagingSettings(platform="sandbox", base_url=sandbox.api_url), http)
        try:
            return await prepare(file, CONFIG, database, platform, datetime(2026, 12, 1, 3, tzinfo=UTC))
        finally:
            await database.aclose()


async def test_more_people_than_one_broadcast_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.broadcasts.plan.MOST_RECIPIENTS", 4)
    with pytest.raises(InputError, match="5 recipients are more than 4; split it"):
        await ready(load_broadcast(SAMPLE, environment={}), tmp_path)


async def test_the_sample_broadcast_reaches_all_of_its_people(tmp_path: Path) -> None:
    file = load_broadcast(SAMPLE, environment={})
    prepared = await ready(file, tmp_path)
    assert (prepared.plan.audience, prepared.plan.to_send, prepared.plan.cost) == (5, 5, 3000)
    assert not prepared.plan.bad
    shown = planned(prepared, file, CONFIG)
    assert "to send     5 (5 template; 5 id)" in shown
    assert "says        Halo Sari, ada yang bisa kami bantu?" in shown
