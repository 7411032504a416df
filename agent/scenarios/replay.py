"""Replaying a recorded conversation from the ledger against the agent.yaml of today: what would be different, turn by turn.

Each turn is replayed after what was really said before it. Actions answer what they answered then, and so does a model that is asked the
same; nothing is sent, and the agent's ledger is only read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict
from sqlalchemy import Connection, delete

from agent.ledger import contacts, history, tables
from agent.ledger.steps import Step
from agent.models.ask import REPAIR
from agent.models.chat import ChatModel
from agent.models.pictures import SEEN, UNSEEN
from agent.scenarios.cassette import NotRecorded, StagedChat
from agent.scenarios.conversation import Conversation, open_conversation
from agent.scenarios.format import ContactFacts
from agent.scenarios.outside import Ledgered
from agent.scenarios.recording import (
    RecordedTurn,
    Recording,
    answers,
    beside,
    files_of,
    recording_of,
    transcripts,
    untold,
)
from agent.scenarios.stage import Stage
from agent.scenarios.told import Pair, Tools, essence, kept_tools, lines_changed, tools_changed
from agent.turn.loop import parts_of, tool_of
from agent.turn.retrieval import read as read_passages
from agent.turn.summary import TASK as SUMMARY_TASK
from messaging.types import ContactKey


@dataclass(frozen=True, slots=True)
class Compared:
    """A recorded turn and its replay.

    `differences` are named instructions, tools, model, text, calls, passages, handover or cost; none where it would go the same way, or
    was not replayed because its steps are not kept.

    `cost` is what it costs now in US dollars, `seconds` how long it took.
    """

    turn: RecordedTurn
    cost: float
    seconds: float
    differences: Mapping[str, tuple[str, str]]


async def replay(recording: Recording, stage: Stage, *, live: bool) -> list[Compared]:
    """Replay a conversation.

    Args:
        recording: of the ledger.
        stage: with the agent.yaml of today.
        live: whether the model may be asked where it is asked something else than then.
    """
    if not recording.turns:
        return []
    model = RecordedModel(live=live, whole=all(turn.kept for turn in recording.turns))
    channel = recording.turns[0].messages[0].channel
    async with open_conversation(
        stage,
        facts=ContactFacts(
            channel=channel.source or "whatsapp" if channel else "whatsapp", platform=recording.entry(stage.config)
        ),
        begins=recording.turns[0].received_at[0],
        answers=answers(recording.turns),
        models=lambda ledgered: model.models(stage, ledgered),
        contact=recording.contact.contact,
    ) as conversation:
        model.tools = {
            name: parts_of(tool_of(action)["function"]) for name, action in conversation.agent.actions.items()
        }
        compared: list[Compared] = []
        others, known = beside(recording), dict[str, str]()
        for turn in recording.turns:
            if not turn.kept:
                compared.append(Compared(turn, 0.0, 0.0, {}))
                continue
            while others and others[0][0] <= turn.received_at[0]:
                at, what = others.pop(0)
                await conversation.until(at)
                await _let_happen(conversation, what)
            await conversation.until(turn.received_at[0])
            await conversation.agent.database.write(partial(_as_it_was, conversation.key, recording, turn, known))
            model.begin(turn)
            happened = await conversation.repeat(turn.messages, turn.received_at, transcripts(turn), files_of(turn))
            now = await conversation.agent.database.read(partial(_now, conversation.key, turn))
            if now:
                known[turn.summary.id] = now[-1].summary.id
            cost = sum(each.summary.cost for each in now)
            found = model.told_otherwise(now) | differences(turn, now, model.changed, counted=not model.repaired)
            compared.append(Compared(turn, cost, happened.seconds, found))
        return compared


async def _let_happen(conversation: Conversation, what: str | int) -> None:
    if isinstance(what, str):
        await conversation.colleague(what)
    else:
        await conversation.pay(what)


def _now(key: ContactKey, turn: RecordedTurn, connection: Connection) -> list[RecordedTurn]:
    """The turns that the replay has made of a turn's messages."""
    ids = {message.message_id for message in turn.messages}
    found = recording_of(connection, contacts.known(connection, key))
    return [each for each in found.turns if ids & {message.message_id for message in each.messages}]


