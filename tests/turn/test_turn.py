"""One turn from claim to commit: what is decided where, and that it is committed once."""

import asyncio
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, SystemMessage, message_to_dict

from actions.action import Comment, HandOver, Outcome
from actions.identity import identity_of
from agent.ledger import confirmations, human, inbound
from agent.ledger.codec import OpenConversation
from agent.ledger.tables import InboundOutcome
from agent.ledger.turns import LEASE
from agent.telemetry import spans
from agent.turn import relevance
from agent.turn.context import MOST_RESTARTS, TurnContext
from messaging.types import Attachment, InboundMessage, Text
from tests.ledger.messages import BUDI, NOW, contact, message
from tests.turn.harness import CountedAction, Desk, calls, says, then

HANDED_OVER = "Sebentar ya, saya sambungkan ke tim kami."
FAILED = "Maaf, sedang ada kendala. Tim kami akan membalas secepatnya."


def voice_note(number: int = 1) -> InboundMessage:
    note = Attachment("audio", "https://media.example/note.ogg", "audio/ogg")
    return InboundMessage(contact(), f"m{number}", NOW, None, attachments=(note,), kind="audio")


async def test_a_question_is_answered_recorded_and_committed_together(desk: Desk) -> None:
    desk.model.replies = [says("Buka jam 8.")]
    await desk.receive(message(1, "buka jam berapa?"))
    turn = await desk.answer()
    assert await desk.said() == ["Buka jam 8."]
    assert [(line.author, line.text) for line in await desk.history()] == [
        ("contact", "buka jam berapa?"),
        ("agent", "Buka jam 8."),
    ]
    assert await desk.ended() == [("done", None)]
    assert await desk.steps(turn) == ["model/1"]
    assert (await desk.state()).language == "id"


@pytest.mark.parametrize(("asked", "beside"), [("buka jam berapa?", False), ("buka jam berapa? " + "ya " * 1000, True)])
async def test_a_long_message_is_held_against_its_answer_beside_the_event_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, asked: str, beside: bool
) -> None:
    """It takes up to seconds, for which all others would wait."""
    threads, fault = [], relevance.fault

    def watched(*given: Any) -> relevance.Fault | None:
        threads.append(threading.current_thread())
        return fault(*given)

    monkeypatch.setattr(relevance, "fault", watched)
    desk.model.replies = [says("Buka jam 8.")]
    await desk.receive(message(1, asked))
    await desk.answer()
    assert await desk.said() == ["Buka jam 8."]
    assert [each is not threading.main_thread() for each in threads] == [beside]


async def test_the_prompt_names_persona_customer_time_and_channel(desk: Desk) -> None:
    desk.model.replies = [says("Hi.")]
    await desk.receive(message(1, "what time do you open?"))
    await desk.answer()
    system, last = desk.model.asked[0]
    assert isinstance(system, SystemMessage)
    assert system.text.startswith("You are Melati.\n\nBe kind to Budi.\n\nRules that always hold:\n- Write briefly")
    assert last.text == (
        "<context>\nNow: Saturday, 21 November 2026, 16:00 WIB. Answer in English. "
        'The customer\'s first name: "Budi". Channel: whatsapp_cloud.\n</context>\n\nwhat time do you open?'
    )
    values = desk.model.told[0]
    assert values is not None
    assert (values.language, values.now, values.rejected) == ("en", NOW, False)


async def test_a_silent_gate_keeps_the_message_for_later_and_asks_no_model(desk: Desk) -> None:
    await desk.receive(message(1, "halo"))
    await desk.database.write(lambda c: human.begin(c, BUDI, NOW, None, "Rina"))
    await desk.answer()
    assert await desk.said() == []
    assert await desk.ended() == [("held", "a human answers (Rina)")]
    assert [line.text for line in await desk.history()] == ["halo"]


