import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from messaging.sandbox import RunningSandbox
from messaging.sandbox.aelyst import AelystFace
from messaging.sandbox.events import EventType
from messaging.sandbox.webhooks import RetryRule
from tests.messaging.sandbox.conftest import QUICK
from tests.messaging.sandbox.receiver import Receiver

SECRET = "kunci rahasia"


@pytest.fixture
def listening(sandbox: RunningSandbox, receiver: Receiver) -> Receiver:
    sandbox.send_webhooks_to(f"{receiver.url}/webhooks/sandbox", SECRET)
    return receiver


@pytest.mark.parametrize(
    ("key", "body", "signature"),
    [
        ("secret-key", '{"some":"payload"}', "Bq1g+eoWPzyDxcVsyqSfJaTHxwAIVJPuJ/kAf+Ef0QA="),
        ("secret", '{"event":"message","data":"test"}', "UtAE5LaeNjrL33PUEQfh69YKw7UhrrkOL9tQN0+xIrI="),
    ],
)
def test_the_signature_is_that_of_the_published_examples(key: str, body: str, signature: str) -> None:
    assert AelystFace().sign(key, body.encode()) == {"x-webhook-signature": signature}


async def test_a_customers_message_arrives_signed_and_complete(sandbox: RunningSandbox, listening: Receiver) -> None:
    message = sandbox.say(1, "halo, buka jam berapa?")
    (body,) = await listening.wait_for("message.received")
    headers, raw = listening.taken[0]
    digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()
    assert base64.b64decode(headers["x-webhook-signature"]) == digest
    assert headers["content-type"] == "application/json"
    assert body["contact"] | {"id": 1, "firstName": "Sari", "phone": "+6281234567801"} == body["contact"]
    assert not {"tags", "custom_fields"} & set(body["contact"]), "message events carry neither"
    assert body["message"] == {
        "messageId": message.id,
        "channelMessageId": message.channel_message_id,
        "contactId": 1,
        "channelId": 1,
        "traffic": "incoming",
        "timestamp": int(message.at.timestamp() * 1000),
        "message": {"type": "text", "text": "halo, buka jam berapa?"},
    }
    assert body["channel"] | {"id": 1, "source": "whatsapp_cloud", "meta": "{}"} == body["channel"]
    assert body["sender"] == {"type": "message", "source": "contact"}
    (opened,) = await listening.wait_for("conversation.opened")
    assert opened["conversation"]["source"] == "contact"


async def test_every_event_type_is_sent_when_it_happens(
    sandbox: RunningSandbox, api: httpx.AsyncClient, control: httpx.AsyncClient, listening: Receiver
) -> None:
    number = sandbox.phone("+6281999999999", "Tono").id
    sandbox.say(number, "halo")
    path = f"/contact/id:{number}"
    await api.put(path, json={"custom_fields": [{"name": "Birthday", "value": "2000-01-02"}]})
    await api.post(f"{path}/tag", json=["VIP"])
    await api.request("DELETE", f"{path}/tag", json=["VIP"])
    await api.post(f"{path}/lifecycle/update", json={"name": "Customer"})
    await api.post(f"{path}/conversation/assignee", json={"assignee": "ayu@example.com"})
    note = {"text": "Tolong {{@user.2}}"}
    answer = (await api.post(f"{path}/comment", json=note)).json()
    assert answer | {"contactId": number, "text": note["text"]} == answer
    await api.post(f"{path}/message", json={"message": {"type": "text", "text": "Hai"}})
    await listening.wait_for("message.sent")
    closing = {"status": "close", "category": "Order", "summary": "Pesan dua"}
    await api.post(f"{path}/conversation/status", json=closing)
    await api.post(f"{path}/conversation/status", json={"status": "open"})
    await control.post(f"/contacts/{number}/call", json={"seconds": 90})
    await listening.wait_for("call.ended")

    def only(event_type: str) -> dict[str, Any]:
        return listening.of_type(event_type)[0]

    assert {body["event_type"] for body in listening.bodies} == set(EventType)
    assert only("contact.created")["contact"]["firstName"] == "Tono"
    assert only("contact.updated")["contact"]["birthday"] == "2000-01-02"
    assert [(b["tag"], b["action"]) for b in listening.of_type("contact.tag.updated")] == [
        ("VIP", "add"),
        ("VIP", "remove"),
    ]
    assert only("contact.lifecycle.updated")["lifecycle"] == "Customer"
    assert only("contact.assignee.updated")["contact"]["assignee"]["id"] == 3
    assert only("comment.created")["mentionedUserEmails"] == ["dimas@example.com"]
    sent = only("message.sent")
    assert (sent["sender"]["source"], sent["user"], sent["message"]["traffic"]) == ("api", None, "outgoing")
    assert sent["channel"]["lastIncomingMessageTime"]
    closed = only("conversation.closed")["conversation"]
    assert (closed["category"], closed["summary"]) == ("Order", "Pesan dua")
    assert (closed["incomingMessageCount"], closed["outgoingMessageCount"]) == (1, 1)
    assert (closed["closedBySource"], closed["closedBy"]["id"]) == ("api", None)
    assert closed["assigneeTeam"] == "Toko"
    assert [body["conversation"]["source"] for body in listening.of_type("conversation.opened")] == ["contact", "api"]
    assert only("call.ended")["call"]["durationSeconds"] == 90


