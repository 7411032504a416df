"""The one judge of what a chat model answered, before it counts: good, repairable, or failed.

    judge(message, tools, prefix) -> Good | Repairable | Failed

Good is a text for the customer, or calls of tools that exist with arguments that are objects. Repairable is told to the model, which
answers again. Failed is for the next model: asking this one again would give the same. Reasoning, raw calls, half answers and tokens
of templates are in no good answer; fields of a server's own are kept in it and sent back within the turn (`agent.models.openai`).
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, ToolCall

from agent.models.lenient import Unreadable
from agent.models.textcalls import find_calls, read_arguments, resolve, spoken, unwrapped

RAW_CALLS = "raw_tool_calls"
"""Key in `AIMessage.additional_kwargs`: native calls as the server sent them, a list of `{id, name, arguments}`."""
REFUSAL = "refusal"
"""Key in `AIMessage.additional_kwargs`: why the model refuses to answer, as OpenAI's field of that name says."""
BLOCKS = "content_blocks"
"""Key in `AIMessage.additional_kwargs`: the content as a list, as a provider wants it back within the turn."""

_CUT_OFF = re.compile(r"length|max_[a-z_]{0,20}tokens|token_limit|window_exceeded|truncat")
_BLOCKED = re.compile(
    r"filter|safety|toxic|guardrail|moderat|refus|recitation|blocklist|blocked|prohibited|spii|sensitive|\Alanguage\Z"
)
_BROKEN = re.compile(
    r"error|malformed|unexpected_tool|too_many_tool|missing_thought|abort|cancel|interrupt|fail|time_?out|overload|resource|\Aother\Z"
)
"""Why an answer ended, by the words that servers share; any other reason is an end."""

_PLAIN = frozenset({"type", "text", "index", "annotations"})
"""Keys of a block that is nothing but its text; Gemini also signs texts."""

