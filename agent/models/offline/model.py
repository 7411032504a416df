"""The offline chat model: what it says or calls next is decided on a dialogue, by plain functions.

The same dialogue gets the same answer, down to the ids of its calls.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from langchain_core.messages import AIMessage, BaseMessage, ToolCall

from actions.action import EMPTY
from actions.qris import format_rupiah
from actions.reminders.actions import ONCE
from agent.models.offline.dialogue import Dialogue, Result, read
from agent.models.offline.quote import Quote, asks, find_quote, is_follow_up
from agent.models.offline.rows import rupiah
from agent.models.offline.sayings import say
from agent.models.offline.tools import (
    Request,
    asks_how,
    is_handover,
    looks_up,
    question_for,
    requests,
    segments,
    wanted_in,
)
from agent.models.values import Passage, values_of
from language import lexicon
from language.calendar import from_english
from language.consent import yes_or_no
from language.detect import detect
from language.intents import Mood, SmallTalk, mood, questions_in, small_talk, without_opener

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

_TALK_ORDER = get_args(SmallTalk)
_SURE = 0.75
"""Cover from which on a passage is told beside regret."""

_ALL = 0.9
"""Cover from which on one passage answers all questions of a sentence."""

_MOST_QUOTES = 3
_REMEMBERED = 4
"""Exchanges in which the topic of a question is looked for that does not name one."""
_FOR_THE_MODEL = re.compile(
    r"\bthe customer\b|\bnothing was\b|\b(?:do not|don't) (?:call|repeat|list|say)\b|\bleave it out\b|\bno action\b"
    r"|\bit must be\b|\bnever say\b|\byour reply\b|\bcolleague\b|(?:^|[.;] )(?:tell|ask|say)\b",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(r"\b404\b|not found|tidak (?:di)?temukan|tidak ada|does not exist|no such", re.IGNORECASE)
_SERVER_SAYS = re.compile(r'"(?:error|message|detail|pesan)"\s*:\s*"((?:[^"\\]|\\.)*)"')
_SENT_BESIDE = re.compile(r"\bis sent\b.{0,300}\bas a picture with a caption\b")
_SCHEDULED = re.compile(r"\bScheduled for (.{1,100}?)\.(?:\s|$)")
_REFUSED_BY_CUSTOMER = re.compile(r"\bsaid no\b")
_ID = re.compile(r"id|\w+_id", re.IGNORECASE)
_RUPIAH = re.compile(
    r"^(?:amount|total|subtotal|harga|price|tagihan|ongkir|nominal|biaya|total_price|grand_total)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Say:
    """A text to reply with."""

    text: str


@dataclass(frozen=True, slots=True)
class Calls:
    """Tools to call, each with its arguments."""

    calls: tuple[tuple[str, Mapping[str, Any]], ...]


Step: TypeAlias = Say | Calls


def next_step(dialogue: Dialogue, agent_name: str) -> Step:
    """Decide what to do next: call what was asked for, report what was called, ask for what is missing, or answer.

    Args:
        dialogue: everything the answer depends on.
        agent_name: who the agent says it is.
    """
    language = dialogue.language
    if dialogue.rejected:
        return Say(f"{say('rejected', language)} {say('offer', language)}")
    if dialogue.unprompted:
        return Say(say("unprompted", language))
    requested = requests(dialogue)
    called = [(result.name, dict(result.arguments)) for result in dialogue.results]
    ready = [request for request in requested if not (request.missing or request.unclear)]
    new = [request for request in ready if (request.tool.name, dict(request.arguments)) not in called]
    if new and not any(result.status in ("refused", "confirm", "unknown") for result in dialogue.results):
        return Calls(tuple((request.tool.name, request.arguments) for request in new))
    if dialogue.results:
        return Say(_report(dialogue, requested))
    if requested:
        told = _explained(dialogue)
        return Say(told or question_for(requested[0], language))
    return answer(dialogue, agent_name)


def _explained(dialogue: Dialogue) -> str:
    """What the documents say, when it is asked how something is done and not that it be done."""
    if looks_up(dialogue.text) or not (asks_how(dialogue.text) or "?" in dialogue.text):
        return ""
    quote = _in_context(dialogue.text, dialogue)
    return cited(quote, dialogue) if quote is not None and quote.cover >= _SURE else ""


# Reporting what was done


def _report(dialogue: Dialogue, requested: Sequence[Request]) -> str:
    parts = [_told(result, dialogue) for result in dialogue.results]
    parts = list(dict.fromkeys(part for part in parts if part))
    if all(result.status == "done" for result in dialogue.results):
        quote = _beside(dialogue, requested)
        parts += [quote] if quote else []
    return "\n\n".join(parts)


def _told(result: Result, dialogue: Dialogue) -> str:
    language = dialogue.language
    match result.status:
        case "done":
            return _done(result, dialogue)
        case "refused" if _REFUSED_BY_CUSTOMER.search(result.content):
            return say("declined", language)
        case "refused" | "confirm":
            return _asked_back(result, dialogue)
        case "unknown":
            return say("uncertain", language)
        case _:
            return _failed(result, language)


def _done(result: Result, dialogue: Dialogue) -> str:
    """A result in a sentence. Empty when the runtime itself says it: a colleague comes, a payment code is sent."""
    language = dialogue.language
    if is_handover(result.name) or _SENT_BESIDE.search(result.content):
        return ""
    data = _data(result.content)
    if isinstance(data, str):
        if data == EMPTY:
            return say("done", language)
        if when := _SCHEDULED.search(data):
            once = "scheduled_once" if ONCE in data else "scheduled"
            return say(once, language, when=from_english(when[1], language))
        sentences = re.split(r"(?<=[.!?])\s+", data)
        kept = " ".join(sentence for sentence in sentences if not _FOR_THE_MODEL.search(sentence))
        return kept[:600] or say("done", language)
    facts = list(_facts(data, language, frozenset(str(value) for value in result.arguments.values())))
    if not facts:
        return say("empty" if data in ([], {}) else "done", language)
    return "\n".join(facts)


def _data(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.strip()


def _facts(data: Any, language: str, known: frozenset[str] = frozenset()) -> list[str]:
    """JSON as lines a customer can read: `KS-10234: status dikirim, resi JP123.`

    A value of `known`, what the customer asked about, stands first and needs no label; nor does an id.
    """
    if isinstance(data, Mapping):
        named = {name: str(value) for name, value in data.items() if isinstance(value, str | int)}
        about = [value for name, value in named.items() if value in known or _ID.fullmatch(str(name))][:1]
        flat = [
            f"{_label(name)}: {text}"
            for name, value in data.items()
            if str(value) not in about and (text := _value(name, value, language))
        ]
        line = ", ".join(flat)
        if about:
            return [f"{about[0]}: {line.replace(': ', ' ')}." if line else f"{about[0]}."]
        return [f"{line[:1].upper()}{line[1:]}."] if line else []
    if isinstance(data, list):
        return [f"- {text}" for item in data[:10] if (text := " ".join(_facts(item, language, known)).rstrip("."))]
    text = _value("", data, language)
    return [text] if text else []


def _label(name: str) -> str:
    return str(name).replace("_", " ")


def _value(name: str, value: Any, language: str) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return say("yes" if value else "no", language)
    if isinstance(value, int | str) and (amount := rupiah(_label(name), str(value))) is not None:
        return amount
    if isinstance(value, int) and _RUPIAH.match(str(name)):
        return format_rupiah(value)
    if isinstance(value, Mapping):
        return ", ".join(
            f"{_label(key)} {text}" for key, item in value.items() if (text := _value(key, item, language))
        )
    if isinstance(value, list):
        return "; ".join(text for item in value[:10] if (text := _value(name, item, language)))
    return str(value)[:300]


def _asked_back(result: Result, dialogue: Dialogue) -> str:
    """What a refusal asks of the customer: its own question where it is one, else for what the tool requires."""
    language, content = dialogue.language, result.content.strip()
    question = content.rpartition("The customer is asked: ")[2]
    own_words = detect(question) == language or (language == "ms" and detect(question) == "id")
    if question.endswith("?") or (own_words and not _FOR_THE_MODEL.search(question)):
        return question
    tool = next((tool for tool in dialogue.tools if tool.name == result.name), None)
    if tool is None or not tool.required:
        return f"{say('failed', language)} {say('offer', language)}"
    return question_for(Request(tool, {}, tuple(tool.required)), language)


def _failed(result: Result, language: str) -> str:
    if _NOT_FOUND.search(result.content):
        named = ", ".join(str(value) for value in result.arguments.values() if isinstance(value, str | int))
        return say("not_found", language, what=named or result.name.replace("_", " "))
    said = _SERVER_SAYS.search(result.content)
    reason = said[1][:200] if said else ""
    if not reason and not _FOR_THE_MODEL.search(result.content) and detect(result.content, "en") == language != "en":
        reason = result.content[:200]
    text = say("failed", language)
    if reason:
        text = f"{text} {reason[:1].upper()}{reason[1:].rstrip('.')}."
    return f"{text} {say('offer', language)}"


def _beside(dialogue: Dialogue, requested: Sequence[Request]) -> str:
    """The answer to a question that was asked in the same breath as what the tools did."""
    for segment in segments(dialogue.said):
        if "?" not in segment or wanted_in(segment, dialogue, requested):
            continue
        quote = find_quote(segment, dialogue.passages, dialogue.language)
        if quote is not None and quote.cover >= 0.7:
            return cited(quote, dialogue)
    return ""


# Answering from the passages


def answer(dialogue: Dialogue, agent_name: str) -> Say:
    """Answer from the passages, without calling anything.

    Args:
        dialogue: everything the answer depends on.
        agent_name: who the agent says it is.
    """
    language = dialogue.language
    talk = [small_talk(line) for line in dialogue.said]
    asked = [without_opener(line) for line, kind in zip(dialogue.said, talk, strict=True) if kind is None]
    verdict = yes_or_no(dialogue.text) if dialogue.earlier else None
    if "thanks" not in talk and verdict is not None and ("?" in dialogue.earlier[-1].reply or asked):
        return Say(say("agreed" if verdict == "yes" else "declined", language))
    if not asked:
        return Say(_talk(dialogue, [kind for kind in talk if kind], agent_name, verdict))
    moods = [found for line in asked if (found := mood(line))]
    passages = Reading(*_quotes(asked, dialogue))
    if moods:
        return Say(_soothing(moods, passages.quotes, dialogue))
    greeted = len(dialogue.said) > len(asked) or asked != list(dialogue.said)
    hello = f"{say('hello', language)} " if greeted and not dialogue.earlier else ""
    return Say(hello + told(passages, dialogue))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the passages say to the questions of a dialogue, each text once, and the questions that none of them answers."""

    quotes: Sequence[Quote] = ()
    unanswered: Sequence[str] = ()


