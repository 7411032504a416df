"""Zernio: its webhooks, its conversations, its idempotency keys."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.errors import (
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
    ContactKey,
    CustomPayload,
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
from tests.messaging.servers import OGG, ZernioServer

KEY = ContactKey("zernio", "c1")


def received(**changes: Any) -> dict[str, Any]:
    message = {
        "id": "m77",
        "conversationId": "c1",
        "platform": "instagram",
        "platformMessageId": "ig-1",
        "direction": "incoming",
        "text": "harga kopi susu?",
        "attachments": [],
        "sender": {"id": "u1", "name": "Budi Santoso", "username": "budi", "phoneNumber": "+628123456789"},
        "sentAt": "2026-11-28T10:00:00.000Z",
        "sentVia": None,
    }
    return {
        "id": "evt1",
        "event": "message.received",
        "timestamp": "2026-11-28T10:00:01Z",
        "message": message | changes,
        "conversation": {"id": "c1", "participantName": "Budi Santoso", "status": "active"},
        "account": {"id": "acc_9", "accountId": "acc_9", "platform": "instagram", "username": "kopisenja"},
        "metadata": None,
    }


def parsed(payload: dict[str, Any], **changes: Any) -> Any:
    (event,) = offline("zernio", account="acc_9", **changes).parse(body_of(payload))
    return event


@pytest.mark.parametrize("header", ["x-zernio-signature", "x-late-signature"])
def test_the_signature_is_hex_under_either_name(header: str) -> None:
    platform, body = offline("zernio", account="acc_9"), b'{"a": 1}'
    platform.verify({header: sign(SECRET.encode(), body, "hex")}, body)
    for wrong in ({}, {header: sign(b"other", body, "hex")}, {header: sign(SECRET.encode(), body, "base64")}):
        with pytest.raises(SignatureError):
            platform.verify(wrong, body)


def test_a_message_is_read() -> None:
    event = parsed(received())
    assert isinstance(event, InboundMessage)
    assert (event.key, event.message_id, event.text) == (KEY, "m77", "harga kopi susu?")
    assert (event.contact.first_name, event.contact.last_name) == ("Budi", "Santoso")
    assert event.contact.phone == "+628123456789"
    assert event.sent_at == datetime(2026, 11, 28, 10, tzinfo=UTC)
    assert event.channel is not None
    assert (event.channel.id, event.channel.kind) == ("acc_9", ChannelKind.INSTAGRAM)


@pytest.mark.parametrize(
    "changes", [{"direction": "outgoing", "text": "halo"}, {"direction": "outgoing", "sentVia": "inbox"}]
)
def test_what_we_or_colleagues_sent_is_never_a_message_of_the_customer(changes: dict[str, Any]) -> None:
    event = parsed(received(**changes))
    assert isinstance(event, MessageSent)
    assert event.by_human
    through_api = parsed({**received(direction="outgoing", sentVia="api"), "event": "message.sent"})
    assert not through_api.by_human


def test_events_of_another_account_are_not_answered() -> None:
    payload = received() | {"account": {"id": "acc_1", "platform": "instagram"}}
    assert isinstance(parsed(payload), OtherEvent)


def test_a_picture_has_its_own_address_and_a_file_of_the_api_has_none() -> None:
    attachments = [
        {"type": "image", "url": "https://cdn.example/a.jpg"},
        {"type": "audio", "url": "https://zernio.com/api/v1/whatsapp/media/9?accountId=acc_9"},
        {"type": "audio", "url": "https://zernio.com.evil.example/api/v1/whatsapp/media/9"},
        {"type": "audio", "url": "https://zernio.com/api/v1/../../steal"},
    ]
    event = parsed(received(text=None, attachments=attachments))
    picture, voice, foreign, climbing = event.attachments
    assert (picture.kind, picture.url) == ("image", "https://cdn.example/a.jpg")
    assert read_platform_file(voice.url) == ("zernio", "/whatsapp/media/9?accountId=acc_9")
    assert read_platform_file(foreign.url) is read_platform_file(climbing.url) is None


def test_what_a_file_is_and_where_is_found_without_its_usual_fields() -> None:
    attachments = [
        {"mimeType": "audio/ogg; codecs=opus", "url": "https://cdn.example/a"},
        {"type": "share", "originalType": "image", "payload": {"url": "https://cdn.example/b"}},
        {"type": "image", "refreshUrl": "https://cdn.example/c"},
        {"mime_type": "application/pdf", "file_url": "https://cdn.example/d"},
        {"type": "ephemeral"},
    ]
    event = parsed(received(text=None, attachments=attachments))
    found = [(each.kind, each.url.rpartition("/")[2], each.pending) for each in event.attachments]
    assert found[:3] == [("audio", "a", False), ("image", "b", False), ("image", "c", False)]
    assert found[3:] == [("file", "d", False), ("file", "", True)]
    single = parsed(received(text=None, attachment={"type": "video", "mediaUrl": "https://cdn.example/e"}))
    assert [(each.kind, each.url) for each in single.attachments] == [("video", "https://cdn.example/e")]


def test_a_tapped_button_and_a_place_become_words() -> None:
    tapped = received(text=None) | {"metadata": {"postbackTitle": "Pesan sekarang", "postbackPayload": "ORDER"}}
    assert parsed(tapped).text == "Pesan sekarang"
    place = received(text=None) | {"metadata": {"location": {"latitude": -6.2, "longitude": 106.8, "name": "Rumah"}}}
    assert (parsed(place).text, parsed(place).location) == (None, Location(-6.2, 106.8, "Rumah"))


def test_quotes_reactions_edits_and_deletions_name_the_message_that_they_are_about() -> None:
    assert parsed(received() | {"metadata": {"quotedMessageId": "m1"}}).quote == Quote("m1")
    edited = parsed({**received(text="dua saja"), "event": "message.edited"})
    assert isinstance(edited, MessageEdited)
    assert (edited.message_id, edited.text) == ("m77", "dua saja")
    assert isinstance(parsed({**received(), "event": "message.deleted"}), MessageDeleted)
    reaction = parsed({**received(), "event": "reaction.received", "reaction": {"messageId": "m1", "emoji": "👍"}})
    assert isinstance(reaction, Reaction)
    assert (reaction.to, reaction.emoji) == ("m1", "👍")


def test_a_failed_delivery_is_reported() -> None:
    event = parsed({**received(direction="outgoing", error="blocked"), "event": "message.failed"})
    assert isinstance(event, DeliveryReport)
    assert (event.message_id, event.state, event.reason) == ("m77", "failed", "blocked")


def comment() -> dict[str, Any]:
    return {
        "id": "evt2",
        "event": "comment.received",
        "timestamp": "2026-11-28T10:00:01Z",
        "comment": {"id": "k-1", "text": "Berapa harganya?", "author": {"id": "u5", "name": "Rina"}},
        "post": {"id": "p-1"},
        "account": {"id": "acc_9", "platform": "facebook"},
    }


async def test_comments_are_answered_only_when_asked_for() -> None:
    assert isinstance(parsed(comment()), OtherEvent)
    async with client(ZernioServer, "zernio", account="acc_9", comments=True) as (server, zernio):
        (event,) = zernio.parse(body_of(comment()))
        assert isinstance(event, InboundMessage)
        await zernio.send(event.key, Text("25.000"))
        assert server.sent == [{"post": "p-1", "accountId": "acc_9", "message": "25.000", "commentId": "k-1"}]
        with pytest.raises(Unsupported):
            await zernio.send(event.key, File("image", PICTURE))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"event": null}',
        b'{"event": "message.received"}',
        b'{"event": "message.received", "message": []}',
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        offline("zernio", account="acc_9").parse(body)


async def test_messages_go_out_into_the_conversation() -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (server, zernio):
        assert await zernio.send(KEY, Text("halo", tag="ACCOUNT_UPDATE"), key="d1") == "m1"
        await zernio.send(KEY, File("image", PICTURE))
        await zernio.send(KEY, QuickReplies("Panas atau dingin?", ("Panas", "Dingin")))
        await zernio.send(KEY, QuickReplies("Pilih", ("satu pilihan yang terlalu panjang",)))
        await zernio.send(KEY, Template("promo", "id", values=("Budi",)))
        text, picture, choices, long, template = server.sent
        assert text == {
            "to": "c1", "accountId": "acc_9", "message": "halo", "messagingType": "MESSAGE_TAG", "messageTag": "ACCOUNT_UPDATE",
        }  # fmt: skip
        assert (picture["attachmentUrl"], picture["attachmentType"]) == (PICTURE, "image")
        assert [reply["title"] for reply in choices["quickReplies"]] == ["Panas", "Dingin"]
        assert long["message"] == "Pilih\n1. satu pilihan yang terlalu panjang"
        assert template["template"] == {
            "elements": [
                {
                    "name": "promo",
                    "language": "id",
                    "components": [{"type": "body", "parameters": [{"type": "text", "text": "Budi"}]}],
                }
            ]
        }
        assert server.headers[0]["idempotency-key"] == "d1"
        with pytest.raises(Unsupported):
            await zernio.send(KEY, Email("halo"))
        with pytest.raises(Invalid):
            await zernio.send(KEY, Text(" "))


@pytest.mark.parametrize(
    ("source", "count", "shown"),
    [
        ("whatsapp", 3, "quickReplies"),
        ("whatsapp", 4, "interactive"),
        ("instagram", 13, "quickReplies"),
        (None, 4, "message"),
    ],
)
async def test_choices_look_as_the_platform_behind_the_account_has_them(source: str, count: int, shown: str) -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (server, zernio):
        if source is not None:
            zernio.parse(body_of(received(platform=source)))
        await zernio.send(KEY, QuickReplies("Pilih", tuple(f"Pilihan {n}" for n in range(count))))
        (sent,) = server.sent
        assert shown in sent
        assert f"Pilihan {count - 1}" in str(sent[shown])


@pytest.mark.parametrize(
    "payload",
    [
        {"location": {"latitude": -6.26, "longitude": 106.81, "name": "Kopi Senja", "address": "Kemang"}},
        {"contacts": [{"name": {"formatted_name": "Kopi Senja"}, "phones": [{"phone": "+62211234"}]}]},
        {"message": "Buka", "buttons": [{"type": "url", "title": "Menu", "url": "https://kopi.example"}]},
    ],
)
async def test_what_only_zernio_sends_goes_out_as_it_is_given(payload: dict[str, Any]) -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (server, zernio):
        await zernio.send(KEY, CustomPayload(payload | {"accountId": "of somebody else"}))
        assert server.sent == [{"to": "c1", "accountId": "acc_9", **payload}]


@pytest.mark.parametrize(
    ("metadata", "words", "kind"),
    [
        ({"callbackData": "menu:2"}, "menu:2", "text"),
        ({"interactiveType": "list_reply", "interactiveId": "kopi"}, "kopi", "text"),
        ({"buttonPayload": "YA"}, "YA", "text"),
        ({"postbackPayload": "P", "postbackTitle": "Menu"}, "Menu", "text"),
        ({"storyReply": {"id": "s"}}, None, "story_reply"),
        ({"isStoryMention": True}, None, "story_mention"),
        ({"order": {"items": []}}, None, "order"),
        ({"unsupported": True}, None, "unsupported"),
        ({"noRenderableContent": True}, None, "unsupported"),
    ],
)
def test_what_has_no_words_is_named_by_its_metadata(metadata: dict[str, Any], words: str | None, kind: str) -> None:
    event = parsed(received(text=None) | {"metadata": metadata})
    assert isinstance(event, InboundMessage)
    assert (event.text, event.kind) == (words, kind)


async def test_who_never_wrote_is_written_to_by_number() -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (server, zernio):
        found = await zernio.find_contact(Address("phone", "+62 812-3456-789"))
        assert found.phone == "+628123456789"
        assert await zernio.create_contact(Address("phone", "+628123456789"), {}) == found.key
        assert await zernio.send(found.key, Text("halo")) == "m1"
        await zernio.send(found.key, Template("promo", "id", values=("Budi",)))
        start = {"to": "c1", "accountId": "acc_9", "participantId": "628123456789"}
        assert server.sent == [
            start | {"message": "halo"},
            start | {"templateName": "promo", "templateLanguage": "id", "templateParams": ["Budi"]},
        ]
        with pytest.raises(Unsupported):
            await zernio.send(found.key, File("image", PICTURE))
        with pytest.raises(Unsupported):
            await zernio.find_contact(Address("email", "a@example.com"))
        (event,) = zernio.parse(body_of(received()))
        assert event.contact.stand_in == found.key, "whoever answers is known by it"


async def test_a_lost_answer_is_repeated_with_the_same_key_and_sent_once() -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (server, zernio):
        assert zernio.capabilities.idempotency_keys
        server.lose()
        with pytest.raises((OutcomeUnknown, Unavailable)) as lost:
            await zernio.send(KEY, Text("halo"), key="d1")
        assert not lost.value.certain
        assert await zernio.send(KEY, Text("halo"), key="d1") == "m1"
        assert len(server.sent) == 1


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": "no", "type": "invalid_request_error", "code": "x"}, Invalid),
        (401, {"error": "no", "code": "UNAUTHORIZED"}, Unauthorized),
        (403, {"error": "no", "type": "permission_error"}, Forbidden),
        (400, {"error": "slow", "type": "rate_limit_error"}, RateLimited),
        (500, {"error": "no", "type": "api_error"}, Unavailable),
        (502, "<html>", Unavailable),
    ],
)
async def test_errors_mean_what_its_vocabulary_says(status: int, body: Any, error: type[Exception]) -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (server, zernio):
        server.fail(status, body)
        with pytest.raises(error):
            await zernio.send(KEY, Text("halo"))


async def test_the_reset_of_the_rate_limit_is_obeyed() -> None:
    async with client(ZernioServer, "zernio", account="acc_9", timeout="1s") as (server, zernio):
        reset = int(datetime(2026, 11, 28, 10, 1, 0, tzinfo=UTC).timestamp())
        server.fail(429, {"error": "slow", "type": "rate_limit_error"}, X_RateLimit_Reset=str(reset))
        with pytest.raises(RateLimited) as refused:
            await zernio.send(KEY, Text("halo"))
        assert refused.value.retry_after == timedelta(seconds=30)
        with pytest.raises(RateLimited):
            await zernio.send(KEY, Text("halo"))
        assert len(server.calls) == 1, "the second was not even asked"


async def test_a_file_of_the_api_is_fetched_with_the_token() -> None:
    async with client(ZernioServer, "zernio", account="acc_9") as (_, zernio):
        assert await zernio.fetch("/whatsapp/media/9?accountId=acc_9", 1000) == OGG
        with pytest.raises(Invalid):
            await zernio.fetch("/whatsapp/media/9?accountId=acc_9", 10)
        assert [channel.source for channel in await zernio.channels()] == ["instagram"]


async def test_a_wrong_token_is_said() -> None:
    async with client(ZernioServer, "zernio", account="acc_9", token="wrong") as (_, zernio):
        with pytest.raises(Unauthorized, match="invalid_api_key"):
            await zernio.channels()