async def test_opting_out_is_confirmed_with_its_text_and_asks_no_model(desk: Desk) -> None:
    await desk.receive(message(1, "stop"))
    await desk.answer()
    assert await desk.said() == ["Baik, kami tidak akan mengirim pesan lagi. Balas MULAI kalau berubah pikiran."]
    assert (await desk.state()).opted_out_at == NOW


async def test_a_newer_message_before_an_effect_starts_the_turn_again_with_both(desk: Desk) -> None:
    async def write_on() -> None:
        await desk.receive(message(2, "yang besar"))

    desk.actions = [CountedAction("get_order")]
    desk.model.replies = [then(write_on, calls("get_order")), says("Yang besar ada.")]
    await desk.receive(message(1, "harga latte?"))
    await desk.answer()
    assert await desk.said() == []
    assert [state for state, _ in await desk.ended()] == ["abandoned"]
    turn = await desk.answer()
    assert [each.message_id for each in turn.claim.messages] == ["m1", "m2"]
    assert await desk.said() == ["Yang besar ada."]
    assert desk.actions[0].ran == []


async def test_a_newer_message_during_the_last_model_call_is_noticed_at_commit(desk: Desk) -> None:
    async def write_on() -> None:
        await desk.receive(message(2, "eh, besok"))

    desk.model.replies = [then(write_on, says("Hari ini buka."))]
    await desk.receive(message(1, "buka?"))
    await desk.answer()
    assert await desk.said() == []
    assert await desk.ended() == [("abandoned", "a newer message arrived")]


async def test_a_newer_message_after_an_effect_lets_the_turn_finish(desk: Desk) -> None:
    async def write_on() -> None:
        await desk.receive(message(2, "terima kasih"))

    desk.actions = [CountedAction("cancel_order", effect=True, before=write_on)]
    desk.model.replies = [calls("cancel_order", order_id="KS-1"), says("Pesanan dibatalkan.")]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    assert await desk.said() == ["Pesanan dibatalkan."]
    waiting = await desk.database.read(lambda c: inbound.waiting(c, BUDI))
    assert [each.text for each in waiting] == ["terima kasih"]


async def test_after_some_restarts_a_turn_is_finished_whatever_arrives(desk: Desk) -> None:
    number = 1

    async def write_on() -> None:
        nonlocal number
        number += 1
        await desk.receive(message(number, "dan lagi"))

    await desk.receive(message(1, "halo semua di sana"))
    for _ in range(MOST_RESTARTS):
        desk.model.replies = [then(write_on, says("?"))]
        await desk.answer()
        desk.now += timedelta(seconds=1)
    desk.model.replies = [then(write_on, says("Jadi begini."))]
    await desk.answer()
    assert await desk.said() == ["Jadi begini."]


async def test_a_turn_that_another_worker_took_over_writes_nothing(desk: Desk) -> None:
    async def take_over() -> None:
        desk.now += LEASE * 2
        await desk.claim("another")

    desk.model.replies = [then(take_over, says("Halo."))]
    await desk.receive(message(1, "halo"))
    turn = await desk.claim()
    assert await desk.turns().run(turn, lambda _: "next") == "next"
    assert await desk.said() == []
    assert await desk.ended() == [("running", None)]


async def test_a_turn_whose_process_died_goes_on_from_its_steps(desk: Desk) -> None:
    thinking = asyncio.Event()

    async def think() -> None:
        thinking.set()
        await asyncio.Event().wait()

    desk.actions = [CountedAction("cancel_order", effect=True)]
    desk.model.replies = [calls("cancel_order", order_id="KS-1"), then(think, says(""))]
    await desk.receive(message(1, "batalkan KS-1"))
    process = asyncio.create_task(desk.answer())
    async with asyncio.timeout(30):
        await thinking.wait()
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)
    desk.now += LEASE * 2
    desk.model.replies = [says("Pesanan dibatalkan.")]
    turn = await desk.answer()
    assert turn.claim.takeovers == 1
    assert len(desk.actions[0].ran) == 1
    effect = identity_of(desk.actions[0], {"order_id": "KS-1"})
    assert await desk.steps(turn) == ["model/1", f"effect/{effect.digest}/1", "model/2"]
    assert await desk.said() == ["Pesanan dibatalkan."]


