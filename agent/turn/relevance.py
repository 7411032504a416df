"""Whether a draft answers at all, as far as a program can tell: weak models lose track of a conversation.

- It denies what was just done: "pesanan tidak ditemukan" after the order was cancelled.
- It does not know what an action has just returned, or won't help.
- It says in the same words what it said to another message: that something is not known or not possible, a question, or an answer of
  another subject.
- It agrees to an hour or a day that there is not, or to one without having looked anything up, or names a day by a wrong weekday.
- It tells the customer a sentence of the prompt.

The first and the last are grave: such a draft is never sent. The others are told to the model once.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Final

from actions.action import Action, Json
from actions.deeds import deeds_in_text, deeds_of_action
from actions.reminders.wording import names_a_time
from actions.sentences import clauses, plain
from agent.turn.context import TurnContext
from agent.turn.prompt import NO_PASSAGE
from language.agreement import fold, tokenized, vocabulary
from language.calendar import months, weekdays
from language.dates import names_no_time
from language.intents import reply_words, says_dont_know, small_talk
from language.lexicon import content, forms_of
from language.tables import words as words_of
from language.tokens import words
from language.values import contains, squash


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a draft.

    Attributes:
        told: what the model hears.
        said: for the log.
        grave: whether the draft must not be sent.
        unfounded: whether it names what stands nowhere, and not what was or was not done.
        instead: what is sent in the place of one that comes again; without it, a human takes over where it is grave.
    """

    told: str
    said: str
    grave: bool
    unfounded: bool = False
    instead: str = ""


_RUN: Final = 7
"""Words in a row that nobody writes by chance."""
_NO_RUNS: Final = frozenset[tuple[str, ...]]()
_SAME: Final = 24
"""Letters and digits of a reply that is long enough to be remembered as one that was sent before."""


def fault(turn: TurnContext, text: str, actions: Mapping[str, Action]) -> Fault | None:
    """Find what is wrong with a draft.

    Args:
        turn: with what was done and found out.
        text: the draft.
        actions: all actions of the agent, by name.
    """
    if turn.task is not None or not turn.messages or turn.question is not None:
        return None
    return (
        _denied(turn, text, actions)
        or _unread(turn, text, actions)
        or _repeated(turn, text)
        or _at_no_time(turn, text)
        or _echoed(turn, text)
        or _misdated(turn, text)
        or _recited(turn, text)
    )


def _denied(turn: TurnContext, text: str, actions: Mapping[str, Action]) -> Fault | None:
    """A draft that tells of a failure, and of nothing that was done, after an effect was."""
    done = [
        name
        for name in turn.effects
        if name in turn.receipts and name not in turn.unknown and name in actions and actions[name].builtin is None
    ]
    if not done:
        return None
    denies = [
        clause.text
        for clause in clauses(plain(text))
        if reply_words("denies").search(clause.text) and "?" not in clause.text
    ]
    if not denies or any(_tells(text, actions[name], turn.results.get(name, ())[-1:]) for name in done):
        return None
    results = "; ".join(f"{name} was done and returned {_short(turn.results.get(name, [None])[-1])}" for name in done)
    told = f"{results}. Your draft says {denies[0]!r} and was not sent. Tell the customer what was done. Do not call anything again."
    return Fault(told, denies[0], grave=True)


def _tells(text: str, action: Action, results: Sequence[Json]) -> bool:
    """Whether a text names the deed of an action as done, or the state that it returned; assumed where the deed has no known name."""
    if any(contains(text, value) for value in _values(results) if not any(map(str.isdigit, value))):
        return True
    if not (deeds := deeds_of_action(action)):
        return True
    affirmed = " ".join(clause.text for clause in clauses(plain(text)) if not reply_words("denies").search(clause.text))
    return bool(deeds & deeds_in_text(affirmed))


def _unread(turn: TurnContext, text: str, actions: Mapping[str, Action]) -> Fault | None:
    """A draft that knows nothing or won't help, although a look-up of this turn, or one whose very field is asked for, has the answer."""
    if not (says_dont_know(text) or reply_words("helpless").search(text)):
        return None
    asked = squash(" ".join(turn.typed))
    for name, results in turn.results.items():
        action = actions.get(name)
        if action is None or not action.reads or not results or not isinstance(results[-1], (dict, list)):
            continue
        fields = dict(_fields(results[-1]))
        wanted = (
            fields
            if name in turn.receipts
            else {key: value for key, value in fields.items() if len(key) > 2 and squash(key) in asked}
        )
        if wanted and not any(contains(text, value) for value in wanted.values()):
            told = (
                f"{name} returned {_short(results[-1])}. Your draft does not tell it and was not sent. If that answers the customer, "
                "write the reply from it; if it does not, say what you can tell of it and what not."
            )
            return Fault(told, text[:80], grave=False)
    return None


def _repeated(turn: TurnContext, text: str) -> Fault | None:
    """What was sent before, to another message: a refusal, an "I don't know" or a question; anything to one of another subject."""
    draft, said = squash(text), squash(" ".join(turn.typed))
    sent = any(line.author != "contact" and squash(line.text) == draft for line in turn.history[-8:])
    if not sent or len(draft) < _SAME or not said or all(small_talk(each) is not None for each in turn.typed):
        return None
    evades = says_dont_know(text) or reply_words("denies").search(text) or "?" in text
    subject, asked = forms_of(content(" ".join(turn.typed))), ""
    for line in turn.history[-8:]:
        if line.author == "contact":
            asked = line.own_words
        elif squash(line.text) == draft and (evades or subject) and squash(asked) != said:
            if not evades and not subject.isdisjoint(forms_of(content(asked))):
                continue
            told = (
                f"You wrote exactly this before, to another message, so it was not sent. The customer now writes {turn.typed[-1][:300]!r}. "
                "Answer that, from what the conversation, the passages and the results say."
            )
            return Fault(told, text[:80], grave=False)
    return None


