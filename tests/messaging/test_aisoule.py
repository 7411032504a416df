"""AIsoule in both dialects: events, messages, contacts, the login of a browser, rates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.config.texts import TemplateSettings
from agent.delivery.window import template_problem
from messaging.errors import (
    Conflict,
    Failed,
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
from messaging.signature import sign
from messaging.types import (
    Address,
    AssigneeChanged,
    ChannelKind,
    ContactChanged,
    ContactFilter,
    ContactKey,
    DeliveryReport,
    Email,
    File,
    InboundMessage,
    Location,
    OtherEvent,
    QuickReplies,
    Quote,
    Reaction,
    Template,
    Text,
)
from tests.messaging.platforms import PICTURE, SECRET, body_of, client, offline
from tests.messaging.servers import AisouleDocsServer, AisouleServer

PHONE = "+6281234567801"
KEY = ContactKey("aisoule", PHONE)
HELP = {
    "event": "message.incoming",
    "timestamp": "2026-11-28T10:00:00Z",
    "data": {
        "message_id": "wamid.1",
        "from": PHONE,
        "contact_name": "Budi Santoso",
        "type": "text",
        "text": "harga kopi susu?",
        "whatsapp_account_id": "wa-1",
    },
}
DOCS = {
    "event": "message.received",
    "timestamp": 1795860000,
    "data": {
        "message_id": "msg_1",
        "waba_number": "622155501234",
        "sender": "6281234567801",
        "recipient": "622155501234",
        "type": "text",
        "body": "harga kopi susu?",
    },
}


def event_of(payload: Any, **changes: Any) -> Any:
    (event,) = offline("aisoule", **changes).parse(body_of(payload))
    return event


def with_data(payload: dict[str, Any], **data: Any) -> dict[str, Any]:
    return payload | {"data": {name: value for name, value in (payload["data"] | data).items() if value is not None}}


def test_each_dialect_signs_in_its_own_way() -> None:
    body = b"{}"
    digest = sign(SECRET.encode(), body, "hex")
    spoken = offline("aisoule")
    spoken.verify({"x-webhook-signature": digest}, body)
    documented = offline("aisoule", dialect="docs")
    documented.verify({"x-aisoule-signature": f"sha256={digest}"}, body)
    for platform, wrong in (
        (spoken, {}),
        (spoken, {"x-aisoule-signature": f"sha256={digest}"}),
        (spoken, {"x-webhook-signature": sign(SECRET.encode(), body, "base64")}),
        (documented, {"x-webhook-signature": digest}),
    ):
        with pytest.raises(SignatureError):
            platform.verify(wrong, body)


@pytest.mark.parametrize("payload", [HELP, DOCS])
@pytest.mark.parametrize("dialect", ["help", "docs"])
def test_a_message_of_either_dialect_is_read(payload: dict[str, Any], dialect: str) -> None:
    event = event_of(payload, dialect=dialect)
    assert isinstance(event, InboundMessage)
    assert (event.key, event.text, event.contact.phone) == (KEY, "harga kopi susu?", PHONE)
    assert event.sent_at == (
        datetime(2026, 11, 28, 10, tzinfo=UTC) if payload is HELP else datetime.fromtimestamp(1795860000, UTC)
    )
    assert event.channel is not None
    assert event.channel.kind is ChannelKind.WHATSAPP


OGG_URL, PNG_URL = "https://cdn.example/a.ogg", "https://cdn.example/b.png"


@pytest.mark.parametrize(
    ("data", "files"),
    [
        ({"type": "audio", "audio": {"url": OGG_URL}}, [("audio", OGG_URL)]),
        ({"type": "audio", "audio": {"link": OGG_URL, "mime_type": "audio/ogg; codecs=opus"}}, [("audio", OGG_URL)]),
        ({"type": "voice", "voice": OGG_URL}, [("audio", OGG_URL)]),
        ({"type": "ptt", "media": {"url": OGG_URL, "mimetype": "audio/ogg"}}, [("audio", OGG_URL)]),
        ({"type": "audio", "media_url": OGG_URL}, [("audio", OGG_URL)]),
        ({"type": "image", "media": PNG_URL, "caption": "ini"}, [("image", PNG_URL)]),
        ({"type": "document", "attachments": [{"url": "https://cdn.example/c", "name": "c.pdf"}]},
         [("file", "https://cdn.example/c")]),
        ({"type": "text", "text": "ini", "attachments": [{"type": "image", "url": PNG_URL}, {"url": OGG_URL, "mimeType": "audio/ogg"}]},
         [("image", PNG_URL), ("audio", OGG_URL)]),
        ({"type": "media", "attachments": [{"link": "https://cdn.example/c"}, {"type": "audio"}]}, [("file", "https://cdn.example/c")]),
        ({"type": "document", "document": {"fileUrl": "https://cdn.example/c"}}, [("file", "https://cdn.example/c")]),
        ({"type": "audio", "audio": {"href": OGG_URL}}, [("audio", OGG_URL)]),
        ({"type": "image", "attachment": {"payload": {"url": PNG_URL}}}, [("image", PNG_URL)]),
        ({"type": "file", "files": [{"download_url": "https://cdn.example/c"}]}, [("file", "https://cdn.example/c")]),
        ({"type": "text", "text": "lihat", "url": "https://a.example"}, []),
        ({"type": "text", "text": "https://a.example", "media": None, "attachments": []}, []),
    ],
)  # fmt: skip
def test_files_are_found_wherever_a_message_may_hold_them(data: dict[str, Any], files: list[tuple[str, str]]) -> None:
    event = event_of(with_data(HELP, **{"text": None, **data}))
    assert [(each.kind, each.url) for each in event.attachments] == files
    assert not any(each.pending for each in event.attachments)


def test_a_voice_note_elsewhere_is_pending_and_its_fields_are_logged(
    caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    event = event_of(with_data(HELP, type="audio", text=None, media_href="https://cdn.example/a.ogg"))
    (attachment,) = event.attachments
    assert (attachment.url, attachment.pending) == ("", True)
    assert "media_href" in caplog.text + capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"type": "interactive", "text": None, "interactive": {"button_reply": {"id": "1", "title": "Panas"}}},
            "Panas",
        ),
        (
            {"type": "image", "text": None, "image": {"url": "https://x.example/a.jpg", "caption": "ini ada?"}},
            "ini ada?",
        ),
        ({"type": "text", "text": {"body": "halo"}}, "halo"),
    ],
)
def test_every_type_becomes_words(data: dict[str, Any], words: str) -> None:
    assert event_of(with_data(HELP, **data)).text == words


def test_places_reactions_and_answers_to_a_message_are_what_they_are() -> None:
    place = event_of(with_data(HELP, type="location", text=None, location={"latitude": -6.2, "longitude": 106.8}))
    assert place.location == Location(-6.2, 106.8)
    assert event_of(with_data(HELP, context={"id": "w1"})).quote == Quote("w1")
    reaction = event_of(with_data(HELP, type="reaction", text=None, reaction={"message_id": "w1", "emoji": "👍"}))
    assert isinstance(reaction, Reaction)
    assert (reaction.to, reaction.emoji) == ("w1", "👍")


def test_own_messages_and_other_accounts_are_never_answered() -> None:
    assert isinstance(event_of(with_data(DOCS, sender="622155501234", recipient="6281234567801")), DeliveryReport)
    assert isinstance(event_of(with_data(HELP, direction="outgoing")), DeliveryReport)
    assert isinstance(event_of(HELP, account="wa-2"), OtherEvent)
    assert isinstance(event_of(HELP, account="wa-1"), InboundMessage)


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed"])
def test_what_became_of_a_message_is_reported(state: str) -> None:
    data = {"message_id": "wamid.9", "to": PHONE, "error": {"code": 131026, "message": "Recipient not on WhatsApp"}}
    event = event_of({"event": f"message.{state}", "timestamp": "2026-11-28T10:00:00Z", "data": data})
    assert isinstance(event, DeliveryReport)
    assert (event.message_id, event.state, event.reason) == ("wamid.9", state, "131026 Recipient not on WhatsApp")
    assert event.contact is not None
    assert event.contact.key == KEY


def test_contacts_and_transfers_are_told() -> None:
    data = {"phone_number": PHONE, "name": "Budi Santoso"}
    assert isinstance(event_of({"event": "contact.updated", "data": data}), ContactChanged)
    transfer = event_of({"event": "transfer.created", "data": data | {"agent_name": "Rina"}})
    assert isinstance(transfer, AssigneeChanged)
    assert transfer.contact.assignee is not None
    assert transfer.contact.assignee.name == "Rina"
    assert isinstance(event_of({"event": "campaign.completed", "data": {"id": "k1"}}), OtherEvent)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"event": "message.incoming"}', b'{"event": "message.incoming", "data": {"from": "x"}}'],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        offline("aisoule").parse(body)


async def test_messages_go_out_in_the_words_of_the_help_centre() -> None:
    async with client(AisouleServer, "aisoule", account="wa-1") as (server, aisoule):
        assert await aisoule.send(KEY, Text("halo")) == "wamid.m1"
        await aisoule.send(KEY, File("image", PICTURE))
        await aisoule.send(KEY, File("file", PICTURE))
        await aisoule.send(KEY, QuickReplies("Panas atau dingin?", ("Panas", "Dingin")))
        await aisoule.send(KEY, QuickReplies("Pilih", ("a", "b", "c", "d")))
        await aisoule.send(KEY, Template("promo", "id", values=("Budi",)))
        text, picture, document, buttons, numbered, template = server.sent
        assert text == {"to": PHONE, "type": "text", "text": "halo", "whatsapp_account_id": "wa-1"}
        assert picture["image"] == document["document"] == {"url": PICTURE}
        assert [one["reply"]["title"] for one in buttons["interactive"]["action"]["buttons"]] == ["Panas", "Dingin"]
        assert numbered["text"] == "Pilih\n1. a\n2. b\n3. c\n4. d"
        assert template["template"]["language"] == "id"
        with pytest.raises(Unsupported):
            await aisoule.send(KEY, Email("halo"))
        with pytest.raises(Invalid):
            await aisoule.send(KEY, Text(" "))


async def test_messages_go_out_in_the_words_of_the_developer_documents() -> None:
    async with client(AisouleDocsServer, "aisoule", dialect="docs") as (server, aisoule):
        assert await aisoule.send(KEY, Text("halo")) == "msg_m1"
        await aisoule.send(KEY, File("image", PICTURE))
        await aisoule.send(KEY, Template("promo", "id", values=("Budi",)))
        await aisoule.send(KEY, QuickReplies("Panas?", ("Ya",)))
        text, picture, template, numbered = server.sent
        assert text == {"to": "6281234567801", "type": "text", "text": {"body": "halo"}}
        assert picture["image"] == {"link": PICTURE}
        assert template["template"]["language"] == {"code": "id"}
        assert numbered["text"]["body"] == "Panas?\n1. Ya"
        assert (await aisoule.find_contact(Address("phone", PHONE))).last_name == "Santoso"
        assert await aisoule.create_contact(Address("phone", PHONE), {"first_name": "Budi"}) == KEY
        assert len(await aisoule.channels()) == 1
        with pytest.raises(Unsupported):
            await aisoule.templates()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"message": "Outside 24-hour window. Use a template message.", "status": "error"}, Invalid),
        (400, {"message": "pair rate", "status": "error", "code": 131056}, RateLimited),
        (429, {"message": "slow", "status": "error"}, RateLimited),
        (500, {"message": "Internal", "status": "error"}, Failed),
        (500, {"success": False, "error": {"code": "internal", "message": "no"}}, Failed),
        (502, "bad gateway", Unavailable),
        (200, {"data": {}}, OutcomeUnknown),
    ],
)
async def test_errors_mean_what_its_vocabulary_says(status: int, body: Any, error: type[Exception]) -> None:
    async with client(AisouleServer, "aisoule") as (server, aisoule):
        server.fail(status, body)
        with pytest.raises(error):
            await aisoule.send(KEY, Text("halo"))


async def test_waits_are_read_from_the_header_or_the_body() -> None:
    async with client(AisouleServer, "aisoule", timeout="1s") as (server, aisoule):
        reset = int(datetime(2026, 11, 28, 10, 1, tzinfo=UTC).timestamp())
        server.fail(429, {"message": "slow", "status": "error"}, X_RateLimit_Reset=str(reset))
        with pytest.raises(RateLimited) as refused:
            await aisoule.send(KEY, Text("halo"))
        assert refused.value.retry_after == timedelta(seconds=30)
    async with client(AisouleDocsServer, "aisoule", dialect="docs") as (server, aisoule):
        limited = {"code": "rate_limit_exceeded", "message": "slow", "retry_after_seconds": 15}
        server.fail(429, {"success": False, "error": limited})
        with pytest.raises(RateLimited) as refused:
            await aisoule.send(KEY, Text("halo"))
        assert refused.value.retry_after == timedelta(seconds=15)


async def test_a_session_is_opened_by_login_and_again_when_it_has_expired() -> None:
    login = {"email": "melati@example.com", "password": AisouleServer.password}
    async with client(AisouleServer, "aisoule", token="", login=login) as (server, aisoule):
        await aisoule.send(KEY, Text("satu"))
        server.sessions.clear()  # type: ignore[attr-defined]
        await aisoule.send(KEY, Text("dua"))
        assert [message["text"] for message in server.sent] == ["satu", "dua"]
        assert server.calls.count("POST /api/auth/login") == 2
        assert all("x-api-key" not in headers for headers in server.headers)


async def test_a_wrong_password_is_said_without_it() -> None:
    login = {"email": "melati@example.com", "password": "salah-sekali"}
    async with client(AisouleServer, "aisoule", token="", login=login) as (server, aisoule):
        with pytest.raises(Unauthorized, match="Invalid credentials") as refused:
            await aisoule.send(KEY, Text("satu"))
        assert "salah-sekali" not in str(refused.value)
        assert len(server.calls) == 1


async def test_contacts_are_listed_created_fetched_updated_and_deleted() -> None:
    async with client(AisouleServer, "aisoule") as (server, aisoule):
        listed = [contact async for contact in aisoule.list_contacts(ContactFilter(any_tag=("vip",)))]
        assert [contact.phone for contact in listed] == ["+6281234567800", PHONE, "+6281234567802"]
        assert [one async for one in aisoule.list_contacts(ContactFilter(no_tag=("vip",)))] == []
        assert (await aisoule.contact(KEY)).first_name == "Budi"
        new = Address("phone", "+6281234567999")
        with pytest.raises(NotFound):
            await aisoule.find_contact(new)
        assert (await aisoule.create_contact(new, {"first_name": "Sari", "last_name": "Dewi"})).id == new.value
        with pytest.raises(Conflict):
            await aisoule.create_contact(new, {"first_name": "Sari"})
        await aisoule.update_contact(ContactKey("aisoule", new.value), {"first_name": "Sri"})
        assert (await aisoule.api.contact("uuid-3"))["name"] == "Sri"
        await aisoule.api.delete_contact("uuid-3")
        assert "uuid-3" not in server.contacts  # type: ignore[attr-defined]
        with pytest.raises(Invalid):
            await aisoule.api.delete_contact("..")


async def test_templates_campaigns_and_accounts_are_listed() -> None:
    async with client(AisouleServer, "aisoule") as (_, aisoule):
        (template,) = await aisoule.templates()
        assert (template.name, template.language, template.status) == ("promo", "id", "APPROVED")
        for language, there in (("id", True), ("en", False)):  # what placeholders it has is not listed
            declared = TemplateSettings(name="promo", language=language, parameters=("Budi",))
            assert (template_problem(declared, [template]) is None) == there
        assert [one["name"] for one in await aisoule.api.campaigns()] == ["Lebaran"]
        assert (await aisoule.api.create_campaign({"name": "Natal"}))["id"] == "k2"
        (channel,) = await aisoule.channels()
        assert (channel.id, channel.name) == ("wa-1", "Kopi Senja")
