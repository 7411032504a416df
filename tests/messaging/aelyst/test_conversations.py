"""Messages and conversations against a server on loopback."""

from datetime import UTC, datetime

import pytest

from messaging.aelyst import Aelyst
from messaging.errors import (
    Invalid,
    OutcomeUnknown,
    RateLimited,
)
from messaging.types import (
    CustomPayload,
    Email,
    File,
    Outbound,
    QuickReplies,
    Template,
    Text,
)
from tests.messaging.stub import SARI, Answer, Stub, page


async def test_a_text_is_sent_to_the_contact_by_id_with_the_token(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"messageId": 1726740558441000})
    assert await aelyst.send(SARI, Text("Halo")) == "1726740558441000"
    assert (stub.last.method, stub.last.path) == ("POST", "/v1/contact/id:123/message")
    assert stub.last.headers["authorization"] == "Bearer t0ken"
    assert stub.last.headers["content-type"] == "application/json"
    assert stub.last.body == {"channelId": None, "message": {"type": "text", "text": "Halo"}}


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (
            Text("Paket dikirim", tag="POST_PURCHASE_UPDATE"),
            {"type": "text", "text": "Paket dikirim", "messageTag": "POST_PURCHASE_UPDATE"},
        ),
        (
            File("image", "https://a.example/q.png"),
            {"type": "attachment", "attachment": {"type": "image", "url": "https://a.example/q.png"}},
        ),
        (QuickReplies("Pilih", ("Ya", "Tidak")), {"type": "quick_reply", "title": "Pilih", "replies": ["Ya", "Tidak"]}),
        (
            Email(
                "Isi",
                "Judul",
                cc=("a@b.id",),
                bcc=("c@d.id",),
                reply_to=7,
                files=(("image", "https://a.example/f.png", "f.png"),),
            ),
            {
                "type": "email",
                "text": "Isi",
                "subject": "Judul",
                "cc": ["a@b.id"],
                "bcc": ["c@d.id"],
                "replyToMessageId": 7,
                "attachments": [{"type": "image", "url": "https://a.example/f.png", "fileName": "f.png"}],
            },
        ),
        (
            Template(
                "order",
                "id",
                ({"type": "body", "text": "Halo {{1}}", "parameters": ({"type": "text", "text": "Sari"},)},),
            ),
            {
                "type": "whatsapp_template",
                "template": {
                    "name": "order",
                    "languageCode": "id",
                    "components": [
                        {"type": "body", "text": "Halo {{1}}", "parameters": [{"type": "text", "text": "Sari"}]}
                    ],
                },
            },
        ),
        (CustomPayload({"a": {"b": (1,)}}), {"type": "custom_payload", "payload": {"a": {"b": [1]}}}),
    ],
)
async def test_every_type_of_message_is_sent_as_documented(
    aelyst: Aelyst, stub: Stub, message: Outbound, sent: dict[str, object]
) -> None:
    await aelyst.send(SARI, message, "9")
    assert stub.last.body == {"channelId": 9, "message": sent}


@pytest.mark.parametrize(
    ("message", "channel"),
    [
        (Text(" "), None),
        (File("image", "file:///etc/passwd"), None),
        (File("image", ""), None),
        (QuickReplies("x", ()), None),
        (CustomPayload({}), None),
        (CustomPayload({"x": object()}), "1"),
        (Template("x", "id", ({"type": "BODY"},)), None),
        (Text("x"), "whatsapp"),
    ],
)
async def test_what_cannot_be_sent_is_refused_without_a_call(
    aelyst: Aelyst, stub: Stub, message: Outbound, channel: str | None
) -> None:
    with pytest.raises(Invalid):
        await aelyst.send(SARI, message, channel)
    assert stub.calls == []


@pytest.mark.parametrize("answer", ["", "OK", "[]", {"ok": True}])
async def test_a_success_without_a_message_id_may_have_gone_out(aelyst: Aelyst, stub: Stub, answer: object) -> None:
    stub.will(answer)
    with pytest.raises(OutcomeUnknown) as caught:
        await aelyst.send(SARI, Text("Halo"))
    assert not caught.value.certain


async def test_lifecycle_assignee_status_and_comment(aelyst: Aelyst, stub: Stub) -> None:
    calls = [
        (aelyst.set_lifecycle(SARI, "Customer"), "lifecycle/update", {"name": "Customer"}),
        (aelyst.set_lifecycle(SARI, None), "lifecycle/update", {"name": None}),
        (aelyst.assign(SARI, "7"), "conversation/assignee", {"assignee": 7}),
        (aelyst.assign(SARI, "ani@example.com"), "conversation/assignee", {"assignee": "ani@example.com"}),
        (aelyst.assign(SARI, None), "conversation/assignee", {"assignee": None}),
        (aelyst.open_conversation(SARI), "conversation/status", {"status": "open"}),
        (aelyst.close_conversation(SARI), "conversation/status", {"status": "close"}),
        (
            aelyst.close_conversation(SARI, "Selesai", "x" * 600),
            "conversation/status",
            {"status": "close", "category": "Selesai", "summary": "x" * 511 + "…"},
        ),
        (aelyst.comment(SARI, "Tolong {{@user.2}}"), "comment", {"text": "Tolong {{@user.2}}"}),
    ]
    for call, path, body in calls:
        await call
        assert (stub.last.method, stub.last.path, stub.last.body) == ("POST", f"/v1/contact/id:123/{path}", body)