async def test_a_human_who_takes_over_while_the_model_thinks_is_not_interrupted(desk: Desk) -> None:
    async def rina() -> None:
        await desk.database.write(lambda c: human.begin(c, BUDI, NOW, None, "Rina"))

    desk.model.replies = [then(rina, says("Halo."))]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    assert await desk.said() == []
    assert [line.author for line in await desk.history()] == ["contact"]
    assert await desk.ended() == [("held", "a human took over")]


async def test_models_that_fail_lead_to_the_failure_text_and_a_human(desk: Desk) -> None:
    desk.model.replies = [ValueError("no such model")]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    assert await desk.said() == [FAILED]
    assert any(isinstance(content, OpenConversation) for content in await desk.contents())
    assert await desk.ended() == [("failed", "scripted: ValueError: no such model")]
    assert (await desk.state()).paused(NOW)


async def test_who_was_handed_over_is_told_so_although_the_model_fails_then(desk: Desk) -> None:
    asked_for = Outcome("done", "A colleague takes over.", requests=(HandOver("a question"),))
    desk.actions = [CountedAction("hand_over", asked_for, builtin="hand_over")]
    desk.model.replies = [calls("hand_over"), *(calls("speak_up") for _ in range(4))]
    await desk.receive(message(1, "veneer berapa kak?"))
    await desk.answer()
    assert await desk.said() == ["Sebentar ya, saya sambungkan ke tim kami."]
    assert (await desk.state()).paused_at is not None


async def test_without_a_handover_on_failure_the_agent_keeps_answering(desk: Desk) -> None:
    desk.conversation = {"handover": {"when": ["asked"]}}
    desk.model.replies = [ValueError("no such model")]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    assert await desk.contents() == [Text(FAILED)]
    assert not (await desk.state()).paused(NOW)


async def test_what_actions_asked_for_in_a_failed_turn_is_not_carried_out(desk: Desk) -> None:
    desk.actions = [CountedAction("note", Outcome("done", "ok", None, (Comment("complaint"),)))]
    desk.model.replies = [calls("note"), ValueError("gone")]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    assert await desk.said() == [FAILED]
    assert (await desk.state()).paused_by == "handed over: scripted: ValueError: gone"


async def test_a_turn_that_takes_too_long_names_the_limit(desk: Desk) -> None:
    desk.limits = {"seconds": 0.05}
    desk.model.replies = [then(lambda: asyncio.sleep(30), says("terlambat"))]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    assert await desk.said() == [FAILED]
    assert await desk.ended() == [("failed", "limits.seconds: longer than 0.05")]


async def test_an_empty_answer_is_a_failure(desk: Desk) -> None:
    desk.model.replies = [says(""), says(""), says("")]
    await desk.receive(message(1, "halo"))
    await desk.answer()
    assert await desk.said() == [FAILED]
    assert await desk.ended() == [("failed", "scripted: the answer is empty")]


async def test_outside_hours_the_note_follows_the_answer_and_is_remembered(desk: Desk) -> None:
    desk.conversation = {"hours": {"mon-fri": "08:00-10:00", "outside": {"note": "Kami tutup."}}}
    desk.model.replies = [says("Latte 30 ribu."), says("Besar 35 ribu.")]
    await desk.receive(message(1, "harga latte?"))
    await desk.answer()
    assert await desk.said() == ["Latte 30 ribu.", "Kami tutup."]
    assert (await desk.state()).notice_at == NOW
    desk.now += timedelta(seconds=5)
    await desk.receive(message(2, "yang besar?"))
    await desk.answer()
    assert (await desk.said())[2:] == ["Besar 35 ribu."]


