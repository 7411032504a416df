"""What a customer wrote to a human and nobody answered, when the conversation is given back: answered once, or only known."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from messaging.sandbox.records import Contact
from tests.acceptance.desk import write
from tests.acceptance.world import World, world
from tests.postgres import Postgres

QUESTION = "pesanan saya di mana?"
UNTIL_GIVEN_BACK = {"handover": {"resume_after": None}}
TOKEN = "acceptance-api-token"


async def _left_alone(here: World, question: str = QUESTION) -> Contact:
    """A customer who has asked a human who has the conversation."""
    budi = here.sandbox.phone("+6281234567802")
    here.sandbox.assign(budi, 2)
    here.sandbox.say(budi, question)
    await _ended(here, budi, "held")
    assert here.sandbox.sent(budi) == []
    return budi


async def _ended(here: World, contact: Contact, state: str, count: int = 1) -> None:
    async with asyncio.timeout(90):
        while (await here.command("ledger", "show", contact.phone, code=None)).count(
            f" {state}"
        ) < count:  # nobody knows them at first
            await asyncio.sleep(0.5)


async def _give_back(here: World, contact: Contact, way: str) -> None:
    if way == "unassigned":
        here.sandbox.unassign(contact)
    elif way == "command":
        printed = await here.command("contact", "resume", contact.phone)
        assert "beginning with what the customer wrote last" in printed
    else:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            answer = await client.post(f"{here.url}/api/v1/conversations/{contact.phone}/resume")
        assert answer.json()["paused"] is None


@pytest.mark.parametrize("way", ["unassigned", "command", "api"])
async def test_what_nobody_answered_is_answered_once_when_it_is_given_back(tmp_path: Path, way: str) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        here.config["server"]["api_token"] = TOKEN
        await here.start()
        budi = await _left_alone(here)
        await _give_back(here, budi, way)
        assert await here.texts(budi, within=30) == [f"Jawaban untuk: {QUESTION}"]
        contents = here.model.asked[-1].conversation
        assert contents == [QUESTION], "it is asked once, not known and asked"
        here.sandbox.say(budi, "oke makasih ya")
        await here.texts(budi, count=2)
        contents = here.model.asked[-1].conversation
        assert contents == [QUESTION, f"Jawaban untuk: {QUESTION}", "oke makasih ya"]
        await here.settled(6)
        assert len(here.sandbox.sent(budi)) == 2


async def test_an_assignment_that_is_delivered_again_after_the_giving_back_silences_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        await here.start()
        budi = await _left_alone(here)
        here.sandbox.unassign(budi)
        await here.texts(budi)
        webhooks = here.sandbox.state.webhooks
        assigned, given_back = (
            each.id for each in webhooks.deliveries.values() if each.event_type == "contact.assignee.updated"
        )
        await here.kill()
        await here.start()
        for number in (assigned, given_back, assigned):
            webhooks.redeliver(number)
            await webhooks.settled()
        asked = here.sandbox.say(budi, "buka jam berapa ya?")
        assert await here.texts(budi, after=asked) == ["Jawaban untuk: buka jam berapa ya?"]
        assert webhooks.deliveries[assigned].state == "delivered"
        here.sandbox.assign(budi, 2)  # a new one counts
        here.sandbox.say(budi, QUESTION)
        await _ended(here, budi, "held")


@pytest.mark.postgres
async def test_many_processes_answer_it_once_too(tmp_path: Path, postgres_server: Postgres) -> None:
    storage = postgres_server.database("given_back")
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK, storage=storage, workers=True) as here:
        await here.start_with_workers(2)
        budi = await _left_alone(here)
        here.sandbox.unassign(budi)
        assert await here.texts(budi, within=40) == [f"Jawaban untuk: {QUESTION}"]
        await here.settled(6)
        assert len(here.sandbox.sent(budi)) == 1


async def test_what_a_human_has_answered_is_not_answered_again(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        await here.start()
        budi = await _left_alone(here)
        await write(here, budi, "Sudah di jalan, Kak.")
        here.sandbox.unassign(budi)
        await here.settled(8)
        assert here.sandbox.sent(budi) == []


async def test_a_last_word_that_is_reported_after_the_giving_back_is_the_answer(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        await here.start()
        budi = await _left_alone(here)
        here.sandbox.unassign(budi)
        await here.settled(1)
        await write(here, budi, "Sudah di jalan, Kak.")
        await here.settled(8)
        assert here.sandbox.sent(budi) == []


async def test_a_human_who_returns_while_the_agent_thinks_is_not_talked_over(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        await here.start()
        budi = await _left_alone(here)
        async with here.model.held():
            here.sandbox.unassign(budi)
            await here.model.working()
            await write(here, budi, "Sudah di jalan, Kak.")
        await here.settled(4)
        assert here.sandbox.sent(budi) == []
        here.sandbox.close(budi)
        asked = here.sandbox.say(budi, "halo, buka jam berapa?")
        await here.texts(budi, after=asked)
        contents = here.model.asked[-1].conversation
        assert [QUESTION in each for each in contents] == [True, False, False], "it stands once, where it was asked"


@pytest.mark.parametrize("first", ["closed", "given back", "thought about"])
async def test_closing_answers_nothing_whatever_else_comes_with_it(tmp_path: Path, first: str) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        here.model.delay = 2
        await here.start()
        budi = await _left_alone(here)
        if first == "closed":
            here.sandbox.close(budi)
            await here.settled(0.5)
            here.sandbox.unassign(budi)
        else:
            here.sandbox.unassign(budi)
            await (here.model.working() if first == "thought about" else here.settled(0.5))
            here.sandbox.close(budi)
        await here.settled(8)
        assert here.sandbox.sent(budi) == []
        asked = here.sandbox.say(budi, "halo, buka jam berapa?")
        assert await here.texts(budi, after=asked) == ["Jawaban untuk: halo, buka jam berapa?"]


async def test_a_pause_that_only_runs_out_answers_nothing_by_itself(tmp_path: Path) -> None:
    async with world(tmp_path, conversation={"handover": {"resume_after": "3s"}}) as here:
        await here.start()
        budi = await _left_alone(here)
        await here.settled(9)
        assert here.sandbox.sent(budi) == []
        asked = here.sandbox.say(budi, "halo, buka jam berapa?")
        assert await here.texts(budi, after=asked) == ["Jawaban untuk: halo, buka jam berapa?"]


async def test_what_is_given_back_goes_through_every_rule_again(tmp_path: Path) -> None:
    hours = {"mon-sun": "closed", "outside": "Kami tutup."}
    async with world(tmp_path, conversation={**UNTIL_GIVEN_BACK, "hours": hours}) as here:
        await here.start()
        budi = await _left_alone(here)
        here.sandbox.unassign(budi)
        assert await here.texts(budi, within=30) == ["Kami tutup."]
        assert here.model.asked == []


async def test_who_writes_on_gets_one_answer_to_both(tmp_path: Path) -> None:
    async with world(tmp_path, conversation=UNTIL_GIVEN_BACK) as here:
        await here.start()
        budi = await _left_alone(here)
        here.sandbox.unassign(budi)
        await here.settled(0.5)
        here.sandbox.say(budi, "halo, ada orang?")
        (text,) = await here.texts(budi)
        assert re.search(rf"{re.escape(QUESTION)}\s+halo, ada orang\?", text)
        await here.settled(7)
        assert len(here.sandbox.sent(budi)) == 1
