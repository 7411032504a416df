"""How a server wants to be asked, learned from what it refuses: plain functions over request bodies and error bodies.

Every OpenAI-compatible server has a dialect of its own: which parameters it knows, how strictly roles alternate, which fields of its
own it wants back. A `Dialect` starts with what all take, learns one thing from each refusal, and is kept for as long as the process
lives, so that a server refuses the same thing once. `window_of` reads from an error that the conversation is too long for the model.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.models.caching import FIELD, without_breakpoints
from agent.models.pictures import has_pictures, without_pictures
from settings.text import from_json

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

Body: TypeAlias = dict[str, Any]

_ESSENTIAL = frozenset({"model", "messages", "tools"})
_LIMITS = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
_MESSAGE_FIELDS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "audio"})

_OVERFLOW = re.compile(
    r"context[_ ](?:length|window|size)|maximum context|exceeds? (?:the )?(?:available )?context|exceed_context_size|prompt is too long"
    r"|(?:input|prompt) (?:token count|is too long|length)|too many (?:input )?tokens|reduce the length of (?:the|your) (?:messages|prompt)"
    r"|prompt contains \d+ tokens|max_tokens must be at least 1, got -|inputs? tokens? \+|context the overflows|input is too long"
    r"|exceeds the (?:maximum|limit|model)[^.]{0,40}tokens|longer than the maximum|exceeds? (?:the )?model'?s? max"
    r"|(?:request|payload)(?: body| entity)? (?:is )?too large|range of input length|exceeded model token limit|exceeds? maximum length"
    r"|tokens\W{0,3} must be <=|max(?:imum)? (?:message )?tokens(?: allowed|$)",
    re.IGNORECASE,
)
_ANSWER_TOO_LONG = re.compile(
    r"max_\w{0,20}tokens\W{1,4}(?:or \W?max_\w{0,20}tokens\W{1,4})?(?:is )?too large", re.IGNORECASE
)
"""It is the wanted answer that is too long, not the conversation."""
_WINDOWS = (
    re.compile(r'"n_ctx"\s*:\s*(\d+)'),
    re.compile(
        r"(?:maximum context(?: length)?|context length|context window|context size|maximum(?: input)?|max(?:imum)? (?:number of )?tokens"
        r"|limit|must be|model'?s? max\w*)\D{0,60}?(\d[\d,_]{2,})",
        re.IGNORECASE,
    ),
    re.compile(r">\s*(\d[\d,_]{2,})\s*(?:maximum|tokens)"),
    re.compile(r"(?:<= ?|\[\d{1,9}, ?|exceeds? |maximum length of )(\d[\d,_]{2,20})", re.IGNORECASE),
    re.compile(r"(?<![\d,_])(\d[\d,_]{2,20})(?:\s{1,9}tokens?)?\s{1,9}(?:maximum|max)\b", re.IGNORECASE),
)
_ALTERNATE = re.compile(
    r"roles? (?:must|should)(?: be)? alternat|alternat\w{1,9} (?:between )?user|unexpected role|last message must|after (?:role|a tool)"
    r"|(?:must|should) (?:start|begin) with a user|first message must|consecutive messages|turn comes immediately after",
    re.I,
)
_NO_SYSTEM = re.compile(
    r"system (?:role|message|prompt)s?[^.]{0,30}(?:not supported|unsupported|not allowed)|(?:does not|doesn't) support[^.]{0,20}system"
    r"|role\W{1,3}system\W{1,3}(?:is )?not supported|invalid role\W{1,3}system|developer instruction is not enabled",
    re.IGNORECASE,
)
_NO_TOOLS = re.compile(
    r"(?:does not|doesn't|do not) support (?:tools?|functions?|tool use|tool call|function call)"
    r"|(?<!\w)(?:tools?|(?:function|tool)[ _]call\w*|tool use)\W{1,2}(?:is|are)(?: currently)? not (?:supported|enabled|allowed)"
    r"|no endpoints found that support tool use|tools param requires --jinja|tool choice requires --enable-auto-tool-choice"
    r"|unsupported param(?:eter)?: tools",
    re.IGNORECASE,
)
_NO_IMAGES = re.compile(
    r"image[_ ]?(?:urls?|inputs?|contents?|s)?\b[^.]{0,60}(?:not supported|unsupported|only supported|not allowed|isn't supported)"
    r"|(?:not|n't) support[^.]{0,40}(?:image|vision|multi-?modal)|support image input|at most 0 image|not a (?:multi-?modal|vision)"
    r"|unknown variant [`'\"]?image_url|content must be a string|content\S{0,60}\s+(?:input )?should be a valid string"
    r"|required for image input"
    r"|content\.type\b|failed to process image|unsupported (?:content|media) type",
    re.IGNORECASE,
)
_REASONING_WANTED = re.compile(
    r"reasoning_content[^.]{0,60}(?:must be\s+passed back|is missing|is required)|missing\s+[`']?reasoning_content",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(r"not (?:permitted|allowed|supported)|unknown|unexpected|unrecognized|unsupported", re.IGNORECASE)
_UNREADABLE_CALL = re.compile(
    r"tool_use_failed|failed to (?:call a function|parse (?:tool|function) call)|(?:error parsing|invalid) tool call"
    r"|tool call validation failed",
    re.IGNORECASE,
)
_SIGNATURE_WANTED = re.compile(r"missing a?\s*[`']?thought_signature", re.IGNORECASE)
_NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google takes for a call that no Gemini made: https://ai.google.dev/gemini-api/docs/thought-signatures"""

