"""Effects and consent in a turn: one effect is done once, and only with a yes to the newest delivered question."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from actions.action import Outcome
from agent.ledger import human, outbound
from agent.turn.consent import asks_for, written_by
from messaging.types import MessageEdited, Text
from tests.ledger.messages import BUDI, NOW, contact, message, sent
from tests.turn.harness import OWNER, CountedAction, Desk, calls, says

QUESTION = "Batalkan pesanan {order_id}?"


def cancelling(**more: object) -> CountedAction:
    done = Outcome("done", "Pesanan dibatalkan.", {"status": "cancelled"})
    return CountedAction("cancel_order", done, effect=True, confirm=QUESTION, **more)  # type: ignore[arg-type]


async def question(desk: Desk, *, delivered: bool = True) -> CountedAction:
    """The customer is asked whether to cancel KS-1."""
    cancel = cancelling()
    desk.actions = [cancel]
    desk.model.replies = [calls("cancel_order", order_id="KS-1")]
    await desk.receive(message(1, "batalkan KS-1"))
    await desk.answer()
    assert await desk.said() == ["Batalkan pesanan KS-1?"]
    desk.now += timedelta(seconds=2)
    if delivered:
        await desk.deliver()
    desk.now += timedelta(seconds=3)
    return cancel


async def say(desk: Desk, number: int, text: str, *replies: object, written: datetime | None = None) -> None:
    """The customer writes, and the agent answers with the model's replies."""
    desk.model.replies = list(replies)
    event = message(number, text)
    await desk.receive(replace(event, sent_at=written) if written else event)
    await desk.answer()


REPEATED = [
    {"order_id": "KS-1 "},
    {"order_id": "ks-1"},
    {"order_id": "KS-1", "note": "please"},
    {"order_id": "KS-1", "invented": 1},
]


@pytest.mark.parametrize("again", REPEATED, ids=str)
async def test_an_effect_that_the_model_repeats_in_other_words_is_done_once(desk: Desk, again: dict[str, str]) -> None:
    refund = CountedAction("refund", Outcome("done", "Dana dikembalikan."), effect=True)
    desk.actions = [refund]
    await say(desk, 1, "refund KS-1", calls("refund", order_id="KS-1"), calls("refund", **again), says("Sudah."))
    assert len(refund.ran) == 1
    assert "Dana dikembalikan." in desk.model.asked[-1][-1].text


async def test_a_second_target_in_a_turn_needs_per_turn(desk: Desk) -> None:
    refund = CountedAction("refund", Outcome("done", "Dana dikembalikan."), effect=True)
    desk.actions = [refund]
    both = [calls("refund", order_id=order) for order in ("KS-1", "KS-2")]
    await say(desk, 1, "refund KS-1 dan KS-2", *both, says("Baru satu."))
    assert [arguments["order_id"] for arguments, _ in refund.ran] == ["KS-1"]
    assert "per_turn: 1" in desk.model.asked[-1][-1].text
    assert "Dana dikembalikan." in desk.model.asked[-1][-1].text


async def test_several_targets_run_where_agent_yaml_allows_them_each_with_its_key(desk: Desk) -> None:
    refund = CountedAction("refund", Outcome("done", "Dana dikembalikan."), effect=True, per_turn=2)
    desk.actions = [refund]
    three = [calls("refund", order_id=order) for order in ("KS-1", "KS-2", "KS-3")]
    await say(desk, 1, "refund semua", *three, says("Dua sudah."))
    assert [arguments["order_id"] for arguments, _ in refund.ran] == ["KS-1", "KS-2"]
    assert len({key for _, key in refund.ran}) == 2


async def test_a_yes_runs_it_once_under_the_key_of_the_question(desk: Desk) -> None:
    cancel = await question(desk)
    asked = (await desk.history())[-1].turn
    await say(desk, 2, "ya", calls("cancel_order", order_id="ks-1 "), says("Sudah dibatalkan."))
    assert [arguments for arguments, _ in cancel.ran] == [{"order_id": "KS-1"}]
    assert cancel.ran[0][1].startswith(f"balas-{asked}-")


@pytest.mark.parametrize("text", ["makasih ya", "uangnya kapan balik?", "udah dibatalin kan?", "oke"])
async def test_what_was_done_after_a_yes_is_not_asked_again(desk: Desk, text: str) -> None:
    cancel = await question(desk)
    await say(desk, 2, "iya", says("Sudah dibatalkan."))
    await desk.deliver()
    await say(desk, 3, text, calls("cancel_order", order_id="ks-1"), says("Ada lagi, Kak?"))
    assert (await desk.said())[-1] == "Ada lagi, Kak?"
    assert "Pesanan dibatalkan." in desk.model.asked[-1][-1].text
    assert len(cancel.ran) == 1


