"""A conversation as the offline model reads it: the messages and tools of a chat completion, made plain values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from agent.models.toolcard import read as read_card
from agent.models.values import Passage
from agent.turn.retrieval import read as read_passages
from language.detect import NAMES, detect

_LANGUAGE = re.compile(rf"\bWrite in ({'|'.join(NAMES.values())})\b")
_NOW = re.compile(r"\bNow: \w+, (\d{1,2} \w+ \d{4}, \d{2}:\d{2})")
_NOTE = re.compile(r"\[(?:image|video|audio|file|sticker|location|a voice note)[^\]]*\]")
_SPOKEN = re.compile(r"^\[voice note\]\s*")
_STATUS = re.compile(r"\[(failed|refused|unknown|confirm)\] ?")
_UNDERSTOOD = 1_500
"""Characters of what a customer says in one turn that are read; nobody asks for anything after that."""

_REMINDER = "[system] Your draft says"


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    examples: tuple[str, ...]
    parameters: Mapping[str, Any]

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        return self.parameters.get("properties") or {}

    @property
    def required(self) -> Sequence[str]:
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
    """Everything a reply depends on. `said` is what the customer says now, `attachments` whether files came with it."""

    said: tuple[str, ...]
    earlier: tuple[Exchange, ...] = ()
    results: tuple[Result, ...] = ()
    tools: tuple[Tool, ...] = ()
    passages: tuple[Passage, ...] = ()
    language: str = "id"
    now: datetime | None = None  # local, naive
    attachments: bool = False
    rejected: bool = False  # a draft claimed something that no tool has done

    @property
    def text(self) -> str:
        return "\n".join(self.said)


@dataclass(slots=True)
class _Open:
    said: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    calls: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    attachments: bool = False
    rejected: bool = False


def read(messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = ()) -> Dialogue:
    """The dialogue of a chat completion. A new exchange begins when the customer speaks after a reply."""
    system = "\n\n".join(message.text for message in messages if isinstance(message, SystemMessage))
    exchanges, current = [], _Open()
    for message in messages:
        if isinstance(message, HumanMessage) and message.text.startswith(_REMINDER):
            current.rejected = True
        elif isinstance(message, HumanMessage):
            if current.replies:
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
    earlier_text = "\n".join(line for exchange in exchanges for line in exchange.said)
    said = tuple(current.said)
    asked = _LANGUAGE.search(system)
    language = _CODES[asked[1]] if asked else detect("\n".join(said), detect(earlier_text) if earlier_text else None)
    return Dialogue(
        said=said,
        earlier=tuple(exchanges),
        results=tuple(current.results),
        tools=tuple(_tool(tool) for tool in tools),
        passages=tuple(read_passages(system)),
        language=language,
        now=_now(system),
        attachments=current.attachments,
        rejected=current.rejected,
    )


_CODES = {name: code for code, name in NAMES.items()}


def _hear(current: _Open, text: str) -> None:
    for line in text.splitlines():
        plain = _NOTE.sub("", _SPOKEN.sub("", line.strip())).strip()
        current.attachments = current.attachments or _NOTE.search(line) is not None
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
    description, examples = read_card(function.get("description") or "")
    return Tool(function["name"], description, examples, function.get("parameters") or {})


def _now(system: str) -> datetime | None:
    found = _NOW.search(system)
    return datetime.strptime(found[1], "%d %B %Y, %H:%M") if found else None  # noqa: DTZ007 -- local time, no zone
