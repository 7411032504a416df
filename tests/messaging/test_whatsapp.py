"""WhatsApp's Cloud API: notifications, files by id, statuses, error codes."""

from typing import Any

import pytest

from agent.config.texts import TemplateSettings
from agent.delivery.window import template_problem
from messaging.errors import (
    Failed,
    Forbidden,
    Invalid,
    OutcomeUnknown,
    PayloadError,
    RateLimited,
    SignatureError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from messaging.signature import sign
from messaging.types import (
    Address,
    ChannelKind,
    ContactCard,
    ContactKey,
    DeliveryReport,
    Email,
    File,
    InboundMessage,
    Location,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    OtherEvent,
    QuickReplies,
    Quote,
    Reaction,
    Template,
    Text,
    read_platform_file,
)
from tests.messaging.platforms import PICTURE, SECRET, body_of, client, offline
from tests.messaging.servers import OGG, WhatsAppServer

KEY = ContactKey("whatsapp", "628123456789")


def notification(number: str = "p1", **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "6221", "phone_number_id": number}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "WABA", "changes": [change]}]}


def received(**content: Any) -> dict[str, Any]:
    message = {"from": "628123456789", "id": "wamid.1", "timestamp": "1795860000", **content}
    contacts = [{"profile": {"name": "Budi Santoso"}, "wa_id": "628123456789"}]
    return notification(contacts=contacts, messages=[message])


def parsed(payload: dict[str, Any]) -> Any:
    (event,) = offline("whatsapp", account="p1").parse(body_of(payload))
    return event


def test_the_signature_has_its_prefix() -> None:
    platform, body = offline("whatsapp", account="p1"), b"{}"
    platform.verify({"x-hub-signature-256": f"sha256={sign(SECRET.encode(), body, 'hex')}"}, body)
    for wrong in ({}, {"x-hub-signature-256": "sha256="}, {"x-hub-signature-256": f"sha256={sign(b'o', body, 'hex')}"}):
        with pytest.raises(SignatureError):
            platform.verify(wrong, body)


def test_meta_is_answered_when_it_knows_the_token() -> None:
    platform = offline("whatsapp", account="p1", verify_token="kata")
    asked = {"hub.mode": "subscribe", "hub.verify_token": "kata", "hub.challenge": "1158201444"}
    assert platform.challenge(asked) == "1158201444"
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "x"}, {"hub.verify_token": "\ud800"}):
        assert platform.challenge(asked | wrong) is None
    assert offline("whatsapp", account="p1").challenge(asked | {"hub.verify_token": ""}) is None


def test_a_message_is_read() -> None:
    event = parsed(received(type="text", text={"body": "halo"}))
    assert isinstance(event, InboundMessage)
    assert (event.key, event.message_id, event.text) == (KEY, "wamid.1", "halo")
    assert (event.contact.first_name, event.contact.phone) == ("Budi", "+628123456789")
    assert event.channel is not None
    assert event.channel.kind is ChannelKind.WHATSAPP


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"type": "button", "button": {"text": "Ya", "payload": "YES"}}, "Ya"),
        (
            {
                "type": "interactive",
                "interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "Panas"}},
            },
            "Panas",
        ),
        (
            {
                "type": "interactive",
                "interactive": {"type": "list_reply", "list_reply": {"id": "1", "title": "Dingin"}},
            },
            "Dingin",
        ),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, None),
    ],
)
def test_every_type_becomes_words(content: dict[str, Any], words: str | None) -> None:
    event = parsed(received(**content))
    assert isinstance(event, InboundMessage)
    assert event.text == words


def test_files_come_by_id() -> None:
    voice = parsed(received(type="audio", audio={"id": "media9", "mime_type": "audio/ogg; codecs=opus", "voice": True}))
    assert (voice.attachments[0].kind, voice.attachments[0].mime_type) == ("audio", "audio/ogg")
    assert read_platform_file(voice.attachments[0].url) == ("whatsapp", "media9")
    picture = parsed(received(type="image", image={"id": "m", "caption": "ini ada?"}))
    assert (picture.text, picture.attachments[0].kind) == ("ini ada?", "image")


