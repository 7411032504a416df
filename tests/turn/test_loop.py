"""The model with its tools: limits, retries and fallbacks, and actions that run once."""

import threading
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from langsmith._internal._aiter import aio_to_thread
from langsmith.utils import get_env_var

from actions.action import Outcome
from agent.ledger.confirmations import Confirmation
from agent.turn.context import LimitReached, ModelsFailed, Superseded, TurnContext
from agent.turn.loop import perform, prepare_in_place, told
from agent.turn.prompt import conversation
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
    return await desk.loop().answer(turn, conversation(turn.history, turn.text))


async def test_the_model_calls_an_action_and_answers_with_what_it_returned(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order", Outcome("done", "shipped", {"id": "KS-1"}))]
    desk.model.replies = [calls("get_order", order_id="KS-1"), says(" Sudah dikirim. ")]
    turn = await begun(desk)
    assert await ask(desk, turn) == "Sudah dikirim."
    assert [each.text for each in desk.model.asked[1]] == ["You are Melati.", "batalkan KS-1", "", "shipped"]
    assert (turn.receipts, turn.effects, turn.results) == (["get_order"], [], {"get_order": [{"id": "KS-1"}]})
    assert (turn.steps.tokens, turn.steps.cost) == (15, 15 / 1_000_000)
    assert await desk.steps(turn) == ["model/1", "action/1/c1", "model/2"]


async def test_an_action_gets_the_customer_and_a_key_of_its_own(desk: Desk) -> None:
    desk.actions = [CountedAction("cancel_order", effect=True)]
    desk.model.replies = [calls("cancel_order", order_id="KS-1"), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    context = desk.actions[0].contexts[0]
    assert context.key == f"balas-{turn.id}-action-1-c1"
    assert (context.contact["id"], context.contact["phone"], context.language) == ("7", "+6281234567802", "id")


@pytest.mark.parametrize(
    ("limits", "replies", "reason"),
    [
        ({"model_calls": 1}, [calls("get_order"), says("ok")], "limits.model_calls: more than 1"),
        ({"actions": 0}, [calls("get_order"), says("ok")], "limits.actions: more than 0"),
        (
            {},
            [calls("get_order", f"c{n}", order_id="KS-1") for n in range(5)],
            "the same call of get_order was asked for 4 times",
        ),
    ],
    ids=["model calls", "actions", "identical calls"],
)
async def test_a_limit_ends_the_loop_and_is_named(
    desk: Desk, limits: dict[str, Any], replies: list[Any], reason: str
) -> None:
    desk.limits, desk.actions, desk.model.replies = limits, [CountedAction("get_order")], replies
    turn = await begun(desk)
    with pytest.raises(LimitReached, match=reason):
        await ask(desk, turn)


async def test_tokens_beyond_the_limit_allow_no_further_call(desk: Desk) -> None:
    desk.limits, desk.actions = {"tokens_per_turn": 100}, [CountedAction("get_order")]
    expensive = calls("get_order")
    expensive.usage_metadata = {"input_tokens": 100, "output_tokens": 1, "total_tokens": 101}
    desk.model.replies = [expensive, says("ok")]
    turn = await begun(desk)
    with pytest.raises(LimitReached, match=r"limits\.tokens_per_turn: more than 100"):
        await ask(desk, turn)


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


async def test_an_action_that_does_not_exist_is_refused_with_those_that_do(desk: Desk) -> None:
    desk.actions = [CountedAction("get_order")]
    desk.model.replies = [calls("fly"), says("ok")]
    turn = await begun(desk)
    await ask(desk, turn)
    assert desk.model.asked[1][-1].text == "[refused] There is no action 'fly'. Actions: get_order."


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
        assert await desk.steps(turn) == ["k"]

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
    await turn.steps.start("k", "action", "refund", {"name": "refund", "arguments": {}})
    outcome = await perform(turn, action, {}, key="k", clock=desk.clock)
    assert (outcome.status, len(action.ran), turn.effects) == (status, runs, ["refund"])
    assert turn.unknown == (["refund"] if status == "unknown" else [])


async def test_a_finished_action_returns_its_outcome_and_does_not_run_again(desk: Desk) -> None:
    turn = await begun(desk)
    action = CountedAction("refund", Outcome("done", "refunded"), effect=True)
    for _ in range(2):
        outcome = await perform(turn, action, {}, key="k", clock=desk.clock)
    assert (outcome.content, len(action.ran), turn.receipts) == ("refunded", 1, ["refund", "refund"])


async def test_an_action_that_needs_a_yes_becomes_the_question_and_only_one_at_a_time(desk: Desk) -> None:
    turn = await begun(desk)
    action = CountedAction("refund", effect=True, confirm="Kembalikan {amount}?")
    first = await perform(turn, action, {"amount": 5}, key="a", clock=desk.clock)
    second = await perform(turn, action, {"amount": 6}, key="b", clock=desk.clock)
    expires_at = desk.now + timedelta(minutes=30)
    assert turn.question == Confirmation("refund", {"amount": 5}, "Kembalikan 5?", turn.id, expires_at)
    assert (first.status, second.status, action.ran) == ("confirm", "refused", [])


async def test_a_question_that_asks_for_an_action_that_is_gone_is_settled(desk: Desk) -> None:
    turn = await begun(desk, "ya")
    turn.confirmation = Confirmation("gone", {}, "Batalkan?", "t0", desk.now + timedelta(minutes=1))
    assert await desk.loop().confirm(turn) == []
    assert turn.settled


async def test_another_message_than_yes_or_no_leaves_the_question_open(desk: Desk) -> None:
    desk.actions = [CountedAction("refund", effect=True, confirm="Batalkan?")]
    turn = await begun(desk, "jam berapa tutup?")
    turn.confirmation = Confirmation("refund", {}, "Batalkan?", "t0", desk.now + timedelta(minutes=1))
    assert await desk.loop().confirm(turn) == []
    assert not turn.settled


async def test_without_tracing_a_span_is_prepared_in_place() -> None:
    prepare_in_place()
    assert await aio_to_thread(copy_context(), threading.current_thread) is threading.current_thread()


async def test_with_tracing_a_span_keeps_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare_in_place()
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    get_env_var.cache_clear()
    try:
        assert await aio_to_thread(copy_context(), threading.current_thread) is not threading.current_thread()
    finally:
        get_env_var.cache_clear()
