"""The platform misbehaves, customers write at the wrong moment: the same reply, once, in order."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from messaging.sandbox.faults import FaultName
from messaging.sandbox.records import Contact
from tests.acceptance.flow import rows, until
from tests.acceptance.shop import shop
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.world import World, world
from tests.actions.qris.codes import STATIC

LOOPBACK = {"allow_private": ["127.0.0.1"]}


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("rate_limited", {"times": 2, "seconds": 1, "only": "sends"}),
        ("queued", {"times": 1}),
        ("server_error", {"times": 2, "only": "sends"}),
        ("drop_answer", {"times": 1, "seconds": 0.1}),
        ("duplicate_webhooks", {}),
        ("slow", {"seconds": 1, "only": "sends"}),
    ],
)
async def test_a_platform_in_trouble_gets_the_same_reply_later_and_once(
    tmp_path: Path, fault: FaultName, settings: dict[str, object]
) -> None:
    async with world(tmp_path) as here:
        await here.start()
        here.sandbox.fault(fault, **settings)
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        assert await here.texts(budi, within=60) == ["Jawaban untuk: buka jam berapa?"]
        await here.settled(3)
        assert len(here.sandbox.sent(budi)) == 1
        assert len(here.model.asked) == 1


async def test_a_platform_that_times_out_after_sending_is_asked_before_sending_again(tmp_path: Path) -> None:
    messaging = {"timeout": "1s"}
    async with world(tmp_path) as here:
        here.config["messaging"] |= messaging
        here.sandbox.fault("drop_answer", times=1, seconds=5)
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "buka jam berapa?")
        await here.texts(budi)
        await here.settled(6)
        assert len(here.sandbox.sent(budi)) == 1
        assert any("delivery_found" in line for line in here.log)


async def test_what_the_platform_lists_in_its_own_words_is_still_found(tmp_path: Path) -> None:
    payments = {"qris": {"payload": STATIC}}
    async with world(tmp_path, model={"name": "offline"}, payments=payments) as here:
        here.config["messaging"] |= {"timeout": "1s"}
        here.sandbox.fault("drop_answer", times=2, seconds=3)
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "bayar 50rb")
        image = await _rewritten(here, budi, 0)
        caption = await _rewritten(here, budi, 1)
        async with asyncio.timeout(90):
            while sum("delivery_found" in line for line in here.log) < 2:
                await asyncio.sleep(0.05)
        await here.settled(3)
        assert [message.id for message in here.sandbox.sent(budi)] == [image, caption]


async def _rewritten(here: World, contact: Contact, position: int) -> int:
    """Wait for the message at a position, and let the platform list it as platforms do: trimmed, the file under its own address."""
    async with asyncio.timeout(90):
        while len(here.sandbox.sent(contact)) <= position:
            await asyncio.sleep(0.01)
    message = here.sandbox.sent(contact)[position]
    content = dict(message.content)
    if "text" in content:
        content["text"] = " ".join(str(content["text"]).split())
    else:
        attachment = dict(content["attachment"])
        name = attachment["url"].rpartition("/")[2]
        content["attachment"] = attachment | {"url": f"https://cdn.example/2026/{name}.png?signature=1"}
    here.sandbox.state.messages.keep(replace(message, content=content))
    return message.id


async def test_a_question_that_lands_while_the_model_thinks_is_answered_with_the_first(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        async with here.model.held():
            here.sandbox.say(budi, "buka jam berapa?")
            await here.model.working()
            here.sandbox.say(budi, "dan di mana lokasinya?")
            await _accepted(here, 2)
        (reply,) = await here.texts(budi)
        await here.settled(2.5)
        assert len(here.sandbox.sent(budi)) == 1
        assert "buka jam berapa?" in reply
        assert "dan di mana lokasinya?" in reply


async def test_a_change_of_mind_while_the_model_thinks_comes_before_any_effect(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if "jangan" not in "".join(asked.conversation) and not asked.results:
            return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
        return "Baik Kak, tidak jadi." if not asked.results else _cancelled(asked)

    async with shop() as store, world(tmp_path, actions=store.actions(), network=LOOPBACK) as here:
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        async with here.model.held():
            here.sandbox.say(budi, "batalkan KS-10234")
            await here.model.working()
            here.sandbox.say(budi, "eh jangan jadi dibatalkan ya")
            await _accepted(here, 2)
        (reply,) = await here.texts(budi)
        await here.settled(2.5)
        assert reply == "Baik Kak, tidak jadi."
        assert len(here.sandbox.sent(budi)) == 1
        assert store.cancelled == {}


async def _accepted(here: World, messages: int) -> None:
    """Wait until the ledger holds so many messages of customers."""
    await until(lambda: rows(here, "SELECT count(*) FROM inbound")[0][0] == messages, here)


def _cancelled(asked: Asked) -> str:
    return "Pesanan KS-10234 sudah dibatalkan." if "dibatalkan" in " ".join(asked.results) else "Baik."


async def test_what_lands_after_an_effect_is_answered_by_the_next_turn(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if "KS-10234" in asked.question and not asked.results:
            return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
        return f"[{asked.question}] {_cancelled(asked)}"

    async with shop() as store, world(tmp_path, actions=store.actions(), network=LOOPBACK) as here:
        store.delay = 1.0
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "batalkan KS-10234")
        await until(lambda: store.calls, here)
        here.sandbox.say(budi, "buka jam berapa?")
        first, second = await here.texts(budi, count=2)
        assert "dibatalkan" in first
        assert "buka jam berapa?" in second
        assert store.cancelled == {"KS-10234": 1}


async def test_an_effect_that_needs_a_yes_waits_for_it_even_over_a_restart(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if not asked.results and "KS-10234" in asked.question:
            return {"call": "cancel_order", "arguments": {"order_id": "KS-10234"}}
        return _cancelled(asked)

    actions_with_question = {"confirm": "Batalkan pesanan {order_id}?"}
    async with (
        shop() as store,
        world(tmp_path, actions=store.actions(**actions_with_question), network=LOOPBACK) as here,
    ):
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        asked = here.sandbox.say(budi, "batalkan KS-10234")
        assert await here.texts(budi) == ["Batalkan pesanan KS-10234?"]
        assert store.cancelled == {}
        await here.kill()
        await here.start()
        asked = here.sandbox.say(budi, "iya")
        (reply,) = await here.texts(budi, after=asked)
        assert "dibatalkan" in reply
        assert store.cancelled == {"KS-10234": 1}
        again = here.sandbox.say(budi, "iya")
        await here.texts(budi, after=again)
        assert store.cancelled == {"KS-10234": 1}


async def test_an_id_that_nobody_mentioned_is_not_sent_to_the_shop(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if not asked.results:
            return {"call": "get_order", "arguments": {"order_id": "KS-99999"}}
        return "Boleh minta nomor pesanannya?"

    async with shop() as store, world(tmp_path, actions=store.actions(), network=LOOPBACK) as here:
        here.model.answer = answer
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "pesanan saya sudah sampai mana?")
        assert await here.texts(budi) == ["Boleh minta nomor pesanannya?"]
        assert store.calls == []


async def test_a_claim_without_a_receipt_is_never_sent(tmp_path: Path) -> None:
    async with shop() as store, world(tmp_path, actions=store.actions(), network=LOOPBACK) as here:
        here.model.answer = lambda _asked: "Baik Kak, pesanan KS-10234 sudah saya batalkan."
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "batalkan KS-10234")
        (reply,) = await here.texts(budi)
        assert "batalkan" not in reply
        assert store.cancelled == {}
        assert len(here.model.asked) == 2, "it was given one chance to put it right"


async def test_a_model_that_only_repeats_a_call_is_answered_from_memory_until_the_limit(tmp_path: Path) -> None:
    async with shop() as store, world(tmp_path, actions=store.actions(), network=LOOPBACK) as here:
        here.model.answer = lambda _asked: {"call": "get_order", "arguments": {"order_id": "KS-10234"}}
        await here.start()
        budi = here.sandbox.phone("+6281234567802")
        here.sandbox.say(budi, "pesanan KS-10234 di mana?")
        await here.texts(budi)
        assert len(store.calls) == 1
        assert len(here.model.asked) <= 8 + 3, "limits.model_calls, then one last answer, asked for three times"


async def test_five_hundred_webhooks_at_once_are_all_answered_once(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        await here.start()
        people = [here.sandbox.phone(f"+628120000{n:04d}") for n in range(500)]
        for person in people:
            here.sandbox.say(person, f"pertanyaan {person.id} berapa?")
        async with asyncio.timeout(120):
            while len(here.sandbox.sent()) < 500:
                await asyncio.sleep(0.2)
        await here.settled(1)
        assert sorted(message.contact for message in here.sandbox.sent()) == sorted(person.id for person in people)
