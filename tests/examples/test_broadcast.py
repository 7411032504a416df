import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx

from agent.broadcasts.load import load as load_broadcast
from agent.broadcasts.prepare import prepare
from agent.broadcasts.show import planned
from agent.config import loads
from agent.ledger import migrate
from agent.ledger.database import SqliteDatabase
from messaging import open_platform
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import MessagingSettings

SAMPLE = Path(__file__).parents[2] / "examples" / "kopi_senja" / "broadcast.yaml"


async def test_the_sample_broadcast_reaches_all_of_its_people(tmp_path: Path) -> None:
    config = loads("name: Melati\ninstructions: Kamu Melati.\n", environment={})
    database = SqliteDatabase(tmp_path / "ledger.db")
    await asyncio.to_thread(migrate.upgrade, database.engine)
    file = load_broadcast(SAMPLE, environment={})
    async with RunningSandbox(SandboxOptions(port=0)) as sandbox, httpx.AsyncClient() as http:
        platform = open_platform(MessagingSettings(platform="sandbox", base_url=sandbox.api_url), http)
        prepared = await prepare(file, config, database, platform, datetime(2026, 12, 1, 3, tzinfo=UTC))
    await database.aclose()
    assert (prepared.plan.audience, prepared.plan.to_send, prepared.plan.cost) == (5, 5, 3000)
    assert not prepared.plan.bad
    shown = planned(prepared, file, config)
    assert "to send     5 (5 template; 5 id)" in shown
    assert "says        Halo Sari, ada yang bisa kami bantu?" in shown
