"""What a turn is told before it begins: its claim, and everything the ledger knows that it may need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from actions.action import Json
from agent.ledger import confirmations, facts, history, steps, summaries, turns
from agent.ledger.confirmations import Confirmation
from agent.ledger.history import Line
from agent.ledger.inbound import Waiting
from agent.ledger.steps import Step
from agent.ledger.turns import Claim
from agent.turn.gate import Spent
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
    remembered = summaries.load(connection, key) if len(known) >= lines else None
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
            {fact.key: fact.value for fact in facts.of_contact(connection, key)},
        ),
    )


def _said(connection: Connection, key: ContactKey, lines: Sequence[Line], limit: int) -> tuple[str, ...]:
    """What the customer wrote, also before what the model sees: their own words stay theirs, however long ago."""
    if len(lines) < limit:
        return tuple(line.text for line in lines if line.author == "contact")
    return tuple(history.said(connection, key))
