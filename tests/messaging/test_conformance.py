"""Our own platforms fulfil what we ask of those of others."""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging import open_platform
from messaging.conformance import *  # noqa: F403 - the tests themselves
from messaging.conformance import Kit
from messaging.errors import Invalid
from messaging.platform import MediaFile
from messaging.signature import sign
from messaging.transport import before_request
from messaging.types import InboundMessage, Text
from tests.messaging import test_aisoule, test_telegram, test_unipile, test_whatsapp, test_zernio
from tests.messaging.platforms import SECRET, body_of, settings
from tests.messaging.servers import OGG, PNG

SAMPLES = Path(__file__).parents[1] / "data" / "messaging" / "webhooks"


def digest(body: bytes, encoding: Any = "hex") -> str:
    return sign(SECRET.encode(), body, encoding)


BASE = "https://platform.example"


async def read_media(url: str) -> MediaFile:
    return MediaFile(PNG, "image/png", "qris.png")


def kit_of(
    platform: str,
    header: str,
    signed: Any,
    received: Any,
    own: Any,
    samples: Mapping[str, Any],
    taken: Mapping[str, Any],
    serves: Callable[[httpx.Request], httpx.Response] | None = None,
    **changes: Any,
) -> Kit:
    """A kit; `taken` is what the API answers to every message."""
    configured = settings(platform, **({"base_url": BASE} | changes))
    now = datetime(2026, 11, 28, 10, 0, 30, tzinfo=UTC)
    return Kit(
        lambda http: open_platform(configured, http, lambda: now, read_media),
        lambda body: {header: signed(body)},
        body_of(received),
        None if own is None else body_of(own),
        {name: body_of(sample) for name, sample in samples.items()},
        lambda request: httpx.Response(200, json=taken),
        None if serves is None else (serves, OGG),
        PNG,
    )


def ogg(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=OGG)


def whatsapp_file(request: httpx.Request) -> httpx.Response:
    about = {"url": f"{BASE}/files/1", "mime_type": "audio/ogg", "file_size": len(OGG)}
    return ogg(request) if "/files/" in str(request.url) else httpx.Response(200, json=about)


def telegram_file(request: httpx.Request) -> httpx.Response:
    about = {"ok": True, "result": {"file_id": "v", "file_path": "voice/f.oga"}}
    return ogg(request) if "/file/" in str(request.url) else httpx.Response(200, json=about)


def aisoule_samples(received: Any, link: str) -> dict[str, Any]:
    quiet = {"text": None, "body": None}
    status = {"timestamp": 1795860000, "data": {"message_id": "w1", "to": test_aisoule.PHONE}}
    return {
        "voice": test_aisoule.with_data(received, **quiet, type="audio", audio={link: "https://cdn.example/a.ogg"}),
        "picture": test_aisoule.with_data(received, **quiet, type="image", image={link: "https://cdn.example/a.png"}),
        "place": test_aisoule.with_data(
            received, **quiet, type="location", location={"latitude": -6, "longitude": 106}
        ),
        "card": test_aisoule.with_data(received, **quiet, type="contacts", contacts=[CARD]),
        "reaction": test_aisoule.with_data(
            received, **quiet, type="reaction", reaction={"message_id": "w0", "emoji": "👍"}
        ),
        "quote": test_aisoule.with_data(received, context={"id": "w0"}),
        "status": {"event": "message.delivered", **status},
        "failure": {"event": "message.failed", **status},
    }


CARD = {"name": {"formatted_name": "Sari"}, "phones": [{"phone": "+6281234567801"}]}


def aelyst_message(message: Mapping[str, Any]) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((SAMPLES / "message-received-text.json").read_bytes())
    return sample | {"message": sample["message"] | {"message": dict(message)}}


def aelyst_file(kind: str, mime: str) -> dict[str, Any]:
    file = {"type": kind, "url": "https://cdn.example/a", "mimeType": mime}
    return aelyst_message({"type": "attachment", "attachment": file})


def zernio(event: str = "message.received", metadata: Any = None, **message: Any) -> dict[str, Any]:
    return test_zernio.received(**message) | {"event": event, "metadata": metadata}


