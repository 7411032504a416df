"""A human takes over: because the customer asks, an action wants it, something failed, or the budget is used up."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.acceptance.desk import comments, noted, seen
from tests.acceptance.shop import shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import world
from tests.actions.qris.codes import STATIC

LOOPBACK = {"allow_private": ["127.0.0.1"]}
TEXT = "Sebentar, tim kami segera membalas."
HANDOVER = {"handover": {"text": TEXT, "assign_to": "2"}}
OUTPUT_ONLY = {"input": 1, "output": 10_000}
"""The stub's call, 100 tokens read and 10 written, costs 0.1001, and the estimate before a call next to nothing."""


@pytest.mark.parametrize(
    "words", ["mau ngomong sama admin dong", "can I talk to a human?", "saya nak cakap dengan orang"]
)
async def test_who_asks_for_a_human_gets_one_even_from_a_model_that_does_not_listen(tmp_path: Path, words: str) -> None:
    async with world(tmp_path, conversation=HANDOVER) as here:
        here.model.answer = lambda _asked: "Boleh, ada yang bisa saya bantu dulu?"
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, words)
        assert await here.texts(budi) == [TEXT]
        note = await noted(here, budi)
        assert words in note
        for text in ("halo?", "masih lama ya?"):
            here.sandbox.say(budi, text)
            await here.settled(1)
        assert len(here.sandbox.sent(budi)) == 1, "told once, however often the customer writes while waiting"
        assert len(comments(here, budi)) == 1
        contact = seen(here, budi)
        assert contact.assignee == 2
        assert contact.conversation is not None


async def test_who_only_speaks_of_people_is_answered(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=HANDOVER) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "saya mau ngobrol dulu sama orang tua saya, buka sampai jam berapa?")
        (reply,) = await here.texts(budi)
        assert reply.startswith("Jawaban untuk:")
        await here.settled(0.5)
        assert comments(here, budi) == []


async def test_a_handover_by_the_model_keeps_its_words_and_its_summary(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.results:
            return "Saya sambungkan ke tim kami ya, Kak."
        return {"call": "hand_over", "arguments": {"reason": "keluhan", "summary": "Gelas pecah saat sampai"}}

    async with world(tmp_path, conversation=HANDOVER) as here:
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "gelasnya pecah semua!")
        assert await here.texts(budi) == ["Saya sambungkan ke tim kami ya, Kak."]
        note = await noted(here, budi)
        assert "keluhan" in note
        assert "Gelas pecah saat sampai" in note
        assert "gelasnya pecah semua!" in note


async def test_a_handover_in_words_without_the_act_becomes_one(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=HANDOVER) as here:
        here.model.answer = lambda _asked: "Baik Kak, saya sambungkan ke tim kami ya."
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "gelasnya pecah semua!")
        assert await here.texts(budi) == [TEXT]
        assert len(here.model.asked) == 2, "it was given one chance to do what it says"
        assert "sambungkan ke tim" in await noted(here, budi)
        assert seen(here, budi).assignee == 2


async def test_the_note_says_what_was_done_and_what_is_still_to_be_paid(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.results:
            return "Baik Kak."
        if "bayar" in asked.question:
            return {"call": "send_qris", "arguments": {"amount": 50000}}
        return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}

    async with (
        shop() as store,
        world(
            tmp_path,
            actions=store.actions(),
            network=LOOPBACK,
            conversation=HANDOVER,
            payments={"qris": {"payload": STATIC}},
        ) as here,
    ):
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "batalkan KS-10234")
        await here.texts(budi)
        asked = here.sandbox.say(budi, "mau bayar 50rb")
        await here.texts(budi, after=asked, count=2)
        asked = here.sandbox.say(budi, "tolong sambungkan ke admin")
        await here.texts(budi, after=asked)
        note = await noted(here, budi)
        assert "cancel_order(order_id=KS-10234)" in note
        assert "Rp50.000" in note
        assert "QR-" in note
        assert "WIB" in note
        assert "batalkan KS-10234" in note
        assert len(note) <= 1000


async def test_an_unknown_outcome_is_pointed_out_to_colleagues(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if not asked.results:
            return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
        return "Maaf Kak, hasilnya belum pasti."

    request = {"method": "POST", "timeout": "1s", "retries": 0}
    async with shop() as store, world(tmp_path, network=LOOPBACK, conversation=HANDOVER) as here:
        request["url"] = f"{store.url}/orders/{{order_id}}/cancel"
        here.config["actions"] = store.actions(request=request)
        store.delay = 3
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "batalkan KS-10234")
        (reply,) = await here.texts(budi)
        assert TEXT in reply, "whatever the model says of it, the customer learns that a human comes"
        note = await noted(here, budi)
        assert "TIDAK PASTI" in note
        assert "cancel_order(order_id=KS-10234)" in note


