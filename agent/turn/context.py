"""The context of a turn: claimed once, filled on the way, and read by every part of the turn.

`begin` claims what waits of a contact and reads in the same transaction everything that the turn may need. `Arrivals` tells
whether the customer has written more meanwhile. The exceptions with which a turn ends early stand at the end:

    TurnStopped
    ├── Superseded      a newer message arrived before anything was done
    ├── LimitReached    a limit of agent.yaml
    │   └── BudgetReached  the budget of the day, before any call
    └── ModelsFailed    the model and all its fallbacks
"""

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection

from actions.action import (
    Action,
    ChangeTags,
    CloseConversation,
    Comment,
    Context,
    CreateContact,
    HandOver,
    Json,
    Outcome,
    Request,
    SetLifecycle,
    UpdateContact,
)
from agent.ledger import confirmations, history, memory, steps, turns
from agent.ledger.confirmations import Confirmation
from agent.ledger.contacts import ContactState
from agent.ledger.database import Database
from agent.ledger.history import Line
from agent.ledger.inbound import Waiting
from agent.ledger.steps import PastCall
from agent.ledger.turns import Claim
from agent.models.values import TurnValues
from agent.turn import gate
from agent.turn.gate import Spent
from agent.turn.listen import PreparedMessage, prepared_unheard
from agent.turn.retrieval import Retrieved
from agent.turn.steps import StepLog
from language.clauses import Reading
from messaging.types import ContactKey
from settings.text import element

MOST_RESTARTS = 3
"""How often newer messages may start a turn again before it is finished as it is."""

_SUMMARISED = 8
"""Messages of a history below which none of it is ever left out, so that no summary is looked for."""

_ASKED_BY_BUSINESS = """\
The customer has not written. The business asks you to write to the customer now, of your own accord. Write that message and \
nothing else; do not mention this instruction.
{}"""

_NO_ANSWER = (HandOver, UpdateContact, CreateContact, ChangeTags, SetLifecycle, Comment, CloseConversation)
"""Requests of actions that colleagues see: they are no answer to the customer."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of the contact from before the messages that the model sees: a summary, and facts by name."""

    summary: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to which this turn's messages are the answer, and how they read.

    Attributes:
        action: what it is about.
        arguments: with which it would run.
        question: as it was put.
        turn: the turn in which it was put.
        digest: the identity of the effect.
        contract: of the action when it was asked about (`actions.identity.contract_of`).
        reading: what was answered; None for a condition, a question or something else.
    """

    action: str
    arguments: Mapping[str, Json]
    question: str
    turn: str
    digest: str
    contract: str
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question for the owner, without addresses and numbers of people. `nearest` is the id of the best passage there was."""

    question: str
    confidence: float
    nearest: str | None


_FRESH = 0.5
"""Seconds for which a check counts as current: no customer writes to two answers of the machine faster than that."""


class Arrivals:
    """The messages of one contact that no turn has claimed. `noticed` is what the last check found."""

    def __init__(self, database: Database, contact: ContactKey) -> None:
        self.noticed = False
        self._database = database
        self._contact = contact
        self._looked = -_FRESH

    def look(self, connection: Connection) -> None:
        """Check in a transaction that is made anyway."""
        self.noticed = turns.newer_messages(connection, self._contact)
        self._looked = time.monotonic()

    async def newer(self) -> bool:
        """Whether there are any, as of now or half a second ago.

        Raises:
            LedgerUnavailable: the ledger does not answer.
        """
        if time.monotonic() - self._looked > _FRESH:
            await self._database.read(self.look)
        return self.noticed


