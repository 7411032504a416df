import asyncio
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from messaging.sandbox import RunningSandbox
from messaging.sandbox.control.access import check
from messaging.sandbox.errors import Forbidden
from tests.messaging.sandbox.conftest import QUICK
from tests.messaging.sandbox.receiver import Receiver


async def test_a_colleague_answers_takes_over_gives_back_closes_and_reopens(
    sandbox: RunningSandbox, control: httpx.AsyncClient, receiver: Receiver
) -> None:
    sandbox.send_webhooks_to(receiver.url, "s")
    sandbox.say(1, "mau bicara dengan orang")
    await control.post("/contacts/1/reply", json={"text": "Saya Dimas", "user": "dimas@example.com"})
    (sent,) = await receiver.wait_for("message.sent")
    assert (sent["sender"]["source"], sent["sender"]["userId"], sent["user"]["firstName"]) == ("user", 2, "Dimas")
    assert (await control.post("/contacts/1/assign", json={"user": 2})).json()["assignee"]["id"] == 2
    assert (await control.post("/contacts/1/unassign")).json()["assignee"] is None
    assert (await control.post("/contacts/1/close", json={"category": "Resolved"})).json()["status"] == "closed"
    assert (await control.post("/contacts/1/reopen")).json()["status"] == "open"
    await control.post("/contacts/1/comment", json={"text": "sudah beres"})
    await receiver.wait_for("comment.created")
    kinds = [body["event_type"] for body in receiver.bodies if body["event_type"] != "message.sent"]
    assert kinds == [
        "message.received",
        "conversation.opened",
        "contact.assignee.updated",
        "contact.assignee.updated",
        "conversation.closed",
        "conversation.opened",
        "comment.created",
    ]
    (closed,) = receiver.of_type("conversation.closed")
    assert closed["conversation"]["closedBy"]["firstName"] == "Ayu"
    assert closed["conversation"]["closedBySource"] == "user"
    assert sandbox.sent(1) == [], "a colleague's words are not the agent's"


async def test_a_reply_to_a_closed_conversation_opens_it(sandbox: RunningSandbox) -> None:
    sandbox.reply_as_human(2, "Halo, ada promo")
    assert sandbox.state.contacts.get(2).status == "open"


async def test_a_burst_arrives_in_order(control: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    answer = await control.post(
        "/contacts/phone:+6281234567801/messages", json={"texts": ["halo", "mau tanya", "buka?"]}
    )
    assert [item["text"] for item in answer.json()["items"]] == ["halo", "mau tanya", "buka?"]
    assert [message.content["text"] for message in sandbox.state.messages.of(1)] == ["halo", "mau tanya", "buka?"]


async def test_any_type_of_message_can_come_in(control: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    place = {"type": "location", "latitude": -6.2, "longitude": 106.8}
    await control.post("/contacts/1/messages", json={"message": place, "channel_id": 2})
    (message,) = sandbox.state.messages.of(1)
    assert message.content == place


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"text": " "}, 400),
        ({"text": "a", "message": {"type": "text", "text": "b"}}, 400),
        ({"message": {"text": "b"}}, 400),
        ({"message": {"type": "text", "text": ""}}, 400),
        ({"text": "a", "channelId": 99}, 404),
    ],
)
async def test_a_wrong_customer_message_is_refused(control: httpx.AsyncClient, body: object, status: int) -> None:
    assert (await control.post("/contacts/1/messages", json=body)).status_code == status


async def test_a_new_phone_is_a_contact_and_an_old_number_is_the_same_contact(control: httpx.AsyncClient) -> None:
    made = (await control.post("/contacts", json={"phone": "+62 811-222-333", "firstName": "Wati"})).json()
    assert (made["phone"], made["name"]) == ("+62811222333", "Wati")
    again = (await control.post("/contacts", json={"phone": "+62811222333", "firstName": "Lain"})).json()
    assert again == made
    assert (await control.post("/contacts", json={"phone": "satu"})).status_code == 400
    assert (await control.delete(f"/contacts/{made['id']}")).status_code == 200
    assert len((await control.get("/contacts")).json()["items"]) == 3