async def test_a_long_comment_becomes_several(aelyst: Aelyst, stub: Stub) -> None:
    note = " ".join(f"Kalimat nomor {n} dari catatan ini." for n in range(60))
    await aelyst.comment(SARI, note)
    parts = [call.body["text"] for call in stub.calls]
    assert len(parts) > 1
    assert all(len(part) <= 1000 for part in parts)
    assert " ".join(parts) == note


async def test_a_note_of_which_a_part_stands_there_is_not_repeated(aelyst: Aelyst, stub: Stub) -> None:
    note = " ".join(f"Kalimat nomor {n} dari catatan ini." for n in range(60))
    stub.answers.extend([Answer({}), Answer({"code": 429, "message": "Too many"}, 429, {"Retry-After": "1"})])
    with pytest.raises(OutcomeUnknown, match="only a part"):
        await aelyst.comment(SARI, note)
    stub.forget()
    stub.answers.append(Answer({"code": 429, "message": "Too many"}, 429, {"Retry-After": "1"}))
    with pytest.raises(RateLimited):
        await aelyst.comment(SARI, note)


def listed(number: int, at: int | None, traffic: str = "outgoing") -> dict[str, object]:
    status = [] if at is None else [{"value": "sent", "timestamp": at - 1}, {"value": "delivered", "timestamp": at}]
    return {
        "messageId": number,
        "channelMessageId": f"wamid.{number}",
        "contactId": 123,
        "channelId": 9,
        "traffic": traffic,
        "message": {"type": "text", "text": f"pesan {number}"},
        "status": status,
        "sender": {"source": "api", "userId": None, "teamId": None},
    }


async def test_messages_are_listed_newest_first_as_far_back_as_asked(aelyst: Aelyst, stub: Stub) -> None:
    pages = [
        page([listed(n, 1_700_000_000 + n) for n in range(top, top - 3, -1)], f"https://x?cursorId={top}")
        for top in (9, 6, 3)
    ]
    stub.will(*pages)
    newest = await aelyst.messages(SARI)
    assert [message.id for message in newest] == ["9", "8", "7"]
    assert stub.last.path == "/v1/contact/id:123/message/list"
    assert stub.last.query == {"limit": "50"}
    first = newest[0]
    assert (first.direction, first.text, first.state, first.sender_source) == (
        "outgoing",
        "pesan 9",
        "delivered",
        "api",
    )
    assert first.content == Text("pesan 9")
    assert first.at == datetime.fromtimestamp(1_700_000_009, UTC)

    stub.answers.clear()
    stub.will(*pages)
    since = datetime.fromtimestamp(1_700_000_005, UTC)
    assert [message.id for message in await aelyst.messages(SARI, since)] == ["9", "8", "7", "6", "5", "4"]


async def test_messages_that_a_platform_lists_oldest_first_are_put_in_order(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(page([listed(1, None), listed(2, None)], "https://x?cursorId=2"), page([listed(3, None)]))
    assert [message.id for message in await aelyst.messages(SARI)] == ["3", "2", "1"]


async def test_one_message_is_looked_up(aelyst: Aelyst, stub: Stub) -> None:
    voice = {"type": "attachment", "attachment": {"type": "audio", "url": "https://cdn.example/v.ogg"}}
    stub.will({**listed(7, None, "incoming"), "message": voice})
    message = await aelyst.message(SARI, "7")
    assert stub.last.path == "/v1/contact/id:123/message/7"
    assert (message.direction, message.content, message.state) == (
        "incoming",
        File("audio", "https://cdn.example/v.ogg"),
        None,
    )


@pytest.mark.parametrize(
    "message",
    [
        Text("Halo *Sari*", tag="ACCOUNT_UPDATE"),
        File("file", "https://a.example/lagu.mp3"),
        QuickReplies("Pilih", ("Ya", "Tidak")),
        Email("Isi", "Judul", ("a@b.id",), ("c@d.id",), 7, (("file", "https://a.example/f.mp3", "f.mp3"),)),
        Template("x", "id", ({"type": "body", "text": "Halo {{1}}", "parameters": [{"type": "text", "text": "Ani"}]},)),
        CustomPayload({"a": [1]}),
    ],
)
async def test_what_was_sent_is_recognised_in_the_list(aelyst: Aelyst, stub: Stub, message: Outbound) -> None:
    await aelyst.send(SARI, message, "9")
    sent = stub.last.body["message"]
    if "attachment" in sent:  # the platform adds what it found out about the file
        sent["attachment"] |= {"fileName": "lagu.mp3", "mimeType": "audio/mpeg"}
    stub.will(page([{**listed(7, 1_700_000_000), "message": sent}]))
    (found,) = await aelyst.messages(SARI)
    assert found.content == message
