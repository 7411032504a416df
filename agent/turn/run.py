"""One run of a turn: what it has learned and done so far. It travels through the loop as the graph's context."""

import asyncio
from dataclasses import dataclass, field, replace

from actions.action import (
    Action,
    ChangeTags,
    CloseConversation,
    Comment,
    Context,
    HandOver,
    Json,
    Outcome,
    Request,
    SetLifecycle,
    UpdateContact,
)
from agent.turn.arrivals import Arrivals
from agent.turn.steps import StepLog

_ASIDE = (HandOver, UpdateContact, ChangeTags, SetLifecycle, Comment, CloseConversation)
"""What actions ask of the desk: no answer to the customer."""


class TurnStopped(Exception):
    """The loop ends without an answer of the model."""


class Superseded(TurnStopped):
    """A newer message arrived and nothing has been done yet: the turn starts again with both."""


class LimitReached(TurnStopped):
    """A limit of agent.yaml was reached; the message names it."""


class ModelsFailed(TurnStopped):
    """The model and all its fallbacks failed; the message says how."""


@dataclass(slots=True)
class TurnRun:
    """`arrivals` tells of newer messages, where they may start the turn again; `deadline` is on the event loop's clock."""

    log: StepLog
    context: Context
    system: str
    deadline: float
    arrivals: Arrivals | None
    model_calls: int = 0
    action_calls: int = 0
    effects: list[str] = field(default_factory=list)  # names of actions with an effect that were begun
    receipts: list[str] = field(default_factory=list)  # names of actions that ended as done
    unknown: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)  # names of actions whose outcome there is something to say about
    requests: list[Request] = field(default_factory=list)
    question: tuple[Action, dict[str, Json], str] | None = None  # to be confirmed by the customer
    calls: dict[str, int] = field(default_factory=dict)  # how often the same call was asked for
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def take(self, action: Action, outcome: Outcome) -> None:
        """Keep what an action brought."""
        if outcome.status != "refused" and not (
            outcome.requests and all(isinstance(request, _ASIDE) for request in outcome.requests)
        ):
            self.answered.append(action.name)
        if outcome.status == "done":
            self.receipts.append(action.name)
            self.requests.extend(outcome.requests)
            results = dict(self.context.results)
            results[action.name] = [*results.get(action.name, ()), outcome.data]
            self.context = replace(self.context, results=results)
        elif outcome.status == "unknown":
            self.unknown.append(action.name)