async def test_the_long_poll_answers_when_a_message_comes(control: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    asked = sandbox.say(1, "halo").id
    poll = asyncio.create_task(control.get(f"/messages?contact=1&after={asked}&wait=10&traffic=outgoing"))
    await asyncio.sleep(0.05)
    sandbox.say(1, "lagi")
    sandbox.reply_as_human(2, "untuk orang lain")
    assert not poll.done()
    sandbox.reply_as_human(1, "ya?")
    (item,) = (await poll).json()["items"]
    assert (item["text"], item["sender"]["source"]) == ("ya?", "user")
    assert (await control.get(f"/messages?contact=1&after={item['id']}&wait=0.01")).json()["items"] == []
    assert (await control.get("/messages?traffic=sideways")).status_code == 400
    assert (await control.get("/messages?after=x")).status_code == 400


async def test_the_stream_tells_every_change_after_the_state_was_read(
    control: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    state = (await control.get("/state")).json()
    assert [contact["name"] for contact in state["contacts"]] == ["Sari Wulandari", "Budi Santoso", "Emma Clark"]
    sandbox.say(1, "halo")
    seen = []
    async with control.stream("GET", f"/stream?after={state['seq']}") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
                if seen[-1]["kind"] == "message":
                    break
    assert seen[-1]["data"]["text"] == "halo"
    async with control.stream("GET", "/stream", headers={"Last-Event-ID": "99999"}) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                assert json.loads(line.removeprefix("data: "))["kind"] == "reset", "a stranger's number starts over"
                break


async def test_reset_brings_the_first_day_back(control: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    sandbox.say(1, "halo")
    sandbox.phone("+62811222333")
    sandbox.fault("slow")
    await control.post("/reset")
    state = (await control.get("/state")).json()
    assert (len(state["contacts"]), state["messages"], state["faults"]) == (3, [], {})


async def test_looking_at_the_chat_reads_what_was_delivered(
    control: httpx.AsyncClient, sandbox: RunningSandbox
) -> None:
    sandbox.say(1, "halo")
    message = sandbox.reply_as_human(1, "ya?")
    async with asyncio.timeout(60):
        while sandbox.state.messages.get(sandbox.state.contacts.get(1), message.id).state != "delivered":
            await sandbox.state.feed.wait(sandbox.state.feed.seq, 1)
    await control.post("/contacts/1/read")
    assert sandbox.state.messages.get(sandbox.state.contacts.get(1), message.id).state == "read"


async def test_a_template_can_be_added(control: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    await control.post("/templates", json={"name": "promo", "language": "id", "text": "Halo {{1}}"})
    names = [item["name"] for item in (await api.get("/space/channel/1/template")).json()["items"]]
    assert names[-1] == "promo"


async def test_samples_are_listed_and_sent_and_nothing_beside_them_is_served(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "01-halo.ogg").write_bytes(b"OggS" + b"0" * 40)
    (notes / "texts.json").write_text("{}")
    (tmp_path / "secret.ogg").write_bytes(b"OggS")
    async with (
        RunningSandbox(replace(QUICK, samples=notes)) as sandbox,
        httpx.AsyncClient(base_url=f"{sandbox.url}/sandbox") as control,
    ):
        assert (await control.get("/samples")).json() == {"items": ["01-halo.ogg"]}
        assert (await control.post("/contacts/1/samples/01-halo.ogg")).json()["file"]["mimeType"] == "audio/ogg"
        for name in ("texts.json", "..%2Fsecret.ogg", "nothing.ogg"):
            assert (await control.get(f"/samples/{name}")).status_code == 404


@pytest.mark.parametrize(
    ("host", "origin", "site"),
    [
        ("127.0.0.1:8099", None, None),
        ("localhost:8099", "http://localhost:8099", "same-origin"),
        ("[::1]:8099", "http://[::1]:8099", "same-origin"),
        ("192.168.1.7:8099", None, "none"),
        ("sandbox.internal", None, None),
    ],
)
def test_the_own_page_and_local_programs_may_enter(host: str, origin: str | None, site: str | None) -> None:
    check(host, origin, site, {"sandbox.internal"})


@pytest.mark.parametrize(
    ("host", "origin", "site"),
    [
        ("evil.example:8099", None, None),
        ("127.0.0.1.evil.example", None, None),
        ("", None, None),
        ("[::1:8099", None, None),
        ("127.0.0.1:8099", "http://[", None),
        ("127.0.0.1:8099", "https://evil.example", "cross-site"),
        ("127.0.0.1:8099", "http://127.0.0.1:9000", None),
        ("127.0.0.1:8099", "null", None),
        ("127.0.0.1:8099", None, "cross-site"),
        ("127.0.0.1:8099", None, "same-site"),
    ],
)
def test_other_sites_may_not_enter(host: str, origin: str | None, site: str | None) -> None:
    with pytest.raises(Forbidden):
        check(host, origin, site, ())


async def test_another_site_can_neither_read_nor_act(sandbox: RunningSandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            for method, path in (("GET", "/sandbox/state"), ("POST", "/sandbox/reset"), ("GET", "/")):
                answer = await client.request(method, path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (403, 403)


async def test_the_page_may_load_nothing_from_elsewhere(sandbox: RunningSandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        page = await client.get("/")
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in page.headers["content-security-policy"]
        assert "http://" not in page.text
        assert "<script>" not in page.text
        assert (await client.get("/js/main.js")).headers["content-type"].startswith("text/javascript")
        assert (await client.get("/nothing.js")).status_code == 404
        assert (await client.get("/..%2Fstate.py")).status_code == 404
