"""A human speaks: the agent is silent at once, knows afterwards what was said, and comes back as configured."""

import json
from pathlib import Path

import httpx
import pytest

from messaging.sandbox.records import Contact
from tests.acceptance.desk import comments, noted, seen, write
from tests.acceptance.flow import until
from tests.acceptance.shop import shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, signed, world

LOOPBACK = {"allow_private": ["127.0.0.1"]}
LONG = "Baris pertama yang panjang sekali. " * 700  # six messages


async def _answered(here: World, contact: Contact, *left: str) -> None:
    """A question is answered, and with it what a human has `left` unanswered."""
    asked = here.sandbox.say(contact, "halo, buka jam berapa?")
    both = "\n".join((*left, "halo, buka jam berapa?"))
    assert await here.texts(contact, after=asked) == [f"Jawaban untuk: {both}"]


async def test_a_human_who_writes_while_the_model_thinks_is_not_talked_over(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        async with here.model.held():
            here.sandbox.say(budi, "pesanan saya di mana?")
            await here.model.working()
            await write(here, budi, "Halo, saya Rina, saya bantu ya.")
        await here.settled(2.5)
        assert here.sandbox.sent(budi) == []


async def test_a_human_who_writes_between_the_parts_of_an_answer_stops_the_rest(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.model.answer = lambda asked: LONG if "panjang" in asked.question else "singkat"
        here.sandbox.fault("slow", seconds=1, only="sends")
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "ceritakan yang panjang?")
        await here.texts(budi)
        await write(here, budi, "Saya bantu ya.")
        await here.settled(1.5)
        already = len(here.sandbox.sent(budi))
        assert already <= 4, "what was on its way when the human wrote, and no more"
        await here.settled(3)
        assert len(here.sandbox.sent(budi)) == already


async def test_a_reply_that_waits_for_the_platform_is_never_sent_after_a_humans(tmp_path: Path) -> None:
    """Not even when the conversation was given back before the platform took messages again."""
    async with world(tmp_path) as here:
        here.sandbox.fault("rate_limited", times=1, seconds=3, only="sends")
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        await until(lambda: any("delivery_postponed" in line for line in here.log), here)
        here.sandbox.reply_as_human(budi, "Buka jam 8, Kak.")
        here.sandbox.close(budi)
        await here.settled(4.5)
        assert here.sandbox.sent(budi) == []
        asked = here.sandbox.say(budi, "kalau besok?")
        await here.texts(budi, after=asked)
        said = [message["content"] for message in here.model.asked[-1].messages]
        assert not any("Jawaban untuk: buka jam berapa?" in str(text) for text in said), "it was never said"


async def test_what_was_said_meanwhile_is_known_when_the_agent_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        await _answered(here, budi)
        await write(here, budi, "Saya kirim kopi gratis ya.")
        here.sandbox.say(budi, "wah terima kasih")
        await here.settled(1.5)
        await write(here, budi, "Sampai besok.")
        await here.settled(0.3)
        assert len(here.model.asked) == 1
        here.sandbox.close(budi)
        asked = here.sandbox.say(budi, "tadi dijanjikan apa ya?")
        await here.texts(budi, after=asked)
        said = here.model.asked[-1].conversation
        assert len(said) == 6
        assert "Saya kirim kopi gratis ya." in said[2]
        assert said[3] == "wah terima kasih"
        assert "Sampai besok." in said[4]
        assert said[5] == "tadi dijanjikan apa ya?"


@pytest.mark.parametrize("given_back", ["unassigned", "closed"])
async def test_it_comes_back_when_the_conversation_is_given_back(tmp_path: Path, given_back: str) -> None:
    handover = {"resume_after": None}
    async with world(tmp_path, conversation={"handover": handover}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.assign(budi, 2)
        here.sandbox.say(budi, "pesanan saya di mana?")
        await here.settled()
        assert here.sandbox.sent(budi) == []
        if given_back == "unassigned":
            here.sandbox.unassign(budi)
        else:
            here.sandbox.close(budi)
        await here.settled(0.5)
        await _answered(here, budi, *(["pesanan saya di mana?"] if given_back == "unassigned" else []))


async def test_it_comes_back_only_as_configured(tmp_path: Path) -> None:
    handover = {"resume_after": None, "resume_on": ["unassigned"]}
    async with world(tmp_path, conversation={"handover": handover}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        await _answered(here, budi)
        await write(here, budi, "Saya bantu ya.")
        here.sandbox.close(budi)
        await here.settled(0.3)
        here.sandbox.say(budi, "pesanan saya di mana?")
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 1, "closing gives nothing back here"
        here.sandbox.assign(budi, 2)
        here.sandbox.unassign(budi)
        await here.settled(0.5)
        await _answered(here, budi, "pesanan saya di mana?")


async def test_it_comes_back_by_itself_after_the_configured_time(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"handover": {"resume_after": "3s"}}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        await _answered(here, budi)
        await write(here, budi, "Saya bantu ya.")
        here.sandbox.say(budi, "oke ditunggu?")
        await here.settled(1)
        assert len(here.sandbox.sent(budi)) == 1
        await here.settled(2.5)
        await _answered(here, budi)


async def test_where_every_conversation_is_assigned_only_words_silence_the_agent(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"handover": {"assigned": "answer"}}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.assign(budi, 2)
        await _answered(here, budi)
        await write(here, budi, "Saya bantu ya.")
        here.sandbox.say(budi, "pesanan saya di mana?")
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 1


@pytest.mark.parametrize("source", ["api", "workflow", "broadcast", "ai_agent"])
async def test_machines_are_no_humans(tmp_path: Path, source: str) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        body = _sent_by(budi, source)
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{here.url}/webhooks/aelyst", content=body, headers=signed(body))
        assert answer.status_code == 200
        await _answered(here, budi)


async def test_the_echo_of_each_reply_lets_the_agent_go_on(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        for _ in range(3):
            await _answered(here, budi)
            await here.settled(0.3)
        echoed = [each for each in here.sandbox.state.webhooks.deliveries.values() if each.event_type == "message.sent"]
        assert len(echoed) == 3


async def test_a_reopened_conversation_is_a_new_one(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if "batalkan" in asked.question and not asked.results:
            return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
        return "Halo lagi!"

    async with (
        shop() as store,
        world(tmp_path, actions=store.actions(confirm="Batalkan pesanan {order_id}?"), network=LOOPBACK) as here,
    ):
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "batalkan KS-10234")
        assert await here.texts(budi) == ["Batalkan pesanan KS-10234?"]
        here.sandbox.close(budi, 2)
        await here.settled(0.5)
        here.sandbox.reopen(budi)
        asked = here.sandbox.say(budi, "iya")
        assert await here.texts(budi, after=asked) == ["Halo lagi!"]
        assert store.cancelled == {}, "the question was of the conversation that is over"
        assert "was closed" in here.model.asked[-1].context
        assert "was closed" not in here.model.asked[0].context


async def test_colleagues_learn_what_was_done_although_its_answer_was_not_sent(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if not asked.results:
            return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
        return "Pesanan sudah saya batalkan."

    async with shop() as store, world(tmp_path, actions=store.actions(), network=LOOPBACK) as here:
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        async with here.model.held() as free:
            here.sandbox.say(budi, "batalkan KS-10234")
            await here.model.working()
            free.set()
            free.clear()  # only the first request goes on
            await until(lambda: store.cancelled, here)
            await write(here, budi, "Saya Rina, saya cek dulu ya.")
        note = await noted(here, budi)
        assert "cancel_order(order_id=KS-10234)" in note
        assert here.sandbox.sent(budi) == []
        assert len(comments(here, budi)) == 1
        assert seen(here, budi).assignee is None


def _sent_by(contact: Contact, source: str) -> bytes:
    return json.dumps(
        {
            "event_type": "message.sent",
            "event_id": "9",
            "contact": {"id": contact.id, "firstName": "Budi", "phone": contact.phone},
            "message": {
                "messageId": 1726740558441001,
                "contactId": contact.id,
                "channelId": 1,
                "traffic": "outgoing",
                "timestamp": 1726740558441,
                "message": {"type": "text", "text": "Promo hari ini!"},
            },
            "channel": {"id": 1, "name": "WhatsApp", "source": "whatsapp_cloud"},
            "user": None,
            "sender": {"type": "message", "source": source, "teamId": None, "userId": None},
        }
    ).encode()
