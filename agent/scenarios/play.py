"""Playing a scenario: its turns one after the other against a conversation, and what differs from what it expects."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.config.document import Path as Place
from agent.scenarios.conversation import Conversation, Happened, open_conversation
from agent.scenarios.expectations import Difference, differences, joined
from agent.scenarios.format import Expectation, Scenario, Turn, begins
from agent.scenarios.outside import Ledgered
from agent.scenarios.stage import Stage
from settings.clock import now

if TYPE_CHECKING:
    from agent.models.chat import ChatModel

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

    `error` says why it could not be played to its end.
    """

    happened: Sequence[Happened]
    failed: Sequence[Failed]
    verdicts: Sequence[Mapping[str, Any]] = ()
    error: str | None = None

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
    """
    record = _Record()
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
        return Played(record.happened, record.failed, error=f"it took longer than {patience:g} s and was stopped")
    return Played(record.happened, record.failed)


async def _turns(scenario: Scenario, conversation: Conversation, record: _Record) -> None:
    for number, turn in enumerate(scenario.settings.turns or ()):
        happened = await perform(conversation, turn, scenario)
        record.happened.append(happened)
        place: Place = ("turns", number)
        _hold(scenario, place, turn.expect or (), happened, record)
    _hold(scenario, (), scenario.settings.expect or (), joined(record.happened), record)


async def perform(conversation: Conversation, turn: Turn, scenario: Scenario) -> Happened:
    """Let one turn of a scenario happen."""
    if turn.platform is not None:
        return conversation.fail(turn.platform)
    if turn.colleague is not None:
        return await conversation.colleague(turn.colleague)
    if turn.wait is not None:
        return await conversation.wait(turn.wait)
    return await conversation.say(turn.messages, scenario.resolve)


def _hold(
    scenario: Scenario, place: Place, expected: Sequence[Expectation], happened: Happened, record: _Record
) -> None:
    """Note what differs from the expectations at a place, and what is wrong with the scenario itself."""
    for number, expectation in enumerate(expected):
        where: Place = (*place, "expect", number)
        for difference in differences(expectation, happened):
            exact: Place = (*where, *difference.key.split("."))
            record.failed.append(Failed(exact, scenario.line(exact), difference))
    for problem in happened.problems:
        record.failed.append(Failed(place, scenario.line(place), Difference("scenario", "nothing missing", problem)))
