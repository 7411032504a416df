"""The Aelyst client against an HTTP server on loopback."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.aelyst import Aelyst, Condition, Filter, by_email, by_phone
from messaging.aelyst.addresses import Addresses
from messaging.aelyst.records import ClosingNote, CustomField, User
from messaging.errors import (
    Conflict,
    Forbidden,
    InQueue,
    Invalid,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PlatformError,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from messaging.types import (
    Channel,
    ContactKey,
    CustomPayload,
    Email,
    File,
    Outbound,
    Person,
    QuickReplies,
    Template,
    Text,
)
from tests.messaging.stub import Answer, Stub, page, raw_server

SARI = ContactKey("aelyst", "123")
CONTACT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "messaging" / "webhooks" / "message-received-text.json").read_bytes()
)["contact"]


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


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "certain"),
    [
        (400, Invalid, False, True),
        (401, Unauthorized, False, True),
        (403, Forbidden, False, True),
        (404, NotFound, False, True),
        (409, Conflict, False, True),
        (422, Invalid, False, True),
        (429, RateLimited, True, True),
        (449, InQueue, True, True),
        (500, Unavailable, True, False),
        (502, Unavailable, True, False),
        (503, Unavailable, True, False),
        (504, Unavailable, True, False),
    ],
)
async def test_errors_carry_the_platforms_code_and_words(
    aelyst: Aelyst, stub: Stub, status: int, kind: type[PlatformError], retryable: bool, certain: bool
) -> None:
    stub.will(Answer({"code": status, "message": "What went wrong"}, status, {"Retry-After": "7"}))
    with pytest.raises(PlatformError) as caught:
        await aelyst.send(SARI, Text("Halo"))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, status, "What went wrong")
    assert (error.retryable, error.certain) == (retryable, certain)
    assert error.retry_after == timedelta(seconds=7)
    assert str(error) == f"POST /contact/id:123/message: {status} What went wrong"
    assert len(stub.calls) == 1


async def test_an_error_page_of_a_proxy_is_an_error_too(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(Answer("<html>Bad gateway</html>", 502, {"content-type": "text/html"}), Answer("upstream\n gone", 503))
    with pytest.raises(Unavailable, match="502 Bad Gateway"):
        await aelyst.send(SARI, Text("Halo"))
    with pytest.raises(Unavailable, match="upstream gone"):
        await aelyst.send(SARI, Text("Halo"))


async def test_the_token_does_not_follow_a_redirect(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(Answer("", 302, {"location": "https://elsewhere.example/"}))
    with pytest.raises(Invalid, match="base_url"):
        await aelyst.send(SARI, Text("Halo"))
    assert len(stub.calls) == 1


@pytest.mark.parametrize("answer", ["", "OK", "[]", {"ok": True}])
async def test_a_success_without_a_message_id_may_have_gone_out(aelyst: Aelyst, stub: Stub, answer: object) -> None:
    stub.will(answer)
    with pytest.raises(OutcomeUnknown) as caught:
        await aelyst.send(SARI, Text("Halo"))
    assert not caught.value.certain


async def test_no_connection_is_certainly_not_sent(http: httpx.AsyncClient) -> None:
    async with raw_server(lambda *_: asyncio.sleep(0)) as url:
        pass
    for base_url in (url, "http://name.invalid/v1", "ftp://127.0.0.1/v1"):
        with pytest.raises(NotSent) as caught:
            await Aelyst(http, base_url=base_url, token="t").send(SARI, Text("Halo"))
        assert caught.value.retryable
        assert caught.value.certain


async def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(http: httpx.AsyncClient) -> None:
    async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")

    async with raw_server(hang_up) as url:
        with pytest.raises(OutcomeUnknown) as caught:
            await Aelyst(http, base_url=url, token="t").send(SARI, Text("Halo"))
    assert caught.value.retryable
    assert not caught.value.certain


async def test_an_answer_that_trickles_for_ever_is_ended_by_the_timeout(http: httpx.AsyncClient) -> None:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        for _ in range(100):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(trickle) as url:
        aelyst = Aelyst(http, base_url=url, token="t", timeout=timedelta(seconds=0.1))
        with pytest.raises(OutcomeUnknown):
            await aelyst.send(SARI, Text("Halo"))


async def test_a_hostile_contact_id_reaches_no_other_path(aelyst: Aelyst, stub: Stub) -> None:
    await aelyst.send(ContactKey("aelyst", "1/../../space/user?x#y%2f"), Text("Halo"))
    assert stub.last.path == "/v1/contact/id:1%2F..%2F..%2Fspace%2Fuser%3Fx%23y%252f/message"
    with pytest.raises(Invalid):
        await aelyst.message(SARI, "..")


async def test_a_contact_is_read_whole(aelyst: Aelyst, stub: Stub) -> None:
    fields = [
        {"name": "Ulang Tahun", "value": "1990-01-02"},
        {"name": "Poin", "value": 12},
        {"name": "Anggota", "value": True},
    ]
    stub.will({**CONTACT, "custom_fields": fields, "tags": ["vip"], "isBlocked": False})
    contact = await aelyst.contact(SARI)
    assert stub.last.path == "/v1/contact/id:123"
    assert contact.key == ContactKey("aelyst", "1")
    assert contact.tags == ("vip",)
    assert contact.custom_fields == {"Ulang Tahun": "1990-01-02", "Poin": 12, "Anggota": True}
    assert contact.status == "open"
    stub.will({**CONTACT, "isBlocked": True})
    assert (await aelyst.contact(SARI)).status == "blocked"


async def test_contacts_belong_to_the_configured_platform(stub: Stub, http: httpx.AsyncClient) -> None:
    stub.will(CONTACT)
    sandbox = Aelyst(http, base_url=stub.url, token="t", name="sandbox")
    assert (await sandbox.contact(ContactKey("sandbox", "1"))).key == ContactKey("sandbox", "1")


async def test_a_contact_is_created_by_phone_or_email(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"code": "200", "message": "Contact added successfully!"}, {"contactId": 5})
    await aelyst.contacts.create(by_phone("+62 812-3456-7890"), {"first_name": "Sari", "country": "ID"})
    assert stub.last.path == "/v1/contact/phone:%2B6281234567890"
    assert stub.last.body == {"firstName": "Sari", "countryCode": "ID"}
    key = await aelyst.contacts.create_or_update(by_email("sari@example.com"), {"first_name": "Sari"})
    assert key == ContactKey("aelyst", "5")
    assert stub.last.path == "/v1/contact/create_or_update/email:sari@example.com"
    with pytest.raises(Invalid, match="first_name"):
        await aelyst.contacts.create(by_email("sari@example.com"), {"email": "sari@example.com"})
    with pytest.raises(Invalid, match="0812"):
        by_phone("0812 3456")
    with pytest.raises(Invalid):
        by_email("sari")


async def test_a_new_contact_is_left_alone_for_a_moment(stub: Stub, http: httpx.AsyncClient) -> None:
    now, slept = [100.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    addresses = Addresses(delay=timedelta(seconds=2), clock=lambda: now[0], sleep=sleep)
    aelyst = Aelyst(http, base_url=stub.url, token="t", addresses=addresses)
    stub.will({"contactId": 5})
    key = await aelyst.contacts.create_or_update(by_phone("+6281234567890"), {"first_name": "Sari"})
    await aelyst.send(SARI, Text("another contact does not wait"))
    assert slept == []
    await aelyst.send(key, Text("Halo"))
    await aelyst.send(key, Text("Halo lagi"))
    assert slept == [2.0]


async def test_an_update_sends_the_first_name_along_and_custom_fields_in_their_format(
    aelyst: Aelyst, stub: Stub
) -> None:
    fields = [
        {"id": 1, "name": "Tanggal Lahir", "slug": "birthday", "dataType": "date"},
        {"id": 2, "name": "Poin", "slug": "points", "dataType": "number"},
        {"id": 3, "name": "Ukuran", "slug": "size", "dataType": "list", "allowedValues": ["S", "M"]},
    ]
    stub.will(page(fields), CONTACT, {"contactId": 123}, {"contactId": 123})
    await aelyst.update_contact(SARI, {"last_name": "Wulan", "birthday": "1990-01-02", "Poin": "12", "ukuran": "m"})
    assert [(call.method, call.path) for call in stub.calls] == [
        ("GET", "/v1/space/custom_field"),
        ("GET", "/v1/contact/id:123"),
        ("PUT", "/v1/contact/id:123"),
    ]
    assert stub.last.body == {
        "firstName": "John",
        "lastName": "Wulan",
        "custom_fields": [
            {"name": "Tanggal Lahir", "value": "1990-01-02"},
            {"name": "Poin", "value": 12},
            {"name": "Ukuran", "value": "M"},
        ],
    }
    await aelyst.update_contact(SARI, {"first_name": "Sari", "points": 13})
    assert len(stub.calls) == 4  # the fields are known by now


async def test_an_unknown_custom_field_is_named_with_the_known_ones(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(page([{"id": 1, "name": "Poin", "dataType": "number"}]))
    with pytest.raises(Invalid, match="'alamat'; it has: Poin"):
        await aelyst.update_contact(SARI, {"alamat": "Jl. Braga"})
    assert [call.method for call in stub.calls] == ["GET"]


async def test_contacts_are_merged_and_deleted(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"contactId": 123}, {"contactId": 123})
    assert await aelyst.contacts.merge(SARI, ContactKey("aelyst", "124"), {"first_name": "Sari"}) == SARI
    assert stub.last.body == {"contactIds": [123, 124], "firstName": "Sari"}
    await aelyst.contacts.delete(SARI)
    assert (stub.last.method, stub.last.path, stub.last.body) == ("DELETE", "/v1/contact/id:123", None)
    with pytest.raises(Invalid):
        await aelyst.contacts.merge(SARI, SARI)


async def test_contacts_are_listed_page_by_page_with_the_cursor_taken_out_of_a_url_that_is_never_called(
    aelyst: Aelyst, stub: Stub
) -> None:
    elsewhere = "https://api.aelyst.ai/contact/list?limit=99&cursorId="
    stub.will(
        page([{**CONTACT, "id": 1}, {**CONTACT, "id": 2}], elsewhere + "2"),
        page([{**CONTACT, "id": 3}], elsewhere + "-7"),
        page([{**CONTACT, "id": 4}], ""),
    )
    wanted = Filter(all_of=(Condition("contactTag", None, "hasAnyOf", ["vip"]),))
    found = [contact.key.id async for contact in aelyst.contacts.list(wanted, search="sari", timezone="Asia/Jakarta")]
    assert found == ["1", "2", "3", "4"]
    assert [call.query for call in stub.calls] == [
        {"limit": "99"},
        {"limit": "99", "cursorId": "2"},
        {"limit": "99", "cursorId": "-7"},
    ]
    assert stub.last.body == {
        "search": "sari",
        "timezone": "Asia/Jakarta",
        "filter": {"$and": [{"category": "contactTag", "field": None, "operator": "hasAnyOf", "value": ["vip"]}]},
    }


async def test_a_list_that_repeats_its_cursor_or_never_ends_is_ended(aelyst: Aelyst, stub: Stub) -> None:
    stub.decide = lambda call: Answer(page([{"id": 1, "name": "A"}], "https://x/?cursorId=5"))
    assert len([user async for user in aelyst.space.users()]) == 2
    stub.decide = lambda call: Answer(page([], f"https://x/?cursorId={len(stub.calls)}"))
    assert [user async for user in aelyst.space.users()] == []


async def test_a_filter_may_compare_ranges_and_be_empty(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(page([]), page([]))
    ranged = Filter(
        any_of=(Condition("contactField", "created_at", "isTimestampBetween", ("2026-01-01", "2026-02-01")),)
    )
    assert [contact async for contact in aelyst.contacts.list(ranged)] == []
    assert stub.last.body["filter"]["$or"][0]["value"] == {"from": "2026-01-01", "to": "2026-02-01"}
    assert [contact async for contact in aelyst.contacts.list()] == []
    assert stub.last.body == {"search": "", "timezone": "UTC", "filter": {"$or": []}}


async def test_tags_are_a_bare_array_of_at_most_ten(aelyst: Aelyst, stub: Stub) -> None:
    await aelyst.add_tags(SARI, ["vip", " vip ", "", *(f"t{n}" for n in range(10))])
    assert [call.body for call in stub.calls] == [["vip", *(f"t{n}" for n in range(9))], ["t9"]]
    await aelyst.remove_tags(SARI, ["vip"])
    assert (stub.last.method, stub.last.path, stub.last.body) == ("DELETE", "/v1/contact/id:123/tag", ["vip"])
    await aelyst.add_tags(SARI, [])
    assert len(stub.calls) == 3
    with pytest.raises(Invalid, match="256"):
        await aelyst.add_tags(SARI, ["x" * 256])


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


async def test_the_workspace_is_read(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(
        page(
            [
                {
                    "id": 2,
                    "firstName": "Ani",
                    "lastName": "W",
                    "email": "a@b.id",
                    "role": "agent",
                    "team": {"id": 1, "name": "CS"},
                }
            ]
        ),
        {
            "id": 2,
            "firstName": "Ani",
            "lastName": None,
            "email": "a@b.id",
            "role": "owner",
            "team": None,
            "restrictions": ["x"],
        },
        page([{"id": "9", "name": "WA", "source": "whatsapp_cloud", "created_at": 1}]),
        page(
            [
                {
                    "id": 4,
                    "name": "order",
                    "languageCode": "id",
                    "status": "approved",
                    "category": "UTILITY",
                    "components": '[{"type":"BODY","text":"Halo {{1}}"}]',
                }
            ]
        ),
        page([{"category": "Selesai", "description": None}]),
    )
    assert [user async for user in aelyst.space.users()] == [User("2", "Ani W", "a@b.id", "agent", "CS")]
    assert await aelyst.space.user("2") == User("2", "Ani", "a@b.id", "owner", None, ("x",))
    assert await aelyst.channels() == [Channel("9", "whatsapp_cloud", "WA")]
    (template,) = [template async for template in aelyst.space.templates("9")]
    assert (template.name, template.language, template.status) == ("order", "id", "approved")
    assert template.components == ({"type": "BODY", "text": "Halo {{1}}"},)
    assert [note async for note in aelyst.space.closing_notes()] == [ClosingNote("Selesai")]
    assert [call.path for call in stub.calls] == [
        "/v1/space/user",
        "/v1/space/user/2",
        "/v1/space/channel",
        "/v1/space/channel/9/template",
        "/v1/space/closing_notes",
    ]


async def test_custom_fields_are_read_and_created(aelyst: Aelyst, stub: Stub) -> None:
    size = {
        "id": 3,
        "name": "Ukuran",
        "slug": "size",
        "dataType": "list",
        "allowedValues": ["S", "M"],
        "description": None,
    }
    stub.will(size, size, page([size]))
    field = CustomField("3", "Ukuran", "list", "size", None, ("S", "M"))
    assert await aelyst.space.custom_field("3") == field
    assert await aelyst.space.create_custom_field("Ukuran", "list", slug="size", options=["S", "M"]) == field
    assert stub.last.body == {"name": "Ukuran", "dataType": "list", "slug": "size", "allowedValues": ["S", "M"]}
    assert [found async for found in aelyst.space.custom_fields()] == [field]
    with pytest.raises(Invalid):
        await aelyst.space.create_custom_field("Ukuran", "list")
    with pytest.raises(Invalid):
        await aelyst.space.create_custom_field("Ukuran", "text", options=["S"])


async def test_tags_are_declared_renamed_and_deleted(aelyst: Aelyst, stub: Stub) -> None:
    stub.will({"code": 200, "message": {"id": 1, "name": "vip", "colorCode": "#fff"}}, {}, {})
    assert (await aelyst.space.create_tag("vip", color="#fff")).id == "1"
    await aelyst.space.rename_tag("vip", "VIP")
    assert (stub.last.method, stub.last.body) == ("PUT", {"currentName": "vip", "name": "VIP"})
    await aelyst.space.delete_tag("VIP")
    assert (stub.last.method, stub.last.path, stub.last.body) == ("DELETE", "/v1/space/tag", {"name": "VIP"})


async def test_the_channels_of_a_contact_tell_when_it_last_wrote(aelyst: Aelyst, stub: Stub) -> None:
    stub.will(
        page([{"id": 9, "name": "WA", "source": "whatsapp_cloud", "meta": {}, "lastIncomingMessageTime": 1662965213}])
    )
    (reached,) = [found async for found in aelyst.contacts.channels(SARI)]
    assert reached.channel.source == "whatsapp_cloud"
    assert reached.last_incoming_at == datetime.fromtimestamp(1662965213, UTC)


async def test_a_webhook_is_verified_and_parsed(aelyst: Aelyst) -> None:
    body = (Path(__file__).parents[2] / "data" / "messaging" / "webhooks" / "message-sent-user.json").read_bytes()
    (event,) = aelyst.parse(body)
    assert event.contact is not None
    assert event.contact.assignee == Person("2", "John Doe", "johndoe@sample.com")


async def test_no_secret_is_in_an_error(stub: Stub, http: httpx.AsyncClient) -> None:
    stub.will(Answer({"code": 401, "message": "UN_AUTHORIZED"}, 401))
    with pytest.raises(Unauthorized) as caught:
        await Aelyst(http, base_url=stub.url, token="s3cret").send(SARI, Text("rahasia"))
    for shown in (str(caught.value), repr(caught.value)):
        assert "s3cret" not in shown
        assert "rahasia" not in shown
