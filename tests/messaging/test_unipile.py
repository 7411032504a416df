"""Unipile: webhooks without a signature, own messages among those of customers, forms and files."""

from datetime import timedelta
from typing import Any

import pytest

from agent.delivery.matching import is_ours
from messaging.errors import (
    Invalid,
    NotFound,
    OutcomeUnknown,
    PayloadError,
    RateLimited,
    SignatureError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from messaging.types import (
    Address,
    ChannelKind,
    ContactKey,
    File,
    InboundMessage,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    OtherEvent,
    PastMessage,
    QuickReplies,
    Quote,
    Reaction,
    Template,
    Text,
    read_platform_file,
    stand_in,
)
from tests.messaging.platforms import NOW, PICTURE, SECRET, body_of, client, offline
from tests.messaging.servers import OGG, PNG, UnipileServer

KEY = ContactKey("unipile", "chat1")
OWN = "6281100000001@s.whatsapp.net"
BUDI = {"attendee_id": "at1", "attendee_name": "Budi Santoso", "attendee_provider_id": "628123456789@s.whatsapp.net"}
US = {"attendee_id": "at0", "attendee_name": "Kopi Senja", "attendee_provider_id": OWN}


def received(**changes: Any) -> dict[str, Any]:
    facts = {
        "account_id": "acc_1",
        "account_type": "WHATSAPP",
        "account_info": {"user_id": OWN},
        "event": "message_received",
        "chat_id": "chat1",
        "timestamp": "2026-11-28T10:00:00.000Z",
        "webhook_name": "balas",
        "message_id": "in1",
        "message": "harga kopi susu?",
        "sender": BUDI,
        "attendees": [BUDI],
        "attachments": [],
    }
    return facts | changes


def parsed(payload: dict[str, Any], **changes: Any) -> Any:
    (event,) = offline("unipile", base_url="https://x.example/api/v1", account="acc_1", **changes).parse(
        body_of(payload)
    )
    return event


def test_the_secret_itself_is_in_the_header() -> None:
    platform = offline("unipile", base_url="https://x.example/api/v1", account="acc_1")
    platform.verify({"unipile-auth": SECRET}, b"{}")
    for wrong in ({}, {"unipile-auth": ""}, {"unipile-auth": "other"}, {"authorization": SECRET}):
        with pytest.raises(SignatureError):
            platform.verify(wrong, b"{}")


def test_a_message_is_read() -> None:
    event = parsed(received())
    assert isinstance(event, InboundMessage)
    assert (event.key, event.message_id, event.text) == (KEY, "in1", "harga kopi susu?")
    assert (event.contact.first_name, event.contact.phone) == ("Budi", "+628123456789")
    assert event.channel is not None
    assert event.channel.kind is ChannelKind.WHATSAPP_DEVICE


def test_linkedin_has_no_telephone_number_and_no_window() -> None:
    sender = {"attendee_id": "x", "attendee_name": "Rina", "attendee_provider_id": "ACoAA"}
    event = parsed(received(account_type="LINKEDIN", sender=sender, attendees=[sender]))
    assert event.contact.phone is None
    assert event.channel.kind is ChannelKind.OTHER


@pytest.mark.parametrize(
    "changes", [{"sender": US}, {"is_sender": True}, {"is_sender": 1}, {"is_sender": True, "account_info": {}}]
)
def test_own_messages_are_echoes_and_never_answered(changes: dict[str, Any]) -> None:
    event = parsed(received(**changes))
    assert isinstance(event, MessageSent)
    assert event.contact.key == KEY


@pytest.mark.parametrize("own", [False, True])
def test_what_is_older_than_a_day_joins_the_history(own: bool) -> None:
    event = parsed(received(timestamp="2026-11-27T09:59:00Z", is_sender=own))
    assert isinstance(event, PastMessage)
    assert event.incoming is not own
    assert isinstance(parsed(received(timestamp="2026-11-27T10:01:00Z")), InboundMessage)
    assert isinstance(parsed(received(timestamp="2026-11-27T10:01:00Z"), stale_after="1h"), PastMessage)


@pytest.mark.parametrize(
    "changes",
    [
        {"account_id": "acc_2"},
        {"attendees": [BUDI, {**BUDI, "attendee_provider_id": "other"}]},
        {"is_group": True},
        {"event": "message_reaction", "reaction": "👍"},
        {"event": "message_edited", "is_sender": True},
    ],
)
def test_other_accounts_groups_and_reactions_are_not_answered(changes: dict[str, Any]) -> None:
    assert isinstance(parsed(received(**changes)), OtherEvent)


def test_quotes_reactions_edits_and_deletions_name_the_message_that_they_are_about() -> None:
    assert parsed(received(quoted={"provider_id": "m1", "text": "Panas?"})).quote == Quote("m1", "Panas?")
    reaction = parsed(received(event="message_reaction", reaction="👍", reaction_sender=BUDI))
    assert isinstance(reaction, Reaction)
    assert (reaction.to, reaction.emoji) == ("in1", "👍")
    edited = parsed(received(event="message_edited", message="dua saja"))
    assert isinstance(edited, MessageEdited)
    assert (edited.message_id, edited.text) == ("in1", "dua saja")
    assert isinstance(parsed(received(event="message_deleted")), MessageDeleted)


@pytest.mark.parametrize("as_list", [True, False])
async def test_a_voice_note_is_fetched_through_the_api(as_list: bool) -> None:
    note = {"id": "a1", "type": "audio", "mimetype": "audio/ogg", "voice_note": True, "url": "att://x"}
    event = parsed(received(message=None, attachments=[note] if as_list else note))
    (attachment,) = event.attachments
    assert (attachment.kind, attachment.pending) == ("audio", False)
    place = read_platform_file(attachment.url)
    assert place == ("unipile", "in1/a1")
    async with client(UnipileServer, "unipile", account="acc_1") as (_, unipile):
        assert await unipile.fetch(place[1], 1000) == OGG
        with pytest.raises(NotFound):
            await unipile.fetch("in1/a2", 1000)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"message=halo", b'{"event": "message_received"}'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        offline("unipile", base_url="https://x.example/api/v1", account="acc_1").parse(body)


async def test_messages_go_out_as_forms_and_files_are_uploaded() -> None:
    async with client(UnipileServer, "unipile", account="acc_1") as (server, unipile):
        assert await unipile.send(KEY, Text("halo 👋"), key="d1") == "m1"
        await unipile.send(KEY, File("image", PICTURE))
        await unipile.send(KEY, QuickReplies("Panas atau dingin?", ("Panas", "Dingin")))
        assert server.sent == [
            {"to": "chat1", "text": "halo 👋"},
            {"to": "chat1", "attachments": ("qris.png", PNG, "image/png")},
            {"to": "chat1", "text": "Panas atau dingin?\n1. Panas\n2. Dingin"},
        ]
        with pytest.raises(Invalid):
            await unipile.send(KEY, Template("promo", "id"))


async def test_a_lost_answer_is_found_in_the_list_also_of_a_file() -> None:
    async with client(UnipileServer, "unipile", account="acc_1") as (server, unipile):
        for message in (Text("halo"), File("image", PICTURE)):
            server.lose()
            with pytest.raises((OutcomeUnknown, Unavailable)):
                await unipile.send(KEY, message)
            listed = await unipile.messages(KEY, since=NOW - timedelta(hours=1))
            assert [is_ours(one, message, NOW, ()) for one in listed].count(True) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(401, Unauthorized), (404, NotFound), (429, RateLimited), (503, Unavailable)]
)
async def test_errors_keep_their_title(status: int, error: type[Exception]) -> None:
    async with client(UnipileServer, "unipile", account="acc_1") as (server, unipile):
        server.fail(status, {"type": "errors/x", "title": "Disconnected", "detail": "account", "status": status})
        with pytest.raises(error, match="Disconnected: account"):
            await unipile.send(KEY, Text("halo"))


