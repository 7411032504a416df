"""The sandbox and the client of this project were written against the same documentation, apart: here they meet."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from messaging.aelyst import Aelyst
from messaging.aelyst.addresses import by_email, by_phone
from messaging.errors import PlatformError, SignatureError
from messaging.sandbox import RunningSandbox
from messaging.types import (
    AssigneeChanged,
    ContactChanged,
    ContactKey,
    ConversationClosed,
    ConversationOpened,
    CustomPayload,
    Email,
    Event,
    File,
    InboundMessage,
    MessageSent,
    NoteLeft,
    OtherEvent,
    QuickReplies,
    Template,
    Text,
)
from tests.messaging.sandbox.receiver import Receiver

SARI = ContactKey("aelyst", "1")


@pytest_asyncio.fixture(loop_scope="session")
async def aelyst(sandbox: RunningSandbox) -> AsyncIterator[Aelyst]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Aelyst(http, base_url=sandbox.api_url, token=sandbox.token, keys=[b"kunci"])


async def test_every_outbound_type_is_sent_and_read_back(
    sandbox: RunningSandbox, aelyst: Aelyst, receiver: Receiver
) -> None:
    receiver.files["/a.png"] = ("image/png", b"\x89PNG\r\n\x1a\n")
    sandbox.say(1, "halo")
    component = {"type": "body", "text": "Halo {{1}}", "parameters": [{"type": "text", "text": "Sari"}]}
    messages = [
        (Text("satu"), None),
        (File("image", f"{receiver.url}/a.png"), None),
        (QuickReplies("Apa?", ("Ya", "Tidak")), None),
        (Template("sapaan", "id", (component,)), "1"),
        (Email("Isi", "Perihal", ("a@example.com",)), "5"),
        (CustomPayload({"chat_id": 1}), "4"),
    ]
    sent = [await aelyst.send(SARI, message, channel) for message, channel in messages]
    listed = await aelyst.messages(SARI, datetime(2020, 1, 1, tzinfo=UTC))
    outgoing = [item for item in listed if item.direction == "outgoing"][::-1]
    assert [item.id for item in outgoing] == sent
    assert outgoing[0].content == Text("satu")
    assert {item.sender_source for item in outgoing} == {"api"}
    async with asyncio.timeout(60):
        while (state := (await aelyst.message(SARI, sent[1])).state) != "delivered":
            assert state != "failed", sandbox.state.messages.peek(int(sent[1]))
            await asyncio.sleep(0.01)


async def test_contacts_are_created_changed_listed_and_closed(sandbox: RunningSandbox, aelyst: Aelyst) -> None:
    tono = by_phone("+62 811 2222 3333")
    await aelyst.contacts.create(tono, {"first_name": "Tono", "Loyalty Points": 5, "Member": True})
    key = await aelyst.contacts.create_or_update(tono, {"first_name": "Toni", "email": "toni@example.com"})
    contact = await aelyst.contact(key)
    assert (contact.first_name, contact.email, contact.phone) == ("Toni", "toni@example.com", "+6281122223333")
    assert contact.custom_fields["Loyalty Points"] == 5
    await aelyst.update_contact(key, {"Birthday": "1999-12-31", "language": "id"})
    await aelyst.add_tags(key, ["VIP", "baru"])
    await aelyst.remove_tags(key, ["VIP"])
    await aelyst.set_lifecycle(key, "Customer")
    await aelyst.assign(key, "ayu@example.com")
    await aelyst.open_conversation(key)
    await aelyst.comment(key, "catatan")
    contact = await aelyst.contacts.get(by_email("toni@example.com"))
    assert (contact.tags, contact.lifecycle, contact.status) == (("baru",), "Customer", "open")
    assert contact.assignee is not None
    assert contact.assignee.id == "3"
    await aelyst.close_conversation(key, "Resolved", "beres")
    await aelyst.assign(key, None)
    contact = await aelyst.contact(key)
    assert (contact.status, contact.assignee) == ("closed", None)
    assert (await aelyst.channels())[0].source == "whatsapp_cloud"
    assert "Resolved" in {note.category async for note in aelyst.space.closing_notes()}
    assert "ordernumber" in {item.name async for item in aelyst.space.templates("1")}
    assert len([user async for user in aelyst.space.users()]) == 3
    await aelyst.contacts.delete(key)
    with pytest.raises(PlatformError, match="not found"):
        await aelyst.contact(key)


async def test_every_event_is_verified_and_understood(
    sandbox: RunningSandbox, aelyst: Aelyst, receiver: Receiver
) -> None:
    sandbox.send_webhooks_to(receiver.url, "kunci")
    sandbox.attach(1, b"OggS" + b"0" * 40, "note.ogg", "tolong")
    sandbox.assign(1, 3)
    sandbox.reply_as_human(1, "Saya Ayu")
    await receiver.wait_for("message.sent")
    await aelyst.send(SARI, Text("dari agen"))
    await receiver.wait_for("message.sent", 2)
    sandbox.state.contacts.set_lifecycle(sandbox.state.contacts.get(1), "Customer")
    sandbox.state.end_call(1, 60)
    await aelyst.comment(SARI, "catatan")
    sandbox.close(1)
    await receiver.wait_for("conversation.closed")
    events: list[Event] = []
    for headers, body in receiver.taken:
        aelyst.verify(headers, body)
        events += aelyst.parse(body)
        with pytest.raises(SignatureError):
            aelyst.verify(headers, body + b" ")
    found = {type(event): event for event in events}
    assert set(found) == {
        InboundMessage,
        ConversationOpened,
        AssigneeChanged,
        MessageSent,
        ContactChanged,
        NoteLeft,
        OtherEvent,
        ConversationClosed,
    }
    inbound = found[InboundMessage]
    assert isinstance(inbound, InboundMessage)
    assert (inbound.attachments[0].kind, inbound.attachments[0].mime_type) == ("audio", "audio/ogg")
    assert inbound.key == SARI
    assert [event.by_human for event in events if isinstance(event, MessageSent)] == [True, False]
    assigned = found[AssigneeChanged]
    assert isinstance(assigned, AssigneeChanged)
    assert assigned.contact.assignee is not None
    assert assigned.contact.assignee.id == "3"