def unipile(event: str = "message_received", **changes: Any) -> dict[str, Any]:
    return test_unipile.received(**changes) | {"event": event}


def whatsapp(kind: str, **content: Any) -> dict[str, Any]:
    return test_whatsapp.received(type=kind, **content)


def whatsapp_status(state: str) -> dict[str, Any]:
    return test_whatsapp.notification(statuses=[{"id": "w", "status": state, "recipient_id": "1"}])


def telegram(**content: Any) -> dict[str, Any]:
    return test_telegram.received(**content)


KITS = {
    "aelyst": kit_of(
        "aelyst",
        "x-webhook-signature",
        lambda body: digest(body, "base64"),
        json.loads((SAMPLES / "message-received-text.json").read_bytes()),
        json.loads((SAMPLES / "message-sent.json").read_bytes()) if (SAMPLES / "message-sent.json").exists() else None,
        {
            "voice": aelyst_file("audio", "audio/ogg"),
            "picture": aelyst_file("image", "image/png"),
            "place": aelyst_message({"type": "location", "latitude": -6.2, "longitude": 106.8}),
        },
        {"messageId": 1},
    ),
    "aisoule": kit_of(
        "aisoule",
        "x-webhook-signature",
        digest,
        test_aisoule.HELP,
        {"event": "message.sent", "data": {"message_id": "w", "to": test_aisoule.PHONE}},
        aisoule_samples(test_aisoule.HELP, "url"),
        {"data": {"message_id": "wamid.1", "status": "sent"}, "status": "success"},
    ),
    "aisoule-docs": kit_of(
        "aisoule",
        "x-aisoule-signature",
        lambda body: f"sha256={digest(body)}",
        test_aisoule.DOCS,
        {"event": "message.sent", "data": {"message_id": "w", "recipient": "6281234567801"}},
        aisoule_samples(test_aisoule.DOCS, "link"),
        {"success": True, "message_id": "msg_1", "status": "queued"},
        dialect="docs",
    ),
    "telegram": kit_of(
        "telegram",
        "x-telegram-bot-api-secret-token",
        lambda _: SECRET,
        telegram(text="halo"),
        None,
        {
            "voice": telegram(voice={"file_id": "v", "duration": 2, "mime_type": "audio/ogg"}),
            "picture": telegram(photo=[{"file_id": "s"}, {"file_id": "l"}], media_group_id="g"),
            "sticker": telegram(sticker={"file_id": "s", "emoji": "👍"}),
            "place": telegram(location={"latitude": -6.2, "longitude": 106.8}),
            "card": telegram(contact={"phone_number": "6281234567801", "first_name": "Sari"}),
            "quote": telegram(text="yang ini", reply_to_message={"message_id": 3, "text": "kopi"}),
            "edit": {"update_id": 8, "edited_message": telegram(text="teh")["message"]},
            "reaction": {
                "update_id": 9,
                "message_reaction": {
                    "chat": {"id": 42, "type": "private"},
                    "user": {"id": 42},
                    "message_id": 5,
                    "date": 1795860000,
                    "new_reaction": [{"type": "emoji", "emoji": "👍"}],
                },
            },
        },
        {"ok": True, "result": {"message_id": 9}},
        telegram_file,
    ),
    "unipile": kit_of(
        "unipile",
        "unipile-auth",
        lambda _: SECRET,
        test_unipile.received(),
        test_unipile.received(is_sender=True),
        {
            "voice": unipile(message=None, attachments=[{"id": "a1", "type": "audio", "voice_note": True}]),
            "picture": unipile(message=None, attachments={"id": "a1", "type": "img", "url": "att://a1"}),
            "sticker": unipile(message=None, attachments=[{"id": "a1", "type": "img", "sticker": True}]),
            "quote": unipile(quoted={"provider_id": "q1", "text": "kopi"}),
            "reaction": unipile(
                "message_reaction", reaction="👍", reaction_sender={"attendee_provider_id": "62@s.whatsapp.net"}
            ),
            "edit": unipile("message_edited"),
            "delete": unipile("message_deleted"),
            "status": unipile("message_read"),
        },
        {"object": "MessageSent", "message_id": "m1"},
        ogg,
        account="acc_1",
    ),
    "whatsapp": kit_of(
        "whatsapp",
        "x-hub-signature-256",
        lambda body: f"sha256={digest(body)}",
        test_whatsapp.received(type="text", text={"body": "halo"}),
        whatsapp_status("sent"),
        {
            "voice": whatsapp("audio", audio={"id": "a1", "mime_type": "audio/ogg; codecs=opus", "voice": True}),
            "picture": whatsapp("image", image={"id": "a1", "mime_type": "image/jpeg"}),
            "sticker": whatsapp("sticker", sticker={"id": "a1", "mime_type": "image/webp"}),
            "place": whatsapp("location", location={"latitude": -6.2, "longitude": 106.8}),
            "card": whatsapp("contacts", contacts=[CARD]),
            "quote": whatsapp("text", text={"body": "yang ini"}, context={"id": "wamid.0"}),
            "choice": whatsapp("interactive", interactive={"button_reply": {"id": "1", "title": "Ya"}}),
            "reaction": whatsapp("reaction", reaction={"message_id": "wamid.0", "emoji": "👍"}),
            "status": whatsapp_status("read"),
            "failure": whatsapp_status("failed"),
        },
        {"id": "media1", "messages": [{"id": "wamid.1"}]},
        whatsapp_file,
        account="p1",
    ),
    "zernio": kit_of(
        "zernio",
        "x-zernio-signature",
        digest,
        test_zernio.received(),
        test_zernio.received(direction="outgoing"),
        {
            "voice": zernio(
                text=None, attachments=[{"type": "audio", "url": f"{BASE}/whatsapp/media/9?accountId=acc_9"}]
            ),
            "picture": zernio(text=None, attachments=[{"type": "image", "url": "https://cdn.example/a.png"}]),
            "place": zernio(metadata={"location": {"latitude": -6.2, "longitude": 106.8}}, text=None),
            "card": zernio(metadata={"contacts": [CARD]}, text=None),
            "quote": zernio(metadata={"quotedMessageId": "m1"}),
            "choice": zernio(metadata={"interactiveType": "list_reply", "interactiveId": "kopi"}, text=None),
            "reaction": zernio("reaction.received") | {"reaction": {"messageId": "m1", "emoji": "👍"}},
            "edit": zernio("message.edited"),
            "delete": zernio("message.deleted"),
            "status": zernio("message.delivered", direction="outgoing"),
            "failure": zernio("message.failed", direction="outgoing"),
        },
        {"success": True, "data": {"messageId": "m1"}},
        ogg,
        account="acc_9",
    ),
}