async def test_what_is_asked_for_once_more_is_asked_about(desk: Desk) -> None:
    await question(desk)
    await say(desk, 2, "iya", says("Sudah dibatalkan."))
    await desk.deliver()
    await say(desk, 3, "batalkan KS-1 sekali lagi", calls("cancel_order", order_id="KS-1"))
    assert (await desk.said())[-1] == "Batalkan pesanan KS-1?"


async def test_two_yes_in_a_burst_and_one_more_after_it_run_it_once(desk: Desk) -> None:
    cancel = await question(desk)
    desk.model.replies = [says("Sudah dibatalkan.")]
    await desk.receive(message(2, "ya"), message(3, "ya kak"))
    await desk.answer()
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    await say(desk, 4, "ya", calls("cancel_order", order_id="KS-1"), says("Sudah dibatalkan."))
    assert len(cancel.ran) == 1
    assert (await desk.said())[-1] == "Sudah dibatalkan."


async def test_a_yes_after_the_conversation_was_closed_answers_no_question_of_before(desk: Desk) -> None:
    cancel = await question(desk)
    await desk.database.write(lambda c: human.close(c, BUDI, desk.now))
    desk.now += timedelta(minutes=1)
    await say(desk, 2, "ya", calls("cancel_order", order_id="KS-1"), says("Ada yang bisa dibantu?"))
    assert cancel.ran == []


async def test_after_a_no_the_same_is_refused_and_not_asked_again(desk: Desk) -> None:
    cancel = await question(desk)
    await say(desk, 2, "tidak jadi", calls("cancel_order", order_id="KS-1"), says("Baik, tidak jadi."))
    assert cancel.ran == []
    assert (await desk.said())[-1] == "Baik, tidak jadi."
    assert "said no" in desk.model.asked[-1][-1].text


class Noted(CountedAction):
    """An action with a note, which does not tell one effect from another."""

    @property
    def parameters(self) -> dict[str, Any]:
        texts = {"order_id": {"type": "string"}, "note": {"type": "string"}}
        return {"type": "object", "properties": texts, "required": ["order_id"]}


async def test_a_yes_runs_what_was_asked_to_the_letter(desk: Desk) -> None:
    cancel = Noted("cancel_order", Outcome("done", "Pesanan dibatalkan."), effect=True, confirm=QUESTION)
    desk.actions = [cancel]
    await say(desk, 1, "batalkan KS-1", calls("cancel_order", order_id="KS-1", note="salah ukuran"))
    await desk.deliver()
    desk.now += timedelta(seconds=3)
    await say(
        desk, 2, "ok kalau gitu", calls("cancel_order", order_id="KS-1", note="refund penuh"), says("Sudah dibatalkan.")
    )
    assert [arguments for arguments, _ in cancel.ran] == [{"order_id": "KS-1", "note": "salah ukuran"}]


async def test_a_yes_to_a_question_that_never_arrived_runs_nothing(desk: Desk) -> None:
    cancel = await question(desk, delivered=False)
    await desk.database.write(
        lambda c: [outbound.mark(c, each.id, "failed", now=desk.now) for each in outbound.heads(c, BUDI)]
    )
    await say(desk, 2, "ok", says("Ada lagi?"))
    assert cancel.ran == []


@pytest.mark.parametrize("state", ["uncertain", "failed"])
async def test_a_yes_to_a_question_that_was_sent_and_perhaps_never_arrived_runs_nothing(desk: Desk, state: str) -> None:
    cancel = await question(desk, delivered=False)

    def attempt(connection: Connection) -> None:
        for each in outbound.heads(connection, BUDI):
            outbound.mark_sending(connection, each.id, OWNER, desk.now)
            outbound.mark(connection, each.id, state, now=desk.now)

    await desk.database.write(attempt)
    desk.now += timedelta(seconds=5)
    await say(desk, 2, "ya", calls("cancel_order", order_id="KS-1"))
    assert cancel.ran == []