def _as_it_was(
    key: ContactKey, recording: Recording, turn: RecordedTurn, known: Mapping[str, str], connection: Connection
) -> None:
    """Let a turn come after what was really said, so that one difference does not become many, and after what people did.

    What the replay has sent outside of turns (a reminder that a busy machine had not sent yet when the customer wrote) was not said.
    """
    message, outbound = tables.message, tables.outbound
    connection.execute(delete(message).where(message.c.platform == key.platform, message.c.contact == key.id))
    of_no_turn = (outbound.c.platform == key.platform, outbound.c.contact == key.id, outbound.c.turn.is_(None))
    connection.execute(delete(outbound).where(*of_no_turn))
    said = [replace(line, turn=known.get(line.turn or "")) for line in recording.lines[: turn.before]]
    history.append(connection, key, said)
    at = turn.received_at[0]
    match untold(recording, turn, contacts.load(connection, key), at):
        case "given back":
            contacts.resume(connection, key, at)
        case "taken over":
            contacts.remember(
                connection, replace(recording.contact.contact, key=key)
            )  # it may be before the first message
            contacts.pause(connection, key, at, None, "a colleague")


def differences(
    turn: RecordedTurn, now: Sequence[RecordedTurn], changed: str | None, *, counted: bool = True
) -> dict[str, tuple[str, str]]:
    """List what differs from the recorded turn: by name, the recorded and the new value.

    Args:
        turn: as it was.
        now: the turn, or several, that its messages lead to now.
        changed: how the prompt differs; `None` where it does not.
        counted: whether the cost can be compared: of an answer that was asked for again, only the last one is recorded.
    """
    found: dict[str, tuple[str, str]] = {}
    texts = [text for each in now for text in each.texts]
    if changed is not None:
        found["model"] = ("what was recorded", changed)
    elif list(map(_steady, turn.texts)) != list(map(_steady, texts)):
        found["text"] = ("\n".join(turn.texts) or "no reply", "\n".join(texts) or "no reply")
    if (then_calls := _calls(turn)) != (calls := [call for each in now for call in _calls(each)]):
        found["calls"] = (", ".join(then_calls) or "none", ", ".join(calls) or "none")
    if (before := _hits(turn.steps)) != (after := [hit for each in now for hit in _hits(each.steps)]):
        found["passages"] = (_listed(before, after), _listed(after, before))
    handover = next((each.summary.handover for each in now if each.summary.handover), None)
    if changed is None and turn.summary.handover != handover:
        found["handover"] = (turn.summary.handover or "none", handover or "none")
    cost = sum(each.summary.cost for each in now)
    if changed is None and counted and abs(turn.summary.cost - cost) > 0.000001:
        found["cost"] = (f"${turn.summary.cost:.6f}", f"${cost:.6f}")
    return found


def _calls(turn: RecordedTurn) -> list[str]:
    return [f"{name}({_arguments(arguments)}) → {status}" for name, arguments, status in turn.calls]


def seconds_of(turn: RecordedTurn) -> float:
    """How long the turn took then, in seconds."""
    finished = turn.summary.finished_at
    return (finished - turn.summary.started_at).total_seconds() if finished else 0.0


def _steady(text: str) -> str:
    """A text without what differs each time: references of payments, dates of documents."""
    return re.sub(r"\bQR-[A-Z0-9]{8}\b|\d{4}-\d\d-\d\d", "…", " ".join(text.split()))


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def _hits(recorded_steps: Sequence[Step]) -> list[str]:
    """The passages that the model saw, as they stood in its prompt, without the dates of their check."""
    found = []
    for step in recorded_steps:
        if step.kind == "retrieval" and isinstance(step.output, Mapping):
            shown = read_passages(str(step.output.get("passages", "")))
            found += [f"{each.source}: {each.title} {each.text}" for each in shown]
    return found