def test_several_messages_of_one_notification_keep_their_order() -> None:
    payload = received(type="text", text={"body": "satu"})
    value = payload["entry"][0]["changes"][0]["value"]
    value["messages"].append({"from": "628999999999", "id": "wamid.2", "type": "text", "text": {"body": "dua"}})
    events = offline("whatsapp", account="p1").parse(body_of(payload))
    assert [event.text for event in events if isinstance(event, InboundMessage)] == ["satu", "dua"]


def test_a_status_says_what_became_of_a_message() -> None:
    errors = [{"code": 131026, "title": "Message undeliverable", "error_data": {"details": "not on WhatsApp"}}]
    status = {
        "id": "wamid.9",
        "status": "failed",
        "timestamp": "1795860000",
        "recipient_id": "628123456789",
        "errors": errors,
    }
    event = parsed(notification(statuses=[status]))
    assert isinstance(event, DeliveryReport)
    assert (event.message_id, event.state) == ("wamid.9", "failed")
    assert event.reason == "131026 Message undeliverable not on WhatsApp"
    assert event.contact is not None
    assert event.contact.key == KEY


def test_what_staff_writes_in_the_app_is_a_human() -> None:
    payload = notification(
        message_echoes=[{"from": "6221", "to": KEY.id, "id": "w", "type": "text", "text": {"body": "x"}}]
    )
    event = parsed(payload)
    assert isinstance(event, MessageSent)
    assert (event.by_human, event.contact.key) == (True, KEY)


def test_other_numbers_and_reactions_are_not_answered() -> None:
    message = {"from": "1", "id": "w", "type": "text", "text": {"body": "x"}}
    assert isinstance(parsed(notification("p2", messages=[message])), OtherEvent)
    assert isinstance(parsed(received(type="reaction", reaction={"emoji": "👍"})), OtherEvent)


def test_places_cards_stickers_and_answers_to_a_message_are_what_they_are() -> None:
    place = parsed(received(type="location", location={"latitude": -6.2, "longitude": 106.8, "name": "Rumah"}))
    assert (place.text, place.location) == (None, Location(-6.2, 106.8, "Rumah"))
    shared = [{"name": {"formatted_name": "Rina"}, "phones": [{"phone": "+62811"}], "emails": [{"email": "r@a.id"}]}]
    assert parsed(received(type="contacts", contacts=shared)).cards == (ContactCard("Rina", ("+62811",), ("r@a.id",)),)
    assert parsed(received(type="sticker", sticker={"id": "s"})).attachments[0].kind == "sticker"
    assert parsed(received(context={"from": "6221", "id": "wamid.1"})).quote == Quote("wamid.1")


def test_reactions_edits_and_deletions_name_the_message_that_they_are_about() -> None:
    reaction = parsed(received(type="reaction", reaction={"message_id": "wamid.1", "emoji": "👍"}))
    assert isinstance(reaction, Reaction)
    assert (reaction.to, reaction.emoji) == ("wamid.1", "👍")
    new = {"context": {}, "type": "text", "text": {"body": "dua saja"}}
    edited = parsed(received(type="edit", edit={"original_message_id": "wamid.1", "message": new}))
    assert isinstance(edited, MessageEdited)
    assert (edited.message_id, edited.text) == ("wamid.1", "dua saja")
    revoked = parsed(received(type="revoke", revoke={"original_message_id": "wamid.1"}))
    assert isinstance(revoked, MessageDeleted)
    assert revoked.message_id == "wamid.1"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"object": "page"}', b'{"entry": {"changes": {"value": {"messages": {}}}}}']
)
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        offline("whatsapp", account="p1").parse(body)


