"""A conversation as the offline model reads it: the messages and tools of a chat completion, made plain values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from actions.parameters import ORIGIN
from agent.models.values import Passage, TurnValues, described
from language.detect import detect
from settings.text import MARKS

_SPOKEN = re.compile(r"^\[voice note\]\s*")
_ELEMENT = re.compile(r"<(colleague|file|runtime|sent)\b[^<>]*>(?:[^<]|<(?![A-Za-z/!?]))*+</\1>")
"""What we write beside the customer's words."""
_STATUS = re.compile(r"\[(failed|refused|unknown|confirm)\] ?")
_UNDERSTOOD = 1_500
"""Characters of what a customer says in one turn that are read; no request comes after that."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that may be called. `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    examples: tuple[str, ...]
    parameters: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        """The JSON Schema of each argument by its name."""
        return self.parameters.get("properties") or {}

    @property
    def required(self) -> Sequence[str]:
        """Names of the arguments without which it cannot be called."""
        return self.parameters.get("required") or ()


@dataclass(frozen=True, slots=True)
class Result:
    """A call that was made in this turn. `status` is that of an action's outcome."""

    name: str
    arguments: Mapping[str, Any]
    status: str
    content: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the customer said, line by line, and what was replied."""

    said: tuple[str, ...]
    reply: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Everything a reply depends on. `said` is what the customer says now, `attachments` whether files came with it,
    `sticker` and `place` whether a sticker or a location did; `cite` whether sources are named to the customer."""

    said: tuple[str, ...]
    earlier: tuple[Exchange, ...] = ()
    results: tuple[Result, ...] = ()
    tools: tuple[Tool, ...] = ()
    passages: tuple[Passage, ...] = ()
    language: str = "id"
    now: datetime | None = None  # local, naive
    attachments: bool = False
    sticker: bool = False
    place: bool = False
    cite: bool = False
    rejected: bool = False  # a draft claimed something that no tool has done
    unprompted: bool = False  # the business asks for a message; nothing in it is the customer's wish

    @property
    def text(self) -> str:
        """What the customer says now, a line for each message."""
        return "\n".join(self.said)


@dataclass(slots=True)
class _Open:
    said: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    calls: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)


def read(
    messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = (), values: TurnValues | None = None
) -> Dialogue:
    """Read a chat completion. A new exchange begins when the customer speaks after a reply, or after a call.

    Args:
        messages: of the conversation; what they hold as the system's is not read.
        tools: as the OpenAI API takes them.
        values: what the turn knows beside them. Without any the language is told by what the customer writes.
    """
    exchanges, current = [], _Open()
    for message in messages:
        if isinstance(message, HumanMessage):
            if current.replies or current.results:
                exchanges.append(_closed(current))
                current = _Open()
            _hear(current, message.text)
        elif isinstance(message, AIMessage):
            for call in message.tool_calls:
                current.calls[str(call["id"])] = (call["name"], call["args"])
            if message.text.strip() and not message.tool_calls:
                current.replies.append(message.text)
        elif isinstance(message, ToolMessage):
            name, arguments = current.calls.get(message.tool_call_id, (message.name or "", {}))
            current.results.append(_result(name, arguments, message))
    raw = values.said if values is not None and values.said is not None else _last_words(messages)
    dialogue = Dialogue(
        said=tuple(current.said),
        sticker="[sticker" in raw,
        place="[location" in raw,
        earlier=tuple(exchanges),
        results=tuple(current.results),
        tools=tuple(_tool(tool) for tool in tools),
    )
    if values is None:
        earlier = "\n".join(line for exchange in exchanges for line in exchange.said)
        return replace(dialogue, language=detect(dialogue.text, detect(earlier) if earlier else None))
    if values.said is not None:
        current.said.clear()
        _hear(current, values.said)
        dialogue = replace(dialogue, said=tuple(current.said))
    return replace(
        dialogue,
        passages=values.passages,
        language=values.language,
        now=values.now.replace(second=0, microsecond=0, tzinfo=None),
        attachments=bool(values.attachments),
        cite=values.cite,
        rejected=values.rejected,
        unprompted=values.unprompted,
    )


def _last_words(messages: Sequence[BaseMessage]) -> str:
    return next((message.text for message in reversed(messages) if isinstance(message, HumanMessage)), "")


def _hear(current: _Open, text: str) -> None:
    for line in _ELEMENT.sub("", text).splitlines():
        plain = MARKS.sub("", _SPOKEN.sub("", line.strip())).strip()
        room = _UNDERSTOOD - sum(map(len, current.said))
        if plain and room > 0:
            current.said.append(plain[:room])


def _closed(current: _Open) -> Exchange:
    return Exchange(tuple(current.said), "\n".join(current.replies))


def _result(name: str, arguments: Mapping[str, Any], message: ToolMessage) -> Result:
    text = message.text
    marked = _STATUS.match(text)
    if marked:
        return Result(name, arguments, marked[1], text[marked.end() :])
    return Result(name, arguments, "failed" if message.status == "error" else "done", text)


def _tool(tool: Mapping[str, Any]) -> Tool:
    function = tool.get("function", tool)
    description, examples = described(function.get("description") or "")
    return Tool(function["name"], description, examples, _without_origins(function.get("parameters") or {}))


def _without_origins(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema as agent.yaml has it: what descriptions say beside that is for models that read."""
    properties = {
        name: {**schema, "description": ORIGIN.sub("", schema["description"])} if "description" in schema else schema
        for name, schema in (parameters.get("properties") or {}).items()
    }
    return {**parameters, "properties": properties} if properties else parameters
