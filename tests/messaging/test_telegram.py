"""Telegram's Bot API: updates, files, and a token that stands in no error."""

from datetime import timedelta
from typing import Any

import pytest

from messaging.errors import (
    Failed,
    Invalid,
    OutcomeUnknown,
    PayloadError,
    RateLimited,
    SignatureError,
    Unauthorized,
    Unavailable,
)
from messaging.types import (
    ChannelKind,
    ContactCard,
    ContactKey,
    File,
    InboundMessage,
    Location,
    MessageEdited,
    OtherEvent,
    QuickReplies,
    Quote,
    Reaction,
    Template,
    Text,
    read_platform_file,
)
from tests.messaging.platforms import PICTURE, SECRET, body_of, client, offline
from tests.messaging.servers import OGG, PNG, TOKEN, TelegramServer

KEY = ContactKey("telegram", "42")
SENDER = {"id": 42, "is_bot": False, "first_name": "Budi", "language_code": "id-ID"}


def received(**content: Any) -> dict[str, Any]:
    chat = {"id": 42, "type": "private", "first_name": "Budi"}
    return {"update_id": 7, "message": {"message_id": 5, "from": SENDER, "chat": chat, "date": 1795860000, **content}}


def parsed(payload: dict[str, Any]) -> Any:
    (event,) = offline("telegram").parse(body_of(payload))
    return event


def test_the_secret_itself_is_in_the_header() -> None:
    platform = offline("telegram")
    platform.verify({"x-telegram-bot-api-secret-token": SECRET}, b"{}")
    for wrong in ({}, {"x-telegram-bot-api-secret-token": "other"}):
        with pytest.raises(SignatureError):
            platform.verify(wrong, b"{}")


def test_a_message_is_read() -> None:
    event = parsed(received(text="halo"))
    assert isinstance(event, InboundMessage)
    assert (event.key, event.message_id, event.text) == (KEY, "5", "halo")
    assert (event.contact.first_name, event.contact.language) == ("Budi", "id")
    assert event.channel is not None
    assert event.channel.kind is ChannelKind.TELEGRAM


@pytest.mark.parametrize(
    ("content", "kind", "reference"),
    [
        ({"voice": {"file_id": "v", "duration": 3, "mime_type": "audio/ogg"}}, "audio", "v"),
        ({"photo": [{"file_id": "small"}, {"file_id": "large"}], "caption": "ini"}, "image", "large"),
        ({"document": {"file_id": "d", "file_name": "a.pdf", "mime_type": "application/pdf"}}, "file", "d"),
        ({"document": {"file_id": "d", "mime_type": "audio/mpeg"}}, "audio", "d"),
        ({"animation": {"file_id": "g"}, "document": {"file_id": "g"}}, "video", "g"),
    ],
)
def test_files_come_by_id(content: dict[str, Any], kind: str, reference: str) -> None:
    (attachment,) = parsed(received(**content)).attachments
    assert attachment.kind == kind
    assert read_platform_file(attachment.url) == ("telegram", reference)


def test_an_answer_to_a_message_brings_what_it_answers() -> None:
    answered = {"message_id": 3, "text": "Panas atau dingin?"}
    assert parsed(received(text="panas", reply_to_message=answered)).quote == Quote("3", "Panas atau dingin?")


def test_edits_and_reactions_name_the_message_that_they_are_about() -> None:
    payload = received(text="dua saja")
    edited = parsed({"update_id": 1, "edited_message": {**payload["message"], "edit_date": 1764324100}})
    assert isinstance(edited, MessageEdited)
    assert (edited.message_id, edited.text) == (str(payload["message"]["message_id"]), "dua saja")
    reaction = {
        "chat": {"id": 42},
        "user": {"id": 42},
        "message_id": 3,
        "new_reaction": [{"type": "emoji", "emoji": "👍"}],
    }
    event = parsed({"update_id": 2, "message_reaction": reaction})
    assert isinstance(event, Reaction)
    assert (event.to, event.emoji, event.contact.key) == ("3", "👍", KEY)


