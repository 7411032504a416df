"""A webhook comes in, a right answer goes out."""

import asyncio
import json
from pathlib import Path

import httpx

from tests.acceptance.world import SECRET, World, signed, world
from tests.processes import fresh


async def test_a_message_is_answered_through_the_model(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.begin = fresh
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "harga kopi susu berapa?")
        assert await here.texts(budi) == ["Jawaban untuk: harga kopi susu berapa?"]
        assert await here.stop() == 0


async def test_a_fact_that_stands_only_in_a_document_reaches_the_model_and_the_answer(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "parkir.md").write_text("# Parkir\n\nTarif parkir motor di kedai adalah Rp 3.750 per jam.\n")
    async with world(tmp_path, knowledge={"sources": [{"path": "docs/**/*.md"}]}) as here:
        here.model.answer = lambda asked: "Rp 3.750" if "3.750" in asked.context else "tidak tahu"
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "tarif parkir motor berapa?")
        assert await here.texts(budi) == ["Rp 3.750"]


async def test_the_offline_model_answers_from_a_document_without_any_server(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "parkir.md").write_text("# Parkir\n\nTarif parkir motor di kedai adalah Rp 3.750 per jam.\n")
    async with world(tmp_path, model={"name": "offline"}, knowledge={"sources": [{"path": "docs/*.md"}]}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "tarif parkir motor berapa?")
        (reply,) = await here.texts(budi)
        assert "3.750" in reply
        assert here.model.asked == []


async def test_three_quick_messages_get_one_reply_from_one_model_call(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        for text in ("halo", "mau tanya", "harga kopi susu berapa?"):
            here.sandbox.say(budi, text)
            await asyncio.sleep(0.2)
        (reply,) = await here.texts(budi)
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 1
        assert all(text in reply for text in ("halo", "mau tanya", "harga kopi susu berapa?"))
        assert len(here.model.asked) == 1


async def test_a_redelivered_webhook_is_answered_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.model.delay = 0.3
        await here.start()
        body = webhook(here, "buka jam berapa?")
        async with httpx.AsyncClient() as client:
            answers = await asyncio.gather(*(post(client, here, body) for _ in range(5)))
            later = await post(client, here, body)
        assert [answer.status_code for answer in answers] == [200] * 5
        assert sorted(answer.json().get("duplicate", False) for answer in answers) == [False, True, True, True, True]
        assert later.json() == {"accepted": True, "duplicate": True}
        await here.texts(here.sandbox.phone("+6281234567802"))
        await here.settled(2)
        assert len(here.sandbox.sent()) == 1
        assert len(here.model.asked) == 1


async def test_what_is_not_signed_or_not_json_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        good = webhook(here, "halo?")
        async with httpx.AsyncClient() as client:
            unsigned = await client.post(f"{here.url}/webhooks/aelyst", content=good)
            wrong = await post(client, here, good, secret="another")
            broken = await post(client, here, b"{not json")
            not_utf8 = await post(client, here, b"\xff\xfe{}")
            a_list = await post(client, here, b"[1, 2]")
            large = await post(client, here, b" " * (1024 * 1024 + 1))
            nobody = await client.post(f"{here.url}/webhooks/telegram", content=good)
        statuses = [answer.status_code for answer in (unsigned, wrong, broken, not_utf8, a_list, large, nobody)]
        assert statuses == [401, 401, 400, 400, 400, 413, 404]
        await here.settled(0.5)
        assert here.model.asked == []


async def test_an_event_that_needs_no_answer_is_accepted(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        body = json.dumps(
            {"event_type": "call.ended", "event_id": "x", "contact": {"id": 1, "firstName": "Budi"}}
        ).encode()
        async with httpx.AsyncClient() as client:
            answer = await post(client, here, body)
        assert (answer.status_code, answer.json()) == (200, {"accepted": True})


async def test_the_model_failing_for_a_while_only_delays_the_reply(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.model.failures = [500, 429]
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        assert await here.texts(budi) == ["Jawaban untuk: buka jam berapa?"]


async def test_the_model_failing_for_good_leads_to_the_text_and_a_handover(tmp_path: Path) -> None:
    conversation = {"on_failure": "Maaf, ada kendala.", "handover": {"assign_to": "1"}}
    async with world(tmp_path, conversation=conversation, limits={"seconds": 4}) as here:
        here.model.broken = 500
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        assert await here.texts(budi) == ["Maaf, ada kendala."]
        here.model.broken = None
        here.sandbox.say(budi, "masih di situ?")
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 1, "a human has the conversation now"


async def test_a_failing_model_is_given_up_while_the_turn_has_time_left(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"on_failure": "Maaf, ada kendala."}, limits={"seconds": 6}) as here:
        here.model.broken = 500
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        await here.texts(budi)
        reason = "".join(line for line in here.log if "turn_gave_up" in line)
        assert "the model's server answered 500" in reason, (
            "the failure itself is the reason, not the end of the turn's time"
        )


def webhook(here: World, text: str) -> bytes:
    return json.dumps(
        {
            "event_type": "message.received",
            "event_id": "1",
            "contact": {"id": here.sandbox.phone("+6281234567802").id, "firstName": "Budi", "phone": "+6281234567802"},
            "message": {
                "messageId": 1726740558441000,
                "channelMessageId": "wamid.1",
                "contactId": 1,
                "channelId": 1,
                "traffic": "incoming",
                "timestamp": 1726740558441,
                "message": {"type": "text", "text": text},
            },
            "channel": {
                "id": 1,
                "name": "WhatsApp",
                "source": "whatsapp_cloud",
                "meta": "{}",
                "created_at": 1701403960,
            },
        }
    ).encode()


async def post(client: httpx.AsyncClient, here: World, body: bytes, secret: str = SECRET) -> httpx.Response:
    return await client.post(f"{here.url}/webhooks/aelyst", content=body, headers=signed(body, secret))