def reading(dialogue: Dialogue) -> Reading | None:
    """Read the passages for what is asked now.

    Args:
        dialogue: everything the answer depends on.

    Returns:
        `None` where nothing is asked that documents answer: small talk, a complaint, a yes or no.
    """
    asked = [without_opener(line) for line in dialogue.said if small_talk(line) is None]
    if not asked or any(map(mood, asked)) or yes_or_no(dialogue.text) is not None:
        return None
    return Reading(*_quotes(asked, dialogue))


def told(found: Reading, dialogue: Dialogue) -> str:
    """Word what was read: the quotes, and that the rest is not known.

    Args:
        found: by `reading`.
        dialogue: in whose language.
    """
    language = dialogue.language
    if not found.quotes:
        return f"{say('unknown', language)} {say('offer', language)}"
    parts = [cited(quote, dialogue) for quote in found.quotes]
    if found.unanswered:
        question = found.unanswered[0].rstrip("?!. ")
        parts.append(f"{say('unknown_part', language, question=question)} {say('offer', language)}")
    return "\n\n".join(parts)


def _soothing(moods: Sequence[Mood], quotes: Sequence[Quote], dialogue: Dialogue) -> str:
    """Regret, what the documents say about it if the customer asks, and the offer of a human."""
    language = dialogue.language
    regret = say("insult" if "insult" in moods else "complaint", language)
    asks = "?" in dialogue.text and "insult" not in moods
    known = [cited(quote, dialogue) for quote in quotes if quote.cover >= _SURE] if asks else []
    return "\n\n".join([regret, *known[:1], say("offer", language)]) if known else f"{regret} {say('offer', language)}"


