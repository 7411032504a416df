"""Saving a recorded conversation as a scenario without personal data: what was said, and what actions and a model answered."""

import asyncio
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from itertools import dropwhile
from pathlib import Path
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict
from ruamel.yaml import YAML

from actions.action import ChangeTags, SetLifecycle, UpdateContact
from agent.errors import InputError
from agent.ledger import contacts, history
from agent.ledger.history import Line
from agent.models.chat import ChatModel
from agent.scenarios.anonymise import Anonymiser
from agent.scenarios.cassette import Cassette, NotRecorded, StagedChat, Tape
from agent.scenarios.cassette import dumped as cassette_text
from agent.scenarios.conversation import AUTHORS, Conversation, open_conversation
from agent.scenarios.format import CASSETTE, Scenario, Turn, begins, loads
from agent.scenarios.happened import Happened
from agent.scenarios.media import stand_in
from agent.scenarios.outside import Ledgered
from agent.scenarios.play import perform
from agent.scenarios.recording import RecordedTurn, Recording, answers, beside, transcripts, untold
from agent.scenarios.stage import Stage
from agent.scenarios.told import essence
from agent.turn.summary import TASK as SUMMARY_TASK
from messaging.types import Contact, InboundMessage
from settings import format_duration

_PAUSE = timedelta(minutes=2)
"""A pause between two messages that a saved scenario keeps, even when nothing falls due in it."""

_LINES = 40
"""How much of what was said before the first turn is kept."""

_ALIKE = 0.6
"""From which likeness on two texts are the same one, worded anew."""

_COLLEAGUE = "colleague@example.com"
_WRITTEN = {author: written for written, author in AUTHORS.items()}


