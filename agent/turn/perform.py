"""Performing an action as a step: asked for first where agent.yaml says so, recorded before it happens, and never done twice.

What an action does is known by its identity (`actions.identity`), not by the text of a call: its place in the step log and its idempotency
key are made of it, so that a repeated call of the model, a resumed turn and an answered question all find the same effect.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from actions.action import Action, Context, Outcome
from actions.identity import Identity, contract_of, identity_of
from actions.template import question as question_of
from agent import slots
from agent.faults import point
from agent.ledger.codec import pack_outcome, unpack_outcome
from agent.ledger.confirmations import Confirmation
from agent.ledger.errors import LeaseLost, LedgerUnavailable
from agent.ledger.steps import EFFECT
from agent.turn import consent, grounds
from agent.turn.context import TurnContext
from settings.text import cleaned

log = structlog.get_logger()


async def perform(
    turn: TurnContext, action: Action, arguments: dict[str, Any], *, key: str, clock: Callable[[], datetime]
) -> Outcome:
    """Perform an action for a turn.

    One that nobody asked for is refused. One that needs the customer's yes is turned into the question, unless they have said it. An
    effect that this turn has had is answered with its receipt.

    Args:
        turn: keeps what the action returned.
        action: what to run.
        arguments: as the model, or the question that was answered, has them.
        key: the place of the call in the step log.
        clock: the time, aware UTC.

    Raises:
        LedgerUnavailable: a step cannot be written; the action has not run if it is the first one.
        LeaseLost: another worker has taken the turn over.
    """
    if not action.effect and action.confirm is None:
        refusal = grounds.lacking(turn, action)
        outcome = refusal or await look_up(turn, action, arguments, key=key, clock=clock)
        keep(turn, action, arguments, outcome, clock)
        return outcome
    effect = identity_of(action, arguments)
    if (before := turn.done.get(effect.key)) is not None:
        return replace(before, content=f"This was done before in this turn, once. {before.content}", requests=())
    asked_in = await consent.agreed_in(turn, action, effect, clock())
    if asked_in is None:
        refusal = grounds.lacking(turn, action) or grounds.repeated(turn, action, effect)
        if refusal is not None:
            return refusal
    if action.confirm is not None and asked_in is None:
        if turn.asked is not None and turn.asked.digest == effect.digest and turn.asked.reading == "no":
            return Outcome("refused", "The customer said no. Nothing was done.")
        context = turn.action_context(_idempotency_key(turn.effect_id, effect), clock())
        return await _ask_first(turn, action, arguments, context, clock)
    if asked_in is not None and turn.asked is not None:
        arguments = dict(turn.asked.arguments)  # what the customer said yes to, to the letter
    if not action.effect:
        outcome = await look_up(turn, action, arguments, key=key, clock=clock)
    elif (refusal := _beyond(turn, action)) is not None:
        return refusal
    else:
        outcome = await _effect(
            turn, action, arguments, effect, key=key, asked_in=asked_in or turn.effect_id, clock=clock
        )
    if outcome.status in ("done", "unknown"):
        turn.done[effect.key] = outcome
    keep(turn, action, arguments, outcome, clock, asked_in=asked_in)
    return outcome


def _beyond(turn: TurnContext, action: Action) -> Outcome | None:
    """The refusal where the turn has had as many different effects of an action as agent.yaml allows."""
    before = [outcome for (name, _), outcome in turn.done.items() if name == action.name]
    if action.per_turn is None or len(before) < action.per_turn:
        return None
    return Outcome(
        "refused",
        f"Not called: {action.name} was done {'once' if len(before) == 1 else f'{len(before)} times'} in this turn, which is all that "
        f"one turn may do (per_turn: {action.per_turn}). What was done: {before[-1].content} Tell the customer what is left; it can "
        "be done when they write again.",
    )


async def look_up(
    turn: TurnContext, action: Action, arguments: dict[str, Any], *, key: str, clock: Callable[[], datetime]
) -> Outcome:
    """Run an action that changes nothing, or find what it returned before. Arguments as in `perform`."""
    given = {"name": action.name, "arguments": arguments}
    if (step := turn.steps.finished(key, given)) is not None:
        return unpack_outcome(step.output)
    started_at = clock()
    async with slots.released():
        name = f"balas-{turn.id}-{key.replace('/', '-')}"
        outcome = await run_action(action, arguments, turn.action_context(name, clock()))
        if outcome.status == "refused" and await turn.recollect():
            outcome = await run_action(action, arguments, turn.action_context(name, clock()))
    turn.steps.note(key, "action", action.name, given, pack_outcome(outcome), started_at=started_at)
    point("action-recorded")
    return outcome


async def _effect(
    turn: TurnContext,
    action: Action,
    arguments: dict[str, Any],
    effect: Identity,
    *,
    key: str,
    asked_in: str,
    clock: Callable[[], datetime],
) -> Outcome:
    """Run an action that changes something. Its place is that of the effect; what was refused stays at the place of the call."""
    named, given = {"name": action.name, "arguments": arguments}, {"effect": effect.digest}
    if (step := turn.steps.finished(key, named)) is not None:
        return unpack_outcome(step.output)
    attempt = turn.attempts[effect.digest] = turn.attempts.get(effect.digest, 0) + 1
    place = f"{EFFECT}{effect.digest}/{attempt}"
    if (step := turn.steps.finished(place, given)) is not None:
        turn.effects.append(action.name)
        return unpack_outcome(step.output)
    context = turn.action_context(_idempotency_key(asked_in, effect), clock())
    interrupted = turn.steps.interrupted(place, given)
    if interrupted and not action.idempotent:
        outcome = Outcome(
            "unknown",
            f"{action.name} broke off: it may or may not have been done. Do not call it again; "
            "tell the customer that a colleague will look into it.",
        )
        turn.effects.append(action.name)
    else:
        started_at = clock()
        refusal = await _check(action, arguments, context)
        if refusal is not None and await turn.recollect():
            context = turn.action_context(context.key, clock())
            refusal = await _check(action, arguments, context)
        if refusal is not None:
            await turn.steps.record(key, "action", action.name, named, pack_outcome(refusal), started_at=started_at)
            return refusal
        if not interrupted:
            await turn.steps.start(place, "action", action.name, given, shown={**named, "place": key})
        point("effect-started")
        turn.effects.append(action.name)
        async with slots.released():
            outcome = await run_action(action, arguments, context)
        point("effect-done")
    await turn.steps.finish(place, "action", action.name, given, pack_outcome(outcome))
    point("action-recorded")
    return outcome


def keep(
    turn: TurnContext,
    action: Action,
    arguments: dict[str, Any],
    outcome: Outcome,
    clock: Callable[[], datetime],
    *,
    asked_in: str | None = None,
) -> None:
    """Keep what an action returned, and its question.

    An action may ask by itself (an amount that looks mistyped): the customer's yes then runs it, without the model.

    Args:
        turn: where it is kept.
        action: what ran.
        arguments: with which.
        outcome: what it returned.
        clock: the time, aware UTC.
        asked_in: the turn whose question the customer said yes to.
    """
    if outcome.status == "done" and action.effect and action.builtin is None:
        turn.changes.append(change_of(action.name, arguments))
    turn.take(action, outcome)
    if outcome.status == "done":
        turn.asked_with.append(arguments)
    if outcome.status == "confirm" and turn.question is None and asked_in is None:
        turn.question = _to_confirm(turn, action, arguments, outcome.content, clock)


def change_of(action: str, arguments: Mapping[str, Any]) -> str:
    """Say for people what an effect has changed: `refund order (KS-1, 50000)`."""
    values = ", ".join(str(value) for value in arguments.values() if isinstance(value, (str, int, float)))
    name = action.replace("_", " ")
    return f"{name} ({values})" if values else name


async def _ask_first(
    turn: TurnContext, action: Action, arguments: dict[str, Any], context: Context, clock: Callable[[], datetime]
) -> Outcome:
    refusal = await _check(action, arguments, context)
    if refusal is not None and await turn.recollect():
        context = turn.action_context(context.key, clock())
        refusal = await _check(action, arguments, context)
    if refusal is not None:
        return refusal
    if turn.question is not None:
        return Outcome("refused", "Another action waits for the customer's yes; one at a time.")
    question = question_of(action, arguments, context)
    turn.question = _to_confirm(turn, action, arguments, question, clock)
    return Outcome("confirm", f"Nothing was done yet. The customer is asked: {question}")


def _to_confirm(
    turn: TurnContext, action: Action, arguments: dict[str, Any], question: str, clock: Callable[[], datetime]
) -> Confirmation:
    expires_at = clock() + action.confirm_expires
    return Confirmation(action.name, arguments, question, turn.id, expires_at, contract_of(action))


async def _check(action: Action, arguments: dict[str, Any], context: Context) -> Outcome | None:
    """The action's check; one that fails is a refusal."""
    try:
        return cleaned(await action.check(arguments, context))
    except (LedgerUnavailable, LeaseLost):
        raise
    except Exception as error:
        log.exception("action_failed", action=action.name)
        return Outcome("refused", f"Nothing was done: the arguments cannot be read ({type(error).__name__}).")


async def run_action(action: Action, arguments: dict[str, Any], context: Context) -> Outcome:
    """Run an action; its outcome, cleaned. One that raises has failed; if it may have changed something, nobody knows."""
    try:
        return cleaned(await action.run(arguments, context))
    except (LedgerUnavailable, LeaseLost):
        raise
    except Exception as error:
        log.exception("action_failed", action=action.name)
        if action.effect and action.builtin is None:
            return Outcome("unknown", f"{action.name} broke off: it may or may not have been done.")
        return Outcome("failed", f"It was not done: {action.name} broke off ({type(error).__name__}).")


def _idempotency_key(turn: str, effect: Identity) -> str:
    """The key of an effect: the same for a resumed turn and for the question that was put for it, another for every other effect."""
    return f"balas-{turn}-{effect.digest}"
