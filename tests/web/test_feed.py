"""`GET /events` tells each thing once, also what another process commits late, under a smaller number or an earlier time."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from agent.app import Agent
from agent.ledger import tables
from agent.ledger.errors import LedgerUnavailable
from agent.web import feed
from agent.web.feed import Feed
from tests.web.test_contract import ONE, agent

__all__ = ["agent"]


@pytest.fixture(autouse=True)
def _polls_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "POLL", 0.02)


async def _write(agent: Agent, statement: Any) -> None:
    await agent.database.write(lambda connection: connection.execute(statement))


async def _told(reader: AsyncIterator[str], name: str) -> dict[str, Any]:
    """The next event of a name."""
    async with asyncio.timeout(60):
        async for text in reader:
            if text.startswith(f"event: {name}\n"):
                found: dict[str, Any] = json.loads(text.partition("data: ")[2])
                return found
    raise AssertionError("the stream ended")


async def _begun(agent: Agent, reader: AsyncIterator[str]) -> None:
    """Wait until the feed has looked: a first change is told."""
    waiting = asyncio.ensure_future(anext(reader))  # a reader that is cancelled has ended
    while not waiting.done():
        await _write(agent, update(tables.contact).where(tables.contact.c.id == "c1").values(paused_at=agent.clock()))
        await asyncio.wait({waiting}, timeout=1)
    await waiting


def _line(agent: Agent, number: int) -> Any:
    said = {"author": "contact", "text": f"pesan {number}", "attachments": [], "at": agent.clock(), "position": number}
    return insert(tables.message).values(n=number, platform="aelyst", contact=ONE, **said)


def _turn(agent: Agent, name: str, ago: int) -> Any:
    began = agent.clock() - timedelta(milliseconds=ago)
    return insert(tables.turn).values(id=name, platform="aelyst", contact=ONE, state="running", started_at=began)


async def test_what_is_committed_late_is_told_once(agent: Agent) -> None:
    with Feed(agent).reader() as reader:
        await _begun(agent, reader)
        for number in (5000, 4000, 6000):
            await _write(agent, _line(agent, number))
            assert (await _told(reader, "message"))["text"] == f"pesan {number}"
        for name, ago in (("new", 0), ("earlier", 900), ("newest", 0)):
            await _write(agent, _turn(agent, name, ago))
            assert (await _told(reader, "turn"))["id"] == name
        await _write(agent, update(tables.turn).where(tables.turn.c.id == "earlier").values(state="done"))
        assert (await _told(reader, "turn")) == {
            "id": "earlier", "contact": f"aelyst:{ONE}", "state": "done", "reason": None, "handover": None,
        }  # fmt: skip


async def test_a_payment_that_changes_is_told_with_all_counts(agent: Agent) -> None:
    with Feed(agent).reader() as reader:
        await _begun(agent, reader)
        paid = {"state": "paid", "paid_at": agent.clock()}
        await _write(agent, update(tables.payment).where(tables.payment.c.id == "p0").values(**paid))
        assert sum((await _told(reader, "payment"))["counts"].values()) == 100


async def test_readers_begin_afresh_after_a_ledger_that_was_away(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    with Feed(agent).reader() as reader:
        await _begun(agent, reader)

        async def away(_work: Any) -> Any:
            raise LedgerUnavailable("the ledger is away")

        monkeypatch.setattr(agent.database, "read", away)
        async with asyncio.timeout(60):
            assert [text async for text in reader if not text.startswith((":", "event: handover"))] == []