def _listed(mine: Sequence[str], others: Sequence[str]) -> str:
    only = [each for each in mine if each not in others]
    return "; ".join(only or mine) or "none"


class RecordedModel:
    """Answers as the recorded turn was answered, as long as it is asked the same."""

    def __init__(self, *, live: bool, whole: bool) -> None:
        """Answer from the ledger.

        Args:
            live: whether the model is asked where it is asked something else.
            whole: whether all steps are kept; else what earlier turns looked up is not held against what was told then.
        """
        self._live = live
        self._whole = whole
        self._turn: RecordedTurn | None = None
        self._ledgered = Ledgered()
        self._calls = 0
        self._names: list[str] = []
        self._system: str | None = None  # of the first call of the turn
        self.tools: Tools = {}
        self.changed: str | None = None
        self.repaired = False  # an answer was asked for again, as it was then, with the same in the end

    def begin(self, turn: RecordedTurn) -> None:
        """Replay the calls of this turn from now on."""
        self._turn, self._calls, self._system, self.changed, self.repaired = turn, 0, None, None, False

    def told_otherwise(self, now: Sequence[RecordedTurn]) -> dict[str, tuple[str, str]]:
        """List how the instructions and tools of the prompt differ from the recorded turn: by name, the recorded and the new text.

        Args:
            now: what has become of the turn's messages: a model that is no recorded one was asked in it.
        """
        then = self._turn.models[:1] if self._turn is not None else ()
        asked = [step.input["system"] for each in now for step in each.models[:1]]
        system = self._system if self._system is not None else next(iter(asked), None)
        if not then or system is None:
            return {}
        pairs = {
            "instructions": lines_changed(_lasting(then[0].input["system"]), _lasting(system)),
            "tools": self._tools_changed(then[0]),
        }
        return {name: _as_texts(each) for name, found in pairs.items() if (each := list(found))}

    def _tools_changed(self, step: Step) -> Iterator[Pair]:
        return tools_changed(kept_tools(step.input["tools"], self.tools), self.tools)

    def models(self, stage: Stage, ledgered: Ledgered) -> Sequence[ChatModel]:
        """The models of agent.yaml behind what is recorded; the offline one computes anew."""
        self._ledgered = ledgered
        if stage.config.model.offline:
            return stage.offline()
        real = [chat for chat in stage.models() if not chat.offline]
        self._names = [chat.name for chat in real]
        return [replace(chat, model=_Replayed(recorded=self, inner=chat.model)) for chat in real]

    def answer(self, messages: Sequence[BaseMessage]) -> AIMessage | None:
        """The recorded answer; `None` where the model is to be asked.

        Raises:
            NotRecorded: it is asked something else than then, and may not be asked.
        """
        if any(message.text == SUMMARY_TASK for message in messages):
            raise NotRecorded("no summary is written in a replay")
        known = self._turn.models if self._turn is not None else []
        following = known[self._calls] if self._calls < len(known) else None
        if self._system is None:
            self._system = next((message.text for message in messages if message.type == "system"), "")
        again = self._calls > 0 and _is_repair(messages[-1]) and _last_of(following) != _lasting(messages[-1].text)
        self._calls += not again
        self.repaired |= again
        step = known[self._calls - 1] if self._calls <= len(known) else None
        different = None if step is None or again else self._different(step, messages)
        if step is not None and different is None:
            return cast("AIMessage", messages_from_dict([step.output])[0])
        what = "it is called more often" if step is None else different
        if self._live:
            return None
        self.changed = self.changed or f"{what}; what it would say now, --live tells"
        raise NotRecorded(self.changed)

    def _different(self, step: Step, messages: Sequence[BaseMessage]) -> str | None:
        """What a call asks otherwise than the recorded one; of later calls of a turn only the last message is kept."""
        if step.name not in self._names:
            return f"another model is asked: {', '.join(self._names)} instead of {step.name}"
        given = step.input if isinstance(step.input, Mapping) else {}
        told = [
            (str(each.get("text", "")), each.get("type") == "tool" or "calls" in each)
            for each in given.get("messages", ())
        ]
        asked = [
            (message.text, message.type == "tool" or bool(getattr(message, "tool_calls", ())))
            for message in messages
            if message.type != "system"
        ]
        then, now = self._compared(told), self._compared(asked)
        if self._calls > 1:
            return None if then[-1:] == now[-1:] else "the result that it reads is another"
        if _lasting(str(given.get("system", ""))) != _lasting(self._system or ""):
            return "the instructions have changed"
        if any(self._tools_changed(step)):
            return "what it is told of its tools has changed"
        if then[-1:] != now[-1:]:
            return "what it reads beside the customer's words has changed"
        return None if then == now else "what was said before is another"

    def _compared(self, told: Sequence[tuple[str, bool]]) -> list[str]:
        """What messages say; before the last one only the words, as one text, where not all that was looked up is kept."""
        texts = [_lasting(text) for text, _ in told]
        if self._whole:
            return texts
        words = [
            word
            for text, (_, looked_up) in zip(texts[:-1], told, strict=False)
            if not looked_up
            for word in text.split()
        ]
        return [" ".join(words), *texts[-1:]]


