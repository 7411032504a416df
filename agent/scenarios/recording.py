"""A recorded conversation as the ledger has it: its turns with their steps, what was said, and what happened beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from actions.action import ChangeTags, SetLifecycle, UpdateContact
from agent.config import AgentConfig
from agent.ledger import contacts, history, outbound, overview, steps, tables
from agent.ledger.codec import Deliverable, unpack, unpack_inbound
from agent.ledger.contacts import ContactState
from agent.ledger.history import Line
from agent.ledger.overview import TurnSummary
from agent.ledger.steps import Step
from agent.ledger.tables import InboundOutcome
from agent.scenarios.format import Answer, Answers, GivenOutcome
from agent.turn.files import Content
from agent.turn.loop import CONFIRMED
from messaging.types import ContactKey, InboundMessage, QuickReplies, Template, Text


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """A turn as the ledger has it: what the customer wrote, what was done, what was said.

    `outcome` is what the last of its messages got; `before` how many lines of the conversation stood before its own.
    """

    summary: TurnSummary
    messages: Sequence[InboundMessage]
    received_at: Sequence[datetime]
    steps: Sequence[Step]
    texts: Sequence[str]
    outcome: InboundOutcome | None
    before: int

    @property
    def calls(self) -> list[tuple[str, Mapping[str, Any], str]]:
        """Actions that ran: name, arguments, status."""
        return [
            (step.name, step.input.get("arguments", {}), step.output["status"])
            for step in self.steps
            if step.kind == "action" and step.output and step.output["status"] not in ("refused", "confirm")
        ]

    @property
    def kept(self) -> bool:
        """Whether the ledger still has its steps: retention drops them before the messages, and an answer is never without any."""
        return bool(self.steps) or self.outcome not in WITH_STEPS

    @property
    def models(self) -> list[Step]:
        """Its calls of models, in order."""
        return [step for step in self.steps if step.kind == "model" and step.key.startswith("model/")]

    @property
    def files(self) -> dict[tuple[str, int], Mapping[str, Any]]:
        """What was found in files, by message and position."""
        return {_place(step): step.output for step in self.steps if step.kind == "file" and step.output}

    @property
    def confirmed_of(self) -> str | None:
        """The turn that asked what the customer says yes to in this one; `None` where they say yes to nothing."""
        shown = [(step.key, step.input) for step in self.steps if step.kind == "action"]
        places = [str(given.get("place", key)) for key, given in shown if isinstance(given, Mapping)]
        return next((place.removeprefix(CONFIRMED) for place in places if place.startswith(CONFIRMED)), None)


WITH_STEPS = (InboundOutcome.ANSWERED, InboundOutcome.NOT_KNOWN, InboundOutcome.FAILED)


@dataclass(frozen=True, slots=True)
class Recording:
    """A conversation as the ledger has it.

    Attributes:
        contact: as it is now.
        turns: that ended.
        lines: all that was said, in order.
        paid: when each of the payments was paid that were made since the first turn whose steps are kept.
        former_names: what the contact was called before.
        changes: what the agent has changed of the contact since the first turn, in order.
    """

    contact: ContactState
    turns: Sequence[RecordedTurn]
    lines: Sequence[Line]
    paid: Sequence[datetime | None] = ()
    former_names: Sequence[str] = ()
    changes: Sequence[ChangeTags | SetLifecycle | UpdateContact] = ()

    @property
    def own(self) -> Sequence[bool]:
        """Of each line whether it belongs to one of the turns."""
        turns = {turn.summary.id for turn in self.turns}
        messages = {message.message_id for turn in self.turns for message in turn.messages}
        return [line.turn in turns or line.message_id in messages for line in self.lines]

    @property
    def before(self) -> Sequence[Line]:
        """What was said before the first turn."""
        return self.lines[: self._first]

    @property
    def meanwhile(self) -> Sequence[Line]:
        """What was said since then outside of turns, and not by a human: by reminders, workflows and broadcasts, by reactions."""
        later = list(zip(self.lines, self.own, strict=True))[self._first :]
        return [line for line, own in later if not own and not line.turn and line.author != "human"]

    @property
    def _first(self) -> int:
        """The place of the first line that belongs to a turn."""
        own = self.own
        return own.index(True) if True in own else 0

    @property
    def colleagues(self) -> list[tuple[datetime, str]]:
        """The messages of humans, with their times."""
        return [(line.at, line.text) for line in self.lines if line.author == "human"]

    def entry(self, config: AgentConfig) -> str | None:
        """The entry of `messaging:` where the contact writes; `None` where there is none of its name any more."""
        name = self.contact.key.platform
        return name if any(entry.effective_name == name for entry in config.platforms) else None


def recorded(connection: Connection, needle: str) -> list[Recording]:
    """Read the conversations of the contacts that `needle` names, as in `balas ledger show`."""
    return [recording_of(connection, state) for state in contacts.find(connection, needle)]


def newest(connection: Connection, count: int) -> list[Recording]:
    """Read the conversations whose customers wrote last."""
    rows = connection.execute(
        select(tables.contact.c.platform, tables.contact.c.id)
        .where(tables.contact.c.last_inbound_at.is_not(None))
        .order_by(tables.contact.c.last_inbound_at.desc())
        .limit(count)
    ).all()
    return [recording_of(connection, contacts.known(connection, ContactKey(row.platform, row.id))) for row in rows]


def recording_of(connection: Connection, state: ContactState) -> Recording:
    """Read the conversation of a contact."""
    key = state.key
    lines = history.recent(connection, key, history.ALL)
    found = []
    for summary in overview.turns_of(connection, key, 1000):
        rows = connection.execute(
            select(tables.inbound).where(tables.inbound.c.turn == summary.id).order_by(tables.inbound.c.n)
        ).all()
        if summary.state in ("running", "abandoned") or not rows:
            continue
        ids = {row.message_id for row in rows}
        own = (at for at, line in enumerate(lines) if line.turn == summary.id or line.message_id in ids)
        contents = [delivery.content for delivery in outbound.of_turn(connection, summary.id)]
        found.append(
            RecordedTurn(
                summary,
                [unpack_inbound(state.contact, row.payload) for row in rows],
                [row.received_at for row in rows],
                steps.of_turn(connection, summary.id),
                [_text(each) for each in contents if isinstance(each, Text | QuickReplies | Template)],
                rows[-1].outcome and InboundOutcome(rows[-1].outcome),
                next(own, len(lines)),
            )
        )
    payment = tables.payment
    made = select(payment.c.paid_at).where(payment.c.platform == key.platform, payment.c.contact == key.id)
    if found and not found[0].kept:
        since = next((turn.summary.started_at for turn in found if turn.kept), found[-1].summary.started_at)
        made = made.where(payment.c.created_at >= since)
    paid = connection.execute(made.order_by(payment.c.created_at)).scalars()
    names = contacts.former_names(connection, key)
    began = found[0].summary.started_at if found else None
    return Recording(state, found, lines, list(paid), names, _changes(connection, key, began))


def _changes(
    connection: Connection, key: ContactKey, began: datetime | None
) -> list[ChangeTags | SetLifecycle | UpdateContact]:
    """What was written onto the contact's card since a time."""
    sent = tables.outbound
    statement = select(sent.c.payload).where(sent.c.platform == key.platform, sent.c.contact == key.id)
    statement = statement.where(sent.c.created_at >= began) if began is not None else statement
    written: list[Deliverable] = [unpack(each) for each in connection.execute(statement.order_by(sent.c.n)).scalars()]
    return [each for each in written if isinstance(each, ChangeTags | SetLifecycle | UpdateContact)]