_BEGINNING = "(The conversation begins.)"
"""Said by the user's side where the business wrote first."""


@dataclass(slots=True)
class Dialect:
    """What one model's server does not take as it is.

    Attributes:
        dropped: parameters that are left out.
        renamed: parameters that are sent under another name.
        unknown_fields: fields of assistant messages that are not sent back.
        alternating: the conversation begins with the customer, and user and assistant take turns.
        system: system messages are known; otherwise they stand in front of the first message of the customer.
        tools: tools are known; otherwise they are described, called and answered in the text.
        reasoning: every assistant message with calls needs `reasoning_content`.
        signatures: every first call of an assistant message needs Gemini's thought signature.
        window: tokens that fit into the model, its answer included, when it has said so.
        images: pictures are taken; otherwise a text says that there is one.
        breakpoints: marks for the cache are taken (`agent.models.caching`).
    """

    dropped: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    unknown_fields: set[str] = field(default_factory=set)
    alternating: bool = False
    system: bool = True
    tools: bool = True
    reasoning: bool = False
    signatures: bool = False
    window: int | None = None
    images: bool = True
    breakpoints: bool = True

    def fit(self, body: Body) -> Body:
        """Make a request of the common form one that this server takes."""
        fitted = {
            self.renamed.get(key, key): value
            for key, value in body.items()
            if self.renamed.get(key, key) not in self.dropped
        }
        messages = [self._message(message) for message in body["messages"]]
        if not self.tools:
            messages = _tools_in_text(messages, fitted.pop("tools", []))
            for key in ("tool_choice", "parallel_tool_calls"):
                fitted.pop(key, None)
        fitted["messages"] = merged(_system_first(messages))
        if not self.system:
            fitted["messages"] = merged(_without_system(fitted["messages"]))
        if self.alternating:
            fitted["messages"] = _alternating(fitted["messages"])
        return fitted

    def learn(self, status: int, error: object, body: Body) -> str | None:
        """Learn from a refusal what to do otherwise.

        Args:
            status: of the HTTP answer.
            error: its body, as JSON where it is JSON.
            body: the request as it was sent.

        Returns:
            What was learned, in words for the log; `None` when the refusal is about something else.
        """
        text = error_text(error)
        if status not in (400, 404, 415, 422, 500, 501) or not text:
            return None
        if (
            self.images
            and any(has_pictures(each.get("content")) for each in body["messages"])
            and _NO_IMAGES.search(text)
        ):
            self.images = False
            return "it takes no pictures; a text says that there is one"
        if self.breakpoints and FIELD in text and status in (400, 422):
            self.breakpoints = False
            return f"it takes no {FIELD}"
        for flag, pattern, value, learned in (
            ("reasoning", _REASONING_WANTED, True, "reasoning_content is sent back with every call"),
            ("signatures", _SIGNATURE_WANTED, True, "every call carries a thought signature"),
            ("tools", _NO_TOOLS, False, "it does not take tools; they are described and called in the text"),
            ("system", _NO_SYSTEM, False, "it takes no system message; the first message holds it"),
            ("alternating", _ALTERNATE, True, "user and assistant take turns"),
        ):
            if getattr(self, flag) is not value and pattern.search(text):
                setattr(self, flag, value)
                return learned
        if status in (404, 500, 501):
            return None
        return self._learn_parameter(error, text, body)

    def _learn_parameter(self, error: object, text: str, body: Body) -> str | None:
        named = [_last_key(place) for place in _places(error)]
        words = [key for key in sorted(body, key=len, reverse=True) if _names(text, key)]
        words += [key for key, other in _LIMITS.items() if key in body and _names(text, other)]
        if named[:1] == ["tools"] and self.tools and _UNKNOWN.search(text):
            self.tools = False
            return "it does not take tools; they are described and called in the text"
        for key in (*named, *words):
            if key in body and key not in _ESSENTIAL:
                return self._without(key, text)
        for key in (*named, *sorted(_own_fields(body["messages"]))):
            if key in _own_fields(body["messages"]) and re.search(
                rf"(?<![\w]){re.escape(key)}(?![\w])", f"{text} {' '.join(named)}"
            ):
                self.unknown_fields.add(key)
                return f"the field {key} is not sent back"
        return None

    def _without(self, key: str, text: str) -> str:
        other = _LIMITS.get(key)
        original = next((name for name, sent in self.renamed.items() if sent == key), key)
        if other is not None and original == key and other not in self.dropped:
            self.renamed[key] = other
            return f"{key} is sent as {other}"
        self.dropped.add(key)
        return f"{key} is not sent"

    def _message(self, message: Body) -> Body:
        made = dict(message)
        for key in self.unknown_fields:
            made.pop(key, None)
        if not self.images:
            made["content"] = without_pictures(made.get("content"))
        if not self.breakpoints:
            made["content"] = without_breakpoints(made.get("content"))
        calls = made.get("tool_calls")
        if not calls:
            return made
        made["tool_calls"] = [
            {key: value for key, value in call.items() if key not in self.unknown_fields} for call in calls
        ]
        if self.reasoning:
            made.setdefault("reasoning_content", "")
        if self.signatures and "extra_content" not in made["tool_calls"][0]:
            made["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": _NO_SIGNATURE}}
        return made