async def test_a_voice_note_without_a_transcriber_gets_its_text_and_asks_no_model(desk: Desk) -> None:
    await desk.receive(voice_note())
    await desk.answer()
    assert await desk.said() == ["Maaf, kami belum bisa mendengarkan pesan suara. Boleh ditulis saja pesannya? 🙏"]


async def test_a_text_beside_a_voice_note_is_answered(desk: Desk) -> None:
    desk.model.replies = [says("Latte 30 ribu.")]
    await desk.receive(voice_note(1), message(2, "harga latte?"))
    await desk.answer()
    assert desk.model.asked[0][-1].text.endswith(
        "</context>\n\n[a voice note that could not be understood]\nharga latte?"
    )
    assert desk.model.told[0] is not None
    assert desk.model.told[0].attachments == ("audio",)
    assert await desk.said() == ["Latte 30 ribu."]


async def test_what_needs_a_yes_is_asked_and_the_yes_runs_it_with_exactly_those_arguments(desk: Desk) -> None:
    cancel = CountedAction("cancel_order", effect=True, confirm="Batalkan pesanan {order_id}?")
    desk.actions = [cancel]
    desk.model.replies = [calls("cancel_order", order_id="KS-1")]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    assert await desk.said() == ["Batalkan pesanan KS-1?"]
    assert cancel.ran == []
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    desk.model.replies = [says("Sudah dibatalkan.")]
    await desk.receive(message(2, "ya"))
    turn = await desk.answer()
    assert [arguments for arguments, _ in cancel.ran] == [{"order_id": "KS-1"}]
    assert turn.receipts == ["cancel_order"]
    assert await desk.said() == ["Sudah dibatalkan."]
    assert await desk.database.read(lambda c: confirmations.open_question(c, BUDI, desk.now)) is None


async def test_a_no_drops_the_question_and_tells_the_model(desk: Desk) -> None:
    cancel = CountedAction("cancel_order", effect=True, confirm="Batalkan pesanan {order_id}?")
    desk.actions = [cancel]
    desk.model.replies = [calls("cancel_order", order_id="KS-1")]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    desk.model.replies = [says("Baik, pesanan tetap jalan.")]
    await desk.receive(message(2, "tidak jadi"))
    await desk.answer()
    assert desk.model.asked[-1][-1].text == "[refused] The customer said no. Nothing was done."
    assert cancel.ran == []
    assert await desk.database.read(lambda c: confirmations.open_question(c, BUDI, desk.now)) is None


async def test_the_second_commit_of_a_turn_changes_nothing(desk: Desk) -> None:
    desk.model.replies = [says("Halo.")]
    await desk.receive(message(1, "halo"))
    turn = await desk.claim()
    runner = desk.turns()
    result = await runner._result(turn)
    for _ in range(2):
        with spans.turn(turn.id, "Melati", str(turn.key)) as span:
            await runner._commit(turn, result, lambda _: None, span)
    assert await desk.said() == ["Halo."]
    assert len(await desk.history()) == 2
    assert result.outcome is InboundOutcome.ANSWERED


@pytest.mark.parametrize("language", ["en", "ms"])
async def test_a_fixed_language_is_answered_in_whatever_is_written(desk: Desk, language: str) -> None:
    desk.language = language
    desk.model.replies = [openai.OpenAIError("gone")]
    await desk.receive(message(1, "jam berapa buka?"))
    turn = await desk.answer()
    assert turn.language == language
    assert FAILED not in await desk.said()


@pytest.mark.parametrize(
    ("said", "language"), [("hi", "en"), ("p", "en"), ("halo kak", "id"), ("harga kopi berapa?", "id")]
)
async def test_what_decides_for_no_language_is_answered_in_that_of_the_shop(
    desk: Desk, said: str, language: str
) -> None:
    desk.default_language = "en"
    desk.model.replies = [openai.OpenAIError("gone")]
    await desk.receive(message(1, said))
    turn = await desk.answer()
    assert turn.language == language


