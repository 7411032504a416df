"""Saving a recorded conversation as a scenario without personal data: what was said, and what actions and a model answered."""

import asyncio
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import dropwhile
from pathlib import Path
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict
from ruamel.yaml import YAML

from agent.errors import InputError
from agent.models.chat import ChatModel
from agent.scenarios.anonymise import Anonymiser
from agent.scenarios.cassette import Cassette, NotRecorded, StagedChat, Tape
from agent.scenarios.cassette import dumped as cassette_text
from agent.scenarios.conversation import Happened
from agent.scenarios.format import CASSETTE, loads
from agent.scenarios.outside import Ledgered
from agent.scenarios.play import play
from agent.scenarios.replay import Recording, answers, beside, transcripts
from agent.scenarios.stage import Stage
from messaging.types import InboundMessage

_PAUSE = timedelta(minutes=2)
"""A pause between two messages that a saved scenario keeps."""


class _InOrder(StagedChat):
    """A model that gives recorded answers one after the other, whatever it is asked."""

    answers: list[AIMessage]

    async def answer(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        if not self.answers:
            raise NotRecorded("the conversation holds no further answer")
        return self.answers.pop(0)


@dataclass(frozen=True, slots=True)
class Saved:
    """A conversation as the text of a scenario, and that of its cassette where a language model answered."""

    scenario: str
    cassette: str | None


async def save(recording: Recording, stage: Stage, path: Path) -> None:
    """Make a scenario of a recording, with its cassette beside it; see `as_scenario`."""
    saved = await as_scenario(recording, stage, path)

    def keep() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(saved.scenario, encoding="utf-8")
        if saved.cassette is not None:
            path.with_name(path.stem + CASSETTE).write_text(saved.cassette, encoding="utf-8")

    await asyncio.to_thread(keep)


async def as_scenario(recording: Recording, stage: Stage, path: Path) -> Saved:
    """Make a scenario of a recording, with personal data replaced: the same value by the same stand-in.

    Args:
        recording: of a ledger.
        stage: with the agent.yaml of today.
        path: where the scenario will stand.

    Raises:
        InputError: the steps of none of its turns are kept.
    """
    recording = _kept(recording)
    anonymiser = Anonymiser(stage.redactor)
    contact = recording.contact.contact
    facts = {
        "phone": anonymiser.phone(contact.phone) if contact.phone else None,
        "first_name": anonymiser.learn_name(contact.first_name),
        "last_name": anonymiser.learn_name(contact.last_name),
        "language": contact.language,
        "tags": list(contact.tags),
    }
    for name in recording.former_names:
        anonymiser.learn_name(name)
    whole: dict[str, Any] = {
        "name": path.stem.replace("_", " "),
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
    if canned:
        whole["actions"] = canned
    whole["turns"] = list(_turns_of(recording, anonymiser))
    scenario = loads(dumped(whole).encode(), path, environment={})
    cassette = Cassette(now=None)

    def models(ledgered: Ledgered) -> Sequence[ChatModel]:
        if stage.config.model.offline:
            return stage.offline()
        spoken = [
            cast("AIMessage", messages_from_dict([anonymiser(step.output)])[0])
            for turn in recording.turns
            for step in turn.models
        ]
        tape = Tape(cassette, "record", Anonymiser(stage.redactor, [str(facts["phone"])]), ledgered)
        name = next((step.name for turn in recording.turns for step in turn.models), stage.config.model.name)
        return tape.models([ChatModel(name, _InOrder(answers=spoken))])

    played = await play(scenario, stage, models)
    for turn, happened in zip(whole["turns"], played.happened, strict=False):
        if "customer" in turn:
            turn["expect"] = _expected(happened)
    return Saved(dumped(whole), cassette_text(cassette) if cassette.calls else None)


def _kept(recording: Recording) -> Recording:
    """The recording from the first turn whose steps are kept: what actions answered before it is not known any more."""
    turns = list(dropwhile(lambda turn: not turn.kept, recording.turns))
    if not turns:
        raise InputError("the steps of this conversation are no longer kept, so it cannot be saved (`retention`)")
    if len(turns) == len(recording.turns):
        return recording
    began = turns[0].received_at[0]
    return replace(recording, turns=turns, lines=[line for line in recording.lines if line.at >= began])


def _turns_of(recording: Recording, anonymiser: Anonymiser) -> Iterator[dict[str, Any]]:
    last: datetime | None = None
    others = beside(recording)
    for turn in recording.turns:
        at = turn.received_at[0]
        while others and others[0][0] <= at:
            what = others.pop(0)[1]
            yield {"colleague": anonymiser.text(what) or "…"} if isinstance(what, str) else {"event": "payment.paid"}
        if last is not None and at - last > _PAUSE:
            yield {"wait": f"{int((at - last).total_seconds() // 60)}m"}
        last = at
        heard = transcripts(turn)
        said = [anonymiser.text(_words_of(message, heard)) for message in turn.messages]
        yield {"customer": said if len(said) > 1 else said[0]}


def _words_of(message: InboundMessage, heard: Mapping[tuple[str, int], str]) -> str:
    spoken = [
        heard[message.message_id, at] for at in range(len(message.attachments)) if (message.message_id, at) in heard
    ]
    return "\n".join([*([message.text] if message.text else []), *spoken]) or f"[{message.kind}]"


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
    """A scenario as YAML."""
    yaml, out = YAML(), io.StringIO()
    yaml.width, yaml.allow_unicode = 120, True
    yaml.dump(dict(value), out)
    return out.getvalue()