def _names(text: str, parameter: str) -> bool:
    """Whether a text names a parameter, in snake case or in camel case."""
    return bool(re.search(rf"(?<!\w){re.escape(parameter).replace('_', '_?')}(?!\w)", text, re.IGNORECASE))


def window_of(error: object, asked: int) -> int | None:
    """Read from an error how many tokens fit into the model, when it says that the conversation is too long for it.

    Args:
        error: body of the answer, or its text.
        asked: tokens of the request, estimated.

    Returns:
        The window; two thirds of what was asked where the error names no size; `None` for any other error.
    """
    text = error_text(error)
    if not _OVERFLOW.search(text) or _ANSWER_TOO_LONG.search(text):
        return None
    for pattern in _WINDOWS:
        if match := pattern.search(text):
            return int(re.sub(r"\D", "", match[1]))
    return max(asked * 2 // 3, 1)


def unreadable_call(error: object) -> str | None:
    """What the model wrote whose call the server itself could not read, and answered with an error for it (Groq, llama.cpp, Ollama).

    Args:
        error: body of the answer.

    Returns:
        The model's own words, empty where the server does not tell them; `None` for any other error.
    """
    if not _UNREADABLE_CALL.search(error_text(error)):
        return None
    inner = error.get("error", error) if isinstance(error, Mapping) else None
    written = inner.get("failed_generation") if isinstance(inner, Mapping) else None
    return written if isinstance(written, str) else ""


def wait_of(error: object) -> timedelta | None:
    """Read from an error's body how long Google's servers ask to wait: `"retryDelay": "17s"` in a `RetryInfo`."""
    match error:
        case {"retryDelay": str(delay)} if match := re.fullmatch(r"(\d{1,6}(?:\.\d{1,9})?)s", delay):
            return timedelta(seconds=float(match[1]))
        case Mapping():
            return next((wait for each in error.values() if (wait := wait_of(each)) is not None), None)
        case list():
            return next((wait for each in error if (wait := wait_of(each)) is not None), None)
    return None


def error_text(error: object) -> str:
    """The words of an error's body: messages, codes and sizes, but nothing that it repeats of the request."""
    match error:
        case str():
            try:
                return error_text(from_json(error)) if error.lstrip()[:1] in "{[" else error
            except ValueError:
                return error
        case Mapping():
            parts = [
                f'"{key}": {value}' if isinstance(value, int) else error_text(value)
                for key, value in error.items()
                if key not in ("input", "body", "request", "ctx", "url") and value is not None
            ]
            return "\n".join(part for part in parts if part)
        case list() | tuple():
            return "\n".join(error_text(each) for each in error)
    return ""


def _places(error: object) -> Iterator[str]:
    """Where an error says that the fault is: OpenAI's `param`, the last word of FastAPI's `loc`."""
    if isinstance(error, Mapping):
        for key, value in error.items():
            if key == "param" and isinstance(value, str):
                yield value
            elif key == "loc" and isinstance(value, list):
                yield from (str(part) for part in reversed(value) if isinstance(part, str))
            elif key not in ("input", "body", "request"):
                yield from _places(value)
    elif isinstance(error, list):
        for each in error:
            yield from _places(each)


def _last_key(place: str) -> str:
    return re.split(r"[.\[\]]+", place.rstrip("]"))[-1]


def _own_fields(messages: Sequence[Body]) -> set[str]:
    own = {key for message in messages for key in message if key not in _MESSAGE_FIELDS}
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    return own | {key for call in calls for key in call if key not in ("id", "type", "function")}


def merged(messages: Sequence[Body]) -> list[Body]:
    """Join neighbours of one role, as chat templates want them; tool results and messages with calls stay by themselves."""
    joined: list[Body] = []
    for message in messages:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last["role"] == message["role"]
            and message["role"] in ("system", "developer", "user", "assistant")
            and not (last.get("tool_calls") or message.get("tool_calls"))
            and last.get("name") == message.get("name")
        ):
            joined[-1] = {**last, **message, "content": _joined(last.get("content"), message.get("content"))}
        else:
            joined.append(message)
    return joined


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, list) or isinstance(second, list):
        return [*_blocks(first), *_blocks(second)]
    return "\n\n".join(part for part in (first, second) if part)