async def test_half_an_emoji_of_the_model_is_answered_recorded_and_sent(desk: Desk) -> None:
    desk.model.replies = [says("Siap \ud83d kak\x00!")]
    await desk.receive(message(1, "halo kak?"))
    await desk.answer()
    assert await desk.said() == ["Siap \ufffd kak!"]
    assert await desk.ended() == [("done", None)]


async def test_what_an_action_returns_is_cleaned_before_it_is_kept_and_told(desk: Desk) -> None:
    bad = Outcome("done", "ok \udcff", {"a\x00": float("nan"), "deep": [[["\ud800"]]]})
    desk.actions = [CountedAction("get_order", bad)]
    desk.model.replies = [calls("get_order"), says("Saya lihat datanya ya.")]
    await desk.receive(message(1, "pesanan saya mana?"))
    turn = await desk.answer()
    assert turn.results["get_order"] == [{"a": None, "deep": [[["\ufffd"]]]}]
    assert desk.model.asked[-1][-1].text == "ok \ufffd"
    assert await desk.ended() == [("done", None)]


@pytest.mark.parametrize("effect", [False, True])
async def test_an_action_that_raises_is_an_outcome_and_the_model_goes_on(desk: Desk, *, effect: bool) -> None:
    async def burst() -> None:
        raise RecursionError("maximum recursion depth exceeded")

    desk.actions = [CountedAction("get_order", effect=effect, before=burst)]
    desk.model.replies = [calls("get_order"), says("Maaf, datanya belum bisa dibuka.")]
    await desk.receive(message(1, "pesanan saya mana?"))
    await desk.answer()
    told = desk.model.asked[-1][-1].text
    assert told.startswith("[unknown]" if effect else "[failed] It was not done")
    assert (await desk.said())[0].startswith("Maaf, datanya belum bisa dibuka.")


async def test_a_commit_that_cannot_succeed_ends_the_turn_with_the_polite_text(desk: Desk) -> None:
    def impossible(_: object) -> None:
        raise ValueError("no database takes this")

    desk.model.replies = [says("Buka jam 8.")]
    await desk.receive(message(1, "buka jam berapa?"))
    turn = await desk.claim()
    turns = desk.turns()
    answer = turns._writer.answer

    async def answer_with_poison(*given: object) -> object:
        result = await answer(*given)  # type: ignore[arg-type]
        result.also.append(impossible)
        return result

    turns._writer.answer = answer_with_poison  # type: ignore[method-assign, assignment]
    await turns.run(turn, lambda _: None)
    assert await desk.said() == [FAILED]
    assert await desk.ended() == [("failed", "its end cannot be written: ValueError")]
    assert [line.text for line in await desk.history()] == ["buka jam berapa?", FAILED]


async def test_a_turn_that_never_comes_to_its_end_is_given_up(desk: Desk) -> None:
    await desk.receive(message(1, "buka jam berapa?"))
    for _ in range(21):
        turn = await desk.claim()
    await desk.turns().run(turn, lambda _: None)
    assert await desk.said() == [FAILED]
    assert desk.model.asked == []


async def test_the_model_is_told_that_the_rest_of_a_long_message_was_left_out(desk: Desk) -> None:
    desk.model.replies = [says("Terlalu panjang, kak.")]
    await desk.receive(replace(message(1, "x" * 50), left_out=30_000))
    turn = await desk.answer()
    rest = "\n[the rest of this message was left out: it was too long]"
    assert desk.model.asked[0][-1].text.endswith("</context>\n\n" + "x" * 50 + rest)
    assert turn.said == ("x" * 50,)


