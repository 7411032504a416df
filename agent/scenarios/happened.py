"""The outcome of a turn of a scenario, and of a whole conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.ledger.contacts import ContactState
from agent.ledger.overview import TurnSummary
from agent.ledger.steps import Step
from agent.scenarios.outside import Call, Posted


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the reply, as a test and its reader see it. `qris` is the payload that a QR reader finds in the picture."""

    text: str
    kind: str = "text"
    qris: str | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """The outcome of one turn of a scenario.

    Attributes:
        said: what was done, for people to read.
        messages: what the customer got.
        calls: actions that ran.
        passages: sources of the passages that were found.
        turns: the agent's turns that ended.
        steps: theirs, in order.
        notes: what colleagues would have seen.
        handover: why the conversation was handed over in it.
        followups: messages for later that were scheduled or sent in it.
        payments: payments of the contact, the newest first.
        contact: as the ledger knows it now.
        tags: that the contact has now.
        problems: what is wrong with the scenario itself: an action without an answer, a call of a model without a recording.
        began: when it began, by the conversation's clock.
        seconds: how long it took to compute.
        workflow_steps: steps of workflows that were done, as `name/1`.
        posted: what other systems were told in it.
    """

    said: str
    messages: tuple[Shown, ...] = ()
    calls: tuple[Call, ...] = ()
    passages: tuple[str, ...] = ()
    turns: tuple[TurnSummary, ...] = ()
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    handover: str | None = None
    followups: tuple[Mapping[str, Any], ...] = ()
    payments: tuple[Mapping[str, Any], ...] = ()
    contact: ContactState | None = None
    tags: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    began: datetime | None = None
    seconds: float = 0.0
    workflow_steps: tuple[str, ...] = ()
    posted: tuple[Posted, ...] = ()

    @property
    def text(self) -> str:
        """The texts of the reply, a line between two messages."""
        return "\n".join(message.text for message in self.messages if message.text)

    @property
    def tokens(self) -> int:
        """Tokens that models used."""
        return sum(step.tokens for step in self.steps)

    @property
    def cost(self) -> float:
        """US dollars that models cost."""
        return sum(step.cost for step in self.steps)


def joined(happened: Sequence[Happened]) -> Happened:
    """A whole conversation as one: for expectations at the top level."""
    last = next((each for each in reversed(happened) if each.contact is not None), None)
    return Happened(
        said="the whole conversation",
        messages=tuple(message for each in happened for message in each.messages),
        calls=tuple(call for each in happened for call in each.calls),
        passages=tuple(dict.fromkeys(source for each in happened for source in each.passages)),
        turns=tuple(turn for each in happened for turn in each.turns),
        steps=tuple(step for each in happened for step in each.steps),
        notes=tuple(note for each in happened for note in each.notes),
        handover="; ".join(each.handover for each in happened if each.handover) or None,
        followups=tuple(row for each in happened for row in each.followups),
        payments=last.payments if last else (),
        contact=last.contact if last else None,
        tags=last.tags if last else (),
        posted=tuple(each for one in happened for each in one.posted),
        began=happened[0].began if happened else None,
        seconds=sum(each.seconds for each in happened),
    )