def _text(content: Text | QuickReplies | Template) -> str:
    match content:
        case Text(text):
            return text
        case QuickReplies(title, replies):
            return f"{title} " + " ".join(f"[{reply}]" for reply in replies)
        case Template():
            return f"[template {content.name}: {', '.join(content.texts)}]"


def files_of(turn: RecordedTurn) -> dict[str, Content]:
    """What was found in the files of a turn's messages, by their address."""
    found = {}
    for step in turn.steps:
        if step.kind == "file" and isinstance(step.output, Mapping) and isinstance(step.input, Mapping):
            read, url = step.output, str(step.input.get("url"))
            picture = _NO_PICTURE if "picture" in read else None
            found[url] = Content(read.get("text"), picture, None if picture else read.get("unread"))
    return found


_NO_PICTURE = b"a picture that was seen then"


def beside(recording: Recording) -> list[tuple[datetime, str | int]]:
    """List what happened beside the customer's messages, in order: the words of a colleague, or the number of a payment that was paid."""
    found: list[tuple[datetime, str | int]] = [*recording.colleagues]
    found += [(at, number) for number, at in enumerate(recording.paid) if at is not None]
    return sorted(found, key=lambda each: each[0])


def untold(
    recording: Recording, turn: RecordedTurn, state: ContactState | None, at: datetime
) -> Literal["given back", "taken over"] | None:
    """What people did before a turn without a trace of it, as one sees by whether the agent answered.

    Args:
        recording: to which the turn belongs.
        turn: as it was.
        state: of the contact who is played, before the turn.
        at: when the turn is played.
    """
    paused = state is not None and state.paused(at)
    if paused and turn.outcome in WITH_STEPS:
        return "given back"
    silent = not paused and turn.outcome is InboundOutcome.HUMAN
    return "taken over" if silent and not _explained(recording, turn) else None


def _explained(recording: Recording, turn: RecordedTurn) -> bool:
    """Whether the conversation itself tells why a human answered: the agent had handed over, or a colleague had written."""
    for earlier in reversed(recording.turns[: recording.turns.index(turn)]):
        if earlier.summary.handover:
            return True
        if earlier.outcome is not InboundOutcome.HUMAN:
            since = earlier.received_at[-1]
            return any(since <= at <= turn.received_at[0] for at, _ in recording.colleagues)
    return any(at <= turn.received_at[0] for at, _ in recording.colleagues)


def answers(turns: Sequence[RecordedTurn]) -> dict[str, Answers]:
    """What actions answered, each time once."""
    found: dict[str, list[Answer]] = {}
    for turn in turns:
        for step in turn.steps:
            if step.kind != "action" or not step.output or step.output["status"] in ("refused", "confirm"):
                continue
            output = step.output
            given = GivenOutcome(status=output["status"], content=output["content"], data=output["data"])
            found.setdefault(step.name, []).append(Answer(when=step.input.get("arguments", {}), outcome=given, times=1))
    return {name: tuple(each) for name, each in found.items()}


def transcripts(turn: RecordedTurn) -> dict[tuple[str, int], str]:
    """What was heard in voice notes, by message and position."""
    found = {}
    for step in turn.steps:
        if step.kind == "transcription" and isinstance(step.output, Mapping) and "text" in step.output:
            found[_place(step)] = str(step.output["text"])
    return found


def _place(step: Step) -> tuple[str, int]:
    """The message of a file or a voice note, and its position in it."""
    message, _, position = step.key.partition("#")[0].partition("/")[2].rpartition("/")
    return message, int(position)