def test_a_place_is_a_place_and_only_the_own_number_is_the_contacts() -> None:
    assert parsed(received(location={"latitude": -6.2, "longitude": 106.8})).location == Location(-6.2, 106.8)
    shared = parsed(received(contact={"phone_number": "628123456789", "first_name": "Rina", "user_id": 43}))
    assert shared.cards == (ContactCard("Rina", ("628123456789",)),)
    assert parsed(received(contact={"phone_number": "628123456789", "user_id": 42})).contact.phone == "+628123456789"
    assert parsed(received(contact={"phone_number": "628123456789", "user_id": 43})).contact.phone is None


@pytest.mark.parametrize(
    "payload",
    [
        received(text="x") | {"message": {**received(text="x")["message"], "chat": {"id": -1, "type": "group"}}},
        {"update_id": 8, "edited_message": {"message_id": 5}},
        {"update_id": 9, "my_chat_member": {}},
    ],
)
def test_groups_and_edits_are_not_answered(payload: dict[str, Any]) -> None:
    assert isinstance(parsed(payload), OtherEvent)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"update_id": 1, "message": {}}'])
def test_what_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        offline("telegram").parse(body)


async def test_messages_go_out_and_files_are_uploaded() -> None:
    async with client(TelegramServer, "telegram") as (server, telegram):
        assert await telegram.send(KEY, Text("halo")) == "1"
        await telegram.send(KEY, File("image", PICTURE))
        await telegram.send(KEY, QuickReplies("Panas atau dingin?", ("Panas", "Dingin")))
        text, photo, choices = server.sent
        assert text == {"chat_id": 42, "text": "halo"}
        assert photo == {"method": "sendPhoto", "chat_id": "42", "photo": ("qris.png", PNG, "image/png")}
        assert choices["reply_markup"]["keyboard"] == [[{"text": "Panas"}], [{"text": "Dingin"}]]
        with pytest.raises(Invalid):
            await telegram.send(KEY, Template("promo", "id"))


async def test_its_wait_is_obeyed_and_its_own_failures_are_certain() -> None:
    async with client(TelegramServer, "telegram") as (server, telegram):
        server.fail(
            429, {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 7}}
        )
        with pytest.raises(RateLimited) as limited:
            await telegram.send(KEY, Text("halo"))
        assert limited.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"ok": False, "error_code": 400, "description": "chat not found"}, Invalid),
        (500, {"ok": False, "error_code": 500, "description": "Internal"}, Failed),
        (502, "bad gateway", Unavailable),
        (200, {"hello": 1}, OutcomeUnknown),
    ],
)
async def test_errors_mean_what_its_documents_say(status: int, body: Any, error: type[Exception]) -> None:
    async with client(TelegramServer, "telegram") as (server, telegram):
        server.fail(status, body)
        with pytest.raises(error):
            await telegram.send(KEY, Text("halo"))


async def test_a_voice_note_is_fetched_by_id() -> None:
    async with client(TelegramServer, "telegram") as (_, telegram):
        assert await telegram.fetch("v", 1000) == OGG
        assert [channel.name for channel in await telegram.channels()] == ["melati_bot"]


async def test_the_token_stands_in_no_error() -> None:
    async with client(TelegramServer, "telegram") as (server, telegram):
        server.fail(400, {"ok": False, "description": "no"})
        with pytest.raises(Invalid) as refused:
            await telegram.send(KEY, Text("halo"))
        server.lose()
        with pytest.raises((OutcomeUnknown, Unavailable)) as lost:
            await telegram.send(KEY, Text("halo"))
        assert all(TOKEN not in f"{error.value} {error.value!r}" for error in (refused, lost))
    async with client(TelegramServer, "telegram", token="wrong-token") as (_, telegram):
        with pytest.raises(Unauthorized) as unauthorized:
            await telegram.channels()
        assert "wrong-token" not in str(unauthorized.value)


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
@pytest.mark.parametrize("what", ["message", "edited_message", "message_reaction"])
def test_nothing_of_a_group_is_a_customers(kind: str, what: str) -> None:
    update = received(text="halo")
    chat = {"id": -100, "type": kind}
    if what == "message_reaction":
        said = {"chat": chat, "message_id": 7, "user": {"id": 1}, "date": 1700000000, "new_reaction": [{"emoji": "👍"}]}
    else:
        said = update["message"] | {"chat": chat}
    (event,) = offline("telegram").parse(body_of({"update_id": 1, what: said}))
    assert isinstance(event, OtherEvent)