async def test_messages_go_out_and_pictures_by_id() -> None:
    async with client(WhatsAppServer, "whatsapp", account="p1") as (server, whatsapp):
        assert await whatsapp.send(KEY, Text("halo")) == "wamid.m1"
        await whatsapp.send(KEY, File("image", PICTURE))
        await whatsapp.send(KEY, QuickReplies("Panas atau dingin?", ("Panas", "Dingin")))
        await whatsapp.send(KEY, QuickReplies("Pilih", ("a", "b", "c", "d")))
        await whatsapp.send(KEY, QuickReplies("Pilih", ("x" * 30,)))
        await whatsapp.send(KEY, Template("promo", "id", values=("Budi",)))
        text, picture, buttons, rows, numbered, template = server.sent
        assert (text["to"], text["text"]["body"]) == (KEY.id, "halo")
        assert picture["image"] == {"id": "media1"}
        assert buttons["interactive"]["type"] == "button"
        assert len(rows["interactive"]["action"]["sections"][0]["rows"]) == 4
        assert numbered["text"]["body"] == f"Pilih\n1. {'x' * 30}"
        assert template["template"] == {
            "name": "promo",
            "language": {"code": "id"},
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "Budi"}]}],
        }
        with pytest.raises(Invalid):
            await whatsapp.send(KEY, Email("halo"))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, 131047, Invalid),
        (400, 131056, RateLimited),
        (400, 130429, RateLimited),
        (400, 131057, Failed),
        (400, 368, Forbidden),
        (401, 190, Unauthorized),
        (500, 131000, Failed),
        (503, 131016, Failed),
    ],
)
async def test_error_codes_mean_what_its_documents_say(status: int, code: int, error: type[Exception]) -> None:
    async with client(WhatsAppServer, "whatsapp", account="p1") as (server, whatsapp):
        server.fail(status, {"error": {"message": f"(#{code}) no", "code": code, "error_data": {"details": "why"}}})
        with pytest.raises(error, match="why") as raised:
            await whatsapp.send(KEY, Text("halo"))
        assert raised.value.certain  # type: ignore[attr-defined]


async def test_a_failure_that_is_not_its_own_word_is_uncertain() -> None:
    async with client(WhatsAppServer, "whatsapp", account="p1") as (server, whatsapp):
        server.fail(502, "bad gateway")
        with pytest.raises(Unavailable):
            await whatsapp.send(KEY, Text("halo"))
        server.lose()
        with pytest.raises((OutcomeUnknown, Unavailable)):
            await whatsapp.send(KEY, Text("halo"))


async def test_a_voice_note_is_fetched_by_id() -> None:
    async with client(WhatsAppServer, "whatsapp", account="p1") as (_, whatsapp):
        assert await whatsapp.fetch("media9", 1000) == OGG
        with pytest.raises(Invalid, match="more than 10"):
            await whatsapp.fetch("media9", 10)


async def test_any_number_is_a_contact() -> None:
    async with client(WhatsAppServer, "whatsapp", account="p1") as (_, whatsapp):
        assert (await whatsapp.find_contact(Address("phone", "+628123456789"))).key == KEY
        with pytest.raises(Invalid):
            await whatsapp.find_contact(Address("email", "a@example.com"))
        (channel,) = await whatsapp.channels()
        assert (channel.id, channel.name, channel.kind) == ("p1", "Kopi Senja", ChannelKind.WHATSAPP)


async def test_templates_of_the_business_account_are_listed_over_all_pages() -> None:
    async with client(WhatsAppServer, "whatsapp", account="p1", business_account="waba1") as (_server, whatsapp):
        assert whatsapp.capabilities.lists_templates
        found = await whatsapp.templates()
        assert [(one.id, one.name, one.language, one.status) for one in found] == [
            ("t1", "sapaan", "id", "APPROVED"),
            ("t2", "sapaan", "en", "APPROVED"),
        ]
        declared = TemplateSettings.model_validate({"name": "sapaan", "language": "id", "parameters": ["Budi"]})
        assert template_problem(declared, found) is None
        wrong = TemplateSettings.model_validate({"name": "sapaan", "language": "id", "parameters": []})
        assert template_problem(wrong, found)
    async with client(WhatsAppServer, "whatsapp", account="p1") as (_server, whatsapp):
        assert not whatsapp.capabilities.lists_templates
        with pytest.raises(Unsupported):
            await whatsapp.templates()
