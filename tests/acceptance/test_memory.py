"""What the agent remembers of a customer, and what it forgets, across processes."""

import asyncio
import json
import random
from pathlib import Path

import httpx

from agent.ledger import memory
from agent.ledger.sqlite import SqliteDatabase
from messaging.types import ContactKey
from tests.acceptance.stub_model import Answer, Asked
from tests.acceptance.test_main_road import post, webhook
from tests.acceptance.world import World, world

QUICK = {"finished": "0s", "unfinished": "0s", "longest": "0s"}


def _is_summary(asked: Asked) -> bool:
    return "You keep the notes" in asked.system


async def _chat(here: World, texts: list[str], after: int = 0) -> None:
    """One message after the other, each answered before the next."""
    budi = here.sandbox.phone("+6281234567802")
    for n, text in enumerate(texts, after + 1):
        here.sandbox.say(budi, text)
        await here.texts(budi, count=n)


def _different(count: int) -> list[str]:
    """Questions that differ as those of people do: much the same again and again is answered ever more slowly."""
    letters = random.Random(1)
    words = ["".join(letters.choices("abdegiklmnoprstu", k=20)) for _ in range(count)]
    return [f"pertanyaan nomor {n}? {word}" for n, word in enumerate(words, 1)]


async def _summary(here: World) -> memory.Summary | None:
    database = SqliteDatabase(here.folder / ".balas" / "balas.db")
    try:
        key = ContactKey("aelyst", str(here.sandbox.phone("+6281234567802").id))
        return await database.read(lambda connection: memory.load(connection, key))
    finally:
        await database.aclose()


async def test_a_long_conversation_is_summarised_beside_it_and_seldom(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"history": 20, "quiet_window": QUICK}) as here:
        notes = "Pelanggan bertanya nomor 1 & KS-10345. <b>"
        here.model.answer = lambda asked: notes if _is_summary(asked) else f"Jawaban untuk: {asked.question}"
        await here.start()
        await _chat(here, _different(30))  # sixty messages
        for _ in range(100):
            found = await _summary(here)
            if found is not None and found.upto >= 40:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("there is no such summary:\n" + "\n".join(here.log[-25:]))
        await here.stop()
        asked = [each for each in here.model.asked if _is_summary(each)]
        assert 2 <= len(asked) <= 4  # at 22, 32, 42 and 52 messages unless one still runs, not on every turn
        assert "customer: pertanyaan nomor 1?" in asked[0].last
        assert "Pelanggan bertanya nomor 1 &amp; KS-10345. &lt;b&gt;" in asked[1].last
        turns = [each for each in here.model.asked if not _is_summary(each)]
        assert "<earlier>" not in turns[10].context
        assert "<earlier>\nPelanggan bertanya nomor 1 &amp; KS-10345. &lt;b&gt;\n</earlier>" in turns[-1].context
        assert sum("pertanyaan nomor" in str(each["content"]) for each in turns[-1].messages[1:]) <= 21


async def test_a_summary_cut_short_by_a_kill_costs_no_reply_and_is_made_up_for(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"history": 6, "quiet_window": QUICK}) as here:

        def answer(asked: Asked) -> Answer:
            return "catatan" if _is_summary(asked) else f"Jawaban untuk: {asked.question}"

        here.model.answer = answer
        await here.start()
        await _chat(here, [f"pertanyaan nomor {n}?" for n in range(1, 4)])
        here.model.slow = lambda asked: 30.0 if _is_summary(asked) else 0.0
        await _chat(here, ["pertanyaan nomor 4?"], after=3)
        async with asyncio.timeout(60):
            while not any(map(_is_summary, here.model.asked)):
                await asyncio.sleep(0.05)
        await here.kill()
        here.model.slow = lambda _asked: 0.0
        await here.start()
        await _chat(here, [f"pertanyaan nomor {n}?" for n in range(5, 9)], after=4)
        for _ in range(100):
            if (found := await _summary(here)) is not None:
                break
            await asyncio.sleep(0.1)
        assert found is not None, "\n".join(here.log[-25:])
        lasting = [each.last for each in here.model.asked if _is_summary(each)]
        assert "pertanyaan nomor 1?" in lasting[0]
        assert "pertanyaan nomor 1?" in lasting[1]  # the lost part is in the next one
        await here.stop()


async def test_what_was_written_long_ago_still_proves_where_an_argument_comes_from(tmp_path: Path) -> None:
    remember = {"builtin": "remember"}
    async with world(tmp_path, conversation={"history": 4, "quiet_window": QUICK}, actions=[remember]) as here:
        results: list[str] = []

        def answer(asked: Asked) -> Answer:
            if _is_summary(asked):
                return "catatan"
            if asked.question != "ingat namaku" or asked.results:
                results.extend(asked.results)
                return "Baik, Kak."
            values = [{"key": "name", "value": "Budi Santoso"}, {"key": "address", "value": "Jl. Karangan 99"}]
            fact = values[sum(bool(each.results) for each in here.model.asked)]
            return {"call": "remember", "arguments": {"facts": [fact]}}

        here.model.answer = answer
        await here.start()
        await _chat(here, ["namaku Budi Santoso", "halo 2?", "halo 3?", "halo 4?", "ingat namaku"])
        assert "Will be remembered" in str(results[-1])
        await _chat(here, ["ingat namaku"], after=5)
        assert "never mentioned" in str(results[-1])
        await _chat(here, ["siapa aku?"], after=6)
        last = [asked for asked in here.model.asked if not _is_summary(asked)][-1]
        assert "<remembered>\nname: Budi Santoso\n</remembered>" in last.context
        budi = here.sandbox.phone("+6281234567802")
        (shown,) = json.loads(await here.command("contact", "show", str(budi.id), "--json"))
        (fact,) = shown["facts"]
        assert (fact["key"], fact["value"], fact["message"]) == ("name", "Budi Santoso", 1)
        await here.stop()


async def test_a_forgotten_customer_is_not_answered_again_by_an_old_webhook(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}) as here:
        await here.start()
        body = webhook(here, "buka jam berapa?")
        async with httpx.AsyncClient() as client:
            await post(client, here, body)
            budi = here.sandbox.phone("+6281234567802")
            await here.texts(budi)
            contact = str(json.loads(body)["contact"]["id"])
            forget = await here.spawn("contact", "forget", contact, "--yes")
            assert await forget.wait() == 0
            again = await post(client, here, body)
            assert again.json() == {"accepted": True, "duplicate": True}
            await here.settled(1)
            assert len(here.sandbox.sent()) == 1
            unknown = await here.spawn("contact", "show", contact)
            assert await unknown.wait() == 1
        await here.stop()


async def test_the_agent_is_silenced_and_given_back_from_the_command_line(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"quiet_window": QUICK}) as here:
        await here.start()
        await _chat(here, ["halo?"])
        budi = here.sandbox.phone("+6281234567802")
        assert await (await here.spawn("contact", "pause", str(budi.id), "--for", "1h")).wait() == 0
        here.sandbox.say(budi, "masih ada?")
        await here.settled(1)
        assert len(here.sandbox.sent(budi)) == 1
        assert await (await here.spawn("contact", "resume", "+6281234567802")).wait() == 0
        here.sandbox.say(budi, "dan sekarang?")
        assert (await here.texts(budi, count=2))[-1] == "Jawaban untuk: masih ada?\ndan sekarang?"
        await here.stop()
