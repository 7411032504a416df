"""Playing a scenario: its turns one after the other against a conversation, and what differs from what it expects."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from actions.errors import ActionsError
from agent.config.document import ConfigErrors
from agent.config.document import Path as Place
from agent.errors import InputError
from agent.models.ask import NoAnswer
from agent.scenarios.actors import Verdict, judge, next_message
from agent.scenarios.check import refuse, unknown_actions, unknown_names
from agent.scenarios.conversation import Conversation, open_conversation
from agent.scenarios.expectations import Difference, differences
from agent.scenarios.expected import Expectation
from agent.scenarios.format import Said, Scenario, Simulation, Turn, begins
from agent.scenarios.happened import Happened, joined
from agent.scenarios.outside import Ledgered
from agent.scenarios.stage import Stage
from settings.clock import now

if TYPE_CHECKING:
    from agent.models.chat import ChatModel

_THINKS = timedelta(seconds=20)
"""How long a simulated customer takes for a message, in the conversation's time."""

PATIENCE = 120.0
"""Seconds of real time that one conversation may take."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An expectation that was not met, with its place in the file."""

    place: Place
    line: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class Played:
    """One run of a scenario: what happened turn by turn, and what was not as expected.

    `error` says why it could not be played to its end; `offered` are the names of the actions.
    """

    happened: Sequence[Happened]
    failed: Sequence[Failed]
    verdicts: Sequence[Verdict] = ()
    error: str | None = None
    offered: Sequence[str] = ()

    @property
    def passed(self) -> bool:
        return not self.failed and self.error is None

    @property
    def tokens(self) -> int:
        return sum(each.tokens for each in self.happened)

    @property
    def cost(self) -> float:
        return sum(each.cost for each in self.happened)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.happened)


@dataclass(slots=True)
class _Record:
    happened: list[Happened] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    ledgered: Ledgered | None = None


async def play(
    scenario: Scenario,
    stage: Stage,
    models: "Callable[[Ledgered], Sequence[ChatModel]]",
    *,
    start: datetime | None = None,
    patience: float = PATIENCE,
) -> Played:
    """Play a scenario once.

    Args:
        scenario: what happens, and what is expected.
        stage: what the conversations of a run share.
        models: who answers, given what the conversation notes.
        start: when it begins, where the scenario leaves that open.
        patience: seconds of real time that it may take.

    Raises:
        ConfigErrors: it names what the agent does not have.
    """
    record = _Record()
    refuse(scenario, unknown_names(scenario, stage.config, stage.documents))
    at = begins(scenario.settings, stage.config.zone) or start or now()
    try:
        async with (
            asyncio.timeout(patience),
            open_conversation(
                stage,
                facts=scenario.settings.contact,
                begins=at,
                answers=scenario.settings.actions,
                models=models,
            ) as conversation,
        ):
            await _turns(scenario, conversation, record)
    except TimeoutError:
        error = f"it took longer than {patience:g} s and was stopped"
        return Played(record.happened, record.failed, record.verdicts, error)
    except ConfigErrors:
        raise
    except (ActionsError, InputError, NoAnswer) as problem:
        missing = record.ledgered.problems if record.ledgered is not None else []
        return Played(record.happened, record.failed, record.verdicts, "; ".join(missing) or str(problem))
    offered = record.ledgered.offered if record.ledgered is not None else ()
    return Played(record.happened, record.failed, record.verdicts, offered=offered)


async def _turns(scenario: Scenario, conversation: Conversation, record: _Record) -> None:
    record.ledgered = conversation.ledgered
    refuse(scenario, unknown_actions(scenario, conversation.agent.config, conversation.agent.actions))
    for number, turn in enumerate(scenario.settings.turns or ()):
        record.happened.append(await perform(conversation, turn, scenario.resolve))
        await _hold(scenario, conversation, ("turns", number), turn.expect or (), record.happened[-1], record)
    if (simulation := scenario.settings.simulate) is not None:
        await _simulated(simulation, conversation, record)
    whole = joined(record.happened)
    await _hold(scenario, conversation, (), scenario.settings.expect or (), whole, record)


async def _simulated(simulation: Simulation, conversation: Conversation, record: _Record) -> None:
    """Let the model play the customer until it has finished, or has written as often as it may."""
    said: list[tuple[str, str]] = []
    while len(said) < simulation.turns:
        text = await next_message(conversation.models, simulation, said, conversation.timeline)
        if text is None:
            return
        record.happened.append(await conversation.say([Said(text=text)], Path))
        said.append((text, record.happened[-1].text))
        conversation.timeline.move_by(_THINKS)


async def perform(conversation: Conversation, turn: Turn, resolve: Callable[[str], Path]) -> Happened:
    """Let one turn of a scenario happen; `resolve` finds the files that it names."""
    if turn.platform is not None:
        return conversation.fail(turn.platform)
    if turn.receivers is not None:
        return conversation.fail_receivers(turn.receivers)
    if turn.history is not None:
        return await conversation.remember(turn.history)
    if turn.event is not None:
        return await conversation.event(turn.event)
    if turn.hook is not None:
        ((name, body),) = turn.hook.items()
        return await conversation.hook(name, body)
    if turn.broadcast is not None:
        return await conversation.broadcast(resolve(turn.broadcast))
    if turn.colleague is not None:
        return await conversation.colleague(turn.colleague)
    if turn.wait is not None:
        return await conversation.wait(turn.wait)
    return await conversation.say(turn.messages, resolve)


async def _hold(
    scenario: Scenario,
    conversation: Conversation,
    place: Place,
    expected: Sequence[Expectation],
    happened: Happened,
    record: _Record,
) -> None:
    """Note what differs from the expectations at a place, and what is wrong with the scenario itself."""
    for number, expectation in enumerate(expected):
        where: Place = (*place, "expect", number)
        found = differences(expectation, happened)
        if expectation.judge is not None:
            known = len(conversation.ledgered.problems)
            verdict = await judge(
                conversation.models, expectation.judge, _transcript(record.happened), conversation.timeline
            )
            record.verdicts.append(verdict)
            missing = conversation.ledgered.problems[known:]
            del conversation.ledgered.problems[known:]
            if not verdict.passed:
                found.append(Difference("judge", expectation.judge, "; ".join(missing) or verdict.reason))
        for difference in found:
            exact: Place = (*where, *difference.key.split("."))
            record.failed.append(Failed(exact, scenario.line(exact), difference))
    for problem in happened.problems:
        record.failed.append(Failed(place, scenario.line(place), Difference("scenario", "nothing missing", problem)))


def _transcript(happened: Sequence[Happened]) -> str:
    lines = []
    for each in happened:
        lines.append(f"customer: {each.said}")
        lines += [f"agent: {message.text or f'[{message.kind}]'}" for message in each.messages]
    return "\n".join(lines)
