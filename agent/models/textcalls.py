"""Tool calls that a model wrote into its text, because its server did not read them or the model was never taught.

`find_calls` reads them by what they have in common rather than by model: an object with a name and arguments (bare, fenced, in
`<tool_call>`, in a list), a tool's name in front of an object (`<function=x>{…}`, `[TOOL_CALLS]x{…}`, DeepSeek's, Kimi's and
gpt-oss's tokens), a tool's name in front of XML parameters (Qwen3-Coder, GLM, Claude), and a call as in Python. What looks like a
call and cannot be read is `malformed`: it is never shown, and never run. Small models also call tools that there are not to say
something (`reply`, `send_message`): `spoken` finds those words.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from agent.models.lenient import Unreadable, parse, parse_all

_NAME_KEYS = ("name", "tool_name", "tool", "function_name", "function", "action", "recipient_name")
ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "params", "kwargs", "tool_input", "action_input")
_LIST_KEYS = ("tool_calls", "function_calls", "calls", "tools", "tool_uses")
_PREFIX = r"(?:functions|function|tools|tool|default_api|api)[./:]"
_BETWEEN = (
    r"(?:\s|<\|[^|<>]{0,40}\|>|<｜[^｜<>]{0,40}｜>|\[ARGS\]|\[CALL_ID\]\s*\w+|```(?:json)?|[:\"'>]|\bcommentary\b|\bjson\b"
    r"|Action Input\s*:|Arguments?\s*:|Parameters?\s*:|Input\s*:|\bwith\b)*"
)
_PARAMETER = re.compile(
    r"""\s*(?:<parameter(?:\s+name\s*=\s*|=)["']?(?P<key>[\w.-]+)["']?[^>]*>(?P<value>.*?)</parameter>"""
    r"|<arg_key>(?P<akey>.*?)</arg_key>\s*<arg_value>(?P<avalue>.*?)</arg_value>)",
    re.DOTALL,
)
_SUFFIX = re.compile(r"(?:<\|.*|:\d+)$", re.DOTALL)

_TAG = r"(?:[\w-]+:)?(?:tool_calls?|toolcall|function_calls?|functions?|tool_code|tools?|invoke|action|call)"
_OPENED = rf"<{_TAG}(?:[\s=][^<>]*)?>|<\|?tool_call\|?>|\[(?:TOOL_CALLS?|ARGS|FUNCTION_CALLS?)\]|\bfunctools\b|\bprint\(|function(?=<｜)"
_CLOSED = rf"</{_TAG}\s*>|<{_TAG}(?:[\s=][^<>]*)?/>|</\|?tool_call\|?>|\[/(?:TOOL_CALLS?|ARGS|FUNCTION_CALLS?)\]"
_EITHER = r"\s|<\|[^|<>]{0,40}\|>|<｜[^｜<>]{0,40}｜>|```(?:json|python|tool_code|tool_call|xml)?|\bAction(?: Input)?\s*:|>>>|[\[\],;()]"
_OPENING = re.compile(
    r"""(?:<(?:[\w-]+:)?(?:function|invoke|tool|call|tool_call)?(?:\s+name)?\s*=?\s*["']?|(?:\bcommentary\s+)?\bto=(?:functions\.)?)\Z"""
)
_MARKERS = re.compile(
    r"<(?:[\w-]+:)?(?:tool_calls?|toolcall|function_calls?|tool_code|invoke|function)\b(?!-)"
    r"|<(?:tool_response|tool_result|function_result|function_response)s?\b"
    r"|\[(?:TOOL_CALLS?|TOOL_RESULTS?|FUNCTION_CALLS?|AVAILABLE_TOOLS)\]|<parameter[\s=]|<arg_key>"
    r"|[<＜]?[|｜]tool[_▁ ]|<\|python_tag\|>|\bto=functions\.|^\s*Action Input\s*:"
    r"""|\\?["'](?:arguments|tool_calls|function_call|tool_name|tool_input|action_input|recipient_name)\\?["']\s*:"""
    r"""|\{\s*\\?["'](?:name|function|tool|action)\\?["']\s*:[^{}]*\\?["'](?:parameters|args|input|params)\\?["']\s*:""",
    re.IGNORECASE | re.MULTILINE,
)
_OBJECT = re.compile(
    r"""(?<!`)\{\s{0,9}(?:\{\s{0,9})?\\?(["'])[\w .-]{1,60}\\?\1\s{0,9}:[^{}]{0,600}\}(?:\s{0,9}[}\]])*[ \t`.,;]{0,9}$""",
    re.MULTILINE,
)
"""An object that ends its line; one that a sentence goes on after is an example."""
_FORMATTING = r"(?:[abipsu]|em|strong|br|ul|ol|li|code|pre|span|div|small|sup|sub|h[1-6]|table|tbody|thead|t[rdh]|del|ins|mark|font)"
_ELEMENT = re.compile(
    rf"</(?!{_FORMATTING}\s*>)[a-z_][\w:.-]{{0,60}}\s*>|^[ \t]*+<(?!{_FORMATTING}\b)[a-z_][\w:.-]{{0,60}}(?:\s[^<>]{{0,400}})?>[ \t]*+$",
    re.IGNORECASE | re.MULTILINE,
)
"""The end of an element, which no chat message has, or a tag on a line of its own; `<nama>` within a sentence is a blank to fill in."""
_ROLES = frozenset(
    "assistant user system tool tools function functions context runtime customer passages pelanggan".split()
)
_FENCED = re.compile(r"\A(?:[\[\]{}();, \t]*+\n)?\s*+```[^`\[\]{}=;<>]*+[\[\]{}=;<>][^`]*+(?:```\W*+)?\Z")
"""An answer that is nothing but a block of code."""
_SUBSCRIPT = re.compile(
    r"""\b[a-z_]\w{0,40}(?:\[\\?["'](?:arguments|parameters|name|args|input|tool_calls?|function|content|result|output)\\?["']\]|\.arguments\b)""",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\A[();, \t]*+[\[\]{}][\[\]{}();, \t]*+(?:\n|\Z)|\n[();, \t]*+[\[\]{}][\[\]{}();, \t]*+\Z")
"""A first or last line of nothing but brackets: the rest of a call."""
_CODE = re.compile(
    r"\\boxed\{|^[ \t]*(?:\[|print\()?(?:[a-z]+\.)?(?=[a-z]\w*?_\w)\w++\((?:\s*\w+\s*=|\s*\))", re.MULTILINE
)


_SPEAKING = frozenset(
    "say says said reply replies respond responds response answer answers message messages hello hi greet greets greeting speak tell "
    "talk chat write text output print balas jawab jawaban sapa sampaikan".split()
)
_SPEAKING_WITH = _SPEAKING | frozenset(
    "send final to the a an with back user users customer customers client human contact assistant agent bot show display post "
    "tool function fn action kirim pesan ke pelanggan whatsapp wa simple direct directly finish".split()
)
_SAID_KEYS = frozenset(
    "text message messages content contents reply response answer body output msg value say greeting final_answer final_response "
    "response_text reply_text message_text pesan teks isi jawaban balasan".split()
)
_ADDRESSED = frozenset(_SPEAKING_WITH | {"", "null", "none", "self", "me", "you", "kakak", "anda"})
_AS_CODE = re.compile(
    r"""\A(?:print\(\s*+)?(?:functions?\.|tools?\.)?(?P<name>\w{2,40})\(\s*+(?:(?P<key>\w{1,40})\s*+=\s*+)?"""
    r"""(?P<quote>\"{3}|'{3}|["'])(?P<text>.+)(?P=quote)\s*+,?\s*+\){1,2};?\Z""",
    re.DOTALL,
)
_FENCE = re.compile(r"\A\s*+```[\w-]*+\s*+|(?<!\s)\s*+```\s*+\Z")
_IN_QUOTES = re.compile(r"""["“](?P<text>[^"“”{}]+)["”]""")
_LABEL = re.compile(
    r"\A\s*+(?:\*\*)?(?:assistant|jawaban|balasan|answer|reply|response)(?:\*\*)?\s?:(?:\*\*)?\s*+(?=\S)", re.IGNORECASE
)
_AS_TAG = re.compile(
    r"\A<(?P<name>\w{2,40})(?:\s[^<>]{0,200})?>(?P<text>(?:.+(?=</(?P=name)\s*>\Z)|[^<>]+\Z))(?:</(?P=name)\s*>)?\Z",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class TextCall:
    """A call as it was written. `name` is a tool's own name; `arguments` anything that `read_arguments` takes."""

    name: str
    arguments: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text holds: calls in their order, the words around them, and why a call could not be read."""

    calls: tuple[TextCall, ...]
    rest: str
    malformed: str | None = None


def find_calls(text: str, names: Collection[str]) -> Reading:
    """Read the calls in a text.

    Args:
        text: what the model wrote, without its reasoning.
        names: of the tools that it has.
    """
    calls: list[TextCall] = []
    kept: list[str] = []
    at = 0
    unknown: str | None = None
    for start in _starts(text, names):
        if start < at:
            continue
        try:
            found, end = _call_at(text, start, names)
        except _UnknownTool as error:
            unknown = unknown or str(error)
            continue
        if found:
            calls += found
            kept.append(_OPENING.sub("", text[at:start].replace("\0", "")))
            at = end
    if not calls or unknown:
        return Reading((), text.strip(), unknown or _malformed(text, names))
    rest = _without_wrapping("\0".join([*kept, text[at:].replace("\0", "")]), names)
    return Reading(tuple(calls), rest, _malformed(rest, names))


def spoken(name: str, arguments: Any) -> str | None:
    """Read what a call says to the customer, when its tool, which there is not, can only be meant for that: `reply`, `send_message`.

    Args:
        name: as the model wrote it.
        arguments: as the model wrote them.

    Returns:
        The words; None when the call is none of saying something, or would say it to anyone but the customer.
    """
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", _SUFFIX.sub("", re.sub(rf"^(?:{_PREFIX})+", "", name.strip())))
    said = {part.lower() for part in parts}
    if not said & _SPEAKING or not said <= _SPEAKING_WITH:
        return None
    if isinstance(arguments, str) and not re.match(r"\s*[{\[]", arguments):
        return arguments.strip() or None
    try:
        given = read_arguments(arguments)
    except Unreadable:
        return None
    texts = {key: value for key, value in given.items() if isinstance(value, str) and value.strip()}
    told = [key for key in texts if key.lower() in _SAID_KEYS]
    if not told and len(texts) == 1 and len(next(iter(texts.values())).split()) > 1:
        told = list(texts)
    others = {re.sub(r"\W", "", str(value)).lower() for key, value in given.items() if key not in told}
    return texts[told[0]].strip() if len(told) == 1 and others <= _ADDRESSED else None


def unwrapped(text: str) -> str:
    """Take off what makes of an answer a call of saying it: `say("Halo kak")`, `<reply>Halo kak</reply>`, `{"reply": "Halo kak"}`.

    Args:
        text: what the model wrote, without its reasoning.
    """
    bare = _FENCE.sub("", text).strip()
    for pattern in (_AS_CODE, _AS_TAG):
        if (match := pattern.match(bare)) is not None and match["text"].strip():
            key = match.groupdict().get("key") or "text"
            written = match["text"].replace("\\n", "\n").replace("\\" + (match.groupdict().get("quote") or '"'), '"')
            return spoken(match["name"], {key: written}) or text
    if (quoted := _IN_QUOTES.fullmatch(bare)) is not None:
        return quoted["text"]
    if not bare.startswith("{"):
        return _LABEL.sub("", text)
    try:
        value = parse_all(bare)
    except Unreadable:
        return text
    return (_words_in(value) if isinstance(value, dict) else None) or text


def _words_in(value: Mapping[str, Any]) -> str | None:
    """What an object says that is nothing but an answer: `{"role": "assistant", "content": …}`, `{"action": "reply", "text": …}`."""
    name = next((key for key in (*_NAME_KEYS, "role", "type") if value.get(key) in ("reply", "assistant")), None)
    name = name or next((key for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    rest = {key: each for key, each in value.items() if key != name and key not in ("role", "type")}
    if any(isinstance(each, (dict, list)) for each in rest.values()) or not _SAID_KEYS & {key.lower() for key in rest}:
        return None
    return spoken("reply" if name is None or value[name] == "assistant" else str(value[name]), rest)


def resolve(name: str, names: Collection[str]) -> str | None:
    """Find the tool that a name means: itself, or the only one that differs in prefix, case, or hyphens alone."""
    bare = _SUFFIX.sub("", name.strip().strip("\"'`")).strip()
    if bare in names:
        return bare
    bare = re.sub(rf"^(?:{_PREFIX})+", "", bare)
    if bare in names:
        return bare
    alike = [each for each in names if _key(each) == _key(bare)]
    return alike[0] if len(alike) == 1 else None


def read_arguments(value: Any) -> dict[str, Any]:
    """Read arguments as an object, however they are packed: as JSON text, encoded twice, as a list of one object, as nothing.

    Raises:
        Unreadable: they are no object, or have more than one reading.
    """
    for _ in range(4):
        match value:
            case None | "" | []:
                return {}
            case dict():
                return _plain(value)
            case [dict() as only]:
                return _plain(only)
            case str():
                value = parse_all(value) if value.strip() else None
            case _:
                break
    raise Unreadable(f"the arguments are no object but {str(value)[:100]!r}")


def _plain(value: Mapping[Any, Any]) -> dict[str, Any]:
    if not all(isinstance(key, str) for key in value):
        raise Unreadable("a key is no text")
    return dict(value)


def _key(name: str) -> str:
    return re.sub(r"[-_\s.]", "", name).lower()


class _UnknownTool(Exception):
    pass


def _starts(text: str, names: Collection[str]) -> Iterator[int]:
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    named = rf"|(?<![\w.])(?:{_PREFIX})?(?:{words})(?![\w])" if words else ""
    for match in re.finditer(rf"[\[{{]{named}", text):
        yield match.start()


def _call_at(text: str, at: int, names: Collection[str]) -> tuple[list[TextCall], int]:
    if text[at] in "{[":
        try:
            parsed = parse(text, at)
        except Unreadable:
            return [], at
        calls = list(_shaped(parsed.value, names))
        if calls and not parsed.whole and not calls[0].arguments:
            return [], at  # its arguments may still have come
        return calls, parsed.end
    word = re.compile(rf"(?:{_PREFIX})?[\w-]+").match(text, at)
    name = resolve(word[0], names) if word else None
    if word is None or name is None:
        return [], at
    after = re.compile(r"(?::\d+)?" + _BETWEEN).match(text, word.end())
    end = after.end() if after else word.end()
    if text[word.end() : word.end() + 1] == "(" or text[word.end() : word.end() + 6] == ".call(":
        return _python(text, at, word.end(), name)
    if text[end : end + 1] == "{" and end > at:
        return _named_object(text, at, end, name)
    return _parameters(text, end, name)


def _named_object(text: str, at: int, end: int, name: str) -> tuple[list[TextCall], int]:
    try:
        parsed = parse(text, end)
    except Unreadable:
        return [], at
    whole = parsed.whole and isinstance(parsed.value, dict)
    return ([TextCall(name, parsed.value)], parsed.end) if whole else ([], at)


def _parameters(text: str, at: int, name: str) -> tuple[list[TextCall], int]:
    given: dict[str, Any] = {}
    start = at
    while match := _PARAMETER.match(text, at):
        key, value = match["key"] or match["akey"].strip(), match["value"] or match["avalue"] or ""
        if key in given:
            return [], start
        given[key] = _parameter(value.strip())
        at = match.end()
    return ([TextCall(name, given)], at) if given else ([], start)


def _parameter(text: str) -> Any:
    """A parameter's text is a string unless it is an object, a list or a word of JSON; digits may be an id, so they stay text."""
    if text[:1] in "{[" or text in ("true", "false", "null"):
        try:
            return parse_all(text)
        except Unreadable:
            return text
    return text


def _python(text: str, at: int, opening: int, name: str) -> tuple[list[TextCall], int]:
    for end in islice((match.end() for match in re.compile(r"\)").finditer(text, opening)), 40):
        try:
            tree = ast.parse("f" + text[text.index("(", opening) : end], mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        call = tree.body
        if not isinstance(call, ast.Call) or call.args:
            return [], at
        try:
            given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords if word.arg}
        except (ValueError, TypeError, RecursionError):
            return [], at
        if len(given) != len(call.keywords):
            return [], at
        return [TextCall(name, given)], end
    return [], at


def _shaped(value: Any, names: Collection[str]) -> Iterator[TextCall]:
    """Yield the calls that a JSON value is: one, a list of them, or an object that holds such a list."""
    if isinstance(value, list):
        parts = [list(_shaped(each, names)) for each in value]
        if parts and all(parts):
            yield from (call for part in parts for call in part)
        return
    if not isinstance(value, dict):
        return
    for key in _LIST_KEYS:
        if isinstance(value.get(key), list):
            yield from _shaped(value[key], names)
            return
    for key in ("function", "function_call", "tool_call"):
        if isinstance(value.get(key), dict):
            yield from _shaped(value[key], names)
            return
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    arguments = next((key for key in ARGUMENT_KEYS if key in value), None)
    if name is not None and (known := resolve(name, names)) is not None:
        extra = value.keys() - {*_NAME_KEYS, *ARGUMENT_KEYS, "id", "type", "call_id", "index"}
        if arguments is not None or not extra:
            yield TextCall(known, value[arguments] if arguments else {})
    elif name is not None and arguments is not None and spoken(name, value[arguments]) is not None:
        yield TextCall(name, value[arguments])
    elif name is not None and arguments in ("arguments", "parameters", "tool_input", "action_input"):
        raise _UnknownTool(f"there is no tool {name[:80]!r}")
    elif len(value) == 1 and (only := next(iter(value))) in names and isinstance(value[only], dict):
        yield TextCall(only, value[only])


def _without_wrapping(rest: str, names: Collection[str]) -> str:
    """The words around calls, each of which is a `\\0`, without the tags, tokens and fences that touch them."""
    tags = rf"</(?:{'|'.join(map(re.escape, names))})\s*>"
    before, behind = rf"(?:{_OPENED}|{_EITHER})*+", rf"(?:{tags}|{_CLOSED}|{_EITHER})*+"
    between = rf"(?:{_OPENED}|{tags}|{_CLOSED}|{_EITHER})*+"
    rest = re.sub(r"\s{3,}", "\n\n", rest)
    rest = re.sub(rf"{before}\0(?:{between}\0)*+{behind}", "\n", rest, flags=re.IGNORECASE)
    return _BRACKETS.sub("", rest.strip()).strip()


def _malformed(text: str, names: Collection[str]) -> str | None:
    if _MARKERS.search(text):
        return "a tool call stands in the text and cannot be read"
    bare = _FENCE.sub("", text).strip()
    if bare.strip("`'\"*.:[](){}<>/@#").lower() in map(str.lower, names):
        return "the answer is the name of a tool"
    if bare.lower() in _ROLES or bare.lower() in {
        part for name in names for part in name.lower().split("_") if "_" in name
    }:
        return "the answer is a single word of the prompt"
    if re.match(r"\{\s*+(?:\{\s*+)?(?:\\?[\"']|\}|\Z)|\[\s*+[\[{]", bare) and (bare[-1] in "}]" or bare.count('"') > 1):
        return "the answer is data, not words for the customer"
    if _OBJECT.search(text):
        return "data stands in the text, which is not for the customer"
    if _FENCED.search(text) or _SUBSCRIPT.search(text) or _BRACKETS.search(text):
        return "the answer is code, not words for the customer"
    if _ELEMENT.search(text):
        return "a tag stands in the text"
    words = "|".join(re.escape(name) for name in names)
    if _CODE.search(text) or (
        words and re.search(rf"(?<![\w.])(?:{_PREFIX})?(?:{words})\((?:\s*\w+\s*=|\s*[)\"'{{]|\s*\w*\s*\Z)", text)
    ):
        return "a tool call stands in the text as code and cannot be read"
    if words and re.search(
        rf"""\{{\s*+(?:\{{\s*+)?\\?["'](?:{"|".join(_NAME_KEYS)})\\?["']\s*+:\s*+\\?["'](?:{words})\b""", text
    ):
        return "a tool call stands in the text and cannot be read"
    return "a tool's tag stands in the text" if words and re.search(rf"</?(?:{words})\b[^>]{{0,300}}>", text) else None
