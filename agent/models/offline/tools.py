"""How much a sentence asks for a tool: by the words it shares with the tool's examples, description and name.

A tool that changes something must be asked for by its own verb, or in the words of an example: a word that it shares with
others is not enough.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from agent.models.offline.arguments import bare, is_ambiguous, is_free, is_money, is_plain, numerals, values_named
from agent.models.offline.dialogue import Dialogue, Exchange, Tool
from agent.models.offline.sayings import in_every_language, say
from language import lexicon
from language.calendar import weekdays
from language.consent import yes_or_no
from language.intents import mood, small_talk, wants_human, without_opener
from language.tables import pattern, words
from language.tokens import fold
from language.values import pieces

_LOOKS = frozenset(
    "get list find search check track show read look fetch cek lihat cari lacak query status info daftar".split()
)
"""First or last words of the names of tools that change nothing."""

_LOOKING = _LOOKS | {"where", "mana", "dimana", "sampai", "kabar", "gimana", "bagaimana", "belum"}
"""Words with which one asks how something stands."""

_PLAIN = 0.62
_ARGUMENT = 0.25
"""What it adds to a sentence's likeness when it brings the very value that the tool requires."""

_VALUE_ALONE = 3
"""Words of a sentence that says nothing but a value, at most."""

_SAME = 0.95
"""Likeness from which a sentence is as good as one of the examples."""

_TWO_VERBS = re.compile(r"\w+ / \w+")
"""How a description begins that names the verb in two languages: `Remind / ingatkan the customer …`."""

_ANY_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 -- only whether a date is named counts here, not which

_WHETHER = re.compile(
    r"^(?:(?:apa|apakah|kak|min|hai|halo|hi|and|so) )*(?:(?:bisa|boleh|terima|menerima)\b.*\?|do you\b|can (?:you|i|we)\b)"
)
"""How a sentence begins that asks whether something can be done."""

DONT = re.compile(
    r"\b(?:jangan|tidak (?:usah|mau|jadi|ingin|perlu)|gak? (?:usah|mau|jadi|perlu|pengen)|nggak (?:usah|mau|jadi))\b"
    r"|\b(?:tak (?:nak|payah|jadi)|don'?t|do not|not going to|never|bukan mau)\b"
)


@dataclass(frozen=True, slots=True)
class Card:
    """A tool with the words that tell it from others. `verbs` are the forms of its own verb, empty for one that only looks."""

    tool: Tool
    examples: tuple[tuple[frozenset[str], frozenset[str]], ...]  # each its words, and all their forms
    description: frozenset[str]  # the forms of its words
    verbs: frozenset[str]


@cache
def _how() -> re.Pattern[str]:
    """What asks how something works, or whether it can be done: no request to do it."""
    return re.compile(rf"\b(?:{pattern('answers', 'how')})\b")


@cache
def _conditions() -> re.Pattern[str]:
    """What asks for a price or a rule: `cancellation fee?` asks for no cancellation."""
    return re.compile(rf"\b(?:{pattern('answers', 'conditions')})\b")


def asks_how(text: str) -> bool:
    """Tell whether a text asks how something works, or whether it can be done."""
    return _how().search(fold(text)) is not None


def _asked_so(segment: str, tool: Tool) -> bool:
    """Whether an example asks the same way for all that it names: `can I pay by QRIS`."""
    spoken = lexicon.forms_of(subject(segment, tool))
    return any(
        asks_how(example) and all(not lexicon.forms(word).isdisjoint(spoken) for word in subject(example, tool))
        for example in tool.examples
    )


def cards_of(tools: Sequence[Tool]) -> list[Card]:
    """Describe each tool by the words that tell it from the others."""
    return [
        Card(
            tool,
            tuple(
                (frozenset(words), lexicon.forms_of(words))
                for example in tool.examples
                if (words := subject(example, tool))
            ),
            lexicon.forms_of(subject(" ".join([tool.name.replace("_", " "), tool.description, *_values(tool)]), tool)),
            _verbs(tool),
        )
        for tool in tools
    ]


def _values(tool: Tool) -> list[str]:
    """What the parameters are about: their names, descriptions and choices."""
    return [
        str(part).replace("_", " ")
        for name, schema in tool.properties.items()
        for part in (name, schema.get("description", ""), *schema.get("enum", ()))
    ]