_TAGS = r"(?:[\w-]+:)?(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratch_?pad|antthinking|(?:inner_)?monologue)"
_OPEN = (
    rf"(?:<{_TAGS}(?:\s[^<>]*)?>|\[THINK(?:ING)?\]|◁think▷|<\|(?:begin_of_thought|start_thinking|thinking|think)\|>)"
)
_END = rf"(?:</{_TAGS}\s*>|\[/THINK(?:ING)?\]|◁/think▷|<\|(?:end_of_thought|end_thinking|/thinking|/think)\|>)"
_THOUGHT = re.compile(rf"{_OPEN}(?:(?!{_OPEN})[\s\S])*?{_END}", re.IGNORECASE)
_ENDED = re.compile(rf"\A[\s\S]*{_END}", re.IGNORECASE)
_UNENDED = re.compile(rf"{_OPEN}[\s\S]*", re.IGNORECASE)
_FINAL = re.compile(
    r"<\|channel\|>\s*final\b[^<]*<\|message\|>|(?<=\S)assistantfinal(?=\S)"
    r"|(?:\A|\n)[ \t*_#]{0,6}(?:final answer|jawaban akhir)[ \t*_]{0,6}:[ \t*_]{0,6}",
    re.IGNORECASE,
)
_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*assistant)?<\|channel\|>\s*(?:analysis|commentary(?![^<]*\bto=))[^<]*<\|message\|>[\s\S]*?(?:<\|end\|>|(?=<\|start\|>)|\Z)",
    re.IGNORECASE,
)
_NEXT_TURN = re.compile(
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|start\|>)\s*(?:user|human|system|tool)\b[\s\S]*"
    r"|(?:<\|(?:user|human|system|observation)\|>|<｜user｜>)[\s\S]*"
    r"|(?<=\S)\s*\n(?:human|user|customer|pelanggan) ?:[^\n]*\n\s*(?:assistant|asisten|ai|agent|bot) ?:[\s\S]*"
    r"|(?<=\S)\s*\n(?:human ?:|### ?(?:instruction|input|user|human)\b)[\s\S]*",
    re.IGNORECASE,
)
_OWN_TURN = re.compile(
    r"(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|<\|start\|>)\s*(?:assistant|model)\b\s*(?:<\|end_header_id\|>)?",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"<\|(?!tool|python_tag|channel|constrain|message|call)[\w▁ -]{1,40}\|>|<｜(?!tool)[^｜<>]{1,40}｜>"
    r"|</?s>|\[/?INST\]|<</?SYS>>|<(?:bos|eos|pad|unk|turn_end)>"
    r"|<(?:start|end)_of_[a-z]{1,20}>|<(?:extra_id_|unused|reserved_)\d{1,6}>|<0x[0-9A-F]{2}>"
    r"|\A>>>\s?all\b|\A### ?(?:response|assistant) ?:|</?assistant>|(?<!\s)\s++data: ?\[DONE\]\s*+\Z",
    re.IGNORECASE,
)
_PERSON = r"(?:the|this|our) (?:customer|user)|(?:si )?pelanggan(?: (?:ini|tersebut|yang (?:anda|kamu|kita) hubungi))?"
_THINKS = re.compile(
    r"(?:\A|\n)[ \t*_#(]{0,6}(?:thought|thinking(?: process)?|reasoning|analysis|analisis|pemikiran|chain of thought)[ \t*_]{0,6}:"
    r"|\A(?:assistant)?analysis(?-i:[A-Z])"
    r"|\A\W{0,5}(?:sure\W{1,3}|certainly\W{1,3}|baik\W{1,3})?(?:here(?:'s| is| are) (?:a|the|my|one|some)"
    r"(?: possible| suggested| sample| draft)? (?:repl|response|draft)|berikut(?: ini)?(?: adalah)? (?:contoh |draf )?"
    r"(?:balasan|jawaban|respons?) (?:untuk pelanggan|yang (?:bisa|dapat)))"
    r"|\A\W{0,5}(?:(?:ok(?:ay)?|alright|hmm|so|well|baik|oke)\W{1,3})?(?:let'?s think|let me think|(?:we|I) (?:need|have|should) "
    r"to (?:respond|answer|reply|find|figure|analy[sz]e|determine)|mari kita (?:pikirkan|analisis)|"
    r"(?:langkah pertama|pertama),? (?:kita|saya) perlu)\b"
    rf"|(?:\A|[.!?:\n] ?(?:\d\. ?)?)\W{{0,3}}(?:okay,? |so |alright,? |hmm,? ){{0,2}}"
    rf"(?:{_PERSON}) (?:just )?(?:asked|"
    r"asks|is asking|wants to|said|says|provided|wrote|has asked|seems to|did not|didn't|bertanya|"
    r"menanyakan|mengatakan|menulis|meminta|menyebutkan|tampaknya|sepertinya)\b"
    r"|\b(?:diminta|ditanyakan|dikatakan|ditulis) (?:oleh )?(?:si )?pelanggan\b|\b(?:respond|reply|answer) to the (?:customer|user)\b"
    r"|\bpelanggan yang (?:anda|kamu|kita) hubungi\b"
    r"|\b(?:provide|give|tell|share|send|confirm|know|need|enter|specify)(?: \w+){0,3} (?:the|this) (?:customer|user)'s\b",
    re.IGNORECASE,
)
"""Reasoning and drafts in plain words: whoever reads it is the customer, and no reply speaks about them as of another."""
_IMITATED = re.compile(
    r"<(?:colleague|sent|runtime|context|earlier|remembered|passages?)>[^<\n]{0,40}\bholds\b", re.IGNORECASE
)
"""A rule of ours said again, with its element."""
_EMPTY = re.compile(r"<([\w:-]{1,60})>\s{0,9}</\1\s{0,9}>")
"""An element without content: `<tools></tools>`."""
_ESCAPED = re.compile(r"&lt;(/?[\w|:-]{1,40})&gt;")
"""A tag that the server has escaped."""
_SENTENCE_END = re.compile(r"[.!?:…]\Z")
"""Parts of an answer are its text as it goes on, mid-sentence too (Mistral cuts at references), but for whole sentences without a blank."""
_PIECES = re.compile("[ĠĊ▁]")
"""Spaces and line breaks of a tokenizer's vocabulary, where the server has left them in place of the real ones."""
_BLANK = r"""[\s"'`*_#.…,:;{}\[\]()|\u00ad\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u2800\u3164\ufeff-]*+"""
"""Marks, and what shows nothing: joiners, fillers, the blank of Braille."""
_NOTHING = re.compile(
    rf"{_BLANK}(?:null|none|nothing|undefined|n/a|true|false|(?<=\()\d{{1,3}}(?=\)))?{_BLANK}",
    re.IGNORECASE,
)