async def test_a_refused_event_is_delivered_again_with_the_same_bytes(
    sandbox: RunningSandbox, listening: Receiver, control: httpx.AsyncClient
) -> None:
    listening.answers = [500, -1, 404]
    sandbox.say(1, "halo")
    await listening.wait_until(5)
    first, *again = [raw for _, raw in listening.taken[:4]]
    assert again == [first] * 3
    await sandbox.state.webhooks.settled()
    (delivery,) = [
        item for item in (await control.get("/deliveries")).json()["items"] if item["eventType"] == "message.received"
    ]
    assert delivery["state"] == "delivered"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, None, 404, 200]
    assert delivery["attempts"][1]["error"]
    shown = (await control.get(f"/deliveries/{delivery['id']}")).json()
    assert shown["body"]["event_id"] == delivery["eventId"]


async def test_a_slow_answer_counts_as_none(receiver: Receiver) -> None:
    receiver.delay = 5
    options = replace(QUICK, webhook_timeout=timedelta(milliseconds=40), webhook_tries=2)
    async with RunningSandbox(replace(options, webhook_url=receiver.url, webhook_events=("message.received",))) as slow:
        slow.say(1, "halo")
        await slow.state.webhooks.settled()
        (delivery,) = slow.state.webhooks.deliveries.values()
        assert (delivery.state, len(delivery.attempts)) == ("failed", 2)
        assert delivery.attempts[0].error == "no answer within 0.04 s"


async def test_an_event_that_is_never_taken_is_given_up_and_the_next_follows(
    sandbox: RunningSandbox, listening: Receiver
) -> None:
    listening.answers = [500] * 6
    sandbox.say(1, "satu")
    sandbox.say(1, "dua")
    await listening.wait_until(8)
    texts = [body["message"]["message"]["text"] for body in listening.of_type("message.received")]
    assert texts == ["satu"] * 6 + ["dua"]


async def test_events_of_a_contact_keep_their_order_and_do_not_wait_for_other_contacts(
    sandbox: RunningSandbox, listening: Receiver
) -> None:
    listening.delay = 0.01
    sandbox.say(1, *[f"a{n}" for n in range(5)])
    sandbox.say(2, *[f"b{n}" for n in range(5)])
    received = await listening.wait_for("message.received", 10)
    texts = [body["message"]["message"]["text"] for body in received]
    assert [text for text in texts if text[0] == "a"] == [f"a{n}" for n in range(5)]
    assert [text for text in texts if text[0] == "b"] == [f"b{n}" for n in range(5)]
    assert texts[1][0] == "b", "contacts go side by side"


async def test_a_target_gets_only_the_events_it_wants(
    sandbox: RunningSandbox, receiver: Receiver, control: httpx.AsyncClient
) -> None:
    wanted = {"url": receiver.url, "events": ["conversation.closed"]}
    target = (await control.post("/webhooks", json=wanted)).json()
    assert target["signed"] is False
    sandbox.say(1, "halo")
    sandbox.close(1)
    await receiver.wait_until(1)
    await sandbox.state.webhooks.settled()
    assert [body["event_type"] for body in receiver.bodies] == ["conversation.closed"]
    assert "x-webhook-signature" not in receiver.taken[0][0]
    await control.delete(f"/webhooks/{target['id']}")
    assert (await control.get("/webhooks")).json()["items"] == []


@pytest.mark.parametrize(
    "body", [{"url": "ftp://x"}, {}, {"url": "http://x", "events": ["nothing"]}, {"url": "http://x", "events": []}]
)
async def test_a_wrong_target_is_refused(control: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await control.post("/webhooks", json=body)).status_code == 400


async def test_a_workspace_has_at_most_35_targets(sandbox: RunningSandbox, control: httpx.AsyncClient) -> None:
    for _ in range(35):
        sandbox.send_webhooks_to("http://127.0.0.1:1/", "")
    refused = await control.post("/webhooks", json={"url": "http://127.0.0.1:1/"})
    assert "35" in refused.json()["message"]


async def test_a_delivery_can_be_repeated_by_hand(
    sandbox: RunningSandbox, listening: Receiver, control: httpx.AsyncClient
) -> None:
    sandbox.say(1, "halo")
    await listening.wait_until(2)
    await sandbox.state.webhooks.settled()
    first = min(sandbox.state.webhooks.deliveries)
    await control.post(f"/deliveries/{first}/redeliver")
    await listening.wait_until(3)
    assert listening.taken[2][1] == listening.taken[0][1]
    assert (await control.post("/deliveries/999999/redeliver")).status_code == 404


def test_the_wait_doubles_up_to_a_minute() -> None:
    rule = RetryRule(10, timedelta(seconds=1), timedelta(seconds=5))
    assert [rule.wait(tried) for tried in (1, 2, 3, 6, 7, 50)] == [1, 2, 4, 32, 60, 60]
