"""Which tool a customer plainly asks for, and with which arguments.

Only what the customer wrote asks for something; passages, results and replies do not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.asking import wants_human
from agent.models import _arguments, _phrases, _words
from agent.models._dialogue import Dialogue, Exchange, Tool
from agent.models._likeness import all_forms, asked, cards_of, subject

_MOST_CALLS = 3
_CHOICE = 6
"""Words of an answer to the question which one is meant, at most."""

_REMEMBERED = 4
"""Exchanges over which a request may be completed bit by bit."""


_HANDOVER = re.compile(r"hand_?over|hand_?off|human|escalat|transfer_to|operator|live_agent", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """A tool that is asked for. `missing` are the required parameters that nobody has named; `unclear` those named ambiguously."""

    tool: Tool
    arguments: Mapping[str, Any]
    missing: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


def requests(dialogue: Dialogue) -> list[Request]:
    """What the customer asks for now, in order. A reply to a question of ours continues what was asked for before it."""
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
    if _phrases.yes_or_no(dialogue.text) == "yes":
        if any(offer in dialogue.earlier[-1].reply for offer in _phrases.in_every_language("offer")):
            tool = handover(dialogue.tools)
            return (
                [] if tool is None else [_request(tool, (*dialogue.earlier[-1].said, dialogue.text), (), dialogue.now)]
            )
        return [pending] if pending is not None and asked_back else []
    return [] if continued is None else [continued]


def _chooses(text: str, pending: Request, found: Sequence[Request]) -> bool:
    """Whether a text answers which one is meant: nothing else is asked for in it, but perhaps a time is named."""
    if "which" not in pending.tool.properties or not _is_answer(text):
        return False
    return all("when" in one.tool.properties and not one.missing for one in found) and len(text.split()) <= _CHOICE


def _only_names(pending: Request, text: str) -> bool:
    """Whether a text says nothing but the value that was asked for: `KS-10234`, `nomor pesanannya KS-10234`."""
    asked = " ".join(str(pending.tool.properties[name].get("description", "")) for name in pending.missing)
    known = all_forms(_words.words(f"{asked} {' '.join(pending.missing).replace('_', ' ')}"))
    return all(not _words.forms(word).isdisjoint(known) for word in subject(text, pending.tool))


def handover(tools: Sequence[Tool]) -> Tool | None:
    """The tool that brings a human into the conversation."""
    return next((tool for tool in tools if is_handover(tool.name)), None)


def is_handover(name: str) -> bool:
    """Whether a tool of this name brings a human into the conversation."""
    return _HANDOVER.search(name) is not None


def handover_arguments(tool: Tool, dialogue: Dialogue) -> Mapping[str, Any]:
    """What a colleague is told: the customer's own words."""
    return _request(tool, dialogue.said, (), dialogue.now).arguments


def wanted_in(segment: str, dialogue: Dialogue, requested: Sequence[Request]) -> bool:
    """Whether a sentence is (part of) what was requested of a tool."""
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
    for segment in segments(said):
        tool = asked(segment, whole, cards)
        if tool is None:
            continue
        for request in _all(tool, segment, said, earlier, now):
            if all((request.tool.name, request.arguments) != (other.tool.name, other.arguments) for other in found):
                found.append(request)
    complete = [request for request in found if not request.missing and not request.unclear]
    return (complete or found)[:_MOST_CALLS]


def segments(said: Sequence[str]) -> list[str]:
    """The sentences of a burst of messages."""
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
        named = _arguments.values(required[0], tool.properties[required[0]], segment, now)
        if len(named) > 1:
            return [Request(tool, {**one.arguments, required[0]: value}) for value in named]
    return [one]


def _request(tool: Tool, said: Sequence[str], earlier: Sequence[Exchange], now: datetime | None) -> Request:
    arguments: dict[str, Any] = {}
    missing, unclear = [], []
    text = "\n".join(said)
    for name, schema in tool.properties.items():
        required = name in tool.required
        found = [] if _arguments.is_free(name, schema) else _arguments.values(name, schema, text, now)
        if found:
            arguments[name] = found[0] if len(found) == 1 or not schema.get("pattern") else found[-1]
        elif required and _arguments.is_ambiguous(name, schema, text):
            unclear.append(name)
        elif required and (number := _arguments.bare(schema, text)) is not None:
            arguments[name] = number
        elif required and (before := _said_before(name, schema, earlier, now)) is not None:
            arguments[name] = before
        elif required and _arguments.is_free(name, schema):
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
            found = _arguments.values(name, schema, text, now)
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
    return any(_arguments.is_money(name, schema) for name, schema in tool.properties.items())


def _continued(pending: Request, said: Sequence[str], now: datetime | None) -> Request | None:
    """A pending request with what the customer says now, or `None` when that is about something else."""
    text = "\n".join(said)
    tool, arguments = pending.tool, dict(pending.arguments)
    wanted = [*pending.unclear, *pending.missing] or [name for name in tool.properties if name not in tool.required]
    answered = False
    for name in wanted:
        schema = tool.properties[name]
        paying = f"bayar {text}" if _arguments.is_money(name, schema) else text
        found = _arguments.values(name, schema, paying, now) or (
            [number] if (number := _arguments.bare(schema, text)) else []
        )
        if found:
            arguments[name] = found[0]
        elif name in pending.missing and len(wanted) == 1 and _arguments.is_plain(schema) and _is_answer(text):
            arguments[name] = text.strip()
        answered = (
            answered
            or bool(found)
            or (name in pending.missing and name in arguments)
            or _arguments.is_ambiguous(name, schema, paying)
        )
    if not answered:
        return None
    rest = [name for name in (*pending.unclear, *pending.missing) if name not in arguments]
    unclear = tuple(name for name in rest if name in pending.unclear)
    return Request(tool, arguments, tuple(name for name in rest if name not in unclear), unclear)


def _is_answer(text: str) -> bool:
    return "?" not in text and _phrases.small_talk(text) is None and _phrases.yes_or_no(text) is None


def question_for(request: Request, language: str) -> str:
    """What to ask the customer, so that a request becomes complete."""
    if request.unclear:
        return _phrases.say("ask_amount", language)
    if "when" in request.missing:
        return _phrases.say("ask_when", language)
    said = [
        (request.tool.properties[name].get("description") or name.replace("_", " ")).rstrip(".?! ")
        for name in request.missing
    ]
    return _phrases.say("ask", language, what=_phrases.say("and", language).join(said))