async def test_a_failing_model_is_a_handover_that_says_why(tmp_path: Path) -> None:
    conversation = {**HANDOVER, "on_failure": "Maaf, ada kendala."}
    async with world(tmp_path, conversation=conversation, limits={"seconds": 6}) as here:
        here.model.broken = 500
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        assert await here.texts(budi) == ["Maaf, ada kendala."]
        note = await noted(here, budi)
        assert "500" in note
        assert "buka jam berapa?" in note


async def test_answers_used_up_for_the_day_are_a_handover_and_then_silence(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=HANDOVER, limits={"turns_per_contact_per_day": 2}) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        asked = here.sandbox.say(budi, "satu?")
        await here.texts(budi)
        for text in ("dua?", "tiga?"):
            asked = here.sandbox.say(budi, text)
            await here.texts(budi, after=asked)
        assert (await here.texts(budi, count=3))[-1] == TEXT
        assert "turns_per_contact_per_day" in await noted(here, budi)
        here.sandbox.say(budi, "empat?")
        await here.settled()
        assert len(here.sandbox.sent(budi)) == 3


async def test_dollars_used_up_for_the_day_are_a_handover_of_everybody_and_then_silence(tmp_path: Path) -> None:
    limits = {"usd_per_day": 0.2, "usd_per_contact_per_day": 0.2}
    async with world(tmp_path, conversation=HANDOVER, limits=limits) as here:
        here.config["model"]["price"] = OUTPUT_ONLY
        await here.start()
        budi, sari = (here.sandbox.phone(number) for number in ("+6281234567802", "+6281234567803"))
        for person in (budi, sari):
            here.sandbox.say(person, "buka jam berapa?")
            await here.texts(person)
        for person in (budi, sari):
            asked = here.sandbox.say(person, "kalau besok?")
            assert await here.texts(person, after=asked) == [TEXT]
            here.sandbox.say(person, "halo?")
        assert "usd_per_day" in await noted(here, sari)
        await here.settled()
        assert len(here.sandbox.sent()) == 4
        assert len(here.model.asked) == 2


async def test_dollars_that_do_not_hold_one_call_are_a_handover_without_a_call(tmp_path: Path) -> None:
    conversation = {**HANDOVER, "on_failure": "Maaf, ada kendala."}
    async with world(tmp_path, conversation=conversation, limits={"usd_per_day": 0.2}) as here:
        here.config["model"]["price"] = {"input": 100_000, "output": 0}
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        assert await here.texts(budi) == [TEXT]
        assert "would be exceeded" in await noted(here, budi)
        assert here.model.asked == []


async def test_a_turn_that_still_runs_counts_towards_the_dollars_of_the_day(tmp_path: Path) -> None:
    def closing(asked: Asked) -> bool:
        return "This turn has reached its limit" in asked.last

    def answer(asked: Asked) -> Answer:
        return "Sebentar ya." if closing(asked) else {"call": "get_order", "arguments": {"order_id": "KS-10234"}}

    async with (
        shop() as store,
        world(
            tmp_path,
            conversation=HANDOVER,
            limits={"usd_per_day": 0.1, "usd_per_contact_per_day": 0.1},
            actions=store.actions(),
            network=LOOPBACK,
        ) as here,
    ):
        here.config["model"]["price"] = OUTPUT_ONLY
        here.model.answer = answer
        here.model.slow = lambda asked: 15.0 if closing(asked) else 0.0
        await here.start()
        budi, sari = (here.sandbox.phone(number) for number in ("+6281234567802", "+6281234567803"))
        here.sandbox.say(budi, "cek pesanan KS-10234")
        async with asyncio.timeout(90):
            while len(here.model.asked) < 2:
                await asyncio.sleep(0.02)
        here.sandbox.say(sari, "buka jam berapa?")
        assert await here.texts(sari, within=60) == [TEXT], "the other turn has paid for its first call"
        assert here.sandbox.sent(budi) == []
        assert await here.texts(budi) == ["Sebentar ya."], "what has begun is finished"
        spent = json.loads(await here.command("ledger", "show", "+6281234567802", "--json"))[0]["turns"]
        assert spent[-1]["cost"] == pytest.approx(0.2002), "and counted once"


async def test_words_before_the_assignment_still_reach_the_customer(tmp_path: Path) -> None:
    """The platform reports our own assignment as any other; the words of the handover may still be on their way then."""
    async with world(tmp_path, conversation=HANDOVER) as here:
        here.sandbox.fault("rate_limited", times=2, seconds=1, only="sends")
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "mau bicara dengan admin")
        assert await here.texts(budi) == [TEXT]
        assert seen(here, budi).assignee == 2
