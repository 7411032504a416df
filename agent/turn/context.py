"""What a turn is told before it begins: its claim, and everything the ledger knows that it may need."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

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
from agent.ledger import confirmations, history, memory, steps, turns
from agent.ledger.confirmations import Confirmation
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.inbound import Waiting
from agent.ledger.steps import Step
from agent.ledger.turns import Claim
from agent.models.values import TurnValues
from agent.turn.gate import Spent
from agent.turn.steps import StepLog
from messaging.types import ContactKey


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of the contact from before the messages that the model sees: notes, and facts by name."""

    summary: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Brief:
    """A claimed turn. `steps` are those of an earlier run of it; `said` holds the customer's own words."""

    claim: Claim
    steps: Sequence[Step]
    history: tuple[Line, ...]
    said: tuple[str, ...]
    results: dict[str, list[Json]]
    confirmation: Confirmation | None
    spent: Spent
    memory: Memory


def begin(
    connection: Connection,
    key: ContactKey,
    owner: str,
    now: datetime,
    *,
    quiet: Callable[[Sequence[Waiting]], datetime],
    lines: int,
) -> Brief | datetime | None:
    """Claim the contact's turn and read what it begins with, `lines` of history at most.

    Else when to ask again: more may be coming, or somebody else is at it. `None` when nothing is to be answered.
    """
    claim = turns.claim(connection, key, owner, now, turns.LEASE, quiet)
    if not isinstance(claim, Claim):
        return claim
    asked = {message.message_id for message in claim.messages}  # in the history already when they were given back
    known = history.recent(connection, key, lines)
    recent = [line for line in known if line.message_id not in asked]
    results: dict[str, list[Json]] = {}
    for name, output in steps.action_results(connection, key):
        if output["status"] == "done":
            results.setdefault(name, []).append(output["data"])
    remembered = memory.load(connection, key) if len(known) >= lines else None
    return Brief(
        claim=claim,
        steps=steps.of_turn(connection, claim.turn) if claim.takeovers else (),
        history=tuple(recent),
        said=_said(connection, key, known, lines),
        results=results,
        confirmation=confirmations.open_question(connection, key, now),
        spent=Spent(*turns.spent(connection, key, now - timedelta(days=1))),
        memory=Memory(
            None if remembered is None else remembered.text,
            {fact.key: fact.value for fact in memory.of_contact(connection, key)},
        ),
    )


def _said(connection: Connection, key: ContactKey, lines: Sequence[Line], limit: int) -> tuple[str, ...]:
    """What the customer wrote, also before what the model sees: their own words stay theirs, however long ago."""
    if len(lines) < limit:
        return tuple(line.text for line in lines if line.author == "contact")
    return tuple(history.said(connection, key))


_GOOD_FOR = 0.5
"""Seconds for which a look is as good as a new one: nobody writes to two answers of the machine faster than that."""


class Arrivals:
    """The messages of one contact that no turn has taken. `noticed` is what the last look found."""

    def __init__(self, database: Database, contact: ContactKey) -> None:
        self.noticed = False
        self._database = database
        self._contact = contact
        self._looked = -_GOOD_FOR

    def look(self, connection: Connection) -> None:
        """Look in a transaction that is made anyway."""
        self.noticed = turns.newer_messages(connection, self._contact)
        self._looked = time.monotonic()

    async def newer(self) -> bool:
        """Whether there are any, as of now."""
        if time.monotonic() - self._looked > _GOOD_FOR:
            await self._database.read(self.look)
        return self.noticed


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
    values: TurnValues
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