def _as_texts(pairs: Sequence[Pair]) -> tuple[str, str]:
    then, now = ("\n".join(line for line in side if line is not None) for side in zip(*pairs, strict=True))
    return then, now


_PASSING = re.compile(
    r"\nEarlier in this conversation, in short \([^\n]*\n<earlier>\n[^<]*\n</earlier>\n?"
    r"| The customer's first name: [^\n]*?\.(?= |$)"
    r"| The conversation before [^\n]* was closed\. What the customer writes since is a new one: [^\n]*? unless they ask for it\.",
    re.MULTILINE,
)


def _lasting(text: str) -> str:
    """What a model is asked, without what the ledger keeps only as it is now: the summary, the name, when it was closed last."""
    for told in (SEEN, UNSEEN):  # is in the request, but not in the recorded step
        text = text.removesuffix(f"\n\n{told}")
    return _PASSING.sub("", essence(text))


def _is_repair(message: BaseMessage) -> bool:
    return message.type == "human" and message.text.startswith(REPAIR)


def _last_of(step: Step | None) -> str | None:
    """The last message of a recorded call."""
    given = step.input if step is not None and isinstance(step.input, Mapping) else {}
    return next((_lasting(str(each.get("text", ""))) for each in reversed(given.get("messages", ()))), None)


class _Replayed(StagedChat):
    """A chat model behind a recorded turn."""

    recorded: Any

    async def answer(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        recorded: AIMessage | None = self.recorded.answer(messages)
        return await self.ask(messages, options) if recorded is None else recorded


def lines_of(compared: Compared) -> Iterator[str]:
    """A turn for people: what was written, and each difference as then and now."""
    words = " / ".join(message.text or f"[{message.kind}]" for message in compared.turn.messages)
    if not compared.turn.kept:
        yield f"? {compared.turn.summary.id}  👤 {words}  (its steps are no longer kept, so it is not replayed: see `retention`)"
        return
    mark = "≠" if compared.differences else "="
    yield f"{mark} {compared.turn.summary.id}  👤 {words}  ({seconds_of(compared.turn):.2f} s then, {compared.seconds:.2f} s now)"
    for name, (then, now) in compared.differences.items():
        yield f"    {name}"
        yield from (f"      − {line}" for line in then.splitlines() or [""])
        yield from (f"      + {line}" for line in now.splitlines() or [""])


def as_json(compared: Compared) -> dict[str, Any]:
    """A turn for machines."""
    return {
        "turn": compared.turn.summary.id,
        "customer": [message.text for message in compared.turn.messages],
        "kept": compared.turn.kept,
        "same": not compared.differences if compared.turn.kept else None,
        "differences": {name: {"then": then, "now": now} for name, (then, now) in compared.differences.items()},
        "seconds": {"then": seconds_of(compared.turn), "now": compared.seconds},
        "cost": {"then": compared.turn.summary.cost, "now": compared.cost},
    }
