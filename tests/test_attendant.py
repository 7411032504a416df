"""What one message costs the ledger: what comes next is decided in the transaction that ends what went before."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.app import open_agent
from agent.cli.terminal import TerminalPlatform
from agent.config import loads
from agent.seats import SEATS
from messaging.errors import RateLimited
from messaging.types import Contact, ContactKey, InboundMessage

CONFIG = (
    "{name: Melati, instructions: Jawab., model: {name: offline}, voice: {model: none}, messaging: {platform: sandbox},"
    " storage: 'sqlite:///ledger.db',"
    " conversation: {quiet_window: {finished: 0s, unfinished: 0s, longest: 0s}}}"
)


class _Phone(TerminalPlatform):
    """A platform that refuses the first `refusals` messages."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__()
        self.refusals = refusals
        self.texts: list[Any] = []

    async def send(self, key: ContactKey, content: Any, channel: str | None = None) -> str:
        if self.refusals:
            self.refusals -= 1
            raise RateLimited("too many", retry_after=None)
        self.texts.append(content)
        return await super().send(key, content, channel)


class _Crowd(_Phone):
    """A platform that answers no send before `together` of them wait for it."""

    def __init__(self, together: int) -> None:
        super().__init__()
        self._all_here = asyncio.Barrier(together)

    async def send(self, key: ContactKey, content: Any, channel: str | None = None) -> str:
        await self._all_here.wait()
        return await super().send(key, content, channel)


async def _answered(folder: Path, phone: _Phone, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write one message and wait until nothing is open; the transactions that took, in order."""
    seen: list[str] = []
    contact = Contact(ContactKey(phone.name, "1"), first_name="Budi")
    phone.greet(contact)
    config = loads(CONFIG, file=folder / "agent.yaml", environment={})
    async with open_agent(config, platform=phone, base_url="http://127.0.0.1") as agent:
        await agent.start()
        await agent.learn()
        await asyncio.sleep(0.1)  # housekeeping has looked once
        for kind in ("write", "read"):
            monkeypatch.setattr(agent.database, kind, _counted(kind, getattr(agent.database, kind), seen))
        await agent.accept([InboundMessage(contact, "m1", datetime.now(UTC), "halo, apa kabar semua?")])
        async with asyncio.timeout(20):
            while not phone.texts:
                await asyncio.sleep(0.02)
            await agent.idle()
        await agent.stop()
        wake_at = await agent.database.read(lambda connection: _wake_at(connection, contact.key))
    assert wake_at is None
    return seen[:-1]


def _counted(kind: str, real: Any, seen: list[str]) -> Any:
    async def counted(work: Any) -> Any:
        seen.append(kind)
        return await real(work)

    return counted


def _wake_at(connection: Any, key: ContactKey) -> datetime | None:
    from agent.ledger import contacts

    state = contacts.load(connection, key)
    assert state is not None
    return state.wake_at


async def test_a_message_is_accepted_claimed_thought_about_committed_and_sent_in_five_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accept; claim; the model's step; commit and begin to send; sent and settled."""
    assert await _answered(tmp_path, _Phone(), monkeypatch) == ["write"] * 5


async def test_a_refused_message_is_sent_later_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = _Phone(refusals=1)
    seen = await _answered(tmp_path, phone, monkeypatch)
    assert len(phone.texts) == 1
    assert seen == ["write"] * 7  # one more that says when to try again, and one that begins it


async def test_more_contacts_than_there_are_seats_wait_for_the_platform_at_once(tmp_path: Path) -> None:
    crowd = SEATS + 2
    phone = _Crowd(crowd)
    config = loads(CONFIG, file=tmp_path / "agent.yaml", environment={})
    async with open_agent(config, platform=phone, base_url="http://127.0.0.1") as agent:
        await agent.start()
        await agent.learn()
        for number in range(crowd):
            contact = Contact(ContactKey(phone.name, str(number)), first_name="Budi")
            phone.greet(contact)
            await agent.accept([InboundMessage(contact, f"m{number}", datetime.now(UTC), "halo, apa kabar semua?")])
        async with asyncio.timeout(30):
            while len(phone.texts) < crowd:
                await asyncio.sleep(0.02)
        await agent.stop()


async def test_while_a_webhook_is_recorded_only_one_contact_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = loads(CONFIG, file=tmp_path / "agent.yaml", environment={})
    phone, recorded, working = _Phone(), asyncio.Event(), 0
    contact = Contact(ContactKey(phone.name, "1"), first_name="Budi")

    async def work() -> None:
        nonlocal working
        async with agent.seats.taken():
            working += 1
            await recorded.wait()

    async with open_agent(config, platform=phone, base_url="http://127.0.0.1") as agent:
        real = agent.database.write

        async def slow(job: Any) -> Any:
            await recorded.wait()
            return await real(job)

        monkeypatch.setattr(agent.database, "write", slow)
        message = InboundMessage(contact, "m1", datetime.now(UTC), "halo")
        accepting = asyncio.create_task(agent.accept([message]))
        await asyncio.sleep(0.01)
        contacts = [asyncio.create_task(work()) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert working == 1
        recorded.set()
        await asyncio.gather(accepting, *contacts)
        assert working == 3