async def test_what_was_looked_up_stands_in_the_next_turns_prompt_as_calls_and_results(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order", Outcome("done", '{"id": "KS-1"}', {"id": "KS-1"}))]
    desk.model.replies = [calls("get_order", order_id="KS-1"), says("Dikirim."), says("Ya.")]
    await desk.receive(message(1, "pesanan KS-1?"))
    await desk.answer()
    await desk.receive(message(2, "yakin kak?"))
    await desk.answer()
    asked = desk.model.asked[2]
    assert [each.type for each in asked] == ["system", "human", "ai", "tool", "ai", "human"]
    assert (asked[1].text, asked[3].text, asked[4].text) == ("pesanan KS-1?", '{"id": "KS-1"}', "Dikirim.")
    assert isinstance(asked[2], AIMessage)
    assert asked[2].tool_calls[0]["args"] == {"order_id": "KS-1"}


async def test_another_worker_that_takes_a_turn_over_asks_with_the_same_bytes(desk: Desk) -> None:
    thinking = asyncio.Event()

    async def think() -> None:
        thinking.set()
        await asyncio.Event().wait()

    desk.actions = [CountedAction("get_order", Outcome("done", "open", {"id": "KS-1"}))]
    desk.model.replies = [calls("get_order"), says("Dibuka."), calls("get_order", order_id="2"), then(think, says(""))]
    await desk.receive(message(1, "pesanan KS-1?"))
    await desk.answer()
    await desk.receive(message(2, "dan yang kedua?"))
    process = asyncio.create_task(desk.answer())
    async with asyncio.timeout(30):
        await thinking.wait()
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)
    desk.now += LEASE * 2
    desk.model.replies = [says("Dibuka juga.")]
    turn = await desk.answer()
    assert turn.claim.takeovers == 1
    before, after = desk.model.asked[3], desk.model.asked[4]
    assert [message_to_dict(each) for each in before] == [message_to_dict(each) for each in after]


async def test_another_machine_gets_ever_slower_answers_and_then_silence_and_a_note(desk: Desk) -> None:
    desk.model.replies = [says(f"Halo kak, ada yang bisa dibantu? {n}") for n in range(9)]
    waits = []
    for number in range(8):
        await desk.receive(message(number, f"Terima kasih sudah menghubungi kami, nomor antrean Anda {number}."))
        begun = await desk.database.write(lambda c: desk.turns().begin(c, BUDI))
        waits.append((begun - desk.now).total_seconds() if isinstance(begun, datetime) else 0)
        if isinstance(begun, datetime):
            desk.now = begun
            begun = await desk.claim()
        assert isinstance(begun, TurnContext)
        await desk.turns().run(begun, lambda _: None)
        desk.now += timedelta(seconds=3)
    assert waits == [0, 0, 0, 10, 60, 0, 0, 0]
    assert len(desk.model.asked) == 5
    notes = [content.text for content in await desk.contents() if isinstance(content, Comment)]
    assert notes == [
        "The agent stays silent: much the same message came 5 times within an hour: another machine seems to answer."
    ]
    await desk.receive(message(20, "Halo, saya manusia. Kopi susu berapa harganya?"))
    await desk.answer()
    assert len(desk.model.asked) == 6


async def test_a_person_who_asks_the_same_of_many_orders_is_answered_each_time(desk: Desk) -> None:
    desk.model.replies = [says(f"Boleh tahu nama pemesannya, kak? {n}") for n in range(9)]
    for number in range(9):
        await desk.receive(message(number, f"Pesanan KS-{2000 + number} saya sudah sampai mana ya kak"))
        await desk.answer()
        desk.now += timedelta(seconds=20)
    assert len(desk.model.asked) == 9


async def test_a_short_word_is_answered_however_often_it_comes(desk: Desk) -> None:
    desk.model.replies = [says(f"Baik kak {n}.") for n in range(8)]
    for number in range(8):
        await desk.receive(message(number, "ok kak"))
        await desk.answer()
    assert len(desk.model.asked) == 8


async def test_who_reads_that_nothing_works_also_reads_what_was_done(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", Outcome("done", "cancelled"), effect=True)]
    desk.model.replies = [
        calls("cancel_order", order_id="KS-1"),
        openai.OpenAIError("gone"),
        openai.OpenAIError("gone"),
    ]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    assert await desk.said() == [f"{FAILED}\n\nYang sudah dilakukan: cancel order (KS-1)."]