async def test_an_earlier_message_that_is_corrected_to_a_yes_answers_no_question(desk: Desk) -> None:
    cancel = cancelling()
    desk.actions = [cancel]
    await say(desk, 1, "Batalkan pesanan KS-1", calls("cancel_order", order_id="KS-1"))
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    desk.model.replies = [calls("cancel_order", order_id="KS-1")]
    await desk.receive(MessageEdited(contact(), "m1", desk.now, "ya"))
    await desk.answer()
    assert cancel.ran == []


async def test_a_yes_that_was_written_before_the_question_runs_nothing(desk: Desk) -> None:
    cancel = await question(desk)
    await say(
        desk, 2, "ya", calls("cancel_order", order_id="KS-1"), written=desk.now - timedelta(seconds=4, microseconds=1)
    )
    assert cancel.ran == []
    assert await desk.said() == ["Batalkan pesanan KS-1?"]


async def test_a_turn_in_between_drops_the_question_and_the_runtime_asks_again(desk: Desk) -> None:
    cancel = await question(desk)
    await say(desk, 2, "ongkir ke Bandung berapa?", says("Rp20.000. Mau?"))
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    await say(desk, 3, "ya mau", calls("cancel_order", order_id="KS-1"))
    assert cancel.ran == []
    assert await desk.said() == ["Batalkan pesanan KS-1?"]


async def test_a_message_of_another_origin_in_between_drops_the_question(desk: Desk) -> None:
    cancel = await question(desk)
    await desk.database.write(
        lambda c: outbound.add(c, BUDI, "followup", [Text("Pesanan lain siap diambil, ya?")], now=desk.now)
    )
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    await say(desk, 2, "ya", says("Siap."))
    assert cancel.ran == []


async def test_a_colleague_in_between_drops_the_question(desk: Desk) -> None:
    cancel = await question(desk)
    desk.conversation = {"handover": {"resume_after": "0s"}}
    await desk.receive(replace(sent(1, by_human=True, text="Mau saya kirim fotonya?"), sent_at=desk.now))
    desk.now += timedelta(hours=13)
    await say(desk, 2, "ya", says("Siap."))
    assert cancel.ran == []


@pytest.mark.parametrize("text", ["oke batalkan saja", "ya gak jadi", "iya, eh jangan"])
async def test_a_word_of_undoing_is_no_yes_to_doing(desk: Desk, text: str) -> None:
    ship = CountedAction("ship", effect=True, confirm="Kirim pesanan {order_id}?")
    desk.actions = [ship]
    await say(desk, 1, "kirim KS-1", calls("ship", order_id="KS-1"))
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    await say(desk, 2, text, calls("ship", order_id="KS-1"), says("Baik, tidak jadi."))
    assert ship.ran == []
    assert "The customer said no" in desk.model.asked[-1][-1].text


async def test_words_that_leave_it_open_run_it_when_the_model_calls_the_same_again(desk: Desk) -> None:
    cancel = await question(desk)
    await say(desk, 2, "ya sudah", calls("cancel_order", order_id="KS-1"), says("Sudah dibatalkan."))
    assert [arguments for arguments, _ in cancel.ran] == [{"order_id": "KS-1"}]
    assert any("Only if their message means yes" in told.text for told in desk.model.asked[-2])


async def test_words_that_leave_it_open_run_nothing_else_than_was_asked(desk: Desk) -> None:
    cancel = await question(desk)
    await say(desk, 2, "ya sudah", calls("cancel_order", order_id="KS-2"))
    assert cancel.ran == []
    assert await desk.said() == ["Batalkan pesanan KS-2?"]


@pytest.mark.parametrize("text", ["ya kalau dananya kembali", "ya?", "mau lihat menu dong", "kirim KS-2 aja"])
async def test_a_condition_a_question_or_another_wish_is_asked_again(desk: Desk, text: str) -> None:
    cancel = await question(desk)
    await say(desk, 2, text, calls("cancel_order", order_id="KS-1"))
    assert cancel.ran == []
    assert await desk.said() == ["Batalkan pesanan KS-1?"]


async def own_question(desk: Desk, text: str, answer: str) -> CountedAction:
    """The model asks in its own words, the customer answers, and the model calls."""
    cancel = cancelling()
    desk.actions = [cancel]
    await say(desk, 1, "mau batal pesanan KS-1", says(text))
    await desk.deliver()
    desk.now += timedelta(seconds=5)
    await say(desk, 2, answer, calls("cancel_order", order_id="KS-1"), says("Sudah."))
    return cancel


