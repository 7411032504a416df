import asyncio
from typing import Any

import httpx
import pytest

from messaging.sandbox import RunningSandbox
from tests.messaging.sandbox.receiver import Receiver

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50


async def state_of(api: httpx.AsyncClient, number: int, wanted: str) -> dict[str, Any]:
    """The message, once it has reached this state."""
    async with asyncio.timeout(60):
        while True:
            message: dict[str, Any] = (await api.get(f"/contact/id:1/message/{number}")).json()
            if message["status"][-1]["value"] in {wanted, "failed"}:
                assert message["status"][-1]["value"] == wanted, message
                return message
            await asyncio.sleep(0.01)


async def test_a_text_is_accepted_then_sent_then_delivered(api: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    sandbox.say(1, "halo")
    body = {"channelId": None, "message": {"type": "text", "text": "Hai {{$contact.name}}{{$contact.nope}}"}}
    answer = (await api.post("/contact/phone:+6281234567801/message", json=body)).json()
    assert 1e15 < answer["messageId"] < 2**53
    message = await state_of(api, answer["messageId"], "delivered")
    assert [status["value"] for status in message["status"]] == ["pending", "sent", "delivered"]
    assert message["message"] == {"type": "text", "text": "Hai Sari Wulandari"}
    assert (message["traffic"], message["contactId"], message["channelId"]) == ("outgoing", 1, 1)
    assert message["sender"] == {"source": "api", "userId": None, "teamId": None}


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (0, {"type": "text", "text": "a", "messageTag": "ACCOUNT_UPDATE"}),
        ("1", {"type": "quick_reply", "title": "Apa?", "replies": ["Ya", "Tidak"]}),
        (4, {"type": "custom_payload", "payload": {"chat_id": 1}}),
        (
            5,
            {
                "type": "email",
                "text": "Isi",
                "subject": "Perihal",
                "cc": ["a@example.com"],
                "bcc": ["b@example.com"],
                "replyToMessageId": 1262965213,
                "attachments": [{"type": "image", "url": "https://example.com/a.png", "fileName": "a.png"}],
            },
        ),
        (3, {"type": "facebook_template", "template": {"name": "x", "languageCode": "en"}}),
        (
            1,
            {
                "type": "whatsapp_template",
                "template": {
                    "name": "ordernumber",
                    "languageCode": "en",
                    "components": [
                        {
                            "type": "header",
                            "format": "image",
                            "parameters": [{"type": "image", "image": {"link": "https://example.com/a.png"}}],
                        },
                        {
                            "type": "body",
                            "text": "Hello {{1}}, {{2}}",
                            "parameters": [{"type": "text", "text": "John"}, {"type": "text", "text": "7"}],
                        },
                        {
                            "type": "buttons",
                            "buttons": [
                                {"type": "quick_reply", "text": "Yes"},
                                {
                                    "type": "url",
                                    "text": "Visit",
                                    "url": "https://x/{{1}}",
                                    "parameters": [{"type": "text", "text": "232"}],
                                    "example": ["232"],
                                },
                                {"type": "phone_number", "text": "Call", "phone_number": "+60123"},
                                {
                                    "type": "catalog",
                                    "text": "Catalog",
                                    "parameters": [
                                        {"type": "action", "action": {"thumbnail_product_retailer_id": "0"}}
                                    ],
                                },
                            ],
                        },
                        {"type": "footer", "text": "ACME"},
                    ],
                },
            },
        ),
        (
            1,
            {
                "type": "whatsapp_template",
                "template": {
                    "name": "ordernumber",
                    "languageCode": "en",
                    "components": [
                        {
                            "type": "header",
                            "format": "location",
                            "parameters": [
                                {
                                    "type": "location",
                                    "location": {"name": "n", "address": "a", "latitude": "2.2", "longitude": "2.2"},
                                }
                            ],
                        }
                    ],
                },
            },
        ),
    ],
)
async def test_every_message_type_is_taken_and_kept_as_it_was_given(
    api: httpx.AsyncClient, sandbox: RunningSandbox, channel: int, message: dict[str, Any]
) -> None:
    sandbox.state.say(1, "halo", channel=int(channel) or 3)
    answer = await api.post("/contact/id:1/message", json={"channelId": channel, "message": message})
    assert answer.status_code == 200, answer.text
    kept = await state_of(api, answer.json()["messageId"], "delivered")
    assert kept["message"] == message


async def test_an_attachment_is_fetched_as_the_platform_would(
    api: httpx.AsyncClient, sandbox: RunningSandbox, receiver: Receiver
) -> None:
    receiver.files["/qris.png"] = ("image/png", PNG)
    sandbox.say(1, "bayar")
    sent = {"type": "attachment", "attachment": {"type": "image", "url": f"{receiver.url}/qris.png"}}
    number = (await api.post("/contact/id:1/message", json={"message": sent})).json()["messageId"]
    await state_of(api, number, "delivered")
    async with httpx.AsyncClient(base_url=f"{sandbox.url}", trust_env=False) as page:
        (seen,) = (await page.get("/sandbox/messages?contact=1&traffic=outgoing")).json()["items"]
        copy = await page.get(seen["file"]["url"])
    assert (copy.content, copy.headers["content-type"]) == (PNG, "image/png")
    assert copy.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("channel", "message", "reason"),
    [
        (1, {"type": "attachment", "attachment": {"type": "image", "url": "{url}/none.png"}}, "answered 404"),
        (1, {"type": "attachment", "attachment": {"type": "image", "url": "{url}/note.txt"}}, "not image"),
        (1, {"type": "attachment", "attachment": {"type": "file", "url": "{url}/empty"}}, "is empty"),
        (1, {"type": "whatsapp_template", "template": {"name": "no", "languageCode": "en"}}, "does not exist"),
        (1, {"type": "text", "text": "a" * 4097}, "longer than 4096"),
    ],
)
async def test_an_undeliverable_message_is_accepted_and_fails_with_a_reason(
    api: httpx.AsyncClient,
    sandbox: RunningSandbox,
    receiver: Receiver,
    channel: int,
    message: dict[str, Any],
    reason: str,
) -> None:
    receiver.files["/note.txt"] = ("text/plain", b"halo")
    receiver.files["/empty"] = ("text/plain", b"")
    sandbox.say(1, "halo")
    if "attachment" in message:
        url = message["attachment"]["url"].format(url=receiver.url)
        message = {**message, "attachment": {**message["attachment"], "url": url}}
    answer = await api.post("/contact/id:1/message", json={"channelId": channel, "message": message})
    kept = await state_of(api, answer.json()["messageId"], "failed")
    assert reason in kept["status"][-1]["message"]


