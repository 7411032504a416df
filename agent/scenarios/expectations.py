"""Holding what happened against what was expected: plain functions from both to the differences, in words that show both."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from agent.scenarios.conversation import amount_in
from agent.scenarios.expected import (
    Expectation,
    FollowUpExpectation,
    PaymentExpectation,
    ReplyExpectation,
    found_by,
    words,
)
from agent.scenarios.happened import Happened
from agent.scenarios.outside import Call, fits
from language.detect import detect
from settings import format_duration

_SHOWN = 400
"""Characters of a reply that a difference shows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An expectation that was not met: its key (`reply.contains`), what was expected, and what came instead."""

    key: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.key}: expected {self.expected}; found {self.found}"


def differences(expected: Expectation, happened: Happened) -> list[Difference]:
    """Everything in which a turn differs from an expectation; `judge` is asked elsewhere.

    Args:
        expected: all of its keys must hold.
        happened: in the turn, or in the whole conversation.
    """
    found: list[Difference] = []
    for name in sorted(expected.model_fields_set - {"judge"}, key=list(Expectation.model_fields).index):
        check = _CHECKS[name]
        found += check(getattr(expected, name), happened)
    return found


Check = Callable[[Any, Happened], Iterator[Difference]]


def _reply(expected: str | ReplyExpectation, happened: Happened) -> Iterator[Difference]:
    wanted = ReplyExpectation(contains=expected) if isinstance(expected, str) else expected
    whole = _folded(happened.text)
    contains = (wanted.contains,) if isinstance(wanted.contains, str) else wanted.contains or ()
    for each in contains:
        choices = words(each)
        if not any(_folded(text) in whole for text in choices):
            yield Difference("reply.contains", " or ".join(map(repr, choices)), _reply_of(happened))
    for text in words(wanted.not_contains):
        if _folded(text) in whole:
            yield Difference("reply.not_contains", f"a reply without {text!r}", _reply_of(happened))
    for pattern in words(wanted.matches):
        try:
            if not found_by(pattern, happened.text):
                yield Difference("reply.matches", f"/{pattern}/", _reply_of(happened))
        except TimeoutError:
            found = "the expression takes longer than a second on this reply; write one without nested repetition"
            yield Difference("reply.matches", f"/{pattern}/", found)


def _replies(expected: int, happened: Happened) -> Iterator[Difference]:
    if len(happened.messages) != expected:
        yield Difference("replies", _messages(expected), f"{len(happened.messages)}: {_reply_of(happened)}")


def _anything(key: str, expected: bool, found: str | None, what: str) -> Iterator[Difference]:
    """Hold `true` or `false` against whether there was anything; `found` shows it."""
    if expected != (found is not None):
        yield Difference(key, what if expected else f"no {what}", found or f"no {what}")


def _called(expected: bool | str | Sequence[str] | Mapping[str, Any], happened: Happened) -> Iterator[Difference]:
    if isinstance(expected, bool):
        yield from _anything("called", expected, _calls_of(happened.calls) if happened.calls else None, "call")
        return
    for name, arguments in _calls(expected).items():
        same = [call for call in happened.calls if call.name == name]
        if not any(fits(arguments, call.arguments) for call in same):
            yield Difference("called", _call(name, arguments), _calls_of(same or happened.calls))


def _not_called(expected: str | Sequence[str] | Mapping[str, Any], happened: Happened) -> Iterator[Difference]:
    for name, arguments in _calls(expected).items():
        same = [call for call in happened.calls if call.name == name and fits(arguments, call.arguments)]
        if same:
            yield Difference("not_called", f"no {_call(name, arguments)}", _calls_of(same))


def _passage(expected: bool | str | Sequence[str], happened: Happened) -> Iterator[Difference]:
    if isinstance(expected, bool):
        yield from _anything("passage", expected, ", ".join(happened.passages) or None, "passage")
        return
    for name in words(expected):
        if not any(is_source(name, source) for source in happened.passages):
            yield Difference("passage", f"a passage of {name}", ", ".join(happened.passages) or "no passage")


def _not_passage(expected: str | Sequence[str], happened: Happened) -> Iterator[Difference]:
    for name in words(expected):
        if found := [source for source in happened.passages if is_source(name, source)]:
            yield Difference("not_passage", f"no passage of {name}", ", ".join(found))


def _payment(expected: bool | PaymentExpectation, happened: Happened) -> Iterator[Difference]:
    codes = [message.qris for message in happened.messages if message.qris is not None]
    shown = (
        ", ".join(f"a code over Rp{amount_in(code) or 0:,}".replace(",", ".") for code in codes) or "no payment code"
    )
    if isinstance(expected, bool):
        if bool(codes) != expected:
            yield Difference("payment", "a payment code" if expected else "no payment code", shown)
        return
    by_code = {row["payload"]: row for row in happened.payments}
    rows, amounts = [by_code.get(code, {}) for code in codes], [amount_in(code) for code in codes]
    if expected.state is not None and not codes:  # the state of one that was sent before
        rows = _changed(expected, happened)
        amounts = [row["amount"] for row in rows]
        shown = ", ".join(f"a payment over Rp{amount:,}".replace(",", ".") for amount in amounts) or "no payment"
    if expected.amount is not None and expected.amount not in amounts:
        yield Difference("payment.amount", f"a code over Rp{expected.amount:,}".replace(",", "."), shown)
    for name, holds in (("merchant", _stands_in), ("reference", _stands_in), ("state", str.__eq__)):
        wanted = getattr(expected, name)
        found = [str(row.get(name)) for row in rows]
        if wanted is not None and not any(holds(wanted, each) for each in found):
            yield Difference(f"payment.{name}", repr(wanted), ", ".join(map(repr, found)) or shown)


def _changed(expected: PaymentExpectation, happened: Happened) -> list[Mapping[str, Any]]:
    """The payments that were paid in a turn, else the newest one; of the amount that is expected, where one is."""
    meant = [row for row in happened.payments if expected.amount in (None, row["amount"])]
    began = happened.began
    paid = [row for row in meant if began is not None and row["paid_at"] is not None and row["paid_at"] >= began]
    return paid or meant[:1]


def _stands_in(wanted: str, found: str) -> bool:
    return _folded(wanted) in _folded(found)


def _handover(expected: bool | str, happened: Happened) -> Iterator[Difference]:
    found = f"a handover: {happened.handover}" if happened.handover else "no handover"
    if isinstance(expected, bool):
        if (happened.handover is not None) != expected:
            yield Difference("handover", "a handover" if expected else "no handover", found)
    elif happened.handover is None or _folded(expected) not in _folded(happened.handover):
        yield Difference("handover", f"a handover because of {expected!r}", found)


def _followup(expected: bool | str | FollowUpExpectation, happened: Happened) -> Iterator[Difference]:
    rows = happened.followups
    found = "; ".join(_followup_shown(row) for row in rows) or "no message for later"
    if isinstance(expected, bool):
        if bool(rows) != expected:
            yield Difference("followup", "a message for later" if expected else "none", found)
        return
    if isinstance(expected, str):
        if not any(row["rule"] == expected or _folded(expected) in _folded(row["text"]) for row in rows):
            yield Difference("followup", repr(expected), found)
        return
    fitting = [
        row
        for row in rows
        if expected.rule in (None, row["rule"])
        and _folded(expected.contains or "") in _folded(row["text"])
        and (expected.after is None or _near(row["due_at"] - row["created_at"], expected.after))
    ]
    if not fitting:
        wanted = [
            f"rule {expected.rule}" if expected.rule else "",
            repr(expected.contains) if expected.contains else "",
        ]
        wanted.append(f"after {format_duration(expected.after)}" if expected.after else "")
        yield Difference("followup", ", ".join(each for each in wanted if each), found)


def _language(expected: str, happened: Happened) -> Iterator[Difference]:
    if not happened.text.strip():
        yield Difference("language", f"a reply in {expected}", "no reply")
        return
    known = happened.contact.language if happened.contact is not None else None
    found = detect(happened.text, known)
    if found != expected:
        yield Difference("language", expected, f"{found}: {_reply_of(happened)}")


def _tag(expected: str | Sequence[str], happened: Happened) -> Iterator[Difference]:
    for tag in words(expected):
        if tag not in happened.tags:
            yield Difference("tag", tag, ", ".join(happened.tags) or "no tags")


def _not_tag(expected: str | Sequence[str], happened: Happened) -> Iterator[Difference]:
    for tag in words(expected):
        if tag in happened.tags:
            yield Difference("not_tag", f"no tag {tag}", ", ".join(happened.tags))


def _lifecycle(expected: str, happened: Happened) -> Iterator[Difference]:
    found = happened.contact.contact.lifecycle if happened.contact is not None else None
    if found != expected:
        yield Difference("lifecycle", expected, found or "none")


def _note(expected: bool | str | Sequence[str], happened: Happened) -> Iterator[Difference]:
    seen = "; ".join(happened.notes)
    if isinstance(expected, bool):
        yield from _anything("note", expected, seen or None, "note for colleagues")
        return
    for text in words(expected):
        if _folded(text) not in _folded(seen):
            yield Difference("note", repr(text), seen or "nothing for colleagues")


def _posted(expected: bool | str | Sequence[str] | Mapping[str, Any], happened: Happened) -> Iterator[Difference]:
    seen = "; ".join(f"{each.url} {json.dumps(each.body, ensure_ascii=False)}" for each in happened.posted)
    if isinstance(expected, bool):
        yield from _anything("posted", expected, seen or None, "message to another system")
        return
    for url, body in _calls(expected).items():
        if not any(each.url == url and (not body or fits(body, each.body)) for each in happened.posted):
            wanted = f"{url} {json.dumps(body, ensure_ascii=False)}" if body else url
            yield Difference("posted", wanted, seen or "no system was told anything")


def _silent(expected: bool, happened: Happened) -> Iterator[Difference]:
    if expected == bool(happened.messages):
        yield Difference("silent", "no message" if expected else "a message", _reply_of(happened))


_CHECKS: Mapping[str, Check] = {
    "reply": _reply,
    "replies": _replies,
    "called": _called,
    "not_called": _not_called,
    "passage": _passage,
    "not_passage": _not_passage,
    "payment": _payment,
    "handover": _handover,
    "followup": _followup,
    "language": _language,
    "tag": _tag,
    "not_tag": _not_tag,
    "lifecycle": _lifecycle,
    "note": _note,
    "posted": _posted,
    "silent": _silent,
}


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _calls(value: str | Sequence[str] | Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if isinstance(value, Mapping):
        return {name: arguments or {} for name, arguments in value.items()}
    return {name: {} for name in words(value)}


def is_source(name: str, source: str) -> bool:
    """Whether a document is the one that is meant: by its whole path or address, or by its end."""
    return source == name or source.endswith(f"/{name.lstrip('/')}")


def _near(found: timedelta, wanted: timedelta) -> bool:
    return abs(found - wanted) <= timedelta(minutes=1)


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number} messages"


def _reply_of(happened: Happened) -> str:
    if not happened.messages:
        reason = next((turn.reason for turn in happened.turns if turn.reason), None)
        return f"no reply ({reason})" if reason else "no reply"
    text = happened.text or "a picture"
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …")


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={json.dumps(value, ensure_ascii=False, default=str)}' for key, value in arguments.items())})"


def _calls_of(calls: Sequence[Call]) -> str:
    return ", ".join(f"{_call(call.name, call.arguments)} → {call.status}" for call in calls) or "no call"


def _followup_shown(row: Mapping[str, Any]) -> str:
    after = format_duration(row["due_at"] - row["created_at"])
    return f"{row['rule'] or 'a promise'} after {after}, {row['state']}: {row['text']!r}"
