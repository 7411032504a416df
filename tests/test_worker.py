"""What one message costs the ledger: what comes next is decided in the transaction that ends what went before."""

import asyncio
import gc
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.app import Agent
from agent.assembly import open_agent
from agent.cli.serve import learn
from agent.config import loads
from agent.slots import LOCAL
from agent.terminal import TerminalPlatform
from agent.web.server import create_app
from messaging.errors import RateLimited
from messaging.types import Contact, ContactKey, Event, InboundMessage

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
        self.to: list[ContactKey] = []

    async def send(
        self, contact: ContactKey, content: Any, channel: str | None = None, *, key: str | None = None
    ) -> str:
        if self.refusals:
            self.refusals -= 1
            raise RateLimited("too many", retry_after=None)
        self.texts.append(content)
        self.to.append(contact)
        return await super().send(contact, content, channel)


class _Crowd(_Phone):
    """A platform that answers no send before `together` of them wait for it."""

    def __init__(self, together: int) -> None:
        super().__init__()
        self._all_here = asyncio.Barrier(together)

    async def send(
        self, contact: ContactKey, content: Any, channel: str | None = None, *, key: str | None = None
    ) -> str:
        await self._all_here.wait()
        return await super().send(contact, content, channel)


class _Line(_Phone):
    """A platform whose webhooks are the bare text."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Anybody may call."""

    def parse(self, body: bytes) -> list[Event]:
        contact = Contact(ContactKey(self.name, "1"), first_name="Budi")
        return [InboundMessage(contact, "m1", datetime.now(UTC), body.decode())]


async def _answered(folder: Path, phone: _Phone, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write one message and wait until nothing is open; the transactions that took, in order, without those of housekeeping."""
    seen: list[str] = []
    contact = Contact(ContactKey(phone.name, "1"), first_name="Budi")
    phone.greet(contact)
    config = loads(CONFIG, file=folder / "agent.yaml", environment={})
    async with open_agent(config, platform=phone, base_url="http://127.0.0.1") as agent:
        await agent.start()
        monkeypatch.setattr(Agent, "_sweep", _none_is_due)  # it looks again and again, and may find this contact too
        await agent.learn()
        for kind in ("write", "read"):
            monkeypatch.setattr(agent.database, kind, _counted(kind, getattr(agent.database, kind), seen))
        await agent.accept([InboundMessage(contact, "m1", datetime.now(UTC), "halo, apa kabar semua?")])
        async with asyncio.timeout(90):
            while not phone.texts:
                await asyncio.sleep(0.02)
            await agent.idle()
        await agent.stop()
        wake_at = await agent.database.read(lambda connection: _wake_at(connection, contact.key))
    assert wake_at is None
    return seen[:-1]


async def _none_is_due(agent: Agent) -> None:
    """Wake no contact."""


def _counted(kind: str, real: Any, seen: list[str]) -> Any:
    own = asyncio.current_task()

    async def counted(work: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        if task is own or task.get_name().startswith("contact "):
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


async def test_more_contacts_than_there_are_slots_wait_for_the_platform_at_once(tmp_path: Path) -> None:
    crowd = LOCAL + 2
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


async def test_a_customer_who_was_answered_before_does_not_wait_for_a_flood_of_strangers(tmp_path: Path) -> None:
    phone, config = _Phone(), loads(CONFIG, file=tmp_path / "agent.yaml", environment={})
    senders = [Contact(ContactKey(phone.name, str(number)), first_name="x") for number in range(31)]
    *strangers, budi = senders

    async def written(agent: Agent, senders: Sequence[Contact], answered: int) -> None:
        """All write before any of them is worked on, and are answered one by one."""
        await agent.engine.resize(0)
        for sender in senders:
            phone.greet(sender)
            await agent.accept([InboundMessage(sender, f"m{answered}", datetime.now(UTC), "halo, apa kabar semua?")])
        await agent.engine.resize(1)
        async with asyncio.timeout(90):
            while len(phone.to) < answered:
                await asyncio.sleep(0.02)

    async with open_agent(config, platform=phone, base_url="http://127.0.0.1") as agent:
        await agent.start()
        await agent.learn()
        await written(agent, [budi], 1)
        await written(agent, [*strangers, budi], 32)
        await agent.stop()
    assert phone.to == [budi.key, budi.key, *(stranger.key for stranger in strangers)]


async def test_while_a_webhook_is_recorded_only_one_contact_is_worked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = loads(CONFIG, file=tmp_path / "agent.yaml", environment={})
    phone, recorded, working = _Line(), asyncio.Event(), 0

    async def work() -> None:
        nonlocal working
        async with agent.slots.held(agent.clock()):
            working += 1
            await recorded.wait()

    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(open_agent(config, platform=phone, base_url="http://127.0.0.1"))
        real = agent.database.write

        async def slow(job: Any) -> Any:
            await recorded.wait()
            return await real(job)

        monkeypatch.setattr(agent.database, "write", slow)
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(create_app(agent)), base_url="http://agent")
        )
        accepting = asyncio.create_task(client.post(f"/webhooks/{phone.name}", content=b"halo"))
        await asyncio.sleep(0.05)
        contacts = [asyncio.create_task(work()) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert working == 1
        recorded.set()
        await asyncio.gather(accepting, *contacts)
        assert working == 3
        assert accepting.result().json() == {"accepted": True}


async def test_what_is_loaded_when_it_is_ready_is_no_work_for_the_garbage_collector(tmp_path: Path) -> None:
    config = loads(CONFIG, file=tmp_path / "agent.yaml", environment={})
    gc.unfreeze()  # what a test before this one has frozen
    before = gc.get_freeze_count()
    async with open_agent(config, platform=_Phone(), base_url="http://127.0.0.1") as agent:
        try:
            await learn(agent)
            assert gc.get_freeze_count() > before + 100_000
        finally:
            gc.unfreeze()