async def test_outside_the_24_hour_window_only_templates_and_tagged_texts_go_out(
    api: httpx.AsyncClient, sandbox: RunningSandbox, control: httpx.AsyncClient
) -> None:
    sandbox.say(1, "halo")
    await control.post("/contacts/1/age", json={"hours": 25})
    template = {"type": "whatsapp_template", "template": {"name": "sapaan", "languageCode": "id"}}
    for message, wanted in (
        ({"type": "text", "text": "masih di sana?"}, "failed"),
        (template, "delivered"),
        ({"type": "text", "text": "x", "messageTag": "ACCOUNT_UPDATE"}, "delivered"),
    ):
        answer = await api.post("/contact/id:1/message", json={"message": message})
        await state_of(api, answer.json()["messageId"], wanted)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "message"),
        ({"message": {}}, "message"),
        ({"message": {"type": "sticker"}}, "sticker"),
        ({"message": {"type": "text"}}, "message.text"),
        ({"message": {"type": "text", "text": " "}}, "message.text"),
        ({"message": {"type": "text", "text": 5}}, "message.text"),
        ({"message": {"type": "text", "text": "a", "messageTag": "SALE"}}, "message.messageTag"),
        ({"message": {"type": "attachment", "attachment": {"type": "image"}}}, "message.attachment.url"),
        (
            {"message": {"type": "attachment", "attachment": {"type": "image", "url": "file:///etc/passwd"}}},
            "attachment.url",
        ),
        (
            {"message": {"type": "attachment", "attachment": {"type": "gif", "url": "https://x.id/a"}}},
            "attachment.type",
        ),
        ({"message": {"type": "quick_reply", "title": "a", "replies": []}}, "message.replies"),
        ({"message": {"type": "quick_reply", "replies": ["a"]}}, "message.title"),
        ({"message": {"type": "custom_payload", "payload": {}}}, "custom_payload"),
        ({"message": {"type": "email", "text": "a"}}, "e-mail channel"),
        ({"channelId": 5, "message": {"type": "email", "message": "a"}}, "message.text"),
        ({"channelId": 5, "message": {"type": "email", "text": "a", "cc": ["x"]}}, "message.cc[0]"),
        (
            {"channelId": 2, "message": {"type": "whatsapp_template", "template": {"name": "a", "languageCode": "en"}}},
            "WhatsApp",
        ),
        ({"message": {"type": "whatsapp_template", "template": {"name": "a"}}}, "message.template.languageCode"),
        (
            {
                "message": {
                    "type": "whatsapp_template",
                    "template": {
                        "name": "a",
                        "languageCode": "en",
                        "components": [{"type": "header", "format": "gif"}],
                    },
                }
            },
            "message.template.components[0].format",
        ),
        (
            {
                "message": {
                    "type": "whatsapp_template",
                    "template": {
                        "name": "a",
                        "languageCode": "en",
                        "components": [{"type": "body", "text": "x", "parameters": [{"type": "text"}]}],
                    },
                }
            },
            "'text'",
        ),
        ({"channelId": 77, "message": {"type": "text", "text": "a"}}, "Channel not found"),
    ],
)
async def test_a_wrong_message_is_refused_by_the_name_of_its_field(
    api: httpx.AsyncClient, sandbox: RunningSandbox, body: dict[str, Any], said: str
) -> None:
    sandbox.say(1, "halo")
    answer = await api.post("/contact/id:1/message", json=body)
    assert answer.status_code in {400, 404}
    assert said in answer.json()["message"]
    assert sandbox.sent(1) == []


async def test_a_contact_that_never_wrote_needs_a_channel(api: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"message": {"type": "text", "text": "halo"}}
    refused = await api.post("/contact/id:1/message", json=body)
    assert (refused.status_code, "channelId" in refused.json()["message"]) == (400, True)
    assert (await api.post("/contact/id:1/message", json=body | {"channelId": 4})).status_code == 200
    assert (await api.post("/contact/id:99/message", json=body)).status_code == 404


async def test_a_message_of_another_contact_is_not_found(api: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    number = sandbox.say(2, "rahasia").id
    assert (await api.get(f"/contact/id:1/message/{number}")).status_code == 404
    assert (await api.get(f"/contact/id:2/message/{number}")).json()["traffic"] == "incoming"


async def test_ids_rise_even_when_the_clock_stands_still(sandbox: RunningSandbox) -> None:
    numbers = [sandbox.say(1, str(n)).id for n in range(50)]
    assert numbers == sorted(set(numbers))
