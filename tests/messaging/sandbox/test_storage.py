import asyncio
from dataclasses import replace
from pathlib import Path

import httpx

from messaging.sandbox import RunningSandbox
from tests.messaging.sandbox.conftest import QUICK
from tests.messaging.sandbox.receiver import Receiver


async def test_a_restarted_sandbox_keeps_its_conversations(tmp_path: Path) -> None:
    options = replace(QUICK, storage=tmp_path / "deep" / "sandbox.db")
    async with RunningSandbox(options) as first:
        wati = first.phone("+62811222333", "Wati", "id")
        first.say(wati, "halo")
        first.attach(wati, b"OggS" + b"0" * 40, "note.ogg")
        first.reply_as_human(wati, "ya?")
        first.state.comment(wati, "pelanggan baru")
        first.state.contacts.add_tags(first.state.contacts.get(wati.id), ["VIP", "baru"])
        async with httpx.AsyncClient(base_url=first.api_url, headers={"Authorization": "Bearer sandbox"}) as api:
            await api.put(f"/contact/id:{wati.id}", json={"custom_fields": [{"name": "Loyalty Points", "value": 7}]})
            await api.post("/space/custom_field", json={"name": "Ukuran", "dataType": "text"})
        first.state.delete_contact(first.state.contacts.get(2))
        before = (first.state.contacts.all(), first.state.conversations.comments, first.state.media.all())
        await asyncio.sleep(0.1)
        messages = first.state.messages.all()
    async with RunningSandbox(options) as second:
        assert (second.state.contacts.all(), second.state.conversations.comments, second.state.media.all()) == before
        assert second.state.messages.all() == messages
        assert [field.name for field in second.state.workspace.custom_fields][-1] == "Ukuran"
        assert second.phone("+62899999", "Baru").id == wati.id + 1
        assert second.say(wati, "lagi").id > messages[-1].id


async def test_an_event_that_was_waiting_is_delivered_after_the_restart(tmp_path: Path, receiver: Receiver) -> None:
    options = replace(QUICK, storage=tmp_path / "sandbox.db", webhook_url=receiver.url)
    async with RunningSandbox(options) as first:
        first.fault("hold_webhooks")
        first.say(1, "halo")
    assert receiver.of_type("message.received") == []
    async with RunningSandbox(options):
        await receiver.wait_for("message.received")


async def test_a_program_that_comes_back_elsewhere_gets_what_was_waiting_for_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    options = replace(QUICK, storage=tmp_path / "sandbox.db", webhook_tries=1000)
    async with RunningSandbox(options) as first:
        first.send_webhooks_to("http://127.0.0.1:9/", "s")
        first.say(1, "halo")
    async with RunningSandbox(options) as second:
        second.send_webhooks_to(receiver.url, "s")
        await receiver.wait_for("message.received")
        assert len(second.state.webhooks.targets) == 1


async def test_a_reset_is_kept_too(tmp_path: Path) -> None:
    options = replace(QUICK, storage=tmp_path / "sandbox.db")
    async with RunningSandbox(options) as first:
        first.say(1, "halo")
        await asyncio.sleep(0.05)
        first.state.reset()
    async with RunningSandbox(options) as second:
        assert second.state.messages.all() == ()
        assert len(second.state.contacts.all()) == 3


async def test_a_killed_sandbox_has_everything_but_the_last_moment(tmp_path: Path) -> None:
    options = replace(QUICK, storage=tmp_path / "sandbox.db")
    async with RunningSandbox(options) as first:
        first.say(1, "halo")
        async with asyncio.timeout(60):
            while True:
                await asyncio.sleep(0.02)
                (tmp_path / "copy.db").write_bytes((tmp_path / "sandbox.db").read_bytes())
                wal = tmp_path / "sandbox.db-wal"
                (tmp_path / "copy.db-wal").write_bytes(wal.read_bytes() if wal.exists() else b"")
                async with RunningSandbox(replace(options, storage=tmp_path / "copy.db")) as revived:
                    if revived.state.messages.of(1):
                        break
                (tmp_path / "copy.db").unlink()
