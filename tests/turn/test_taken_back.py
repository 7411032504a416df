"""What a customer deletes or corrects while, before and after the agent answers it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from agent.ledger import human, turns
from agent.ledger.tables import inbound
from messaging.types import MessageDeleted, MessageEdited
from tests.ledger.messages import BUDI, NOW, contact, message, sent
from tests.turn.harness import CountedAction, Desk, calls, says, then

SECRET = "batalkan pesanan KS-1, KTP saya 33741"


def deleted(number: int) -> MessageDeleted:
    return MessageDeleted(contact(), f"m{number}")


def edited(desk: Desk, number: int, text: str, seconds: int = 0) -> MessageEdited:
    return MessageEdited(contact(), f"m{number}", desk.now + timedelta(seconds=seconds), text)


def deleting(desk: Desk, number: int = 1) -> Callable[[], Awaitable[None]]:
    return lambda: desk.receive(deleted(number))


def cancelling(desk: Desk, **more: object) -> CountedAction:
    action = CountedAction("cancel", effect=True, description="Membatalkan pesanan.", **more)  # type: ignore[arg-type]
    desk.actions.append(action)
    return action


async def waits(desk: Desk) -> bool:
    return await desk.database.write(lambda c: desk.turns().begin(c, BUDI)) is not None


async def remembered(desk: Desk) -> list[str]:
    return [line.text for line in await desk.history()]


async def test_what_is_deleted_while_the_model_thinks_is_neither_done_nor_answered_nor_kept(desk: Desk) -> None:
    cancelling(desk)
    desk.model.replies = [then(deleting(desk), calls("cancel", order_id="KS-1"))]
    await desk.receive(message(1, SECRET))
    await desk.answer()
    assert desk.actions[0].ran == []
    assert await desk.said() == []
    assert await remembered(desk) == ["[deleted message]"]
    assert not await waits(desk)


async def test_the_rest_is_answered_without_what_was_deleted_meanwhile(desk: Desk) -> None:
    desk.model.replies = [then(deleting(desk), says("Nomor KTP 33741 dicatat.")), says("Kami buka jam 8.")]
    await desk.receive(message(1, SECRET), message(2, "jam buka?"))
    await desk.answer()
    await desk.answer()
    assert await desk.said() == ["Kami buka jam 8."]
    assert not any("33741" in each.text for each in desk.model.asked[1])


async def test_what_is_deleted_after_its_effect_is_answered_and_not_kept(desk: Desk) -> None:
    cancelling(desk, before=deleting(desk))
    desk.model.replies = [calls("cancel", order_id="KS-1"), says("Pesanan sudah dibatalkan.")]
    await desk.receive(message(1, SECRET))
    await desk.answer()
    assert len(desk.actions[0].ran) == 1
    assert await remembered(desk) == ["[deleted message]", "Pesanan sudah dibatalkan."]


async def test_what_was_deleted_while_a_human_answered_is_not_given_back(desk: Desk) -> None:
    await desk.receive(sent(1, by_human=True))
    desk.now += timedelta(seconds=1)
    await desk.receive(message(1, SECRET))
    await desk.answer()
    await desk.receive(deleted(1))
    desk.now += timedelta(seconds=5)
    await desk.database.write(lambda c: human.give_back(c, BUDI, desk.now))
    desk.now += timedelta(minutes=1)
    assert not await waits(desk)
    assert (await remembered(desk))[-1] == "[deleted message]"


async def test_an_edit_that_comes_after_the_deletion_asks_nothing(desk: Desk) -> None:
    await desk.receive(message(1, "halo"), deleted(1), edited(desk, 1, SECRET, 3))
    assert not await waits(desk)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 2, 0)])
async def test_the_latest_words_count_in_whatever_order_they_arrive(desk: Desk, order: Sequence[int]) -> None:
    desk.model.replies = [says("Baik.")]
    written = (message(1, "pesan 2"), edited(desk, 1, "pesan 3", 2), edited(desk, 1, "pesan 4", 5))
    await desk.receive(*(written[at] for at in order))
    await desk.answer()
    assert desk.model.asked[0][-1].text.endswith("\n\npesan 4")
    assert not await waits(desk)


async def test_a_correction_says_which_words_it_corrects(desk: Desk) -> None:
    desk.model.replies = [says("a"), says("b"), says("c")]
    await desk.receive(replace(message(1, "pesan 2"), sent_at=NOW))
    await desk.answer()
    for text in ("pesan 3", "pesan 2"):
        desk.now += timedelta(minutes=1)
        await desk.receive(edited(desk, 1, text))
        await desk.answer()
    assert desk.model.asked[1][-1].text.endswith('[correction of: "pesan 2"]\npesan 3')
    assert desk.model.asked[2][-1].text.endswith('[correction of: "pesan 3"]\npesan 2')


async def kept(desk: Desk) -> str:
    """Everything that the rows of incoming messages hold."""
    return str(await desk.database.read(lambda c: c.execute(select(inbound.c.payload)).all()))


async def stopped(desk: Desk) -> None:
    """A process dies while the model thinks: the turn's lease runs out, and another takes it over."""
    thinking = asyncio.Event()

    async def think() -> None:
        thinking.set()
        await asyncio.Event().wait()

    desk.model.replies.append(then(think, says("")))
    process = asyncio.create_task(desk.answer())
    async with asyncio.timeout(30):
        await thinking.wait()
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)
    desk.now += 2 * turns.LEASE
    desk.model.replies = [says("Kami buka jam 8.")]