class _InOrder(StagedChat):
    """A model that gives recorded answers one after the other, whatever it is asked."""

    answers: list[AIMessage]
    summaries: list[AIMessage]

    async def answer(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        known = self.summaries if any(message.text == SUMMARY_TASK for message in messages) else self.answers
        if not known:
            raise NotRecorded("the conversation holds no further answer")
        return known.pop(0)


@dataclass(frozen=True, slots=True)
class Saved:
    """A conversation as the text of a scenario, and that of its cassette where a language model answered.

    `notes` say what of the conversation the scenario does not hold; they stand in it as a comment as well.
    """

    scenario: str
    cassette: str | None
    notes: Sequence[str] = ()


async def save(recording: Recording, stage: Stage, path: Path) -> Saved:
    """Make a scenario of a recording, with its cassette beside it; see `as_scenario`."""
    saved = await as_scenario(recording, stage, path)

    def keep() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(saved.scenario, encoding="utf-8")
        if saved.cassette is not None:
            path.with_name(path.stem + CASSETTE).write_text(saved.cassette, encoding="utf-8")

    await asyncio.to_thread(keep)
    return saved


async def as_scenario(recording: Recording, stage: Stage, path: Path) -> Saved:
    """Make a scenario of a recording, with personal data replaced: the same value by the same stand-in.

    Args:
        recording: of a ledger.
        stage: with the agent.yaml of today.
        path: where the scenario will stand.

    Raises:
        InputError: the steps of none of its turns are kept.
    """
    recording, notes = _kept(recording)
    anonymiser = Anonymiser(stage.redactor)
    whole = {"name": path.stem.replace("_", " ")} | _head(recording, stage, anonymiser)
    scenario = loads(dumped({**whole, "turns": [{"wait": "1s"}]}).encode(), path, environment={})
    cassette = Cassette(now=None)
    texts = [step.output["text"] for turn in recording.turns for step in turn.steps if step.kind == "summary"]
    spoken = _InOrder(answers=[], summaries=[AIMessage(anonymiser.text(text)) for text in texts])

    def models(ledgered: Ledgered) -> Sequence[ChatModel]:
        if stage.config.model.offline:
            return stage.offline()
        keep = [value for value in (scenario.settings.contact.phone, scenario.settings.contact.email) if value]
        tape = Tape(cassette, "record", Anonymiser(stage.redactor, keep), ledgered)
        name = next((step.name for turn in recording.turns for step in turn.models), stage.config.model.name)
        return tape.models([ChatModel(name, spoken)])

    settings = scenario.settings
    async with open_conversation(
        stage,
        facts=settings.contact,
        begins=begins(settings, stage.config.zone) or recording.turns[0].received_at[0],
        answers=settings.actions,
        models=models,
    ) as conversation:
        told = _Retelling(conversation, recording, anonymiser, spoken, scenario)
        await told.run()
    notes += told.notes
    text = "".join(f"# {note}\n" for note in notes) + dumped({**whole, "turns": told.turns})
    loads(text.encode(), path, environment={})
    return Saved(text, cassette_text(cassette) if cassette.calls else None, notes)


def _head(recording: Recording, stage: Stage, anonymiser: Anonymiser) -> dict[str, Any]:
    """What stands before the turns: who writes, when, and what actions answer."""
    contact, channel = _as_it_began(recording), recording.turns[0].messages[0].channel
    told = stage.config.model_dump_json()
    facts = {
        "phone": anonymiser.phone(contact.phone) if contact.phone else None,
        "email": anonymiser.text(contact.email) if contact.email else None,
        "first_name": anonymiser.learn_name(contact.first_name),
        "last_name": anonymiser.learn_name(contact.last_name),
        "language": contact.language,
        "country": contact.country,
        "lifecycle": contact.lifecycle,
        "tags": list(contact.tags),
        "custom_fields": {
            name: anonymiser(value)
            for name, value in contact.custom_fields.items()
            if value is not None and re.search(rf"\b{re.escape(name)}\b", told)  # others change nothing
        },
        "channel": channel.source if channel is not None and channel.source != "whatsapp" else None,
        "platform": recording.entry(stage.config) if len(stage.config.platforms) > 1 else None,
    }
    for name in [*recording.former_names, *_names_on_cards(recording)]:
        anonymiser.learn_name(name)
    found: dict[str, Any] = {
        "contact": {name: value for name, value in facts.items() if value},
        "now": recording.turns[0].received_at[0].astimezone(stage.config.zone).replace(microsecond=0).isoformat(),
    }
    canned = {
        name: [
            {
                "when": anonymiser(answer.when),
                "outcome": anonymiser(answer.outcome.model_dump(exclude_defaults=True) if answer.outcome else {}),
                "times": 1,
            }
            for answer in each
        ]
        for name, each in answers(recording.turns).items()
        if not isinstance(each, str)
    }
    return found | ({"actions": canned} if canned else {})


def _as_it_began(recording: Recording) -> Contact:
    """The contact as it was before the first turn, as far as it was the agent who changed it since."""
    contact = recording.contact.contact
    for change in reversed(recording.changes):
        match change:
            case ChangeTags(add, remove):
                tags = [tag for tag in contact.tags if tag not in add]
                contact = replace(contact, tags=tuple(dict.fromkeys((*tags, *remove))))
            case SetLifecycle():
                contact = replace(contact, lifecycle=None)
            case UpdateContact(fields):
                kept = {name: value for name, value in contact.custom_fields.items() if name not in fields}
                contact = replace(contact, custom_fields=kept)
    return contact


def _names_on_cards(recording: Recording) -> list[str]:
    cards = (card for turn in recording.turns for message in turn.messages for card in message.cards)
    return [card.name for card in cards if card.name]


def _kept(recording: Recording) -> tuple[Recording, list[str]]:
    """The recording from the first turn that goes without what is not kept any more, and what that leaves out.

    What actions answered in a turn without steps is not known, and of a yes to its question not what it was said to.
    """
    turns = list(dropwhile(lambda turn: not turn.kept, recording.turns))
    known = {turn.summary.id for turn in turns}
    while turns and (asked := turns[0].confirmed_of) is not None and asked not in known:
        known.discard(turns.pop(0).summary.id)
    if not turns:
        raise InputError("the steps of this conversation are no longer kept, so it cannot be saved (`retention`)")
    gone = len(recording.turns) - len(turns)
    if not gone:
        return recording, []
    began = turns[0].received_at[0]
    kept = replace(recording, turns=turns, lines=[line for line in recording.lines if line.at >= began])
    what = (
        "turn is left out, because steps that it needs"
        if gone == 1
        else f"{gone} turns are left out, because steps that they need"
    )
    return kept, [f"not kept: the first {what} were dropped (`retention`)"]


@dataclass(slots=True)
class _Retelling:
    """A recorded conversation that is played once more, with the `turns` that make it happen, and what they expect.

    Attributes:
        spoken: gives the recorded answers of the turn that is played.
        notes: turns that go otherwise than they were recorded.
    """

    conversation: Conversation
    recording: Recording
    anonymiser: Anonymiser
    spoken: _InOrder
    scenario: Scenario
    turns: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _begun: bool = False
    _pending: list[Line] = field(default_factory=list)  # sent outside of a turn since the last thing that happened
    _known: int = 0  # how many such texts the conversation that is played has

    async def run(self) -> None:
        """Play everything in its order, each thing at its time."""
        if before := self.recording.before[-_LINES:]:
            await self._remember(before)
        things: list[tuple[datetime, str | int | RecordedTurn | Line]] = [*beside(self.recording)]
        things += [(line.at, line) for line in self.recording.meanwhile]
        things += [(turn.received_at[0], turn) for turn in self.recording.turns]
        for at, what in sorted(things, key=lambda each: each[0]):
            if isinstance(what, RecordedTurn):
                await self._turn(what, at)
            elif not self._begun:  # what was before the first turn is told already
                continue
            elif isinstance(what, Line) and what.author == "agent":
                self._pending.append(what)
            else:
                await self._catch_up(at)
                await self._aside(what)
        if self._pending:
            await self._catch_up(self._pending[-1].at + _PAUSE / 2)

    async def _aside(self, what: str | int | Line) -> None:
        """Let happen what is beside the customer's messages: a reaction, the words of a colleague, a payment that is paid."""
        if isinstance(what, Line):
            await self._remember([what])
        elif isinstance(what, str):
            await self._happen({"colleague": self.anonymiser.text(what) or "…"})
        else:
            made = await self.conversation.payments()
            if what >= len(made):
                self.notes.append("not kept: a payment was paid that is not made here")
                return
            newest = max((number for number, each in enumerate(made) if each.state == "open"), default=None)
            event = {"payment.paid": {"number": what + 1}}
            await self._happen({"event": "payment.paid" if what == newest else event})

    async def _remember(self, lines: Sequence[Line]) -> None:
        said = [{_WRITTEN[line.author]: self.anonymiser.text(line.text)} for line in lines if line.text.strip()]
        if said:
            await self._happen({"history": said})
            self._known += sum("agent" in each for each in said)

    async def _catch_up(self, moment: datetime) -> None:
        """Let time pass until a moment, and tell what was sent until then and does not come of itself here."""
        await self._pass_until(moment)
        lines = await self.conversation.agent.database.read(
            lambda connection: history.recent(connection, self.conversation.key, history.ALL)
        )
        sent = [essence(line.text) for line in lines if line.author == "agent" and line.turn is None]
        fresh, self._known = sent[self._known :], len(sent)
        missing = []
        for line in self._pending:
            text = essence(self.anonymiser.text(line.text))
            same = next((each for each in fresh if SequenceMatcher(None, text, each).ratio() >= _ALIKE), None)
            if same is None:
                missing.append(line)
            else:
                fresh.remove(same)
        self._pending = []
        await self._remember(missing)

    async def _pass_until(self, moment: datetime) -> None:
        """Wait as long as it takes: a short pause only where something was sent in it, or a payment expired.

        What falls due in other short pauses did not happen: a playground reminds nobody, and a busy machine does so a little later.
        """
        pause = moment - self.conversation.timeline()
        if pause > _PAUSE:
            await self._wait(timedelta(minutes=pause // timedelta(minutes=1)))
        now = self.conversation.timeline()
        rest = timedelta(seconds=(moment - now) // timedelta(seconds=1))
        sent = any(line.at > now for line in self._pending)
        if rest > timedelta() and (sent or await self._expires(now + rest)):
            await self._wait(rest)

    async def _expires(self, by: datetime) -> bool:
        made = await self.conversation.payments()
        return any(each.state == "open" and each.expires_at is not None and each.expires_at <= by for each in made)

    async def _wait(self, span: timedelta) -> None:
        await self._happen({"wait": format_duration(span)})

    async def _turn(self, turn: RecordedTurn, at: datetime) -> None:
        if self._begun:
            await self._catch_up(at)
        self._begun = True
        key, now = self.conversation.key, max(at, self.conversation.timeline())
        state = await self.conversation.agent.database.read(lambda connection: contacts.load(connection, key))
        match untold(self.recording, turn, state, now):
            case "given back":
                await self._happen({"event": "unassigned"})
            case "taken over":
                await self._happen({"event": {"assigned": _COLLEAGUE}})
        self.spoken.answers = [
            cast("AIMessage", messages_from_dict([self.anonymiser(step.output)])[0]) for step in turn.models
        ]
        said = [each for message in turn.messages for each in self._said(turn, message)]
        happened = await self._happen({"customer": said if len(said) > 1 else said[0]})
        number = len(self.turns)
        for then, now_ in _otherwise(turn, happened):
            self.notes.append(f"not kept: turn {number} goes otherwise than it was recorded: then {then}, here {now_}")

    async def _happen(self, turn: dict[str, Any]) -> Happened:
        happened = await perform(self.conversation, Turn.model_validate(turn), self.scenario.resolve)
        self.turns.append(turn)
        if "customer" in turn or happened.messages:
            turn["expect"] = _expected(happened)
        return happened

    def _said(self, turn: RecordedTurn, message: InboundMessage) -> Iterator[Any]:
        """A message as one or several of a scenario, of which each holds one file."""
        heard, found = transcripts(turn), turn.files
        text: str | None = self.anonymiser.text(message.text) if message.text else None
        files: list[dict[str, Any]] = []
        for position, attachment in enumerate(message.attachments):
            spoken = heard.get((message.message_id, position))
            read = self.anonymiser(found.get((message.message_id, position)))
            file = stand_in(attachment, read, self.anonymiser.text(spoken) if spoken else None)
            files.append(file or {"text": f"[{attachment.kind}]"})
        if message.location is not None:
            place = message.location
            if place.latitude is not None and place.longitude is not None:
                files.append({"location": [round(place.latitude, 1), round(place.longitude, 1)]})  # not where they live
        cards = [self.anonymiser.text(str(card)) for card in message.cards]
        text = "\n".join(filter(None, [text, *cards])) or None
        if not files:
            yield text or f"[{message.kind}]"
        elif text is not None and "text" not in files[0]:
            yield {**files[0], "text": text} if "voice" not in files[0] else text
            yield from files if "voice" in files[0] else files[1:]
        else:
            yield from [text, *files] if text is not None else files


def _otherwise(turn: RecordedTurn, happened: Happened) -> Iterator[tuple[str, str]]:
    """What of a turn the scenario cannot make happen again, or today's agent.yaml does not: then and here."""
    then = [f"{name} {status}" for name, _, status in turn.calls]
    here = [f"{call.name} {call.status}" for call in happened.calls]
    if then != here:
        yield ", ".join(then) or "no action", ", ".join(here) or "no action"
    if bool(turn.summary.handover) != bool(happened.handover):
        yield ("a handover", "none") if turn.summary.handover else ("no handover", "one")
    if bool(turn.texts) != bool(happened.messages):
        yield ("a reply", "silence") if turn.texts else ("silence", "a reply")


def _expected(happened: Happened) -> list[dict[str, Any]]:
    """Expectations that hold: how many messages, the figures and ids in them, what was called, found, handed over."""
    expected: list[dict[str, Any]] = [{"replies": len(happened.messages)} if happened.messages else {"silent": True}]
    if figures := figures_of(happened.text):
        expected.append({"reply": {"contains": figures}})
    elif happened.text.strip():
        expected.append({"reply": {"contains": [" ".join(happened.text.split()[:6])]}})
    expected += [{"called": {call.name: {}}} for call in happened.calls]
    if happened.passages:
        expected.append({"passage": happened.passages[0]})
    expected.append({"handover": happened.handover is not None})
    return expected


_FIGURES = re.compile(r"Rp ?\d[\d.,]*\d|[A-Z]{2,8}-\d{2,12}\b|(?<![\w-])\d[\d.,:]{1,12}\d")


def figures_of(text: str) -> list[str]:
    """The first amounts, ids and numbers of a reply; not the reference of a payment code, which is another each time."""
    found = list(dict.fromkeys(_FIGURES.findall(text)))[:4]
    return [figure for figure in found if not figure.startswith("QR-")]


def dumped(value: Mapping[str, Any]) -> str:
    """A scenario as YAML, in which `${` is no reference to a variable."""
    yaml, out = YAML(), io.StringIO()
    yaml.width, yaml.allow_unicode = 120, True
    yaml.dump(_literal(dict(value)), out)
    return out.getvalue()


def _literal(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list | tuple) else value