LARGEST = 256 * 1024
"""Characters of an answer with its calls and its reasoning, as it comes; a model that repeats itself ends nowhere."""

LONGEST_TEXT = 16 * 1024
"""Characters that are left for a reader: four messages of WhatsApp."""


@dataclass(frozen=True, slots=True)
class Good:
    """`message` holds a text to send, or calls with own ids; nothing else of it is shown."""

    message: AIMessage


@dataclass(frozen=True, slots=True)
class Repairable:
    """`told` is what the model hears; `reason` stands in the log. `silent`: it said nothing at all, which may be meant so."""

    reason: str
    told: str
    written: str = ""
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The next model is asked."""

    reason: str


Verdict: TypeAlias = Good | Repairable | Failed


def judge(message: AIMessage, tools: Collection[str], prefix: str, *, to_customer: bool = True) -> Verdict:
    """Judge an answer.

    Args:
        message: as the model's client made it.
        tools: names of the tools that the model was given.
        prefix: says which answer this is (the turn and the number of its model call), for the ids of its calls.
        to_customer: whether it is what the customer reads; a summary speaks about them.
    """
    finish = _finish_reason(message)
    if _BLOCKED.search(finish):
        return Failed(f"the answer was withheld ({finish})")
    if (feedback := message.response_metadata.get("prompt_feedback")) and feedback.get("block_reason"):
        return Failed("the question was withheld")  # Gemini
    refusal = message.additional_kwargs.get(REFUSAL) or _block_text(message, "refusal")
    content, raw = _content(message), _raw_calls(message)
    if len(content) + sum(len(str(call)) for call in raw) > LARGEST:
        return _too_long(content)
    text = unwrapped(_EMPTY.sub("", visible_text(content)).strip())
    if len(text) > LONGEST_TEXT:
        return _too_long(text)
    if refusal and not text and not raw:
        return Failed("the model refused to answer")
    if raw and _CUT_OFF.search(finish) and raw[-1].get("arguments") in (None, ""):
        return Repairable("a tool call was cut off", _told("it was cut off before its arguments", tools), _written(raw))
    if raw:
        return _judge_calls(message, raw, tools, prefix, text)
    reading = find_calls(text, tools)
    if reading.malformed:
        return Repairable(reading.malformed, _told(reading.malformed, tools), text)
    if reading.calls:
        found = [{"id": None, "name": call.name, "arguments": call.arguments} for call in reading.calls]
        return _judge_calls(message, found, tools, prefix, reading.rest)
    if _CUT_OFF.search(finish):
        return replace(_too_long(text), reason="the answer was cut off at the limit of tokens")
    if _BROKEN.search(finish):
        return Repairable(
            f"the server broke the answer off ({finish})", "Your answer did not arrive. Write it again.", text
        )
    if _NOTHING.fullmatch(text):
        return Repairable("the answer is empty", "Your answer was empty. Write the reply to the customer.", silent=True)
    if to_customer and (named := _tool_named(text, tools)) is not None:
        return Repairable(
            f"the answer speaks of the tool {named!r}",
            "Your answer was not sent: it speaks of tools, which the customer does not know. Write only the reply itself, in plain words.",
            text,
        )
    if to_customer and _IMITATED.search(text):
        return Repairable(
            "the answer writes an element of the runtime",
            "Your answer was not sent: it writes elements that only the program writes. Write only the reply itself, in plain words.",
            text,
        )
    if to_customer and _THINKS.search(text):
        return Repairable(
            "the answer is about the customer, not to them",
            "Your answer was not sent: it thinks aloud about the customer. Write only the reply itself, addressed to the customer.",
            text,
        )
    return Good(_cleaned(message, text, [], {}))


def _too_long(text: str) -> Repairable:
    return Repairable(
        f"the answer is longer than {LONGEST_TEXT} characters, or than {LARGEST} with its calls and its reasoning",
        "Your answer was cut off because it was too long, and was not sent. Write it again, complete, in at most half the length.",
        text,
    )


def _tool_named(text: str, tools: Collection[str]) -> str | None:
    """The tool that a text names: by a name that is no word (`hand_over`), or as a tool (`the refund tool`, `tool: refund`)."""
    for name in tools:
        word = rf"(?<!\w){re.escape(name)}(?!\w)"
        if "_" not in name:
            word = (
                rf"{word}[`'\"]? (?:tool|function)\b|\b(?:tool|function|fungsi|action)[ :=]{{1,3}}[`'\"]?{word}"
                rf"|(?:\A|\n)\s{{0,9}}[/@#$]{word}"
            )
        if re.search(word, text):
            return name
    return None


def visible_text(text: str) -> str:
    """Take reasoning and tokens of chat templates off a text.

    With only an end tag, everything before it was reasoning; with only a start tag, everything after it is.
    """
    text = _ESCAPED.sub(r"<\1>", text)
    if not re.search(r"\s", text):
        text = _PIECES.sub(lambda piece: "\n" if piece[0] == "Ċ" else " ", text)
    final = list(_FINAL.finditer(text))
    if final:
        text = text[final[-1].end() :]
    text = _CHANNEL.sub("", text)
    before = None
    while before != text:
        before, text = text, _THOUGHT.sub("", text)
    text = _ENDED.sub("", text)
    text = _UNENDED.sub("", text)
    text = _NEXT_TURN.sub("", text)
    text = _OWN_TURN.sub("", text)
    return _TOKENS.sub("", text).strip()


def call_id(prefix: str, position: int) -> str:
    """Make the id of a call: the same for a resumed turn, another for every other call of the conversation.

    Servers' own ids are empty, repeated or very long. Nine letters and digits are what the strictest server takes
    (Mistral, https://docs.mistral.ai/capabilities/function_calling/).

    Args:
        prefix: of the answer, see `judge`.
        position: of the call in it, from 1.
    """
    number = int.from_bytes(hashlib.blake2b(f"{prefix}/{position}".encode(), digest_size=8).digest(), "big")
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[number // 36**place % 36] for place in range(9))


def _judge_calls(
    message: AIMessage, raw: Sequence[Mapping[str, Any]], tools: Collection[str], prefix: str, text: str
) -> Verdict:
    calls: list[ToolCall] = []
    words: list[str] = []
    for position, call in enumerate(raw, 1):
        said = str(call.get("name") or "")
        name = resolve(said, tools)
        if name is None and (answer := spoken(said, call.get("arguments"))) is not None:
            words.append(answer)
            continue
        if name is None:
            reason = f"there is no tool {said[:80]!r}" if said else "a tool call has no name"
            return Repairable(reason, _told(reason, tools), _written(raw))
        try:
            arguments = read_arguments(call.get("arguments"))
        except Unreadable as error:
            reason = f"the arguments of {name} cannot be read: {error}"
            return Repairable(reason, _told(reason, tools), _written(raw))
        calls.append(ToolCall(name=name, args=arguments, id=call_id(prefix, position), type="tool_call"))
    if words and not calls:
        return _judge_words(message, "\n\n".join(dict.fromkeys([text, *words])).strip(), tools, prefix)
    raw = [call for call in raw if resolve(str(call.get("name") or ""), tools) is not None]
    old = [str(call.get("id") or "") for call in raw]
    renamed = {id_: call["id"] for id_, call in zip(old, calls, strict=True) if id_ and old.count(id_) == 1}
    reading = find_calls(text, tools)
    return Good(_cleaned(message, "" if reading.malformed else reading.rest, calls, renamed))


def _judge_words(message: AIMessage, text: str, tools: Collection[str], prefix: str) -> Verdict:
    """Judge what a model said by calling a tool for it, as if it had just said it."""
    metadata = {**message.response_metadata, "finish_reason": "stop", "stop_reason": "stop"}
    return judge(AIMessage(text, response_metadata=metadata, usage_metadata=message.usage_metadata), tools, prefix)


def _cleaned(message: AIMessage, text: str, calls: Sequence[ToolCall], renamed: Mapping[str, str | None]) -> AIMessage:
    kept = {
        key: value for key, value in message.additional_kwargs.items() if key not in (RAW_CALLS, REFUSAL, "tool_calls")
    }
    if isinstance(message.content, list) and any(
        not isinstance(block, str) and (block.get("type") != "text" or block.keys() - _PLAIN)
        for block in message.content
    ):
        kept[BLOCKS] = message.content
    return AIMessage(
        content=text,
        tool_calls=list(calls),
        additional_kwargs=_renamed(kept, renamed),
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        name=message.name,
    )


def _renamed(value: Any, ids: Mapping[str, str | None]) -> Any:
    """Put own ids in the place of the server's, also where a provider keeps its signatures by them."""
    match value:
        case dict():
            return {ids.get(key, key): _renamed(each, ids) for key, each in value.items()}
        case list():
            return [_renamed(each, ids) for each in value]
        case str():
            return ids.get(value, value)
    return value


def _raw_calls(message: AIMessage) -> list[Mapping[str, Any]]:
    if RAW_CALLS in message.additional_kwargs:
        return list(message.additional_kwargs[RAW_CALLS])
    valid: list[Mapping[str, Any]] = [
        {"id": call["id"], "name": call["name"], "arguments": call["args"]} for call in message.tool_calls
    ]
    return valid + [
        {"id": call["id"], "name": call["name"], "arguments": call["args"]} for call in message.invalid_tool_calls
    ]


def _content(message: AIMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = [
        block if isinstance(block, str) else str(block.get("text") or "") for block in message.content if _shown(block)
    ]
    text = ""
    for part in parts:
        text += "\n" + part if _SENTENCE_END.search(text) and part[:1].isupper() else part
    return text


def _shown(block: Any) -> bool:
    return isinstance(block, str) or (
        isinstance(block, dict) and block.get("type", "text") in ("text", "output_text") and not block.get("thought")
    )


def _block_text(message: AIMessage, kind: str) -> str:
    if isinstance(message.content, str):
        return ""
    blocks = [block for block in message.content if isinstance(block, dict) and block.get("type") == kind]
    return " ".join(str(block.get(kind) or block.get("text") or "") for block in blocks)


def _finish_reason(message: AIMessage) -> str:
    found = message.response_metadata
    reason = found.get("finish_reason") or found.get("stop_reason") or found.get("done_reason") or ""
    return str(getattr(reason, "value", reason)).rsplit(".", 1)[-1].lower()


def _written(raw: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(f"{call.get('name')}: {call.get('arguments')}" for call in raw)


def _told(reason: str, tools: Collection[str]) -> str:
    if not tools:
        return (
            f"Your answer was not sent: {reason}. There are no tools. Write the reply to the customer, in plain words."
        )
    return (
        f"Your answer was not sent: {reason}. Nothing was done. The tools are: {', '.join(tools)}. Call one of them with a JSON object "
        "as its arguments, or write the reply to the customer in plain words."
    )