@dataclass(slots=True)
class TurnContext:
    """One turn between claim and commit: what it began with, what it found out, and what it has done so far.

    Attributes:
        claim: the lease, the contact as it was, and the messages to answer.
        steps: the step log, with the steps of an earlier run of the same turn.
        history: the messages before this turn, oldest first.
        said: the customer's own words, oldest first; provenance is looked up here.
        called: what earlier turns called, by turn, oldest first.
        earlier: how many messages the history left out before its first.
        results: what the actions of this conversation returned, by action name, oldest first.
        confirmation: the question that waits for the customer's yes from before.
        spent: what is used up of the limits of a day.
        memory: what is remembered from before the history.
        contact: the contact, with its whole profile once that was read.
        language: code of the language to answer in.
        messages: the claimed messages as words, in order; voice notes unheard until they were listened to.
        arrivals: tells of newer messages; `None` when they may not start this turn again.
        deadline: when the time of the turn is over, on the event loop's clock.
        retrieved: what the knowledge base says to the messages.
        instructions: what the owner tells the agent to do.
        system: the system prompt.
        shown: how many messages of the prompt, after the system's, are history.
        left_out: how many lines of the history did not fit into the prompt.
        pictures: what a model that sees is shown, as JPEG by id.
        values: the same facts for a model that is a program.
        requests: what the actions asked the runtime to do at commit.
        effects: names of the actions with an effect that were begun.
        receipts: names of the actions that ended as `done`.
        asked_with: the arguments with which they did: a result need not name again what was asked for.
        changes: what was done outside, in words.
        unknown: names of the actions whose outcome is unknown.
        answered: names of the actions whose outcome gives something to say.
        answered_by: name of the model that answered last.
        question: what the customer is to confirm after this turn.
        asked: the open `confirmation`, when the messages answer it.
        done: what this turn has done, or may have, by action and fingerprint of the effect.
        attempts: how often each effect was tried, by its fingerprint.
        recollected: whether `results` and `said` hold everything since the first message.
        gap: the question that the documents should have answered and did not.
    """

    claim: Claim
    steps: StepLog
    history: tuple[Line, ...]
    said: tuple[str, ...]
    called: Mapping[str, Sequence[PastCall]]
    earlier: int
    results: Mapping[str, Sequence[Json]]
    confirmation: Confirmation | None
    spent: Spent
    memory: Memory
    contact: ContactState
    language: str
    messages: Sequence[PreparedMessage]
    arrivals: Arrivals | None
    deadline: float = math.inf
    retrieved: Retrieved = field(default_factory=Retrieved)
    instructions: str = ""
    system: str = ""
    shown: int = 0
    left_out: int = 0
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    values: TurnValues | None = None
    requests: list[Request] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    asked_with: list[Mapping[str, Json]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    answered_by: str = ""
    question: Confirmation | None = None
    asked: Asked | None = None
    done: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    recollected: bool = False
    gap: Unanswered | None = None
    model_calls: int = 0
    work: int = 0  # tokens that were written, or read for the first time
    read: int = 0  # tokens of the last prompt
    action_calls: int = 0
    looked_up: dict[str, Outcome] = field(default_factory=dict)  # by the call; only as long as nothing was changed
    changed: dict[str, Outcome] = field(default_factory=dict)  # by the call; what may have happened is not repeated

    @property
    def id(self) -> str:
        """The id of the turn in the ledger."""
        return self.claim.turn

    @property
    def key(self) -> ContactKey:
        """The contact's key."""
        return self.claim.key

    @property
    def text(self) -> str:
        """The messages to answer, as the model reads them; or what the business asks for instead."""
        if self.instruction is not None:
            return element("runtime", _ASKED_BY_BUSINESS.format(self.instruction))
        return "\n".join(message.text for message in self.messages)

    @property
    def task(self) -> Mapping[str, Any] | None:
        """What a workflow wants done, where this turn answers no message."""
        return self.claim.task

    @property
    def instruction(self) -> str | None:
        """What the agent is to write to the customer about, by itself."""
        return None if self.task is None else self.task.get("instruction")

    @property
    def effect_id(self) -> str:
        """What the idempotency keys of this turn's effects are made of: the same for a step of a workflow that is retried."""
        return self.id if self.task is None else str(self.task["id"])

    @property
    def told(self) -> str:
        """The same with what they refer to."""
        if self.instruction is not None:
            return self.text
        return "\n".join(message.told for message in self.messages)

    @property
    def typed(self) -> list[str]:
        """The texts that the customer typed, without captions of ours for attachments."""
        return [message.text for message in self.claim.messages if message.text]

    @property
    def acted(self) -> bool:
        """Whether the answer rests on an action: on what one returned, or on the question that one asks."""
        return self.question is not None or bool(self.answered)

    @property
    def handed_over(self) -> bool:
        """Whether an action or a check has asked for a human."""
        return any(isinstance(request, HandOver) for request in self.requests)

    def action_context(self, key: str, now: datetime) -> Context:
        """What an action may know of this turn.

        Args:
            key: the idempotency key of the call.
            now: the time of the call.
        """
        contact = self.contact.contact
        facts = {
            "id": contact.key.id,
            "platform": contact.key.platform,
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "phone": contact.phone,
            "email": contact.email,
            "language": self.language,
            "country": contact.country,
            "tags": contact.tags,
            "custom": dict(contact.custom_fields),
        }
        return Context(contact=facts, said=self.said, results=self.results, key=key, now=now, language=self.language)

    async def recollect(self) -> bool:
        """Read what all actions returned and all that the customer said, however long ago; whether that is more than was known.

        Raises:
            LedgerUnavailable: the ledger does not answer.
        """
        if self.recollected:
            return False
        self.recollected = True
        new = [message.message_id for message in self.claim.messages]

        def read(connection: Connection) -> tuple[dict[str, list[Json]], list[str]]:
            said = history.said(connection, self.key, history.ALL, corrections=new)
            return steps.results(connection, self.key), said

        await self.steps.flush()
        results, said = await self.steps.read(read)
        older = {name: found[: len(found) - len(self.results.get(name, ()))] for name, found in results.items()}
        earlier = said[: -history.RECENTLY_SAID]
        self.results = {
            **self.results,
            **{name: [*found, *self.results.get(name, ())] for name, found in older.items()},
        }
        self.said = (*earlier, *self.said)
        return bool(earlier) or any(older.values())

    def take(self, action: Action, outcome: Outcome) -> None:
        """Keep what an action returned."""
        if outcome.status not in ("refused", "confirm") and not (
            outcome.requests and all(isinstance(request, _NO_ANSWER) for request in outcome.requests)
        ):
            self.answered.append(action.name)
        if outcome.status == "done":
            self.receipts.append(action.name)
            self.requests.extend(outcome.requests)
            self.results = {**self.results, action.name: [*self.results.get(action.name, ()), outcome.data]}
        elif outcome.status == "unknown":
            self.unknown.append(action.name)

    def recall(self, now: datetime) -> None:
        """Fix the memory as a step, so that a resumed turn sees the same although a summary was extended meanwhile."""
        step = self.steps.finished("memory", {})
        if step is not None:
            self.memory = Memory(**step.output)
        elif self.memory != Memory():
            output = {"summary": self.memory.summary, "facts": dict(self.memory.facts)}
            self.steps.note("memory", "memory", "contact", {}, output, started_at=now)


def begin(
    connection: Connection,
    key: ContactKey,
    owner: str,
    *,
    database: Database,
    clock: Callable[[], datetime],
    quiet: Callable[[Sequence[Waiting]], datetime],
    lines: int,
    default_language: str,
) -> TurnContext | datetime | None:
    """Claim the contact's turn and read everything that it begins with.

    Args:
        connection: a transaction of the ledger.
        key: whose turn.
        owner: in whose name the lease is taken.
        database: the ledger, for what the turn writes and reads later.
        clock: the time, aware UTC.
        quiet: when waiting messages are to be answered, since more may be coming.
        lines: how many messages of the history the model sees at most.
        default_language: that of a contact whose language is not known yet.

    Returns:
        The context of the claimed turn; or when to ask again, because more messages may be coming or another worker holds the
        lease; or `None` when nothing waits.
    """
    now = clock()
    read = cache(lambda: history.window(connection, key, lines))

    def due(waiting: Sequence[Waiting]) -> datetime:
        at = quiet(waiting)
        return at if at > now else gate.slowed(at, waiting, read()[0])

    claim = turns.claim(connection, key, owner, now, turns.LEASE, due)
    if not isinstance(claim, Claim):
        return claim
    claimed = {message.message_id for message in claim.messages}  # in the history already when they were given back
    known, earlier = read()
    results: dict[str, list[Json]] = {}
    called: dict[str, list[PastCall]] = {}
    for call in steps.calls(connection, key, max(lines, history.RECENTLY_SAID)):
        if call.output["status"] == "done":
            results.setdefault(call.name, []).append(call.output["data"])
        if call.turn != claim.turn:
            called.setdefault(call.turn, []).append(call)
    stands = turns.standing(connection, key, now)
    recorded = steps.of_turn(connection, claim.turn) if claim.takeovers else ()
    remembered = memory.load(connection, key) if len(known) >= _SUMMARISED else None
    return TurnContext(
        claim=claim,
        steps=StepLog(database, claim.turn, recorded, clock=clock, context=str(claim.key)),
        history=tuple(line for line in known if line.message_id not in claimed),
        said=_said(connection, key, known, earlier, claimed),
        called=called,
        earlier=earlier,
        results=results,
        confirmation=confirmations.open_question(connection, key, now) if stands.asked else None,
        spent=Spent(stands.turns, stands.usd, stands.usd_of_contact),
        memory=Memory(
            None if remembered is None else remembered.text,
            {fact.key: fact.value for fact in memory.of_contact(connection, key)} if stands.remembered else {},
        ),
        contact=claim.contact,
        language=claim.contact.language or default_language,
        messages=tuple(map(prepared_unheard, claim.messages)),
        arrivals=Arrivals(database, key) if claim.restarts < MOST_RESTARTS else None,
    )


def _said(
    connection: Connection, key: ContactKey, lines: Sequence[Line], earlier: int, new: Collection[str]
) -> tuple[str, ...]:
    """What the customer wrote, also before what the model sees: their own words stay theirs, however long ago."""
    if not earlier:
        return tuple(history.standing([line for line in lines if line.author == "contact"], new))
    return tuple(history.said(connection, key, corrections=new))


class TurnStopped(Exception):
    """The loop ends without an answer of the model."""


class Superseded(TurnStopped):
    """A newer message arrived before anything with an effect was done: the turn starts again with all messages."""


class LimitReached(TurnStopped):
    """A limit of agent.yaml was reached; the message names it."""


class BudgetReached(LimitReached):
    """The budget of the day does not hold the first call of a turn: no model was asked."""


class ModelsFailed(TurnStopped):
    """The model and all its fallbacks failed; the message says how."""