@pytest.mark.parametrize(
    "text",
    [
        "Mau saya batalkan pesanan KS-1?",
        "Would you like me to cancel order KS-1?",
        "Saya akan batalkan pesanan KS-1 dan dananya kembali. Lanjut?",
    ],
)
async def test_who_said_yes_to_the_models_own_question_is_not_asked_twice(desk: Desk, text: str) -> None:
    cancel = await own_question(desk, text, "iya kak, makasih")
    assert len(cancel.ran) == 1
    assert await desk.said() == ["Sudah."]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Mau saya bantu pesanan KS-1?", "ya"),
        ("Mau saya batalkan pesanan KS-2?", "ya"),
        ("Mau saya batalkan pesanannya?", "ya"),
        ("Pesanan KS-1 tidak bisa dibatalkan. Lanjut kirim?", "ya"),
        ("Pesanan KS-1 sudah dibatalkan. Ada lagi?", "ya"),
        ("Mau saya batalkan KS-1? Atau diganti?", "ya"),
        ("Batalkan KS-1 atau kirim sekarang?", "ya"),
        ("Mau saya batalkan pesanan KS-1?", "ya sudah"),
        ("Mau saya batalkan pesanan KS-1?", "ya kalau gratis"),
        ("Baik, saya batalkan pesanan KS-1.", "ya"),
    ],
)
async def test_a_question_of_the_model_that_asks_for_something_else_is_no_confirmation(
    desk: Desk, text: str, answer: str
) -> None:
    cancel = await own_question(desk, text, answer)
    assert cancel.ran == []


async def test_a_process_that_died_between_the_yes_and_the_call_does_it_once(desk: Desk) -> None:
    cancel = await question(desk)
    await desk.receive(message(2, "ya"))
    await desk.claim("dead")
    desk.now += timedelta(minutes=2)
    desk.model.replies = [says("Sudah dibatalkan.")]
    await desk.answer()
    assert len(cancel.ran) == 1


@pytest.mark.parametrize(("idempotent", "runs"), [(False, 1), (True, 2)])
async def test_a_process_that_died_between_the_call_and_its_receipt_repeats_only_what_is_harmless(
    desk: Desk, *, idempotent: bool, runs: int
) -> None:
    cancel = await question(desk)
    cancel.idempotent = idempotent

    async def die() -> None:
        cancel.before = None
        cancel.ran.append(({}, "died"))
        raise KeyboardInterrupt

    cancel.before = die
    await desk.receive(message(2, "ya"))
    with pytest.raises(KeyboardInterrupt):
        await desk.answer()
    desk.now += timedelta(minutes=2)
    desk.model.replies = [says("Kami cek dulu ya.")]
    turn = await desk.answer()
    assert len(cancel.ran) == runs
    assert turn.unknown == ([] if idempotent else ["cancel_order"])


def test_a_message_was_written_when_the_platform_says_but_not_after_it_came() -> None:
    event = message(1)
    whole, exact = NOW, NOW + timedelta(milliseconds=250)
    assert written_by(replace(event, sent_at=whole), NOW + timedelta(seconds=5)) == NOW + timedelta(
        microseconds=999_999
    )
    assert written_by(replace(event, sent_at=exact), NOW + timedelta(seconds=5)) == exact
    assert written_by(replace(event, sent_at=NOW + timedelta(hours=1)), NOW) == NOW


def test_a_question_names_a_date_in_words() -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    arguments = {"day": "2026-12-07", "people": "4"}
    template = "Pesan meja {day} untuk {people}?"
    assert asks_for("Saya pesan meja untuk 4 orang tanggal 7 Desember 2026, ya?", template, arguments, now)
    assert not asks_for("Saya pesan meja untuk 5 orang tanggal 7 Desember 2026, ya?", template, arguments, now)


@pytest.mark.parametrize(
    "said",
    [
        "Batalkan pesanan KS-1? Atau KS-1 dikirim saja?",
        "Batalkan pesanan KS-1? Alamatnya masih sama?",
        "Pesanan KS-1 sudah dibatalkan. Lanjut?",
        "Pesanan KS-1 tidak bisa dibatalkan. Lanjut saja?",
        "Pesanan KS-1 tidak saya batalkan ya?",
    ],
)
def test_a_message_with_two_questions_or_that_denies_the_deed_does_not_ask_for_it(said: str) -> None:
    asked = {"order_id": "KS-1"}
    assert asks_for("Batalkan pesanan KS-1?", QUESTION, asked, NOW)
    assert not asks_for(said, QUESTION, asked, NOW)