@pytest.fixture(params=sorted(KITS))
def kit(request: pytest.FixtureRequest) -> Kit:
    return KITS[request.param]


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("email", "ani di example", "ani@example.com"),
        ("phone", "nanti ya", "+6281234567801"),
        ("language", "Indonesia", "id"),
    ],
)
async def test_standard_facts_of_a_contact_have_their_format(kit: Kit, field: str, wrong: str, right: str) -> None:
    """Wherever they are kept: on the platform, or in the ledger."""
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json={"items": []}))
    ) as http:
        platform = kit.open(http)
        assert await platform.in_format({field: right}) == {field: right}
        with pytest.raises(Invalid, match=field):
            await platform.in_format({field: wrong})


async def test_a_message_can_be_stopped_until_its_request_leaves(kit: Kit) -> None:
    """The ledger keeps when an attempt really began, however long it waited for its rate limit."""
    asked: list[httpx.Request] = []
    left: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert kit.accepts is not None
        asked.append(request)
        return kit.accepts(request)

    async def leaving() -> None:
        left.append(len(asked))
        if stopped:
            raise InterruptedError

    (event, *_) = kit.open(httpx.AsyncClient()).parse(kit.received)
    assert isinstance(event, InboundMessage)
    for stopped in (False, True):
        asked.clear()
        left.clear()
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            platform = kit.open(http)
            token = before_request.set(leaving)
            with pytest.raises(InterruptedError) if stopped else nullcontext():
                await platform.send(event.contact.key, Text("halo"), key="t1/0")
            before_request.reset(token)
            await platform.aclose()
        assert left == list(range(len(asked) + stopped))