def _at_no_time(turn: TurnContext, text: str) -> Fault | None:
    """A draft that neither asks nor denies anything, to a message that names a time that there is not."""
    if "?" in text or reply_words("refuses").search(text) or reply_words("faulty").search(text):
        return None
    today = turn.claim.started_at.date()
    named = next((said for said in turn.typed if names_no_time(said, today)), None)
    if named is None:
        return None
    told = (
        f"The customer writes {named[:300]!r}: there is no such hour or day, and your draft does not say so. It was not sent. Tell them, "
        "and ask which one they mean."
    )
    return Fault(told, text[:80], grave=False)


def _echoed(turn: TurnContext, text: str) -> Fault | None:
    """A draft that says the customer's question again as if it were so: `Sabtu jam 4 sore bisa.`"""
    if turn.receipts or "?" in text:
        return None
    words, said = vocabulary(), set(tokenized(fold(" ".join(turn.typed))))
    own = set(tokenized(fold(text))) - words.agreeing - words.addressed - words_of("replies", "possible")
    if not own or not own <= said or not names_a_time(text) or small_talk(text):
        return None
    told = (
        "Your draft only says again what the customer asks, as if it were so, and was not sent. Whether that time is possible must stand "
        "in a result or a passage: look it up, or tell what the passages say of it, or say that you don't know."
    )
    return Fault(told, text[:80], grave=True, unfounded=True)


def _misdated(turn: TurnContext, text: str) -> Fault | None:
    """A draft that names a day by a weekday that it is not: `Senin, 3 Desember 2026` is a Thursday. Without a year, any near one counts."""
    this_year = turn.claim.started_at.year
    for match in _dated().finditer(text):
        month = months().get((match["month"] or match["named"]).lower())
        years = [int(match["year"])] if match["year"] else [this_year - 1, this_year, this_year + 1]
        days = [day for year in years if month and (day := _day(year, month, int(match["day"] or match["nth"])))]
        if days and all(day.weekday() != weekdays()[match["weekday"].lower()] for day in days):
            if match[0] in turn.retrieved.passages or match[0] in turn.text:
                continue
            told = (
                f"Your draft says {match[0]!r}, which is no {match['weekday']}, and was not sent. Write the reply again with the date as "
                "the result, the passage or the customer names it, without a weekday that stands nowhere."
            )
            return Fault(told, match[0], grave=False)
    return None


@cache
def _dated() -> re.Pattern[str]:
    days, named = ("|".join(map(re.escape, words)) for words in (weekdays(), months()))
    return re.compile(
        rf"\b(?P<weekday>{days}),? (?:tanggal |tgl |the )?(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?P<month>{named})"
        rf"|(?P<named>{named}) (?P<nth>\d{{1,2}})(?:st|nd|rd|th)?)\b(?:,? (?P<year>20\d\d)\b)?",
        re.IGNORECASE,
    )


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _recited(turn: TurnContext, text: str) -> Fault | None:
    """A draft that says a sentence of ours to the customer, or sends them to a file that only the model is shown."""
    passages = () if turn.values is None or turn.values.cite else turn.values.passages
    files = {each.source for each in passages if "://" not in each.source}
    recites = squash(NO_PASSAGE) in squash(text) or reply_words("of_prompt").search(text) is not None
    if not recites and not any(file in text for file in files):
        return None
    told = (
        "Your draft says what only you are told, and was not sent. The customer knows of no passages. Write the reply in plain words; "
        "if you don't know the answer, say so and offer to ask a colleague."
    )
    return Fault(told, text[:80], grave=True, unfounded=True)


def recited(turn: TurnContext, text: str, repaired: Sequence[tuple[str, str]]) -> Fault | None:
    """Find what a draft has word for word from the rules, or from what the model was told of its drafts, and from nowhere else.

    Args:
        turn: with its system prompt and what it found out.
        text: the draft.
        repaired: the drafts of this turn that were not sent, each with what the model was told of it.
    """
    own = _runs(text)
    ours = own & _runs(turn.system).union(*(_runs(told) for _, told in repaired))
    if not ours:
        return None
    results = json.dumps(turn.results, ensure_ascii=False, default=str)
    drafts = (draft for draft, _ in repaired)
    others = [
        turn.retrieved.passages,
        turn.instructions,
        results,
        *turn.said,
        *drafts,
        *(each.text for each in turn.history),
    ]
    if ours <= _NO_RUNS.union(*map(_runs, others)):
        return None
    told = "Your draft says what only you are told, and was not sent. Write to the customer, in plain words."
    return Fault(told, text[:80], grave=True, unfounded=True)


@lru_cache(maxsize=256)
def _runs(text: str) -> frozenset[tuple[str, ...]]:
    said = words(text)
    return frozenset(tuple(said[at : at + _RUN]) for at in range(len(said) - _RUN + 1))


def _fields(value: Json, key: str = "") -> Iterable[tuple[str, str]]:
    match value:
        case dict():
            for name, each in value.items():
                yield from _fields(each, name)
        case list():
            for each in value:
                yield from _fields(each, key)
        case str() | int() | float() if not isinstance(value, bool) and squash(str(value)):
            yield key, str(value)


def _values(results: Sequence[Json]) -> Iterable[str]:
    for each in results:
        yield from (value for _, value in _fields(each))


def _short(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:1500]