def _blocks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []


def _system_first(messages: Sequence[Body]) -> list[Body]:
    """System messages at the beginning stay such; later ones, which chat templates refuse, are said by the user's side."""
    begun = False
    placed = []
    for message in messages:
        is_system = message["role"] in ("system", "developer")
        begun = begun or not is_system
        placed.append({**message, "role": "user"} if begun and is_system else message)
    return placed


def _without_system(messages: Sequence[Body]) -> list[Body]:
    return [
        {**message, "role": "user"} if message["role"] in ("system", "developer") else message for message in messages
    ]


def in_turns(messages: "Sequence[BaseMessage]") -> "list[BaseMessage]":
    """Order messages as providers with an API of their own want them: the customer begins, and neighbours of one side are one message.

    Gemini takes a call after a message of the user or a result only; Anthropic's API wants the user to begin.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    placed: list[BaseMessage] = []
    for message in messages:
        last = placed[-1] if placed else None
        if message.type == "ai" and (last is None or last.type == "system"):
            placed.append(HumanMessage(_BEGINNING))
        neighbours = last is not None and last.type == message.type and message.type in ("human", "ai")
        if last is not None and neighbours and not (isinstance(last, AIMessage) and last.tool_calls):
            placed[-1] = message.model_copy(update={"content": _joined(last.content, message.content)})
        else:
            placed.append(message)
    return placed


def _alternating(messages: Sequence[Body]) -> list[Body]:
    """Begin with the user's side; an assistant's answer stands between tool results and the next message of the user."""
    placed: list[Body] = []
    for message in messages:
        last = next((each["role"] for each in reversed(placed)), "system")
        if last == "system" and message["role"] == "assistant":
            placed.append({"role": "user", "content": _BEGINNING})
        if last == "tool" and message["role"] == "user":
            placed.append({"role": "assistant", "content": "OK."})
        placed.append(message)
    return placed


def _tools_in_text(messages: Sequence[Body], tools: Sequence[Mapping[str, Any]]) -> list[Body]:
    """Describe tools, calls and results in words, for a model whose server knows no tools; `textcalls` reads its answer."""
    made: list[Body] = []
    for message in copy.deepcopy(list(messages)):
        calls = message.pop("tool_calls", None)
        if calls:
            written = (json.dumps(_named(call["function"]), ensure_ascii=False) for call in calls)
            text = "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in written)
            message["content"] = _joined(message.get("content"), text)
        if message["role"] == "tool":
            made.append({"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"})
        else:
            made.append(message)
    if not tools:
        return made
    functions = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    told = (
        "You have these tools, one in a line, as JSON:\n"
        f"{functions}\nTo call one, write nothing but\n<tool_call>\n"
        '{"name": …, "arguments": {…}}\n</tool_call>\nThe result comes in <tool_response>. Never show either to the customer.'
    )
    at = next((at for at, message in enumerate(made) if message["role"] not in ("system", "developer")), len(made))
    return [*made[:at], {"role": "system", "content": told}, *made[at:]]


def _named(function: Mapping[str, Any]) -> dict[str, Any]:
    try:
        arguments = from_json(function.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return {"name": function["name"], "arguments": arguments}
