"""Cassettes: what a model said, kept beside the scenario by what it was asked, in YAML that a diff can be read of.

A call is found by its content: the system prompt, the tools, what was said before, and what is said now; not by its place. So a change
of the prompt is noticed, and said with what has changed, and `--record` asks only for what is not there.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import structlog
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import LiteralScalarString

from agent.errors import InputError
from agent.models.chat import ChatModel
from agent.models.dialects import Dialect, in_turns
from agent.models.judge import RAW_CALLS
from agent.scenarios.anonymise import Anonymiser
from agent.scenarios.outside import Ledgered
from agent.scenarios.told import DATE, Pair, lines_changed, read_tools, tools_changed

FORMAT = 1
_HEAD = "# What the model said, recorded by `balas test --record`; renewed where what it is asked has changed.\n"
_SHOWN_LINES = 12
"""Lines of a difference between prompts that are shown."""


class NotRecorded(Exception):
    """A call of a model has no recording; the message says what has changed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model was asked, without what differs from run to run. `before` is a fingerprint of the earlier messages."""

    system: str
    tools: Mapping[str, str]
    before: str
    now: str

    @property
    def key(self) -> str:
        """What the call is found by."""
        return digest(self.system, json.dumps(dict(self.tools), sort_keys=True), self.before, self.now)


@dataclass(frozen=True, slots=True)
class Call:
    """A recorded call. `run` counts from 1: a scenario with `runs: 5` has five answers to one question."""

    asked: Asked
    answer: Mapping[str, Any]
    run: int = 1


@dataclass(slots=True)
class Cassette:
    """The recorded calls of one scenario, and when its conversation began. `used` are the calls that were asked for."""

    model: str = ""
    now: datetime | None = None
    calls: list[Call] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    added: int = 0

    def find(self, asked: Asked, run: int, *, any_run: bool = True) -> Call | None:
        """The answer to a question: that of this run, or else of `any_run`; of several, the first that was not given yet."""
        same = [(number, call) for number, call in enumerate(self.calls) if call.asked.key == asked.key]
        mine = [(number, call) for number, call in same if call.run == run] or (same if any_run else [])
        if not mine:
            return None
        number, call = next(((number, call) for number, call in mine if number not in self.used), mine[-1])
        self.used.add(number)
        return call

    def add(self, call: Call) -> None:
        """Keep a new call."""
        self.used.add(len(self.calls))
        self.calls.append(call)
        self.added += 1

    def explain(self, asked: Asked, place: int) -> str:
        """Say what is different from the recorded call that comes nearest."""
        if not self.calls:
            return "nothing is recorded"
        near = max(
            enumerate(self.calls),
            key=lambda each: (
                each[1].asked.now == asked.now,
                each[1].asked.before == asked.before,
                -abs(each[0] - place),
            ),
        )[1].asked
        parts = []
        if near.system != asked.system:
            parts.append("the instructions differ:\n" + _marked(lines_changed(near.system, asked.system)))
        if near.tools != asked.tools:
            names = sorted(
                name for name in {*near.tools, *asked.tools} if near.tools.get(name) != asked.tools.get(name)
            )
            parts.append(
                f"what is told of {', '.join(names)} differs:\n" + _difference_of_tools(near.tools, asked.tools)
            )
        if near.now != asked.now:
            parts.append("what is asked differs:\n" + _marked(lines_changed(near.now, asked.now)))
        if near.before != asked.before:
            parts.append("what was said before differs")
        return "; ".join(parts) or "it was asked more often than recorded"


def digest(*texts: str) -> str:
    """A short fingerprint."""
    return hashlib.blake2b("\x00".join(texts).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _difference_of_tools(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    try:
        return _marked(tools_changed(read_tools(old), read_tools(new)))
    except (ValueError, KeyError, TypeError, AttributeError):  # of a cassette that was edited by hand
        return _marked(lines_changed("\n".join(old.values()), "\n".join(new.values())))


def _marked(pairs: Iterable[Pair]) -> str:
    lines = [f"{mark}{line}" for pair in pairs for mark, line in zip("-+", pair, strict=True) if line is not None]
    shown = lines[:_SHOWN_LINES] + ([f"… {len(lines) - _SHOWN_LINES} more"] if len(lines) > _SHOWN_LINES else [])
    return "\n".join(f"    {line}" for line in shown)


# The file


def read(path: Path) -> Cassette:
    """Read a cassette.

    Raises:
        InputError: it is none.
    """
    try:
        value = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        return _cassette(value)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a cassette ({error!r}); delete it and record it again") from error


def _cassette(value: Any) -> Cassette:
    if not isinstance(value, Mapping) or value["format"] != FORMAT:
        raise ValueError("another format")
    prompts, tools = value.get("prompts") or {}, value.get("tools") or {}
    calls = [
        Call(
            Asked(
                prompts[each["prompt"]].rstrip("\n") if each.get("prompt") else "",
                dict(tools[each["tools"]]) if each.get("tools") else {},
                str(each.get("before", "")),
                str(each["said"]).rstrip("\n"),
            ),
            dict(each["answer"]),
            int(each.get("run", 1)),
        )
        for each in value.get("calls") or ()
    ]
    now = value.get("now")
    return Cassette(str(value.get("model", "")), datetime.fromisoformat(str(now)) if now else None, calls)


def write(path: Path, cassette: Cassette) -> None:
    """Write the calls that were used."""
    path.write_text(dumped(cassette), encoding="utf-8")


def dumped(cassette: Cassette) -> str:
    """The calls that were used, as YAML; prompts and tools, which repeat, stand once."""
    prompts: dict[str, Any] = {}
    tools: dict[str, Any] = {}
    calls = []
    for number, call in enumerate(cassette.calls):
        if number not in cassette.used:
            continue
        entry: dict[str, Any] = {"run": call.run} if call.run > 1 else {}
        if call.asked.system:
            name = digest(call.asked.system)
            prompts[name] = _literal(call.asked.system)
            entry["prompt"] = name
        if call.asked.tools:
            name = digest(json.dumps(dict(call.asked.tools), sort_keys=True))
            tools[name] = {key: _literal(text) for key, text in call.asked.tools.items()}
            entry["tools"] = name
        if call.asked.before:
            entry["before"] = call.asked.before
        entry |= {"said": _literal(call.asked.now), "answer": _answer_shown(call.answer)}
        calls.append(entry)
    whole = {
        "format": FORMAT,
        "model": cassette.model,
        "now": cassette.now.isoformat() if cassette.now else None,
        "prompts": prompts,
        "tools": tools,
        "calls": calls,
    }
    yaml, out = YAML(), io.StringIO()
    yaml.width, yaml.allow_unicode = 4096, True
    yaml.dump(whole, out)
    return _HEAD + out.getvalue()


def _literal(text: str) -> str:
    text = text.rstrip("\n")
    plain = "\n" in text and all(letter.isprintable() or letter == "\n" for letter in text)
    return LiteralScalarString(text + "\n") if plain and not text.startswith((" ", "\n")) else text


def _answer_shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {**answer, "text": _literal(str(answer["text"]))} if answer.get("text") else dict(answer)


# The model


@dataclass
class Tape:
    """A cassette while a conversation runs.

    Attributes:
        cassette: what is recorded.
        mode: `play`: only that; `record`: the model is asked for what is not there.
        anonymiser: takes personal data and secrets out of what is kept.
        ledgered: notes a call without a recording, and knows what differs from run to run.
        run: number of the run, from 1.
    """

    cassette: Cassette
    mode: Literal["play", "record"]
    anonymiser: Anonymiser
    ledgered: Ledgered
    run: int = 1
    _calls: int = 0
    _turns: dict[str, str] = field(default_factory=dict)

    def models(self, real: Sequence[ChatModel]) -> list[ChatModel]:
        """The models of agent.yaml with the tape before them; without any, the one that was recorded."""
        real = [chat for chat in real if not chat.offline]
        if not real:
            name = self.cassette.model or "recorded"
            return [ChatModel(name, RecordedChat(tape=self, name_=name))]
        return [
            ChatModel(
                chat.name,
                RecordedChat(tape=self, name_=chat.name, inner=chat.model),
                chat.price_in,
                chat.price_out,
                chat.price_cached,
                chat.timeout,
                chat.dialect,
            )
            for chat in real
        ]

    def asked(self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> Asked:
        """What is asked, without what differs from run to run and without personal data."""
        turn = structlog.contextvars.get_contextvars().get("turn")
        if turn:
            self._turns.setdefault(str(turn), f"turn-{len(self._turns) + 1}")
        system = "\n\n".join(message.text for message in messages if message.type == "system")
        rest = [message for message in messages if message.type != "system"]
        last = max((at for at, message in enumerate(rest) if message.type == "human"), default=0)
        described = {
            str(tool["function"]["name"]): self._plain(json.dumps(tool["function"], sort_keys=True, ensure_ascii=False))
            for tool in tools
        }
        before = [self._essence(message) for message in rest[:last]]
        return Asked(
            self._plain(system).rstrip("\n"),
            described,
            digest(*before) if before else "",
            "\n".join(self._essence(message) for message in rest[last:]).rstrip("\n"),
        )

    def _essence(self, message: BaseMessage) -> str:
        calls = [
            f"{call['name']}({json.dumps(call['args'], sort_keys=True, ensure_ascii=False, default=str)})"
            for call in getattr(message, "tool_calls", None) or ()
        ]
        text = message.text.rstrip()
        return self._plain(f"{message.type}: {' '.join([*calls, text]).strip()}")

    def _plain(self, text: str) -> str:
        for value, name in {**self.ledgered.volatile, **self._turns}.items():
            text = text.replace(value, f"<{name}>")
        return self.anonymiser.text(DATE.sub("", text))

    def play(self, asked: Asked) -> AIMessage | None:
        """Find the recorded answer; `None` where the model is to be asked.

        Raises:
            NotRecorded: the prompt is not on the tape, and nothing is recorded now; the message says what changed.
        """
        self._calls += 1
        call = self.cassette.find(asked, self.run, any_run=self.mode == "play")
        if call is not None:
            return self._answer(call.answer)
        if self.mode == "record":
            return None
        changed = self.cassette.explain(asked, self._calls - 1)
        problem = f"the prompt changed: re-record (--record), or --live. Call {self._calls} of the model: {changed}"
        self.ledgered.problems.append(problem)
        raise NotRecorded(problem)

    def keep(self, asked: Asked, answer: AIMessage, model: str) -> AIMessage:
        """Record an answer.

        Returns:
            The answer as it will be played, so that the conversation that is recorded is the one that is played.
        """
        self.cassette.model = self.cassette.model or model
        packed = self.anonymiser.hide(pack_answer(answer))
        self.cassette.add(Call(asked, packed, self.run))
        played = self._answer(packed)
        played.usage_metadata = answer.usage_metadata
        return played

    def _answer(self, packed: Mapping[str, Any]) -> AIMessage:
        self.anonymiser(packed)  # what comes later gets other stand-ins than those that stand here
        return read_answer(self.anonymiser.reveal(packed))


class StagedChat(BaseChatModel):
    """A chat model whose answers come from a recording; what stands in none is asked of `inner`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel | None = None

    @property
    def _llm_type(self) -> str:
        return "recorded"

    @property
    def dialect(self) -> Dialect:
        """`None`: calls are compared and recorded in the common form, whatever API `inner` uses."""
        return Dialect()

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("a turn never blocks")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=await self.answer(messages, kwargs))])

    async def answer(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        """Answer a call.

        Args:
            messages: the conversation.
            options: of the call: `tools` and `tool_choice`.
        """
        raise NotImplementedError

    async def ask(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        """Ask `inner`, with the tools of the call.

        Raises:
            NotRecorded: there is none.
        """
        if self.inner is None:
            raise NotRecorded("there is no model to ask; name one in agent.yaml, with its key")
        tools = options.get("tools") or ()
        choice = {"tool_choice": options["tool_choice"]} if "tool_choice" in options else {}
        bound = self.inner.bind_tools(tools, **choice) if tools else self.inner
        answer = await bound.ainvoke(messages if hasattr(self.inner, "dialect") else in_turns(messages))
        if not isinstance(answer, AIMessage):
            raise TypeError(f"{self.inner._llm_type} answered with a {type(answer).__name__}")
        return answer


class RecordedChat(StagedChat):
    """A chat model behind a tape."""

    tape: Any
    name_: str

    async def answer(self, messages: list[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        asked = self.tape.asked(messages, options.get("tools") or ())
        played: AIMessage | None = self.tape.play(asked)
        if played is not None:
            return played
        answer = await self.ask(messages, options)
        kept: AIMessage = self.tape.keep(asked, answer, self.name_)
        return kept


def pack_answer(answer: AIMessage) -> dict[str, Any]:
    """An answer as a cassette keeps it: text, calls, tokens, and what else the server said."""
    packed: dict[str, Any] = {}
    if answer.text:
        packed["text"] = answer.text
    raw = answer.additional_kwargs.get(RAW_CALLS)
    calls = [(call["name"], _arguments(call["arguments"])) for call in raw or ()]
    calls = calls or [(call["name"], call["args"]) for call in answer.tool_calls]
    if calls:
        packed["calls"] = [{name: arguments} for name, arguments in calls]
    more = {key: value for key, value in answer.additional_kwargs.items() if key not in (RAW_CALLS, "tool_calls")}
    if more:
        packed["more"] = json.loads(json.dumps(more, default=str))
    if finish := answer.response_metadata.get("finish_reason"):
        packed["finish"] = str(finish)
    if usage := answer.usage_metadata:
        packed["tokens"] = {"read": usage["input_tokens"], "written": usage["output_tokens"]}
    return packed


def read_answer(packed: Mapping[str, Any]) -> AIMessage:
    """The inverse of `pack_answer`."""
    kept: dict[str, Any] = dict(packed.get("more") or {})
    calls = [(str(name), arguments) for call in packed.get("calls") or () for name, arguments in call.items()]
    if calls:
        kept[RAW_CALLS] = [
            {
                "id": f"call_{number}",
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False),
            }
            for number, (name, arguments) in enumerate(calls, 1)
        ]
    message = AIMessage(str(packed.get("text", "")).rstrip("\n"), additional_kwargs=kept)
    if tokens := packed.get("tokens"):
        read_, written = int(tokens["read"]), int(tokens["written"])
        message.usage_metadata = UsageMetadata(input_tokens=read_, output_tokens=written, total_tokens=read_ + written)
    if finish := packed.get("finish"):
        message.response_metadata = {"finish_reason": finish}
    return message


def _arguments(raw: Any) -> Any:
    """Arguments as a mapping where they are one; as the model wrote them otherwise."""
    try:
        value = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        return raw
    return value if isinstance(value, dict) else raw
