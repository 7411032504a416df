"""A broadcast to contacts on several platforms: each gets it where they are."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import select

from agent.broadcasts.feeder import Feeder
from agent.broadcasts.plan import prepare
from agent.broadcasts.settings import load
from agent.config import loads
from agent.engine.embedded import EmbeddedEngine
from agent.ledger import broadcasts, contacts, migrate
from agent.ledger.sqlite import SqliteDatabase
from agent.ledger.tables import outbound
from messaging import open_platform
from messaging.sandbox import RunningSandbox, SandboxOptions
from messaging.settings import MessagingSettings
from messaging.types import Channel, Contact, ContactKey
from tests.messaging.servers import TOKEN, TelegramServer, running

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)


async def test_each_contact_gets_it_on_the_platform_where_they_are(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "balas.db")
    migrate.upgrade(database.engine)
    config = loads("name: Melati\ninstructions: Halo.", file=tmp_path / "agent.yaml", environment={})
    settings = {
        "name": "promo", "between": "00:00-24:00", "rate": "20/s", "text": "Promo!",
        "audience": {"filter": {"of": "ledger"}},
    }  # fmt: skip
    (tmp_path / "broadcast.yaml").write_text(json.dumps(settings))
    async with RunningSandbox(SandboxOptions(port=0)) as sandbox, httpx.AsyncClient() as client:
        budi = sandbox.phone("+6281234567802", "Budi")
        first = open_platform(
            MessagingSettings.model_validate(
                {"platform": "aelyst", "base_url": sandbox.api_url, "token": sandbox.token, "webhook_secret": "x"}
            ),
            client,
        )
        second = open_platform(
            MessagingSettings.model_validate({"platform": "telegram", "token": "1:x", "webhook_secret": "y"}), client
        )
        here, there = ContactKey("aelyst", str(budi.id)), ContactKey("telegram", str(budi.id))
        for key, source in ((here, "whatsapp_cloud"), (there, "telegram")):
            channel = Channel("1", source)
            await database.write(
                lambda c, k=key, one=channel: contacts.remember(  # type: ignore[misc]
                    c, Contact(k), last_inbound_at=NOW, channel_id=one.id, channel_source=one.source
                )
            )
        prepared = await prepare(
            load(tmp_path / "broadcast.yaml", environment={}), config, database, first, NOW, [second]
        )
        assert prepared.plan.to_send == 2
        people = [person.addressed for person in prepared.audience.people]
        await database.write(lambda c: broadcasts.record(c, prepared.broadcast, people))
        seconds = itertools.count()
        feeder = Feeder(
            database, first, EmbeddedEngine(), zone=ZoneInfo("Asia/Jakarta"), default_language="id",
            clock=lambda: NOW + next(seconds) * timedelta(seconds=1), others=[second],
        )  # fmt: skip
        await feeder.work()
        await feeder.work()
        rows = await database.read(lambda c: c.execute(select(outbound.c.platform, outbound.c.contact)).all())
        assert sorted(map(tuple, rows)) == sorted([(here.platform, here.id), (there.platform, there.id)])
    await database.aclose()


async def test_who_never_wrote_is_passed_over_where_nobody_is_found_by_number(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "balas.db")
    migrate.upgrade(database.engine)
    config = loads("name: Melati\ninstructions: Halo.", file=tmp_path / "agent.yaml", environment={})
    (tmp_path / "orang.csv").write_text("phone,first_name\n+6281234567802,Budi\n")
    settings = {"name": "promo", "between": "00:00-24:00", "text": "Promo!", "audience": {"csv": "orang.csv"}}
    (tmp_path / "broadcast.yaml").write_text(json.dumps(settings))
    with running(TelegramServer()) as server:
        async with httpx.AsyncClient(trust_env=False) as client:
            entry = {"platform": "telegram", "base_url": server.url, "token": TOKEN, "webhook_secret": "y"}
            telegram = open_platform(MessagingSettings.model_validate(entry), client)
            file = load(tmp_path / "broadcast.yaml", environment={})
            plan = (await prepare(file, config, database, telegram, NOW, [])).plan
    assert plan.to_send == 0
    assert dict(plan.skips) == {"they never wrote, and telegram finds no contacts by phone": 1}
