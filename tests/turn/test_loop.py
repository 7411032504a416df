"""The model with its tools: limits, retries and fallbacks, and actions that run once."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from actions.action import Outcome
from actions.identity import contract_of, identity_of
from agent.ledger.confirmations import Confirmation
from agent.ledger.turns import LEASE
from agent.models.judge import call_id
from agent.turn.context import LimitReached, ModelsFailed, Superseded, TurnContext
from agent.turn.loop import tool_of
from agent.turn.perform import perform
from agent.turn.steps import told
from tests.ledger.messages import message
from tests.turn.harness import CountedAction, Desk, ScriptedModel, calls, says, then


def refused(status: int, headers: dict[str, str] | None = None) -> openai.APIStatusError:
    response = httpx.Response(status, headers=headers, request=httpx.Request("POST", "http://model.example"))
    return openai.APIStatusError("no", response=response, body=None)


async def begun(desk: Desk, text: str = "batalkan KS-1") -> TurnContext:
    await desk.receive(message(1, text))
    return await desk.claim()


async def ask(desk: Desk, turn: TurnContext) -> str:
    turn.system = "You are Melati."
    return await desk.loop().answer(turn, [HumanMessage(turn.text)])


def place(action: CountedAction, arguments: dict[str, Any]) -> str:
    """Where the first attempt of an effect stands in the step log."""
    return f"effect/{identity_of(action, arguments).digest}/1"


async def test_the_model_calls_an_action_and_answers_with_what_it_returned(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order", Outcome("done", "shipped", {"id": "KS-1"}))]
    desk.model.replies = [calls("get_order", order_id="KS-1"), says(" Sudah dikirim. ")]
    turn = await begun(desk)
    assert await ask(desk, turn) == "Sudah dikirim."
    assert [each.text for each in desk.model.asked[1]] == ["You are Melati.", "batalkan KS-1", "", "shipped"]
    assert (turn.receipts, turn.effects, turn.results) == (["get_order"], [], {"get_order": [{"id": "KS-1"}]})
    assert (turn.steps.tokens, turn.steps.cost) == (15, 15 / 1_000_000)
    assert await desk.steps(turn) == ["model/1", "action/1/1", "model/2"]


async def test_an_action_gets_the_customer_and_a_key_of_its_own(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", effect=True)]
    desk.model.replies = [calls("cancel_order", order_id="KS-1"), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    context = desk.actions[0].contexts[0]
    effect = identity_of(desk.actions[0], {"order_id": "KS-1"})
    assert context.key == f"balas-{turn.id}-{effect.digest}"
    assert (context.contact["id"], context.contact["phone"], context.language) == ("7", "+6281234567802", "id")


@pytest.mark.parametrize(
    "limits",
    [{"model_calls": 1}, {"actions": 0}, {"tokens_per_turn": 100}],
    ids=["model calls", "actions", "tokens"],
)
async def test_at_a_limit_one_call_without_actions_says_what_was_done(desk: Desk, limits: dict[str, Any]) -> None:
    desk.limits, desk.actions = limits, [CountedAction("get_order")]
    expensive = calls("get_order")
    expensive.usage_metadata = {"input_tokens": 100, "output_tokens": 1, "total_tokens": 101}
    desk.model.replies = [expensive, says("Pesanan ditemukan, sisanya belum.")]
    turn = await begun(desk)
    assert await ask(desk, turn) == "Pesanan ditemukan, sisanya belum."
    assert "<runtime>\nThis turn has reached its limit" in desk.model.asked[1][-1].text
    assert desk.model.choices == ["any", "none"]


async def test_a_model_that_still_calls_at_the_limit_ends_the_loop_with_the_limit_named(desk: Desk) -> None:
    desk.limits, desk.actions = {"model_calls": 1}, [CountedAction("get_order")]
    desk.model.replies = [calls("get_order"), calls("get_order")]
    turn = await begun(desk)
    with pytest.raises(LimitReached, match=r"limits\.model_calls: 1"):
        await ask(desk, turn)
    assert len(desk.actions[0].ran) == 1


async def test_the_same_call_again_is_answered_from_memory(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", Outcome("done", "cancelled"), effect=True)]
    desk.model.replies = [
        calls("cancel_order", "a", order_id="1"),
        calls("cancel_order", "b", order_id="1"),
        says("ok"),
    ]
    turn = await begun(desk)
    await ask(desk, turn)
    assert len(desk.actions[0].ran) == 1
    assert desk.model.asked[2][-1].text == "This was called with the same arguments before. cancelled"


async def test_a_call_of_an_action_that_does_not_exist_is_told_to_the_model_with_those_that_do(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order")]
    desk.model.replies = [calls("fly"), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    assert "there is no tool 'fly'. Nothing was done. The tools are: get_order" in desk.model.asked[1][-1].text


async def test_a_model_that_is_busy_is_asked_again_and_then_the_fallback(desk: Desk) -> None:
    desk.fallback = ScriptedModel(replies=[says("Halo.")])
    desk.model.replies = [refused(503, {"retry-after-ms": "1"}), refused(503, {"retry-after-ms": "1"})]
    turn = await begun(desk)
    assert await ask(desk, turn) == "Halo."
    assert len(desk.model.asked) == 2, "once, and as often again as model.retries says"


async def test_what_repeating_cannot_help_goes_to_the_fallback_at_once(desk: Desk) -> None:
    desk.fallback = ScriptedModel(replies=[says("Halo.")])
    desk.model.replies = [refused(401)]
    turn = await begun(desk)
    assert await ask(desk, turn) == "Halo."


async def test_when_all_models_fail_each_is_named_with_its_reason(desk: Desk) -> None:
    desk.fallback = ScriptedModel(replies=[refused(404)])
    desk.model.replies = [refused(401)]
    turn = await begun(desk)
    expected = "scripted: the model's server answered 401; fallback: the model's server answered 404"
    with pytest.raises(ModelsFailed, match=expected):
        await ask(desk, turn)


async def test_a_newer_message_ends_the_loop_before_the_action_runs(desk: Desk) -> None:
    async def write_on() -> None:
        await desk.receive(message(2, "eh jangan"))

    desk.actions = [CountedAction("cancel_order", effect=True)]
    desk.model.replies = [then(write_on, calls("cancel_order"))]
    turn = await begun(desk)
    with pytest.raises(Superseded):
        await ask(desk, turn)
    assert desk.actions[0].ran == []


async def test_an_effect_is_written_down_before_it_happens(desk: Desk) -> None:
    turn = await begun(desk)

    async def look() -> None:
        assert await desk.steps(turn) == [place(action, {})]

    action = CountedAction("cancel_order", effect=True, before=look)
    await perform(turn, action, {}, key="k", clock=desk.clock)
    assert (len(action.ran), turn.effects) == (1, ["cancel_order"])


async def test_a_refused_effect_is_not_begun(desk: Desk) -> None:
    turn = await begun(desk)
    action = CountedAction("cancel_order", effect=True, refusal=Outcome("refused", "which order?"))
    outcome = await perform(turn, action, {}, key="k", clock=desk.clock)
    assert (told(outcome), action.ran, turn.effects) == ("[refused] which order?", [], [])


@pytest.mark.parametrize(("idempotent", "status", "runs"), [(False, "unknown", 0), (True, "done", 1)])
async def test_an_interrupted_effect_is_repeated_only_when_that_is_harmless(
    desk: Desk, *, idempotent: bool, status: str, runs: int
) -> None:
    turn = await begun(desk)
    action = CountedAction("refund", effect=True, idempotent=idempotent)
    digest = identity_of(action, {}).digest
    await turn.steps.start(place(action, {}), "action", "refund", {"effect": digest})
    outcome = await perform(turn, action, {}, key="k", clock=desk.clock)
    assert (outcome.status, len(action.ran), turn.effects) == (status, runs, ["refund"])
    assert turn.unknown == (["refund"] if status == "unknown" else [])


async def test_a_finished_action_returns_its_outcome_and_does_not_run_again(desk: Desk) -> None:
    turn = await begun(desk)
    action = CountedAction("refund", Outcome("done", "refunded"), effect=True)
    for _ in range(2):
        outcome = await perform(turn, action, {}, key="k", clock=desk.clock)
    assert outcome.content.endswith("refunded")
    assert (len(action.ran), turn.receipts) == (1, ["refund"])


async def test_an_action_that_needs_a_yes_becomes_the_question_and_only_one_at_a_time(desk: Desk) -> None:
    turn = await begun(desk)
    action = CountedAction("refund", effect=True, confirm="Kembalikan {amount}?")
    first = await perform(turn, action, {"amount": 5}, key="a", clock=desk.clock)
    second = await perform(turn, action, {"amount": 6}, key="b", clock=desk.clock)
    expires_at = desk.now + timedelta(minutes=30)
    asked = Confirmation("refund", {"amount": 5}, "Kembalikan 5?", turn.id, expires_at, contract_of(action))
    assert turn.question == asked
    assert (first.status, second.status, action.ran) == ("confirm", "refused", [])


async def test_a_question_that_asks_for_an_action_that_is_gone_is_dropped(desk: Desk) -> None:
    turn = await begun(desk, "ya")
    turn.confirmation = Confirmation("gone", {}, "Batalkan?", "t0", desk.now + timedelta(minutes=1))
    assert await desk.loop().confirm(turn) == []
    assert turn.asked is None


async def test_another_message_than_yes_or_no_runs_nothing(desk: Desk) -> None:
    desk.actions = [CountedAction("refund", effect=True, confirm="Batalkan?")]
    turn = await begun(desk, "jam berapa tutup?")
    contract = contract_of(desk.actions[0])
    turn.confirmation = Confirmation("refund", {}, "Batalkan?", "t0", desk.now + timedelta(minutes=1), contract)
    assert await desk.loop().confirm(turn) == []
    assert turn.asked is None


async def test_a_fourth_identical_look_up_is_answered_from_memory_and_fails_nothing(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order", Outcome("done", "shipped"))]
    desk.model.replies = [*(calls("get_order", order_id="1") for _ in range(5)), says("ok")]
    turn = await begun(desk)
    assert await ask(desk, turn) == "ok"
    assert len(desk.actions[0].ran) == 1
    assert desk.model.asked[5][-1].text == "This was called with the same arguments before. shipped"


@pytest.mark.parametrize("status", ["done", "refused", "failed"])
async def test_a_model_that_calls_nothing_new_is_asked_for_its_answer(desk: Desk, status: Any) -> None:
    desk.actions = [CountedAction("get_order", Outcome(status, "so"))]
    desk.model.replies = [*(calls("get_order", order_id="1") for _ in range(6)), says("Baik Kak.")]
    turn = await begun(desk)
    assert await ask(desk, turn) == "Baik Kak."
    assert "This turn has reached its limit" in desk.model.asked[6][-1].text


async def test_what_was_looked_up_is_forgotten_when_something_was_changed(desk: Desk) -> None:
    order = CountedAction("get_order", Outcome("done", "open"))

    async def cancel() -> None:
        order.outcome = Outcome("done", "cancelled")

    desk.actions = [order, CountedAction("cancel_order", effect=True, before=cancel)]
    desk.model.replies = [
        calls("get_order", order_id="1"),
        calls("cancel_order", order_id="1"),
        calls("get_order", order_id="1"),
        says("ok"),
    ]
    turn = await begun(desk)
    await ask(desk, turn)
    assert [each.text for each in desk.model.asked[3] if each.type == "tool"] == ["open", "ok", "cancelled"]


@pytest.mark.parametrize("status", ["refused", "failed"])
@pytest.mark.parametrize("effect", [False, True])
async def test_a_call_that_was_not_carried_out_can_be_made_again(desk: Desk, status: Any, *, effect: bool) -> None:
    action = CountedAction("act", Outcome(status, "not yet"), effect=effect)
    desk.actions = [action]

    async def allow() -> None:
        action.outcome = Outcome("done", "now")

    desk.model.replies = [calls("act"), then(allow, calls("act")), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    assert desk.model.asked[2][-1].text == "now"


def several(*named: tuple[str, str], call_id: str = "same") -> AIMessage:
    """One answer that calls several actions, all under one id."""
    return AIMessage(
        "", tool_calls=[{"name": name, "args": {"order_id": order}, "id": call_id} for name, order in named]
    )


async def test_reading_calls_of_one_answer_run_side_by_side(desk: Desk) -> None:
    both = asyncio.Barrier(2)

    async def meet() -> None:
        await asyncio.wait_for(both.wait(), 30)

    desk.actions = [CountedAction("get_order", before=meet)]
    desk.model.replies = [several(("get_order", "1"), ("get_order", "2"), ("get_order", "1")), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    assert sorted(arguments["order_id"] for arguments, _ in desk.actions[0].ran) == ["1", "2"]
    assert len([each for each in desk.model.asked[1] if each.type == "tool"]) == 3
    assert sorted(await desk.steps(turn)) == ["action/1/1", "action/1/2", "model/1", "model/2"]


async def test_results_are_kept_in_the_order_of_the_calls_whichever_came_back_first(desk: Desk) -> None:
    quick = asyncio.Event()

    async def wait() -> None:
        await asyncio.wait_for(quick.wait(), 30)

    async def hurry() -> None:
        quick.set()

    slow = CountedAction("slow", Outcome("done", "slow", "slow"), before=wait)
    desk.actions = [slow, CountedAction("fast", Outcome("done", "fast", "fast"), before=hurry)]
    desk.model.replies = [several(("slow", "1"), ("fast", "1")), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    assert turn.receipts == ["slow", "fast"]
    assert [each.text for each in desk.model.asked[1][-2:]] == ["slow", "fast"]


async def test_effects_of_one_answer_run_in_order_and_what_is_read_after_them_is_new(desk: Desk) -> None:
    happened: list[str] = []

    def noted(name: str) -> Any:
        async def note() -> None:
            happened.append(name)

        return note

    desk.actions = [
        CountedAction(name, effect=name != "get_order", before=noted(name))
        for name in ("get_order", "cancel", "refund")
    ]
    desk.model.replies = [
        several(("get_order", "1"), ("cancel", "1"), ("refund", "1"), ("get_order", "1")),
        says("ok"),
    ]
    await ask(desk, await begun(desk))
    assert happened == ["get_order", "cancel", "refund", "get_order"]


@pytest.mark.parametrize("theirs", ["same", "", "é" * 3, "x" * 10_000], ids=["same", "empty", "not ASCII", "long"])
async def test_calls_get_ids_and_keys_of_their_own_whatever_the_server_calls_them(desk: Desk, theirs: str) -> None:
    desk.actions = [CountedAction("book", effect=True, per_turn=2)]
    desk.model.replies = [several(("book", "1"), ("book", "2"), call_id=theirs), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    keys = [key for _, key in desk.actions[0].ran]
    assert len(set(keys)) == 2
    assert all(key.startswith(f"balas-{turn.id}-") for key in keys)
    asked = next(each for each in desk.model.asked[1] if isinstance(each, AIMessage))
    ids = [call["id"] for call in asked.tool_calls]
    assert ids == [call_id(f"{turn.id}/1", 1), call_id(f"{turn.id}/1", 2)]
    assert [each.tool_call_id for each in desk.model.asked[1] if isinstance(each, ToolMessage)] == ids
    assert all(re.fullmatch("[0-9a-z]{9}", each or "") for each in ids)


async def test_that_the_customer_is_asked_first_stands_in_the_description_of_the_action(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order"), CountedAction("refund", effect=True, confirm="Refund {order_id}?")]
    described = [tool_of(action)["function"]["description"] for action in desk.actions]
    assert described == [
        "Does something.",
        "Does something. The customer is asked for a yes before it is done: call it without asking yourself.",
    ]


async def test_what_a_later_call_reads_again_is_no_new_work(desk: Desk) -> None:
    def costly(reply: AIMessage, tokens_in: int) -> AIMessage:
        reply.usage_metadata = {"input_tokens": tokens_in, "output_tokens": 100, "total_tokens": tokens_in + 100}
        return reply

    desk.limits, desk.actions = {"tokens_per_turn": 25_000}, [CountedAction("get_order")]
    desk.model.replies = [
        *(costly(calls("get_order", order_id=str(n)), 20_000 + 500 * n) for n in range(5)),
        costly(says("ok"), 23_000),
    ]
    turn = await begun(desk)
    assert await ask(desk, turn) == "ok"
    assert turn.work == 23_000 + 600
    assert "none" not in desk.model.choices


async def test_a_call_that_the_days_budget_does_not_hold_is_not_made(desk: Desk) -> None:
    desk.limits = {"usd_per_day": 0.00001}
    desk.model.replies = [says("ok")]
    turn = await begun(desk, "halo " * 500)
    with pytest.raises(LimitReached, match=r"limits\.usd_per_day: 1e-05 would be exceeded"):
        await ask(desk, turn)
    assert desk.model.asked == []


async def test_what_a_turn_has_paid_before_a_crash_is_counted_once_and_replayed_without_budget(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order", Outcome("done", "shipped"))]
    desk.model.replies = [calls("get_order", order_id="KS-1"), says("Sudah dikirim.")]
    first = await begun(desk)
    await ask(desk, first)
    await first.steps.flush()
    paid, asked = first.steps.cost, len(desk.model.asked)
    desk.now += LEASE * 2
    desk.limits = {"usd_per_day": paid, "usd_per_contact_per_day": paid}  # nothing is left for another call
    resumed = await desk.claim()
    assert (resumed.claim.takeovers, resumed.spent.usd, resumed.steps.charged) == (1, paid, paid)
    assert await ask(desk, resumed) == "Sudah dikirim."
    assert len(desk.model.asked) == asked