async def test_of_what_is_deleted_during_its_turn_nothing_is_kept_from_then_on(desk: Desk) -> None:
    found: list[str] = []

    async def look() -> None:
        await desk.receive(deleted(1))
        found.append(await kept(desk))

    desk.model.replies = [then(look, says("Nomor KTP 33741 dicatat."))]
    await desk.receive(message(1, SECRET))
    await desk.answer()
    assert found
    assert "33741" not in found[0]
    assert "33741" not in await kept(desk)


async def test_a_turn_that_is_resumed_answers_nothing_that_was_deleted_meanwhile(desk: Desk) -> None:
    await desk.receive(message(1, SECRET))
    await stopped(desk)
    await desk.receive(deleted(1))
    assert not await waits(desk)
    assert len(desk.model.asked) == 1
    assert await desk.said() == []
    assert [state for state, _ in await desk.ended()] == ["abandoned"]


async def test_a_turn_that_is_resumed_answers_the_rest(desk: Desk) -> None:
    await desk.receive(message(1, SECRET), message(2, "jam buka?"))
    await stopped(desk)
    await desk.receive(deleted(1))
    await desk.answer()
    assert await desk.said() == ["Kami buka jam 8."]
    assert not any("33741" in each.text for each in desk.model.asked[1])


async def test_what_was_done_before_the_crash_and_the_deletion_is_told_and_handed_over(desk: Desk) -> None:
    action = cancelling(desk)
    desk.model.replies = [calls("cancel", order_id="KS-1")]
    await desk.receive(message(1, SECRET))
    await stopped(desk)
    await desk.receive(deleted(1))
    await desk.answer()
    assert (len(action.ran), len(desk.model.asked)) == (1, 2)
    (told,) = await desk.said()
    assert "cancel (KS-1)" in told
    assert (await desk.state()).paused(desk.now)
    assert "33741" not in await kept(desk) + told


async def test_a_failure_or_a_fixed_text_answers_nothing_that_was_deleted_meanwhile(desk: Desk) -> None:
    desk.model.replies = [then(deleting(desk), RuntimeError("broken"))]
    await desk.receive(message(1, SECRET))
    await desk.answer()
    assert await desk.said() == []
    assert not await waits(desk)
    assert not (await desk.state()).paused(desk.now)