def _verbs(tool: Tool) -> frozenset[str]:
    named = lexicon.words(tool.name.replace("_", " "))
    if not named or named[0] in _LOOKS or named[-1] in _LOOKS:
        return frozenset()
    described = lexicon.words(tool.description)[: 2 if _TWO_VERBS.match(tool.description) else 1]
    return lexicon.forms_of((named[0], *described))


def subject(text: str, tool: Tool) -> tuple[str, ...]:
    """List the words of a text that say what is wanted: no numbers, no days, no values of the tool's parameters."""
    patterns = tuple(str(schema["pattern"]) for schema in tool.properties.values() if schema.get("pattern"))
    return _subject_without(text, patterns)


@lru_cache(maxsize=2_000)
def _subject_without(text: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    named = [value for pattern in patterns for value in values_named("", {"pattern": pattern}, text)]
    values = {token for value in named for token in pieces(str(value))} | numerals() | weekdays().keys()
    for value in named:
        text = text.replace(str(value), " ")
    return tuple(
        word for word in lexicon.content(text) if word not in values and not any(char.isdigit() for char in word)
    )


def asked(segment: str, whole: str, cards: Sequence[Card]) -> Tool | None:
    """Find the tool that a sentence asks for.

    Args:
        segment: the sentence.
        whole: everything that the customer says now; it may name the value that the tool requires.
        cards: of all tools that may be meant.

    Returns:
        `None` when it asks for none, or two tools fit equally well.
    """
    folded = fold(segment)
    if DONT.search(folded):
        return None
    rated = [(_likeness(segment, card, cards), card) for card in cards]
    rated = [(score, card) for score, card in rated if score > 0]
    best = max(rated, key=lambda pair: pair[0], default=None)
    if best is None:
        return None
    score, card = best
    named = names_value(card.tool, whole)
    if (
        not named
        and (
            asks_how(segment)
            or (score < _SAME and _WHETHER.search(folded))
            or (card.verbs and _conditions().search(folded))
        )
        and not _asked_so(segment, card.tool)
    ):
        return None  # a question about how it works, not a request to do it
    equals = [other for other_score, other in rated if other is not card and other_score > score - 0.02]
    if any(bool(other.verbs) == bool(card.verbs) for other in equals):
        return None  # two tools fit equally well: better answer than act
    if equals and card.verbs:
        card = equals[0]  # the words they share ask for neither verb: look, don't change
    return card.tool if score >= _PLAIN else None


def _likeness(segment: str, card: Card, cards: Sequence[Card]) -> float:
    """How much a sentence asks for a tool, 0 to about 1.3."""
    said = subject(segment, card.tool)
    bonus = _ARGUMENT if names_value(card.tool, segment) else 0.0
    if words("answers", "light").issuperset(said):  # "eh salah, KS-10235"
        alone = bonus and not card.verbs and len(segment.split()) <= _VALUE_ALONE + len(said)
        if alone or not said:
            return _PLAIN if alone else 0.0
    spoken = lexicon.forms_of(said)
    by_example = max((_both_ways(said, spoken, example, cards) for example in card.examples), default=0.0)
    shared = [word for word in said if not lexicon.forms(word).isdisjoint(card.description)]
    only_verb = card.verbs and not bonus and all(not lexicon.forms(word).isdisjoint(card.verbs) for word in said)
    if only_verb and sum(not other.verbs.isdisjoint(spoken) for other in cards) > 1:
        return 0.0  # "batalkan": which of the two?
    has_verb = not card.verbs or not card.verbs.isdisjoint(spoken)
    by_description = 0.0
    looking = bool(card.verbs) or len(shared) > 1 or not _LOOKING.isdisjoint(lexicon.words(segment))
    if shared and has_verb and (looking or bonus):
        share = 0.6 if card.examples else 0.8  # beside examples the description tells less
        by_description = share * _weight(shared, cards) / _weight(said, cards) + (0.1 if card.verbs else 0.0)
    if not bonus and _LOOKS.issuperset(_shared(said, card)):
        return 0.0  # "daftar harga" asks for no "daftar pengingat"
    exemplary = by_example >= 0.75
    if card.verbs and not has_verb and not exemplary:
        return 0.0
    best = max(by_example, by_description)
    return best + bonus if best >= 0.3 else 0.0


def _shared(said: Sequence[str], card: Card) -> list[str]:
    """The words of a sentence that the examples or the description of a tool hold."""
    forms = card.description.union(*(forms for _, forms in card.examples))
    return [word for word in said if not lexicon.forms(word).isdisjoint(forms)]


def _both_ways(
    said: Sequence[str], spoken: frozenset[str], example: tuple[frozenset[str], frozenset[str]], cards: Sequence[Card]
) -> float:
    """How much of an example a sentence holds, and how much of the sentence the example explains."""
    named, forms = example
    held = [word for word in named if not lexicon.forms(word).isdisjoint(spoken)]
    if not held:
        return 0.0
    explained = [word for word in said if not lexicon.forms(word).isdisjoint(forms)]
    return 0.65 * _weight(held, cards) / _weight(named, cards) + 0.35 * _weight(explained, cards) / _weight(said, cards)


def _weight(words: Iterable[str], cards: Sequence[Card]) -> float:
    """Words that several tools share tell less about each of them."""
    total = 0.0
    for word in words:
        own = lexicon.forms(word)
        sharing = sum(1 for card in cards if not own.isdisjoint(card.description))
        total += lexicon.weight(word) / max(1, sharing)
    return total


def names_value(tool: Tool, text: str) -> bool:
    """Tell whether a text brings what only this tool requires: an order number, an amount, a choice and a date."""
    typed = [
        (name, schema)
        for name, schema in tool.properties.items()
        if name in tool.required and (name == "when" or not (is_plain(schema) or is_free(name, schema)))
    ]
    named = [bool(values_named(name, schema, text, _ANY_DAY)) for name, schema in typed]
    telling = [name == "when" or schema.get("pattern") or is_money(name, schema) for name, schema in typed]
    return any(each and tells for each, tells in zip(named, telling, strict=True)) or (len(named) > 1 and all(named))


_MOST_CALLS = 3
_CHOICE = 6
"""Words of an answer to the question which one is meant, at most."""

_REMEMBERED = 4
"""Exchanges over which a request may be completed bit by bit."""


_HANDOVER = re.compile(r"hand_?over|hand_?off|human|escalat|transfer_to|operator|live_agent", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """A tool that is asked for. `missing` are the required parameters that were not named; `unclear` those named ambiguously."""

    tool: Tool
    arguments: Mapping[str, Any]
    missing: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


def requests(dialogue: Dialogue) -> list[Request]:
    """List what the customer asks for now, in order. A reply to a question of ours continues what was asked for before it."""
    found = _of(dialogue.said, dialogue.earlier, dialogue.tools, dialogue.now)
    if not dialogue.earlier:
        return found
    asked_back = "?" in dialogue.earlier[-1].reply
    pending = _pending(dialogue.earlier[-_REMEMBERED:], dialogue.tools, dialogue.now)
    if pending is not None and asked_back and _chooses(dialogue.text, pending, found):
        return [Request(pending.tool, {**pending.arguments, "which": dialogue.text.strip()[:200]})]
    if dialogue.results:
        return found
    continued = _continued(pending, dialogue.said, dialogue.now) if pending is not None else None
    if pending is not None and not asked_back and subject(dialogue.text, pending.tool):
        continued = None  # nothing was asked: only a bare amount still belongs to it
    if found:
        incomplete = (
            pending is not None and (pending.missing or pending.unclear) and _only_names(pending, dialogue.text)
        )
        return [continued] if incomplete and continued is not None else found
    if yes_or_no(dialogue.text) == "yes" and not _thanks_first(dialogue.text):
        if any(offer in dialogue.earlier[-1].reply for offer in in_every_language("offer")):
            tool = handover(dialogue.tools)
            return (
                [] if tool is None else [_request(tool, (*dialogue.earlier[-1].said, dialogue.text), (), dialogue.now)]
            )
        return [pending] if pending is not None and asked_back else []
    if continued is not None:
        return [continued]
    return _asked_on(dialogue)


def _thanks_first(text: str) -> bool:
    """Whether a text thanks rather than agrees: `terima kasih ya`, but not `ya, terima kasih`."""
    first = text.split(maxsplit=1)[0]
    return small_talk(text) == "thanks" and (small_talk(first) == "noted" or yes_or_no(first) != "yes")


def _asked_on(dialogue: Dialogue) -> list[Request]:
    """The look-up before, when a short question asks for what its result has told: `totalnya berapa?` after an order's status."""
    last, text = dialogue.earlier[-1], dialogue.text
    told = lexicon.vocabulary(last.reply)
    wanted = [word for word in lexicon.content(text) if not any(char.isdigit() for char in word)]
    if not wanted or len(text.split()) > _CHOICE or not all(told.has(word) for word in wanted):
        return []
    if any(small_talk(line) or mood(line) or _WHETHER.search(fold(line)) for line in dialogue.said):
        return []
    before = _of(last.said, dialogue.earlier[:-1], dialogue.tools, dialogue.now)
    return [
        one
        for one in before
        if not (one.missing or one.unclear) and not _verbs(one.tool) and not is_handover(one.tool.name)
    ][:1]


def _chooses(text: str, pending: Request, found: Sequence[Request]) -> bool:
    """Whether a text answers which one is meant: nothing else is asked for in it, but perhaps a time is named."""
    if "which" not in pending.tool.properties or not _is_answer(text):
        return False
    return all("when" in one.tool.properties and not one.missing for one in found) and len(text.split()) <= _CHOICE


def _only_names(pending: Request, text: str) -> bool:
    """Whether a text says nothing but the value that was asked for: `KS-10234`, `nomor pesanannya KS-10234`."""
    asked = " ".join(str(pending.tool.properties[name].get("description", "")) for name in pending.missing)
    known = lexicon.forms_of(lexicon.words(f"{asked} {' '.join(pending.missing).replace('_', ' ')}"))
    return all(not lexicon.forms(word).isdisjoint(known) for word in subject(text, pending.tool))


def handover(tools: Sequence[Tool]) -> Tool | None:
    """Find the tool that brings a human into the conversation."""
    return next((tool for tool in tools if is_handover(tool.name)), None)


def is_handover(name: str) -> bool:
    """Tell whether a tool of this name brings a human into the conversation."""
    return _HANDOVER.search(name) is not None


def wanted_in(segment: str, dialogue: Dialogue, requested: Sequence[Request]) -> bool:
    """Tell whether a sentence is (part of) what was requested of a tool."""
    asked = _of((segment,), dialogue.earlier, dialogue.tools, dialogue.now)
    return any(one.tool.name == other.tool.name for one in asked for other in requested)


def _of(said: Sequence[str], earlier: Sequence[Exchange], tools: Sequence[Tool], now: datetime | None) -> list[Request]:
    if not tools or not said:
        return []
    found: list[Request] = []
    human = handover(tools)
    if human is not None and any(wants_human(line) for line in said):
        found.append(_request(human, said, earlier, now))
    cards = cards_of([tool for tool in tools if tool is not human])
    whole = "\n".join(said)
    for segment in segments([without_opener(line) for line in said if small_talk(line) is None]):
        tool = None if mood(segment) and not names_any(segment, cards) else asked(segment, whole, cards)
        if tool is None:
            continue
        for request in _all(tool, segment, said, earlier, now):
            if all((request.tool.name, request.arguments) != (other.tool.name, other.arguments) for other in found):
                found.append(request)
    complete = [request for request in found if not request.missing and not request.unclear]
    return (complete or found)[:_MOST_CALLS]


def looks_up(text: str) -> bool:
    """Tell whether a text has a word with which one asks how something stands: `cek`, `where`."""
    return not _LOOKING.isdisjoint(lexicon.words(text))


def names_any(text: str, cards: Sequence[Card]) -> bool:
    """Tell whether a text brings a value that one of the tools requires."""
    return any(names_value(card.tool, text) for card in cards)


def segments(said: Sequence[str]) -> list[str]:
    """Split a burst of messages into sentences."""
    return [
        part.strip() for line in said for part in re.split(r"(?<=[?!])\s+|(?<=[a-z0-9])\.\s+", line) if part.strip()
    ]


def _all(
    tool: Tool, segment: str, said: Sequence[str], earlier: Sequence[Exchange], now: datetime | None
) -> list[Request]:
    """A call for each value, when a sentence names several of the only thing a tool requires: `cek KS-1 dan KS-2`."""
    one = _request(tool, (segment,), (), now)
    if one.missing or one.unclear:
        one = _request(tool, said, earlier, now)
    required = list(tool.required)
    if len(required) == 1 and tool.properties.get(required[0], {}).get("pattern"):
        named = values_named(required[0], tool.properties[required[0]], segment, now)
        if len(named) > 1:
            return [Request(tool, {**one.arguments, required[0]: value}) for value in named]
    return [one]


def _request(tool: Tool, said: Sequence[str], earlier: Sequence[Exchange], now: datetime | None) -> Request:
    arguments: dict[str, Any] = {}
    missing, unclear = [], []
    text = "\n".join(said)
    for name, schema in tool.properties.items():
        required = name in tool.required
        found = [] if is_free(name, schema) else values_named(name, schema, text, now)
        if found:
            arguments[name] = found[0] if len(found) == 1 or not schema.get("pattern") else found[-1]
        elif required and is_ambiguous(name, schema, text):
            unclear.append(name)
        elif required and (number := bare(schema, text)) is not None:
            arguments[name] = number
        elif required and (before := _said_before(name, schema, earlier, now)) is not None:
            arguments[name] = before
        elif required and is_free(name, schema):
            arguments[name] = text[: schema.get("maxLength", 500)]
        elif required and "default" not in schema:
            missing.append(name)
    return Request(tool, arguments, tuple(missing), tuple(unclear))


def _said_before(name: str, schema: Mapping[str, Any], earlier: Sequence[Exchange], now: datetime | None) -> Any:
    """The value from earlier in the conversation, when the newest exchange that names any names exactly one.

    Only for what identifies something (a pattern): an amount or a date that was said about something else is not reused.
    """
    if not schema.get("pattern"):
        return None
    for exchange in reversed(earlier):
        for text in ("\n".join(exchange.said), exchange.reply):
            found = values_named(name, schema, text, now)
            if found:
                return found[0] if len(found) == 1 else None
    return None


def _pending(earlier: Sequence[Exchange], tools: Sequence[Tool], now: datetime | None) -> Request | None:
    """The request that we asked back about, or that an amount may still be named for. Found by reading the conversation again."""
    if not earlier:
        return None
    *before, last = earlier
    found = _of(last.said, before, tools, now)
    if found and ("?" in last.reply or _takes_money(found[0].tool)):
        return found[0]
    if "?" not in last.reply:
        return None
    outer = _pending(before, tools, now)
    return _continued(outer, last.said, now) if outer is not None else None


def _takes_money(tool: Tool) -> bool:
    return any(is_money(name, schema) for name, schema in tool.properties.items())


def _continued(pending: Request, said: Sequence[str], now: datetime | None) -> Request | None:
    """A pending request with what the customer says now, or `None` when that is about something else."""
    text = "\n".join(said)
    tool, arguments = pending.tool, dict(pending.arguments)
    wanted = [*pending.unclear, *pending.missing] or [name for name in tool.properties if name not in tool.required]
    answered = False
    for name in wanted:
        schema = tool.properties[name]
        paying = f"bayar {text}" if is_money(name, schema) else text
        found = values_named(name, schema, paying, now) or ([number] if (number := bare(schema, text)) else [])
        if found:
            arguments[name] = found[0]
        elif name in pending.missing and len(wanted) == 1 and is_plain(schema) and _is_answer(text):
            arguments[name] = text.strip()
        answered = (
            answered
            or bool(found)
            or (name in pending.missing and name in arguments)
            or is_ambiguous(name, schema, paying)
        )
    if not answered:
        return None
    rest = [name for name in (*pending.unclear, *pending.missing) if name not in arguments]
    unclear = tuple(name for name in rest if name in pending.unclear)
    return Request(tool, arguments, tuple(name for name in rest if name not in unclear), unclear)


def _is_answer(text: str) -> bool:
    return "?" not in text and small_talk(text) is None and yes_or_no(text) is None


def question_for(request: Request, language: str) -> str:
    """Word the question that makes a request complete."""
    if request.unclear:
        return say("ask_amount", language)
    if "when" in request.missing:
        return say("ask_when", language)
    said = [
        (request.tool.properties[name].get("description") or name.replace("_", " ")).rstrip(".?! ")
        for name in request.missing
    ]
    return say("ask", language, what=say("and", language).join(said))
