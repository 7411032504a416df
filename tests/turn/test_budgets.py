"""A long conversation with many tools and large results stays within every limit, and no turn of it is lost to one."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from actions.action import Outcome
from agent.models import tokens
from agent.turn.loop import _CLOSING
from tests.ledger.messages import message
from tests.turn.harness import CountedAction, Desk

TURNS, TOOLS, LOOKUPS = 40, 16, 3
PROMPT, WORK, DOLLARS = 8_000, 9_000, 2.0
ANSWER = "Pesanan KS-{} sudah dikirim, nomor resinya JNE-{}."


def large(number: int) -> Outcome:
    """A result as shops have it: some 20 KB, of which a handful of ids matter."""
    items = [{"sku": f"SKU-{number}-{n}", "name": f"Kopi {n}", "note": "wangi " * 40} for n in range(60)]
    data: Any = {"order_id": f"KS-{number}", "awb": f"JNE-{number}", "items": items}
    return Outcome("done", json.dumps(data), data)


Reply = Callable[[], Awaitable[AIMessage]]


class Counting:
    """A model that counts as a server does, the prefix that the last prompt had in common as cached."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.sizes: list[int] = []
        self.closings = 0
        self.described = tokens.of_tools([], len)

    def reply(self, message_: AIMessage) -> Reply:
        async def answer() -> AIMessage:
            asked = self.desk.model.asked[-1]
            size = tokens.of_messages(asked, tokens.estimate)
            self.sizes.append(size)
            said = message_
            if asked[-1].text == _CLOSING:
                self.closings += 1
                assert self.desk.model.choices[-1] == "none"
                said = AIMessage("Baru sebagian yang sempat saya lihat.")
            written = tokens.of_message(said, tokens.estimate)
            usage = {"input_tokens": size, "output_tokens": written, "total_tokens": size + written}
            return said.model_copy(update={"usage_metadata": usage})

        return answer


def call(number: int) -> AIMessage:
    name = f"get_{number % TOOLS}"
    return AIMessage("", tool_calls=[{"name": name, "args": {"order_id": f"KS-{number}"}, "id": f"c{number}"}])


@pytest.fixture
def shop(desk: Desk) -> Desk:
    desk.actions = [CountedAction(f"get_{n}", large(n)) for n in range(TOOLS)]
    desk.limits = {
        "prompt_tokens": PROMPT,
        "tokens_per_turn": WORK,
        "usd_per_contact_per_day": DOLLARS,
        "usd_per_day": 100,
        "turns_per_contact_per_day": 1000,
    }
    return desk


async def test_forty_turns_with_sixteen_tools_stay_within_the_prompt_and_the_work_of_a_turn(shop: Desk) -> None:
    shop.limits["usd_per_contact_per_day"] = 100
    model = Counting(shop)
    described = shop.loop()._described
    for number in range(TURNS):
        shop.now += timedelta(hours=2)
        first = LOOKUPS * number
        made = [model.reply(call(first + n)) for n in range(LOOKUPS)]
        shop.model.replies = [*made, model.reply(AIMessage(ANSWER.format(number, number)))]
        await shop.receive(message(number, f"bagaimana pesanan nomor {number}?"))
        turn = await shop.answer()
        last = model.sizes[-1]
        assert max(model.sizes) + described <= PROMPT
        assert turn.work <= WORK + last + 200, "only the closing call may go beyond it"
        model.sizes.clear()
    assert [state for state, _ in await shop.ended()] == ["done"] * TURNS
    assert 0 < model.closings <= TURNS
    texts = await shop.said()
    assert len(texts) == TURNS
    assert all(texts)


async def test_a_contact_spends_no_more_than_its_share_and_is_told_so(shop: Desk) -> None:
    """The model costs a dollar for a million tokens either way: a share of two cents is soon used up."""
    shop.limits["usd_per_contact_per_day"] = 0.02
    shop.conversation = {"handover": {"when": ["budget"]}}
    model = Counting(shop)
    costs: list[float] = []
    for number in range(8):
        shop.now += timedelta(hours=2)
        made = [model.reply(call(3 * number + n)) for n in range(2)]
        shop.model.replies = [*made, model.reply(AIMessage(ANSWER.format(number, number)))]
        await shop.receive(message(number, f"bagaimana pesanan nomor {number}?"))
        turn = await shop.answer()
        costs.append(turn.steps.cost)
        if (await shop.state()).paused_at is not None:
            break
    assert (await shop.state()).paused_at is not None, "a colleague is told"
    assert sum(costs) <= 0.02 + PROMPT / 1e6 + 0.001, "only a closing call may go beyond it"
    assert sum(costs) > 0.01


async def test_a_turn_at_its_limit_ends_with_one_call_without_tools_that_says_what_was_done(shop: Desk) -> None:
    shop.limits["tokens_per_turn"] = 3_000
    shop.actions[0] = replace(shop.actions[0], effect=True, per_turn=None)
    model = Counting(shop)
    shop.model.replies = [model.reply(call(0)), *(model.reply(call(n)) for n in range(1, 6))]
    await shop.receive(message(1, "tolong proses KS-0"))
    turn = await shop.answer()
    assert model.closings == 1
    assert shop.model.choices[-1] == "none"
    assert "Say what was done" in shop.model.asked[-1][-1].text
    assert [each.ran for each in shop.actions[:1]] == [[({"order_id": "KS-0"}, shop.actions[0].ran[0][1])]]
    assert turn.receipts[0] == "get_0"
    assert await shop.said() == ["Baru sebagian yang sempat saya lihat."]
