"""What the model sees of the conversation before this turn: messages, calls and results, inside a window of tokens.

Everything comes from the ledger, so that another process, a restart and a replay show the model the same bytes. An exchange is
what one turn read, did and said. Exchanges become shorter with age, in the order of `Detail`; what no longer fits at all is left
to the summary. It happens in large steps: while the window is not full, what was shown stays as it was, so that a server
that caches prefixes reads it once.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from agent.ledger.codec import unpack_outcome
from agent.ledger.history import Line
from agent.ledger.steps import PastCall
from agent.models import tokens
from agent.models.judge import call_id
from agent.models.tokens import PICTURES, Counter, cut
from agent.turn.retrieval import escape
from agent.turn.steps import told
from settings.text import element, quoted, unmarked, untagged

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from actions.action import Json


class Detail(IntEnum):
    """How much of an exchange is shown."""

    WHOLE = 0
    FIELDS = 1  # of results the short values only
    IDS = 2  # of results only what later calls may need


LOW = 0.6
"""To which share of the window history is shortened once it is full: the more, the rarer that a cached prefix is lost."""

_RECENT = 2
"""Exchanges that are shown whole as long as they fit at all."""

_LARGEST = {Detail.WHOLE: 6_000, Detail.FIELDS: 4_000, Detail.IDS: 4_000}
"""Characters of one result, whatever is left of it: ids last longest, since a later call cannot do without them."""

_LONGEST = {Detail.WHOLE: 4_000, Detail.FIELDS: 800, Detail.IDS: 300}
"""Characters of one message."""

_LONGEST_FILE = {Detail.WHOLE: 6_000, Detail.FIELDS: 1_000, Detail.IDS: 300}
"""Characters of a document that the customer sent."""

_PICTURES = 3
"""Pictures in a prompt."""

_SHORT = 60
"""Characters of a value that is still a field and not a text."""

_ID_NAME = re.compile(
    r"(?:^|_)(?:ids?|uuid|no|nr|num|number|code|kode|nomor|ref|reference|sku|slug|email|phone|resi|awb|invoice|token)s?$"
    r"|[a-z](?:Id|ID|Ids|No|Number|Code|Ref)$",
    re.IGNORECASE,
)
_ID_VALUE = re.compile(r"(?=.*\d)[^\s]{3,40}")
_NO_ID = re.compile(r"\d{4}-\d\d-\d\d.*|\d{1,3}(?:[.,]\d+)*%?|[a-z]+://.*|\d{1,2}[:.]\d\d.*", re.IGNORECASE)
_STATE_NAME = re.compile(r"status|state", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Messages that follow each other in one turn, or outside any, and what was called in it."""

    lines: tuple[Line, ...]
    calls: tuple[PastCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The messages for the model, and how many lines of the history they leave out at the beginning."""

    messages: "list[BaseMessage]"
    left_out: int


def exchanges(lines: Sequence[Line], calls: Mapping[str, Sequence[PastCall]]) -> list[Exchange]:
    """Put what was called beside what was said.

    Args:
        lines: of the history, oldest first.
        calls: of each turn, oldest first. Those of a turn without lines are left out.
    """
    parts = [(turn, tuple(group)) for turn, group in groupby(lines, lambda line: line.turn)]
    # a colleague may have written in between: the calls stand before the answer, or after the last question
    place: dict[str, int] = {}
    for number, (turn, group) in enumerate(parts):
        if turn in calls and (turn not in place or any(line.author == "agent" for line in group)):
            place[turn] = number
    return [
        Exchange(group, tuple(calls[turn]) if turn is not None and place.get(turn) == number else ())
        for number, (turn, group) in enumerate(parts)
    ]


def fit(parts: Sequence[Exchange], room: int, count: Counter) -> Window:
    """Show as much of a conversation as fits.

    Args:
        parts: oldest first.
        room: tokens.
        count: counts the tokens of a text.
    """
    whole = [render(part, Detail.WHOLE) for part in parts]
    if sum(_bytes(messages) for messages in whole) <= room:  # no text has more tokens than bytes
        return Window([message for messages in whole for message in messages], 0)
    shown: list[list[BaseMessage]] = []
    sizes: list[int] = []
    details: list[Detail] = []
    first = total = 0
    for number, messages in enumerate(whole):
        shown.append(messages)
        details.append(Detail.WHOLE)
        sizes.append(tokens.of_messages(messages, count))
        total += sizes[-1]
        if total <= room:
            continue
        for detail in (Detail.FIELDS, Detail.IDS):
            for old in range(first, max(first, number + 1 - _RECENT)):
                if total <= LOW * room:
                    break
                if details[old] < detail:
                    details[old], shown[old] = detail, render(parts[old], detail)
                    total += (size := tokens.of_messages(shown[old], count)) - sizes[old]
                    sizes[old] = size
        while total > LOW * room and first < number:
            total -= sizes[first]
            first += 1
    return Window(
        [message for messages in shown[first:] for message in messages], sum(len(part.lines) for part in parts[:first])
    )


def render(part: Exchange, detail: Detail) -> "list[BaseMessage]":
    """Write an exchange as messages: what the customer said, the calls with their results, the answer.

    Args:
        part: what to write.
        detail: how much of it.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    messages: list[BaseMessage] = []
    pending = list(_calls(part.calls, detail))
    for own, group in groupby(part.lines, _is_own):
        lines = list(group)
        if own:
            messages += [*pending, AIMessage("\n".join(cut(line.own_words, _LONGEST[detail]) for line in lines))]
            pending = []
            continue
        text = "\n".join(_of_others(line, _LONGEST[detail]) for line in lines)
        records = [record for line in lines for record in line.attachments]
        written = "\n\n".join([text, *written_files(records, _LONGEST_FILE[detail])])
        messages.append(HumanMessage(written, additional_kwargs=showing(records) if detail is Detail.WHOLE else {}))
    return messages + pending


def _is_own(line: Line) -> bool:
    """Whether a line holds words of the agent: only they stand under its name, so that it learns no mark from itself."""
    return line.author == "agent" and line.own_words != ""


def _of_others(line: Line, most: int) -> str:
    """What the customer wrote; what a colleague wrote or what was sent without a text, as an element that nobody else can write."""
    text = cut(line.text, most)
    if line.author == "contact":
        return untagged(text)
    return element("colleague" if line.author == "human" else "sent", text)


def showing(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Say which pictures go with a message, in its `additional_kwargs`.

    Args:
        records: attachments, as the history keeps them.
    """
    pictures = [record["picture"] for record in records if "picture" in record]
    return {PICTURES: pictures} if pictures else {}


def newest_pictures(messages: "Sequence[BaseMessage]") -> list[str]:
    """List the ids of the newest pictures of a prompt, as many as are shown: each costs as much as a page of text."""
    return [name for message in messages for name in message.additional_kwargs.get(PICTURES, ())][-_PICTURES:]


def written_files(records: Iterable[Mapping[str, Any]], most: int | None = None) -> list[str]:
    """Write the texts of documents that the customer sent: information, and none of their own words.

    Args:
        records: attachments, as the history keeps them.
        most: characters of each; all without.
    """
    return [
        f"<file name={escape(quoted(unmarked(record.get('name') or record['kind'])))}>\n{escape(record['text'][:most])}\n</file>"
        for record in records
        if record.get("text")
    ]


def _calls(calls: Sequence[PastCall], detail: Detail) -> "list[BaseMessage]":
    """Calls that one answer made stand in one message. What was refused, or asked back, did not happen."""
    from langchain_core.messages import AIMessage, ToolMessage

    messages: list[BaseMessage] = []
    happened = [call for call in calls if call.output["status"] not in ("refused", "confirm")]
    for _, group in groupby(happened, lambda call: call.place.split("/")[:2]):
        made, results = [], []
        for call in group:
            name = call_id(f"{call.turn}/{call.place}", 0)  # the place is unique in the turn
            arguments = call.arguments if detail is Detail.WHOLE else _picked(call.arguments, Detail.FIELDS)
            made.append({"name": call.name, "args": arguments or {}, "id": name})
            results.append(ToolMessage(_result(call, detail), tool_call_id=name, name=call.name))
        messages += [AIMessage("", tool_calls=made), *results]
    return messages


def _result(call: PastCall, detail: Detail) -> str:
    """A result in as many characters as the detail allows: rather less detail than half a value."""
    outcome = unpack_outcome({**call.output, "requests": ()})
    content = told(outcome)
    if detail is Detail.WHOLE and len(content) <= _LARGEST[detail]:
        return content
    return shortened(content, outcome.data, detail)


def shortened(content: str, data: "Json", detail: Detail = Detail.FIELDS) -> str:
    """Write a result with less detail.

    Args:
        content: as the model read it.
        data: the same as values, where there are any.
        detail: how much at most; of one that is too large to be shown whole, the short values.
    """
    most = _LARGEST[detail]
    if not isinstance(data, (dict, list)):
        return cut(content, most)
    for level in (max(detail, Detail.FIELDS), Detail.IDS):
        text = json.dumps(_picked(data, level), ensure_ascii=False, separators=(",", ":"))
        if len(text) <= most:
            return text
    return f"{text[:most].rpartition(',')[0]} …"  # no half of an id


def _picked(value: Any, detail: Detail, name: str = "") -> Any:
    """The short values of a structure, or only its ids and states; `None` where nothing is left."""
    if isinstance(value, Mapping):
        kept = {key: _picked(each, detail, key) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {}, []) or _is_id(key)} or None
    if isinstance(value, list):
        return [each for each in (_picked(each, detail, name) for each in value) if each not in (None, {}, [])] or None
    if value is None or value == "":
        return None
    names_id, names_state = _named(name)
    if names_id or _is_id(value) or (names_state and len(str(value)) <= _SHORT):
        return value
    if detail is Detail.IDS or (isinstance(value, str) and len(value) > _SHORT):
        return None
    return value


@lru_cache(1024)
def _named(name: str) -> tuple[bool, bool]:
    """Whether a field is called an id, and whether it is called a state."""
    return _ID_NAME.search(name) is not None, _STATE_NAME.search(name) is not None


def _is_id(value: Any) -> bool:
    """Whether a value names a thing: digits among at most 40 characters without a space, and no date, price or address."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    text = str(value)
    if isinstance(value, int):
        return len(text) >= 6
    return _ID_VALUE.fullmatch(text) is not None and _NO_ID.fullmatch(text) is None


def _bytes(messages: "Sequence[BaseMessage]") -> int:
    return tokens.of_messages(messages, lambda text: len(text.encode()))
