"""A file that the platform is still storing is asked for again, and the message is answered once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.ledger import human
from agent.ledger.turns import LEASE
from agent.turn.pending import merged
from messaging.errors import NotFound, NotSent, Unsupported
from messaging.types import Attachment, InboundMessage
from tests.ledger.messages import BUDI, NOW, contact, message
from tests.turn.harness import Desk, says
from tests.turn.test_listen import UNCLEAR, Ears, hearing

PENDING = Attachment("audio", "", "note.ogg", "audio/ogg", pending=True)


def _note(*attachments: Attachment) -> InboundMessage:
    return InboundMessage(contact(), "m1", NOW, None, attachments=attachments or (PENDING,), kind="attachment")


def _stored(ears: Ears) -> Attachment:
    return replace(PENDING, url=f"{ears.store}/1.ogg", pending=False)


async def test_a_note_that_is_stored_a_moment_later_is_heard_and_answered_once(desk: Desk) -> None:
    async with hearing(desk, "buka jam berapa") as ears:
        desk.listed = [(PENDING,), NotSent("the platform is away"), (_stored(ears),)]
        desk.model.replies = [says("Jam delapan.")]
        await desk.receive(_note())
        turn = await desk.answer()
    assert desk.asked == ["m1", "m1", "m1"]
    assert await desk.said() == ["Jam delapan."]
    assert await desk.steps(turn) == ["files/m1", "voice/m1/0", "model/1"]
    (line, _) = await desk.history()
    assert line.attachments[0]["url"].endswith("/1.ogg")
    assert line.attachments[0]["transcript"] == "buka jam berapa"


@pytest.mark.parametrize("answer", [NotFound("gone"), Unsupported("no look-up"), (PENDING,), ()])
async def test_a_file_that_never_comes_is_told_after_the_last_asking(desk: Desk, answer: object) -> None:
    async with hearing(desk):
        desk.listed = [answer] * 9  # type: ignore[list-item]
        await desk.receive(_note())
        await desk.answer()
    assert len(desk.asked) == (1 if isinstance(answer, Exception) else 3)
    assert await desk.said() == [UNCLEAR]


async def test_a_message_with_all_its_files_asks_for_nothing(desk: Desk) -> None:
    async with hearing(desk, "buka jam berapa") as ears:
        desk.model.replies = [says("Jam delapan.")]
        await desk.receive(ears.note(1))
        await desk.answer()
    assert desk.asked == []


async def test_a_process_that_dies_while_it_waits_is_replaced_by_one_that_asks_again(desk: Desk) -> None:
    async with hearing(desk, "buka jam berapa") as ears:
        desk.listed = [asyncio.CancelledError()]
        await desk.receive(_note())
        with pytest.raises(asyncio.CancelledError):
            await desk.answer()
        desk.now += LEASE + timedelta(seconds=1)
        desk.listed, desk.model.replies = [(_stored(ears),)], [says("Jam delapan.")]
        turn = await desk.answer()
    assert turn.claim.takeovers == 1
    assert await desk.said() == ["Jam delapan."]


async def test_a_note_that_was_pending_while_a_human_answered_is_heard_afterwards(desk: Desk) -> None:
    async with hearing(desk, "tanpa gula ya") as ears:
        await desk.receive(_note())
        await desk.database.write(lambda c: human.begin(c, BUDI, NOW, NOW + timedelta(hours=1), "Rina"))
        await desk.answer()
        assert desk.asked == []
        desk.now += timedelta(hours=2)
        desk.listed, desk.model.replies = [(_stored(ears),)], [says("Baik.")]
        await desk.receive(message(2, "sudah dicatat?"))
        await desk.answer()
    assert "[voice note] tanpa gula ya" in [line.text for line in await desk.history()]


def test_only_pending_files_are_replaced_and_only_when_the_list_fits() -> None:
    known, now = replace(PENDING, url="https://a", pending=False), replace(PENDING, url="https://b", pending=False)
    assert merged([known, PENDING], [now, now]) == (known, now)
    assert merged([PENDING], [now, now]) == (PENDING,)
    assert merged([PENDING], [PENDING]) == (PENDING,)