async def test_the_account_is_asked_for_its_channel() -> None:
    async with client(UnipileServer, "unipile", account="acc_1") as (_, unipile):
        assert [channel.kind for channel in await unipile.channels()] == [ChannelKind.WHATSAPP_DEVICE]


async def test_who_never_wrote_is_written_to_by_number_or_by_id() -> None:
    async with client(UnipileServer, "unipile", account="acc_1") as (server, unipile):
        found = await unipile.find_contact(Address("phone", "+62 812-3456-789"))
        assert found.phone == "+628123456789"
        assert await unipile.create_contact(Address("phone", "+628123456789"), {}) == found.key
        assert await unipile.send(found.key, Text("halo")) == "m1"
        await unipile.send(stand_in("unipile", "ACoAAA"), File("image", PICTURE))
        first, second = server.sent
        whatsapp = "628123456789@s.whatsapp.net"
        assert first == {"to": "ch1", "account_id": "acc_1", "attendees_ids": whatsapp, "text": "halo"}
        assert (second["attendees_ids"], second["attachments"][1]) == ("ACoAAA", PNG)
        with pytest.raises(Unsupported):
            await unipile.find_contact(Address("email", "a@example.com"))
        (event,) = unipile.parse(body_of(received()))
        assert event.contact.stand_in == found.key, "whoever answers is known by it"