def _talk(dialogue: Dialogue, kinds: Sequence[SmallTalk], agent_name: str, verdict: str | None) -> str:
    if not kinds:
        key = "place" if dialogue.place else "attachment" if dialogue.attachments else "nothing"
        return say("noted" if dialogue.sticker else key, dialogue.language)
    kind = min(kinds, key=_TALK_ORDER.index)
    return say("no_thanks" if kind == "thanks" and verdict == "no" else kind, dialogue.language, name=agent_name)


def _quotes(asked: Sequence[str], dialogue: Dialogue) -> tuple[list[Quote], list[str]]:
    """A quote for each question, each text once; and the questions that no passage answers."""
    quotes: list[Quote] = []
    unanswered: list[str] = []
    parts = segments(asked)
    for segment in parts:
        found, left = _of_sentence(segment, dialogue)
        unanswered += left
        quotes += [quote for quote in found if all(quote.text != other.text for other in quotes)]
    if not quotes and len(parts) > 1:
        together = find_quote(" ".join(parts), dialogue.passages, dialogue.language)
        return ([together], []) if together is not None else ([], unanswered)
    return quotes[:_MOST_QUOTES], unanswered


def _of_sentence(segment: str, dialogue: Dialogue) -> tuple[list[Quote], list[str]]:
    """The answer to a sentence; to each of its questions, where no passage answers them together."""
    whole = _in_context(segment, dialogue)
    several = questions_in(segment)
    if whole is not None and (whole.cover > _ALL or len(several) < 2):
        return [whole], []
    each = [_in_context(part, dialogue) for part in several]
    found = [quote for quote in each if quote is not None]
    if len(several) < 2 or not found or (whole is not None and len(found) < 2):
        open_question = whole is None and asks(segment)
        return ([whole], []) if whole is not None else ([], [segment] if open_question else [])
    return found, [part for part, quote in zip(several, each, strict=True) if quote is None and not is_follow_up(part)]


def _in_context(question: str, dialogue: Dialogue) -> Quote | None:
    """The answer to a question that may continue those before it: all of the topic, or its newest part alone."""
    topic = _topic(dialogue)
    contexts = dict.fromkeys([" ".join(topic), topic[-1]] if topic else [""])
    found = (find_quote(question, dialogue.passages, dialogue.language, context) for context in contexts)
    return next((quote for quote in found if quote is not None), None)


def _topic(dialogue: Dialogue) -> list[str]:
    """What was talked about before: the newest message that stands by itself, and those that followed on it."""
    lines: list[str] = []
    for exchange in reversed(dialogue.earlier[-_REMEMBERED:]):
        said = [without_opener(line) for line in exchange.said if small_talk(line) is None]
        lines = [*said, *lines]
        if said and not any(is_follow_up(line) for line in said):
            break
    return [line for line in lines if lexicon.content(line)]


def cited(quote: Quote, dialogue: Dialogue) -> str:
    """Word a quote as it is told: that it is in another language, and its sources where `knowledge.cite` is on.

    Args:
        quote: of the dialogue's passages.
        dialogue: in whose language.
    """
    text, language = quote.text, dialogue.language
    spoken = detect(text, language)
    if (language == "en") != (spoken == "en"):
        text = say("notes", language, text=text)
    if not dialogue.cite:
        return text
    sources = list(dict.fromkeys(_source(passage) for passage in quote.passages))
    dates = [passage.date for passage in quote.passages if passage.volatile and passage.date]
    if dates:
        return f"{text}\n\n_{say('source_dated', language, source='; '.join(sources), date=min(dates))}_"
    return f"{text}\n\n_{say('source', language, source='; '.join(sources))}_"


def _source(passage: Passage) -> str:
    """`Jam buka dan lokasi (jam-buka.md)`: the document by its title and its name."""
    name = passage.source if "://" in passage.source else passage.source.rpartition("/")[2]
    title = passage.title.partition(" > ")[0].strip()
    return name if not title or title in (name, passage.source) else f"{title} ({name})"


_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class OfflineChatModel:
    """Answers from the passages of the turn's values and the tools it is bound to.

    It has the two methods of langchain's chat models that the loop uses, and none of their base class, which takes a second of CPU to
    import: `balas chat` without a language model starts without it.

    Attributes:
        agent_name: who it says it is.
        tools: as the OpenAI API takes them.
    """

    agent_name: str = "Balas"
    tools: tuple[Mapping[str, Any], ...] = ()

    def bind_tools(self, tools: Sequence[Mapping[str, Any]], *, tool_choice: str | None = None) -> "OfflineChatModel":
        """Bind tools. A tool is called when the customer asks for it, and none with the `tool_choice` "none"."""
        return replace(self, tools=() if tool_choice == "none" else tuple(tools))

    async def ainvoke(self, messages: Sequence[BaseMessage], config: "RunnableConfig | None" = None) -> AIMessage:
        """Answer with the values of the turn that `config` carries (`agent.models.values`); a few milliseconds of looking up words."""
        return self._answer(messages, read(messages, self.tools, values_of(config)))

    def _answer(self, messages: Sequence[BaseMessage], dialogue: Dialogue) -> AIMessage:
        step = next_step(dialogue, self.agent_name)
        if isinstance(step, Calls):
            calls = [
                ToolCall(name=name, args=dict(arguments), id=_call_id(len(messages), name, arguments))
                for name, arguments in step.calls
            ]
            return _message("", messages, calls)
        return _message(step.text, messages, [])


def _call_id(place: int, name: str, arguments: Mapping[str, Any]) -> str:
    """The same call at the same place of a conversation has the same id, so that a turn can be run again."""
    key = json.dumps([place, name, arguments], sort_keys=True, ensure_ascii=False)
    return f"call_{hashlib.blake2b(key.encode(), digest_size=9).hexdigest()}"


def _message(text: str, messages: Sequence[BaseMessage], calls: list[ToolCall]) -> AIMessage:
    """The answer with an estimate of tokens, which limits and displays use."""
    given = sum(len(message.text) for message in messages) // _CHARACTERS_PER_TOKEN
    made = (len(text) + sum(len(json.dumps(call["args"])) for call in calls)) // _CHARACTERS_PER_TOKEN + 1
    return AIMessage(
        text,
        tool_calls=calls,
        usage_metadata={"input_tokens": given, "output_tokens": made, "total_tokens": given + made},
        response_metadata={"model_name": "offline", "finish_reason": "tool_calls" if calls else "stop"},
    )
